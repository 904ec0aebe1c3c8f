"""Hours of sound through a whole session: does anything grow, does anything slow down?

    python benchmarks/soak.py [--hours 4] [--speed max] [--output benchmarks/results/soak.md]

The recordings in assets/, over and over, as the sound of a microphone: with its spool, the journal, a transcript file,
partials and the screen, which is drawn on a terminal of 120 x 40 that nobody looks at. With `--speed max` the sound
waits for the model instead of the clock, as a recording does.
"""

import argparse
import fcntl
import json
import os
import pty
import signal
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from itertools import chain, repeat
from pathlib import Path

WARM_UP_SHARE = 1 / 12  # of the sound: five minutes of an hour
SAMPLE_INTERVAL_SECONDS = 5.0
ROWS = 12


@dataclass
class Sample:
    """The process at one moment."""

    heard_seconds: float
    resident_mib: float
    threads: int
    descriptors: int


@dataclass
class Measured:
    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    samples: list[Sample] = field(default_factory=list)
    latencies: list[tuple[float, float]] = field(default_factory=list)
    """For each utterance: when it ended, in seconds of the sound, and how long after that its text was in the file."""


def hold(seconds: float, speed: float | None, folder: Path) -> Measured:
    """One session of so many seconds of sound, on the screen of this terminal."""
    from live_canary.audio.recording import RecordingSource
    from live_canary.audio.source import SAMPLE_RATE, AudioBlock, SourceItem
    from live_canary.bundled import assets_folder
    from live_canary.commands.model_choice import choose_model, load_with
    from live_canary.events import Event, SessionEnded, UtteranceFinal
    from live_canary.screen.app import LiveCanaryApp
    from live_canary.screen.contract import SessionInfo
    from live_canary.segments.segmenter import Segmenter
    from live_canary.segments.vad import load_detector
    from live_canary.session.completing import output_before
    from live_canary.session.folder import SessionFolder
    from live_canary.session.session import Session
    from live_canary.settings import Settings
    from live_canary.transcript.writer import TranscriptFile

    measured, ended, began = Measured(), threading.Event(), 0.0

    class Endless(RecordingSource):
        """Recordings again and again, as the paths of one source never end."""

        def blocks(self) -> Iterator[SourceItem]:
            nonlocal began
            began = time.monotonic()
            for item in super().blocks():
                if isinstance(item, AudioBlock):
                    self.heard_seconds = item.end_sample / SAMPLE_RATE
                    if self.heard_seconds > seconds:
                        return
                yield item

    class Microphone:
        """The same sound, which does not say that it is a recording: it is spooled."""

        def __init__(self) -> None:
            self.name, self.live, self.heard_seconds = "Me", speed is not None, 0.0
            paths = sorted(assets_folder().glob("*.wav"))
            self._recordings = Endless(paths, speed)
            self._recordings.paths = chain.from_iterable(repeat(paths))  # type: ignore[assignment]

        def blocks(self) -> Iterator[SourceItem]:
            for item in self._recordings.blocks():
                self.heard_seconds = self._recordings.heard_seconds
                yield item

        def stop(self) -> None:
            self._recordings.stop()

    class Observed(Session):
        def start(self, on_event: Callable[[Event], None]) -> None:
            def follow(event: Event) -> None:
                if isinstance(event, UtteranceFinal):
                    end = event.utterance.end_seconds
                    heard_after = time.monotonic() - began - end
                    measured.latencies.append((end, event.latency_seconds if speed is None else heard_after))
                on_event(event)
                if isinstance(event, SessionEnded):
                    os.kill(os.getpid(), signal.SIGTERM)  # leave the screen

            super().start(follow)

    def sample() -> None:
        while not ended.wait(SAMPLE_INTERVAL_SECONDS):
            measured.samples.append(sample_of(os.getpid(), microphone.heard_seconds))

    microphone = Microphone()
    settings = Settings(model="demo", outputs=(folder / "talk.jsonl",))
    choice = choose_model("demo")
    started = datetime.now()
    before = [output_before(path, overwrite=False) for path in settings.outputs]
    files = [TranscriptFile(path, started=started) for path in settings.outputs]
    session_folder = SessionFolder.create(folder / "sessions")
    sources = session_folder.begin(settings, started, [microphone], before)
    session = Observed(
        sources,
        lambda: Segmenter(load_detector(settings.vad), settings.segmenter),
        load_with(choice, settings),
        files,
        partial_interval_ms=settings.partial_interval_ms,
        journal=session_folder.journal,
    )
    threading.Thread(target=sample, name="sample", daemon=True).start()
    began = time.monotonic()
    LiveCanaryApp(session, SessionInfo(choice.name, ("Me",), settings.outputs, choice.demo)).run()
    session.wait()
    ended.set()
    measured.wall_seconds = time.monotonic() - began
    measured.cpu_seconds = time.process_time()
    return measured


