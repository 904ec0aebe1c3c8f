"""Where to cut speech that goes on too long: in its quietest moment, rather in a pause than in a word."""

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE

# Of 50 to 200 ms the window that cut no word in 40 minutes of gapless speech (benchmarks/results/segmentation.md):
# a longer one misses short pauses, a shorter one takes the closure of a "t" for a pause.
WINDOW_SAMPLES = SAMPLE_RATE * 60 // 1000
HOP_SAMPLES = SAMPLE_RATE * 10 // 1000
PAUSE_BONUS = 10.0  # what the detector calls silence counts as 10 dB quieter: in noise, energy alone says little


def quietest_sample(samples: NDArray[np.float32], speech: NDArray[np.bool_]) -> int:
    """Index of the middle of the quietest 60 ms.

    samples: (n,) float32, at least 60 ms; speech: (n,) bool, what the detector said of each sample. Of digital silence
    the middle, away from the soft edges of words.
    """
    energy = _sums_over_windows(samples.astype(np.float64) ** 2)
    in_pause = _sums_over_windows(speech.astype(np.float64)) == 0
    energy[in_pause] /= PAUSE_BONUS
    quietest = np.flatnonzero(energy == energy.min())
    return int(quietest[len(quietest) // 2]) * HOP_SAMPLES + WINDOW_SAMPLES // 2


def _sums_over_windows(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) -> sum over each window that fits, one every hop."""
    total = np.concatenate([[0.0], np.cumsum(values)])
    starts = np.arange(0, len(values) - WINDOW_SAMPLES + 1, HOP_SAMPLES)
    sums: NDArray[np.float64] = total[starts + WINDOW_SAMPLES] - total[starts]
    return sums
