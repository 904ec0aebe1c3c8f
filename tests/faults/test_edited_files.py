"""Transcript files that their user or another program has changed: what recovery makes of them."""

from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest

from live_canary.session import comparing, completing
from live_canary.session.comparing import Comparison
from live_canary.session.completing import complete_files, output_before
from live_canary.session.folder import SessionFolder
from live_canary.session.record import OutputRecord, SessionRecord
from live_canary.settings import Settings
from live_canary.transcript.formats import FORMATS
from live_canary.transcript.pieces import pieces, whole_transcript
from live_canary.transcript.utterance import Revision, Utterance
from live_canary.transcript.writer import TranscriptFile
from tests.faults.lines import CORRECTED, SAID
from tests.faults.sessions import STARTED, complete_file


@pytest.mark.parametrize("suffix", [".txt", ".md", ".srt", ".vtt", ".jsonl"])
def test_a_file_whose_line_ends_an_editor_changed_is_completed_and_corrected_with_such_ends(tmp_path, suffix):
    """Nothing of it was known again, so it kept what had been heard first."""
    output = OutputRecord(tmp_path / f"talk{suffix}", 0, False, 0, 0)
    complete_file(output, SAID, amended=CORRECTED)
    whole = output.path.read_bytes()
    output.path.unlink()
    complete_file(output, SAID[:2])
    output.path.write_bytes(output.path.read_bytes().replace(b"\n", b"\r\n"))
    assert complete_file(output, SAID, amended=CORRECTED) == 1
    assert output.path.read_bytes() == whole.replace(b"\n", b"\r\n")


@pytest.mark.parametrize("suffix", [".txt", ".md"])
@pytest.mark.parametrize("continued", [False, True])
@pytest.mark.parametrize("wrong", [False, True])
def test_what_is_recovered_of_a_session_whose_lines_were_edited_stands_before_the_next_one(
    tmp_path, suffix, continued, wrong
):
    """wrong: the last of its lines is no more there, so that nobody can tell which heading is the next."""
    output, known, said = tmp_path / f"notes{suffix}", FORMATS[suffix], [replace(SAID[0], text="Mr Smyth."), *SAID[1:]]
    if continued:
        with closing(TranscriptFile(output, started=STARTED - timedelta(days=1))) as before:
            before.write(SAID[2])
    record = output_before(output, overwrite=False)
    with closing(TranscriptFile(output, started=STARTED)) as cut_off:
        cut_off.write(said[0])
        cut_off.write(said[1])
    record.entries, record.size = 2, output.stat().st_size
    edited = output.read_text().replace("Smyth", "Smith")
    edited = edited.replace("Yes.", "Yes!") if wrong else edited
    later = known.seam(STARTED + timedelta(hours=1)) + pieces(known, [SAID[0]], with_source=False)[0]
    output.write_text(edited + later)
    all_said, announced = [*said, Utterance(3, 0.2, 0.3, "Er.", "talk.wav")], []
    *_, missing, tried_again = pieces(known, all_said, with_source=False)
    assert completing.complete_file(Comparison(record, said, STARTED, False, ()), announced.append) == 1
    assert output.read_text() == (edited + later + missing if wrong else edited + missing + later)
    record.becoming, record.becoming_entries = announced[0], 3
    assert completing.complete_file(Comparison(record, all_said, STARTED, False, ())) == 1
    missing += tried_again
    assert output.read_text() == (edited + later + missing if wrong else edited + missing + later)


def test_what_a_user_wrote_into_the_file_stays_and_no_line_is_repeated(tmp_path):
    output = OutputRecord(tmp_path / "talk.txt", 0, False, 0, 0)
    complete_file(output, SAID)
    first, second, third = output.path.read_bytes().splitlines(keepends=True)
    output.path.write_bytes(b"My own title\n" + first + second + b"A remark")
    output.entries, output.size = 2, len(first) + len(second)  # as the journal knew it before the user wrote
    complete_file(output, SAID)
    assert output.path.read_bytes() == b"My own title\n" + first + second + b"A remark\n" + third


def test_a_deleted_line_goes_from_a_file_that_a_user_has_written_into(tmp_path):
    output = tmp_path / "talk.txt"
    output.write_text("A title\nBugdet\n")
    entries = [Utterance(index, index, index + 0.5, text, "Me") for index, text in enumerate(("Bugdet", "Budget"))]
    record = OutputRecord(output, 0, False, 1, len("Bugdet\n"))
    assert complete_file(record, entries, amended=[(0, None)]) == 1
    assert output.read_text() == "A title\nBudget\n"


def test_a_file_in_which_half_of_the_lines_stand_is_still_the_sessions(tmp_path):
    known = OutputRecord(tmp_path / "talk.txt", 0, False, 2, 11)
    known.path.write_text("My notes\nYes.\nNo!\n")
    said = [SAID[0], Utterance(1, 1.1, 1.9, "Perhaps.", "talk.wav"), SAID[2]]
    record = SessionRecord(Settings(), STARTED, None, False, outputs=[known], entries=said[:2])
    with closing(SessionFolder.create(tmp_path / "sessions").journal) as journal:
        assert list(complete_files(record, said, journal)) == [(known.path, 1)]
    assert known.path.read_text() == "My notes\nYes.\nNo!\nNo.\n"


def test_what_was_corrected_and_finds_no_place_is_told(tmp_path):
    known = OutputRecord(tmp_path / "talk.md", 0, False, 3, 0)
    told: list[str] = []
    with closing(TranscriptFile(known.path, started=STARTED)) as file:
        for said in SAID:
            file.write(said)
            known.path.write_text(known.path.read_text() + "A note.\n\n")
    known.path.write_text(known.path.read_text().replace("Yes.", "Yes!"))
    known.size = known.path.stat().st_size
    complete_file(known, SAID, amended=[(1, None)], tell=told.append)
    assert told == [f"'{known.path}' was changed by another program; what was corrected there was left as it is."]


@pytest.mark.parametrize("suffix", [".txt", ".md", ".vtt"])
def test_a_file_that_others_changed_is_not_compared_with_each_form_that_a_days_corrections_gave_it(
    tmp_path, suffix, monkeypatch
):
    """8,000 lines with 80 corrections took 9 s and 20,000 with 200 a minute, in which recover said nothing."""
    made = []

    def counted(known, entries, **options):
        made.append(len(entries))
        return pieces(known, entries, **options)

    monkeypatch.setattr(comparing, "pieces", counted)
    said = [Utterance(index, index + 0.1, index + 0.9, f"Point {index}.", "talk.wav") for index in range(40)]
    amended = [(index, Revision(f"Item {index}.")) for index in range(1, 40, 2)]
    path = tmp_path / f"talk{suffix}"
    path.write_text(whole_transcript(FORMATS[suffix], said[:38], STARTED, with_source=False).replace("Point 20.", "-"))
    known = OutputRecord(path, 0, False, 38, path.stat().st_size)
    assert complete_file(known, said, amended=amended) == 2
    assert "Item 1." in path.read_text() and "Item 39." in path.read_text() and "Point 20." not in path.read_text()
    assert made.count(len(said)) < 10  # 21 forms before, and what is to become of it
