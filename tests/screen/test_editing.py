"""The keys that change what stands in the transcript."""

from pathlib import Path

import pytest
from textual.pilot import Pilot

from live_canary.events import GapMarked, ModelProgress, SourceOpened, UtteranceAmended
from live_canary.screen.contract import Outcome
from live_canary.screen.edit_dialog import Words
from live_canary.screen.transcript_view import TranscriptView
from live_canary.transcript.utterance import TranscriptGap
from tests.screen.fake_session import ENDED, FakeSession, said
from tests.screen.in_app import at_once, in_app, look_for, rows, until_shown
from tests.screen.transcripts import OPENED, TEXTS, readable, transcript, type_path, with_transcript


async def edit(pilot: Pilot[Outcome], text: str, key: str = "e") -> None:
    """Opens the editor with `key` and leaves `text` in it."""
    await pilot.press(key)
    await until_shown(pilot, "Enter keeps it")
    pilot.app.screen.query_one(Words).text = text
    await pilot.press("enter")
    await pilot.pause()


def first_words(pilot: Pilot[Outcome]) -> list[str]:
    return [row[11:] for row in readable(pilot) if row.strip()]


@pytest.mark.parametrize("key", ["e", "enter"])
def test_the_newest_line_is_edited_where_it_stands(key):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await edit(pilot, "Any\n\n  answers? ", key)
        assert first_words(pilot) == [*TEXTS[:3], "Any answers?"]

    assert with_transcript(scenario).asked[1:] == ["amend 3: Any answers?"]


def test_letters_typed_into_the_editor_are_words_and_not_keys():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "up", "e", *" q?", "enter")
        assert first_words(pilot)[2] == "Another budget line. q?"

    assert with_transcript(scenario).asked[1:] == ["amend 2: Another budget line. q?"]


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (["backspace", "d"], "abd"),
        (["backspace", "backspace", "X", "Y"], "aXY"),
        (["left", "Z"], "abZc"),
        (["home", "Z", "end", "!"], "Zabc!"),
    ],
)
def test_keys_that_come_at_once_are_heeded_in_their_order(keys, text):
    """A letter behind Backspace was typed before it, and what Enter kept was not what had been typed."""

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("e")
        await until_shown(pilot, "Enter keeps it")
        await at_once(pilot, "ctrl+u", *"abc", *keys, "enter")

    assert with_transcript(scenario).asked[1:] == [f"amend 3: {text}"]


@pytest.mark.parametrize("keys", [["e", "x", "escape"], ["e", "enter"], ["e", *["left"] * 10, "space", "enter"]])
def test_an_edit_that_is_left_or_changes_nothing_is_none(keys):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(*keys)
        assert not pilot.app._notifications

    assert with_transcript(scenario).asked == ["start"]


def test_a_voice_that_takes_back_a_deleted_line_changes_nothing():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("d")
        session.tell(UtteranceAmended(0, None))
        await pilot.pause()
        assert [notification.message for notification in pilot.app._notifications] == [
            "Deleted 00:00:00 “First.”; u brings it back."
        ]

    session = FakeSession(*OPENED, said("First."))
    in_app(scenario, session)


def test_a_transcript_of_which_all_was_deleted_is_not_said_to_be_silence():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("d")
        session.tell(ENDED)
        await until_shown(pilot, "Nothing is left of what was said. Press u")
        await pilot.press("u")
        assert first_words(pilot) == ["First."]

    session = FakeSession(*OPENED, said("First."))
    in_app(scenario, session)


def test_new_text_goes_on_appearing_behind_the_editor():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("e")
        session.tell(said("Meanwhile.", 20.0))
        await pilot.press("escape")
        await until_shown(pilot, "Meanwhile.")

    session = FakeSession(*OPENED, said("First."))
    in_app(scenario, session)


def test_a_gap_has_no_words_to_edit_or_delete():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("e", "d")
        assert any("no words to edit" in notification.message for notification in pilot.app._notifications)

    session = FakeSession(*OPENED, GapMarked(TranscriptGap(1.0, 2.0, "unplugged", "USB Microphone")))
    in_app(scenario, session)
    assert session.asked == ["start"]


