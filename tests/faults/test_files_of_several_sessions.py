"""Files that several sessions write one after another: what recovery adds stands with its own."""

import json
from contextlib import closing
from datetime import timedelta

import pytest

from live_canary.session import completing
from live_canary.session.comparing import Comparison
from live_canary.session.completing import complete_files, output_before
from live_canary.session.folder import SessionFolder
from live_canary.session.record import OutputRecord, SessionRecord
from live_canary.settings import Settings
from live_canary.transcript.formats import FORMATS
from live_canary.transcript.pieces import pieces
from live_canary.transcript.utterance import Revision, Utterance
from live_canary.transcript.writer import TranscriptFile
from tests.faults.lines import SAID
from tests.faults.sessions import STARTED, abort, complete_file, hold, recover
from tests.session.fakes import ENDPOINT, ScriptedSource


def test_recovery_continues_a_file_that_an_earlier_session_is_in(tmp_path):
    output, expected = tmp_path / "notes.txt", tmp_path / "expected.txt"
    for path in (output, expected):
        path.write_text("Something from yesterday, without a line break")
    script = "abc" + ENDPOINT + "de"
    hold(SessionFolder.create(tmp_path / "one"), [ScriptedSource(script)], [expected])
    abort(SessionFolder.create(tmp_path / "other"), script, [output])
    assert recover(tmp_path / "other") == 2
    assert output.read_bytes() == expected.read_bytes()


def test_lines_recovered_behind_a_later_session_have_indices_of_their_own(tmp_path):
    """Both sessions had an utterance 0, so nobody could tell which of them an amendment meant."""
    output = tmp_path / "talk.jsonl"
    cut_off = OutputRecord(output, 0, False, 1, 0)
    complete_file(cut_off, SAID[:1])
    with closing(TranscriptFile(output, started=STARTED)) as later:
        for utterance in SAID:
            later.write(utterance)
    complete_file(cut_off, SAID, amended=[(0, "Yes?"), (2, "No!")])
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    assert [(line["index"], line["text"]) for line in lines] == [
        (0, "Yes."), (1, "Yes."), (2, "Yes."), (3, "No."), (4, "Yes."), (5, "No."), (0, "Yes?"), (5, "No!"),
    ]  # fmt: skip


@pytest.mark.parametrize("suffix", [".txt", ".md"])
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
@pytest.mark.parametrize("seconds_later", [1, 3600])
@pytest.mark.parametrize("amended", [(), [(0, Revision("Yes, of course, and at length."))]])
def test_what_is_recovered_of_a_session_stands_before_the_one_that_was_begun_after_it(
    tmp_path, suffix, order, seconds_later, amended
):
    """Restarted after a crash for the same file: last words of the first session stood under the second's heading."""
    output, known, sessions = tmp_path / f"notes{suffix}", FORMATS[suffix], []
    with closing(TranscriptFile(output, started=STARTED - timedelta(days=1))) as before:
        before.write(SAID[0])
    expected = output.read_text()
    for started in (STARTED, STARTED + timedelta(seconds=seconds_later)):
        record = output_before(output, overwrite=False)
        with closing(TranscriptFile(output, started=started)) as cut_off:
            cut_off.write(SAID[0])
        record.entries, record.size = 1, output.stat().st_size
        sessions.append(Comparison(record, SAID, started, False, amended))
        expected += known.seam(started) + "".join(pieces(known, SAID, with_source=False, amendments=dict(amended)))
    for number in order:
        assert completing.complete_file(sessions[number]) == 2
    assert output.read_text() == expected
    assert [completing.complete_file(session) for session in sessions] == [0, 0]
    assert output.read_text() == expected


def test_the_empty_line_before_the_next_session_is_not_taken_for_a_paragraph_that_is_missing(tmp_path):
    """What follows the paragraph stood in the part of the next session, or the heading without its empty line."""
    output, known = tmp_path / "notes.txt", FORMATS[".txt"]
    said = [SAID[0], Utterance(1, 1.1, 1.9, "New paragraph.", "talk.wav", command="new paragraph"), SAID[2]]
    record = output_before(output, overwrite=False)
    for later in range(3):
        with closing(TranscriptFile(output, started=STARTED + timedelta(hours=later))) as cut_off:
            cut_off.write(SAID[0])
        if not later:
            record.entries, record.size = 1, output.stat().st_size
    others = output.read_text().removeprefix("Yes.\n")
    assert others.startswith(known.seam(STARTED + timedelta(hours=1)))
    assert completing.complete_file(Comparison(record, said, STARTED, False, ())) == 2
    assert output.read_text() == "Yes.\n\nNo.\n" + others


