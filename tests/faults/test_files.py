"""Transcript files that cannot be written for a while, and what recovery adds to them."""

import errno
import json
import os
import shutil
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from live_canary import files
from live_canary.audio.recording import RecordingSource
from live_canary.errors import OutputError
from live_canary.events import OutputWritten, StageFailed, UtteranceFinal
from live_canary.screen.export_dialog import export
from live_canary.session import comparing, completing
from live_canary.session.comparing import Comparison, digest_of
from live_canary.session.completing import complete_files, output_before
from live_canary.session.folder import SessionFolder, open_session, unfinished_sessions
from live_canary.session.record import OutputRecord, SessionRecord
from live_canary.session.recovery import hold_again
from live_canary.settings import Settings
from live_canary.transcript.formats import FORMATS
from live_canary.transcript.pieces import pieces, whole_transcript, with_amendments
from live_canary.transcript.utterance import Revision, Utterance
from live_canary.transcript.writer import TranscriptFile
from tests.faults.conftest import fill, read_only
from tests.faults.sessions import (
    PATIENCE_SECONDS,
    SCRIPT,
    STARTED,
    abort,
    complete_file,
    hold,
    model,
    prepare,
    recording,
    recover,
    replay,
)
from tests.session.fakes import ENDPOINT, ScriptedSource, make_segmenter
from tests.transcript.cues import AT_LENGTH

SAID = [
    Utterance(index, index + 0.1, index + 0.9, text, "talk.wav") for index, text in enumerate(["Yes.", "Yes.", "No."])
]
AT_LENGTH_SAID = [
    Utterance(0, 0.1, 17.9, AT_LENGTH, "talk.wav"),
    Utterance(1, 18.1, 18.9, "Yes.", "talk.wav"),
    Utterance(2, 19.1, 37.9, f"No. {AT_LENGTH}", "talk.wav"),
    Utterance(3, 40.1, 40.9, "Yes.", "talk.wav"),
]
CUT_OTHERWISE = [
    (1, Revision(AT_LENGTH)),
    (2, Revision("Never mind.")),
    (0, Revision(None)),
    (2, Revision(f"Never mind. {AT_LENGTH}")),
]
CORRECTED = [(0, Revision("Yes?")), (1, Revision(None)), (0, Revision("Maybe, said at length.", is_bookmarked=True))]


class AtTheEndOf:
    """Does something after the given utterance has been told, in the thread that tells it."""

    def __init__(self, index: int, action) -> None:
        self.events: list = []
        self._index, self._action = index, action

    def __call__(self, event) -> None:
        self.events.append(event)
        if isinstance(event, UtteranceFinal) and event.utterance.index == self._index:
            self._action()


def run(folder: SessionFolder, talk, output, on_event) -> list:
    session = prepare(folder, [RecordingSource([talk], speed=None)], [output])
    session.start(on_event)
    assert session.wait(PATIENCE_SECONDS)
    return on_event.events


@pytest.fixture
def undisturbed(tmp_path) -> bytes:
    """What a session writes whose disk has room."""
    output = tmp_path / "undisturbed.jsonl"
    transcribable = SCRIPT.replace("xy", "")
    replay(recording(tmp_path / "talk.wav", transcribable), output, sessions=tmp_path / "undisturbed")
    return output.read_bytes()


def test_a_full_disk_is_told_and_caught_up_with_when_there_is_room(tmp_path, small_disk, undisturbed):
    folder, output = SessionFolder.create(tmp_path / "sessions"), small_disk / "talk.jsonl"
    output.touch()
    ballast: list = []
    room_again = AtTheEndOf(1, lambda: ballast.pop().unlink())
    ballast.append(fill(small_disk))
    events = run(folder, tmp_path / "talk.wav", output, room_again)
    failures = [event.message for event in events if isinstance(event, StageFailed) and event.stage == "file"]
    assert "No space left on device; 1 line is not saved yet" in failures[0]
    assert [event.unsaved for event in events if isinstance(event, OutputWritten)][:3] == [1, 2, 0]
    assert output.read_bytes() == undisturbed
    assert folder.journal.is_settled


