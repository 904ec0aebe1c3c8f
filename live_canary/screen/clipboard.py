"""Text out of the terminal: through the terminal itself (OSC 52), which works over SSH, and through the desktop."""

import os
import sys
from contextlib import suppress

from textual.app import App

from live_canary.dictation.clipboard import clipboard_programs
from live_canary.dictation.programs import ToolFailed, run

TERMINAL_LIMIT_BYTES = 74_994  # 100,000 characters of base64, where xterm and others stop


def copy(app: App[object], text: str) -> bool:
    """Puts `text` on the clipboard; False if it is longer than some terminals take and no program took it.

    A terminal does not answer whether it took it.
    """
    app.copy_to_clipboard(text)
    copied = _copy_through_desktop(text)
    return copied or len(text.encode()) <= TERMINAL_LIMIT_BYTES


def _copy_through_desktop(text: str) -> bool:
    for program in clipboard_programs(os.environ, sys.platform):
        with suppress(ToolFailed):  # not installed, no such desktop, or no answer for three seconds
            run(program, text)
            return True
    return False
