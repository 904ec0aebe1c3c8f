"""Where the sound system's thread leaves what it captured."""

import queue
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.clock import Clock


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one callback brought."""

    frames: NDArray[np.float32]
    """(n, channels) at the input's own rate; nobody else writes to it."""
    seconds: float
    arrived: float
    """When the last of them was heard, by the source's clock."""
    overflowed: bool = False
    """The sound system lost samples just before these; it cannot say how many."""
    dropped_seconds: float = 0.0
    """Sound just before this that found the inbox full."""


class Nothing(Enum):
    """Why there is no chunk."""

    ARRIVED = "nothing arrived in time"
    MORE = "the inbox was closed and is empty"


class Inbox:
    """A bounded queue of chunks. `put` never waits: it copies, enqueues and counts.

    `close()` may be called from any thread; what was put before is still taken.
    """

    def __init__(self, limit: int, clock: Clock):
        self.rate = 0
        """Hz, of what is being put."""
        self._limit = limit
        self._clock = clock
        self._queue: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()
        self._dropped_frames = 0

    def put(self, frames: NDArray[np.float32], overflowed: bool = False) -> None:
        if self._queue.qsize() >= self._limit:
            self._dropped_frames += len(frames)
            return
        dropped, self._dropped_frames = self._dropped_frames / self.rate, 0
        self._queue.put(Chunk(frames.copy(), len(frames) / self.rate, self._clock.now(), overflowed, dropped))

    def take(self, seconds: float) -> Chunk | Nothing:
        """The next chunk, as soon as there is one within so many seconds."""
        try:
            return self._clock.next_of(self._queue, seconds) or self._closed()
        except queue.Empty:
            return Nothing.ARRIVED

    def close(self) -> None:
        self._queue.put(None)

    def _closed(self) -> Nothing:
        self._queue.put(None)  # for whoever asks again
        return Nothing.MORE
