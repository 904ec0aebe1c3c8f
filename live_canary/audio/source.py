"""What every source of sound gives: blocks of 16 kHz mono samples, and gaps where sound was lost."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # Hz, of everything behind a source


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Consecutive samples of one source."""

    samples: NDArray[np.float32]
    """(n,) in [-1, 1], mono, 16 kHz."""
    start_sample: int
    """Position of the first sample, counted from when the source began; gaps count too."""

    @property
    def end_sample(self) -> int:
        return self.start_sample + len(self.samples)


@dataclass(frozen=True, slots=True)
class AudioGap:
    """A stretch of time in which the source delivered nothing."""

    start_sample: int
    end_sample: int
    reason: str
    """For the reader of the transcript: "microphone unplugged", "overflow"."""


class Source(Protocol):
    """One origin of sound.

    `blocks()` opens it and yields until the sound ends or another thread calls `stop()`; it then closes what it
    opened. Positions are contiguous: each block or gap starts where the one before it ended.
    """

    name: str
    """How the user knows it: "USB Microphone", "talk.wav"."""
    live: bool
    """True when the sound cannot wait (a microphone); a recording at full speed waits for its reader."""

    def blocks(self) -> Iterator[AudioBlock | AudioGap]: ...

    def stop(self) -> None: ...
