"""What each key does, one test a key; the tests of leaving are in test_app.py."""

import errno
import json
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from live_canary import files
from live_canary.events import (
    GapMarked,
    ModelProgress,
    PartialChanged,
    SessionEnded,
    SourceOpened,
    UtteranceAmended,
)
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.screen.editing_screen import counted
from live_canary.screen.listening_screen import ListeningScreen
from live_canary.screen.transcript_view import TranscriptView
from live_canary.transcript.utterance import TranscriptGap
from live_canary.transcript.writer import TranscriptFile
from tests.dictation.tools import Tools
from tests.screen.fake_session import FakeSession, commanded, said
from tests.screen.in_app import INFO, Scenario, accept_search, at_once, in_app, look_for, rows, until_shown, until_true

OPENED = (SourceOpened("USB Microphone"), ModelProgress("ready", ready=True))
TEXTS = ("The budget first.", "Then the release.", "Another budget line.", "Any questions?")


def with_transcript(scenario: Scenario, *texts: str, info: SessionInfo | None = None, height: int = 24) -> FakeSession:
    texts = texts or TEXTS
    session = FakeSession(*OPENED, *(said(text, 4.0 * index, index=index) for index, text in enumerate(texts)))
    if info:
        in_app(scenario, session, info=info, size=(80, height))
    else:
        in_app(scenario, session, size=(80, height))
    return session


def transcript(pilot: Pilot[Outcome]) -> TranscriptView:
    return pilot.app.screen_stack[0].query_one(TranscriptView)


def readable(pilot: Pilot[Outcome]) -> list[str]:
    """The rows of the transcript without the scrollbar."""
    return [row[:79].rstrip() for row in rows(pilot)[1:21]]


def notices(pilot: Pilot[Outcome]) -> list[str]:
    return [notification.message for notification in pilot.app._notifications]


def many(count: int) -> list[str]:
    return [f"Utterance number {number}." for number in range(count)]


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


async def type_path(pilot: Pilot[Outcome], path: Path) -> None:
    await pilot.press("s")
    await until_shown(pilot, "Enter saves")
    await correct_path(pilot, path)


async def correct_path(pilot: Pilot[Outcome], path: Path) -> None:
    pilot.app.screen.query_one("#export-path", Input).value = str(path)
    await pilot.press("enter")


def test_saves_the_whole_transcript_in_the_format_of_the_suffix(tmp_path):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, tmp_path / "a.txt")

    with_transcript(scenario)
    assert (tmp_path / "a.txt").read_text() == "\n".join(TEXTS) + "\n"


def test_saves_the_selection_if_there_is_one(tmp_path):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "shift+up")
        await type_path(pilot, tmp_path / "a.jsonl")

    with_transcript(scenario)
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [line["text"] for line in lines] == list(TEXTS[2:])


def test_what_is_saved_of_a_call_says_who_speaks(tmp_path):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, tmp_path / "a.txt")

    info = SessionInfo(model="demo model", sources=("USB Microphone", "System audio"))
    in_app(scenario, FakeSession(*OPENED, said("Hello.", source="System audio")), info=info)
    assert (tmp_path / "a.txt").read_text() == "System audio: Hello.\n"


def test_what_is_saved_is_the_transcript_as_it_is_then(tmp_path):
    """What a voice had taken back while the name was being typed was saved, and what was said meanwhile was not."""

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("s")
        await until_shown(pilot, "Enter saves")
        session.tell(UtteranceAmended(3, None))
        session.tell(said("Last words.", 20.0))
        await correct_path(pilot, tmp_path / "a.txt")
        await until_true(pilot, lambda: any("Saved 4 utterances" in one for one in notices(pilot)))

    session = FakeSession(*OPENED, *(said(text) for text in TEXTS))
    in_app(scenario, session)
    assert (tmp_path / "a.txt").read_text().splitlines() == [*TEXTS[:3], "Last words."]


def test_what_was_taken_back_while_a_name_was_typed_is_not_saved(tmp_path):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "s")
        await until_shown(pilot, "Enter saves")
        session.tell(UtteranceAmended(3, None))
        await correct_path(pilot, tmp_path / "a.txt")
        await until_true(pilot, lambda: "There is nothing left to save." in notices(pilot))

    session = FakeSession(*OPENED, *(said(text) for text in TEXTS))
    in_app(scenario, session)
    assert not (tmp_path / "a.txt").exists()


