"""`live-canary bench live`: a recording at the pace of speech, and how soon its words stood there."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import check_recording
from live_canary.commands.bench_engine import peak_rss_mb
from live_canary.commands.model_choice import choose_model, load_with
from live_canary.errors import InputError
from live_canary.events import (
    BacklogChanged,
    Event,
    ModelWarned,
    PartialChanged,
    SourceOpened,
    SourceWarned,
    StageFailed,
    UtteranceFinal,
)
from live_canary.printable import one_line
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.vad import load_detector
from live_canary.session.session import Session
from live_canary.settings import Settings
from live_canary.transcript.hypothesis import Sound, WrappedTranscriber
from live_canary.transcript.stabilizer import revised_words


@dataclass(frozen=True, slots=True)
class Spread:
    """None when there was nothing to measure: nobody spoke."""

    p50: float | None = None
    p95: float | None = None
    max: float | None = None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        if not values:
            return cls()
        return cls(*(float(np.percentile(values, percent)) for percent in (50, 95, 100)))


@dataclass(frozen=True, slots=True)
class LiveFigures:
    first_partial_s: Spread
    """From the first speech of an utterance to its first words on the screen."""
    final_after_endpoint_s: Spread
    """From the moment its end was recognised to its final text."""
    revision_rate: float
    """Share of settled words that the final changed."""
    backlog_max_s: float
    rtf: float
    """Seconds that the model worked for each second of sound, partials included."""
    peak_rss_mb: float
    wer: float | None
    """Word error rate without case and punctuation; None without a reference."""
    utterances: int
    audio_s: float


@dataclass(slots=True)
class LiveObserver:
    """Events of a replay in real time -> what they say about its speed."""

    clock: Callable[[], float] = time.monotonic
    first_partials: list[float] = field(default_factory=list)
    finals: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    settled_words: int = 0
    revised_words: int = 0
    backlog_max: float = 0.0
    troubles: list[str] = field(default_factory=list)
    _began: float = 0.0
    _settled: str = ""
    _has_partial: bool = False

    def __call__(self, event: Event) -> None:
        match event:
            case SourceOpened():
                self._began = self.clock()
            case PartialChanged(_, start_seconds, settled, tentative):
                if not self._has_partial and (settled or tentative):
                    self._has_partial = True
                    self.first_partials.append(self.clock() - self._began - start_seconds)
                self._settled = settled
                self._has_partial &= bool(settled or tentative)
            case UtteranceFinal(utterance, latency_seconds):
                self.finals.append(latency_seconds)
                self.texts.append(utterance.text)
                self._count_revisions(utterance.text)
            case BacklogChanged(seconds):
                self.backlog_max = max(self.backlog_max, seconds)
            case StageFailed(_, message, _) | SourceWarned(_, message) | ModelWarned(message):
                self.troubles.append(message)

    def _count_revisions(self, final: str) -> None:
        self.settled_words += len(self._settled.split())
        self.revised_words += revised_words(self._settled, final)
        self._settled, self._has_partial = "", False


class TimedTranscriber(WrappedTranscriber):
    """A transcriber that counts the seconds it works."""

    busy_seconds = 0.0

    @contextmanager
    def around(self, sounds: Sequence[Sound]) -> Iterator[None]:
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.busy_seconds += time.perf_counter() - begun


def run(settings: Settings, reference: Path | None, plot: Path | None, *, as_json: bool) -> int:
    """The exit code: 1 when the session had troubles, which its figures may not show.

    Raises InputError for a recording, reference or model that cannot be used.
    """
    settings.check()
    if plot and plot.suffix != ".svg":
        raise InputError(f"The histogram '{plot}' must end in .svg, which is what it will be.")
    seconds = sum(check_recording(path) for path in settings.recordings)
    expected = _read(reference) if reference else None
    word_error_rate = _word_error_rate() if reference else None
    choice = choose_model(settings.model)
    console = Console(stderr=True, markup=False)
    load = load_with(choice, settings)
    console.print(f"Loading {choice.name} …")
    transcriber = TimedTranscriber(load(lambda text: None))
    transcriber.transcribe(np.full(16_000, 0.01, np.float32))  # the first call of a process is slow
    transcriber.busy_seconds = 0.0
    observer = LiveObserver()
    session = Session(
        [RecordingSource(settings.recordings, speed=1.0)],
        lambda: Segmenter(load_detector(settings.vad), settings.segmenter),
        lambda tell: transcriber,
        partial_interval_ms=settings.partial_interval_ms,
    )
    console.print(f"Replaying {seconds:.0f} s of sound in real time …")
    session.start(observer)
    session.wait()
    figures = LiveFigures(
        first_partial_s=Spread.of(observer.first_partials),
        final_after_endpoint_s=Spread.of(observer.finals),
        revision_rate=observer.revised_words / max(1, observer.settled_words),
        backlog_max_s=observer.backlog_max,
        rtf=transcriber.busy_seconds / seconds,
        peak_rss_mb=peak_rss_mb(),
        wer=word_error_rate(expected, " ".join(observer.texts)) if expected and word_error_rate else None,
        utterances=len(observer.texts),
        audio_s=seconds,
    )
    print(json.dumps(asdict(figures))) if as_json else _print_table(figures)  # noqa: T201
    for message in observer.troubles:
        console.print(one_line(message))
    if plot:
        from live_canary.commands.histogram import write_histogram

        write_histogram(plot, {"first words": observer.first_partials, "final after the endpoint": observer.finals})
    return 1 if observer.troubles else 0


def _read(reference: Path) -> str:
    try:
        return " ".join(reference.read_text("utf-8").split())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise InputError(f"The reference '{reference}' cannot be read ({reason}); give a text file.") from None


def _word_error_rate() -> Callable[[str, str], float]:
    try:
        import jiwer
    except ImportError:
        raise InputError(
            "--reference needs the package jiwer where live-canary is installed: pip install jiwer, or, if pipx "
            "installed it, pipx inject live-canary jiwer, or uv tool install . --with jiwer."
        ) from None
    normal = jiwer.Compose(
        [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()]
    )
    return lambda expected, heard: float(
        jiwer.wer(expected, heard, reference_transform=normal, hypothesis_transform=normal)
    )


def _print_table(figures: LiveFigures) -> None:
    table = Table("", "p50", "p95", "max", box=None, padding=(0, 2, 0, 0))
    rows: dict[str, Any] = asdict(figures)
    for name, value in rows.items():
        if isinstance(value, dict):
            table.add_row(name, *("-" if number is None else f"{number:.3f}" for number in value.values()))
        elif value is not None:
            table.add_row(name, f"{value:.3f}" if isinstance(value, float) else str(value))
    Console().print(table)