@pytest.mark.parametrize("key", ["d", "delete"])
def test_a_deleted_line_is_gone_until_u_brings_it_back(key):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "up", key)
        assert first_words(pilot) == [TEXTS[0], TEXTS[1], TEXTS[3]]
        assert transcript(pilot).selected == range(3, 4)
        await pilot.press("u")
        assert first_words(pilot) == list(TEXTS)

    with_transcript(scenario)


def test_the_selection_is_deleted_and_every_step_can_be_taken_back():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await edit(pilot, "Answers.")
        await pilot.press("up", "shift+up", "d")
        assert first_words(pilot) == list(TEXTS[:2])
        notices = [notification.message for notification in pilot.app._notifications]
        assert notices == ["Deleted 2 utterances; u brings them back one by one."]
        await pilot.press("u", "ctrl+z", "u")
        assert first_words(pilot) == list(TEXTS)
        await pilot.press("u")
        assert any("no edit to undo" in notification.message for notification in pilot.app._notifications)

    with_transcript(scenario)


def test_rows_of_deleted_lines_are_filled_when_the_selection_ends():
    """The newest lines stood above blank rows until somebody spoke."""

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.resize_terminal(60, 12)
        await pilot.press("up", *["shift+up"] * 3, "d", "escape")
        assert [row[11:18] for row in rows(pilot)[1:9]] == [f"Line {number}." for number in range(8)]

    in_app(scenario, FakeSession(*OPENED, *[said(f"Line {number}.", number) for number in range(12)]))


def test_many_lines_are_deleted_in_one_go(monkeypatch):
    """The transcript was drawn and scrolled for each of them: two seconds for 2,000 of a long day."""
    drawn: list[int] = []
    show_from = TranscriptView._show_from
    monkeypatch.setattr(TranscriptView, "_show_from", lambda view, line: drawn.append(line) or show_from(view, line))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        transcript(pilot).select(5)
        transcript(pilot).select(44, extend=True)
        await pilot.pause()
        drawn.clear()
        await pilot.press("d")
        assert len(drawn) <= 2
        assert transcript(pilot).selected == range(45, 46)
        assert transcript(pilot).max_scroll_y == transcript(pilot).scroll_offset.y  # no rows below are kept for nothing
        assert any(row.endswith("Number 45.") for row in readable(pilot))

    in_app(scenario, FakeSession(*OPENED, *(said(f"Number {number}.") for number in range(60))))


def test_a_bookmark_comes_back_with_its_line():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "up", "b", "d", "home", "left_square_bracket")
        assert transcript(pilot).selected == range(3, 4)  # there is no bookmark to go to
        await pilot.press("u", "left_square_bracket")
        assert transcript(pilot).selected == range(2, 3)

    with_transcript(scenario)


def test_a_correction_is_shown_at_once_also_while_the_model_is_busy():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.busy = True
        await edit(pilot, "Frist.")
        await edit(pilot, "Last.")
        assert first_words(pilot) == ["Last."]
        session.tell(UtteranceAmended(0, "Frist."))
        await pilot.pause()
        assert first_words(pilot) == ["Last."]
        session.tell(UtteranceAmended(0, "Last."))
        await pilot.pause()
        assert first_words(pilot) == ["Last."]
        assert not pilot.app._notifications
        await pilot.press("u")
        assert first_words(pilot) == ["Frist."]

    session = FakeSession(*OPENED, said("First."))
    in_app(scenario, session)


@pytest.mark.parametrize("keys", ["xuxd", "xuyu", "xuyuz", "xyuuxu", "xuxuxu", "xduxuu"])
def test_every_edit_can_be_taken_back_while_the_model_is_busy(keys):
    """What u showed was taken for the session's answer to the same text before: the line stayed, and lost its place."""

    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.busy = True
        for key in keys:
            if key in "ud":
                await pilot.press(key)
            else:
                await edit(pilot, f"{key}.")
        for asked in session.asked[1:]:
            text = asked.removeprefix("amend 0: ")
            session.tell(UtteranceAmended(0, None if text == "None" else text))
        await pilot.pause()
        session.busy = False
        await pilot.press(*"u" * (len(keys) - 2 * keys.count("u")))
        assert first_words(pilot) == ["First."]

    session = FakeSession(*OPENED, said("First."))
    in_app(scenario, session)


