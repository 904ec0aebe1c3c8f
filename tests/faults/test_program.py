"""The program as a user runs it, but for the model, cut off; and what `live-canary recover` makes of that."""

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from live_canary.cli import main as cli
from live_canary.session.folder import SessionFolder, unfinished_sessions
from live_canary.signals import SAME_PRESS_SECONDS
from tests.conftest import ROOT, needs_full_disk
from tests.faults.sessions import abort

PROGRAM = [sys.executable, str(ROOT / "tests" / "instant.py")]
TALK = ROOT / "assets" / "dictation.wav"
PATIENCE_SECONDS = 120


@pytest.fixture
def state(tmp_path, monkeypatch) -> Path:
    """Where the program keeps its sessions."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "live-canary" / "sessions"


def live_canary(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*PROGRAM, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS)


def replaying(transcript: Path, speed: str = "4", *flags: str) -> list[str]:
    """The dictation, of which by itself the first utterance is told after half a second and the last after six."""
    command = ["--replay", str(TALK), "--speed", speed, "--model", "demo", "--output", str(transcript)]
    return [*PROGRAM, *command, *flags]


@pytest.mark.parametrize("flags", [(), ("--spelling", "samples = Proben")])
def test_a_killed_replay_is_finished_by_recover_to_the_same_lines(state, tmp_path, flags):
    undisturbed, cut_off = tmp_path / "undisturbed.jsonl", tmp_path / "cut-off.jsonl"
    assert subprocess.run(replaying(undisturbed, "max", *flags), capture_output=True).returncode == 0
    with subprocess.Popen(
        replaying(cut_off, "4", *flags), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout and process.stdout.readline()  # the first utterance has been told
        process.kill()
    lines = [json.loads(line) for line in undisturbed.read_text().splitlines()]
    assert all(line["text"].endswith(" Proben" if flags else " samples") for line in lines)
    assert len(cut_off.read_bytes().splitlines()) < len(undisturbed.read_bytes().splitlines())
    [session] = unfinished_sessions(state)

    listed = live_canary("recover", "--list")
    assert f"{session.name}: dictation.wav" in listed.stdout
    recovered = live_canary("recover", session.name)
    assert recovered.returncode == 0, recovered.stderr
    assert cut_off.read_bytes() == undisturbed.read_bytes()
    assert "nothing to recover" in live_canary("recover").stderr
    assert cut_off.read_bytes() == undisturbed.read_bytes()
    assert not list(state.iterdir())


@pytest.mark.parametrize("closed", ["<&- >&-", "2>&-"])
def test_a_stream_that_is_closed_costs_no_line_and_puts_no_message_among_them(state, tmp_path, closed):
    transcript = tmp_path / "talk.txt"
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *replaying(transcript, "max")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr
    lines = transcript.read_text().splitlines()
    assert len(lines) > 1
    printed = [line[len("[00:00:00] ") :] for line in done.stdout.splitlines()]
    assert printed == (lines if closed == "2>&-" else [])


@needs_full_disk
def test_lines_that_cannot_be_printed_are_told_in_a_sentence_and_kept(state):
    abort(SessionFolder.create(), "abc")
    with Path("/dev/full").open("w") as full:
        command = [*PROGRAM, "recover"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 1
    assert "No more lines can be printed (No space left on device)" in done.stderr.splitlines()[-1]
    assert len(unfinished_sessions(state)) == 1


@needs_full_disk
@pytest.mark.parametrize("arguments", [["config"], ["devices"], ["bench", "--help"], ["--version"]])
def test_what_a_full_disk_does_not_take_of_a_table_is_told_in_a_sentence(arguments):
    with Path("/dev/full").open("w") as full:
        command = [*PROGRAM, *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 1
    [told] = done.stderr.splitlines()
    assert told == "live-canary: The disk takes no more (No space left on device); make room and run it again."


@needs_full_disk
def test_a_full_disk_behind_another_file_is_not_told_as_that_of_stdout(monkeypatch, capsys):
    def write_elsewhere(**_: object) -> None:
        print("half a line", end="")
        Path("/dev/full").write_text("x")

    monkeypatch.setattr(cli, "app", write_elsewhere)
    with pytest.raises(OSError, match="No space left"):
        cli.main()
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "variables",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": ""}],
    ids=["encoding", "locale"],
)
def test_letters_that_the_encoding_of_stdout_lacks_are_printed_as_numbers(variables):
    code = "from live_canary.console import prepare_streams; prepare_streams(); print('sch\\xf6n')"
    environment = os.environ | variables
    assert subprocess.check_output([sys.executable, "-c", code], env=environment) == b"sch\\xf6n\n"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_json_lines_are_json_with_every_letter_whatever_the_encoding_of_stdout(tmp_path, monkeypatch, encoding):
    """Without UTF-8 each letter that stdout lacks was printed as `?`."""
    shutil.copy(TALK, talk := tmp_path / "żółw 😀.wav")
    monkeypatch.setenv("PYTHONIOENCODING", encoding)
    command = ["--replay", talk, "--speed", "max", "--model", "demo", "--no-spool", "--jsonl", "-"]
    done = subprocess.run([*PROGRAM, *command], capture_output=True, timeout=PATIENCE_SECONDS)
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in done.stdout.decode(encoding).splitlines()]
    assert {entry["source"] for entry in entries} == {talk.name}
    assert ("żółw".encode() in done.stdout) == (encoding == "utf-8")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_finishes_what_was_heard_and_leaves_nothing_to_recover(state, tmp_path, number):
    transcript = tmp_path / "talk.jsonl"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "bufsize": 0}  # readline() takes nothing of the next
    with subprocess.Popen(replaying(transcript), **pipes) as process:
        assert process.stdout
        first = process.stdout.readline()
        process.send_signal(number)
        others, noted = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, noted
    assert len(transcript.read_bytes().splitlines()) == len((first + others).splitlines())
    assert not list(state.iterdir())


def test_two_ctrl_c_end_at_once_and_keep_what_is_not_transcribed(state, tmp_path, monkeypatch):
    monkeypatch.setenv("MODEL_NEVER_COMES", "1")
    transcript = tmp_path / "talk.jsonl"
    with subprocess.Popen(replaying(transcript, "max"), stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        awaited = {"Listening", "Loading"}
        while awaited:
            awaited -= {process.stderr.readline().split()[0]}
        [journal] = state.glob("*/session.jsonl")
        while b'"segment"' not in journal.read_bytes():
            os.sched_yield()
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline().startswith("Finishing")
        time.sleep(SAME_PRESS_SECONDS)
        process.send_signal(signal.SIGINT)
        _, noted = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    [session] = unfinished_sessions(state)
    assert f"live-canary recover {session.name}" in noted
    assert transcript.read_bytes() == b""


AFTER_A_HANGUP = """
import os, signal, sys
from live_canary.commands.hangup import finish_when_the_terminal_closes

