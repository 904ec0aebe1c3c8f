import numpy as np

from live_canary.segments.cutting import quietest_sample
from tests.segments.scripted_sound import MS, silence, sound, speech


def all_speech(samples):
    return np.ones(len(samples), bool)


def test_the_middle_of_the_quietest_150_ms_is_found():
    samples = sound(speech(1000), speech(150, 0.1), speech(1000))
    assert quietest_sample(samples, all_speech(samples)) == 1075 * MS


def test_a_pause_comes_before_quieter_speech():
    samples = sound(speech(1000), speech(200, 0.3), speech(1000), speech(200, 0.1), speech(1000))
    heard_as_speech = all_speech(samples)
    heard_as_speech[1000 * MS : 1200 * MS] = False
    assert 1075 * MS <= quietest_sample(samples, heard_as_speech) <= 1125 * MS


def test_a_pause_too_short_to_hold_the_window_is_judged_by_its_energy():
    samples = sound(speech(1000), silence(100), speech(1000))
    assert 1000 * MS < quietest_sample(samples, samples > 0) < 1100 * MS


def test_in_digital_silence_the_cut_comes_in_the_middle():
    samples = sound(speech(1000), silence(400), speech(1000))
    assert abs(quietest_sample(samples, samples > 0) - 1200 * MS) <= 10 * MS
