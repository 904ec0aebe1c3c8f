"""The clipboard without a screen: through the terminal (OSC 52), which works over SSH, and through the desktop."""

import shutil
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import TextIO

from live_canary.dictation.programs import ToolFailed, run
from live_canary.errors import DictationError

WAYLAND, X11 = [["wl-copy"]], [["xclip", "-selection", "clipboard"], ["xsel", "--clipboard", "--input"]]
_COPY = "import sys, pyperclip; pyperclip.copy(sys.stdin.buffer.read().decode())"
ELSEWHERE = [[sys.executable, "-P", "-c", _COPY]]  # -P: without what lies in the folder the user is in


class Clipboard:
    """Keeps the latest text. Used from one thread; a call takes as long as its program."""

    def __init__(self, terminal: TextIO | None, programs: Sequence[Sequence[str]]):
        """terminal: takes OSC 52; programs: as `clipboard_programs`. Raises DictationError when there is neither."""
        self._terminal = terminal
        self._programs = [program for program in programs if shutil.which(program[0])]
        self._told = ""
        if not terminal and not self._programs:
            wanted = " or ".join(name_of(program) for program in programs)
            raise DictationError(
                "--clipboard finds no terminal to copy through (stderr is not one) and no program that copies: "
                + (f"install {wanted}." if wanted else "start it in a terminal, or on a desktop.")
            )

    def put(self, text: str) -> str | None:
        """Through the terminal, which does not say whether it took it, and the first program that works.

        A sentence for the user when a program did not, and not for the same reason as the last time.
        """
        if self._terminal:
            self._terminal.write(osc52(text))
            self._terminal.flush()
        failures = []
        for program in self._programs:
            try:
                run(program, text)
            except ToolFailed as failure:
                failures.append(f"{name_of(program)}: {failure}")
            else:
                break
        told, self._told = self._told, "; ".join(failures)
        return f"Copying does not work as it should. {self._told}." if self._told not in ("", told) else None


def osc52(text: str) -> str:
    """What makes a terminal put the text on the clipboard of the machine that it is on."""
    return f"\x1b]52;c;{b64encode(text.encode()).decode()}\a"


def clipboard_programs(environment: Mapping[str, str], platform: str) -> list[list[str]]:
    """Those that can work on such a desktop; none without a desktop. platform: as sys.platform."""
    if platform in ("darwin", "win32"):
        return ELSEWHERE
    return (WAYLAND if environment.get("WAYLAND_DISPLAY") else []) + (X11 if environment.get("DISPLAY") else [])


def name_of(program: Sequence[str]) -> str:
    """What its user would install."""
    return "pyperclip" if program in ELSEWHERE else program[0]