def test_bookmarks_are_saved_with_their_lines_also_corrected_ones(tmp_path):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "up", "up", "up", "b", "e", *" Yes", "enter", "end", "b", "escape")
        await type_path(pilot, tmp_path / "a.md")

    with_transcript(scenario)
    paragraphs = (tmp_path / "a.md").read_text().strip().split("\n\n")[1:]
    assert [text.startswith("◆ ") for text in paragraphs] == [True, False, False, True]
    assert paragraphs[0].endswith(" Yes")


def test_a_name_that_cannot_be_saved_to_is_told_and_can_be_corrected(tmp_path):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, tmp_path / "a.doc")
        await until_shown(pilot, "must end in one of")
        await correct_path(pilot, tmp_path / "a.md")

    with_transcript(scenario)
    assert (tmp_path / "a.md").exists()


def test_what_is_wrong_with_a_name_is_said_no_more_when_it_is_corrected(tmp_path):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, tmp_path / "a.doc")
        await until_shown(pilot, "must end in one of")
        await pilot.press("backspace")
        await pilot.pause()
        assert "must end in one of" not in "".join(rows(pilot))

    with_transcript(scenario)


def test_a_name_may_begin_with_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("s")
        await until_shown(pilot, "Enter saves")
        await pilot.press("ctrl+u", *" ~/a.txt ", "enter")
        await until_true(pilot, (tmp_path / "a.txt").exists)

    with_transcript(scenario)


def test_a_file_that_a_full_disk_does_not_take_is_told_and_leaves_nothing_behind(tmp_path, monkeypatch):
    def fill(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "replace", fill)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, tmp_path / "a.txt")
        await until_true(pilot, lambda: any("cannot be written: No space left" in one for one in notices(pilot)))

    with_transcript(scenario)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "The name of a transcript must end in"),
        ("~no-such-user/a.md", "there is no folder '~no-such-user'"),
        ("[/x].doc", "'[/x].doc' must end in"),
    ],
)
def test_a_name_with_signs_of_its_own_is_told_as_it_was_typed(name, said):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, Path(name))
        await until_shown(pilot, said)

    with_transcript(scenario)


def test_a_file_is_replaced_only_when_enter_is_pressed_again(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("earlier")

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, path)
        await until_shown(pilot, "Enter again replaces it")
        assert path.read_text() == "earlier"
        await pilot.press("enter")

    with_transcript(scenario)
    assert path.read_text().startswith("The budget first.")


def test_another_file_is_replaced_only_when_that_was_asked_too(tmp_path):
    first, second = tmp_path / "a.txt", tmp_path / "b.txt"
    for path in (first, second):
        path.write_text("earlier")

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, first)
        await until_shown(pilot, "Enter again replaces it")
        await correct_path(pilot, second)
        await until_shown(pilot, "Enter again replaces it")

    with_transcript(scenario)
    assert [first.read_text(), second.read_text()] == ["earlier"] * 2


def test_a_link_to_a_file_stays_one(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "a.txt").symlink_to(tmp_path / "notes" / "today.txt")

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, tmp_path / "a.txt")

    with_transcript(scenario)
    assert (tmp_path / "a.txt").is_symlink()
    assert (tmp_path / "notes" / "today.txt").read_text().startswith("The budget first.")


@pytest.mark.parametrize("is_relative", [False, True])
def test_a_file_that_the_session_writes_is_never_replaced(tmp_path, monkeypatch, is_relative):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "notes.txt"
    path.write_text("The budget first.\n")

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, path)
        await pilot.press("enter", "escape")

    output = Path(path.name) if is_relative else path
    with_transcript(scenario, info=SessionInfo("demo model", ("USB Microphone",), (output,)))
    assert path.read_text() == "The budget first.\n"


def test_a_file_that_another_session_writes_is_never_replaced(tmp_path):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await type_path(pilot, tmp_path / "theirs.txt")
        await until_shown(pilot, "already being written by a running session")
        await pilot.press("enter", "escape")

    with closing(TranscriptFile(tmp_path / "theirs.txt")) as theirs:
        theirs.write(said("Their words.").utterance)
        with_transcript(scenario)
    assert (tmp_path / "theirs.txt").read_text() == "Their words.\n"


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
