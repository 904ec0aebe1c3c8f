"""Text out of the terminal: through the terminal itself (OSC 52), which works over SSH, and through the desktop."""

from contextlib import suppress
from importlib import import_module

from textual.app import App

TERMINAL_LIMIT_BYTES = 74_994  # 100,000 characters of base64, where xterm and others stop


def copy(app: App[object], text: str) -> bool:
    """Puts `text` on the clipboard; False if it is longer than some terminals take.

    A terminal does not answer whether it took it. The desktop's clipboard is used too if pyperclip is installed.
    """
    app.copy_to_clipboard(text)
    copied = _copy_through_desktop(text)
    return copied or len(text.encode()) <= TERMINAL_LIMIT_BYTES


def _copy_through_desktop(text: str) -> bool:
    with suppress(ImportError):
        pyperclip = import_module("pyperclip")
        with suppress(pyperclip.PyperclipException):  # no desktop, or none of its clipboard programs
            pyperclip.copy(text)
            return True
    return False