@pytest.mark.parametrize("earlier", [None, b"Earlier\n"])
def test_a_part_saved_on_the_screen_to_a_full_disk_leaves_what_was_there(small_disk, earlier):
    path = small_disk / "part.txt"
    if earlier:
        path.write_bytes(earlier)
    fill(small_disk)
    with pytest.raises(OutputError, match="cannot be written: No space left"):
        export(path, SAID * 1000, STARTED, with_source=False)
    assert (path.read_bytes() if path.exists() else None) == earlier
    assert {file.name for file in small_disk.iterdir()} <= {"ballast", "part.txt"}


def test_a_transcript_that_cannot_be_begun_on_a_full_disk_wants_room(small_disk):
    fill(small_disk)
    with pytest.raises(OutputError, match=r"No space left on device; make room, or give another folder or name\.$"):
        TranscriptFile(small_disk / "notes.md")


def test_lines_that_never_found_room_are_written_by_recovery(tmp_path, small_disk, undisturbed):
    folder, output = SessionFolder.create(tmp_path / "sessions"), small_disk / "talk.jsonl"
    output.touch()
    ballast = fill(small_disk)
    run(folder, tmp_path / "talk.wav", output, AtTheEndOf(-1, None))
    assert not folder.journal.is_settled
    folder.journal.close()
    with pytest.raises(OutputError, match="No space left on device; run recover again"):
        recover(tmp_path / "sessions")
    assert output.read_bytes() == b""
    ballast.unlink()
    recover(tmp_path / "sessions")
    assert output.read_bytes() == undisturbed


def test_a_file_that_was_deleted_meanwhile_is_made_again_with_what_comes(tmp_path, undisturbed):
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.jsonl"
    run(folder, tmp_path / "talk.wav", output, AtTheEndOf(1, output.unlink))
    assert output.read_bytes().splitlines() == undisturbed.splitlines()[2:]
    assert folder.journal.is_settled


def test_a_folder_that_becomes_read_only_does_not_matter_to_an_open_file(tmp_path, undisturbed):
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "texts" / "talk.jsonl"
    output.parent.mkdir()
    with ExitStack() as stack:
        lock = AtTheEndOf(0, lambda: stack.enter_context(read_only(output.parent)))
        events = run(folder, tmp_path / "talk.wav", output, lock)
    assert output.read_bytes() == undisturbed
    assert not [event for event in events if isinstance(event, StageFailed) and event.stage == "file"]


def test_a_file_that_cannot_be_made_again_is_told_and_gets_its_lines_when_it_can(tmp_path, undisturbed):
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "texts" / "talk.jsonl"
    output.parent.mkdir()
    locked = ExitStack()

    def follow(event) -> None:
        events.append(event)
        match event:
            case UtteranceFinal(utterance) if utterance.index == 0:
                output.unlink()
                locked.enter_context(read_only(output.parent))
            case UtteranceFinal(utterance) if utterance.index == 2:
                locked.close()

    events: list = []
    follow.events = events
    with locked:
        run(folder, tmp_path / "talk.wav", output, follow)
    failures = [event.message for event in events if isinstance(event, StageFailed) and event.stage == "file"]
    assert "talk.jsonl' cannot be written" in failures[0]
    assert "2 lines are not saved yet" in failures[1]
    assert output.read_bytes().splitlines() == undisturbed.splitlines()[1:]
    assert folder.journal.is_settled


