"""What hearing costs and how true it is: share of a core, delay, drift, losses, memory.

    python benchmarks/capture.py [--minutes 30] [--output benchmarks/results/capture.md]

Listens to the virtual microphone of tests/microphone/virtual_sound.sh (a real PulseAudio, no hardware), first while it
is silent, then while assets/long.wav is played into it, then for `--minutes` of soak. The model is not part of it: in
the whole program with its screen, on a terminal of 100 columns, one takes its place that gives two words a second at
once.
"""

import argparse
import os
import platform
import pty
import resource
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "tests" / "microphone" / "virtual_sound.sh"
SPEECH = ROOT / "assets" / "long.wav"
WARM_UP_SECONDS = 5.0
Samples = NDArray[np.float32]


PROGRAM = """
import sys
from live_canary.commands import live
from live_canary.transcript.hypothesis import Hypothesis
WORDS = "we will begin with the new house and then go on to what the others said about it".split()
class TwoWordsASecond:
    def transcribe(self, samples, draft=None):
        return Hypothesis(" ".join(WORDS[at % len(WORDS)] for at in range(len(samples) // 8000)))
live.load_with = lambda choice, settings: lambda tell: TwoWordsASecond()
from live_canary.cli.main import main
main()
"""


@dataclass
class Measured:
    """One stretch of listening."""

    seconds: float = 0.0
    cpu_percent: float = 0.0
    blocks: int = 0
    gaps: list[str] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    """For each block: when it was handed on, after its last sample; counted from the least of them."""
    drift_ms: float = 0.0
    """How far the least delay of any ten seconds is from that of the first ten."""
    grown_mib: float = 0.0

    def percentile_ms(self, percent: int) -> float:
        return sorted(self.delays_ms)[min(len(self.delays_ms) - 1, len(self.delays_ms) * percent // 100)]


def listen(seconds: float, hear: Callable[[Samples], object]) -> Measured:
    """Listen to the default microphone for so long; every block goes to `hear`, whose time counts."""
    from live_canary.audio.capture import Capture
    from live_canary.audio.live import LiveSource
    from live_canary.audio.source import SAMPLE_RATE, AudioBlock, AudioGap

    source, measured, delays = LiveSource(Capture()), Measured(), []
    threading.Timer(seconds + WARM_UP_SECONDS, source.stop).start()
    began, cpu, memory = 0.0, 0.0, 0.0
    for item in source.blocks():
        if isinstance(item, AudioGap):
            at, length = item.start_sample / SAMPLE_RATE, (item.end_sample - item.start_sample) / SAMPLE_RATE
            measured.gaps.append(f"{item.reason} {length:.2f} s at {at:.0f} s")
        if not isinstance(item, AudioBlock):
            continue
        hear(item.samples)
        if not began and item.end_sample >= WARM_UP_SECONDS * SAMPLE_RATE:
            began, cpu, memory = time.monotonic(), time.process_time(), resident_mib()
        elif began:
            delays.append(time.monotonic() - item.end_sample / SAMPLE_RATE)
    if not delays:
        raise SystemExit(f"Nothing was heard for {seconds:.0f} s; was this machine halted?")
    measured.seconds = time.monotonic() - began
    measured.cpu_percent = 100 * (time.process_time() - cpu) / measured.seconds
    measured.grown_mib = resident_mib() - memory
    measured.blocks = len(delays)
    least = min(delays)
    measured.delays_ms = [1000 * (delay - least) for delay in delays]
    measured.drift_ms = drift(measured.delays_ms)
    return measured


def drift(delays_ms: list[float], blocks: int = 500) -> float:
    floors = [min(delays_ms[start : start + blocks]) for start in range(0, len(delays_ms) - blocks + 1, blocks)]
    return max((abs(floor - floors[0]) for floor in floors), default=0.0)


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


@contextmanager
def virtual_sound(folder: Path) -> Iterator[None]:
    os.environ["VIRTUAL_SOUND_DIR"] = str(folder)
    os.environ["XDG_RUNTIME_DIR"] = str(folder / "run")
    subprocess.run([SCRIPT, "start"], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run([SCRIPT, "stop"], check=True, capture_output=True)


@contextmanager
def speaking() -> Iterator[None]:
    """The recording, again and again, played into the microphone by other processes."""
    loop = f"while paplay --device=mic_feed '{SPEECH}'; do :; done"
    player = subprocess.Popen(["bash", "-c", loop], start_new_session=True)
    try:
        yield
    finally:
        os.killpg(player.pid, 15)
        player.wait()


def segmenter() -> Callable[[Samples], object]:
    from live_canary.segments.segmenter import Segmenter
    from live_canary.segments.vad import SileroDetector

    return Segmenter(SileroDetector()).feed


def whole_program(seconds: float, *flags: str) -> float:
    """Per cent of a core that `live-canary` takes with everything but the model."""
    terminal, inside = pty.openpty()
    termios.tcsetwinsize(inside, (30, 100))
    command = [sys.executable, "-c", PROGRAM, "--model", "demo", *flags]
    process = subprocess.Popen(command, cwd=ROOT, stdin=inside, stdout=inside, stderr=inside, start_new_session=True)
    os.close(inside)
    threading.Thread(target=drain, args=(terminal,), daemon=True).start()
    try:
        time.sleep(2 * WARM_UP_SECONDS)
        began, before = time.monotonic(), cpu_seconds(process.pid)
        time.sleep(seconds)
        return 100 * (cpu_seconds(process.pid) - before) / (time.monotonic() - began)
    finally:
        process.kill()
        process.wait()


def cpu_seconds(pid: int) -> float:
    """That all threads of a running process have used."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def drain(terminal: int) -> None:
    """Read what a program shows, as a terminal does, until it ends."""
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:  # the other end has closed
        os.close(terminal)


def conditions() -> str:
    """Machine, commit and day."""
    git = ["git", "describe", "--always", "--dirty"]
    commit = subprocess.run(git, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    processor = next(line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    machine = f"{os.cpu_count()} cores of {processor.split(': ')[1]}, load {os.getloadavg()[0]:.1f} from other programs"
    return f"{machine}; Python {platform.python_version()}; commit {commit}, {date.today()}"


def row(name: str, measured: Measured) -> str:
    return (
        f"| {name} | {measured.seconds:.0f} s | {measured.cpu_percent:.1f} % | {measured.blocks} | "
        f"{', '.join(measured.gaps) or 'none'} | {measured.percentile_ms(50):.0f} / {measured.percentile_ms(99):.0f} | "
        f"{measured.drift_ms:.1f} | {measured.grown_mib:+.1f} |"
    )


def report(minutes: float, seconds: float) -> Iterator[str]:
    yield "# Hearing a microphone\n"
    yield f"`python benchmarks/capture.py --seconds {seconds:g} --minutes {minutes:g}` ({conditions()}).\n"
    yield "PulseAudio at 44.1 kHz, stereo. For how soon the program hears after its start, see opening.md.\n"
    yield "| | length | share of a core | blocks | gaps | delay p50 / p99 (ms) | drift (ms) | memory (MiB) |"
    yield "|---|---|---|---|---|---|---|---|"
    yield row("capture, silence", listen(seconds, lambda samples: None))
    yield row("capture and VAD, silence", listen(seconds, segmenter()))
    silent = [whole_program(seconds), whole_program(seconds, "--mic", "--system")]
    with speaking():
        yield row("capture, speech", listen(seconds, lambda samples: None))
        yield row("capture and VAD, speech", listen(seconds, segmenter()))
        spoken = [whole_program(seconds), whole_program(seconds, "--mic", "--system")]
        if minutes:
            yield row("soak: capture and VAD, speech", listen(minutes * 60, segmenter()))
    yield "\n| the program with its screen, without its model | silence | speech into the microphone |"
    yield "|---|---|---|"
    for name, still, loud in zip(("live-canary", "live-canary --mic --system"), silent, spoken, strict=True):
        yield f"| `{name}` | {still:.1f} % of a core | {loud:.1f} % of a core |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=0.0, help="of soak")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each other measurement")
    parser.add_argument("--output", type=Path, help="write the table there too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, virtual_sound(Path(f"/tmp/capture-benchmark-{os.getpid()}")):
        os.environ |= {"XDG_STATE_HOME": home, "XDG_CONFIG_HOME": home, "TERM": "xterm-256color"}
        lines = []
        for line in report(arguments.minutes, arguments.seconds):
            print(line, flush=True)
            lines.append(line)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
