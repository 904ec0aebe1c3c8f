import base64
import errno
import io
import re
import threading
from functools import partial

import pytest
from textual.pilot import Pilot

from live_canary.dictation.clipboard import ELSEWHERE, Clipboard, clipboard_programs
from live_canary.dictation.dictation import Dictation
from live_canary.dictation.keyboards import X11_KEYS, Pynput
from live_canary.dictation.programs import ToolFailed, run
from live_canary.errors import DictationError
from live_canary.events import SessionEnded, UtteranceAmended
from live_canary.screen.contract import Outcome
from live_canary.transcript.taking_back import Latest
from tests.dictation.tools import FAILS
from tests.screen.fake_session import ENDED, FakeSession, commanded, said
from tests.screen.in_app import in_app
from tests.screen.transcripts import OPENED

X11 = clipboard_programs({"DISPLAY": ":0"}, "linux")


def copied(terminal: io.StringIO) -> str:
    """What the terminal was last asked to copy."""
    *_, last = re.findall(r"\x1b\]52;c;([^\a]*)\a", terminal.getvalue())
    return base64.b64decode(last).decode()


def test_a_terminal_is_asked_to_copy():
    terminal = io.StringIO()
    assert Clipboard(terminal, []).put("Grüße – 🎉") is None
    assert copied(terminal) == "Grüße – 🎉"


def test_a_terminal_gets_the_text_at_once():
    """What is meant for it holds no end of a line, for which a stream waits."""
    raw = io.BytesIO()
    terminal = io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", line_buffering=True)
    Clipboard(terminal, []).put("One.")
    assert raw.getvalue().endswith(b"\a")


def test_a_desktop_program_gets_the_text_on_stdin(tools):
    tools.put("xsel")
    assert Clipboard(None, X11).put("-version") is None
    assert tools.took("xsel") == "-version"
    assert tools.asked("xsel") == ["--clipboard --input"]


def test_a_program_that_fails_is_told_once_and_the_next_one_copies(tools):
    tools.put("xclip", FAILS)
    tools.put("xsel")
    clipboard = Clipboard(None, X11)
    assert clipboard.put("One.") == "Copying does not work as it should. xclip: no such display."
    assert clipboard.put("Two.") is None
    tools.put("xclip")
    assert clipboard.put("Three.") is None
    assert tools.took("xsel") == "One.Two."
    tools.put("xclip", FAILS)
    assert clipboard.put("Four.") == "Copying does not work as it should. xclip: no such display."


def test_without_room_for_what_a_program_says_it_is_told_that_nothing_was_copied(tools, monkeypatch):
    def refuse() -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    tools.put("xclip")
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)  # as Python does where every disk is full
    told = Clipboard(None, X11).put("One.")
    assert told and "xclip: cannot be started: No usable temporary directory" in told


def test_without_terminal_and_program_it_is_refused_with_what_to_install(tools):
    with pytest.raises(DictationError, match="install xclip or xsel"):
        Clipboard(None, X11)
    with pytest.raises(DictationError, match="start it in a terminal"):
        Clipboard(None, clipboard_programs({}, "linux"))


def test_each_desktop_has_its_programs():
    both = clipboard_programs({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "linux")
    assert [program[0] for program in both] == ["wl-copy", "xclip", "xsel"]
    [[*_, code]] = clipboard_programs({}, "darwin")
    assert "pyperclip.copy" in code


def test_a_file_of_the_user_is_not_run_in_the_place_of_a_library(tmp_path, monkeypatch):
    """In a folder with a typing.py or an AppKit.py nothing was typed or copied, and that file was run."""
    for name in ("pyperclip", "ctypes", "pynput"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('a file of the user')")
    monkeypatch.chdir(tmp_path)
    slowly = partial(run, timeout_seconds=60)
    for attempt in (partial(slowly, *ELSEWHERE, "text"), partial(slowly, [*X11_KEYS, "released"]), Pynput().check):
        try:
            attempt()
        except ToolFailed as failure:
            assert "a file of the user" not in str(failure)


def test_the_latest_utterance_is_copied_in_one_line():
    terminal, over = io.StringIO(), threading.Event()
    tell = Dictation("USB Microphone", clipboard=Clipboard(terminal, [])).between(
        lambda event: over.set() if isinstance(event, SessionEnded) else None
    )
    for event in (said("One."), said("Two\nlines."), ENDED):
        tell(event)
    assert over.wait(10)
    assert copied(terminal) == "Two lines."


def test_what_is_taken_back_by_voice_is_not_pasted_any_more():
    terminal, over = io.StringIO(), threading.Event()
    tell = Dictation("USB Microphone", clipboard=Clipboard(terminal, [])).between(
        lambda event: over.set() if isinstance(event, SessionEnded) else None
    )
    for event in (said("One."), said("Two.", index=1), commanded("Scratch that.", "scratch that", index=2), ENDED):
        tell(event)
    assert over.wait(10)
    assert copied(terminal) == "One."


def test_what_was_deleted_by_a_key_does_not_come_back_to_the_clipboard():
    terminal, over = io.StringIO(), threading.Event()
    tell = Dictation("USB Microphone", clipboard=Clipboard(terminal, [])).between(
        lambda event: over.set() if isinstance(event, SessionEnded) else None
    )
    for event in (said("One."), said("Two.", index=1), said("Three.", index=2)):
        tell(event)
    for event in (UtteranceAmended(1, None), commanded("Scratch that.", "scratch that", index=3), ENDED):
        tell(event)
    assert over.wait(10)
    assert copied(terminal) == "One."


@pytest.mark.parametrize(("key", "then"), [(None, None), ((1, None), ""), ((1, "2."), "One.")])
def test_what_is_taken_back_is_what_the_transcript_takes_back(key, then):
    """A new line, not the words before it; and what was deleted by a key does not come back."""
    latest = Latest()
    for index, text in enumerate(("One.", "Two.")):
        latest.heed(said(text, index=index).utterance)
    if key:
        latest.revised(*key)
    else:
        latest.heed(commanded("New line.", "new line", index=2).utterance)
    assert latest.heed(commanded("Scratch that.", "scratch that", index=3).utterance) == then


def test_on_the_screen_a_program_that_fails_writes_nothing_over_it_and_is_not_believed(tools, monkeypatch, capfd):
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    tools.put("xclip", FAILS)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("c")
        assert any("Some terminals cut" in notification.message for notification in pilot.app._notifications)
        tools.put("xsel")
        await pilot.press("c")

    in_app(scenario, FakeSession(*OPENED, said("word " * 16_000)))
    assert tools.took("xsel") == ("word " * 16_000).strip()
    assert "no such display" not in "".join(capfd.readouterr())
