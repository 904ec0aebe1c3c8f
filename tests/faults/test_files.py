"""Transcript files that cannot be written for a while or are another's, and what recovery adds to them."""

import errno
import os
from contextlib import ExitStack, closing

import pytest

from live_canary import files
from live_canary.audio.recording import RecordingSource
from live_canary.errors import OutputError
from live_canary.events import OutputWritten, StageFailed, UtteranceFinal
from live_canary.screen.export_dialog import export
from live_canary.session.folder import SessionFolder
from live_canary.session.record import OutputRecord
from live_canary.transcript.writer import TranscriptFile
from tests.faults.conftest import fill, read_only
from tests.faults.lines import CORRECTED, SAID
from tests.faults.sessions import PATIENCE_SECONDS, SCRIPT, STARTED, complete_file, prepare, recording, recover, replay


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


@pytest.mark.parametrize("name", ["talk.docx", "no/such/folder/talk.txt", "folder.txt", "pipe.txt"])
def test_a_journal_cannot_name_just_any_file(tmp_path, name):
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(OutputError):
        complete_file(OutputRecord(tmp_path / name, 0, False, 0, 0), SAID)
