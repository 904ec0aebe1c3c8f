"""The program as a user runs it: its own process, its files, its exit codes."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live_canary.cli.arguments import spread_replay
from live_canary.cli.options import parse_speed
from live_canary.console import can_be_drawn_on
from live_canary.errors import InputError
from live_canary.signals import PAUSING_SIGNALS
from tests.conftest import ROOT

LIVE_CANARY = [sys.executable, "-m", "live_canary"]
WITH_AN_INSTANT_MODEL = [sys.executable, str(ROOT / "tests" / "instant.py")]
MEETING = ROOT / "assets" / "meeting.wav"
NOISE_ONLY = ROOT / "assets" / "silence-and-noise.wav"


def live_canary(*arguments: object, program: list[str] = LIVE_CANARY) -> subprocess.CompletedProcess[str]:
    command = [*program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)


@pytest.fixture
def beginning(tmp_path) -> Path:
    """The first two utterances of the bundled meeting, about six seconds."""
    samples, rate = soundfile.read(MEETING, dtype="float32")
    path = tmp_path / "beginning.wav"
    soundfile.write(path, samples[: round(5.8 * rate)], rate)
    return path


NO_NETWORK = """
import os, sys

def refuse(event, arguments):
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        os._exit(99)

sys.addaudithook(refuse)
"""


@pytest.fixture
def no_network(tmp_path, monkeypatch) -> None:
    """Programs that reach for it end with 99."""
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(NO_NETWORK)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'python'}:{os.environ.get('PYTHONPATH', '')}")
    reaching = [sys.executable, "-c", "import socket; socket.create_connection(('127.0.0.1', 9))"]
    assert subprocess.run(reaching).returncode == 99


def test_a_replay_without_a_network_prints_one_line_an_utterance_and_writes_every_format(
    beginning, tmp_path, no_network
):
    outputs = [tmp_path / f"talk{suffix}" for suffix in (".txt", ".md", ".srt", ".vtt", ".jsonl")]
    flags = [flag for path in outputs for flag in ("--output", path)]
    done = live_canary("--replay", beginning, "--speed", "max", "--model", "demo", *flags)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert [line[:11] for line in lines] == ["[00:00:00] ", "[00:00:03] "]
    entries = [json.loads(line) for line in outputs[-1].read_text().splitlines()]
    assert [list(entry) for entry in entries] == [
        ["type", "index", "start", "end", "text", "source", "confidence", "word_confidences"]
    ] * 2
    for path in outputs:
        assert entries[1]["text"] in path.read_text()
    assert not list(tmp_path.glob("*.lock"))


def test_ctrl_c_finishes_the_current_utterance_closes_the_files_and_exits_0(tmp_path):
    transcript = tmp_path / "talk.jsonl"
    command = [*WITH_AN_INSTANT_MODEL, "--replay", str(MEETING), "--speed", "4", "--model", "demo"]
    command += ["--output", str(transcript)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline().startswith("[00:00:00] ")
        process.send_signal(signal.SIGINT)
        printed, noted = process.stdout.read(), process.stderr.read()  # communicate() lacks what readline() read ahead
    assert process.returncode == 0, noted
    assert "Finishing what was heard" in noted
    assert len(transcript.read_text().splitlines()) == 1 + len(printed.splitlines())


def test_transcribe_writes_a_file_for_each_recording(beginning, tmp_path):
    folder = tmp_path / "subtitles"
    done = live_canary(
        "transcribe", beginning, NOISE_ONLY, "--output-dir", folder, "--format", "srt", "--model", "demo",
        "--spelling", "i = Ego",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    subtitles = (folder / "beginning.srt").read_text()
    assert subtitles.startswith("1\n00:00:00,")
    assert "Ego " in subtitles
    assert (folder / "silence-and-noise.srt").read_text() == ""


def test_a_pipe_can_have_json_lines(beginning):
    flags = ["--jsonl", "-", "--partials", "--model", "demo", "--speed", "max"]
    done = live_canary("--replay", beginning, *flags, program=WITH_AN_INSTANT_MODEL)
    assert done.returncode == 0, done.stderr
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert [entry["index"] for entry in entries if entry["type"] == "utterance"] == [0, 1]
    assert {entry["type"] for entry in entries} <= {"partial", "utterance"}


LIGHT = """
import sys
from live_canary.cli.app import app
from live_canary.commands import listen
app(["--help"], standalone_mode=False)
print("imported:", *{"torch", "transformers", "numpy", "textual", "huggingface_hub"} & {*sys.modules})
"""


def test_help_and_an_open_microphone_need_nothing_that_takes_time_to_import():
    done = subprocess.run([sys.executable, "-c", LIGHT], capture_output=True, text=True, timeout=60)
    assert "--replay" in done.stdout
    assert done.stdout.endswith("\nimported:\n"), done.stdout + done.stderr


@pytest.mark.parametrize("command", [[], ["transcribe"]])
def test_the_help_has_no_frames_on_a_terminal_that_only_prints_lines(monkeypatch, command):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "80")
    shown = live_canary(*command, "--help").stdout
    assert not set("│╭─╯\x1b\b") & set(shown)
    assert "[bold]" not in shown
    assert "\n  Examples\n  live-canary " in shown


@pytest.mark.parametrize(("name", "drawn"), [("dumb", False), ("unknown", False), ("xterm-256color", True)])
def test_a_terminal_that_only_prints_lines_gets_no_screen(monkeypatch, name, drawn):
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", name)
    assert can_be_drawn_on() == drawn


def test_tab_completes_commands_and_flags_without_hearing_anything():
    typed = {"COMP_WORDS": "live-canary do", "COMP_CWORD": "1", "_LIVE_CANARY_COMPLETE": "complete_bash"}
    done = subprocess.run(LIVE_CANARY, env=os.environ | typed, capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["download", "doctor"]


def test_tab_behind_a_recording_complains_of_nothing(beginning):
    """What a shell asks for stands on the line that is being typed."""
    typed = {"COMP_WORDS": f"live-canary {beginning} --pl", "COMP_CWORD": "2", "_LIVE_CANARY_COMPLETE": "complete_bash"}
    done = subprocess.run(LIVE_CANARY, env=os.environ | typed, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "--plain\n", "")


CUT_OFF = """
import atexit, sys
from live_canary.cli import main as cli
atexit.register(print, "Python ended the model's thread")
cli.app = lambda **_: (print("said"), sys.exit(130))
cli.main()
"""


def test_a_session_that_is_cut_off_ends_without_ending_the_models_thread_in_mid_answer():
    """Doing so aborted the process in C++: exit code 134, a core dump, or half a minute of a debugger."""
    done = subprocess.run([sys.executable, "-c", CUT_OFF], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (130, "said\n")


PRESSED_WHILE_IMPORTING = """
import signal, sys

