"""An editor that read a transcript earlier saves that: what was said meanwhile stands there all the same, and once."""

from contextlib import closing
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from live_canary.errors import OutputError
from live_canary.transcript import standing as looking
from live_canary.transcript.formats import FORMATS
from live_canary.transcript.standing import first_missing
from live_canary.transcript.utterance import Revision
from live_canary.transcript.writer import TranscriptFile
from tests.transcript.test_writer import STARTED, no_file_longer_than, saying, write

SAID = ("We begin now.", "The bugdet is approved.", "Yes.", "Who takes it?", "Yes.", "I do.", "Until Monday.")


def save(path: Path, contents: str, how: str) -> None:
    """As editors do."""
    if how == "in place":
        path.write_text(contents)
    else:
        beside = path.with_name("edited~")
        beside.write_text(contents)
        beside.replace(path)


@pytest.mark.parametrize("how", ["in place", "by renaming"])
@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("when", ["before the next", "at the end"])
def test_what_was_said_while_an_editor_held_an_older_copy_stands_behind_its_text(tmp_path, suffix, how, when):
    paths, opened = [tmp_path / f"{name}{suffix}" for name in ("edited", "as-it-was")], ""
    for path in paths:
        with closing(TranscriptFile(path, started=STARTED)) as file:
            for index, text in enumerate(SAID):
                if path == paths[0] and when == "before the next" and index == 6:
                    save(path, opened.replace("bugdet", "budget"), how)
                file.write(saying(text, index))
                if index == 2:
                    opened = path.read_text()
            if path == paths[0] and when == "at the end":
                save(path, opened.replace("bugdet", "budget"), how)
        assert file.unsaved == 0
    assert paths[0].read_text() == paths[1].read_text().replace("bugdet", "budget")


@pytest.mark.parametrize(
    ("edited", "standing"),
    [
        (("We begin now.", "Yes."), 3),  # the same word was said again later
        (("We begin now.", "The bugdet is approved.", "Yes.", "Note: call Ann"), 3),
        (("We begin now.", "The bugdet is approved.", "Yes.", "Who takes this?", "Ask Ben"), 4),
        (("We began.", "The budget is approved."), 2),
        (("My title", *SAID[:6]), 6),
        ((*SAID[:5], "I do it."), 6),
        ((*SAID[:4], "Yes, he does.", "I will do."), 6),
        ((SAID[0], SAID[5]), 6),  # deleted
        ((*SAID[:6], "My last word"), 6),
        ((SAID[0], "I do not agree."), 1),  # a remark, though a line that came later is like it
    ],
)
def test_the_lines_behind_the_last_that_stands_there_come_back_and_no_edited_one_stands_twice(
    tmp_path, edited, standing
):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        for index, text in enumerate(SAID[:6]):
            file.write(saying(text, index))
        save(path, "".join(f"{line}\n" for line in edited), "in place")
        file.write(saying(SAID[6], 6))
    assert path.read_text().splitlines() == [*edited, *SAID[standing:]]


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_a_remark_is_not_taken_for_the_number_or_the_times_of_a_cue(tmp_path, suffix):
    """In neither is a word, and what has no words is like nothing."""
    path = tmp_path / f"talk{suffix}"
    with closing(TranscriptFile(path, started=STARTED)) as file:
        file.write(saying(SAID[0]))
        opened = path.read_text()
        file.write(saying(SAID[1], 1))
        save(path, opened + "My remark\n\n", "in place")
        file.write(saying(SAID[2], 2))
    assert all(text in path.read_text() for text in (*SAID[:3], "My remark"))


def test_an_editor_that_saves_an_older_copy_again_and_again_removes_nothing(tmp_path):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        file.write(saying(SAID[0]))
        for index in range(1, 7):
            file.write(saying(SAID[index], index))
            save(path, "We begin now!\n", "by renaming")
    assert path.read_text().splitlines() == ["We begin now!", *SAID[1:]]


