"""What each other key does, one test a key; the tests of leaving are in test_app.py, of editing in test_editing.py."""

from dataclasses import replace

import pytest
from textual.pilot import Pilot

from live_canary.events import GapMarked, SessionEnded, SourceOpened
from live_canary.screen.contract import Outcome
from live_canary.screen.listening_screen import ListeningScreen
from live_canary.screen.transcript_view import TranscriptView
from live_canary.transcript.utterance import TranscriptGap
from tests.screen.fake_session import FakeSession
from tests.screen.in_app import INFO, in_app, rows, until_shown
from tests.screen.transcripts import OPENED, TEXTS, notices, transcript, with_transcript


def test_bookmarks_are_marked_and_found_again():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("home", "up", "up", "b", "up", "up", "b")
        assert [row[10] for row in rows(pilot)[1:5]] == ["◆", " ", "◆", " "]
        await pilot.press("right_square_bracket")
        assert transcript(pilot).selected == range(2, 3)
        await pilot.press("left_square_bracket")
        assert transcript(pilot).selected == range(0, 1)
        await pilot.press("b")
        assert rows(pilot)[1][10] == " "

    assert with_transcript(scenario).asked[1:] == ["bookmark 2", "bookmark 0", "no bookmark 0"]


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("e", "There is nothing to edit yet."),
        ("d", "There is nothing to delete yet."),
        ("r", "There is nothing to hear again yet."),
        ("c", "There is nothing to copy yet."),
        ("C", "There is nothing to copy yet."),
        ("s", "There is nothing to save yet."),
        ("b", "There is nothing to bookmark yet."),
        ("left_square_bracket", "There is no bookmark; b sets one."),
        ("n", "There is no search; / starts one."),
        ("u", "There is no edit to undo."),
        ("2", "There is no such source."),
    ],
)
def test_a_key_that_can_do_nothing_says_why(key, told):
    """Who cannot see the screen, or sees it late, does not know otherwise whether the key was heard."""

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(key)
        assert notices(pilot) == [told]

    in_app(scenario, FakeSession(*OPENED))


@pytest.mark.parametrize("key", ["1", "p"])
def test_nothing_can_be_muted_before_it_is_heard(key):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(key)
        assert notices(pilot) == ["Nothing is heard yet."]

    in_app(scenario, FakeSession())


@pytest.mark.parametrize(("key", "what_for"), [("e", "edit"), ("d", "delete"), ("r", "hear again"), ("b", "bookmark")])
def test_what_was_not_heard_has_no_words_for_a_key(key, what_for):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(key)
        assert notices(pilot) == [f"Nothing was heard there, so there are no words to {what_for}."]

    in_app(scenario, FakeSession(*OPENED, GapMarked(TranscriptGap(2.0, 7.5, "microphone lost", "USB Microphone"))))


@pytest.mark.parametrize("key", ["p", "1"])
def test_after_the_end_nothing_is_left_to_mute(key):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(key)
        assert notices(pilot) == ["Nothing is heard any more; q leaves."]

    session = FakeSession(*OPENED, SessionEnded(0, 5.0))
    in_app(scenario, session)
    assert session.asked == ["start"]


def test_p_hears_nothing_until_it_is_pressed_again():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("p")
        assert "paused" in rows(pilot)[0]
        assert rows(pilot)[21].endswith("muted")
        await pilot.press("p")
        assert "listening" in rows(pilot)[0]

    assert with_transcript(scenario).asked == ["start", "mute USB Microphone", "unmute USB Microphone"]


def test_the_first_p_ends_the_pause_that_a_session_begins_with():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("p")

    session = FakeSession(*OPENED)
    in_app(scenario, session, info=replace(INFO, paused=True))
    assert session.asked == ["start", "unmute USB Microphone"]


def test_keys_pressed_quickly_count_before_the_session_answers():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("p", "p", "1", "1")

    session = FakeSession(*OPENED)
    session.busy = True
    in_app(scenario, session)
    assert session.asked == ["start", *["mute USB Microphone", "unmute USB Microphone"] * 2]


def test_a_digit_mutes_one_of_several_sources():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("2", "3")
        assert "listening" in rows(pilot)[0]
        assert [row.split()[-1] for row in rows(pilot)[20:22]] == ["listening", "muted"]

    session = FakeSession(*OPENED, SourceOpened("System audio"))
    in_app(scenario, session)
    assert session.asked == ["start", "mute System audio"]


def test_a_source_that_was_muted_stays_muted_after_a_pause():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("1", "p", "p")
        assert [row.split()[-1] for row in rows(pilot)[20:22]] == ["muted", "listening"]
        await pilot.press("2", "p")
        assert [row.split()[-1] for row in rows(pilot)[20:22]] == ["muted", "listening"]

    in_app(scenario, FakeSession(*OPENED, SourceOpened("System audio")))


def test_help_lists_every_key_and_goes_away():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        for key in ("escape", "q", "question_mark"):
            await pilot.press("question_mark")
            for text in ("Search", "Next match", "Copy everything", "Shift+↑", "Previous bookmark"):
                await until_shown(pilot, text)
            await pilot.press(key)
            await until_shown(pilot, TEXTS[-1])
        assert isinstance(pilot.app.screen, ListeningScreen)

    assert with_transcript(scenario, height=40).asked == ["start"]


def test_t_changes_between_dark_and_light():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("t")
        assert pilot.app.theme == "canary-light"
        await pilot.press("t")
        assert pilot.app.theme == "canary-dark"

    with_transcript(scenario)


def test_a_user_who_wants_light_gets_it_from_the_beginning():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert pilot.app.theme == "canary-light"

    with_transcript(scenario, info=replace(INFO, light=True))


def test_the_command_palette_offers_what_keys_do():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        commands = {command.title: command for command in pilot.app.get_system_commands(pilot.app.screen)}
        bindings = [*ListeningScreen.BINDINGS, *TranscriptView.BINDINGS]
        assert {binding.description for binding in bindings} <= commands.keys()
        assert commands["Delete"].help == "Key: d Del"
        await commands["To the beginning"].callback()
        await commands["Copy everything"].callback()
        assert pilot.app.clipboard == "\n".join(TEXTS)

    with_transcript(scenario)


def test_no_key_minds_an_empty_transcript():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(
            "up", "c", "C", "b", "n", "e", "d", "u", "left_square_bracket", "s", "escape", "home", "end", "slash"
        )

    in_app(scenario, FakeSession(*OPENED))