@pytest.mark.usefixtures("undisturbed")
def test_lines_of_a_file_that_another_text_replaced_are_kept_and_recovery_writes_them_beside_it(tmp_path):
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.txt"
    whole = tmp_path / "whole.txt"
    run(SessionFolder.create(tmp_path / "others"), tmp_path / "talk.wav", whole, AtTheEndOf(-1, None))
    events = run(folder, tmp_path / "talk.wav", output, AtTheEndOf(1, lambda: output.write_text("Shopping\n")))
    failures = [event.message for event in events if isinstance(event, StageFailed) and event.stage == "file"]
    assert "lines are not in it any more, nor anything else that was written" in failures[0]
    assert not folder.journal.is_settled
    folder.journal.close()
    recover(tmp_path / "sessions")
    assert output.read_text() == "Shopping\n"
    (beside,) = tmp_path.glob("talk.2*.txt")
    assert beside.read_text() == whole.read_text()


def test_a_file_that_is_gone_after_a_crash_is_made_again_with_every_line(tmp_path, undisturbed):
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.jsonl"
    run(folder, tmp_path / "talk.wav", output, AtTheEndOf(-1, None))
    folder.journal.close()
    output.unlink()
    recover(tmp_path / "sessions")
    assert output.read_bytes() == undisturbed


def test_a_file_is_written_by_one_session_only(tmp_path):
    output = tmp_path / "talk.txt"
    first = TranscriptFile(output)
    with pytest.raises(OutputError, match="already being written by a running session"):
        TranscriptFile(output)
    with pytest.raises(OutputError, match="is being written by a running session; run recover again"):
        complete_file(OutputRecord(output, 0, False, 0, 0), SAID)
    first.close()


def test_a_file_that_lacks_only_corrections_is_not_touched_while_another_session_writes_it(tmp_path):
    """The correction was made in a copy, and what the other session wrote meanwhile went with the old file."""
    output = OutputRecord(tmp_path / "talk.txt", 0, False, 0, 0)
    complete_file(output, SAID)
    before = output.path.read_bytes()
    running = TranscriptFile(output.path, started=STARTED)
    with pytest.raises(OutputError, match="is being written by a running session; run recover again"):
        complete_file(output, SAID, amended=CORRECTED)
    assert output.path.read_bytes() == before
    running.close()
    assert complete_file(output, SAID, amended=CORRECTED) == 0
    assert output.path.read_text() == "Maybe, said at length.\nNo.\n"


def test_recovery_continues_a_file_that_an_earlier_session_is_in(tmp_path):
    output, expected = tmp_path / "notes.txt", tmp_path / "expected.txt"
    for path in (output, expected):
        path.write_text("Something from yesterday, without a line break")
    script = "abc" + ENDPOINT + "de"
    hold(SessionFolder.create(tmp_path / "one"), [ScriptedSource(script)], [expected])
    abort(SessionFolder.create(tmp_path / "other"), script, [output])
    assert recover(tmp_path / "other") == 2
    assert output.read_bytes() == expected.read_bytes()


@pytest.mark.parametrize("suffix", [".txt", ".md", ".srt", ".vtt", ".jsonl"])
@pytest.mark.parametrize("earlier", [b"", b"Earlier\n", b"Earlier"])
def test_a_file_cut_off_at_any_byte_is_completed_to_the_same_bytes(tmp_path, suffix, earlier):
    output = OutputRecord(tmp_path / f"talk{suffix}", 0, bool(earlier), 0, len(earlier), len(earlier))
    output.path.write_bytes(earlier)
    complete_file(output, SAID)
    whole = output.path.read_bytes()
    assert whole.startswith(earlier)
    for cut in range(len(earlier), len(whole) + 1):
        output.path.write_bytes(whole[:cut])
        complete_file(output, SAID)
        assert output.path.read_bytes() == whole
        assert complete_file(output, SAID) == 0


