"""What `live-canary doctor` says of typing into other windows, and of copying."""

import os
import shutil
import sys
from collections.abc import Iterator

from live_canary.commands.checks import Finding
from live_canary.dictation.clipboard import clipboard_programs, name_of
from live_canary.dictation.keyboards import desktop_of
from live_canary.dictation.typist import probed


def typing() -> Iterator[Finding]:
    """Presses no key. What fails is a warning: only --type needs it."""
    desktop = desktop_of(os.environ, sys.platform)
    able, reasons = probed(desktop)
    if able:
        yield Finding("typing", "ok", f"--type goes through {' or '.join(keyboard.name for keyboard in able)}")
    else:
        text = f"nothing can type here: {', '.join(reasons)}" if reasons else "there is no desktop to type on"
        yield Finding("typing", "warn", text, f"only --type needs it. {desktop.advice}")


def clipboard() -> Iterator[Finding]:
    """Copies nothing: whether a terminal takes what is copied through it can only be tried by eye."""
    programs = clipboard_programs(os.environ, sys.platform)
    able = [name_of(program) for program in programs if shutil.which(program[0])]
    if programs and not able:
        text = "only through the terminal (OSC 52), which some terminals ignore"
        yield Finding("clipboard", "warn", text, f"install {' or '.join(map(name_of, programs))}")
    else:
        yield Finding("clipboard", "ok", " and ".join(["through the terminal (OSC 52)", *able[:1]]))
