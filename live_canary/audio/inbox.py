"""Where the sound system's thread leaves what it captured."""

import queue
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from live_canary.audio.clock import Clock

FLOAT32_BYTES = 4


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one callback brought."""

    sound: bytes
    """float32 samples at the input's own rate, `channels` of them a frame."""
    channels: int
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
    """A bounded queue of chunks, which inlets fill.

    `close()` may be called from any thread; what was put before is still taken.
    """

    def __init__(self, limit: int, clock: Clock):
        self.clock = clock
        self._limit = limit
        self._queue: queue.SimpleQueue[Chunk | None] = queue.SimpleQueue()

    @property
    def full(self) -> bool:
        return self._queue.qsize() >= self._limit

    def put(self, chunk: Chunk) -> None:
        self._queue.put(chunk)

    def take(self, seconds: float) -> Chunk | Nothing:
        """The next chunk, as soon as there is one within so many seconds."""
        try:
            return self.clock.next_of(self._queue, seconds) or self._closed()
        except queue.Empty:
            return Nothing.ARRIVED

    def close(self) -> None:
        self._queue.put(None)

    def drain(self) -> list[Chunk]:
        """All that is there now, as far as it was put before the inbox was closed; it stays closed."""
        chunks: list[Chunk] = []
        closed = False
        with suppress(queue.Empty):
            while True:
                chunk = self._queue.get_nowait()
                closed = closed or chunk is None
                if chunk and not closed:
                    chunks.append(chunk)
        if closed:
            self.close()
        return chunks

    def _closed(self) -> Nothing:
        self._queue.put(None)  # for whoever asks again
        return Nothing.MORE


class Inlet:
    """One open input's way into an inbox; it never waits: it enqueues and counts.

    rate: Hz, of what the input delivers. An input that does not close when it is told to may deliver long afterwards,
    when another one is heard; after `shut()` that goes nowhere.
    """

    def __init__(self, inbox: Inbox, rate: int):
        self._inbox, self._rate = inbox, rate
        self._dropped_frames = 0
        self._shut = False

    def __call__(self, sound: bytes, channels: int, overflowed: bool = False) -> None:
        """sound: float32 samples, `channels` of them a frame."""
        if self._shut:
            return
        frames = len(sound) // (FLOAT32_BYTES * channels)
        if self._inbox.full:
            self._dropped_frames += frames
            return
        dropped, self._dropped_frames = self._dropped_frames / self._rate, 0
        self._inbox.put(Chunk(sound, channels, frames / self._rate, self._inbox.clock.now(), overflowed, dropped))

    def shut(self) -> None:
        self._shut = True