def test_a_voice_that_deletes_a_line_meanwhile_does_not_bring_back_what_was_asked_for_later():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.busy = True
        await edit(pilot, "Kept.")
        session.tell(UtteranceAmended(0, None))
        session.tell(UtteranceAmended(0, "Kept."))
        await pilot.pause()
        assert first_words(pilot) == ["Kept."]

    session = FakeSession(*OPENED, said("First."))
    in_app(scenario, session)


def test_an_edit_without_any_words_deletes():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await edit(pilot, " ")

    assert with_transcript(scenario).asked[1:] == ["amend 3: None"]


def test_all_lines_can_be_deleted_and_the_screen_says_again_what_to_do():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("d", "d", "up", "e", "c", "C", "b", "n", "pageup")
        await until_shown(pilot, "What is said appears here.")
        await pilot.press("u")
        assert first_words(pilot) == ["First."]

    in_app(scenario, FakeSession(*OPENED, said("First."), said("Second.", 4.0)))


def test_what_a_voice_takes_back_can_be_brought_back_by_the_key():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.tell(UtteranceAmended(1, None))
        await pilot.pause()
        assert first_words(pilot) == ["First."]
        await pilot.press("u")
        assert first_words(pilot) == ["First.", "Second."]

    session = FakeSession(*OPENED, said("First."), said("Second.", 4.0))
    in_app(scenario, session)


def test_what_is_read_does_not_move_when_a_line_above_it_changes():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("pageup")
        read = readable(pilot)
        session.tell(UtteranceAmended(3, "much longer " * 20))
        session.tell(UtteranceAmended(4, None))
        await pilot.pause()
        assert readable(pilot) == read

    session = FakeSession(*OPENED, *(said(f"Number {number}.") for number in range(60)))
    in_app(scenario, session)


def test_the_newest_text_stays_in_view_when_a_line_above_it_is_deleted():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.tell(UtteranceAmended(3, None))
        await pilot.pause()
        session.tell(said("Something new.", 200.0))
        await pilot.pause()
        assert readable(pilot)[-1].endswith("Something new.")

    session = FakeSession(*OPENED, *(said(f"Number {number}.") for number in range(60)))
    in_app(scenario, session)


def test_what_is_selected_stays_so_when_a_voice_takes_back_another_line():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.tell(UtteranceAmended(0, None))
        await pilot.pause()
        assert transcript(pilot).selected is None
        await pilot.press("up", "up", "up")
        session.tell(UtteranceAmended(3, None))
        await pilot.pause()
        assert transcript(pilot).selected == range(1, 2)

    session = FakeSession(*OPENED, *(said(text) for text in TEXTS))
    in_app(scenario, session)


def test_where_a_voice_takes_back_the_line_that_was_selected_last_a_key_acts_on_the_one_below():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "shift+up")
        session.tell(UtteranceAmended(2, None))
        await pilot.pause()
        assert transcript(pilot).selected == range(3, 4)
        await pilot.press("r")

    session = FakeSession(*OPENED, *(said(text) for text in TEXTS))
    in_app(scenario, session)
    assert session.asked[1:] == ["hear again 3"]


def test_what_is_brought_back_is_named_and_in_view():
    """The line may be far from what is read: nothing seemed to happen."""

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("d", "home")
        assert not any("Number 59." in row for row in readable(pilot))
        await pilot.press("u")
        await pilot.pause()
        assert any("Number 59." in row for row in readable(pilot))
        told = [notification.message for notification in pilot.app._notifications]
        assert told == ["Deleted 00:00:59 “Number 59.”; u brings it back.", "Undone: 00:00:59 “Number 59.”."]

    in_app(scenario, FakeSession(*OPENED, *(said(f"Number {second}.", float(second)) for second in range(60))))


def test_a_long_line_is_named_by_how_it_begins():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("d")
        told = [notification.message for notification in pilot.app._notifications]
        assert told == ["Deleted 00:00:00 “The budget for the summer is…”; u brings it back."]

    in_app(scenario, FakeSession(*OPENED, said("The budget for the summer is approved, with one change.")))


