"""What the screen and the lines without one show of dictation."""

import io
import json
import sys
from dataclasses import replace

import pytest
from textual.pilot import Pilot

from live_canary.commands import dictating
from live_canary.commands.dictation_checks import typing
from live_canary.errors import DictationError
from live_canary.events import ModelProgress, PartialChanged, SourceOpened, UtteranceAmended, UtteranceFinal
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.screen.plain import PlainScreen
from live_canary.screen.plain_lines import json_line
from live_canary.settings import Settings
from live_canary.transcript.voice_commands import VoiceCommand
from tests.dictation.tools import FAILS
from tests.screen.fake_session import ENDED, FakeSession, said
from tests.screen.in_app import INFO, in_app, rows, until_shown
from tests.screen.transcripts import type_path

OPENED = (SourceOpened("USB Microphone"), ModelProgress("ready", ready=True))


def obeyed(command: VoiceCommand, index: int = 0) -> UtteranceFinal:
    final = said(f"{command.capitalize()}.", 4.0, index=index)
    return replace(final, utterance=replace(final.utterance, command=command))


def scratched(index: int) -> UtteranceFinal:
    return obeyed("scratch that", index)


def test_keys_that_are_typed_into_the_screen_itself_do_nothing_and_it_says_so():
    session = FakeSession(*OPENED, said("Quiet, please."))
    typing_now = [True]

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(*"qpd")
        [notice] = pilot.app._notifications
        assert "what you say is typed here and dropped" in notice.message
        assert session.asked == ["start"]
        typing_now[0] = False
        await pilot.press("p")
        assert session.asked == ["start", "mute USB Microphone"]

    in_app(scenario, session, size=(100, 24), is_typing=lambda: typing_now[0])


def test_ctrl_c_always_finishes():
    session = FakeSession(*OPENED)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("ctrl+c")

    in_app(scenario, session, is_typing=lambda: True)
    assert session.asked == ["start", "stop"]


def test_the_status_line_names_the_tool():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await until_shown(pilot, "typing with wtype")

    in_app(scenario, FakeSession(*OPENED), info=replace(INFO, typing="wtype"))


def test_a_command_takes_away_what_was_being_said_and_what_it_takes_back():
    said_first = (said("Good morning."), said("Oh no.", 2.0, index=1))
    session = FakeSession(*OPENED, *said_first, PartialChanged("USB Microphone", 4.0, "Scratch", "that"))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await until_shown(pilot, "Scratch that")
        session.tell(scratched(2))
        session.tell(UtteranceAmended(1, None))
        await pilot.pause()
        await pilot.pause()
        shown = "\n".join(rows(pilot))
        assert "Good morning." in shown
        assert "Oh no." not in shown
        assert "Scratch" not in shown

    in_app(scenario, session)


def test_what_is_saved_has_the_paragraphs_that_were_asked_for_and_not_taken_back(tmp_path):
    session = FakeSession(
        *OPENED, said("Dear John."), obeyed("new paragraph"), said("Thank you."), obeyed("new paragraph"),
        scratched(4), UtteranceAmended(3, None), said("Yours."), obeyed("new paragraph"),
    )  # fmt: skip

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, tmp_path / "letter.txt")
        await pilot.pause()
        assert any("Saved 3 utterances" in notification.message for notification in pilot.app._notifications)

    in_app(scenario, session)
    assert (tmp_path / "letter.txt").read_text() == "Dear John.\n\nThank you.\nYours.\n"


def test_lines_without_a_screen_leave_commands_out_and_say_what_was_taken_back():
    out, err = io.StringIO(), io.StringIO()
    session = FakeSession(said("Oh no."), scratched(1), UtteranceAmended(0, None), ENDED)
    PlainScreen(session, SessionInfo("demo model", ("USB Microphone",)), out, err).run()
    assert out.getvalue() == "[00:00:00] Oh no.\n"
    assert err.getvalue() == "The utterance before is taken back.\n"


def test_json_lines_have_the_command():
    line = json_line(scratched(1), INFO)
    assert line
    assert json.loads(line)["command"] == "scratch that"


def test_nothing_is_tried_unless_it_is_asked_for(tools):
    assert dictating.keyboards_of(Settings()) == []
    assert dictating.dictation_of("USB Microphone", [], copies=False) is None


def test_a_terminal_is_given_what_is_copied_only_where_there_is_one(monkeypatch):
    """Escape sequences in a file of what was told would be no copy."""
    terminals = []
    monkeypatch.setattr(dictating, "Clipboard", lambda terminal, programs: terminals.append(terminal))
    for is_one in (True, False):
        monkeypatch.setattr(sys.stderr, "isatty", lambda is_one=is_one: is_one, raising=False)
        dictating.dictation_of("USB Microphone", [], copies=True)
    assert terminals == [sys.stderr, None]


def test_typing_is_refused_before_anything_starts_where_no_tool_works(tools, monkeypatch):
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    tools.put("wtype", FAILS)
    with pytest.raises(DictationError, match=r"wtype \(no such display\), dotool \(not installed\).*install wtype"):
        dictating.keyboards_of(Settings(type=True))


def test_the_doctor_knows_what_can_type(tools, monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.delenv("XDG_SESSION_TYPE", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    tools.put("xdotool")
    [found] = typing()
    assert (found.state, found.text) == ("ok", "--type goes through xdotool")
    tools.put("xdotool", FAILS)
    [found] = typing()
    assert found.state == "warn"
    assert "xdotool (no such display)" in found.text
    assert "Install xdotool" in found.next_step
    monkeypatch.delenv("DISPLAY")
    [found] = typing()
    assert found.text == "there is no desktop to type on"