def test_what_stood_there_before_the_session_is_saved_again_and_the_session_follows_below_its_date(tmp_path):
    path = tmp_path / "notes.txt"
    write(path, "Yes.", "I do.")
    opened = path.read_text()
    with closing(TranscriptFile(path, started=STARTED)) as file:
        file.write(saying("Yes."))
        save(path, "My title\n" + opened, "by renaming")
        file.write(saying("No.", 1))
    assert path.read_text() == "My title\nYes.\nI do.\n\n--- 2026-03-04 09:30 ---\n\nYes.\nNo.\n"


def test_corrections_reach_lines_that_came_back(tmp_path):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        for index, text in enumerate(SAID[:3]):
            file.write(saying(text, index))
        save(path, "We begin now, finally.\n", "in place")
        file.amend(1, Revision("The budget is approved."))
        file.amend(2, Revision(None))
    assert path.read_text() == "We begin now, finally.\nThe budget is approved.\n"
    save(path, "We begin now, finally.\n", "in place")  # all is over: what is deleted now stays so
    file.amend(0, Revision("We begin now."))
    assert path.read_text() == "We begin now, finally.\n"


def test_a_file_with_nothing_of_it_left_is_not_written_to_until_it_is_moved_away(tmp_path):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        file.write(saying(SAID[0]))
        file.write(saying(SAID[1], 1))
        save(path, "Shopping\n", "by renaming")
        with pytest.raises(OutputError, match=r"by another program: 2 lines are not in it any more, nor anything else"):
            file.write(saying(SAID[2], 2))
        assert (file.unsaved, path.read_text()) == (3, "Shopping\n")
        path.unlink()
        file.write(saying(SAID[3], 3))
        assert file.unsaved == 0
    assert path.read_text().splitlines() == list(SAID[:4])


def test_a_session_that_ends_with_such_a_file_has_lines_that_are_not_saved(tmp_path):
    path = tmp_path / "notes.txt"
    file = TranscriptFile(path)
    file.write(saying(SAID[0]))
    save(path, "Shopping\n", "by renaming")
    with pytest.raises(OutputError, match="1 line is not in it any more"):
        file.close()
    assert file.unsaved == 1


def test_lines_that_find_no_room_when_they_come_back_are_counted_and_come_later(tmp_path):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        for index, text in enumerate(SAID[:3]):
            file.write(saying(text, index))
        save(path, "We begin now!\n", "in place")
        with no_file_longer_than(20), pytest.raises(OutputError, match="3 lines are not saved yet"):
            file.write(saying(SAID[3], 3))
        assert file.unsaved == 3
    assert path.read_text().splitlines() == ["We begin now!", *SAID[1:4]]


def test_lines_are_still_written_behind_what_an_editor_saved_in_another_encoding(tmp_path):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        file.write(saying("Grüße."))
        file.write(saying(SAID[1], 1))
        path.write_bytes("Grüße.\n".encode("latin-1"))
        file.write(saying(SAID[2], 2))
    assert path.read_bytes().splitlines()[1:] == [text.encode() for text in SAID[1:3]]


def test_a_day_of_lines_in_another_form_is_given_up_and_not_compared_for_minutes():
    said = [f"{number} alpha\n" for number in range(10_000)]
    assert first_missing(said, "".join(f"beta {number}\n" for number in range(10_000))) is None


@pytest.mark.parametrize("lost", [0, 30])
def test_a_name_that_was_replaced_all_over_a_long_transcript_is_looked_for_near_its_end(monkeypatch, lost):
    """Of 5,000 lines with such an edit in each seventh, all were compared with all for each: 3.6 s, and 20,000 took
    minutes, in which nothing was transcribed.
    """
    compared = []

    class Counting(SequenceMatcher):
        def find_longest_match(self, *bounds):
            compared.append(bounds)
            return super().find_longest_match(*bounds)

    monkeypatch.setattr(looking, "SequenceMatcher", Counting)
    said = ["Yes." if number % 3 == 0 else f"We come to point {number} with Anna." for number in range(1400)]
    edited = [line.replace("Anna", "Hannah") if number % 7 == 0 else line for number, line in enumerate(said)]
    kept = len(said) - lost
    assert first_missing([f"{line}\n" for line in said], "\n".join(edited[:kept])) == kept
    assert len(compared) < 100  # of 200 edits those near the end
