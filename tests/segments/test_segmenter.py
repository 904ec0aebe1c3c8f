from dataclasses import replace

import numpy as np
import pytest

from live_canary.segments.segment import Segment
from live_canary.segments.segmenter import Segmenter, SpeechStarted, TailHeard
from live_canary.segments.settings import SegmenterSettings
from tests.segments.scripted_sound import (
    MS,
    SECOND,
    LoudnessDetector,
    description,
    seconds,
    segments_in,
    segments_of,
    silence,
    sound,
    speech,
)

SETTINGS = SegmenterSettings(
    on_threshold=0.5,
    hysteresis=0.15,
    min_speech_ms=100,
    min_silence_ms=700,
    pre_roll_ms=1000,
    tail_ms=500,
    max_utterance_s=30,
)


@pytest.fixture
def segmenter() -> Segmenter:
    return Segmenter(LoudnessDetector(), SETTINGS)


def test_a_pause_ends_an_utterance_which_keeps_its_pre_roll_and_its_tail(segmenter):
    [segment] = segments_of(segmenter.feed(sound(silence(2000), speech(1000), silence(700))))
    assert seconds(segment) == (1.0, 2.0, 3.0, 3.5)
    assert segment.ended_by == "pause"


def test_the_samples_of_a_segment_are_those_of_the_source(segmenter):
    heard = sound(silence(500), speech(300), speech(300, 0.6), silence(900))
    [segment] = segments_of(segmenter.feed(heard))
    np.testing.assert_array_equal(segment.samples, heard[segment.start_sample : segment.end_sample])


def test_an_utterance_is_over_only_when_the_hangover_has_been_heard(segmenter):
    assert not segments_of(segmenter.feed(sound(speech(1000), silence(690))))
    assert segments_of(segmenter.feed(silence(10)))


def test_speech_at_the_very_beginning_has_only_the_pre_roll_there_is(segmenter):
    [segment] = segments_of(segmenter.feed(sound(silence(200), speech(300), silence(700))))
    assert seconds(segment) == (0.0, 0.2, 0.5, 1.0)


def test_a_pause_shorter_than_the_hangover_does_not_end_an_utterance(segmenter):
    [segment] = segments_in(sound(speech(500), silence(690), speech(500), silence(700)), segmenter)
    assert seconds(segment) == (0.0, 0.0, 1.69, 2.19)


def test_pre_roll_never_reaches_into_the_previous_segment(segmenter):
    first, second = segments_in(sound(speech(500), silence(800), speech(500), silence(700)), segmenter)
    assert seconds(first) == (0.0, 0.0, 0.5, 1.0)
    assert seconds(second) == (1.0, 1.3, 1.8, 2.3)


def test_a_click_is_no_utterance(segmenter):
    assert not segments_in(sound(silence(1000), speech(90), silence(2000)), segmenter)


def test_repeated_clicks_are_no_utterance(segmenter):
    typing = sound(*[sound(speech(20), silence(180))] * 50)
    assert not segments_in(typing, segmenter)


def test_a_word_of_100_ms_is_an_utterance(segmenter):
    assert len(segments_in(sound(silence(1000), speech(100), silence(2000)), segmenter)) == 1


def test_a_word_with_a_stop_in_it_is_found_from_its_first_sound(segmenter):
    [segment] = segments_in(sound(silence(1000), speech(30), silence(80), speech(80), silence(700)), segmenter)
    assert segment.speech_start_seconds == 1.0


def test_a_click_before_a_word_neither_counts_nor_hides_it(segmenter):
    [segment] = segments_in(sound(silence(1000), speech(50), silence(200), speech(300), silence(700)), segmenter)
    assert seconds(segment) == (0.25, 1.25, 1.55, 2.05)


def test_speech_goes_on_while_the_probability_stays_above_the_lower_threshold(segmenter):
    trailing_off = sound(speech(300, 0.6), speech(300, 0.4), speech(300, 0.3), silence(700))
    [segment] = segments_in(trailing_off, segmenter)
    assert segment.speech_end_seconds == 0.6


def test_a_faint_last_word_after_a_hole_still_belongs_to_the_utterance(segmenter):
    # As of "... for 5 minutes", spoken ever more softly: the detector is at 0.05 before the last word and at 0.4 in it.
    fading = sound(speech(600, 0.9), speech(300, 0.05), speech(300, 0.4), silence(700))
    [segment] = segments_in(fading, segmenter)
    assert segment.speech_end_seconds == 1.2


def test_probability_between_the_thresholds_starts_nothing_unless_it_lasts(segmenter):
    assert not segments_in(sound(speech(240, 0.4), silence(1000)), segmenter)