def finish(*_):
    for _ in range(100):
        print("to nobody", file=sys.__stderr__, flush=True)
    keys = os.read(0, 9) + os.read(0, 9)
    with open(sys.argv[1], "w") as found:
        print(set(keys), signal.getsignal(signal.SIGCONT) == signal.SIG_IGN, file=found)
    os._exit(0)

signal.signal(signal.SIGTERM, finish)
finish_when_the_terminal_closes(on_screen=True)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])
print("ready")
signal.sigwait([signal.SIGHUP])
print("drawn before the hangup was heeded", file=sys.__stderr__, flush=True)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGHUP])
signal.raise_signal(signal.SIGHUP)
"""


def test_after_a_hangup_reading_keys_neither_ends_nor_waits_for_good_and_drawing_does_no_harm(tmp_path):
    found = tmp_path / "found"
    child, terminal = pty.fork()
    if not child:
        os.execve(sys.executable, [sys.executable, "-c", AFTER_A_HANGUP, str(found)], os.environ)
    os.read(terminal, 100)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert found.read_text() == "{0} True\n"


DRAWN_WHILE_A_MICROPHONE_IS_LOOKED_FOR = """
import os, sys
from live_canary.commands.hangup import finish_when_the_terminal_closes

finish_when_the_terminal_closes(on_screen=True)
os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
print("drawn", file=sys.__stderr__, flush=True)
"""


def drawn_by(program: str, **environment: str) -> bytes:
    """All that it puts on its terminal."""
    child, terminal = pty.fork()
    if not child:
        os.execve(sys.executable, [sys.executable, "-c", program], os.environ | environment)
    seen = b""
    with suppress(OSError):  # how a terminal ends that nobody has any more
        while piece := os.read(terminal, 100):
            seen += piece
    os.close(terminal)
    os.waitpid(child, 0)
    return seen


def test_what_is_drawn_while_portaudio_starts_again_is_seen():
    """sounddevice points descriptor 2 at nothing meanwhile; the screen kept saying that a lost microphone listens."""
    assert drawn_by(DRAWN_WHILE_A_MICROPHONE_IS_LOOKED_FOR) == b"drawn\r\n"


DRAWN = """
import sys
from live_canary.commands.hangup import finish_when_the_terminal_closes

