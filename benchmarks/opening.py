"""How soon after its start live-canary hears: Python alone, the sound server's stream, the first captured samples.

    python benchmarks/opening.py [--runs 10] [--output benchmarks/results/opening.md]

Starts the real command line again and again on the virtual microphone of tests/microphone/virtual_sound.sh (a real
PulseAudio, no hardware). Every time counts from just before the process is made. "Open" is told by the sound server
itself (`pactl subscribe`): what is said from then on is kept.
"""

import argparse
import os
import pty
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from capture import ROOT, conditions, drain, virtual_sound

ANSWER_SECONDS = 30.0

RUN = """
import os, sys, time
told = int(sys.argv.pop(1))
from live_canary.audio.inbox import Inlet
def put(inlet, sound, channels, overflowed=False):
    os.write(told, f"{time.monotonic()} {time.process_time()}".encode())
    os._exit(0)
Inlet.__call__ = put
from live_canary.cli.main import main
main()
"""
PYTHON = "import os, sys, time; os.write(int(sys.argv[1]), b'%f %f' % (time.monotonic(), time.process_time()))"


class Streams:
    """Tells when the sound server begins to record for somebody."""

    def __init__(self) -> None:
        self._new = threading.Event()
        self._time = 0.0
        self._pactl = subprocess.Popen(["pactl", "subscribe"], stdout=subprocess.PIPE, text=True)
        threading.Thread(target=self._watch, daemon=True).start()

    def expect(self) -> None:
        self._new.clear()

    def opened(self) -> float:
        if not self._new.wait(ANSWER_SECONDS):
            raise SystemExit("No stream was opened.")
        return self._time

    def close(self) -> None:
        self._pactl.kill()
        self._pactl.wait()

    def _watch(self) -> None:
        assert self._pactl.stdout
        for line in self._pactl.stdout:
            if line.startswith("Event 'new' on source-output") and not self._new.is_set():
                self._time = time.monotonic()
                self._new.set()


@dataclass(frozen=True, slots=True)
class Told:
    """Moments of one clock, in seconds."""

    made: float
    """Just before the process was."""
    told: float
    cpu_seconds: float
    """That the process had used by then; other processes do not change it."""


def told_by(code: str, *arguments: str) -> Told:
    """What a process tells that sees a terminal."""
    reader, writer = os.pipe()
    terminal, inside = pty.openpty()
    threading.Thread(target=drain, args=(terminal,), daemon=True).start()
    command = [sys.executable, "-c", code, str(writer), *arguments]
    made = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, pass_fds=[writer], stdin=inside, stdout=inside, stderr=inside)
    os.close(writer)
    os.close(inside)
    told = os.read(reader, 100)
    process.wait()
    os.close(reader)
    if not told:
        raise SystemExit(f"Nothing was heard: {' '.join(command)}")
    return Told(made, *map(float, told.split()))


def row(name: str, seconds: list[float]) -> str:
    milliseconds = [1000 * one for one in seconds]
    return f"| {name} | {statistics.median(milliseconds):.0f} | {min(milliseconds):.0f} - {max(milliseconds):.0f} |"


def report(runs: int) -> Iterator[str]:
    yield "# From the start of the process to hearing\n"
    yield f"`python benchmarks/opening.py --runs {runs}` ({conditions()}; files in the cache).\n"
    yield "| milliseconds | median | all |"
    yield "|---|---|---|"
    pythons = [told_by(PYTHON) for _ in range(runs)]
    yield row("Python runs its first line", [one.told - one.made for one in pythons])
    streams = Streams()
    for flags in ((), ("--plain",), ("--mic", "--system")):
        opened, heard, cpu = [], [], []
        for _ in range(runs + 1):
            streams.expect()
            one = told_by(RUN, "--model", "demo", *flags)
            opened.append(streams.opened() - one.made)
            heard.append(one.told - one.made)
            cpu.append(one.cpu_seconds)
        called = " ".join(("live-canary", *flags))
        yield row(f"`{called}`: sound stream open", opened[1:])  # the first one reads the files
        yield row(f"`{called}`: first samples captured", heard[1:])
        yield row(f"`{called}`: CPU time until then", cpu[1:])
    streams.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--output", type=Path, help="write the table there too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, virtual_sound(Path(f"/tmp/opening-benchmark-{os.getpid()}")):
        os.environ |= {"XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home, "TERM": "xterm-256color"}
        lines = []
        for line in report(arguments.runs):
            print(line, flush=True)
            lines.append(line)
    if arguments.output:
        arguments.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
