"""Programs that press keys in the window that has the focus, each with what its users found out about it.

Text reaches them on stdin, so that none of it can be taken for an option or the name of a key.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol

from live_canary.dictation.programs import PROBE_SECONDS, ToolEnded, ToolFailed, ToolStopped, run
from live_canary.dictation.spare_keys import SpareKeys

SECONDS_A_KEY = 0.25  # xdotool takes 0.1 to 0.2 for a letter that the layout lacks (xdotool issue 10)
PYNPUT_STARTS_SECONDS = 7.0  # a Python and the system's libraries, for the first time since the machine was started
LEAST_SECONDS = 5.0
X11_KEYS = (sys.executable, "-P", "-m", "live_canary.dictation.x11_keys")  # -P: without what lies in the user's folder
X11_KEYS_SECONDS = 4.0  # it waits two for a user who holds keys
WTYPE = ("wtype", "-p", "F23", "-p", "F24", "-s", "20")
"""Releases two keys that nobody pressed, and waits 20 ms.

It gives each different character the next key from the first on. Browsers and terminals heed the key, not the
character: the second is Esc, the fifteenth Backspace (wtype issue 71). With the first two used up, a dozen characters
get keys of the row of digits. Without the wait a window that does not know the new keyboard yet may lose the first key:
in foot on a busy machine 13 of 72 times, with it 0 of 124.
"""
WTYPE_VARIETY = 12
PLAIN = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "‑": "-", "…": "...", "\u00a0": " "})


class CannotType(ToolFailed):
    """The tool works, but it has no keys for this text."""


@dataclass(frozen=True, slots=True)
class Typed:
    characters: int
    """That stand in the window now."""
    missing: str = ""
    """Those that there is no key for."""


class Keyboard(Protocol):
    """Every call raises ToolFailed, and ToolStopped when the tool had to be ended."""

    name: str

    def check(self) -> None:
        """Do everything but press a key."""
        ...

    def type(self, text: str) -> Typed:
        """text: one line."""
        ...

    def erase(self, characters: int) -> None:
        """Press Backspace so many times."""
        ...

    def break_line(self) -> None:
        """Press Shift+Enter: a new line in editors, and in chats too, where Enter alone would send."""
        ...

    def settle(self) -> None:
        """Wait for a user who holds keys that would change what is typed, or where. Raises ToolEnded alone."""
        ...

    def focus(self) -> str:
        """Which window it would type into now; empty where it cannot know. Raises ToolEnded alone."""
        ...


def seconds_for(keys: int) -> float:
    """How long a tool may take for so many keys."""
    return LEAST_SECONDS + keys * SECONDS_A_KEY


class _Unseeing:
    """Of tools that know neither windows nor keys."""

    def settle(self) -> None:
        pass

    def focus(self) -> str:
        return ""


class Xdotool:
    """Ctrl, Alt or Caps Lock would make shortcuts or other letters of what it types, so it waits until all are let go.

    It can also see to that itself (`--clearmodifiers`), but then presses again what the user has let go meanwhile. Only
    what is locked, or held longer than the user is waited for, is left to it.
    """

    name = "xdotool"

    def __init__(self) -> None:
        self._spare_keys = SpareKeys()
        self._free: tuple[str, ...] = ()

    def check(self) -> None:
        run(["xdotool", "getdisplaygeometry"])

    def settle(self) -> None:
        held = _answer([*X11_KEYS, "released"], X11_KEYS_SECONDS)  # none without libX11, which xdotool can do without
        self._free = () if held in ("", "0") else ("--clearmodifiers",)

    def type(self, text: str) -> Typed:
        try:
            self._spare_keys.lend_to(text)
        except ToolEnded:
            raise
        except ToolFailed:  # without xmodmap, as well as xdotool can by itself
            pass
        self._press("type", "--file", "-", text=text, keys=len(text))
        return Typed(len(text))

    def erase(self, characters: int) -> None:
        self._press("key", *["BackSpace"] * characters, keys=characters)

    def break_line(self) -> None:
        self._press("key", "shift+Return", keys=1)

    def focus(self) -> str:
        return _answer(["xdotool", "getwindowfocus"])  # none where no window has it

    def _press(self, action: str, *arguments: str, text: str = "", keys: int) -> None:
        try:
            run(["xdotool", action, *self._free, *arguments], text, timeout_seconds=seconds_for(keys))
        except ToolStopped:
            with suppress(ToolFailed):
                _release_keys()
            raise


def _answer(command: Sequence[str], timeout_seconds: float = PROBE_SECONDS) -> str:
    """Nothing where it fails. Raises ToolEnded: who ended it wants nothing typed."""
    try:
        return run(command, timeout_seconds=timeout_seconds)
    except ToolEnded:
        raise
    except ToolFailed:
        return ""


def _release_keys() -> None:
    """What a tool held when it was ended stays down, and repeats without end. Raises ToolFailed."""
    down = run([*X11_KEYS, "down"], timeout_seconds=X11_KEYS_SECONDS).split()
    if down:
        run(["xdotool", "keyup", *down])


class Wtype(_Unseeing):
    """Makes a keymap of its own for each text. GNOME and KDE do not let it (wtype issues 22 and 45)."""

    name = "wtype"

    def check(self) -> None:
        run(["wtype", "-"])

    def type(self, text: str) -> Typed:
        for position, piece in enumerate(pieces(text, WTYPE_VARIETY)):
            try:
                run([*WTYPE, "-"], piece, timeout_seconds=seconds_for(len(piece)))
            except ToolFailed as failure:
                raise ToolStopped(str(failure)) if position else failure from None
        return Typed(len(text))

    def erase(self, characters: int) -> None:
        run([*WTYPE, *["-k", "BackSpace"] * characters], timeout_seconds=seconds_for(characters))

    def break_line(self) -> None:
        run([*WTYPE, "-M", "shift", "-k", "Return", "-m", "shift"], timeout_seconds=seconds_for(1))


def pieces(text: str, variety: int) -> Iterator[str]:
    """The text in order, each piece as long as it has no more than `variety` different characters."""
    start, different = 0, set[str]()
    for position, character in enumerate(text):
        if character not in different and len(different) == variety:
            yield text[start:position]
            start, different = position, set()
        different.add(character)
    if text[start:]:
        yield text[start:]


class Dotool(_Unseeing):
    """A virtual keyboard of the kernel: works everywhere, but has only the keys of its layout."""

    name = "dotool"

    def check(self) -> None:
        run(["dotool"])

    def type(self, text: str) -> Typed:
        said = run(["dotool"], f"type {text}\n", timeout_seconds=seconds_for(len(text)))
        missing = "".join(re.findall(r"(?:impossible character for layout|invalid character): (.)", said))
        return Typed(len(text) - len(missing), missing)

    def erase(self, characters: int) -> None:
        run(["dotool"], "key" + " backspace" * characters + "\n", timeout_seconds=seconds_for(characters))

    def break_line(self) -> None:
        run(["dotool"], "key shift+enter\n", timeout_seconds=seconds_for(1))


class Ydotool(_Unseeing):
    """The same, through a daemon. Only ASCII on a US layout (ydotool issues 22, 43 and 249)."""

    name = "ydotool"

    def check(self) -> None:
        if "YDOTOOL_SOCKET" not in _help_of_ydotool():
            raise ToolFailed("older than 1.0, which does not say when it fails")
        run(["ydotool", "type", "--file", "/dev/null"])

    def type(self, text: str) -> Typed:
        text = text.translate(PLAIN)
        if not text.isascii():
            strange = "".join(sorted({letter for letter in text if not letter.isascii()}))
            raise CannotType(f"has no keys for {strange}")
        run(["ydotool", "type", "--file", "/dev/stdin"], text, timeout_seconds=seconds_for(len(text)))
        return Typed(len(text))

    def erase(self, characters: int) -> None:
        run(["ydotool", "key", *["14:1", "14:0"] * characters], timeout_seconds=seconds_for(characters))

    def break_line(self) -> None:
        run(["ydotool", "key", "42:1", "28:1", "28:0", "42:0"], timeout_seconds=seconds_for(1))


def _help_of_ydotool() -> str:
    try:
        return run(["ydotool", "--help"])
    except ToolFailed as failure:
        if "Available commands" in str(failure):
            return str(failure)  # 0.1 gives it, with an exit code as if it did not
        raise


class Pynput(_Unseeing):
    """macOS and Windows; in a process of its own, so that it can be ended like the others."""

    name = "pynput"

    def check(self) -> None:
        self._ask("check")

    def type(self, text: str) -> Typed:
        self._ask("type", text=text, keys=len(text))
        return Typed(len(text))

    def erase(self, characters: int) -> None:
        self._ask("erase", str(characters), keys=characters)

    def break_line(self) -> None:
        self._ask("break-line")

    def _ask(self, *arguments: str, text: str = "", keys: int = 1) -> None:
        command = [sys.executable, "-P", "-m", "live_canary.dictation.pynput_keys", *arguments]
        run(command, text, timeout_seconds=PYNPUT_STARTS_SECONDS + seconds_for(keys))


@dataclass(frozen=True, slots=True)
class Desktop:
    keyboards: Sequence[Keyboard]
    """Those that can work on it, the best first; none where there is no desktop."""
    advice: str
    """What its user can do to make one work."""


def desktop_of(environment: Mapping[str, str], platform: str) -> Desktop:
    """platform: as sys.platform."""
    if platform in ("darwin", "win32"):
        permission = "Allow your terminal to control the computer, in the system's accessibility settings"
        elevated = "A window of an administrator takes keys from another administrator's program alone"
        return Desktop((Pynput(),), permission if platform == "darwin" else elevated)
    if environment.get("WAYLAND_DISPLAY") or environment.get("XDG_SESSION_TYPE") == "wayland":
        # no xdotool: it would reach only the windows of old X programs
        return Desktop(
            (Wtype(), Dotool(), Ydotool()),
            "On Sway, Hyprland and other wlroots desktops install wtype; on GNOME and KDE install dotool, join the "
            "group `input` and log in again",
        )
    if environment.get("DISPLAY"):
        return Desktop(
            (Xdotool(), Dotool(), Ydotool()), "Install xdotool, and start this in a terminal of that desktop"
        )
    return Desktop(
        (),
        "Neither WAYLAND_DISPLAY nor DISPLAY is set: start it in a terminal on the desktop whose windows are to get "
        "the text, not over SSH",
    )
