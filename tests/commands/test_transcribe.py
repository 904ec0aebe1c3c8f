"""`live-canary transcribe`: what a recording's file says, and when there is none."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile

from live_canary.commands import transcribe
from live_canary.errors import CheckpointError
from live_canary.settings import Settings
from tests.conftest import ROOT

PROGRAM = [sys.executable, str(ROOT / "tests" / "instant.py")]


@pytest.fixture
def talk(tmp_path) -> Path:
    """Two utterances, about six seconds."""
    samples, rate = soundfile.read(ROOT / "assets" / "meeting.wav", dtype="float32", frames=round(5.8 * 16_000))
    soundfile.write(tmp_path / "talk.wav", samples, rate)
    return tmp_path / "talk.wav"


def nobody_reads() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("stderr", [nobody_reads, lambda: os.open("/dev/full", os.O_WRONLY)])
def test_a_transcript_is_whole_though_nobody_can_be_told_of_it(talk, stderr):
    descriptor = stderr()
    command = [*PROGRAM, "transcribe", str(talk), "--model", "demo"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=descriptor, timeout=60)
    os.close(descriptor)
    assert done.returncode == 0
    assert len(talk.with_suffix(".txt").read_text().splitlines()) == 2


@pytest.mark.parametrize("earlier", [None, "what was there\n"])
def test_a_model_that_fails_to_load_touches_no_file(talk, monkeypatch, capsys, earlier):
    def load_with(choice, settings):
        def load(tell):
            raise CheckpointError("The model is damaged; download it again.")

        return load

    monkeypatch.setattr(transcribe, "load_with", load_with)
    transcript = talk.with_suffix(".txt")
    if earlier:
        transcript.write_text(earlier)
    with pytest.raises(CheckpointError):
        transcribe.run(Settings(recordings=(talk,), model="demo", overwrite=bool(earlier)), None, "txt")
    assert (transcript.read_text() if transcript.exists() else None) == earlier
    assert "->" not in capsys.readouterr().err