def test_faint_speech_that_lasts_is_an_utterance_from_its_first_sound(segmenter):
    # As of an "eight" at 5 dB: the detector stays between 0.2 and 0.3.
    [segment] = segments_in(sound(silence(1000), speech(250, 0.21), silence(700)), segmenter)
    assert seconds(segment) == (0.0, 1.0, 1.25, 1.75)


def test_faint_speech_after_a_long_silence_has_its_whole_pre_roll(segmenter):
    for _ in range(300):  # in blocks, so that what is no longer needed is forgotten
        segmenter.feed(silence(10))
    [segment] = segments_in(sound(speech(250, 0.21), silence(700)), segmenter)
    assert seconds(segment) == (2.0, 3.0, 3.25, 3.75)


def test_faint_speech_around_a_click_begins_with_whichever_comes_first(segmenter):
    fading_in = sound(silence(1000), speech(100, 0.3), speech(30, 0.6), speech(120, 0.3), silence(700))
    [segment] = segments_in(fading_in, segmenter)
    assert segment.speech_start_seconds == 1.0


def test_sound_fainter_than_faint_starts_nothing(segmenter):
    assert not segments_in(sound(speech(2000, 0.19), silence(1000)), segmenter)


def test_speech_started_is_told_once_the_minimum_has_been_heard(segmenter):
    assert segmenter.feed(sound(silence(300), speech(90))) == []
    assert segmenter.feed(speech(10)) == [SpeechStarted(300 * MS)]
    assert segmenter.feed(speech(1000)) == []


def test_the_tail_is_told_when_it_has_been_heard_and_is_the_segment_that_follows(segmenter):
    assert segmenter.feed(sound(speech(1000), silence(490))) == [SpeechStarted(0)]
    [tail_heard] = segmenter.feed(silence(10))
    [segment] = segmenter.feed(silence(200))
    assert isinstance(tail_heard, TailHeard)
    assert description(tail_heard.segment) == description(segment)


def test_when_speech_resumes_after_the_tail_the_tail_is_told_again_with_a_longer_segment(segmenter):
    outputs = segmenter.feed(sound(speech(1000), silence(600), speech(400), silence(700)))
    _, first, second, segment = outputs
    assert seconds(first.segment) == (0.0, 0.0, 1.0, 1.5)
    assert seconds(second.segment) == (0.0, 0.0, 2.0, 2.5)
    assert description(second.segment) == description(segment)


def test_trailing_speech_is_flushed_when_the_source_ends(segmenter):
    segmenter.feed(sound(silence(1000), speech(500)))
    [segment] = segmenter.flush()
    assert seconds(segment) == (0.0, 1.0, 1.5, 1.5)
    assert segment.ended_by == "end"


def test_the_tail_at_the_end_of_the_source_is_as_long_as_what_was_heard(segmenter):
    segmenter.feed(sound(speech(500), silence(200)))
    [segment] = segmenter.flush()
    assert seconds(segment) == (0.0, 0.0, 0.5, 0.7)


def test_an_end_after_the_tail_gives_the_segment_that_was_told(segmenter):
    *_, tail_heard = segmenter.feed(sound(speech(500), silence(600)))
    [segment] = segmenter.flush()
    np.testing.assert_array_equal(segment.samples, tail_heard.segment.samples)


def test_the_last_incomplete_frame_is_heard_too(segmenter):
    segmenter.feed(speech(1005))
    [segment] = segmenter.flush()
    assert segment.speech_end_sample == 1005 * MS


def test_a_flush_without_speech_gives_nothing(segmenter):
    assert segmenter.flush() == []
    segmenter.feed(silence(995))
    assert segmenter.flush() == []
    assert segmenter.flush() == []


def test_a_gap_ends_the_open_utterance_and_moves_time_on(segmenter):
    segmenter.feed(sound(silence(1000), speech(500)))
    [before] = segmenter.gap(10 * SECOND)
    assert seconds(before) == (0.0, 1.0, 1.5, 1.5)
    assert before.ended_by == "gap"
    [after] = segments_of(segmenter.feed(sound(silence(200), speech(300), silence(700))))
    assert seconds(after) == (11.5, 11.7, 12.0, 12.5)


def test_a_gap_in_silence_moves_time_on(segmenter):
    segmenter.feed(silence(3000))
    assert segmenter.gap(5 * SECOND) == []
    [segment] = segments_of(segmenter.feed(sound(silence(100), speech(300), silence(700))))
    assert segment.start_sample == 8 * SECOND


