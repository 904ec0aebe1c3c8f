import numpy as np
import pytest

from live_canary.segments.cutting import quietest_sample
from tests.segments.scripted_sound import MS, silence, sound, speech


def all_speech(samples):
    return np.ones(len(samples), bool)


def test_the_middle_of_the_quietest_60_ms_is_found():
    samples = sound(speech(1000), speech(60, 0.1), speech(1000))
    assert quietest_sample(samples, all_speech(samples)) == 1030 * MS


@pytest.mark.parametrize(("level_in_pause", "pause_wins"), [(0.3, True), (0.5, False)])
def test_what_the_detector_calls_a_pause_counts_as_10_db_quieter(level_in_pause, pause_wins):
    # The word at 0.15 is beaten by a pause at 0.3 (as 0.095), not by one at 0.5 (as 0.158).
    samples = sound(speech(1000), speech(200, level_in_pause), speech(1000), speech(200, 0.15), speech(1000))
    heard_as_speech = all_speech(samples)
    heard_as_speech[1000 * MS : 1200 * MS] = False
    assert (1000 * MS < quietest_sample(samples, heard_as_speech) < 1200 * MS) == pause_wins


def test_a_pause_too_short_for_the_window_still_attracts_the_cut():
    samples = sound(speech(1000), silence(40), speech(1000))
    assert 1000 * MS <= quietest_sample(samples, samples > 0) <= 1040 * MS


def test_in_digital_silence_the_cut_comes_in_the_middle():
    samples = sound(speech(1000), silence(400), speech(1000))
    assert abs(quietest_sample(samples, samples > 0) - 1200 * MS) <= 10 * MS
