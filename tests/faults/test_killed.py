"""`kill -9` at any moment: recovery makes the files what they would have been."""

import subprocess
import sys
from pathlib import Path

from live_canary.audio.spooled import spooled_seconds
from live_canary.session.folder import SessionFolder, unfinished_sessions
from tests.conftest import ROOT
from tests.faults.sessions import SCRIPT, hold, recover
from tests.session.fakes import ScriptedSource

KILLS = 20
FILES = ("talk.jsonl", "talk.md", "talk.srt")


def killed_sessions(folder: Path, seed: int, kind: str) -> list[Path]:
    """The folders of KILLS sessions, each ended at another moment."""
    command = [sys.executable, "-m", "tests.faults.victim", folder, str(seed), str(KILLS), kind]
    subprocess.run(command, cwd=ROOT, check=True, timeout=300, capture_output=True)
    return [folder / str(run) for run in range(KILLS)]


def test_recovery_makes_the_files_of_a_killed_replay_equal_to_the_undisturbed_ones(tmp_path):
    unfinished = 0
    for run in killed_sessions(tmp_path, seed=8, kind="replay"):
        unfinished += len(unfinished_sessions(run / "sessions"))
        recover(run / "sessions")
        for name in FILES:
            assert (run / name).read_bytes() == (tmp_path / "undisturbed" / name).read_bytes(), run
        assert recover(run / "sessions") == 0
    assert unfinished >= KILLS * 3 // 4  # else the moments would prove nothing


def test_what_a_killed_live_session_had_heard_is_in_the_files_after_recovery(tmp_path):
    lengths = set()
    for run in killed_sessions(tmp_path, seed=9, kind="live"):
        for session in unfinished_sessions(run / "sessions"):
            heard = round(spooled_seconds(session / "0") * 10)  # letters of the script
            lengths.add(heard)
            recover(run / "sessions")
            expected = tmp_path / f"{run.name}-expected"
            expected.mkdir()
            hold(
                SessionFolder.create(expected / "sessions"),
                [ScriptedSource(SCRIPT[:heard], name="Me", live=True)],
                [expected / name for name in FILES],
            )
            for name in FILES:
                assert (run / name).read_bytes() == (expected / name).read_bytes(), (run, heard)
    assert len(lengths) > 3
