"""`live-canary recover`: what it prints, finishes, leaves to others and deletes."""

import errno
import os
from pathlib import Path

import pytest

from live_canary import files
from live_canary.commands import keeping
from live_canary.commands import recover as command
from live_canary.errors import SessionError
from live_canary.session.folder import JOURNAL, SessionFolder, open_session
from tests.faults.sessions import abort, model
from tests.session.fakes import ENDPOINT, make_segmenter


@pytest.fixture
def state(tmp_path, monkeypatch):
    """Where the program keeps its sessions; its model hears letters."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(command, "load_with", lambda choice, settings: lambda tell: model())
    monkeypatch.setattr(command, "Segmenter", lambda detector, settings: make_segmenter())
    return tmp_path / "state" / "live-canary" / "sessions"


def test_without_an_output_file_the_text_is_printed(state, capsys):
    abort(SessionFolder.create(), "abc" + ENDPOINT + "de")
    assert command.run(None, only_list=True) == 0
    listed = capsys.readouterr()
    assert listed.out.endswith(": talk, 00:00:01 of sound, 0 lines so far -> no file\n")
    assert listed.err == ""
    assert command.run(None) == 0
    assert capsys.readouterr().out == "[00:00:00] abc\n[00:00:01] de\n"
    assert list(state.iterdir()) == []
    assert command.run(None) == 0
    assert "nothing to recover" in capsys.readouterr().err


def test_a_session_can_be_finished_on_another_processor_than_its_own(state, monkeypatch):
    def load_with(choice, settings):
        asked.append((settings.compute_device, settings.compute))
        return lambda tell: model()

    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(command, "load_with", load_with)
    abort(SessionFolder.create(), "abc")
    assert command.run(None, {"compute_device": "cpu", "compute": "int8"}) == 0
    assert asked == [("cpu", "int8")]


def test_what_a_newer_version_computed_in_is_refused_in_a_sentence(state, capsys):
    abort(folder := SessionFolder.create(), "abc")
    journal = folder.path / JOURNAL
    journal.write_text(journal.read_text().replace('"compute": "auto"', '"compute": "int2"'))
    assert command.run(None) == 1
    assert "There is no form of computing 'int2'; choose auto" in capsys.readouterr().err
    assert len(list(state.iterdir())) == 1
    assert command.run(None, {"model": "demo", "compute": "fp32"}) == 0


def test_a_session_of_another_version_is_left_to_that(state, capsys):
    abort(folder := SessionFolder.create(), "abc")
    journal = folder.path / JOURNAL
    journal.write_text(journal.read_text().replace('"version": 1', '"version": 2'))
    assert command.run(None) == 1
    said = capsys.readouterr().err
    kept = "Another version of live-canary kept this session (form 2; this one reads 1): recover it with that version."
    assert kept in said
    assert "--discard" not in said
    assert len(list(state.iterdir())) == 1


def test_the_demonstration_never_takes_the_place_of_a_model_that_is_gone(state, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "empty"))
    abort(SessionFolder.create(), "abc")
    assert command.run(None, {"model": "auto"}) == 1
    said = capsys.readouterr()
    assert (said.out, "The model is not on this machine" in said.err) == ("", True)
    assert len(list(state.iterdir())) == 1


def test_a_session_can_be_deleted_instead(state, capsys):
    abort(SessionFolder.create(), "abc")
    assert command.run(None, discard=True) == 0
    assert capsys.readouterr().out == ""
    assert list(state.iterdir()) == []


def test_one_session_that_cannot_be_recovered_does_not_stop_the_others(state, capsys):
    broken = SessionFolder.create()
    os.write(os.open(broken.path / JOURNAL, os.O_WRONLY), b"nonsense\n")
    broken.journal.close()
    broken.path.rename(broken.path.with_name("2026-01-01"))
    abort(SessionFolder.create(), "abc")
    assert command.run(None) == 1
    told = capsys.readouterr()
    assert "does not say how its session was started" in told.err
    assert told.out == "[00:00:00] abc\n"


@pytest.mark.parametrize("named", [True, False])
def test_a_session_whose_journal_says_nothing_can_be_deleted(state, capsys, named):
    broken = SessionFolder.create()
    os.write(os.open(broken.path / JOURNAL, os.O_WRONLY), b'{"type":"session","version":2}\n')
    broken.journal.close()
    assert command.run(broken.path.name if named else None, discard=True) == 0
    assert capsys.readouterr().err == f"{broken.path.name}: deleted.\n"
    assert list(state.iterdir()) == []


def refuse(path, *arguments, **how):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def test_a_session_of_another_user_is_not_called_nothing(state, monkeypatch, capsys):
    """As one that was begun with sudo, which keeps HOME on some systems."""
    abort(folder := SessionFolder.create(), "abc")
    monkeypatch.setattr(Path, "lstat", refuse)
    monkeypatch.setattr(files, "open_file", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    assert command.run(None) == 1
    told = capsys.readouterr().err
    assert folder.path.name in told and "Permission denied" in told and "nothing to recover" not in told


def test_a_folder_of_sessions_that_may_not_be_read_is_not_called_empty(state, monkeypatch):
    abort(SessionFolder.create(), "abc")
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SessionError, match="cannot be looked for: Permission denied"):
        command.run(None)
    keeping.remind()


def test_a_session_whose_sounds_cannot_be_listed_is_left_with_a_sentence(state, monkeypatch):
    abort(folder := SessionFolder.create(), "abc")
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(SessionError, match="cannot be opened: Permission denied"):
        open_session(folder.path)
    monkeypatch.undo()
    open_session(folder.path)[0].journal.close()  # nobody holds it any more
