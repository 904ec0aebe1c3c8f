"""What other people named or said cannot talk to the terminal: file names, device names, settings, journals."""

import json
import sys

import pytest

from live_canary.audio.soundsystem import Input
from live_canary.cli import main as cli
from live_canary.commands import devices, doctor, recover
from live_canary.commands.checks import Finding
from live_canary.session.folder import JOURNAL, SessionFolder
from tests.faults.sessions import abort
from tests.session.fakes import ENDPOINT, LetterModel, make_segmenter

ATTACK = "\x1b[2J\x1b]0;owned\x07\x9b31m"


@pytest.fixture(autouse=True)
def terminal(monkeypatch, tmp_path):
    """Streams that say they are terminals, so that nobody strips escape sequences for their sake."""
    for stream in (sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LIVE_CANARY_CONFIG", str(tmp_path / "config.toml"))


def shown(capsys) -> str:
    told = capsys.readouterr()
    printed = told.out + told.err
    assert not {"\x1b", "\x07", "\x9b"} & set(printed)
    return printed


@pytest.mark.parametrize(
    "arguments",
    [
        ["--replay", f"{ATTACK}talk.wav"],
        ["--replay", "talk.wav", "--output", f"{ATTACK}talk.docx"],
        ["transcribe", f"{ATTACK}talk.wav"],
        ["recover", f"{ATTACK}talk"],
        ["--replay", "assets/dictation.wav", "--model", f"{ATTACK}talk"],
        ["--vad", f"{ATTACK}talk", "--replay", "assets/dictation.wav"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_name_in_a_refusal_is_only_text(arguments, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["live-canary", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code
    assert "talk" in shown(capsys)


def test_a_device_may_be_called_anything(monkeypatch, capsys):
    monkeypatch.setattr(
        devices, "list_inputs", lambda: [Input(0, f"{ATTACK}USB", 1, 48_000, True, "microphone", "usb")]
    )
    devices.run()
    assert "USB" in shown(capsys)


def test_a_device_keeps_the_brackets_of_its_name(monkeypatch, capsys):
    monkeypatch.setattr(devices, "list_inputs", lambda: [Input(0, "Mic [usb]", 1, 48_000, True, "microphone", "usb")])
    devices.run()
    assert "Mic [usb]" in shown(capsys)


def test_a_finding_and_a_setting_may_hold_anything(monkeypatch, capsys):
    print(doctor.line(Finding("microphone", "fail", f"{ATTACK}USB is silent", f"unmute {ATTACK}USB")).plain)
    assert "USB is silent" in shown(capsys)
    monkeypatch.setenv("LIVE_CANARY_MIC_NAME", f"{ATTACK}Ana")
    monkeypatch.setattr(sys, "argv", ["live-canary", "config"])
    with pytest.raises(SystemExit):
        cli.main()
    assert "Ana" in shown(capsys)


def test_a_journal_may_tell_anything(monkeypatch, capsys):
    monkeypatch.setattr(recover, "load_with", lambda choice, settings: lambda tell: LetterModel())
    monkeypatch.setattr(recover, "Segmenter", lambda detector, settings: make_segmenter())
    folder = SessionFolder.create()
    abort(folder, "abc" + ENDPOINT)
    journal = folder.path / JOURNAL
    told = journal.read_text().replace('"talk"', json.dumps(f"{ATTACK}talk"))
    said = {"index": 0, "start_seconds": 5.0, "end_seconds": 6.0, "text": f"{ATTACK}said", "source": f"{ATTACK}talk"}
    journal.write_text(told + json.dumps({"type": "utterance", **said, "flag": None}) + "\n")
    assert recover.run(None, only_list=True) == 0
    assert "talk, 00:00:01 of sound, 1 lines so far" in shown(capsys)
    assert recover.run(None) == 0
    assert "[00:00:05] said" in shown(capsys)
