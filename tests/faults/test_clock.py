"""The wall clock is set while a session runs: time belongs to samples, and nobody notices."""

import itertools
import time
from datetime import datetime, timedelta

import pytest

from live_canary.audio.recording import RecordingSource
from live_canary.session import folder as session_folder
from live_canary.session.folder import SessionFolder
from live_canary.transcript import writer
from tests.faults.sessions import PATIENCE_SECONDS, abort, prepare, recording, recover, replay
from tests.session.fakes import ENDPOINT

SCRIPT = "..abc" + ENDPOINT + "de" + ENDPOINT + "fgh"


@pytest.fixture
def jumping_clock(monkeypatch):
    """Each time that anybody looks at the wall clock it is hours off, to either side."""
    looks = itertools.count(1)

    def now() -> float:
        look = next(looks)
        return 1_800_000_000.0 + (-1) ** look * look * 3600

    class Jumping(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2026, 3, 1) + timedelta(seconds=now() - 1_800_000_000)

    monkeypatch.setattr(time, "time", now)
    monkeypatch.setattr(time, "time_ns", lambda: int(now() * 1e9))
    for module in (session_folder, writer):
        monkeypatch.setattr(module, "datetime", Jumping)


@pytest.mark.parametrize("suffix", [".jsonl", ".srt"])
@pytest.mark.parametrize("speed", [None, 20.0])
def test_a_wall_clock_that_jumps_changes_no_line(tmp_path, request, suffix, speed):
    talk = recording(tmp_path / "talk.wav", SCRIPT)
    replay(talk, tmp_path / f"undisturbed{suffix}", sessions=tmp_path / "one")
    request.getfixturevalue("jumping_clock")
    output = tmp_path / f"talk{suffix}"
    session = prepare(SessionFolder.create(tmp_path / "other"), [RecordingSource([talk], speed=speed)], [output])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    assert output.read_bytes() == (tmp_path / f"undisturbed{suffix}").read_bytes()


def test_a_session_that_was_cut_off_is_recovered_by_another_clock(tmp_path, request):
    abort(SessionFolder.create(tmp_path / "sessions"), SCRIPT, [tmp_path / "talk.txt"])
    request.getfixturevalue("jumping_clock")
    assert recover(tmp_path / "sessions") == 3
    assert (tmp_path / "talk.txt").read_text() == "abc\nde\nfgh\n"
