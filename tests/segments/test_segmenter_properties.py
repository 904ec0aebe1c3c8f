"""What holds for every sound, however it arrives."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from live_canary.segments.segmenter import Segmenter, SegmenterOutput, SpeechStarted, TailHeard
from live_canary.segments.settings import SegmenterSettings
from tests.segments.scripted_sound import FRAME, MS, LoudnessDetector, description, segments_of, sound

# Limits near their lower ends, so that a few seconds of sound run into them.
SETTINGS = SegmenterSettings(
    min_speech_ms=60, min_silence_ms=550, pre_roll_ms=1000, tail_ms=500, max_utterance_s=10, on_threshold=0.5
)

# Runs of one probability. Multiples of a frame, so that each frame is speech or not as a whole.
runs = st.lists(
    st.tuples(st.sampled_from([0.0, 0.1, 0.4, 0.6, 0.9]), st.integers(1, 150)),
    max_size=30,
)
remainders = st.integers(0, FRAME - 1)


def sound_of(frame_runs: list[tuple[float, int]], remainder: int) -> NDArray[np.float32]:
    """Each run is (probability, frames); numbered in their lowest bits so that no two samples are alike."""
    parts = [np.full(frames * FRAME, probability, np.float32) for probability, frames in frame_runs]
    heard = sound(*parts, np.full(remainder, 0.9, np.float32))
    return heard + np.linspace(0, 0.01, len(heard), dtype=np.float32)


def outputs_of(heard: NDArray[np.float32], block_sizes: list[int]) -> list[SegmenterOutput]:
    segmenter = Segmenter(LoudnessDetector(), SETTINGS)
    outputs: list[SegmenterOutput] = []
    for size in block_sizes:
        outputs += segmenter.feed(heard[:size])
        heard = heard[size:]
    return outputs + segmenter.feed(heard) + segmenter.flush()


def certain_speech(heard: NDArray[np.float32]) -> list[bool]:
    """The frames that are speech whatever came before them."""
    return [bool(heard[start : start + FRAME].max() >= SETTINGS.on_threshold) for start in range(0, len(heard), FRAME)]


def runs_of_speech(judged: list[bool]) -> list[tuple[int, int]]:
    """(first frame, frame after the last) of each run of speech."""
    edges = np.flatnonzero(np.diff([False, *judged, False]))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


@given(runs, remainders, st.lists(st.integers(0, 40_000), max_size=40))
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_block_sizes_never_matter(frame_runs, remainder, block_sizes):
    heard = sound_of(frame_runs, remainder)
    in_blocks = [description(output) for output in outputs_of(heard, block_sizes)]
    assert in_blocks == [description(output) for output in outputs_of(heard, [])]


@given(runs, remainders)
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_every_run_of_speech_is_in_exactly_one_segment_or_in_two_that_meet(frame_runs, remainder):
    heard = sound_of(frame_runs, remainder)
    times_covered = np.zeros(len(heard), int)
    for segment in segments_of(outputs_of(heard, [])):
        times_covered[segment.start_sample : segment.end_sample] += 1
    assert times_covered.max(initial=0) <= 1
    for start, end in runs_of_speech(certain_speech(heard)):
        if (end - start) * FRAME >= SETTINGS.min_speech_samples + FRAME:  # the last frame may be an incomplete one
            assert (times_covered[start * FRAME : end * FRAME] == 1).all()


@given(runs, remainders)
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_segments_hold_the_samples_they_say_in_order_and_within_their_bounds(frame_runs, remainder):
    heard = sound_of(frame_runs, remainder)
    segments = segments_of(outputs_of(heard, []))
    for segment in segments:
        assert 0 <= segment.start_sample <= segment.speech_start_sample < segment.speech_end_sample
        assert segment.speech_end_sample <= segment.end_sample <= len(heard)
        assert segment.seconds <= SETTINGS.max_utterance_s + SETTINGS.min_silence_ms / 1000
        np.testing.assert_array_equal(segment.samples, heard[segment.start_sample : segment.end_sample])
    for one, next_one in pairwise(segments):
        assert one.end_sample <= next_one.start_sample
        assert (one.ended_by != "length") or one.end_sample == next_one.start_sample


@given(runs, remainders)
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_each_kind_of_end_has_its_tail(frame_runs, remainder):
    heard = sound_of(frame_runs, remainder)
    *earlier, last = segments_of(outputs_of(heard, [])) or [None]
    assert all(segment.ended_by in ("pause", "length") for segment in earlier)
    for segment in [*earlier, last] if last else []:
        tail_ms = (segment.end_sample - segment.speech_end_sample) / MS
        match segment.ended_by:
            case "pause":
                assert tail_ms == SETTINGS.tail_ms
            case "end":
                assert segment.end_sample == min(len(heard), segment.speech_end_sample + SETTINGS.tail_samples)


@given(runs, remainders)
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_every_segment_is_announced_and_every_pause_was_told_in_advance(frame_runs, remainder):
    announced, told = None, None
    for output in outputs_of(sound_of(frame_runs, remainder), []):
        if isinstance(output, SpeechStarted):
            assert announced is None
            announced = output.sample
        elif isinstance(output, TailHeard):
            told = description(output.segment)
        else:
            assert announced == output.speech_start_sample
            assert output.ended_by != "pause" or told == description(output)
            announced = None
    assert announced is None


@given(runs, remainders, st.integers(0, 30 * FRAME), st.integers(1, 10_000))
@settings(deadline=None, max_examples=60, derandomize=True, database=None)
def test_a_gap_is_an_end_and_a_new_beginning_later(frame_runs, remainder, heard_before, lost):
    heard = sound_of(frame_runs, remainder)
    before, after = heard[:heard_before], heard[heard_before:]
    segmenter = Segmenter(LoudnessDetector(), SETTINGS)
    across_gap = segments_of(segmenter.feed(before) + segmenter.gap(lost) + segmenter.feed(after) + segmenter.flush())
    expected = segments_of(outputs_of(before, [])) + segments_of(outputs_of(after, []))
    assert [s.samples.tobytes() for s in across_gap] == [s.samples.tobytes() for s in expected]
    starts = [s.start_sample for s in across_gap]
    assert all(start < len(before) or start >= len(before) + lost for start in starts)