def sample_of(process: int, heard_seconds: float) -> Sample:
    entry = Path(f"/proc/{process}")
    pages = int((entry / "statm").read_text().split()[1])
    return Sample(
        heard_seconds,
        pages * os.sysconf("SC_PAGESIZE") / 2**20,
        len(list((entry / "task").iterdir())),
        len(list((entry / "fd").iterdir())),
    )


def in_a_terminal(body: Callable[[Path], Measured]) -> Measured:
    """Run `body` with a folder in a process that has a terminal of its own."""
    with tempfile.TemporaryDirectory() as name:
        result = Path(name) / "measured.json"
        child, terminal = pty.fork()
        if not child:
            os.environ["TERM"] = "xterm-256color"
            result.write_text(json.dumps(asdict(body(Path(name)))))
            os._exit(0)
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        shown = b""
        with suppress(OSError):  # how a terminal that nobody holds any more ends
            while data := os.read(terminal, 1 << 16):
                shown = (shown + data)[-4000:]
        os.waitpid(child, 0)
        if not result.exists():
            raise SystemExit(f"The session ended without a result:\n{shown.decode(errors='replace')}")
        values = json.loads(result.read_text())
    samples = [Sample(**sample) for sample in values.pop("samples")]
    latencies = [(end, seconds) for end, seconds in values.pop("latencies")]
    return Measured(**values, samples=samples, latencies=latencies)


def report(measured: Measured, speed: float | None) -> Iterator[str]:
    seconds = max(sample.heard_seconds for sample in measured.samples)
    pace = "as fast as the model could" if speed is None else f"at {speed:g} times real time"
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    arguments = " ".join(sys.argv[1:])
    yield f"\n## {seconds / 3600:.2f} h of sound, {pace}\n"
    yield f"`python benchmarks/soak.py {arguments}`; {date.today()}, commit {commit}, {os.cpu_count()} cores, shared.\n"
    yield (
        f"{len(measured.latencies)} utterances in {measured.wall_seconds / 60:.0f} min, "
        f"{100 * measured.cpu_seconds / measured.wall_seconds:.0f} % of a core.\n"
    )
    yield "| sound so far | resident memory (MiB) | threads | file descriptors |"
    yield "|---|---|---|---|"
    for row in range(1, ROWS + 1):
        part = [sample for sample in measured.samples if row - 1 < ROWS * sample.heard_seconds / seconds <= row]
        if part:
            memory = statistics.median(sample.resident_mib for sample in part)
            threads, descriptors = max(one.threads for one in part), max(one.descriptors for one in part)
            yield f"| {row * seconds / ROWS / 60:.0f} min | {memory:.1f} | {threads} | {descriptors} |"
    warm = [sample for sample in measured.samples if sample.heard_seconds >= WARM_UP_SHARE * seconds]
    memories = [sample.resident_mib for sample in warm]
    yield (
        f"\nAfter warm-up (the first twelfth) memory lies between {min(memories):.1f} and {max(memories):.1f} MiB; "
        f"from the first to the last minute it changed by {memories[-1] - memories[0]:+.1f} MiB."
    )
    first, last = (p95(measured, seconds * start, seconds * end) for start, end in ((0, 0.25), (0.75, 1)))
    since = "when its end was recognised" if speed is None else "the last word"
    yield f"From {since} to its text in the file, p95: {first:.3f} s in the first quarter, {last:.3f} s in the last."


def p95(measured: Measured, start: float, end: float) -> float:
    values = sorted(latency for moment, latency in measured.latencies if start <= moment < end)
    return values[len(values) * 95 // 100]


def speed_of(text: str) -> float | None:
    return None if text == "max" else float(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=4.0, help="of sound")
    parser.add_argument("--speed", type=speed_of, default=1.0, help="times real time, or max")
    parser.add_argument("--output", type=Path, help="add the figures to this file")
    arguments = parser.parse_args()
    measured = in_a_terminal(lambda folder: hold(arguments.hours * 3600, arguments.speed, folder))
    lines = "\n".join(report(measured, arguments.speed))
    print(lines)
    if arguments.output:
        with arguments.output.open("a") as file:
            file.write(lines + "\n")


if __name__ == "__main__":
    main()
