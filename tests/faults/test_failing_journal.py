"""A journal that is damaged, or that finds no room: the session goes on, and its recovery lacks nothing."""

import errno
import os

import pytest

from live_canary.audio.recording import RecordingSource
from live_canary.events import StageFailed, UtteranceFinal
from live_canary.session.folder import JOURNAL, SessionFolder, open_session, unfinished_sessions
from live_canary.session.record import read_journal
from live_canary.session.recovery import hold_again
from live_canary.settings import Settings
from tests.faults.conftest import fill
from tests.faults.sessions import (
    PATIENCE_SECONDS,
    SCRIPT,
    STARTED,
    abort,
    model,
    prepare,
    recording,
    recover,
    undisturbed,
)
from tests.session.fakes import ENDPOINT, ScriptedSource, make_segmenter


@pytest.mark.parametrize("kept_lines", [3, 4, 5, 8])
@pytest.mark.parametrize("junk", [b"", b'{"type": "segm', b"\xff\xfe\n", b'{"type": "text"}\n{"type": "session"}\n'])
def test_a_damaged_journal_is_believed_up_to_the_damage(tmp_path, kept_lines, junk):
    talk, output = recording(tmp_path / "talk.wav"), tmp_path / "talk.jsonl"
    folder = SessionFolder.create(tmp_path / "sessions")
    session = prepare(folder, [RecordingSource([talk], speed=None)], [output])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    whole = output.read_bytes()
    journal = folder.path / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:kept_lines]) + junk)
    recover(tmp_path / "sessions")
    assert output.read_bytes() == whole
    assert unfinished_sessions(tmp_path / "sessions") == []


def test_sound_is_heard_again_even_when_the_journal_lost_its_source(tmp_path):
    abort(folder := SessionFolder.create(tmp_path), "abc" + ENDPOINT + "de")
    journal = folder.path / JOURNAL
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    folder, record = open_session(folder.path)
    transcript = hold_again(folder, record, make_segmenter, lambda tell: model())
    assert [(entry.source, entry.text) for entry in transcript] == [("sound 0", "abc"), ("sound 0", "de")]
    assert [kept.name for kept in folder.keep_sound()] == ["0-sound-0.flac"]


def test_a_journal_without_sources_has_nothing_to_recover(tmp_path):
    folder = SessionFolder.create(tmp_path)
    folder.begin(Settings(), STARTED, [])
    folder.journal.close()
    assert recover(tmp_path) == 0
    assert unfinished_sessions(tmp_path) == []


@pytest.mark.parametrize("from_the_start", [False, True])
def test_a_journal_without_room_is_told_once_and_the_session_goes_on(tmp_path, monkeypatch, from_the_start):
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.jsonl"
    full = os.open("/dev/full", os.O_WRONLY)
    if from_the_start:
        monkeypatch.setattr(folder.journal, "_descriptor", full)
    session = prepare(folder, [ScriptedSource(SCRIPT)], [output])
    monkeypatch.setattr(folder.journal, "_descriptor", full)
    failures = []
    session.start(lambda event: failures.append(event) if isinstance(event, StageFailed) else None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    assert [failure.stage for failure in failures].count("journal") == 1
    assert "recover" in failures[0].message
    assert "No space left on device" in failures[0].message
    assert output.read_bytes() == undisturbed(tmp_path, SCRIPT)


def test_a_journal_on_a_file_server_that_went_away_does_not_end_the_session(tmp_path, monkeypatch):
    """There every call fails, also one that only asks for the size and the one that closes."""

    def gone(call):
        def refuse(descriptor, *arguments):
            if descriptor == journal:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            return call(descriptor, *arguments)

        return refuse

    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.jsonl"
    session, failures = prepare(folder, [ScriptedSource(SCRIPT)], [output]), []
    journal = folder.journal._descriptor
    for name in ("fstat", "write", "ftruncate", "close"):
        monkeypatch.setattr(os, name, gone(getattr(os, name)))
    session.start(lambda event: failures.append(event) if isinstance(event, StageFailed) else None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    monkeypatch.undo()
    os.close(journal)
    [told] = (failure.message for failure in failures if failure.stage == "journal")
    assert os.strerror(errno.ESTALE) in told
    assert not any(failure.fatal for failure in failures)
    assert output.read_bytes() == undisturbed(tmp_path, SCRIPT)


def test_a_journal_that_has_room_again_lacks_nothing(tmp_path, small_disk):
    """What came after a full disk was not noted, so that recovery wrote it into the file a second time."""
    folder, output = SessionFolder.create(small_disk), tmp_path / "talk.jsonl"
    talk = recording(tmp_path / "talk.wav", ("abc" + ENDPOINT) * 20)
    session = prepare(folder, [RecordingSource([talk], speed=None)], [output])
    ballast, told = [fill(small_disk)], []  # the journal's first 4 KiB have their place already

    def follow(event) -> None:
        if isinstance(event, StageFailed) and event.stage == "journal":
            told.append(event.message)
        if isinstance(event, UtteranceFinal) and event.utterance.index == 15:
            ballast.pop().unlink()

    session.start(follow)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    assert "No space left on device" in told[0]
    assert told[1:] == ["The session's journal is written again, and lacks nothing."]
    written = output.read_bytes()
    record = read_journal(folder.path / JOURNAL)
    assert len(record.entries) == len(written.splitlines())
    assert record.believed_bytes == (folder.path / JOURNAL).stat().st_size
    asked = model()
    assert recover(small_disk, load=lambda tell: asked) == 0
    assert asked.heard == []
    assert output.read_bytes() == written
