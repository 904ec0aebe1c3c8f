"""A recovery that is itself cut off, or finds no room: the next one finishes what it began."""

import errno
import os
import shutil
import signal
import threading
from contextlib import closing, suppress

import pytest

from live_canary.errors import OutputError
from live_canary.events import UtteranceFinal
from live_canary.session.comparing import digest_of
from live_canary.session.completing import complete_files
from live_canary.session.folder import SessionFolder, open_session, unfinished_sessions
from live_canary.session.record import OutputRecord
from live_canary.session.recovery import hold_again
from live_canary.transcript.writer import TranscriptFile
from tests.faults.lines import SAID
from tests.faults.sessions import (
    PATIENCE_SECONDS,
    SCRIPT,
    STARTED,
    abort,
    complete_file,
    model,
    prepare,
    recover,
    undisturbed,
)
from tests.session.fakes import ENDPOINT, ScriptedSource, make_segmenter


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


def test_recovery_that_is_interrupted_goes_on_where_it_was(tmp_path):
    output = tmp_path / "talk.jsonl"
    abort(SessionFolder.create(tmp_path / "sessions"), SCRIPT, [output])
    [session] = unfinished_sessions(tmp_path / "sessions")
    folder, record = open_session(session)

    def interrupt(event) -> None:
        if isinstance(event, UtteranceFinal) and event.utterance.index == 1:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        hold_again(folder, record, make_segmenter, lambda tell: model(), interrupt)
    folder.journal.close()
    asked = model()
    recover(tmp_path / "sessions", load=lambda tell: asked)
    assert "de" not in asked.heard  # the second utterance
    assert output.read_bytes() == undisturbed(tmp_path, SCRIPT)