def test_a_line_that_grew_is_in_view_to_its_end():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up")
        await edit(pilot, "word " * 60 + "end")
        await pilot.pause()
        assert any(row.endswith("end") for row in readable(pilot))

    in_app(scenario, FakeSession(*OPENED, *(said(f"Number {number}.") for number in range(60))))


def test_a_key_acts_on_the_newest_line_again_when_all_that_was_selected_is_deleted():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "d")
        session.tell(said("Second.", 4.0))
        await pilot.pause()
        await pilot.press("d")

    session = FakeSession(*OPENED, said("First."))
    in_app(scenario, session)
    assert session.asked[1:] == ["amend 0: None", "amend 1: None"]


def test_words_are_counted_as_they_stand():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert "11 words" in rows(pilot)[0]
        await edit(pilot, "Any?")
        assert "10 words" in rows(pilot)[0]
        await pilot.press("d")
        assert "9 words" in rows(pilot)[0]

    with_transcript(scenario)


@pytest.mark.parametrize(("count", "told"), [(1, " 1 word "), (1234, " 1,234 words ")])
def test_the_count_of_words_reads_well(count, told):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert told in rows(pilot)[0]

    in_app(scenario, FakeSession(*OPENED, said(" ".join(["word"] * count))))


def test_copies_searches_and_files_have_what_was_corrected(tmp_path: Path):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await edit(pilot, "Any answers?")
        await pilot.press("up", "up", "d", "escape", "C")
        assert pilot.app.clipboard == "The budget first.\nThen the release.\nAny answers?"
        await type_path(pilot, tmp_path / "a.txt")
        await until_shown(pilot, "Bookmark")
        await look_for(pilot, "budget")
        await until_shown(pilot, "1 of 1")

    with_transcript(scenario)
    assert (tmp_path / "a.txt").read_text() == "The budget first.\nThen the release.\nAny answers?\n"


def test_lines_can_be_corrected_after_the_end():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.stop()
        await edit(pilot, "Corrected.")
        assert first_words(pilot) == ["Corrected."]

    session = FakeSession(SourceOpened("talk.wav"), ModelProgress("ready", ready=True), said("First."))
    in_app(scenario, session)


def test_r_has_the_model_hear_a_line_again():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "up", "r")
        assert any("Hearing 00:00:08 again" in notification.message for notification in pilot.app._notifications)
        assert first_words(pilot) == list(TEXTS)

    assert with_transcript(scenario).asked[1:] == ["hear again 2"]


def test_r_has_the_model_hear_all_selected_lines_again():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "shift+up", "r")

    assert with_transcript(scenario).asked[1:] == ["hear again 2", "hear again 3"]


def test_what_was_typed_comes_back_where_the_model_hears_again_what_it_heard_at_first():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await edit(pilot, "Frist.")
        session.tell(UtteranceAmended(0, "First."))
        await pilot.pause()
        await pilot.press("u")
        assert first_words(pilot) == ["Frist."]
        await pilot.press("u")
        assert first_words(pilot) == ["First."]
        await pilot.press("u")
        await pilot.pause()
        assert any("no edit to undo" in notification.message for notification in pilot.app._notifications)

    session = FakeSession(*OPENED, said("First."))
    in_app(scenario, session)


def test_what_the_model_hears_again_is_an_edit_like_any_other():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.tell(UtteranceAmended(0, "Worst."))
        session.tell(UtteranceAmended(0, "Worst."))
        await pilot.pause()
        assert any("the same words again" in notification.message for notification in pilot.app._notifications)
        assert first_words(pilot) == ["Worst."]
        await pilot.press("u")
        assert first_words(pilot) == ["First."]

    session = FakeSession(*OPENED, said("First."))
    in_app(scenario, session)


@pytest.mark.parametrize("size", [(40, 12), (80, 10)])
def test_what_is_typed_at_the_end_of_a_long_line_is_on_the_screen_however_low_that_is(size):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("e", *"ing")
        await until_shown(pilot, "ending")
        await pilot.resize_terminal(*size)
        await pilot.press("s")
        await until_shown(pilot, "endings")

    in_app(scenario, FakeSession(*OPENED, said("word " * 120 + "end")))
