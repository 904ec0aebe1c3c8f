"""The tools of `--type` and `--clipboard`, made ready before a session begins."""

import os
import sys

from live_canary.dictation.clipboard import Clipboard, clipboard_programs
from live_canary.dictation.dictation import Dictation
from live_canary.dictation.keyboards import Keyboard, desktop_of
from live_canary.dictation.typist import working
from live_canary.settings import Settings


def keyboards_of(settings: Settings) -> list[Keyboard]:
    """What types, the best first; none if nothing is to be typed. Raises DictationError if nothing can be."""
    return working(desktop_of(os.environ, sys.platform)) if settings.type else []


def dictation_of(source: str, keyboards: list[Keyboard], *, copies: bool) -> Dictation | None:
    """Dictates what `source` hears; None if there is nothing to do. copies: itself, for there is no screen that does.

    Raises DictationError.
    """
    if not copies:
        return Dictation(source, keyboards) if keyboards else None
    terminal = sys.stderr if sys.stderr.isatty() else None
    return Dictation(source, keyboards, Clipboard(terminal, clipboard_programs(os.environ, sys.platform)))
