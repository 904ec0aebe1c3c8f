"""`live-canary transcribe`: recordings to transcript files, as fast as the machine can."""

import queue
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

from live_canary import files
from live_canary.commands.jobs import Job, Output, plan
from live_canary.commands.model_choice import choose_model, load_with, terminal_question
from live_canary.commands.voices import played
from live_canary.console import WIDEST_TABLE
from live_canary.errors import InputError, OutputError
from live_canary.events import Event, ModelWarned, SessionEnded, SourceWarned, StageFailed, UtteranceFinal
from live_canary.printable import one_line
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.vad import load_detector
from live_canary.session.session import ABORT_SECONDS, Session
from live_canary.settings import Settings
from live_canary.signals import DEAF_SECONDS, ending_at_once
from live_canary.transcript.hypothesis import Transcriber
from live_canary.transcript.lines import echo_notice
from live_canary.transcript.places import check_outputs, not_writable
from live_canary.transcript.writer import TranscriptFile


def run(
    settings: Settings,
    output_folder: Path | None,
    *extensions: str,
    channels: Sequence[str] = (),
    together: bool = False,
) -> int:
    """Transcribe `settings.recordings`, each into a file of its own for each extension; the exit code.

    A transcript that exists is left alone, unless `settings.overwrite`; a new one appears when it is whole. A recording
    that cannot be read, and a transcript whose name would be too long, is left out, which is a failure.
    output_folder: None for the folder of each recording; channels, together: see `plan`. Raises InputError if all are
    left out, and for whatever else can be seen to be wrong first, also with the model; no file has been touched then.
    """
    settings.check()
    width = None if sys.stderr.isatty() else WIDEST_TABLE  # else it would break lines, and names in them, in a pipe
    console = Console(stderr=True, width=width, markup=False, highlight=False)
    planned, left_out = plan(settings.recordings, output_folder, *extensions, channels=channels, together=together)
    if not planned and len(left_out) == 1:
        raise left_out[0]
    for refusal in left_out:
        console.print(one_line(str(refusal)))
    if not planned:
        raise InputError("None of these recordings can be transcribed.")
    jobs = planned if settings.overwrite else _missing(planned, console)
    if not jobs:
        return 1 if left_out else 0
    # the files of the demonstration would stay
    choice = choose_model(settings.model, demo_will_do=False, ask=terminal_question(), plain=settings.plain)
    if output_folder is not None:
        _make_folder(output_folder)
    outputs = [output for job in jobs for output in job.outputs]
    check_outputs(tuple(path for one in outputs for path in (one.transcript, one.unfinished)), overwrite=True)
    if choice.notice:
        console.print(choice.notice)
    load = load_with(choice, settings)
    with ending_at_once():  # an interrupt inside of torch's C++ would abort the process, or be lost
        transcriber = load(lambda text: console.print(one_line(text)))  # before any file is touched
    failures = len(left_out)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=settings.plain) as progress:
        for job in jobs:
            failures += not _transcribe(job, settings, transcriber, progress)
    return 1 if failures else 0


def _missing(jobs: Sequence[Job], console: Console) -> list[Job]:
    """What is left of them without the transcripts that exist, each of which is told."""
    left = []
    for job in jobs:
        there = [one for one in job.outputs if files.is_there(one.transcript)]
        for output in there:
            console.print(f"{output} exists already and is left alone; --overwrite replaces it.")
        if outputs := tuple(one for one in job.outputs if one not in there):
            left.append(replace(job, outputs=outputs))
    return left


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"The folder '{folder}' cannot be made: {error.strerror}; choose another.") from None


