"""A real xdotool types into a real window: what it was asked to type is what arrives there."""

import os
import select
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from live_canary.dictation import keyboards
from live_canary.dictation.dictation import Dictation
from live_canary.dictation.keyboards import Xdotool, desktop_of
from live_canary.dictation.programs import PROBE_SECONDS, ToolStopped, run
from live_canary.dictation.typist import Typist, working
from tests.screen.fake_session import said

PROGRAMS = ("Xvfb", "xterm", "xdotool", "xmodmap")
PATIENCE_SECONDS = 30

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(not all(map(shutil.which, PROGRAMS)), reason=f"needs {', '.join(PROGRAMS)}"),
]


def press(action: str, key: str) -> None:
    subprocess.run(["xdotool", action, key], check=True, timeout=PATIENCE_SECONDS)


def wait_until_shown(kind: str) -> None:
    """Asks again and again: a `search --sync` that misses the window coming up may wait for good."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    search = ["xdotool", "search", "--onlyvisible", "--class", kind]
    while True:
        with suppress(subprocess.TimeoutExpired):
            if subprocess.run(search, capture_output=True, timeout=5).returncode == 0:
                return
        assert time.monotonic() < deadline, f"no window of {kind} has come up"
        time.sleep(0.05)


class Window:
    """A terminal over the whole screen, whose program writes down what is typed."""

    def __init__(self, typed: int):
        self._typed = typed

    def wait_for(self, count: int) -> bytes:
        """The next `count` bytes."""
        received, deadline = b"", time.monotonic() + PATIENCE_SECONDS
        while len(received) < count:
            ready, _, _ = select.select([self._typed], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"only {received!r} arrived"
            received += os.read(self._typed, count - len(received))
        return received


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """Without a reset, which would follow each program that goes while it is the only one, and take along who comes."""
    reading, writing = os.pipe()
    command = ["Xvfb", "-displayfd", str(writing), "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"]
    server = subprocess.Popen(command, pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    number = b""
    while not number.endswith(b"\n"):
        number += os.read(reading, 8)
    os.close(reading)
    yield f":{int(number)}"
    server.terminate()
    server.wait(PATIENCE_SECONDS)


@pytest.fixture
def window(display: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    pipe = tmp_path / "typed"
    os.mkfifo(pipe)
    typed = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    program = f"stty raw -echo; exec cat > {pipe}"
    terminal = subprocess.Popen(
        ["xterm", "-u8", "-geometry", "120x50+0+0", "-e", "sh", "-c", program],
        env=os.environ | {"LC_ALL": "C.UTF-8"},
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until_shown("XTerm")
        yield Window(typed)
    finally:
        terminal.terminate()
        terminal.wait(PATIENCE_SECONDS)
        os.close(typed)


@pytest.mark.parametrize("key", ["Control_L", "Alt_L", "Shift_L"])
def test_what_is_typed_while_a_key_is_held_makes_no_shortcut(window, key):
    """The user lets go of Ctrl a moment later, or, of the others, not at all."""
    press("keydown", key)
    release = threading.Timer(0.5 if key == "Control_L" else 60, press, ("keyup", key))
    release.start()
    try:
        Typist([Xdotool()], print).type("Please.")
        assert window.wait_for(8) == b"Please. "
    finally:
        release.cancel()
        press("keyup", key)


@pytest.mark.parametrize("key", ["Super_L", "ISO_Level3_Shift"])
def test_keys_that_do_nothing_to_a_terminal_are_waited_for_too(window, key):
    """Super makes shortcuts of a desktop, AltGr other letters of many layouts."""
    press("keydown", key)
    try:
        assert run([*keyboards.X11_KEYS, "released"], timeout_seconds=PATIENCE_SECONDS) not in ("", "0")
    finally:
        press("keyup", key)
    assert run([*keyboards.X11_KEYS, "released"], timeout_seconds=PATIENCE_SECONDS) == "0"


def test_a_user_who_leaves_while_a_key_is_held_gets_no_shortcuts(window):
    """Ctrl is held: that is how Ctrl-C is pressed."""
    dictation = Dictation("USB Microphone", [Xdotool()])
    tell = dictation.between(lambda event: None)
    press("keydown", "Control_L")
    try:
        tell(said("Delete all."))
        time.sleep(0.8)  # it waits for the key
        dictation.abandon()
    finally:
        press("keyup", "Control_L")
    press("key", "z")
    assert window.wait_for(1) == b"z"


def test_what_is_typed_while_caps_lock_is_on_keeps_its_case(window):
    press("key", "Caps_Lock")
    try:
        Typist([Xdotool()], print).type("Please.")
        assert window.wait_for(8) == b"Please. "
    finally:
        press("key", "Caps_Lock")


def test_a_key_that_a_tool_held_when_it_was_ended_is_let_go(window, monkeypatch):
    def holds(command, text="", *, timeout_seconds=PROBE_SECONDS):
        if command[1] != "type":
            return run(command, text, timeout_seconds=timeout_seconds)
        press("keydown", "x")
        raise ToolStopped("ended by signal 9")

    monkeypatch.setattr(keyboards, "run", holds)
    with pytest.raises(ToolStopped):
        Xdotool().type("x")
    assert run([*keyboards.X11_KEYS, "down"], timeout_seconds=PATIENCE_SECONDS) == ""


def test_letters_marks_and_emoji_arrive_and_can_be_taken_back(window):
    told: list[str] = []
    keyboards = working(desktop_of({"DISPLAY": os.environ["DISPLAY"]}, "linux"))
    assert isinstance(keyboards[0], Xdotool)
    hands = Typist(keyboards, told.append)
    text = "Grüße aus Łódź – “naïve” isn’t $HOME, --help, Return or 🎉."
    hands.type(text)
    assert window.wait_for(len(text.encode()) + 1).decode() == text + " "
    hands.take_back()
    assert window.wait_for(len(text) + 1) == b"\x7f" * (len(text) + 1)
    hands.break_lines(1)
    assert window.wait_for(1) == b"\r"
    assert told == []