@pytest.mark.parametrize("suffix", [".txt", ".md", ".srt", ".vtt"])
@pytest.mark.parametrize("corrections", range(len(CORRECTED) + 1))
def test_a_file_cut_off_after_some_corrections_gets_the_rest_once(tmp_path, suffix, corrections):
    """Corrected lines were taken for another program's, and the session's were added once more."""
    output = OutputRecord(tmp_path / f"talk{suffix}", 0, False, 0, 0)
    complete_file(output, SAID, amended=CORRECTED)
    whole = output.path.read_bytes()
    output.path.unlink()
    complete_file(output, SAID, amended=CORRECTED[:corrections])
    made = output.path.read_bytes()
    for cut in range(1, len(made) + 1, 3):
        output.path.write_bytes(made[:cut])
        for _ in range(2):
            complete_file(output, SAID, amended=CORRECTED)
            assert output.path.read_bytes() == whole


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_subtitles_of_several_cues_an_utterance_are_completed_from_any_byte(tmp_path, suffix):
    """An utterance that lacks some of its cues gets them, whether it was cut off in one of them or between two."""
    output = OutputRecord(tmp_path / f"talk{suffix}", 0, False, 0, 0)
    whole = whole_transcript(FORMATS[suffix], AT_LENGTH_SAID, STARTED, with_source=False).encode()
    assert whole.count(b"-->") > 2 * len(AT_LENGTH_SAID)
    for cut in range(len(whole) + 1):
        output.path.write_bytes(whole[:cut])
        complete_file(output, AT_LENGTH_SAID)
        assert output.path.read_bytes() == whole


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
@pytest.mark.parametrize("corrections", range(len(CUT_OTHERWISE) + 1))
def test_subtitles_cut_off_after_some_corrections_get_more_and_fewer_cues_and_their_numbers(
    tmp_path, suffix, corrections
):
    output = OutputRecord(tmp_path / f"talk{suffix}", 0, False, 0, 0)
    corrected = with_amendments(AT_LENGTH_SAID, dict(CUT_OTHERWISE))
    whole = whole_transcript(FORMATS[suffix], corrected, STARTED, with_source=False).encode()
    so_far = with_amendments(AT_LENGTH_SAID, dict(CUT_OTHERWISE[:corrections]))
    made = whole_transcript(FORMATS[suffix], so_far, STARTED, with_source=False).encode()
    for cut in range(1, len(made) + 1, 5):
        output.path.write_bytes(made[:cut])
        for _ in range(2):
            complete_file(output, AT_LENGTH_SAID, amended=CUT_OTHERWISE)
            assert output.path.read_bytes() == whole


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


def test_amendments_between_the_lines_of_a_file_do_not_hide_those_behind_them(tmp_path):
    output = OutputRecord(tmp_path / "talk.jsonl", 0, False, 0, 0)
    with closing(TranscriptFile(output.path, started=STARTED)) as file:
        for utterance, amendment in zip(SAID, CORRECTED, strict=True):
            file.write(utterance)
            file.amend(*amendment)
    whole = output.path.read_bytes()
    for cut in range(1, len(whole) + 1, 7):
        output.path.write_bytes(whole[:cut])
        complete_file(output, SAID, amended=CORRECTED)
        completed = output.path.read_bytes()
        assert completed.count(b'"utterance"') == len(SAID)
        assert complete_file(output, SAID, amended=CORRECTED) == 0
        assert output.path.read_bytes() == completed


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


def test_a_file_that_is_as_recovery_meant_it_to_be_is_complete(tmp_path):
    """However it came to be so: killed before it could be noted, with another session's lines in the middle."""
    output = OutputRecord(tmp_path / "talk.txt", 0, False, 0, 0)
    complete_file(output, SAID[:1])
    with closing(TranscriptFile(output.path, started=STARTED)) as later:
        later.write(SAID[0])
    announced: list[str] = []
    assert complete_file(output, SAID, announce=announced.append) == 2
    completed = output.path.read_bytes()
    assert announced == [digest_of(completed)]
    output.becoming, output.becoming_entries = announced[0], len(SAID)
    assert complete_file(output, SAID) == 0
    assert output.path.read_bytes() == completed


