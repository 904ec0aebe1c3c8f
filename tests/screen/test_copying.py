"""What `c`, `C` and `a` put on the clipboard."""

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.screen.editing_screen import counted
from tests.dictation.tools import Tools
from tests.screen.fake_session import FakeSession, commanded, said
from tests.screen.in_app import INFO, in_app, rows, until_true
from tests.screen.transcripts import OPENED, TEXTS, notices, with_transcript


@pytest.mark.parametrize(
    ("keys", "copied"),
    [
        (["c"], "Any questions?"),
        (["up", "up", "c"], "Another budget line."),
        (["up", "shift+up", "c"], "Another budget line.\nAny questions?"),
        (["C"], "\n".join(TEXTS)),
    ],
)
def test_copies_the_newest_utterance_or_the_selection_or_everything(keys, copied):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(*keys)
        assert pilot.app.clipboard == copied
        assert notices(pilot) == [f"Copied {counted(len(copied.splitlines()))}."]

    with_transcript(scenario)


def test_a_keeps_each_new_utterance_on_the_clipboard_until_it_is_pressed_again():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("a")
        assert "copying each" in rows(pilot)[22]
        session.tell(said("Dictated.", 50.0))
        await pilot.pause()
        assert pilot.app.clipboard == "Dictated."
        await pilot.press("a")
        session.tell(said("Not copied.", 60.0))
        await pilot.pause()
        assert pilot.app.clipboard == "Dictated."

    session = FakeSession(*OPENED)
    in_app(scenario, session)


def test_what_is_taken_back_by_voice_is_not_kept_on_the_clipboard():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        clipboards = []
        for number, text in enumerate(("First.", "Second.")):
            session.tell(said(text, 50.0 + number, index=number))
        for number in range(2):
            session.tell(commanded("Scratch that.", "scratch that", 60.0 + number, index=2 + number))
            await pilot.pause()
            clipboards.append(pilot.app.clipboard)
        assert clipboards == ["First.", ""]

    session = FakeSession(*OPENED)
    in_app(scenario, session, info=replace(INFO, clipboard=True))


def test_of_a_call_only_what_the_microphone_hears_is_kept_on_the_clipboard():
    info = SessionInfo(model="demo model", sources=("USB Microphone", "System audio"), clipboard=True)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert pilot.app.clipboard == "Mine."

    session = FakeSession(*OPENED, said("Mine."), said("Theirs.", 5.0, source="System audio", index=1))
    in_app(scenario, session, info=info)


@pytest.mark.parametrize("text", ["word " * 16_000, "日本 " * 11_000], ids=["words", "letters of three bytes"])
def test_a_text_too_long_for_some_terminals_is_copied_with_a_warning(text):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("C")
        assert len(pilot.app.clipboard.encode()) > 75_000
        assert any("Some terminals cut" in notification.message for notification in pilot.app._notifications)

    with_transcript(scenario, text)


def test_a_program_that_is_slow_to_copy_does_not_stop_the_screen_and_gets_the_newest_text_last(tmp_path, monkeypatch):
    tools, gate, copied = Tools(tmp_path, monkeypatch), tmp_path / "gate", tmp_path / "copied"
    tools.put("xclip", f"until [ -e {gate} ]; do /bin/sleep 0.02; done; echo . >> {copied}")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("c")
        await until_true(pilot, lambda: tools.took("xclip"))
        await pilot.press("up", "c", "up", "c")  # while the program still has the first
        gate.touch()
        await until_true(pilot, lambda: copied.exists() and copied.read_text() == ".\n.\n")
        assert tools.took("xclip") == "Any questions?Another budget line."

    with_transcript(scenario)


def test_what_is_transcribed_at_the_very_end_is_still_copied(tmp_path, monkeypatch):
    """The screen closes as soon as the last of it is there."""

    class HearsAWordMore(FakeSession):
        def stop(self) -> None:
            self.tell(said("The last words.", 60.0))
            super().stop()

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("a", "q")
        await pilot.pause()

    tools = Tools(tmp_path, monkeypatch)
    tools.put("xclip")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    in_app(scenario, HearsAWordMore(*OPENED))
    assert tools.took("xclip") == "The last words."
