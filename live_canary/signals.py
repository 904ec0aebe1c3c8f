"""The signals that end or pause a program; Windows has others and delivers them differently."""

import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

if sys.platform == "win32":
    from subprocess import CREATE_NEW_PROCESS_GROUP, CREATE_NO_WINDOW

    APART = CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW
    ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGBREAK)
    PAUSING_SIGNALS: tuple[signal.Signals, ...] = ()
else:
    APART = 0
    ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM)
    PAUSING_SIGNALS = (signal.SIGUSR1,)
"""APART: what to give `creationflags`, beside `start_new_session`, of a program that Ctrl-C is not to reach."""

SAME_PRESS_SECONDS = 0.5
HELD_KEY_SECONDS = 0.7  # desktops let a key repeat after 0.25 to 0.66
CUT_OFF = 130  # the exit code of a program that Ctrl-C ended, as shells report it
DEAF_SECONDS = 0.25 if sys.platform == "win32" else None
"""How long the main thread may wait at once: on Windows no signal reaches it meanwhile. None: for ever."""


class PauseKey:
    """A key of the desktop that sends the signal which pauses, or hears again; while it is held it may send many."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._last, self._early = clock, -math.inf, 0

    def is_new(self) -> bool:
        """Asked once for each signal."""
        now = self._clock()
        is_new = now >= self._last + HELD_KEY_SECONDS
        self._last = now
        return is_new

    def note(self) -> None:
        """It came before there was anything that could be paused."""
        self._early += self.is_new()

    def is_asked(self) -> bool:
        """Whether a session that begins now is to be paused, or heard, by what came before it; asked once."""
        early, self._early = self._early, 0
        return early % 2 == 1


PAUSE_KEY = PauseKey()


def survive_pausing() -> None:
    """From now on the signal that pauses a session does nothing to what cannot be paused; it would end it.

    A key of the desktop sends it to all that is called live-canary: to `transcribe`, to a session that begins or ends.
    One that begins heeds it later.
    """
    for number in PAUSING_SIGNALS:
        signal.signal(number, lambda number, frame: PAUSE_KEY.note())  # SIG_IGN would be inherited by programs


def pausing_command() -> str:
    """What sends this program the signal that pauses it: by its name, which a key of the desktop can know.

    By its number where it runs under the name of its interpreter: every script on macOS, `python -m live_canary`.
    """
    try:
        name = Path("/proc/self/comm").read_text().strip()
    except OSError:
        name = ""
    return "pkill -USR1 -x live-canary" if name == "live-canary" else f"kill -USR1 {os.getpid()}"


def react(loop: "AbstractEventLoop", number: int, reaction: Callable[[], object]) -> None:
    """Have `reaction` called in the loop, which runs in the main thread, whenever that signal comes."""
    if sys.platform != "win32":
        loop.add_signal_handler(number, reaction)
    else:

        def on_signal(number: int, frame: FrameType | None) -> None:
            if loop.is_closed():
                raise KeyboardInterrupt
            loop.call_soon_threadsafe(reaction)

        signal.signal(number, on_signal)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Meanwhile Ctrl-C ends the process itself: no handler runs while a call into a library hangs."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Presses:
    """Ctrl-C as people mean it: what follows within half a second of one is the same one.

    `timeout` and other programs that hand an interrupt on do so twice, to the program and to its group; keys bounce.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._last = clock, -math.inf

    def is_new(self) -> bool:
        """Asked once for each."""
        now = self._clock()
        if now < self._last + SAME_PRESS_SECONDS:
            return False
        self._last = now
        return True
