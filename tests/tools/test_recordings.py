import pytest
import soundfile as sf

from tests.conftest import ROOT
from tools.demo_model.make_recordings import DICTATION, LONG, MEETING, NOISY, SAMPLE_RATE, silence_and_noise

ASSETS = ROOT / "assets"
LINES = {
    "dictation": [line.text for line in DICTATION],
    "meeting": [line.text for line in MEETING],
    "noisy": [line.text for line in NOISY],
    "long": [" ".join(LONG)],
    "silence-and-noise": [],
}


@pytest.mark.parametrize("name", LINES)
def test_each_recording_is_16_khz_mono_and_its_transcript_is_what_was_read(name):
    info = sf.info(ASSETS / f"{name}.wav")
    assert (info.samplerate, info.channels, info.subtype) == (SAMPLE_RATE, 1, "PCM_16")
    assert (ASSETS / f"{name}.txt").read_text().splitlines() == LINES[name]


def test_the_long_passage_is_longer_than_any_utterance_may_be():
    assert sf.info(ASSETS / "long.wav").duration > 40


def test_recordings_are_small():
    assert sum(path.stat().st_size for path in ASSETS.glob("*.wav")) < 6_000_000


def test_the_same_command_makes_the_same_noise_again():
    import numpy as np

    first, second = (silence_and_noise(np.random.default_rng(1)) for _ in range(2))
    assert np.array_equal(first, second)
