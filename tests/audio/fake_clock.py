"""Time that passes only while somebody waits for it."""

from collections.abc import Callable

from live_canary.audio.clock import Clock


class FakeClock(Clock):
    """A wait takes no time, but the clock then stands where it would have ended; `on_tick` was called on the way."""

    def __init__(self, start: float = 1000.0, tick_seconds: float = 0.01):
        super().__init__()
        self.tick_seconds = tick_seconds
        self.on_tick: list[Callable[[], None]] = []
        self._start = self._time = start
        self._agenda: list[tuple[float, Callable[[], None]]] = []

    def now(self) -> float:
        return self._time

    @property
    def passed(self) -> float:
        """Seconds since the test began."""
        return self._time - self._start

    def at(self, passed: float, call: Callable[[], None]) -> None:
        """Call it when so many seconds have passed since the test began."""
        self._agenda.append((self._start + passed, call))
        self._agenda.sort(key=lambda entry: entry[0])

    def jump(self, seconds: float) -> None:
        """As when the computer sleeps: nothing happens meanwhile."""
        self._time += seconds

    def pass_by(self, seconds: float) -> None:
        """Nobody waits for anything, and the world goes on."""
        for _ in range(round(seconds / self.tick_seconds)):
            self._tick()

    def wait(self, seconds: float) -> bool:
        end = self._time + seconds
        while not self.stopped and end - self._time > self.tick_seconds:
            self._tick()
        if not self.stopped:
            self._time = max(self._time, end)
        return self.stopped

    def next_of(self, items, seconds):
        end = self._time + seconds
        while items.empty() and self._time < end:
            self._tick()
        return items.get_nowait()  # raises queue.Empty

    def _tick(self) -> None:
        self._time += self.tick_seconds
        while self._agenda and self._agenda[0][0] <= self._time + 1e-9:
            self._agenda.pop(0)[1]()
        for call in self.on_tick:
            call()
