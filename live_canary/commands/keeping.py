"""So that nothing said is lost: a folder for each session, and an end in order for each signal."""

import errno
import io
import os
import select
import signal
import sys
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, TextIO

from live_canary.errors import SessionError
from live_canary.session.folder import SessionFolder, sessions_folder, unfinished_sessions
from live_canary.transcript.formats import one_line

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def make_folder() -> SessionFolder | None:
    """For a session that is about to start; None, and a line for the user, when the disk refuses."""
    try:
        return SessionFolder.create()
    except OSError as error:
        where = one_line(str(sessions_folder()))
        _note(
            f"This session cannot be kept in '{where}' ({error.strerror}); transcribing goes on, but "
            "after a crash only the transcript files would be left."
        )
        return None


def leave_folder(folder: SessionFolder, *, ended: bool, keep_sound: bool) -> None:
    """Remove what nobody needs any more: all of it, unless the user keeps the sound or something is not transcribed.

    ended: all that was heard has been through the detector and the model, as after a failure it may not have been.
    """
    if not ended or not folder.journal.is_settled:
        _note(f"What is not transcribed yet is kept: live-canary recover {folder.path.name}")
        return
    try:
        clear(folder, keep_sound=keep_sound)
    except SessionError as error:
        _note(str(error))


def clear(folder: SessionFolder, *, keep_sound: bool) -> None:
    """Remove a session whose transcript is whole, but for its sound where the user keeps that. Raises SessionError."""
    try:
        recordings = folder.keep_sound() if keep_sound else []
    except OSError as error:
        raise SessionError(
            f"The sound could not be joined ({error.strerror or error}); it is kept, and "
            f"live-canary recover {folder.path.name} tries again."
        ) from None
    for recording in recordings:
        _note(f"Sound: {recording}")
    if not keep_sound:
        folder.remove()


def remind() -> None:
    """Say in one line that earlier sessions can be recovered, if so."""
    count = 0
    with suppress(SessionError):  # this session cannot be kept there either, which is told
        count = len(unfinished_sessions())
    if count:
        sessions = "An earlier session was" if count == 1 else f"{count} earlier sessions were"
        _note(f"{sessions} cut off: live-canary recover finishes the transcript.")


def finish_when_the_terminal_closes(*, on_screen: bool) -> None:
    """From now on a hangup ends a session as SIGTERM does, and what it still has to say goes nowhere.

    Under nohup, lines go on; a screen without a terminal cannot. On Linux it does not rely on being told: what started
    it, as make, may keep the hangup to itself. A second hangup (kernel and shell may both send one) is no wish to
    abort, and the SIGCONT that the kernel adds none to open the screen again. Windows knows no hangup.
    """
    if sys.platform != "win32" and (on_screen or signal.getsignal(signal.SIGHUP) != signal.SIG_IGN):
        terminals = [descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)]
        if 1 in terminals:
            sys.stdout = _text_to_terminal(1, sys.stdout)
        if 2 in terminals:  # sounddevice points it elsewhere while PortAudio starts: what was drawn then was lost
            terminals.append(os.dup(2))
            sys.stderr = sys.__stderr__ = _text_to_terminal(terminals[-1], sys.stderr)  # type: ignore[misc]  # Textual's

        def hang_up(number: int, frame: FrameType | None) -> None:
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


def _beat(pipe: int) -> None:
    """Put a key that means nothing into the pipe twice a second.

    Whoever reads keys then neither finds an end again and again, as in /dev/null, nor waits for good.
    """
    while True:
        os.write(pipe, b"\0")
        time.sleep(0.5)


class _Terminal(io.FileIO):
    """A terminal that takes what is written after it was closed, so that nothing that draws dies of it."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return memoryview(data).nbytes


def _text_to_terminal(descriptor: int, like: TextIO) -> io.TextIOWrapper:
    like.flush()
    raw = io.BufferedWriter(_Terminal(descriptor, "w", closefd=False))
    return io.TextIOWrapper(raw, encoding=like.encoding, errors=like.errors, line_buffering=True)


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201
