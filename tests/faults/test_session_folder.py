"""The folder of a session: its user's alone, found while it is unfinished, gone at the end but for sound to keep."""

import errno
import os
import stat
import sys
import threading
from pathlib import Path

import pytest

from live_canary import files
from live_canary.commands import recover as command
from live_canary.errors import InputError, SessionError
from live_canary.events import SourceOpened
from live_canary.session.folder import JOURNAL, SessionFolder, find_session, open_session, unfinished_sessions
from live_canary.settings import Settings
from tests.faults.sessions import PATIENCE_SECONDS, SCRIPT, STARTED, abort, hold, prepare
from tests.session.fakes import ENDPOINT, ScriptedSource


def test_a_session_that_ends_in_order_leaves_nothing(tmp_path):
    script = SCRIPT.replace("xy", "")
    hold(SessionFolder.create(tmp_path / "sessions"), [ScriptedSource(script)], [tmp_path / "talk.txt"])
    assert list((tmp_path / "sessions").iterdir()) == []


def test_a_session_is_for_its_user_alone_and_not_listed_while_it_runs(tmp_path):
    folder = SessionFolder.create(tmp_path)
    folder.begin(Settings(), STARTED, [])
    assert unfinished_sessions(tmp_path) == []
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder.path / JOURNAL).stat().st_mode) == 0o600
    with pytest.raises(SessionError, match="is still running, or another recover"):
        open_session(folder.path)
    folder.journal.close()
    assert unfinished_sessions(tmp_path) == [folder.path]


def test_a_file_system_without_locks_keeps_no_file_open_and_no_folder(tmp_path, monkeypatch):
    opened = []

    def refuse(descriptor):
        opened.append(descriptor)
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("live_canary.files.lock", refuse)
    with pytest.raises(OSError, match="No locks available"):
        SessionFolder.create(tmp_path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_session_is_refused_with_those_there_are(tmp_path):
    abort(folder := SessionFolder.create(tmp_path), "abc")
    with pytest.raises(InputError, match=f"no unfinished session '../../etc'; there are: {folder.path.name}"):
        find_session("../../etc", tmp_path)


def test_a_session_that_ends_while_others_are_looked_for_is_no_trouble(tmp_path, monkeypatch):
    abort(folder := SessionFolder.create(tmp_path), "abc")
    (tmp_path / "2026-01-01").mkdir()
    (journal := tmp_path / "2026-01-01" / JOURNAL).write_text("of a session that is about to end")

    def and_then_it_ends(looked):
        def look(path, **how):
            answer = looked(path, **how)
            if path == journal:
                journal.unlink(missing_ok=True)
                journal.parent.rmdir()
            return answer

        return look

    for name in ("is_file", "lstat"):
        monkeypatch.setattr(Path, name, and_then_it_ends(getattr(Path, name)))
    assert unfinished_sessions(tmp_path) == [folder.path]


def test_looking_for_sessions_makes_no_journal_in_one_that_is_being_deleted(tmp_path, monkeypatch):
    def deleted_meanwhile(path, flags, **how):
        path.unlink()
        return opened(path, flags, **how)

    opened = files.open_file
    abort(folder := SessionFolder.create(tmp_path), "abc")
    monkeypatch.setattr(files, "open_file", deleted_meanwhile)
    assert unfinished_sessions(tmp_path) == []
    assert [path.name for path in folder.path.iterdir()] == ["0"]


def test_a_session_that_another_recovery_has_finished_is_said_to_be_gone(tmp_path):
    abort(folder := SessionFolder.create(tmp_path), "abc")
    open_session(folder.path)[0].remove()
    for ask in (open_session, command.describe):
        with pytest.raises(SessionError, match="is gone: it was finished or deleted meanwhile"):
            ask(folder.path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kept_as"),
    [("Ольга", "0-Ольга.flac"), ("José Álvarez", "0-José-Álvarez.flac"), ("团队", "0-团队.flac"),
     ("हिन्दी", "0-हिन्दी.flac"), ("🦜", "0-0.flac"), ("语" * 99, f"0-{'语' * 60}.flac")],
)  # fmt: skip
def test_sound_that_is_kept_is_named_after_who_speaks_in_every_script(tmp_path, name, kept_as):
    """`transcribe --together`, which names speakers after the files, called Ольга "0-" and José "Jos"."""
    folder = SessionFolder.create(tmp_path)
    session = prepare(folder, [ScriptedSource("abc" + ENDPOINT, name=name)])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    assert [path.name for path in folder.keep_sound()] == [kept_as]


def test_the_name_of_sound_that_is_kept_has_only_letters_that_names_of_files_can_have_here(tmp_path, monkeypatch):
    folder = SessionFolder.create(tmp_path)
    session = prepare(folder, [ScriptedSource("abc" + ENDPOINT, name="José и Ольга")])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "latin-1")
    assert [path.name for path in folder.keep_sound()] == ["0-José.flac"]


def test_sound_that_is_kept_takes_the_place_of_the_session(tmp_path):
    folder = SessionFolder.create(tmp_path)
    session = prepare(folder, [ScriptedSource("abc" + ENDPOINT, name="Me: ../x")])
    opened = threading.Event()
    session.start(lambda event: opened.set() if isinstance(event, SourceOpened) else None)
    assert session.wait(PATIENCE_SECONDS)
    assert opened.is_set()
    [kept] = folder.keep_sound()
    assert kept.name == "0-Me-x.flac"
    assert list(folder.path.iterdir()) == [kept]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert unfinished_sessions(tmp_path) == []
