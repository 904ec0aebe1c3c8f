"""What `/`, `n` and Enter find."""

from textual.pilot import Pilot
from textual.widgets import Input

from live_canary.screen.contract import Outcome
from live_canary.screen.listening_screen import ListeningScreen
from tests.screen.fake_session import FakeSession, said
from tests.screen.in_app import accept_search, at_once, in_app, look_for, rows, until_shown, until_true
from tests.screen.transcripts import OPENED, TEXTS, transcript, with_transcript


def test_keys_that_come_at_once_are_searched_for_and_saved_under_in_their_order(tmp_path):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await at_once(pilot, "slash", *"Anothx", "backspace", "e", "enter")
        assert pilot.app.screen.query_one("#search-input", Input).value == "Anothe"
        await until_shown(pilot, "Bookmark")
        await pilot.press("s")
        await until_shown(pilot, "Enter saves")
        await at_once(pilot, "ctrl+u", *str(tmp_path / "at_once.txy"), "backspace", "t", "enter")
        await until_true(pilot, (tmp_path / "at_once.txt").exists)

    with_transcript(scenario)


def test_search_selects_the_latest_match_and_n_goes_through_the_others():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("slash", *"BUDGET")
        assert "2 of 2" in rows(pilot)[20]
        assert transcript(pilot).selected == range(2, 3)
        await accept_search(pilot)
        await pilot.press("n")
        assert transcript(pilot).selected == range(0, 1)
        assert "1 of 2" in rows(pilot)[20]
        await pilot.press("N")
        assert transcript(pilot).selected == range(2, 3)

    with_transcript(scenario)


def test_search_selects_the_newest_utterance_if_it_matches():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("slash", *"quest")
        assert transcript(pilot).selected == range(3, 4)

    with_transcript(scenario)


def test_search_says_when_nothing_is_found():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await look_for(pilot, "zebra")
        await pilot.press("n")
        assert "nothing found" in rows(pilot)[20]
        assert transcript(pilot).selected is None

    with_transcript(scenario)


def test_matches_are_marked_until_escape():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        def marked() -> list[str]:
            strips = pilot.app.screen._compositor.render_strips()
            match_colour = transcript(pilot).get_component_rich_style("transcript--match").bgcolor
            return [
                segment.text
                for strip in strips
                for segment in strip
                if segment.style and segment.style.bgcolor == match_colour
            ]

        await pilot.press("slash", *"budget")
        assert marked() == ["budget", "budget"]
        await accept_search(pilot)
        await pilot.press("escape")
        assert marked() == []
        assert "budget" not in rows(pilot)[20]

    with_transcript(scenario)


def test_a_search_that_was_ended_can_be_repeated_with_the_same_words():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await look_for(pilot, "budget")
        await pilot.press("escape", "escape", "slash")
        await until_shown(pilot, "2 found")
        assert transcript(pilot).selected is None
        await accept_search(pilot)
        assert transcript(pilot).selected == range(2, 3)
        await pilot.press("n")
        assert "1 of 2" in rows(pilot)[20]

    with_transcript(scenario)


def test_letters_typed_into_the_search_are_not_keys():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("slash", *"q?", "escape")
        assert isinstance(pilot.app.screen, ListeningScreen)

    assert with_transcript(scenario).asked == ["start"]


def test_signs_typed_into_the_search_are_looked_for_as_they_stand():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("slash", "left_parenthesis", "1", "slash", "2", "question_mark")
        assert pilot.app.screen.query_one("#search-input", Input).value == "(1/2?"
        assert transcript(pilot).selected == range(1, 2)
        await pilot.press("enter")
        await at_once(pilot, "slash", "q")  # in place of what was looked for before
        assert pilot.app.screen.query_one("#search-input", Input).value == "q"

    with_transcript(scenario, "A quarter.", "A half (1/2?).", "A third.")


def test_escape_ends_a_search_in_which_nothing_was_typed():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("slash", "enter")
        assert "words to find" in "".join(rows(pilot))
        await pilot.press("escape")
        assert "words to find" not in "".join(rows(pilot))

    with_transcript(scenario)


def test_an_utterance_that_comes_during_a_search_is_found_too():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await look_for(pilot, "budget")
        session.tell(said("The budget again.", 50.0))
        await until_shown(pilot, "2 of 3")
        await pilot.press("n")
        await until_shown(pilot, "3 of 3")

    session = FakeSession(*OPENED, *(said(text) for text in TEXTS))
    in_app(scenario, session)
