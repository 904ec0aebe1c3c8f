"""A clock that jumps to where somebody would have waited."""

from live_canary.audio.clock import Clock


class FakeClock(Clock):
    def __init__(self, start: float = 1000.0):
        super().__init__()
        self.time = start

    def now(self) -> float:
        return self.time

    def wait(self, seconds: float) -> bool:
        if not self.stopped:
            self.time += max(0.0, seconds)
        return self.stopped
