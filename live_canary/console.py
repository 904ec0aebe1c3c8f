"""The terminal, and the pipes and files that stand in for it: what is typed, drawn and printed; Windows differs."""

import codecs
import errno
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from rich.console import Console

if sys.platform == "win32":
    from glob import glob

WIDEST_TABLE = 10_000


def is_reader_gone(error: OSError) -> bool:
    """Whether writing failed because nobody reads the pipe any more."""
    return isinstance(error, BrokenPipeError) or (sys.platform == "win32" and error.errno == errno.EINVAL)


def has_every_letter(stream: TextIO) -> bool:
    """Whether its encoding is UTF-8: most others lack some."""
    return codecs.lookup(stream.encoding).name == "utf-8"


def discard(stream: TextIO) -> None:
    """Sends the rest nowhere; else the interpreter fails once more when it flushes stdout on exit."""
    with open(os.devnull, "w") as nowhere, suppress(OSError):  # noqa: PTH123
        os.dup2(nowhere.fileno(), stream.fileno())


class NoRoomError(OSError):
    """What is printed on stdout goes into a file, and its disk is full. Of another file it is another OSError."""


class _Distinct(io.FileIO):
    """A stream whose full disk is told apart from others."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise NoRoomError(error.errno, error.strerror) from None
            raise


class _Undemanding(io.FileIO):
    """A stream that drops what nobody takes: a pipe without a reader, a file on a full disk."""

    def write(self, data: "ReadableBuffer", /) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


def note(text: str) -> None:
    """A line for people, which is no part of what is printed."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def table_console() -> "Console":
    """Prints tables on stdout: as wide as a terminal is, in a pipe or a file as wide as they are."""
    from rich.console import Console  # what only listens does without

    return Console(width=None if sys.stdout.isatty() else WIDEST_TABLE, highlight=False, markup=False)


def is_redrawn() -> bool:
    """Whether the terminal can do more than print lines, as Emacs's shell cannot."""
    return os.environ.get("TERM") not in ("dumb", "unknown")


def can_be_drawn_on() -> bool:
    """Whether a screen can be shown."""
    on_terminal = all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))  # the screen is on stderr
    return on_terminal and is_redrawn()


def ask_the_terminal_for_its_size() -> None:
    """From now on, not the environment: COLUMNS and LINES that were exported stay as they are when it is resized.

    One that does not know its size, as a serial line, is still as large as they say.
    """
    with suppress(OSError, ValueError):
        if sys.__stdout__ and all(os.get_terminal_size(sys.__stdout__.fileno())):
            for name in ("COLUMNS", "LINES"):
                os.environ.pop(name, None)


def drop_typed_keys() -> None:
    """What was typed into this program's terminal and not read goes nowhere."""
    if not sys.stdin.isatty():
        return
    if sys.platform != "win32":
        import termios

        termios.tcflush(sys.stdin, termios.TCIFLUSH)
    else:
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()


def arguments() -> list[str]:
    """What the user typed behind the program's name. Windows leaves it to the program to find the files of `*.wav`."""
    if sys.platform != "win32":
        return sys.argv[1:]
    else:
        # A bracket stands for itself there. Not Path.glob: a pattern may begin with a drive.
        found = {word: sorted(glob(word.replace("[", "[[]"))) for word in sys.argv[1:]}  # noqa: PTH207
        return [one for word in sys.argv[1:] for one in found[word] or [word]]


def prepare_streams() -> None:
    """From now on no work ends because nobody reads, or no disk takes, what is only told to people on stderr.

    Where no disk takes what is printed on stdout, it is a NoRoomError.

    Terminals stay as they are; there it is a hangup that ends a program. A stream that is closed becomes one that leads
    nowhere: what is meant for stderr would be printed among the lines of stdout. A letter that stdout's encoding lacks
    is printed as its number. Windows has an encoding for files and pipes that lacks most letters; they get UTF-8.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    if sys.platform == "win32":
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(encoding="utf-8")
    if isinstance(sys.stdout, io.TextIOWrapper):
        errors = sys.stdout.errors  # in the locale C "surrogateescape", which fails where letters are lacking
        if errors == "strict" or (errors == "surrogateescape" and not has_every_letter(sys.stdout)):
            sys.stdout.reconfigure(errors="backslashreplace")
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, io.TextIOWrapper) and not sys.stdout.isatty():
        sys.stdout = _replaced(sys.stdout, _Distinct, line_buffering=sys.stdout.write_through)
    if sys.stderr is sys.__stderr__ and isinstance(sys.stderr, io.TextIOWrapper) and not sys.stderr.isatty():
        sys.stderr = _replaced(sys.stderr, _Undemanding, line_buffering=True)


def _replaced(stream: io.TextIOWrapper, kind: type[io.FileIO], *, line_buffering: bool) -> io.TextIOWrapper:
    raw = io.BufferedWriter(kind(stream.fileno(), "w", closefd=False))
    return io.TextIOWrapper(raw, stream.encoding, stream.errors, line_buffering=line_buffering)
