import numpy as np
import pytest

from live_canary.audio.resample import Resampler, to_mono

RATES = (8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000, 192_000)


def tone(hz: float, rate: int, seconds: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(round(seconds * rate)) / rate).astype(np.float32)


def resampled(samples: np.ndarray, rate: int, piece: int) -> np.ndarray:
    resampler = Resampler(rate)
    pieces = [resampler.feed(samples[start : start + piece]) for start in range(0, len(samples), piece)]
    return np.concatenate([*pieces, resampler.flush()])


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("count", [0, 1, 5, 100, 44_101, 65_761])
def test_the_length_is_exact_at_every_rate(rate, count):
    assert len(resampled(np.ones(count, np.float32), rate, piece=997)) == round(count * 16_000 / rate)


@pytest.mark.parametrize("rate", RATES)
def test_the_pieces_do_not_change_a_bit_of_the_sound(rate):
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, rate).astype(np.float32)
    whole = resampled(noise, rate, piece=rate)
    for piece in (7, 160, 441, 4096):
        np.testing.assert_array_equal(resampled(noise, rate, piece), whole)


@pytest.mark.parametrize("rate", RATES)
def test_sound_stays_at_its_time(rate):
    """A click at 0.5 s is a click at sample 8000."""
    click = np.zeros(rate, np.float32)
    click[rate // 2] = 1.0
    assert abs(int(np.argmax(np.abs(resampled(click, rate, piece=480)))) - 8_000) <= 2


@pytest.mark.parametrize("rate", [44_100, 48_000])
def test_speech_frequencies_pass_and_what_would_fold_is_gone(rate):
    def gain(hz: float) -> float:
        return float(resampled(tone(hz, rate, 1.0), rate, piece=480)[1000:-1000].std() * np.sqrt(2))

    assert all(0.99 < gain(hz) < 1.01 for hz in (100, 1_000, 4_000, 7_500))
    assert all(gain(hz) < 1e-4 for hz in (8_500, 12_000, 20_000))


@pytest.mark.parametrize("rate", [44_100, 48_000, 96_000])
def test_it_never_holds_back_more_than_15_ms(rate):
    resampler = Resampler(rate)
    samples = np.zeros(rate // 100, np.float32)  # 10 ms
    given = taken = 0
    for _ in range(200):
        given, taken = given + 160, taken + len(resampler.feed(samples))
        assert given - taken <= 0.015 * 16_000


def test_channels_are_averaged():
    np.testing.assert_allclose(to_mono(np.array([[1.0, 0.0], [0.5, -0.5]], np.float32)), [0.5, 0.0])


@pytest.mark.parametrize("other", [-1.0, -0.9])
def test_channels_that_cancel_each_other_are_heard(other):
    """A microphone that is wired the wrong way round made silence of a talk."""
    sound = tone(440, 16_000, 0.1)
    np.testing.assert_array_equal(to_mono(np.stack([sound, other * sound], axis=1)), sound)
    for audible in (-0.5, 0.0, 1.0):
        np.testing.assert_allclose(
            to_mono(np.stack([sound, audible * sound], axis=1)), sound * (1 + audible) / 2, atol=1e-6
        )


def test_broken_samples_become_silence_or_the_limit():
    np.testing.assert_array_equal(to_mono(np.array([[np.nan], [np.inf], [-np.inf]], np.float32)), [0.0, 1.0, -1.0])
