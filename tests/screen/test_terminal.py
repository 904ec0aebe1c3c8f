"""The program in a real terminal: tmux plays it, so that escape sequences, keys and the exit are the real ones."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux, which plays the terminal"),
]
ROOT = Path(__file__).parents[2]


class Terminal:
    """A tmux server of its own with one pane of 80x24."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "output"
        os.mkfifo(self.output)

    def tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self.folder / "socket"), "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout

    def start(self, command: str) -> None:
        """Runs `command` as soon as everything that it draws is read."""
        command = f"tmux wait-for begin; {command}; tmux wait-for -S done; cat"
        self.tmux("new-session", "-d", "-x", "80", "-y", "24", command)
        self.tmux("pipe-pane", f"cat > {self.output}")
        self.drawn = self.output.open("rb", buffering=0)
        self.tmux("wait-for", "-S", "begin")

    def wait_until_drawn(self, text: str) -> None:
        """Reads what the program draws until `text`, which must be drawn in one piece, appears."""
        seen = b""
        while text.encode() not in seen:
            piece = self.drawn.read(65536)
            assert piece, f"the program ended before it drew {text!r}:\n{self.page()}"
            seen = seen[-200:] + piece

    def wait_until_shown(self, text: str) -> None:
        deadline = time.monotonic() + 30
        while text not in self.page():
            assert time.monotonic() < deadline, f"{text!r} is not shown:\n{self.page()}"
            time.sleep(0.05)

    def page(self) -> str:
        return self.tmux("capture-pane", "-p")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    terminal = Terminal(tmp_path)
    yield terminal
    terminal.tmux("kill-server")
    terminal.drawn.close()


def test_a_recording_is_transcribed_searched_and_edited_in_a_real_terminal(terminal: Terminal, tmp_path: Path) -> None:
    transcript = tmp_path / "out.txt"
    recording = ROOT / "assets" / "dictation.wav"
    program = f"{sys.executable} -m live_canary --replay {recording} --speed max --model demo --output {transcript}"
    terminal.start(program)
    terminal.wait_until_drawn("ended")
    first_words = transcript.read_text().split()[:3]
    assert " ".join(first_words) in terminal.page()

    terminal.tmux("send-keys", "/")
    terminal.wait_until_shown("/ words to find")
    terminal.tmux("send-keys", "-l", " ".join(first_words))
    terminal.wait_until_shown("1 of 1")
    terminal.wait_until_shown(f"▌00:00:00  {first_words[0]}")

    terminal.tmux("send-keys", "Enter")
    terminal.wait_until_shown("q Quit")
    terminal.tmux("send-keys", "e")
    terminal.wait_until_shown("Enter keeps it")
    terminal.tmux("send-keys", "-l", " Indeed.")
    terminal.wait_until_shown("Indeed.")
    words = len(transcript.read_text().split()) + 1
    terminal.tmux("send-keys", "Enter")
    terminal.wait_until_shown(f"{words} words")
    terminal.tmux("send-keys", "q")
    terminal.tmux("wait-for", "done")
    assert f"Transcript: {transcript}" in terminal.page().replace("\n", "")
    assert transcript.read_text().splitlines()[0].endswith(" Indeed.")


def test_the_screen_is_as_large_as_its_window_whatever_was_exported(terminal: Terminal) -> None:
    """`resize` exports COLUMNS and LINES: at other sizes most of the screen was beyond the window's edges."""
    recording = ROOT / "assets" / "dictation.wav"
    program = f"{sys.executable} {ROOT / 'tests' / 'instant.py'} --replay {recording} --speed max --model demo"
    terminal.start(f"COLUMNS=200 LINES=60 {program}")
    terminal.wait_until_shown("stopped\n")
    terminal.wait_until_shown("q Quit")
    terminal.tmux("resize-window", "-x", "60", "-y", "12")
    terminal.wait_until_shown("q Quit")
    terminal.wait_until_shown("00:00:21  45056 samples")
    assert "live-canary ended" in terminal.page().splitlines()[0]
    terminal.tmux("send-keys", "q")
    terminal.tmux("wait-for", "done")