def test_a_file_that_is_complete_is_left_alone_while_another_is_not(tmp_path):
    first, second = tmp_path / "talk.txt", tmp_path / "away" / "talk.txt"
    second.parent.mkdir()
    abort(SessionFolder.create(tmp_path / "sessions"), "abc" + ENDPOINT + "de", [first, second])
    second.parent.rename(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="no folder"):
        recover(tmp_path / "sessions")
    assert first.read_text() == "abc\nde\n"
    first.write_text("as the user wants it\n")
    (tmp_path / "elsewhere").rename(second.parent)
    assert recover(tmp_path / "sessions") == 2
    assert first.read_text() == "as the user wants it\n"
    assert second.read_text() == "abc\nde\n"


def test_a_recovery_that_was_cut_off_while_it_deleted_the_sound_has_nothing_left_to_hear(tmp_path):
    output = tmp_path / "talk.txt"
    abort(SessionFolder.create(tmp_path / "sessions"), SCRIPT.replace("xy", ""), [output])
    [path] = unfinished_sessions(tmp_path / "sessions")
    folder, record = open_session(path)
    with closing(folder.journal):
        transcript = hold_again(folder, record, make_segmenter, lambda tell: model())
        list(complete_files(record, transcript, folder.journal))
    shutil.rmtree(path / "0")
    completed = output.read_bytes()
    assert recover(tmp_path / "sessions", load=lambda tell: pytest.fail("no model is needed")) == 0
    assert output.read_bytes() == completed
    assert not path.exists()


@pytest.mark.parametrize("keep", [SessionFolder.keep_sound, SessionFolder.remove])
def test_a_session_that_was_cut_off_while_it_deleted_its_sound_misses_none_of_it(tmp_path, monkeypatch, keep):
    """Its transcript is whole; the silence behind a missing minute was marked as not heard."""

    def killed(sounds, **how):
        (sounds / "00000000000000.flac").unlink()
        raise KeyboardInterrupt

    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.txt"
    session = prepare(folder, [ScriptedSource("abc" + "." * 700)], [output])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(shutil, "rmtree", killed)
        keep(folder)
    folder.journal.close()
    assert recover(tmp_path / "sessions") == 0
    assert output.read_text() == "abc\n"
    assert list((tmp_path / "sessions").iterdir()) == []


def test_what_a_user_wrote_into_the_file_stays_and_no_line_is_repeated(tmp_path):
    output = OutputRecord(tmp_path / "talk.txt", 0, False, 0, 0)
    complete_file(output, SAID)
    first, second, third = output.path.read_bytes().splitlines(keepends=True)
    output.path.write_bytes(b"My own title\n" + first + second + b"A remark")
    output.entries, output.size = 2, len(first) + len(second)  # as the journal knew it before the user wrote
    complete_file(output, SAID)
    assert output.path.read_bytes() == b"My own title\n" + first + second + b"A remark\n" + third


def test_what_recovery_adds_is_on_the_disk_before_its_session_is_deleted(tmp_path, monkeypatch):
    output, synced = OutputRecord(tmp_path / "talk.txt", 0, False, 0, 0), [0]
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    assert complete_file(output, SAID) == 3
    assert synced[-1] == output.path.stat().st_size


def test_a_recovery_that_finds_no_room_leaves_no_half_of_a_line(tmp_path, monkeypatch):
    def full(descriptor: int, data: bytes) -> int:
        if data.startswith(b"Y"):
            return really_write(descriptor, data[:6])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    output, really_write = OutputRecord(tmp_path / "talk.txt", 0, False, 0, 0), os.write
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OutputError, match="No space left on device; run recover again"):
        complete_file(output, SAID)
    assert output.path.read_bytes() == b""


def test_a_recovery_that_is_killed_while_it_makes_a_file_again_repeats_nothing(tmp_path, monkeypatch):
    """The lines were saved before, so a part of them would be taken for what somebody else has made of the file."""

    def killed(descriptor: int, data: bytes) -> int:
        really_write(descriptor, data[:6])
        raise KeyboardInterrupt

    output, really_write = OutputRecord(tmp_path / "talk.txt", 0, False, 3, 14), os.write
    with monkeypatch.context() as dying, suppress(KeyboardInterrupt):
        dying.setattr(os, "write", killed)
        complete_file(output, SAID)
    complete_file(output, SAID)
    assert output.path.read_bytes() == b"Yes.\nYes.\nNo.\n"


