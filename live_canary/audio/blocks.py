"""Samples in pieces of any size become blocks of 20 ms with their positions."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE, AudioBlock, AudioGap

BLOCK_SAMPLES = SAMPLE_RATE // 50  # 20 ms


class BlockCutter:
    """Counts one source's samples and cuts them into blocks of `BLOCK_SAMPLES`; only `flush()` gives a shorter one."""

    def __init__(self) -> None:
        self.position = 0
        """First sample that has not been handed on."""
        self._pending = np.zeros(0, np.float32)

    def feed(self, samples: NDArray[np.float32]) -> Iterator[AudioBlock]:
        """Every block that these samples complete. samples: (n,) float32, 16 kHz; clipped to [-1, 1]."""
        self._pending = np.concatenate([self._pending, np.clip(samples, -1.0, 1.0)])
        while len(self._pending) >= BLOCK_SAMPLES:
            yield self._take(BLOCK_SAMPLES)

    def flush(self) -> Iterator[AudioBlock]:
        """What is left, as one short block or none."""
        if len(self._pending):
            yield self._take(len(self._pending))

    def gap(self, samples: int, reason: str) -> Iterator[AudioBlock | AudioGap]:
        """What is left, then a gap of `samples` samples (none if that is not positive)."""
        yield from self.flush()
        if samples > 0:
            start, self.position = self.position, self.position + samples
            yield AudioGap(start, self.position, reason)

    def _take(self, count: int) -> AudioBlock:
        block = AudioBlock(self._pending[:count].copy(), self.position)
        self._pending = self._pending[count:]
        self.position += count
        return block


class Span:
    """A stretch of a source, put together of whatever pieces of it come along."""

    def __init__(self, start_sample: int, end_sample: int):
        self._start = start_sample
        self._samples = np.zeros(end_sample - start_sample, np.float32)
        self._length = 0

    @property
    def samples(self) -> NDArray[np.float32]:
        """(n,) up to the last sample that came; silent where none did."""
        return self._samples[: self._length]

    def take(self, samples: NDArray[np.float32], position: int) -> None:
        """Keep what of these samples (n,), the first of them at `position`, lies in the stretch."""
        first, last = max(position, self._start), min(position + len(samples), self._start + len(self._samples))
        if first < last:
            self._samples[first - self._start : last - self._start] = samples[first - position : last - position]
            self._length = max(self._length, last - self._start)
