"""`python -m live_canary.dictation.x11_keys released | down`: what the X server knows of the keys of its keyboard.

    released    waits until nobody holds Shift, Ctrl, Alt, AltGr or Super, two seconds at most; then what is held or
                locked in spite of that, as the number that X makes of it
    down        the numbers of the keys that are pressed

A process of its own: Xlib ends its process when the server goes away.
"""

import sys
import time
from ctypes import CDLL, byref, c_char_p, c_int, c_uint, c_ulong, c_void_p, create_string_buffer

HELD = 1 | 4 | 8 | 64 | 128  # Shift, Control, Mod1, Mod4 and Mod5, of X.h; Mod2 is NumLock
LOCKED = 2
PATIENCE_SECONDS, LOOK_SECONDS = 2.0, 0.02


class Keys:
    """Raises SystemExit with a reason where there is no X server, or no library to ask it with."""

    def __init__(self) -> None:
        try:
            self._x11 = CDLL("libX11.so.6")
        except OSError as error:
            raise SystemExit(str(error)) from None
        self._x11.XOpenDisplay.restype = c_void_p
        self._x11.XOpenDisplay.argtypes = [c_char_p]
        self._display = c_void_p(self._x11.XOpenDisplay(None))
        if not self._display:
            raise SystemExit("no such display")
        self._x11.XDefaultRootWindow.restype = c_ulong
        self._root = c_ulong(self._x11.XDefaultRootWindow(self._display))

    def modifiers(self) -> int:
        """Those that a key pressed now would come with."""
        window, place, mask = c_ulong(), c_int(), c_uint()
        self._x11.XQueryPointer(
            self._display, self._root, byref(window), byref(window), *[byref(place)] * 4, byref(mask)
        )
        return mask.value & (HELD | LOCKED)

    def down(self) -> list[int]:
        bits = create_string_buffer(32)
        self._x11.XQueryKeymap(self._display, bits)
        return [key for key in range(256) if bits.raw[key // 8] >> key % 8 & 1]


def main(wanted: str) -> None:
    """Prints the answer."""
    keys = Keys()
    if wanted == "down":
        print(*keys.down())  # noqa: T201
        return
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (modifiers := keys.modifiers()) & HELD and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
    print(modifiers)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
