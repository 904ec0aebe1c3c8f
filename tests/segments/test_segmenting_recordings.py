"""The bundled recordings through the real detectors, as a session hears them."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live_canary.segments.segment import Segment
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.settings import SegmenterSettings
from live_canary.segments.vad import load_detector
from tests.segments.scripted_sound import description, segments_in

ASSETS = Path(__file__).parents[2] / "assets"


def segments_of_recording(name: str, detector: str = "silero", mode: str = "dictation") -> list[Segment]:
    samples, _ = soundfile.read(ASSETS / name, dtype="float32")
    return segments_in(samples, Segmenter(load_detector(detector), SegmenterSettings.preset(mode)))


def test_each_sentence_of_the_dictation_is_an_utterance():
    sentences = (ASSETS / "dictation.txt").read_text("utf-8").split("\n")
    assert len(segments_of_recording("dictation.wav")) == len([sentence for sentence in sentences if sentence])


@pytest.mark.parametrize("name", ["long.wav", "meeting.wav", "noisy.wav"])
@pytest.mark.parametrize("detector", ["silero", "webrtc"])
def test_utterances_are_found_in_order_and_none_is_too_long(name, detector):
    segments = segments_of_recording(name, detector)
    assert segments
    assert all(segment.seconds <= 38 for segment in segments)
    assert all(one.end_sample <= other.start_sample for one, other in pairwise(segments))


def test_a_recording_in_small_blocks_gives_the_segments_of_the_whole():
    samples, _ = soundfile.read(ASSETS / "noisy.wav", dtype="float32")
    segmenter = Segmenter(load_detector("silero"))
    outputs = [
        output for start in range(0, len(samples), 333) for output in segmenter.feed(samples[start : start + 333])
    ]
    in_blocks = [description(output) for output in outputs + segmenter.flush()]
    whole = Segmenter(load_detector("silero"))
    assert in_blocks == [description(output) for output in whole.feed(samples) + whole.flush()]


@pytest.mark.parametrize("broken", [np.nan, np.inf, -np.inf])
def test_one_broken_sample_does_not_deafen_the_detector(broken):
    samples, _ = soundfile.read(ASSETS / "noisy.wav", dtype="float32")
    samples[100] = broken
    assert len(segments_in(samples, Segmenter(load_detector("silero")))) == len(segments_of_recording("noisy.wav"))


def test_silence_and_noise_are_no_utterance():
    assert segments_of_recording("silence-and-noise.wav") == []
