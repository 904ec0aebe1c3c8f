from dataclasses import FrozenInstanceError, replace

import pytest

from live_canary.errors import InputError
from live_canary.segments.settings import LONGEST_SEGMENT_S, PRESETS, SegmenterSettings


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pre_roll_ms": 300}, "The pre-roll of 300 ms cannot be used: it must lie between 1000 and 5000 ms"),
        ({"tail_ms": 100}, "a shorter one clips last words"),
        ({"tail_ms": 700, "min_silence_ms": 700}, "The minimum silence of 700 ms cannot be used: .* outlast the tail"),
        ({"max_utterance_s": 40}, "the model takes no more than 40 s"),
        ({"max_utterance_s": 5}, "it must lie between 10 and"),
        ({"on_threshold": 1.5}, "The VAD threshold of 1.5 cannot be used: it must lie between 0.05 and 0.95"),
        ({"on_threshold": float("nan")}, "The VAD threshold of nan cannot be used"),
        ({"min_speech_ms": -1}, "The minimum speech of -1 ms cannot be used"),
    ],
)
def test_a_value_that_would_lose_speech_or_overfill_the_model_is_refused(change, message):
    with pytest.raises(InputError, match=message):
        SegmenterSettings(**change)


def test_every_preset_stays_within_what_the_model_was_trained_for():
    for settings in PRESETS.values():
        assert settings.max_utterance_s + settings.min_silence_ms / 1000 < LONGEST_SEGMENT_S


def test_dictation_ends_utterances_sooner_than_a_meeting():
    assert SegmenterSettings.preset("dictation").min_silence_ms < SegmenterSettings.preset("meeting").min_silence_ms


def test_an_unknown_preset_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="no mode 'lecture'; choose dictation or meeting"):
        SegmenterSettings.preset("lecture")


def test_lowering_the_threshold_lowers_both():
    assert replace(SegmenterSettings(), on_threshold=0.3, hysteresis=0.1).off_threshold == pytest.approx(0.2)


def test_the_lowest_threshold_leaves_silence_silent():
    assert SegmenterSettings(on_threshold=0.05).off_threshold == 0.05


def test_settings_cannot_be_changed_under_a_running_segmenter():
    with pytest.raises(FrozenInstanceError):
        SegmenterSettings().tail_ms = 900


def test_the_longest_utterance_leaves_room_for_the_silence_that_ends_it():
    """Together they are no more than the model takes."""
    SegmenterSettings(min_silence_ms=2000, max_utterance_s=35.5)
    with pytest.raises(InputError, match=r"longest utterance of 35\.6 s"):
        SegmenterSettings(min_silence_ms=2000, max_utterance_s=35.6)
