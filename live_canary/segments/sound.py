"""The stretch of recent sound that may still become part of an utterance."""

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE


class RecentSound:
    """Contiguous samples by their position since the source began.

    One preallocated array: appending copies the new samples only, and what was forgotten makes room. It grows while
    more must be kept and never shrinks.
    """

    def __init__(self, start_sample: int = 0, capacity: int = 45 * SAMPLE_RATE) -> None:
        self._array = np.empty(capacity, np.float32)
        self._first = 0  # index of the oldest kept sample
        self._count = 0
        self.start_sample = start_sample

    @property
    def end_sample(self) -> int:
        return self.start_sample + self._count

    def append(self, samples: NDArray[np.float32]) -> None:
        """samples: (n,), those that follow the last one."""
        end = self._first + self._count + len(samples)
        if end > len(self._array):
            self._make_room(self._count + len(samples))
        first_free = self._first + self._count
        self._array[first_free : first_free + len(samples)] = samples
        self._count += len(samples)

    def _make_room(self, needed: int) -> None:
        kept = self._array[self._first : self._first + self._count].copy()
        if needed > len(self._array):
            self._array = np.empty(2 * needed, np.float32)
        self._array[: len(kept)] = kept
        self._first = 0

    def forget_before(self, sample: int) -> None:
        dropped = min(max(sample - self.start_sample, 0), self._count)
        self._first += dropped
        self._count -= dropped
        self.start_sample += dropped

    def restart_at(self, sample: int) -> None:
        """Forget everything; the next sample appended is the one at `sample`."""
        self._first = self._count = 0
        self.start_sample = sample

    def between(self, start_sample: int, end_sample: int) -> NDArray[np.float32]:
        """(end_sample - start_sample,): a copy of the samples between the two positions, which must all be kept."""
        assert self.start_sample <= start_sample <= end_sample <= self.end_sample
        offset = self._first - self.start_sample
        return self._array[start_sample + offset : end_sample + offset].copy()
