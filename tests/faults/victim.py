"""A process that is killed in mid-session, many times: `python -m tests.faults.victim FOLDER SEED RUNS live|replay`.

Run n uses FOLDER/n. A session makes some thousands of calls; before one of them, chosen by SEED, the kernel ends the
process as `kill -9` does, so no moment between two steps of any thread is spared. All runs are forks of one warm
process.
"""

import itertools
import os
import random
import signal
import sys
import threading
from pathlib import Path

from live_canary.audio.recording import RecordingSource
from live_canary.audio.source import Source
from live_canary.session.folder import SessionFolder
from tests.faults.sessions import PATIENCE_SECONDS, SCRIPT, prepare, recording
from tests.session.fakes import ScriptedSource


def main(folder: Path, seed: int, runs: int, live: bool) -> None:
    calls = _calls_of_a_whole_session(folder, live)
    moments = random.Random(seed)
    for run in range(runs):
        moment = moments.randrange(calls)
        _in_a_fork(_hold_until, folder / str(run), moment, live)


def _calls_of_a_whole_session(folder: Path, live: bool) -> int:
    """Measured in a fork of its own, which leaves the count in a file."""
    _in_a_fork(_hold_until, folder / "undisturbed", sys.maxsize, live)
    return int((folder / "undisturbed" / "calls").read_text())


def _in_a_fork(body, *arguments) -> None:
    child = os.fork()
    if not child:
        body(*arguments)
        os._exit(0)
    os.waitpid(child, 0)


def _hold_until(folder: Path, moment: int, live: bool) -> None:
    folder.mkdir()
    session_folder = SessionFolder.create(folder / "sessions")
    source: Source = ScriptedSource(SCRIPT, name="Me", live=True)
    if not live:
        source = RecordingSource([recording(folder / "talk.wav")], speed=None)
    outputs = [folder / f"talk{suffix}" for suffix in (".jsonl", ".md", ".srt")]
    session = prepare(session_folder, [source], outputs)
    calls = itertools.count()

    def count_calls(frame, event, argument) -> None:
        if event in ("call", "c_call") and next(calls) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    threading.setprofile(count_calls)
    session.start(lambda event: None)
    threading.setprofile(None)
    session.wait(PATIENCE_SECONDS)
    (folder / "calls").write_text(str(next(calls)))
    if session_folder.journal.is_settled:
        session_folder.remove()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4] == "live")