finish_when_the_terminal_closes(on_screen=True)
print("┃", file=sys.__stderr__, flush=True)
"""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_screen_is_drawn_in_utf_8_whatever_the_encoding_of_stderr(encoding):
    """Its lines were numbers, six cells for one, which moved all that stood behind them."""
    assert drawn_by(DRAWN, PYTHONIOENCODING=encoding) == "┃\r\n".encode()


def test_a_terminal_that_only_prints_lines_gets_lines(state):
    """Emacs's shell, and what reads a terminal aloud: a screen was thousands of escape sequences there."""
    child, terminal = pty.fork()
    if not child:
        command = [*PROGRAM, "--replay", str(TALK), "--speed", "max", "--model", "demo"]
        os.execve(sys.executable, command, {**os.environ, "TERM": "dumb"})
    seen = b""
    with suppress(OSError):
        while b"\x1b" not in seen and (piece := os.read(terminal, 100_000)):
            seen += piece
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert b"\x1b" not in seen
    assert os.waitstatus_to_exitcode(status) == 0
    assert b"[00:00:00] " in seen


LIKE_MAKE = "import signal, subprocess, sys; signal.signal(1, lambda *_: None); sys.exit(subprocess.call(sys.argv[1:]))"
"""Is told that the terminal is gone, and waits for what it runs, which is not."""


@pytest.mark.parametrize(
    ("flags", "hangups", "through"),
    [
        (["--plain"], signal.SIG_DFL, []),
        ([], signal.SIG_DFL, []),
        ([], signal.SIG_IGN, []),
        ([], signal.SIG_DFL, [sys.executable, "-c", LIKE_MAKE]),
    ],
    ids=["lines", "screen", "screen under nohup", "screen through make"],
)
def test_closing_the_terminal_finishes_what_was_heard(state, tmp_path, flags, hangups, through):
    transcript = tmp_path / "talk.txt"
    child, terminal = pty.fork()
    if not child:
        signal.signal(signal.SIGHUP, hangups)
        command = [*through, *replaying(transcript, "4", *flags)]
        os.execve(sys.executable, command, {**os.environ, "TERM": "xterm-256color"})
    while not transcript.exists() or not transcript.stat().st_size:
        os.read(terminal, 100_000)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert not list(state.iterdir())


@pytest.mark.parametrize(
    ("flags", "through"),
    [([], []), (["--plain"], []), (["--plain"], [sys.executable, "-c", LIKE_MAKE])],
    ids=["screen", "lines", "lines through make"],
)
def test_what_only_a_terminal_had_that_closed_can_be_recovered(state, flags, through):
    """Nobody has read it, and no file has it. What was being said may be cut there, in two where words follow."""
    child, terminal = pty.fork()
    if not child:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        command = [*through, *PROGRAM, "--replay", str(TALK), "--speed", "4", "--model", "demo", *flags]
        os.execve(sys.executable, command, {**os.environ, "TERM": "xterm-256color"})
    while not any(b'"utterance"' in journal.read_bytes() for journal in state.glob("*/session.jsonl")):
        os.read(terminal, 100_000)
    os.close(terminal)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    undisturbed = live_canary("--replay", TALK, "--speed", "max", "--model", "demo", "--plain").stdout.splitlines()
    recovered = live_canary("recover").stdout.splitlines()
    assert (recovered[0], recovered[-1]) == (undisturbed[0], undisturbed[-1])
    assert 0 <= len(recovered) - len(undisturbed) <= len(set(undisturbed) - set(recovered)) <= 1
    assert not list(state.iterdir())
