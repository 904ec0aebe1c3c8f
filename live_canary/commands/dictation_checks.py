"""What `live-canary doctor` says of typing into other windows."""

import os
import sys
from collections.abc import Iterator

from live_canary.commands.checks import Finding
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