class Finder:
    def find_spec(name, *_):
        if name == "typer":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder)
import live_canary.cli.main
"""
PRESSED_BEFORE_TYPER = """
import signal
from live_canary.cli import main as cli
cli.app = lambda **_: signal.raise_signal(signal.SIGINT)
cli.main()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows ends it with an exit code of its own")
@pytest.mark.parametrize(("program", "code"), [(PRESSED_WHILE_IMPORTING, -signal.SIGINT), (PRESSED_BEFORE_TYPER, 130)])
def test_ctrl_c_in_the_first_moment_gives_no_traceback(program, code):
    """A shell reports both as 130. Just after the machine was started that moment takes seconds."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (code, "")


HOMELESS = """
import os, pwd
from live_canary.cli.main import main
pwd.getpwuid = lambda uid: {}[uid]
del os.environ["HOME"]
main()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows asks no list of users")
def test_a_user_without_a_home_is_told_where_settings_would_be():
    """As in a container for a number that is in no list of users; it was a traceback."""
    environment = {
        name: value for name, value in os.environ.items() if name != "LIVE_CANARY_CONFIG" and name[:4] != "XDG_"
    }
    command = [sys.executable, "-c", HOMELESS, "config"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\n/" in done.stdout


PRESSED = """
import signal
from live_canary.cli import main as cli
cli.app = lambda **_: signal.raise_signal(signal.SIGUSR1)
cli.main()
"""


@pytest.mark.skipif(not PAUSING_SIGNALS, reason="Windows has no signal for it")
def test_the_key_that_pauses_a_session_does_not_end_a_command_that_runs_beside_it():
    """`pkill -USR1 -x live-canary` goes to a `transcribe` of two hundred recordings, too."""
    assert subprocess.run([sys.executable, "-c", PRESSED], timeout=60).returncode == 0


@pytest.mark.skipif(not PAUSING_SIGNALS, reason="Windows has no signal for it")
def test_the_command_that_is_told_for_the_pause_reaches_the_program(tmp_path):
    """`python -m live_canary`, and every script on macOS, runs under the name of its interpreter."""
    asks = "from live_canary.signals import pausing_command; print(pausing_command())"
    with subprocess.Popen([sys.executable, "-c", asks], stdout=subprocess.PIPE, text=True) as program:
        assert program.communicate(timeout=60)[0] == f"kill -USR1 {program.pid}\n"
    script = tmp_path / "live-canary"
    script.write_text(f"#!{sys.executable}\n{asks}\n")
    script.chmod(0o755)
    with subprocess.Popen([script], stdout=subprocess.PIPE, text=True) as program:
        by_name = "pkill -USR1 -x live-canary" if sys.platform == "linux" else f"kill -USR1 {program.pid}"
        assert program.communicate(timeout=60)[0] == by_name + "\n"


FIRST_PAINT = """
import asyncio, sys, threading
import live_canary.commands.live
from live_canary.screen.app import LiveCanaryApp
from live_canary.screen.contract import SessionInfo
from live_canary.session.session import Session
from tests.session.fakes import ScriptedSource, make_segmenter

never = threading.Event()
source = ScriptedSource("..abc", endless=True)
app = LiveCanaryApp(Session([source], make_segmenter, lambda tell: never.wait()), SessionInfo("demo", ("talk",)))

async def paint():
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "talk" in app.export_screenshot()
        app.exit()

asyncio.run(paint())
sys.exit("torch" in sys.modules or "transformers" in sys.modules)
"""


def test_the_first_paint_of_the_screen_needs_no_torch():
    done = subprocess.run([sys.executable, "-c", FIRST_PAINT], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_version_names_torch_and_what_it_computes_on():
    done = live_canary("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("live-canary 0.")
    assert ", torch 2." in done.stdout


def refusal(*arguments: object, exit_code: int = 2) -> str:
    """The one line with which the program refuses, before it loads anything."""
    done = live_canary(*arguments)
    assert done.returncode == exit_code
    assert done.stdout == ""
    assert "Loading" not in done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.wav", None, "No such file"),
        ("empty.wav", b"", "is empty"),
        ("text.wav", b"this is no sound at all, only some words", "is not sound that can be read"),
    ],
)
def test_a_recording_that_cannot_be_heard_is_refused(tmp_path, name, content, reason):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    assert reason in refusal("--replay", path)


def test_a_recording_without_a_single_sample_is_refused(tmp_path):
    soundfile.write(tmp_path / "none.wav", np.zeros(0, np.float32), 16_000)
    assert "holds no sound" in refusal("--replay", tmp_path / "none.wav")


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("talk.docx", "must end in one of"),
        ("no/such/folder/talk.txt", "there is no folder"),
        (".", "must end in one of"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused(tmp_path, output, reason):
    assert reason in refusal("--replay", MEETING, "--output", tmp_path / output)


@pytest.mark.parametrize("flags", [["--compute-device", "mps"], ["--model", "empty"]])
def test_a_replay_whose_model_cannot_be_loaded_leaves_nothing_to_recover(beginning, tmp_path, monkeypatch, flags):
    """A mistyped flag is no session that was cut off: its sound is in the recording."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    done = live_canary("--replay", beginning, "--speed", "max", *flags)
    assert done.returncode == 1, done.stderr
    assert "recover" not in done.stderr
    assert not list(Path(os.environ["XDG_STATE_HOME"]).rglob("session.jsonl"))


def test_existing_subtitles_are_not_overwritten_unless_asked(tmp_path):
    subtitles = tmp_path / "talk.srt"
    subtitles.write_text("precious")
    assert "--overwrite" in refusal("--replay", MEETING, "--output", subtitles)
    assert subtitles.read_text() == "precious"


def test_the_same_output_twice_is_refused(tmp_path):
    path = tmp_path / "talk.txt"
    assert "twice" in refusal("--replay", MEETING, "--output", path, "--output", path)


def test_a_model_that_is_not_here_is_refused_with_the_command_that_fetches_it():
    said = refusal("--replay", MEETING, "--model", "somebody/some-model", exit_code=3)
    assert "live-canary download somebody/some-model" in said
    assert "live-canary download nvidia/canary-qwen-2.5b" in refusal("--replay", MEETING, "--model", "/no", exit_code=3)
    assert "No model '~no-such-user/m'" in refusal("--replay", MEETING, "--model", "~no-such-user/m", exit_code=3)


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--speed", "fast"], "A speed of 'fast'"),
        (["--partials"], "--partials belongs to --jsonl"),
        (["--jsonl", "talk"], "--output talk.jsonl"),
        (["--mode", "opera"], "There is no mode 'opera'"),
        (["--vad", "ears"], "There is no voice detector 'ears'"),
        (["--compute", "int3"], "There is no form of computing 'int3'"),
        (["--compute-device", "tpu"], "There is no compute device 'tpu'"),
        (["--max-utterance-s", "60"], "longest utterance of 60 s"),
        (["--model", ""], "The model has no name"),
        (["--keep-audio"], "--keep-audio means nothing to --replay"),
        (["--mic"], "--mic means nothing to --replay"),
        (["--paused"], "--paused means nothing to --replay"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused_and_leaves_nothing_to_recover(flags, reason):
    assert reason in refusal("--replay", MEETING, *flags)
    assert not list(Path(os.environ["XDG_STATE_HOME"]).rglob("session.jsonl"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--speeed", "2"], "No such option: --speeed"),
        (["--speed"], "Option '--speed' requires an argument; `live-canary --help`"),
        (["--threads", "many"], "Invalid value for '--threads'"),
        (["transcribe"], "Missing argument 'FILES...'; `live-canary transcribe --help` says what there is."),
        (["transcribe", "--nope", "a.wav"], "No such option: --nope"),
        (["transcribe", "--profile", "call", "a.wav"], "--profile stands before the command, right behind"),
        (["bench", "live", "--offline", "a.wav"], "--offline stands before the command, right behind live-canary;"),
        (["transcribe", "a.wav", "-o", "a.srt"], "-o is for live sessions; here a text is named after its recording"),
        (["--profile"], "Option '--profile' requires an argument; `live-canary --help`"),
        (["config", "frobnicate"], "No such command 'frobnicate'; `live-canary config --help`"),
    ],
)
def test_a_command_line_that_means_nothing_is_refused_in_one_line(arguments, said):
    assert said in refusal(*arguments)


def test_a_recording_without_a_command_is_told_its_two_ways(beginning):
    """`whisper talk.wav` is how others begin."""
    said = refusal("--model", "demo", beginning)
    assert f"'{beginning}' is a file, not a command: put `live-canary transcribe`" in said
    assert "`live-canary --replay`" in said


def test_a_command_that_lacks_its_command_prints_its_help():
    done = live_canary("bench")
    assert (done.returncode, done.stderr) == (2, "")
    assert "live-canary bench live" in done.stdout


def test_whoever_asks_for_a_list_and_for_its_end_is_asked_which():
    assert "--list only says which sessions there are, and --discard deletes them" in refusal(
        "recover", "--list", "--discard"
    )


@pytest.mark.parametrize(("text", "speed"), [("1", 1.0), ("4", 4.0), ("0.5", 0.5), ("max", None)])
def test_speeds_are_numbers_or_max(text, speed):
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "inf", "nan", "quick", ""])
def test_other_speeds_are_refused(text):
    with pytest.raises(InputError, match="cannot be used"):
        parse_speed(text)


def test_several_recordings_follow_one_replay_flag():
    arguments = ["--replay", "a.wav", "b.wav", "--speed", "max", "--output", "x.txt"]
    assert spread_replay(arguments) == [
        "--replay", "a.wav", "--replay", "b.wav", "--speed", "max", "--output", "x.txt",
    ]  # fmt: skip


@pytest.mark.parametrize("arguments", [["--replay"], ["--replay", "--model", "demo"], ["--model", "demo", "--replay"]])
def test_a_replay_of_nothing_is_refused_instead_of_opening_a_microphone(arguments):
    with pytest.raises(InputError, match="--replay needs a recording"):
        spread_replay(arguments)


def test_flags_before_a_command_count_for_it(tmp_path):
    talk = tmp_path / "talk.wav"
    talk.write_bytes(MEETING.read_bytes())
    assert "No model 'nope'" in refusal("--model", "nope", "transcribe", talk, exit_code=3)
    assert "no mode 'opera'" in refusal("--mode", "opera", "bench", "live", talk)
    assert "No model" not in live_canary("--model", "demo", "recover", "--list").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--output", "x.txt", "transcribe", "a.wav"),
        ("--model", "demo", "devices"),
        ("--device", "USB", "bench", "engine"),
    ],
)
def test_a_flag_that_a_command_does_not_know_is_refused_before_it_too(arguments):
    flag = arguments[0]
    assert f"{flag} means nothing to" in refusal(*arguments)
