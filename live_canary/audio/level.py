"""How loud it is: root mean square and peak of each tenth of a second."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE

WINDOW_SAMPLES = SAMPLE_RATE // 10
FLOOR_DBFS = -120.0  # shown for digital silence


@dataclass(frozen=True, slots=True)
class Level:
    rms_dbfs: float
    peak_dbfs: float


class LevelMeter:
    """Blocks of any size -> a level whenever another tenth of a second is complete."""

    def __init__(self) -> None:
        self._squares = 0.0
        self._peak = 0.0
        self._count = 0

    def feed(self, samples: NDArray[np.float32]) -> Level | None:
        """samples: (n,) in [-1, 1] -> the level of the window that they complete, else None."""
        if len(samples):
            self._squares += float(np.square(samples, dtype=np.float64).sum())
            self._peak = max(self._peak, float(np.abs(samples).max()))
            self._count += len(samples)
        if self._count < WINDOW_SAMPLES:
            return None
        level = Level(dbfs((self._squares / self._count) ** 0.5), dbfs(self._peak))
        self._squares, self._peak, self._count = 0.0, 0.0, 0
        return level


def dbfs(amplitude: float) -> float:
    """Decibels below full scale of an amplitude in [0, 1]."""
    return max(FLOOR_DBFS, 20 * float(np.log10(max(amplitude, 1e-12))))