def test_a_gap_makes_the_detector_forget():
    detector = LoudnessDetector()
    segmenter = Segmenter(detector, SETTINGS)
    segmenter.feed(speech(100))
    segmenter.gap(100)
    assert detector.resets == 1


def test_while_nobody_speaks_no_segment_is_open(segmenter):
    assert segmenter.open_segment() is None
    segmenter.feed(sound(silence(500), speech(90)))
    assert segmenter.open_segment() is None


def test_the_open_segment_holds_the_utterance_so_far(segmenter):
    segmenter.feed(sound(silence(1500), speech(400)))
    open_segment = segmenter.open_segment()
    assert open_segment is not None
    assert seconds(open_segment) == (0.5, 1.5, 1.9, 1.9)


def test_the_open_segment_ends_where_the_tail_ends(segmenter):
    segmenter.feed(sound(speech(400), silence(640)))
    open_segment = segmenter.open_segment()
    assert open_segment is not None
    assert seconds(open_segment) == (0.0, 0.0, 0.4, 0.9)


def test_samples_given_out_do_not_change_afterwards(segmenter):
    segmenter.feed(speech(400))
    open_segment = segmenter.open_segment()
    assert open_segment is not None
    for _ in range(100):
        segmenter.feed(sound(speech(900, 0.7), silence(1000)))
    np.testing.assert_array_equal(open_segment.samples, speech(400))


def test_a_sample_that_is_no_number_counts_as_silence(segmenter):
    heard = sound(speech(500), silence(2000), speech(500), silence(700))
    heard[1000 * MS] = np.nan
    assert [seconds(segment)[1] for segment in segments_in(heard, segmenter)] == [0.0, 2.5]


def test_long_speech_is_cut_in_its_pause_and_goes_on_in_the_next_segment(segmenter):
    first, second = segments_in(sound(speech(24_000), silence(200), speech(10_000), silence(700)), segmenter)
    assert first.ended_by == "length"
    assert 24.0 < first.end_sample / SECOND < 24.2
    assert first.speech_end_seconds == 24.0
    assert second.start_sample == first.end_sample
    assert second.speech_start_seconds == 24.2


def test_long_speech_without_a_pause_is_cut_where_it_is_quietest(segmenter):
    first, second = segments_in(sound(speech(26_000), speech(200, 0.6), speech(10_000)), segmenter)
    assert 26.0 < first.end_sample / SECOND < 26.2
    assert first.speech_end_sample == first.end_sample == second.start_sample == second.speech_start_sample


def test_a_cut_starts_the_next_utterance_at_once(segmenter):
    outputs = segmenter.feed(sound(speech(25_000), silence(300), speech(4700)))
    started, segment, next_started = outputs
    assert isinstance(started, SpeechStarted) and isinstance(segment, Segment)
    assert next_started == SpeechStarted(25_300 * MS)
    assert segmenter.open_segment() is not None


def test_a_pause_that_may_be_the_end_is_waited_for_before_cutting(segmenter):
    [segment] = segments_in(sound(speech(29_900), silence(700)), segmenter)
    assert segment.ended_by == "pause"
    assert segment.seconds == 30.4


def test_a_pause_that_was_not_the_end_is_where_the_cut_comes(segmenter):
    first, second = segments_in(sound(speech(29_900), silence(600), speech(1000), silence(700)), segmenter)
    assert first.ended_by == "length"
    assert 29.9 < first.end_sample / SECOND < 30.5
    assert second.speech_start_seconds == 30.5


def test_three_minutes_without_a_pause_are_cut_between_words_and_hold_each_word_once(segmenter):
    words = [sound(speech(200 + 37 * n % 500), speech(60, 0.4)) for n in range(350)]  # 0.4 is still speech
    ends = np.cumsum([len(word) for word in words])
    segments = segments_in(sound(*words), segmenter)
    for start, end in zip([0, *ends[:-1]], ends - 60 * MS, strict=True):
        assert sum(segment.start_sample <= start and end <= segment.end_sample for segment in segments) == 1
    assert ends[-1] > 150 * SECOND
    assert [segment.ended_by for segment in segments] == ["length"] * (len(segments) - 1) + ["end"]
    assert all(20 <= segment.seconds <= 30 for segment in segments[:-1])


def test_ten_minutes_of_silence_are_not_kept(segmenter):
    for _ in range(60):
        segmenter.feed(silence(10_000))
    assert segmenter.kept_seconds <= 1.0


def test_a_shorter_limit_cuts_sooner():
    segmenter = Segmenter(LoudnessDetector(), replace(SETTINGS, max_utterance_s=12))
    assert all(segment.seconds <= 12 for segment in segments_in(speech(60_000), segmenter))
