"""`live-canary notes`: what is printed and written, and what is refused before the model is loaded."""

import io
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from live_canary.commands import notes
from live_canary.errors import InputError, LiveCanaryError, ModelMissing, OutputError
from live_canary.model.plain_qwen import PlainQwen
from live_canary.settings import Settings
from live_canary.transcript.places import open_and_lock
from tests.conftest import DEMO, ROOT, TINY, needs_full_disk

TRANSCRIPT = (
    "# Transcript of 2026-03-01 14:02\n\n"
    "**00:00:01 Me** Shall we start?\n\n"
    "**00:20:00 Them** The budget stays as it is.\n\n"
    "**00:40:00 Me** Then the letters go out on Monday.\n\n"
)


class Parrot:
    """Stands in for the LLM: answers with what it was told to, and keeps what it was asked."""

    def __init__(self, *answers: str):
        self.asked: list[str] = []
        self._answers = iter(answers)

    def tokens(self, text: str) -> int:
        return len(text.split())

    def answer(self, message, max_new_tokens, read):
        self.asked.append(message)
        read(1, 1)
        yield from next(self._answers)


@pytest.fixture
def call(tmp_path) -> Path:
    (tmp_path / "call.md").write_text(TRANSCRIPT)
    return tmp_path / "call.md"


@pytest.fixture
def parrot(monkeypatch) -> Parrot:
    bird = Parrot("\n# Notes\n\n- It starts.\n", "- More.", "- The end.")
    monkeypatch.setattr(PlainQwen, "load", lambda *_: bird)
    return bird


SETTINGS = Settings(model=str(TINY))


def test_notes_are_printed_and_made_of_what_was_said(call, parrot, capsys):
    assert notes.run(call, SETTINGS) == 0
    assert capsys.readouterr().out == "# Notes\n\n- It starts.\n"
    [message] = parrot.asked
    assert "Me: Shall we start?\nThem: The budget stays as it is.\nMe: Then the letters" in message
    assert "notes" in message and "00:00:01" not in message


def test_a_question_is_asked_before_and_after_the_transcript(call, parrot, capsys):
    notes.run(call, SETTINGS, question="Who pays {this}?")
    [message] = parrot.asked
    before, after = message.split("The budget stays")
    assert "Who pays {this}?" in before and after.endswith("Question: Who pays {this}?")


def test_a_long_transcript_gets_notes_of_each_part_under_its_time(call, parrot, monkeypatch, capsys):
    monkeypatch.setattr(notes, "PART_TOKENS", 8)
    notes.run(call, SETTINGS)
    assert capsys.readouterr().out == (
        "## Part 1 of 3, from 00:00:01\n\n# Notes\n\n- It starts.\n\n"
        "## Part 2 of 3, from 00:20:00\n\n- More.\n\n"
        "## Part 3 of 3, from 00:40:00\n\n- The end.\n"
    )
    assert ["Shall" in asked for asked in parrot.asked] == [True, False, False]


def test_parts_of_a_text_without_times_are_numbered(tmp_path, parrot, monkeypatch, capsys):
    (tmp_path / "call.txt").write_text("One two three.\nFour five six.\n")
    monkeypatch.setattr(notes, "PART_TOKENS", 3)
    notes.run(tmp_path / "call.txt", SETTINGS)
    assert "## Part 2 of 2\n" in capsys.readouterr().out


def test_a_terminal_that_only_prints_lines_gets_no_empty_ones(call, parrot, monkeypatch, capsys):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("FORCE_COLOR", "1")  # Rich then takes what pytest captures for a terminal
    notes.run(call, SETTINGS)
    assert capsys.readouterr().err == f"Loading {TINY} …\n"


def test_the_files_have_what_was_printed(call, parrot, monkeypatch, capsys):
    monkeypatch.setattr(notes, "PART_TOKENS", 12)
    outputs = call.with_name("notes.md"), call.with_name("notes.txt")
    notes.run(call, Settings(model=str(TINY), outputs=outputs))
    printed = capsys.readouterr()
    assert [path.read_text() for path in outputs] == [printed.out] * 2
    assert f"The notes are in '{outputs[0]}'." in printed.err


@pytest.mark.parametrize("is_there", [True, False])
def test_no_file_is_replaced_unasked(call, parrot, is_there):
    output = call.with_name("notes.md")
    if is_there:
        output.write_text("Mine.")
        with pytest.raises(OutputError, match="exists; give another name, or --overwrite"):
            notes.run(call, Settings(model=str(TINY), outputs=(output,)))
        assert output.read_text() == "Mine." and not parrot.asked
    notes.run(call, Settings(model=str(TINY), outputs=(output,), overwrite=True))
    assert output.read_text().startswith("# Notes")


@pytest.mark.parametrize(
    ("name", "why"), [("notes.srt", "must end in .md or .txt"), ("nowhere/notes.md", "there is no folder")]
)
def test_a_file_that_cannot_be_written_is_refused_before_the_model_is_loaded(call, parrot, name, why):
    with pytest.raises(OutputError, match=why):
        notes.run(call, Settings(model=str(TINY), outputs=(call.parent / name,)))
    assert not parrot.asked


