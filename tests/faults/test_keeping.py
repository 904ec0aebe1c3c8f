"""What the user is told about sessions that are kept, and when they go."""

import signal

import pytest

from live_canary.commands import keeping
from live_canary.session.folder import SessionFolder, unfinished_sessions
from tests.faults.sessions import PATIENCE_SECONDS, abort, prepare
from tests.session.fakes import ScriptedSource


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """Where the program keeps its sessions."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "live-canary" / "sessions"


def finished_session() -> SessionFolder:
    folder = SessionFolder.create()
    session = prepare(folder, [ScriptedSource("abc", name="Me")])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    return folder


def test_the_next_start_says_in_one_line_what_can_be_recovered(state, capsys):
    keeping.remind()
    assert capsys.readouterr().err == ""
    abort(first := SessionFolder.create(), "abc")
    keeping.remind()
    assert capsys.readouterr().err == "An earlier session was cut off: live-canary recover finishes the transcript.\n"
    first.path.rename(state / "2026-01-01-120000-1")
    abort(SessionFolder.create(), "abc")
    keeping.remind()
    assert capsys.readouterr().err.startswith("2 earlier sessions were cut off")


def test_a_session_that_ended_in_order_is_deleted_without_a_word(state, capsys):
    keeping.leave_folder(finished_session(), ended=True, keep_sound=False)
    assert list(state.iterdir()) == []
    assert capsys.readouterr().err == ""


def test_a_session_that_was_stopped_at_once_is_kept_and_named(state, capsys):
    folder = finished_session()
    keeping.leave_folder(folder, ended=False, keep_sound=False)
    assert f"live-canary recover {folder.path.name}" in capsys.readouterr().err
    folder.journal.close()
    assert unfinished_sessions() == [folder.path]


def test_sound_that_the_user_keeps_is_named(state, capsys):
    folder = finished_session()
    keeping.leave_folder(folder, ended=True, keep_sound=True)
    assert capsys.readouterr().err == f"Sound: {folder.path / '0-Me.flac'}\n"
    assert unfinished_sessions() == []


def test_a_state_folder_that_cannot_be_made_does_not_keep_anybody_from_dictating(tmp_path, capsys):
    (tmp_path / "state").write_text("a file where the folder should be")
    assert keeping.make_folder() is None
    assert "transcribing goes on" in capsys.readouterr().err


def test_lines_that_were_told_to_ignore_hangups_do_so():
    earlier = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        keeping.finish_when_the_terminal_closes(on_screen=False)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, earlier)
