"""What is said is typed in its order, and nothing that the tools do holds up the session."""

import threading
import time

import pytest

from live_canary.dictation.dictation import Dictation
from live_canary.dictation.keyboards import Typed, Xdotool
from live_canary.dictation.programs import ToolFailed
from live_canary.events import BacklogChanged, Event, SessionEnded, StageFailed, UtteranceFinal
from tests.dictation.fake_keyboard import FakeKeyboard
from tests.screen.fake_session import ENDED, commanded, said

PATIENCE_SECONDS = 10


class SlowKeyboard(FakeKeyboard):
    """Types when it is allowed to."""

    def __init__(self) -> None:
        super().__init__()
        self.allowed = threading.Event()
        self.at_work = threading.Event()

    def type(self, text: str) -> Typed:
        self.at_work.set()
        assert self.allowed.wait(PATIENCE_SECONDS)
        return super().type(text)


class Screen:
    """Collects what is told, and knows when it is over."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.over = threading.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, SessionEnded):
            self.over.set()

    @property
    def notices(self) -> list[str]:
        return [event.message for event in self.events if isinstance(event, StageFailed)]


def dictated(keyboard: FakeKeyboard, *events: Event) -> Screen:
    screen = Screen()
    tell = Dictation("USB Microphone", [keyboard]).between(screen)
    for event in (*events, ENDED):
        tell(event)
    assert screen.over.wait(PATIENCE_SECONDS)
    return screen


def test_finals_are_typed_in_their_order():
    keys = FakeKeyboard()
    screen = dictated(keys, said("One."), said("Two."), said("Three."))
    assert keys.window == "One. Two. Three. "
    assert [event for event in screen.events if isinstance(event, UtteranceFinal)] == [
        said("One."), said("Two."), said("Three."),
    ]  # fmt: skip
    assert screen.events[-1] == ENDED


def test_what_the_others_say_is_shown_and_not_typed():
    keys = FakeKeyboard()
    screen = dictated(keys, said("Mine."), said("Theirs.", source="System audio"))
    assert keys.window == "Mine. "
    assert said("Theirs.", source="System audio") in screen.events


def test_voice_commands_are_obeyed_instead_of_typed():
    keys = FakeKeyboard()
    dictated(
        keys,
        said("One."),
        commanded("New line.", "new line"),
        said("Two."),
        commanded("Scratch that.", "scratch that"),
        commanded("New paragraph.", "new paragraph"),
    )
    assert keys.window == "One. \n\n\n"


def test_a_tool_that_hangs_holds_up_no_event_but_the_end():
    keys, screen = SlowKeyboard(), Screen()
    dictation = Dictation("USB Microphone", [keys])
    tell = dictation.between(screen)
    assert not dictation.is_typing()
    for event in (said("One."), BacklogChanged(1.0), said("Two."), ENDED):
        tell(event)
    assert screen.events == [said("One."), BacklogChanged(1.0), said("Two.")]
    assert keys.at_work.wait(PATIENCE_SECONDS)
    assert dictation.is_typing()
    keys.allowed.set()
    assert screen.over.wait(PATIENCE_SECONDS)
    assert keys.window == "One. Two. "


def test_a_user_who_leaves_at_once_gets_no_more_keys(tools):
    tools.put("xdotool", 'if [ "$1" = type ]; then exec /bin/sleep 600; fi')
    dictation, screen = Dictation("USB Microphone", [Xdotool()]), Screen()
    tell = dictation.between(screen)
    for number in range(3):
        tell(said(f"{number}."))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while tools.took("xdotool") != "0. ":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    dictation.abandon()
    assert tools.took("xdotool") == "0. "
    assert screen.notices == ["xdotool: ended by signal 9; perhaps “0.” was not typed, the transcript has it."]


def test_a_user_who_leaves_before_the_session_has_begun_may():
    Dictation("USB Microphone", [FakeKeyboard()]).abandon()


def test_a_tool_that_fails_is_told_without_ending_anything():
    keys = FakeKeyboard()
    keys.fails = ToolFailed("no such display")
    screen = dictated(keys, said("One."))
    assert screen.notices == ["keys: no such display; “One.” was not typed, the transcript has it."]
    assert all(not event.fatal for event in screen.events if isinstance(event, StageFailed))


class BrokenKeyboard(FakeKeyboard):
    def type(self, text: str) -> Typed:
        if text == "One. ":
            raise ZeroDivisionError("a bug")
        return super().type(text)


def test_a_bug_is_told_and_the_next_utterance_is_typed(caplog: pytest.LogCaptureFixture):
    keys = BrokenKeyboard()
    screen = dictated(keys, said("One."), said("Two."))
    assert keys.window == "Two. "
    assert screen.notices == ["Internal error in dictation: ZeroDivisionError('a bug'); please report it"]
    assert "a bug" in caplog.text


@pytest.mark.parametrize("grace_seconds", [60.0, 0.0])
def test_keys_are_a_tools_for_a_moment_after_it_has_ended_and_no_longer(monkeypatch, grace_seconds):
    """Also after a bug: the keys of the screen would do nothing any more."""
    monkeypatch.setattr("live_canary.dictation.dictation.GRACE_SECONDS", grace_seconds)
    dictation, screen = Dictation("USB Microphone", [BrokenKeyboard()]), Screen()
    tell = dictation.between(screen)
    for event in (said("One."), ENDED):
        tell(event)
    assert screen.over.wait(PATIENCE_SECONDS)
    assert dictation.is_typing() == bool(grace_seconds)
