"""Transcript files that cannot be written for a while, and what recovery adds to them."""

import os
from contextlib import ExitStack

import pytest

from live_canary.audio.recording import RecordingSource
from live_canary.errors import OutputError
from live_canary.events import OutputWritten, StageFailed, UtteranceFinal
from live_canary.session.completing import complete_file, lines_of
from live_canary.session.folder import SessionFolder
from live_canary.session.record import OutputRecord
from live_canary.transcript.utterance import Utterance
from live_canary.transcript.writer import TranscriptFile
from tests.faults.conftest import fill, read_only
from tests.faults.sessions import PATIENCE_SECONDS, STARTED, abort, hold, prepare, recording, recover, replay
from tests.session.fakes import ENDPOINT, ScriptedSource

SAID = [
    Utterance(index, index + 0.1, index + 0.9, text, "talk.wav") for index, text in enumerate(["Yes.", "Yes.", "No."])
]


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
    replay(recording(tmp_path / "talk.wav"), output, sessions=tmp_path / "undisturbed")
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
        complete_file(OutputRecord(output, 0, False, 0, 0), SAID, STARTED, with_source=False)
    first.close()


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
    output = OutputRecord(tmp_path / f"talk{suffix}", 0, bool(earlier), 0, len(earlier))
    output.path.write_bytes(earlier)
    complete_file(output, SAID, STARTED, with_source=False)
    whole = output.path.read_bytes()
    assert whole.startswith(earlier)
    for cut in range(len(earlier), len(whole) + 1):
        output.path.write_bytes(whole[:cut])
        complete_file(output, SAID, STARTED, with_source=False)
        assert output.path.read_bytes() == whole
        assert complete_file(output, SAID, STARTED, with_source=False) == 0


def test_what_a_user_wrote_into_the_file_stays_and_no_line_is_repeated(tmp_path):
    output = OutputRecord(tmp_path / "talk.txt", 0, False, 0, 0)
    first, second, third = lines_of(output, SAID, STARTED, with_source=False)
    output.path.write_bytes(b"My own title\n" + first + second + b"A remark")
    output.entries, output.size = 2, len(first) + len(second)  # as the journal knew it before the user wrote
    complete_file(output, SAID, STARTED, with_source=False)
    assert output.path.read_bytes() == b"My own title\n" + first + second + b"A remark\n" + third


@pytest.mark.parametrize("name", ["talk.docx", "no/such/folder/talk.txt", "folder.txt", "pipe.txt"])
def test_a_journal_cannot_name_just_any_file(tmp_path, name):
    (tmp_path / "folder.txt").mkdir()
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(OutputError):
        complete_file(OutputRecord(tmp_path / name, 0, False, 0, 0), SAID, STARTED, with_source=False)
