"""Where to cut speech that goes on too long: in the quietest moment, and in a pause if there is one."""

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE

WINDOW_SAMPLES = SAMPLE_RATE * 150 // 1000  # about the shortest pause between words, longer than most stop consonants
HOP_SAMPLES = SAMPLE_RATE * 10 // 1000


def quietest_sample(samples: NDArray[np.float32], speech: NDArray[np.bool_]) -> int:
    """Index of the middle of the quietest 150 ms; those in which nothing is speech come before all others.

    samples: (n,) float32, at least 150 ms; speech: (n,) bool, what the detector said of each sample. Of digital silence
    the middle, away from the soft edges of words.
    """
    energy = _sums_over_windows(samples.astype(np.float64) ** 2)
    all_silent = _sums_over_windows(speech.astype(np.float64)) == 0
    if all_silent.any():
        energy[~all_silent] = np.inf
    quietest = np.flatnonzero(energy == energy.min())
    return int(quietest[len(quietest) // 2]) * HOP_SAMPLES + WINDOW_SAMPLES // 2


def _sums_over_windows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) -> sum over each window that fits, one every hop."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    starts = np.arange(0, len(values) - WINDOW_SAMPLES + 1, HOP_SAMPLES)
    sums: NDArray[np.float64] = total[starts + WINDOW_SAMPLES] - total[starts]
    return sums
