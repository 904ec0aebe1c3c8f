"""What the program takes from its terminal and prints on it, and how it ends there."""

import io
import os
import select
import shutil
import struct
import sys
import threading
from contextlib import closing

import pytest

from live_canary import console
from live_canary.cli import main as cli
from live_canary.commands.model_choice import terminal_question
from live_canary.errors import ModelMissing, SessionError
from live_canary.model import quantized_file
from live_canary.session.stages import LOADING, TRANSCRIBING

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has other terminals")


class Terminal:
    """As one, or what is piped in its place."""

    def __init__(self, is_one: bool):
        self.isatty = lambda: is_one


@pytest.fixture
def on_terminal(monkeypatch):
    """All three streams are the terminal's, but for those that are named."""

    def attach(*others: str) -> None:
        monkeypatch.setenv("TERM", "xterm-256color")
        for name in ("stdin", "stdout", "stderr"):
            monkeypatch.setattr(sys, name, Terminal(name not in others))

    return attach


@pytest.mark.parametrize("piped", ["stdin", "stdout", "stderr"])
def test_a_screen_needs_keys_lines_and_a_place_to_be_drawn(on_terminal, piped):
    on_terminal()
    assert console.can_be_drawn_on()
    on_terminal(piped)
    assert not console.can_be_drawn_on()


@pytest.mark.parametrize(("others", "offline"), [(["stdin"], False), (["stdout"], False), ([], True)])
def test_only_a_user_who_can_answer_and_may_download_is_asked(on_terminal, monkeypatch, others, offline):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    on_terminal("stderr")
    assert terminal_question() is input
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    on_terminal(*others)
    assert terminal_question() is None


@pytest.mark.parametrize(("rows", "columns", "size"), [(20, 60, (60, 20)), (0, 0, (200, 3))])
def test_a_terminal_is_as_large_as_it_says_whatever_was_exported(monkeypatch, rows, columns, size):
    import fcntl  # which Windows lacks, and termios too
    import termios

    keys, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("LINES", "3")
    with closing(os.fdopen(keys)), closing(os.fdopen(terminal)) as stdout:
        monkeypatch.setattr(sys, "__stdout__", stdout)
        console.ask_the_terminal_for_its_size()
        assert shutil.get_terminal_size() == size


def test_what_was_typed_into_the_programs_own_terminal_is_not_left_to_the_shell(monkeypatch):
    keys, typed = os.openpty()
    with closing(os.fdopen(typed)) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        os.write(keys, b"rm -rf notes\n")
        assert select.select([stdin], [], [], 10)[0]
        console.drop_typed_keys()
        assert not select.select([stdin], [], [], 0)[0]
    os.close(keys)


def test_keys_that_no_terminal_has_typed_are_left_alone(monkeypatch):
    reader, writer = os.pipe()
    os.write(writer, b"for the next program\n")
    os.close(writer)
    with closing(os.fdopen(reader)) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        console.drop_typed_keys()
        assert stdin.read() == "for the next program\n"


@pytest.mark.parametrize(("encoding", "has_all"), [("UTF8", True), ("utf-8", True), ("latin-1", False)])
def test_an_encoding_has_every_letter_however_it_is_written(encoding, has_all):
    assert console.has_every_letter(io.TextIOWrapper(io.BytesIO(), encoding)) == has_all


def test_a_refusal_is_one_line_of_its_own_with_the_exit_code_of_its_kind(monkeypatch, capsys):
    def refuse(**_: object) -> None:
        raise ModelMissing("No model 'a\nb'.")

    monkeypatch.setattr(cli, "app", refuse)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 3
    assert capsys.readouterr() == ("", "live-canary: No model 'a b'.\n")


@pytest.mark.parametrize("thread", [LOADING, TRANSCRIBING])
@pytest.mark.parametrize("failure", [None, SessionError("The sound system is gone.")])
def test_a_model_at_work_is_not_ended_from_within_whatever_the_exit_code(monkeypatch, thread, failure):
    """C++ aborted the process: after a line was to be heard again, or where what failed was not waited for."""

    answered, ended = threading.Event(), []
    model = threading.Thread(target=answered.wait, name=thread)

    def end(**_: object) -> None:
        model.start()
        if failure:
            raise failure
        sys.exit(0)

    monkeypatch.setattr(cli, "app", end)
    monkeypatch.setattr(os, "_exit", ended.append)
    with pytest.raises(SystemExit):
        cli.main()
    answered.set()
    model.join()
    assert ended == [1 if failure else 0]


def test_a_thread_that_was_there_before_ends_no_caller_of_the_program(monkeypatch):
    answered = threading.Event()
    other = threading.Thread(target=answered.wait, name=TRANSCRIBING)
    other.start()
    monkeypatch.setattr(cli, "app", lambda **_: sys.exit(0))
    monkeypatch.setattr(os, "_exit", lambda code: pytest.fail("the whole process was ended"))
    with pytest.raises(SystemExit):
        cli.main()
    answered.set()
    other.join()


@pytest.mark.parametrize("code", [0, 1])
def test_an_exit_waits_for_weights_on_their_way_to_the_disk_unless_ctrl_c_does_without(monkeypatch, capsys, code):
    def wait(tell_of_waiting) -> None:
        tell_of_waiting()
        if pressed:
            raise KeyboardInterrupt

    pressed, ended = [], []
    monkeypatch.setattr(quantized_file, "wait_until_kept", wait)
    monkeypatch.setattr(cli, "app", lambda **_: sys.exit(code))
    monkeypatch.setattr(os, "_exit", ended.append)
    for _ in range(2):
        with pytest.raises(SystemExit) as exited:
            cli.main()
        assert exited.value.code == code
        pressed.append("Ctrl-C")
    assert ended == [code]
    printed, told = capsys.readouterr()
    assert (printed, told.count("Writing the model's weights")) == ("", 2)
