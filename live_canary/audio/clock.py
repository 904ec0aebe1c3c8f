"""The time of a running source: reading it, and waits that end at once when the source is told to stop."""

import queue
import sys
import threading
import time
from typing import TypeVar

Item = TypeVar("Item")

# Linux's monotonic clock stands still while the computer sleeps, macOS's does not (Python's own there does).
_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", 0))


class Clock:
    """Seconds that only grow. Tests replace it by one that does not wait."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def now(self) -> float:
        """Seconds since some moment, those in which the computer slept included."""
        if sys.platform == "win32":  # where the monotonic clock ticks only 64 times a second
            return time.perf_counter()
        else:
            return time.clock_gettime(_CLOCK)

    def wait(self, seconds: float) -> bool:
        """Wait so long, or until `stop()`: True when stopped."""
        return self._stopped.wait(max(0.0, seconds))

    def next_of(self, items: "queue.SimpleQueue[Item]", seconds: float) -> Item:
        """The next item as soon as there is one. Raises queue.Empty after so many seconds."""
        return items.get(timeout=seconds)

    def stop(self) -> None:
        self._stopped.set()