def test_a_line_that_was_cut_off_and_then_deleted_leaves_nothing(tmp_path):
    output = OutputRecord(tmp_path / "talk.txt", 0, False, 1, 5)
    output.path.write_bytes(b"Yes.\nYe")
    complete_file(output, SAID, amended=[(1, None), (2, None)])
    assert output.path.read_bytes() == b"Yes.\n"


def test_a_correction_that_was_taken_back_and_made_again_is_added_again(tmp_path):
    output, corrections = OutputRecord(tmp_path / "talk.jsonl", 0, False, 0, 0), [(0, "Yes?"), (0, "No?"), (0, "Yes?")]
    for count in range(1, 4):
        complete_file(output, SAID, amended=corrections[:count])
    said = [json.loads(line)["text"] for line in output.path.read_text().splitlines()]
    assert said == ["Yes.", "Yes.", "No.", "Yes?", "No?", "Yes?"]


def test_a_file_that_a_session_replaces_as_it_ends_is_completed_in_its_new_form(tmp_path, monkeypatch):
    """What was written to the old one would go with it."""

    def lock(descriptor: int) -> None:
        monkeypatch.setattr(files, "lock", really_lock)
        files.replace(output.path, b"Yes.\n")

    output, really_lock = OutputRecord(tmp_path / "talk.txt", 0, False, 1, 5), files.lock
    output.path.write_bytes(b"Yes.\n")
    monkeypatch.setattr(files, "lock", lock)
    assert complete_file(output, SAID) == 2
    assert output.path.read_bytes() == b"Yes.\nYes.\nNo.\n"


def test_files_are_written_and_completed_where_the_file_system_has_no_locks(tmp_path, monkeypatch):
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(files, "lock", refuse)
    output = OutputRecord(tmp_path / "talk.txt", 0, False, 0, 0)
    with closing(TranscriptFile(output.path, started=STARTED)) as file:
        file.write(SAID[0])
    assert complete_file(output, SAID) == 2
    assert output.path.read_bytes() == b"Yes.\nYes.\nNo.\n"


def test_a_deleted_line_goes_from_a_file_that_a_user_has_written_into(tmp_path):
    output = tmp_path / "talk.txt"
    output.write_text("A title\nBugdet\n")
    entries = [Utterance(index, index, index + 0.5, text, "Me") for index, text in enumerate(("Bugdet", "Budget"))]
    record = OutputRecord(output, 0, False, 1, len("Bugdet\n"))
    assert complete_file(record, entries, amended=[(0, None)]) == 1
    assert output.read_text() == "A title\nBudget\n"


def test_recovery_corrects_no_line_of_an_earlier_session(tmp_path):
    output = tmp_path / "talk.txt"
    output.write_text("Yes.\nYes.\nNo.\n")
    record = OutputRecord(output, 0, True, 3, len("Yes.\nYes.\nNo.\n"), len("Yes.\nYes.\nNo.\n"))
    head = "\n--- 2026-03-01 14:02 ---\n\n"
    output.write_text(f"Yes.\nYes.\nNo.\n{head}Aye.\nYes.\nNo.\n")
    complete_file(record, SAID, amended=[(1, "Yes!")])
    assert output.read_text() == f"Yes.\nYes.\nNo.\n{head}Aye.\nYes!\nNo.\n"


@pytest.mark.parametrize("name", ["talk.docx", "no/such/folder/talk.txt", "folder.txt", "pipe.txt"])
def test_a_journal_cannot_name_just_any_file(tmp_path, name):
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(OutputError):
        complete_file(OutputRecord(tmp_path / name, 0, False, 0, 0), SAID)


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
