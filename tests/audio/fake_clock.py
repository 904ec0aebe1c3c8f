"""Time that passes only while somebody waits for it."""

import queue
from collections.abc import Callable

from live_canary.audio.clock import Clock

TICK_SECONDS = 0.01


class FakeClock(Clock):
    """A wait takes no time, but the clock then stands where it would have ended; `on_tick` was called on the way."""

    def __init__(self, start: float = 1000.0):
        super().__init__()
        self.time = start
        self.on_tick: list[Callable[[], None]] = []

    def now(self) -> float:
        return self.time

    def pass_by(self, seconds: float) -> None:
        for _ in range(round(seconds / TICK_SECONDS)):
            self.time += TICK_SECONDS
            for call in self.on_tick:
                call()

    def wait(self, seconds: float) -> bool:
        end = self.time + seconds
        while not self.stopped and end - self.time > TICK_SECONDS:
            self.pass_by(TICK_SECONDS)
        if not self.stopped:
            self.time = max(self.time, end)
        return self.stopped

    def next_of(self, items, seconds):
        end = self.time + seconds
        while items.empty() and self.time < end:
            self.pass_by(TICK_SECONDS)
        try:
            return items.get_nowait()
        except queue.Empty:
            raise queue.Empty from None
