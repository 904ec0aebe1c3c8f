"""Scrolling, selecting and bookmarks, by keys and by the mouse."""

import pytest
from textual import events
from textual.pilot import Pilot

from live_canary.events import PartialChanged, UtteranceAmended
from live_canary.screen.contract import Outcome
from live_canary.screen.transcript_view import TranscriptView
from tests.screen.fake_session import FakeSession, said
from tests.screen.in_app import in_app, rows, until_shown
from tests.screen.transcripts import OPENED, many, readable, transcript, with_transcript


def test_new_text_scrolls_into_view():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert rows(pilot)[20].endswith("Utterance number 39.")

    with_transcript(scenario, *many(40))


@pytest.mark.parametrize("key", ["pageup", "g", "k"])
def test_what_is_read_further_up_does_not_move_when_new_text_comes(key):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(key)
        read = readable(pilot)
        session.tell(said("Something new.", 200.0))
        session.tell(said("And more.", 204.0))
        await pilot.pause()
        assert readable(pilot) == read
        assert "below, End shows the newest" in rows(pilot)[22]

    session = FakeSession(*OPENED, *(said(text) for text in many(40)))
    in_app(scenario, session)


def test_what_is_read_does_not_move_when_what_was_being_said_is_taken_away():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        view = transcript(pilot)
        view.scroll_to(y=view.max_scroll_y - 2, animate=False)
        await pilot.pause()
        top = readable(pilot)[0]
        session.tell(PartialChanged("USB Microphone", 200.0, "", ""))
        session.tell(said("Something new.", 204.0))
        await pilot.pause()
        session.tell(said("And more.", 208.0))
        await pilot.pause()
        assert readable(pilot)[0] == top
        await pilot.press("end")
        assert readable(pilot)[-1].endswith("And more.")

    partial = PartialChanged("USB Microphone", 200.0, "", "and on and on " * 40)
    session = FakeSession(*OPENED, *(said(text) for text in many(40)), partial)
    in_app(scenario, session)


@pytest.mark.parametrize("key", ["end", "f"])
def test_end_shows_the_newest_text_and_follows_again(key):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("home", key)
        session.tell(said("Something new.", 200.0))
        await pilot.pause()
        assert rows(pilot)[20].endswith("Something new.")
        assert "End" not in rows(pilot)[22]

    session = FakeSession(*OPENED, *(said(text) for text in many(40)))
    in_app(scenario, session)


def test_the_status_line_counts_what_stands_below_the_last_row():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("home")
        await until_shown(pilot, "20 below, End shows the newest")
        session.tell(UtteranceAmended(39, None))
        await until_shown(pilot, "19 below, End shows the newest")

    session = FakeSession(*OPENED, *(said(text) for text in many(40)))
    in_app(scenario, session)


def test_scrolling_back_to_the_bottom_follows_again():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("pageup", "pagedown")
        assert transcript(pilot).following

    with_transcript(scenario, *many(40))


def test_up_selects_the_newest_utterance_first_and_then_those_above():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up")
        assert rows(pilot)[4] == "▌00:00:12  Any questions?"
        await pilot.press("up", "k", "j")
        assert [row[0] for row in rows(pilot)[1:5]] == [" ", " ", "▌", " "]

    with_transcript(scenario)


def test_shift_extends_the_selection_and_escape_ends_it():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "shift+up", "K", "J")
        assert transcript(pilot).selected == range(2, 4)
        await pilot.press("escape")
        assert transcript(pilot).selected is None
        assert transcript(pilot).following

    with_transcript(scenario)


def test_escape_ends_a_selection_further_up_and_leaves_the_reader_there():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("home", "down")
        read = [row[1:] for row in readable(pilot)]
        await pilot.press("escape")
        assert transcript(pilot).selected is None
        assert [row[1:] for row in readable(pilot)] == read

    with_transcript(scenario, *many(40))


def test_a_selection_that_reaches_the_newest_line_stays_where_it_is_when_new_text_comes():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("home", "up", "down", "down")
        read = readable(pilot)
        assert read[-1] == "▌00:00:00  Utterance number 21."
        session.tell(said("Something new.", 200.0))
        await pilot.pause()
        assert readable(pilot) == read

    session = FakeSession(*OPENED, *(said(text) for text in many(22)))
    in_app(scenario, session)


def test_a_selection_begins_with_the_line_on_the_screen_that_it_comes_from():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("home", "up")
        assert transcript(pilot).selected == range(19, 20)
        await pilot.press("escape", "home", "down")
        assert transcript(pilot).selected == range(0, 1)

    with_transcript(scenario, *many(40))


def test_of_several_selected_lines_a_key_acts_on_the_one_selected_last():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "shift+up", "b")
        assert [row[10] for row in rows(pilot)[1:5]] == [" ", " ", "◆", " "]

    with_transcript(scenario)


def test_a_selection_stays_on_the_screen_while_it_moves():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(*["up"] * 25)
        assert "▌00:00:00  Utterance number 15." in rows(pilot)
        await pilot.press("home", "down")
        assert "▌00:00:00  Utterance number 16." in rows(pilot)
        await pilot.press("escape", "home", *["down"] * 21)
        assert readable(pilot)[-1] == "▌00:00:00  Utterance number 20."

    session = FakeSession(*OPENED, *(said(text) for text in many(40)))
    in_app(scenario, session)


@pytest.mark.parametrize("modifier", ["shift", "control"])
def test_a_click_selects_and_one_with_shift_or_ctrl_extends(modifier):
    """Many terminals keep clicks with Shift for themselves."""

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.click(TranscriptView, offset=(20, 1))
        assert transcript(pilot).selected == range(1, 2)
        await pilot.click(TranscriptView, offset=(20, 3), **{modifier: True})
        assert transcript(pilot).selected == range(1, 4)
        await pilot.click(TranscriptView, offset=(20, 10))
        assert transcript(pilot).selected == range(1, 4)

    with_transcript(scenario)


def test_the_mouse_selects_what_it_is_drawn_over():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.mouse_down(TranscriptView, offset=(20, 3))
        for row in (3, 2, 11):  # of the screen, whose header is the first
            await drawn_over(pilot, row)
        assert transcript(pilot).selected == range(1, 4)
        await pilot.mouse_up(TranscriptView, offset=(20, 1))
        await pilot.hover(TranscriptView, offset=(20, 2))
        await drawn_over(pilot, 1)  # by a mouse that was pressed elsewhere
        assert transcript(pilot).selected == range(1, 4)

    with_transcript(scenario)


async def drawn_over(pilot: Pilot[Outcome], row: int) -> None:
    """The mouse is moved there with its button down."""
    view = transcript(pilot)
    view.post_message(events.MouseMove(view, 20, row, 0, 0, 1, False, False, False, 20, row))
    await pilot.pause()


def test_ctrl_q_ends_the_session_as_q_does():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("ctrl+q")
        await pilot.pause()

    assert with_transcript(scenario).asked[1:] == ["stop"]


def test_a_click_selects_the_line_that_is_shown_there_and_shift_click_too_where_nothing_was():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.click(TranscriptView, offset=(20, 5), shift=True)
        assert transcript(pilot).selected == range(25, 26)

    with_transcript(scenario, *many(40))
