"""Each tool gets the text as text, says when it cannot, and is ended when it hangs."""

import os
import signal
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

import pytest

from live_canary.dictation import keyboards, pynput_keys
from live_canary.dictation.keyboards import (
    CannotType,
    Dotool,
    Pynput,
    Typed,
    Wtype,
    Xdotool,
    Ydotool,
    desktop_of,
    pieces,
)
from live_canary.dictation.programs import ToolEnded, ToolFailed, ToolStopped, run
from tests.dictation.tools import FAILS, HANGS

TEXT = "--delay 'Return' $(id) – naïve 🎉 -"
WTYPE_BEGINS = "-p F23 -p F24 -s 20"
YDOTOOL_HELP = "echo Use environment variable YDOTOOL_SOCKET to specify daemon socket."


@pytest.mark.parametrize("keyboard", [Xdotool(), Wtype(), Dotool()], ids=lambda keyboard: keyboard.name)
def test_text_is_given_on_stdin_so_that_nothing_in_it_is_an_option_or_a_key(tools, keyboard):
    tools.put(keyboard.name)
    assert keyboard.type(TEXT) == Typed(len(TEXT))
    assert tools.took(keyboard.name) == (f"type {TEXT}\n" if keyboard.name == "dotool" else TEXT)
    assert not any("delay" in asked or "naïve" in asked for asked in tools.asked(keyboard.name))