@pytest.mark.parametrize("suffix", [".txt", ".md"])
def test_what_a_second_recovery_has_of_a_session_stands_before_the_one_that_was_begun_after_it(tmp_path, suffix):
    """The model had failed on it at first: it stood under the heading of the later session."""
    output, known, announced = tmp_path / f"notes{suffix}", FORMATS[suffix], []
    for started in (STARTED, STARTED + timedelta(hours=1)):
        record = output_before(output, overwrite=False)
        with closing(TranscriptFile(output, started=started)) as cut_off:
            cut_off.write(SAID[0])
        if not record.continued:
            record.entries, record.size, earlier = 1, output.stat().st_size, record
    first_time = Comparison(earlier, SAID[:2], STARTED, False, ())
    assert completing.complete_file(first_time, announced.append) == 1
    earlier.becoming, earlier.becoming_entries = announced[0], 2
    assert completing.complete_file(Comparison(earlier, SAID, STARTED, False, ())) == 1
    first, second = (pieces(known, said, with_source=False) for said in (SAID, SAID[:1]))
    assert output.read_text() == known.header(STARTED) + "".join([*first, known.seam(started), *second])


def test_recovery_corrects_no_line_of_an_earlier_session(tmp_path):
    output = tmp_path / "talk.txt"
    output.write_text("Yes.\nYes.\nNo.\n")
    record = OutputRecord(output, 0, True, 3, len("Yes.\nYes.\nNo.\n"), len("Yes.\nYes.\nNo.\n"))
    head = "\n--- 2026-03-01 14:02 ---\n\n"
    output.write_text(f"Yes.\nYes.\nNo.\n{head}Aye.\nYes.\nNo.\n")
    complete_file(record, SAID, amended=[(1, "Yes!")])
    assert output.read_text() == f"Yes.\nYes.\nNo.\n{head}Aye.\nYes!\nNo.\n"


@pytest.mark.parametrize("moved", [True, False])
@pytest.mark.parametrize("suffix", [".txt", ".md", ".srt", ".vtt", ".jsonl"])
@pytest.mark.parametrize("saved", [0, 2])
def test_a_file_that_is_another_sessions_by_now_gets_no_line_of_this_one(tmp_path, suffix, moved, saved):
    """Whether that replaced it, or the user had moved the old one away."""
    known = OutputRecord(tmp_path / f"talk{suffix}", 0, False, 0, 0)
    with closing(TranscriptFile(known.path, started=STARTED)) as file:
        for said in SAID[:saved]:
            file.write(said)
    known.entries, known.size = saved, known.path.stat().st_size if saved else 0
    if moved:
        known.path.rename(tmp_path / f"old{suffix}")
    with closing(TranscriptFile(known.path, overwrite=True)) as later:
        for index, text in enumerate(["Another", "day", "another", "talk."]):
            later.write(Utterance(index, index + 0.3, index + 0.7, text, "talk.wav"))
    others = known.path.read_bytes()
    record = SessionRecord(Settings(), STARTED, None, False, outputs=[known], entries=[*SAID[:saved]])
    told: list[str] = []
    folder = SessionFolder.create(tmp_path / "sessions")
    with closing(folder.journal) as journal:
        for _ in range(2):
            [(path, _)] = complete_files(record, SAID, journal, told.append)
    assert told == [f"'{known.path}' holds another transcript now, and is left as it is."] * 2
    assert known.path.read_bytes() == others
    assert path.name == f"talk.2026-03-01-140259{suffix}"
    whole = tmp_path / f"whole{suffix}"
    complete_file(OutputRecord(whole, 0, False, 0, 0), SAID)
    assert path.read_bytes() == whole.read_bytes()


@pytest.mark.parametrize("suffix", [".txt", ".md", ".jsonl"])
def test_a_file_that_was_continued_and_is_another_sessions_by_now_is_left_alone_too(tmp_path, suffix):
    path = tmp_path / f"talk{suffix}"
    with closing(TranscriptFile(path, started=STARTED - timedelta(days=1))) as earlier:
        earlier.write(SAID[0])
    known = output_before(path, overwrite=False)
    with closing(TranscriptFile(path, started=STARTED)) as file:
        for said in SAID[:2]:
            file.write(said)
    known.entries, known.size = 2, path.stat().st_size
    with closing(TranscriptFile(path, overwrite=True)) as later:
        later.write(Utterance(0, 0.3, 0.7, "Another day, another talk.", "talk.wav"))
    others = path.read_bytes()
    record = SessionRecord(Settings(), STARTED, None, False, outputs=[known], entries=SAID[:2])
    with closing(SessionFolder.create(tmp_path / "sessions").journal) as journal:
        [(beside, added)] = complete_files(record, SAID, journal)
    assert (path.read_bytes(), added) == (others, len(SAID))
    assert beside.read_text().count("Yes.") == 2


def test_what_goes_beside_a_file_of_the_longest_name_has_a_shorter_one(tmp_path):
    known = OutputRecord(tmp_path / f"{'a' * 251}.txt", 0, False, 0, 0)
    known.path.write_text("Another talk.\n")
    record = SessionRecord(Settings(), STARTED, None, False, outputs=[known])
    with closing(SessionFolder.create(tmp_path / "sessions").journal) as journal:
        [(path, added)] = complete_files(record, SAID, journal)
    assert (path.read_text(), added) == ("Yes.\nYes.\nNo.\n", 3)
    assert known.path.read_text() == "Another talk.\n"