def test_nothing_is_written_where_the_model_fails(call, parrot, monkeypatch, capsys):
    def fail(*_):
        yield "- a point\n"
        raise LiveCanaryError("The graphics card's memory is full")

    monkeypatch.setattr(parrot, "answer", fail)
    with pytest.raises(LiveCanaryError):
        notes.run(call, Settings(model=str(TINY), outputs=(call.with_name("notes.md"),)))
    assert list(call.parent.iterdir()) == [call]
    assert f"'{call.with_name('notes.md')}' was not written." in capsys.readouterr().err


def test_the_transcript_itself_is_never_replaced(call, parrot):
    link = call.with_name("link.md")
    link.symlink_to(call)
    for output in (call, link):
        with pytest.raises(OutputError, match="is the transcript itself; give another name"):
            notes.run(call, Settings(model=str(TINY), outputs=(output,), overwrite=True))
    assert call.read_text() == TRANSCRIPT and not parrot.asked


def test_the_file_that_stdin_comes_from_is_never_replaced(call):
    with call.open() as transcript:
        done = run("notes", "-", "-o", call, "--overwrite", "--model", TINY, stdin=transcript)
    assert done.returncode == 2 and "is the transcript itself" in done.stderr
    assert call.read_text() == TRANSCRIPT


def test_a_transcript_that_a_session_writes_is_never_replaced(call, parrot):
    another = call.with_name("another.md")
    descriptor = open_and_lock(another)
    try:
        with pytest.raises(OutputError, match="is already being written by a running session; give another name"):
            notes.run(call, Settings(model=str(TINY), outputs=(another,), overwrite=True))
    finally:
        os.close(descriptor)
    assert another.read_bytes() == b"" and not parrot.asked


def test_what_another_program_writes_meanwhile_is_not_replaced(call, parrot, monkeypatch, capsys):
    output = call.with_name("notes.md")

    def answer(*_):
        output.write_text("Mine.")
        yield "- a point"

    monkeypatch.setattr(parrot, "answer", answer)
    assert notes.run(call, Settings(model=str(TINY), outputs=(output,))) == 1
    assert output.read_text() == "Mine."
    printed = capsys.readouterr()
    assert printed.out == "- a point\n" and f"'{output}' exists; give another name" in printed.err


def test_a_file_that_cannot_be_written_at_the_end_does_not_cost_the_others(call, parrot, monkeypatch, capsys):
    first, second = call.with_name("first.md"), call.with_name("second.md")
    write = notes.write_whole

    def write_all_but_the_first(path, text):
        if path == first:
            raise OutputError("'first.md' cannot be written: No space left on device; make room.")
        write(path, text)

    monkeypatch.setattr(notes, "write_whole", write_all_but_the_first)
    assert notes.run(call, Settings(model=str(TINY), outputs=(first, second))) == 1
    assert second.read_text() == "# Notes\n\n- It starts.\n" and not first.exists()
    assert "No space left on device" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("contents", "why"),
    [
        (b"", "has no words in it"),
        (b"\n - \n", "has no words in it"),
        (b"RIFF\x24\x00\x00\x00WAVE", "is no text; of a recording, write one first: live-canary transcribe"),
        (b"caf\xe9", "is no text in UTF-8; save it so in an editor"),
    ],
)
def test_what_is_no_transcript_is_refused(call, contents, why):
    call.write_bytes(contents)
    with pytest.raises(InputError, match=why):
        notes.run(call, SETTINGS)


@pytest.mark.parametrize(("name", "why"), [("gone.md", "No such file"), (".", "Is a directory")])
def test_what_cannot_be_read_is_refused(call, name, why):
    with pytest.raises(InputError, match=f"cannot be read: {why}"):
        notes.run(call.parent / name, SETTINGS)


def test_a_transcript_in_utf_16_is_read(call, parrot):
    call.write_bytes(TRANSCRIPT.encode("utf-16"))
    notes.run(call, SETTINGS)
    assert "The budget stays" in parrot.asked[0]


def test_a_transcript_comes_from_a_pipe_too(parrot, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"What was said.\n"), isatty=lambda: False))
    notes.run(notes.STDIN, SETTINGS)
    assert "What was said." in parrot.asked[0]


def test_a_question_has_words(call):
    with pytest.raises(InputError, match="--ask needs a question"):
        notes.run(call, SETTINGS, question=" ")


@pytest.mark.parametrize("model", ["demo", "auto"])
def test_the_demonstration_model_is_not_asked(call, cache, model):
    with pytest.raises(ModelMissing, match="only transcribes: run live-canary download") as refusal:
        notes.run(call, Settings(model=model))
    assert "--model demo" not in str(refusal.value)