@pytest.mark.parametrize(
    ("keyboard", "erased", "broken"),
    [
        (Xdotool(), "key BackSpace BackSpace", "key shift+Return"),
        (Wtype(), f"{WTYPE_BEGINS} -k BackSpace -k BackSpace", f"{WTYPE_BEGINS} -M shift -k Return -m shift"),
        (Ydotool(), "key 14:1 14:0 14:1 14:0", "key 42:1 28:1 28:0 42:0"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_backspaces_and_line_breaks_are_keys(tools, keyboard, erased, broken):
    tools.put(keyboard.name)
    keyboard.erase(2)
    keyboard.break_line()
    assert tools.asked(keyboard.name) == [erased, broken]


def test_dotool_takes_keys_as_lines_of_stdin(tools):
    tools.put("dotool")
    Dotool().erase(2)
    Dotool().break_line()
    assert tools.took("dotool") == "key backspace backspace\nkey shift+enter\n"


@pytest.mark.parametrize("warning", ["impossible character for layout", "invalid character"])
def test_a_letter_that_dotool_has_no_key_for_is_reported(tools, warning):
    tools.put("dotool", f"echo 'dotool: WARNING: {warning}: ü' >&2")
    assert Dotool().type("Tür") == Typed(2, missing="ü")


def test_ydotool_gets_plain_marks_for_typographic_ones(tools):
    tools.put("ydotool")
    assert Ydotool().type("It’s “on” – well… ") == Typed(20)
    assert tools.took("ydotool") == 'It\'s "on" - well... '


def test_ydotool_refuses_letters_that_it_would_drop_without_a_word(tools):
    tools.put("ydotool")
    with pytest.raises(CannotType, match="has no keys for äü"):
        Ydotool().type("Tür zäh")
    assert tools.asked("ydotool") == []


def test_ydotool_is_checked_through_its_daemon_without_typing(tools):
    tools.put("ydotool", YDOTOOL_HELP)
    Ydotool().check()
    assert tools.asked("ydotool") == ["--help", "type --file /dev/null"]


@pytest.mark.parametrize("exit_code", [0, 1])
def test_a_ydotool_that_does_not_say_when_it_fails_is_refused(tools, exit_code):
    tools.put("ydotool", f"echo 'Available commands: type recorder'; exit {exit_code}")
    with pytest.raises(ToolFailed, match=r"older than 1\.0"):
        Ydotool().check()


def test_a_daemon_that_is_not_running_is_the_reason(tools):
    tools.put("ydotool", f'if [ "$1" = type ]; then {FAILS}; fi; {YDOTOOL_HELP}')
    with pytest.raises(ToolFailed, match="no such display"):
        Ydotool().check()


@pytest.mark.parametrize("keyboard", [Xdotool(), Wtype(), Dotool(), Ydotool()], ids=lambda keyboard: keyboard.name)
def test_a_check_types_nothing_and_tells_why_it_fails(tools, keyboard):
    with pytest.raises(ToolFailed, match="not installed"):
        keyboard.check()
    tools.put(keyboard.name, FAILS)
    with pytest.raises(ToolFailed, match="no such display"):
        keyboard.check()
    assert tools.took(keyboard.name) == ""


def test_wtype_never_gets_more_different_letters_than_keys_that_browsers_take_for_letters(tools):
    text = "The quick brown fox jumps over the lazy dog, doesn’t it?"
    parts = list(pieces(text, 12))
    assert "".join(parts) == text
    assert max(len(set(part)) for part in parts) == 12
    tools.put("wtype")
    Wtype().type(text)
    assert tools.asked("wtype") == [f"{WTYPE_BEGINS} -"] * len(parts)


KEYS = "echo 'keycode  38 = a A a A'; echo 'keycode  93 ='; echo 'keycode  97 = '"


@pytest.mark.parametrize("number", [1, 2, 9, 15])
def test_what_a_tool_was_typing_when_somebody_ended_it_may_be_there_in_part(tools, number):
    tools.put("xdotool", f"kill -{number} $$")
    of_the_tests = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it, and what they start does too
    try:
        with pytest.raises(ToolEnded, match=f"ended by signal {number}"):
            Xdotool().type("Half of this.")
    finally:
        signal.signal(signal.SIGHUP, of_the_tests)


def test_a_tool_that_crashes_was_ended_by_nobody(tools):
    """Another one types from then on."""
    tools.put("xdotool", "kill -SEGV $$")
    with pytest.raises(ToolStopped, match="ended by signal 11") as crashed:
        Xdotool().type("Half of this.")
    assert not isinstance(crashed.value, ToolEnded)


def test_letters_that_the_layout_may_lack_get_keys_of_their_own_before_they_are_typed(tools):
    tools.put("xdotool")
    tools.put("xmodmap", KEYS)
    keyboard = Xdotool()
    for text in ("plain", "für", "zäh für", "Öl"):
        keyboard.type(text)
    assert tools.asked("xmodmap") == ["-pke", "-", "-", "-"]
    assert tools.took("xmodmap").splitlines() == [
        "keycode 93 = U00FC",
        "keycode 97 = U00E4",
        "keycode 93 = U00FC",
        "keycode 93 = U00D6",  # of ü, which has had it longest
    ]


def test_xdotool_types_also_where_no_key_is_to_spare(tools):
    tools.put("xdotool")
    Xdotool().type("für")
    tools.put("xmodmap")
    Xdotool().type("für")
    assert tools.took("xdotool") == "fürfür"


def test_who_ends_what_prepares_the_typing_wants_nothing_typed(tools):
    tools.put("xdotool")
    tools.put("xmodmap", "kill -9 $$")
    with pytest.raises(ToolEnded):
        Xdotool().type("für")
    assert tools.asked("xdotool") == []


def test_a_wtype_that_fails_in_the_midst_has_typed_a_part(tools, tmp_path):
    tools.put("wtype", f"[ $(/bin/wc -l < {tmp_path}/wtype.asked) = 1 ] || {{ {FAILS}; }}")
    with pytest.raises(ToolStopped, match="no such display"):
        Wtype().type("The quick brown fox jumps over the lazy dog.")


def test_a_wtype_that_fails_at_once_has_typed_nothing(tools):
    tools.put("wtype", FAILS)
    with pytest.raises(ToolFailed) as failure:
        Wtype().type("The quick brown fox jumps over the lazy dog.")
    assert not isinstance(failure.value, ToolStopped)


def test_no_text_has_no_pieces():
    assert list(pieces("", 12)) == []


@pytest.mark.parametrize(
    ("environment", "platform", "names"),
    [
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "linux", ["wtype", "dotool", "ydotool"]),
        ({"XDG_SESSION_TYPE": "wayland"}, "linux", ["wtype", "dotool", "ydotool"]),
        ({"DISPLAY": ":0", "XDG_SESSION_TYPE": "x11"}, "linux", ["xdotool", "dotool", "ydotool"]),
        ({"XDG_SESSION_TYPE": "tty"}, "linux", []),
        ({}, "darwin", ["pynput"]),
        ({}, "win32", ["pynput"]),
    ],
)
def test_a_desktop_has_the_tools_that_can_reach_its_windows(environment, platform, names):
    assert [keyboard.name for keyboard in desktop_of(environment, platform).keyboards] == names


@pytest.mark.parametrize(
    ("environment", "platform", "advice"),
    [
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", "install wtype"),
        ({"DISPLAY": ":0"}, "linux", "Install xdotool"),
        ({}, "linux", "Neither WAYLAND_DISPLAY nor DISPLAY is set"),
        ({}, "darwin", "accessibility settings"),
        ({}, "win32", "administrator"),
    ],
)
def test_where_nothing_can_type_a_desktop_has_advice_of_its_own(environment, platform, advice):
    assert advice in desktop_of(environment, platform).advice


def test_a_tool_that_hangs_is_ended_with_whatever_it_started(tools, tmp_path):
    tools.put("wtype", f"/bin/sleep 600 & echo $! > {tmp_path}/child; wait")
    with pytest.raises(ToolStopped, match="no answer"):
        run(["wtype"], timeout_seconds=0.3)
    command = Path("/proc") / (tmp_path / "child").read_text().strip() / "cmdline"
    deadline = time.monotonic() + 5
    while command.exists() and command.read_bytes():  # empty: it has ended, but nobody has asked how
        assert time.monotonic() < deadline, "the child lives on"


def test_a_tool_reads_letters_as_they_are_written_whatever_its_users_language(tools, monkeypatch):
    monkeypatch.setenv("LC_ALL", "C")
    tools.put("wtype", "echo $LC_ALL")
    assert run(["wtype"]) == "C.UTF-8"


@pytest.mark.parametrize(
    ("then", "reason"),
    [
        ("exit 3", "exit code 3"),
        ("echo 'No such display.' >&2; echo 'Giving up.' >&2; exit 1", "No such display. Giving up"),
        ("printf '%0300d' 0; exit 1", "0" * 200),
    ],
)
def test_a_tool_that_fails_has_a_reason_that_fits_into_a_sentence(tools, then, reason):
    tools.put("wtype", then)
    with pytest.raises(ToolFailed) as failure:
        run(["wtype"])
    assert str(failure.value) == reason


def test_a_tool_that_may_not_be_run_is_the_reason(tools, tmp_path):
    tools.put("wtype")
    (tmp_path / "wtype").chmod(0o644)
    with pytest.raises(ToolFailed, match="cannot be started: Permission denied"):
        run(["wtype"])


def test_a_program_that_stays_behind_is_not_waited_for(tools):
    """xclip and wl-copy go on in the background, with the same stdout, for as long as they hold the clipboard."""
    tools.put("xclip", "/bin/sleep 20 &")
    begun = time.monotonic()
    run(["xclip"], "text", timeout_seconds=10)
    assert time.monotonic() - begun < 5


def test_a_long_text_may_take_long(tools, monkeypatch):
    monkeypatch.setattr(keyboards, "LEAST_SECONDS", 0.2)
    monkeypatch.setattr(keyboards, "SECONDS_A_KEY", 0.0)
    tools.put("xdotool", HANGS)
    with pytest.raises(ToolStopped):
        Xdotool().type("text")
    assert keyboards.seconds_for(100) == 0.2
    monkeypatch.setattr(keyboards, "SECONDS_A_KEY", 1.0)
    assert keyboards.seconds_for(100) > 100


FAKE_PYNPUT = """
import contextlib, sys
class Key:
    backspace, enter, shift = "backspace", "enter", "shift"
class Controller:
    def type(self, text):
        print("typed", text.encode())
    def tap(self, key):
        print("tap", key)
    @contextlib.contextmanager
    def pressed(self, key):
        print("down", key)
        yield
        print("up", key)
"""


@pytest.mark.parametrize(
    ("arguments", "text", "did"),
    [
        (["check"], "", ""),
        (["type"], "für", f"typed {'für'.encode()!r}"),
        (["erase", "2"], "", "tap backspace\ntap backspace"),
        (["break-line"], "", "down shift\ntap enter\nup shift"),
    ],
)
def test_pynput_types_what_it_gets_on_stdin(tmp_path, monkeypatch, arguments, text, did):
    package = tmp_path / "pynput"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "keyboard.py").write_text(FAKE_PYNPUT)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    assert run([sys.executable, "-m", "live_canary.dictation.pynput_keys", *arguments], text) == did


@pytest.mark.parametrize("is_trusted", [True, False])
def test_a_terminal_that_macos_does_not_let_type_is_told_so(monkeypatch, is_trusted):
    """macOS drops the keys without a word."""
    accessibility = ModuleType("HIServices")
    accessibility.AXIsProcessTrusted = lambda: is_trusted
    monkeypatch.setitem(sys.modules, "HIServices", accessibility)
    monkeypatch.setitem(sys.modules, "pynput", ModuleType("pynput"))
    monkeypatch.setitem(sys.modules, "pynput.keyboard", ModuleType("pynput.keyboard"))
    monkeypatch.setattr(sys, "platform", "darwin")
    with nullcontext() if is_trusted else pytest.raises(SystemExit, match="does not allow this terminal to type"):
        pynput_keys.main("check")


def test_a_pynput_that_is_not_there_is_the_reason(tmp_path, monkeypatch):
    (tmp_path / "pynput.py").write_text("raise ImportError('no display')")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    with pytest.raises(ToolFailed, match="pynput cannot be loaded"):
        Pynput().check()
