"""Text out of the terminal: through the terminal itself (OSC 52), which works over SSH, and through the desktop."""

import asyncio
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

from textual.screen import Screen

from live_canary.dictation.clipboard import clipboard_programs
from live_canary.dictation.programs import ToolFailed, run

TERMINAL_LIMIT_BYTES = 74_994  # 100,000 characters of base64, where xterm and others stop


class Copying:
    """Copies for a screen, which does not wait: a program of the desktop may take three seconds to be given up."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self._newest = ""
        self._turn = threading.Lock()

    def copy(self, text: str, if_cut: Callable[[], None] = lambda: None) -> None:
        """Puts `text` on the clipboard; `if_cut` is called if it is too long for some terminals and no program took it.

        A terminal does not answer whether it took it.
        """
        self._screen.app.copy_to_clipboard(text)
        self._newest = text
        # The loop waits for its threads before it closes; a worker of Textual's would end with the screen.
        copying = asyncio.get_running_loop().run_in_executor(None, self._copy_in_turn, text)

        def tell(done: asyncio.Future[bool]) -> None:
            if not done.result() and len(text.encode()) > TERMINAL_LIMIT_BYTES and self._screen.is_running:
                if_cut()

        copying.add_done_callback(tell)

    def _copy_in_turn(self, text: str) -> bool:
        """Whether a program took it, or need not any more: the last text copied is the one that stays."""
        with self._turn:
            return text is not self._newest or _copy_through_desktop(text)


def _copy_through_desktop(text: str) -> bool:
    for program in clipboard_programs(os.environ, sys.platform):
        with suppress(ToolFailed):  # not installed, no such desktop, or no answer for three seconds
            run(program, text)
            return True
    return False
