"""`python -m live_canary.dictation.pynput_keys check | type | erase N | break-line`, text to type on stdin."""

import sys
from importlib import import_module


def main(action: str, *arguments: str) -> None:
    """Raises SystemExit with a reason when the desktop does not allow it."""
    try:
        keyboard = import_module("pynput.keyboard")
    except ImportError as error:
        raise SystemExit(f"pynput cannot be loaded: {error}") from None
    if sys.platform == "darwin" and not import_module("HIServices").AXIsProcessTrusted():
        raise SystemExit("macOS does not allow this terminal to type")  # it would drop the keys without a word
    if action == "check":
        return
    keys, key = keyboard.Controller(), keyboard.Key
    if action == "type":
        keys.type(sys.stdin.buffer.read().decode())
    elif action == "erase":
        for _ in range(int(arguments[0])):
            keys.tap(key.backspace)
    else:
        with keys.pressed(key.shift):
            keys.tap(key.enter)


if __name__ == "__main__":
    main(*sys.argv[1:])