def _transcribe(job: Job, settings: Settings, transcriber: Transcriber, progress: Progress) -> bool:
    """Whether all of it went well."""
    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    growing = _opened(job)
    echo_of = played(job.voices)
    session = Session(
        [voice.source() for voice in job.voices],
        lambda: Segmenter(load_detector(settings.vad), settings.segmenter),
        lambda tell: transcriber,
        growing,
        echo_of=echo_of,
        crosstalk=job.names_speakers and echo_of is None,
    )
    session.start(events.put)
    try:
        course = _follow(events, progress, progress.add_task(one_line(job.name), total=job.seconds))
        session.wait()
        for source, lines in session.echoes.items():
            progress.console.print(echo_notice(source, lines))
    except KeyboardInterrupt:
        session.abort()
        session.wait(ABORT_SECONDS)
        for output in job.outputs:
            with suppress(OSError):  # on Windows, while a model at work keeps it open; the next attempt takes its place
                output.unfinished.unlink(missing_ok=True)
            progress.console.print(f"Stopped; {output} was not written.")
        raise
    if course.cut_off and not course.utterances:
        for output in job.outputs:
            output.unfinished.unlink(missing_ok=True)
            progress.console.print(f"{output} was not written.")
        return False
    ends = [
        _end(job, course, output, file, progress, overwrite=settings.overwrite)
        for output, file in zip(job.outputs, growing, strict=True)
    ]
    return all(ends)


def _opened(job: Job) -> list[TranscriptFile]:
    """Where each of them grows. Raises OutputError, and has none begun then."""
    opened: list[TranscriptFile] = []
    try:
        for output in job.outputs:
            _remove_link(output.unfinished)
            opened.append(
                TranscriptFile(output.unfinished, overwrite=True, with_source=job.names_speakers, recording=job.name)
            )
            if files.is_there(output.place):
                with suppress(OSError):  # not every file system knows permissions
                    shutil.copymode(output.place, output.unfinished)
    except OutputError:
        for file in opened:
            file.close()
            file.path.unlink(missing_ok=True)
        raise
    return opened


def _remove_link(unfinished: Path) -> None:
    """Of that name none was made here, and what it leads to would be replaced. Raises OutputError."""
    try:
        if files.is_link(unfinished):
            unfinished.unlink()
    except OSError as error:
        raise not_writable(unfinished, error) from None


def _end(
    job: Job, course: "_Course", output: Output, file: TranscriptFile, progress: Progress, *, overwrite: bool
) -> bool:
    """Put a transcript in its place if it is whole, and say where it is; whether all of it went well."""
    written, went_well = output.unfinished, not course.troubles
    is_whole = not (course.cut_off or file.unsaved)
    try:
        is_new = files.is_gone(output.place)
    except OSError:  # of a disk that fails nothing is known
        is_new = False
    if not (overwrite or is_new):
        went_well = False
        progress.console.print(f"{output} was written by another program meanwhile and is left alone.")
    elif is_whole and (went_well or is_new):  # what was there may be better
        try:
            files.take_place(output.unfinished, output.place)
            written = output.transcript
        except OSError as error:  # on Windows, while another program has it open
            went_well = False
            progress.console.print(f"{output} cannot be replaced: {error.strerror}.")
    said = f"{job} -> {one_line(str(written))}"
    if went_well and not course.utterances:
        said += "; no words were heard in it"
    if file.unsaved:
        lines = "1 line" if file.unsaved == 1 else f"{file.unsaved} lines"
        said += f", without {lines}: see above, fix that, and run it again"
    elif not went_well:
        said += ", but see above"
    progress.console.print(said)
    return went_well


@dataclass(slots=True)
class _Course:
    """What became of a session."""

    utterances: int = 0
    troubles: int = 0
    """Each has been told."""
    cut_off: bool = False
    """One of them ended it before the recording did."""


def _follow(events: "queue.SimpleQueue[Event]", progress: Progress, task: TaskID) -> _Course:
    """Until the session has ended; in the main thread."""
    course = _Course()
    told: set[str] = set()  # of a recording that several hear, one channel each, the same is wrong for each
    while True:
        try:
            event = events.get(timeout=DEAF_SECONDS)
        except queue.Empty:
            continue
        match event:
            case UtteranceFinal(utterance):
                course.utterances += 1
                progress.update(task, completed=utterance.end_seconds)
            case ModelWarned(message):
                progress.console.print(one_line(message))
            case StageFailed(_, message, _) | SourceWarned(_, message):
                course.troubles += 1
                course.cut_off |= isinstance(event, StageFailed) and event.fatal
                if isinstance(event, StageFailed) or message not in told:
                    progress.console.print(one_line(message))
                told.add(message)
            case SessionEnded():
                progress.update(task, completed=progress.tasks[task].total)
                return course
