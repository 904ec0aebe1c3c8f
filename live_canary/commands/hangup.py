"""A session whose terminal closes ends in order, whoever tells it."""

import errno
import io
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def finish_when_the_terminal_closes(*, on_screen: bool) -> Callable[[], bool]:
    """From now on a hangup ends a session as SIGTERM does, and what it still has to say goes nowhere.

    Under nohup, lines go on; a screen without a terminal cannot. A screen on Linux does not rely on the signal: what
    started the program, such as make, may keep the hangup to itself; lines then go on, to nowhere. A second hangup
    (kernel and shell may both send one) does not abort the session, nor does the SIGCONT that the kernel adds open the
    screen again. Windows knows no hangup. Returns a function that says whether the terminal has closed.
    """
    closed: list[bool] = []  # an Event's lock is held where the signal comes while it is being set
    if sys.platform != "win32" and (on_screen or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN):
        terminals = [descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)]
        if 1 in terminals:
            sys.stdout = _text_to_terminal(1, sys.stdout, closed, sys.stdout.encoding)
        if 2 in terminals:  # sounddevice points it elsewhere while PortAudio starts: what was drawn then was lost
            terminals.append(os.dup(2))
            encoding = "utf-8" if on_screen else sys.stderr.encoding  # as Textual takes keys for UTF-8, too
            sys.stderr = sys.__stderr__ = _text_to_terminal(terminals[-1], sys.stderr, closed, encoding)  # type: ignore[misc]  # Textual's

        def hang_up(number: int, frame: FrameType | None) -> None:
            closed.append(True)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            signal.signal(signal.SIGCONT, signal.SIG_IGN)
            silent, pulse = os.pipe()
            threading.Thread(target=_beat, args=[pulse], daemon=True).start()
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for descriptor in terminals:
                os.dup2(nowhere if descriptor else silent, descriptor)
            signal.raise_signal(signal.SIGTERM)

        def hang_up_untold() -> None:
            screen = select.poll()
            for descriptor in (0, terminals[-1]):  # of keys and of what is drawn
                screen.register(descriptor, 0)  # for nothing but its end
            if any(event & select.POLLHUP for _, event in screen.poll()):
                os.kill(os.getpid(), signal.SIGHUP)

        signal.signal(signal.SIGHUP, hang_up)
        if on_screen:
            threading.Thread(target=hang_up_untold, daemon=True).start()
    return lambda: bool(closed)


def _beat(pipe: int) -> None:
    """Put a key that means nothing into the pipe twice a second.

    Whoever reads keys then neither finds an end again and again, as in /dev/null, nor waits for good.
    """
    while True:
        os.write(pipe, b"\0")
        time.sleep(0.5)


class _Terminal(io.FileIO):
    """A terminal that takes what is written after it was closed, so that nothing that draws dies of it."""

    def __init__(self, descriptor: int, is_gone: list[bool]) -> None:
        """is_gone: gets an item as soon as nobody has the terminal any more."""
        super().__init__(descriptor, "w", closefd=False)
        self._is_gone = is_gone

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            self._is_gone.append(True)
            return memoryview(data).nbytes


def _text_to_terminal(descriptor: int, like: TextIO, is_gone: list[bool], encoding: str) -> io.TextIOWrapper:
    like.flush()
    raw = io.BufferedWriter(_Terminal(descriptor, is_gone))
    return io.TextIOWrapper(raw, encoding=encoding, errors=like.errors, line_buffering=True)
