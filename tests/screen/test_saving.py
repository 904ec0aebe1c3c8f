"""What `s` saves, and what it never replaces."""

import errno
import json
from contextlib import closing
from pathlib import Path

import pytest
from textual.pilot import Pilot

from live_canary import files
from live_canary.events import UtteranceAmended
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.transcript.writer import TranscriptFile
from tests.screen.fake_session import FakeSession, said
from tests.screen.in_app import in_app, rows, until_shown, until_true
from tests.screen.transcripts import OPENED, TEXTS, correct_path, notices, type_path, with_transcript


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
