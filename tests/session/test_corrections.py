"""What the user corrected is not lost, whatever hangs while it is being made."""

import threading
from pathlib import Path

import pytest

from live_canary import files
from live_canary.events import SessionEnded, UtteranceFinal
from live_canary.session.folder import SessionFolder
from live_canary.session.session import Session
from tests.faults.sessions import PATIENCE_SECONDS, prepare, recover
from tests.session.fakes import ENDPOINT, ScriptedSource


class HangingDrive:
    """A network drive that takes no whole file until its process has died, and that one not either."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self._begun, self._dies = threading.Event(), threading.Event()
        monkeypatch.setattr(files, "replace", self._replace)

    def _replace(self, path: Path, contents: bytes) -> None:
        self._begun.set()
        assert self._dies.wait(PATIENCE_SECONDS)
        raise OSError("nobody is there any more")

    def wait_until_it_hangs(self) -> None:
        assert self._begun.wait(PATIENCE_SECONDS)

    def let_the_process_die(self, session: Session, folder: SessionFolder) -> None:
        """What it does behind the end of its journal does not count."""
        folder.journal.close()
        self._dies.set()
        assert session.wait(PATIENCE_SECONDS)


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("live_canary.session.agenda.LOOK_SECONDS", 0.01)
    monkeypatch.setattr("live_canary.session.session.CLOSE_SOURCE_SECONDS", 0.01)


def test_corrections_that_the_disk_had_not_taken_when_patience_ended_are_left_to_recover(
    tmp_path, monkeypatch, impatient
):
    """The session was kept for the one that was being written; the one behind it was nowhere."""
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.txt"
    session = prepare(folder, [ScriptedSource("abc" + ENDPOINT + "de", live=True)], [output])
    monkeypatch.setattr(session, "_patience_seconds", 0.05)
    ended = threading.Event()
    session.start(lambda event: ended.set() if isinstance(event, SessionEnded) else None)
    assert ended.wait(PATIENCE_SECONDS)
    with monkeypatch.context() as patches:
        drive = HangingDrive(patches)
        session.amend(0, "corrected")
        drive.wait_until_it_hangs()
        session.amend(1, "this too")
        assert session.wait(PATIENCE_SECONDS)
        assert not folder.journal.is_settled  # else its folder would go now
        drive.let_the_process_die(session, folder)
    assert not folder.journal.is_settled
    assert output.read_text() == "abc\nde\n"
    recover(tmp_path / "sessions")
    assert output.read_text() == "corrected\nthis too\n"


def test_two_ctrl_c_end_a_session_whose_journal_hangs_over_a_correction(tmp_path, monkeypatch, impatient):
    """The correction behind it was to be noted, by whoever pressed them, on the very disk that hangs."""
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.txt"
    session = prepare(folder, [ScriptedSource("abc" + ENDPOINT, live=True, endless=True)], [output])
    heard, hangs, answers, given_up = (threading.Event() for _ in range(4))
    session.start(lambda event: heard.set() if isinstance(event, UtteranceFinal) else None)
    assert heard.wait(PATIENCE_SECONDS)
    write = folder.journal._write

    def hang(*, sync: bool) -> OSError | None:
        hangs.set()
        if not answers.wait(PATIENCE_SECONDS):
            given_up.set()
        return write(sync=sync)

    monkeypatch.setattr(folder.journal, "_write", hang)
    session.amend(0, "first")
    assert hangs.wait(PATIENCE_SECONDS)
    session.amend(0, "second")
    session.abort()
    assert not given_up.is_set()
    answers.set()
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    recover(tmp_path / "sessions")
    assert output.read_text() == "second\n"


def test_many_corrections_after_the_end_make_a_file_anew_once_for_all_that_wait(tmp_path, monkeypatch):
    """Each of them did: of 20,000 lines 0.3 s and a file, and whoever had deleted a thousand waited for minutes."""
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.txt"
    session = prepare(folder, [ScriptedSource(*["abc" + ENDPOINT] * 12)], [output])
    ended, begun, all_asked, replace, made = *(threading.Event() for _ in range(3)), files.replace, list[bytes]()

    def counted(path: Path, contents: bytes) -> None:
        made.append(contents)
        begun.set()
        assert all_asked.wait(PATIENCE_SECONDS)
        replace(path, contents)

    monkeypatch.setattr(files, "replace", counted)
    session.start(lambda event: ended.set() if isinstance(event, SessionEnded) else None)
    assert ended.wait(PATIENCE_SECONDS)
    session.amend(0, "begun")
    assert begun.wait(PATIENCE_SECONDS)
    for index in range(1, 11):
        session.amend(index, None)
    all_asked.set()
    assert session.wait(PATIENCE_SECONDS)
    assert output.read_text() == "begun\nabc\n"
    assert len(made) == 2  # 11 before
    assert folder.journal.is_settled
    folder.journal.close()