def test_who_stays_with_the_demonstration_is_told_how_to_ask_the_model_that_is_here(call, monkeypatch):
    """`model = "demo"` in config.toml was answered with a download of what was there."""
    monkeypatch.setattr("live_canary.model.hub.is_complete", lambda repo_id: True)
    with pytest.raises(InputError, match="only transcribes: give --model auto") as refusal:
        notes.run(call, Settings(model="demo"))
    assert refusal.value.exit_code == 2


@pytest.fixture
def gone(monkeypatch) -> list[str]:
    """Nobody reads stdout; what is told meanwhile."""

    def refuse(*_, **__):
        raise BrokenPipeError(32, "Broken pipe")

    told: list[str] = []
    monkeypatch.setattr("builtins.print", refuse)
    monkeypatch.setattr(notes, "note", told.append)
    monkeypatch.setattr(notes, "discard", lambda stream: None)
    return told


def test_a_reader_that_is_gone_ends_it_in_a_sentence(call, parrot, gone):
    with pytest.raises(LiveCanaryError, match="cannot be printed any more") as failure:
        notes.run(call, SETTINGS)
    assert failure.value.exit_code == 1


def test_a_reader_that_is_gone_does_not_cost_the_file(call, parrot, gone):
    output = call.with_name("notes.md")
    assert notes.run(call, Settings(model=str(TINY), outputs=(output,))) == 1
    assert output.read_text() == "# Notes\n\n- It starts.\n"
    assert gone[1].endswith("cannot be printed any more (Broken pipe); they are still written.")
    assert gone[-1] == f"The notes are in '{output}'."


def test_a_reader_that_goes_ends_the_work_after_a_token(call, parrot, monkeypatch):
    """Else Python would end in the middle of one, which C++ answers with an abort."""
    given, is_printed = [], threading.Event()

    def endless(*_):
        yield "- a point\n"
        is_printed.wait()
        while True:
            given.append("more")
            yield "\n"

    def refuse(stdout, line):
        is_printed.set()
        raise LiveCanaryError("nobody reads")

    monkeypatch.setattr(parrot, "answer", endless)
    monkeypatch.setattr(notes._Stdout, "print", refuse)
    with pytest.raises(LiveCanaryError, match="nobody reads"):
        notes.run(call, SETTINGS)
    assert given and not [one for one in threading.enumerate() if one.name == "notes"]


def test_ctrl_c_waits_for_no_token_also_while_a_line_is_printed(call, parrot, monkeypatch):
    is_over = threading.Event()

    def hang(*_):
        yield "- a point\n"
        is_over.wait()

    def interrupt(stdout, line):
        raise KeyboardInterrupt

    monkeypatch.setattr(parrot, "answer", hang)
    monkeypatch.setattr(notes._Stdout, "print", interrupt)
    with pytest.raises(KeyboardInterrupt):
        notes.run(call, SETTINGS)
    [thread] = [one for one in threading.enumerate() if one.name == "notes"]
    is_over.set()
    thread.join()


def run(*arguments: str | Path, **others) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "live_canary", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, **others)


def test_as_a_program(call, tmp_path):
    """With the random weights of the reference checkpoint, whose answer is no language."""
    done = run("--model", TINY, "notes", call, "-o", tmp_path / "notes.md", "--ask", "What was decided?")
    assert done.returncode == 0, done.stderr
    assert done.stdout and done.stdout == (tmp_path / "notes.md").read_text()
    assert done.stderr.splitlines() == [f"Loading {TINY} …", f"The notes are in '{tmp_path / 'notes.md'}'."]


def test_settings_of_the_model_hold_for_notes_too(call):
    done = run("notes", call, env=os.environ | {"LIVE_CANARY_MODEL": str(DEMO / "gone")})
    assert done.returncode == 3 and "gone" in done.stderr


@needs_full_disk
@pytest.mark.parametrize("has_file", [False, True])
def test_a_full_disk_behind_stdout_is_told(call, has_file):
    output = call.with_name("notes.md")
    command = [sys.executable, "-m", "live_canary", "notes", call, "--model", TINY, *(["-o", output] * has_file)]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    told = "cannot be printed any more (No space left on device); they are still" if has_file else "takes no more"
    assert done.returncode == 1 and told in done.stderr
    assert output.exists() == has_file


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_ctrl_c_ends_it_at_once_and_leaves_no_half_of_a_file(call):
    """While the model is at work, which here never ends."""
    script = (
        "import threading, sys\nfrom live_canary.model.plain_qwen import PlainQwen\n"
        "def answer(*_):\n    print('at work', file=sys.stderr, flush=True)\n    yield 'A point.\\n'\n"
        "    threading.Event().wait()\nPlainQwen.answer = answer\n"
        "from live_canary.cli.main import main\nmain()\n"
    )
    output = call.with_name("notes.md")
    command = [sys.executable, "-c", script, "notes", call, "--model", TINY, "-o", output]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as program:
        assert program.stdout and program.stderr
        assert program.stdout.readline() == "A point.\n"
        program.send_signal(signal.SIGINT)
        _, told = program.communicate(timeout=60)
        assert f"'{output}' was not written." in told
        assert program.returncode == 130
    assert not output.exists()
