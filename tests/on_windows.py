"""What the program does where Windows differs; on Linux with the stand-in `tests.like_windows`, see test_windows.py."""

import asyncio
import errno
import os
import signal
import sys
import threading
from contextlib import closing
from pathlib import Path, PureWindowsPath
from types import ModuleType

import pytest

from live_canary import files
from live_canary.cli.main import main
from live_canary.console import arguments, is_reader_gone
from live_canary.dictation import programs
from live_canary.session import record
from live_canary.session.folder import SessionFolder, unfinished_sessions
from live_canary.session.session import Session
from live_canary.signals import react
from live_canary.transcript.utterance import Revision
from live_canary.transcript.writer import TranscriptFile
from tests.faults.sessions import abort, recover
from tests.instant import InstantTranscriber
from tests.transcript.test_writer import saying

ASSETS = Path(__file__).parent.parent / "assets"


def test_a_recording_is_heard_into_files_of_every_kind_and_nothing_is_left_behind(tmp_path, monkeypatch, capsys):
    transcriber = ModuleType("live_canary.transcript.transcriber")
    transcriber.CanaryTranscriber = InstantTranscriber
    monkeypatch.setitem(sys.modules, transcriber.__name__, transcriber)
    outputs = [tmp_path / f"talk{suffix}" for suffix in (".txt", ".md", ".srt", ".vtt", ".jsonl")]
    flags = [
        "--replay",
        str(ASSETS / "dictation.wav"),
        "--speed",
        "max",
        "--vad",
        "webrtc",
        "--model",
        "demo",
        "--plain",
    ]
    monkeypatch.setattr(sys, "argv", ["live-canary", *flags, *(f"--output={path}" for path in outputs)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    lines = [line.split("] ", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 6
    assert outputs[0].read_bytes() == "".join(f"{line}\n" for line in lines).encode()
    for path in outputs:
        assert path.read_bytes().count(b"samples") == 6
    assert unfinished_sessions() == []
    assert [path for path in tmp_path.iterdir() if path not in outputs] == []


def test_a_held_file_is_refused_to_others_and_free_when_it_is_closed(tmp_path):
    first, second = (files.open_file(tmp_path / "held", os.O_RDWR | os.O_CREAT) for _ in range(2))
    files.lock(first)
    with pytest.raises(BlockingIOError):
        files.lock(second)
    assert os.write(second, b"not locked\r\n\x1a") == 13
    os.close(first)
    files.lock(second)
    os.close(second)
    assert (tmp_path / "held").read_bytes() == b"not locked\r\n\x1a"


def test_a_link_in_the_place_of_a_journal_is_refused(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        files.open_file(tmp_path / "link", os.O_RDWR | os.O_CREAT, follow_links=False)
    assert not (tmp_path / "elsewhere").exists()


def test_recovery_never_waits_without_a_limit_so_that_ctrl_c_reaches_it(tmp_path, monkeypatch):
    def wait(event, timeout_seconds=None):
        if sys._getframe(1).f_code is Session.wait.__code__:  # a thread that is started waits too, for a moment
            waits.append(timeout_seconds)
        return really_wait(event, timeout_seconds)

    waits: list[float | None] = []
    really_wait = threading.Event.wait
    abort(SessionFolder.create(tmp_path), "abc")
    monkeypatch.setattr(threading.Event, "wait", wait)
    recover(tmp_path)
    assert waits
    assert None not in waits


def test_a_corrected_text_file_is_made_anew_although_the_session_has_it_open(tmp_path):
    with closing(TranscriptFile(tmp_path / "notes.txt")) as file:
        file.write(saying("Bugdet."))
        file.amend(0, Revision("Budget."))
    assert (tmp_path / "notes.txt").read_bytes() == b"Budget.\n"


def test_a_session_takes_its_journal_away_although_it_has_it_open(tmp_path):
    SessionFolder.create(tmp_path).remove()
    assert list(tmp_path.iterdir()) == []


def test_a_signal_reaches_the_screen():
    async def wait_for_it() -> None:
        came = asyncio.Event()
        react(asyncio.get_running_loop(), signal.SIGINT, came.set)
        signal.raise_signal(signal.SIGINT)
        await asyncio.wait_for(came.wait(), 5)

    before = signal.getsignal(signal.SIGINT)
    try:
        asyncio.run(wait_for_it())
        with pytest.raises(KeyboardInterrupt):  # the screen is gone
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_ctrl_c_reaches_no_program_that_types_or_copies(monkeypatch):
    """The utterance being typed was cut off by the Ctrl-C that was to finish it: there is no setsid on Windows."""

    windows, flags = programs.subprocess, []

    class Noted(windows.Popen):
        def __init__(self, command, *, creationflags=0, **more):
            flags.append(creationflags)
            super().__init__(command, creationflags=creationflags, **more)

    monkeypatch.setattr(windows, "Popen", Noted)
    assert programs.run([sys.executable, "-c", "print(input())"], "abc") == "abc"
    assert flags == [windows.CREATE_NEW_PROCESS_GROUP | windows.CREATE_NO_WINDOW]


def test_a_journal_names_files_as_the_system_does(monkeypatch):
    monkeypatch.setattr(record, "Path", PureWindowsPath)
    assert record._absolute(r"C:\talks\one.txt") == PureWindowsPath(r"C:\talks\one.txt")
    with pytest.raises(ValueError, match="no absolute path"):
        record._absolute(r"talks\one.txt")


def test_the_files_of_a_pattern_are_found_and_other_words_stay(tmp_path, monkeypatch):
    for name in ("b.wav", "a.wav", "a.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["live-canary", "--replay", "*.wav", "--device", "USB [2]", "*.mp3"])
    assert arguments() == ["--replay", "a.wav", "b.wav", "--device", "USB [2]", "*.mp3"]


def test_a_name_with_brackets_is_not_that_of_another_file(tmp_path, monkeypatch):
    for name in ("talk [2].wav", "talk 2.wav"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["live-canary", "transcribe", "talk [2].wav", "*[2].wav"])
    assert arguments() == ["transcribe", "talk [2].wav", "talk [2].wav"]


def test_a_program_that_lies_where_the_user_is_is_not_run(tmp_path, monkeypatch):
    """Windows looks there first, as shutil.which does: an ffmpeg.exe may have come along with a recording."""
    for folder in ("here", "programs", "scripts"):
        (tmp_path / folder).mkdir()
    for name in ("here/ffmpeg.exe", "scripts/ffmpeg.bat"):  # what a .bat is given, Windows takes for commands
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("PATH", os.pathsep.join(["", ".", str(tmp_path / "scripts"), f'"{tmp_path / "programs"}"']))
    assert files.find_program("ffmpeg") is None
    (tmp_path / "programs" / "ffmpeg.exe").touch()
    assert files.find_program("ffmpeg") == str(tmp_path / "programs" / "ffmpeg.exe")


def test_a_pipe_that_nobody_reads_is_told_from_other_trouble():
    assert is_reader_gone(OSError(errno.EINVAL, "Invalid argument"))
    assert not is_reader_gone(OSError(errno.ENOSPC, "No space left on device"))
