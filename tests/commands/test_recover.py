"""`live-canary recover`: which sessions it finishes, what it says, and how it ends."""

from pathlib import Path

import pytest

from live_canary.commands import recover
from live_canary.errors import CheckpointError, InputError
from live_canary.events import ModelProgress, ModelWarned, SourceWarned, StageFailed
from live_canary.session.folder import JOURNAL, SessionFolder
from live_canary.settings import Settings
from tests.faults.sessions import STARTED, abort, model
from tests.session.fakes import ENDPOINT, ScriptedSource, make_segmenter


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch) -> Path:
    """Where the program keeps its sessions; its model hears letters."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(recover, "load_with", lambda choice, settings: lambda tell: model())
    monkeypatch.setattr(recover, "Segmenter", lambda detector, settings: make_segmenter())
    return tmp_path / "state" / "live-canary" / "sessions"


@pytest.fixture
def two(state) -> list[Path]:
    """Sessions that were cut off."""
    paths = []
    for day, script in enumerate(("abc", "de"), 1):
        abort(folder := SessionFolder.create(), script + ENDPOINT)
        paths.append(folder.path.rename(state / f"2026-01-0{day}-120000-1"))
    return paths


def change(session: Path, old: str, new: str) -> None:
    journal = session / JOURNAL
    assert old in journal.read_text()
    journal.write_text(journal.read_text().replace(old, new))


def test_only_the_session_that_is_named_is_finished(two, state, capsys):
    assert recover.run(two[1].name) == 0
    assert list(state.iterdir()) == [two[0]]
    printed, told = capsys.readouterr()
    assert printed == "[00:00:00] de\n"
    assert told.startswith(f"{two[1].name}: talk, 00:00:01 of sound, 0 lines so far -> no file\n")


def test_all_sessions_are_deleted_where_none_is_named(two, state, capsys):
    assert recover.run(None, discard=True) == 0
    assert list(state.iterdir()) == []
    assert [line for line in capsys.readouterr().err.splitlines() if "deleted" in line] == [
        f"{one.name}: deleted." for one in two
    ]


def test_a_session_whose_journal_says_nothing_can_be_deleted(two, state, capsys):
    (two[0] / JOURNAL).write_text("?")
    assert recover.run(two[0].name, discard=True) == 0
    assert list(state.iterdir()) == [two[1]]


def test_what_there_is_is_listed_on_stdout_and_stays(two, state, capsys):
    assert recover.run(None, only_list=True) == 0
    assert capsys.readouterr() == ("".join(f"{recover.describe(one)}\n" for one in two), "")
    assert sorted(state.iterdir()) == two


def test_several_sessions_that_fail_are_each_told_in_a_line_and_are_one_failure(two, state, monkeypatch, capsys):
    def load(tell):
        raise CheckpointError("The weights are\ndamaged.")

    monkeypatch.setattr(recover, "load_with", lambda choice, settings: load)
    assert recover.run(None) == 1
    told = capsys.readouterr().err.splitlines()
    assert [f"{one.name}: The weights are damaged." in told for one in two] == [True, True]
    assert sorted(state.iterdir()) == two


def test_a_session_is_finished_with_what_is_given_instead_of_its_own(two, monkeypatch):
    asked = []
    monkeypatch.setattr(
        recover, "load_with", lambda choice, settings: asked.append((choice, settings)) or (lambda tell: model())
    )
    assert recover.run(two[0].name, {"model": "demo", "compute": "int8"}) == 0
    [(choice, settings)] = asked
    assert (choice.demo, settings.model, settings.compute, settings.vad) == (True, "demo", "int8", "silero")


def test_a_session_of_a_newer_version_that_chose_what_is_not_here_is_kept(two, state, capsys):
    change(two[0], '"vad": "silero"', '"vad": "ears"')
    assert recover.run(two[0].name) == 1
    assert f"{two[0].name}: There is no voice detector 'ears'; choose" in capsys.readouterr().err
    assert sorted(state.iterdir()) == two


def test_the_demonstration_model_finishes_no_session_of_the_real_one(cache, home, two, state, capsys):
    """What it hears would stand in the transcript for good."""
    change(two[0], '"model": "demo"', '"model": "auto"')
    assert recover.run(two[0].name) == 1
    assert "The model is not on this machine: run live-canary download" in capsys.readouterr().err
    assert sorted(state.iterdir()) == two


def test_a_session_is_as_long_as_the_longer_of_its_sides(tmp_path, state):
    folder = SessionFolder.create()
    sides = [ScriptedSource("a" * 40, name="Me"), ScriptedSource("b" * 20, name="Them")]
    for heard in folder.begin(Settings(model="demo"), STARTED, sides):
        assert list(heard.blocks())
    folder.journal.close()
    assert (
        recover.describe(folder.path) == f"{folder.path.name}: Me, Them, 00:00:04 of sound, 0 lines so far -> no file"
    )


def test_nothing_is_told_of_the_sound_of_a_session_that_kept_none(state):
    folder = SessionFolder.create()
    folder.begin(Settings(model="demo"), STARTED, [])
    folder.journal.close()
    assert recover.describe(folder.path) == f"{folder.path.name}: no source, 0 lines so far -> no file"


def test_where_nothing_was_cut_off_that_is_said_and_a_name_that_is_unknown_is_refused(state, capsys):
    assert recover.run(None) == 0
    assert capsys.readouterr().err == "There is nothing to recover: no session was cut off.\n"
    with pytest.raises(InputError):
        recover.run("2026-01-01-120000-1")


@pytest.mark.parametrize(
    ("event", "told"),
    [
        (ModelProgress("Loading …", ready=False), "Loading …\n"),
        (ModelProgress("Ready.", ready=True), ""),
        (ModelWarned("slow"), "slow\n"),
        (SourceWarned("Me", "lost\nfor a while"), "lost for a while\n"),
        (StageFailed("model", "once", fatal=False), "once\n"),
        (StageFailed("model", "told as the reason", fatal=True), ""),
    ],
)
def test_what_happens_meanwhile_is_told_once(event, told, capsys):
    recover._tell(event)
    assert capsys.readouterr() == ("", told)
