"""`live-canary notes`: the notes of a transcript, or what it says about a question, written by the model's own LLM.

A transcript that is longer than a small LLM reads well is read in parts, each of which gets notes of its own.
"""

import codecs
import os
import queue
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from live_canary import files
from live_canary.commands.model_choice import (
    GET_THE_REAL_ONE,
    ModelChoice,
    choose_model,
    leave_deleted_folder,
    terminal_question,
)
from live_canary.console import NoRoomError, discard, note
from live_canary.errors import InputError, LiveCanaryError, ModelMissing, OutputError
from live_canary.model import hub
from live_canary.printable import clock, one_line
from live_canary.settings import COMPUTE, Settings
from live_canary.signals import DEAF_SECONDS, ending_at_once
from live_canary.transcript.loops import lines_until_loop
from live_canary.transcript.places import check_outputs, named, write_whole
from live_canary.transcript.reading import Spoken, in_parts, read_transcript

if TYPE_CHECKING:
    from live_canary.model.plain_qwen import PlainQwen

PART_TOKENS = 5000  # of a transcript at once: some 25 minutes of talk
ANSWER_TOKENS = 700
EXTENSIONS = (".md", ".txt")  # of what the notes may be written to
STDIN = Path("-")

Read = Callable[[int, int], None]
"""Told how many tokens of a message have been read, and how many it has."""

WRITE_NOTES = (
    "Below is a transcript, written by speech recognition, which mishears some words. Write short notes of it in "
    "Markdown: first a summary in two or three sentences, then a list of the main points, then, if there are any, a "
    "list of what was decided and one of who is to do what. Write only what the transcript says.\n\n"
    "Transcript:\n{transcript}"
)
ANSWER_QUESTION = (
    "Below is a transcript, written by speech recognition, which mishears some words. Use only what it says to answer "
    "this question: {question}\nIf the transcript does not say, say so.\n\n"
    "Transcript:\n{transcript}\n\nQuestion: {question}"
)


def run(path: Path, settings: Settings, *, question: str | None = None) -> int:
    """Print the notes of a transcript, or the answer to a question about it; the exit code.

    path: `STDIN` for what comes from there. `settings.outputs` get them too, when they are whole. Raises InputError for
    what can be seen to be wrong first, and ModelMissing without the real model.
    """
    settings.check()
    if question is not None and not question.strip():
        raise InputError('--ask needs a question: --ask "What was decided?"')
    spoken = _read(path)
    _check_new(settings.outputs, path, overwrite=settings.overwrite)
    choice = _choose(settings)
    with ending_at_once():  # an interrupt inside of torch's C++ would abort the process, or be lost
        qwen = _load(choice, settings)
    parts = in_parts(spoken, qwen.tokens, PART_TOKENS)
    stdout = _Stdout(is_all=not settings.outputs)
    written = []
    try:
        for number, part in enumerate(parts):
            if number:
                stdout.print("")
            answer = partial(qwen.answer, _message(part, question), ANSWER_TOKENS)
            heading = _heading(part, number, len(parts)) if len(parts) > 1 else None
            written.append(_printed(answer, heading, stdout, plain=settings.plain))
    except BaseException:
        for output in settings.outputs:
            note(f"{named(output)} was not written.")
        raise
    are_written = [
        _is_written(output, "\n".join(written), path, overwrite=settings.overwrite) for output in settings.outputs
    ]
    return 0 if all(are_written) and not stdout.has_failed else 1


def _is_written(output: Path, text: str, transcript: Path, *, overwrite: bool) -> bool:
    """Tells where the notes are, or why they are not there: meanwhile another program may have made that file."""
    try:
        _check_new([output], transcript, overwrite=overwrite)
        write_whole(output, text)
    except OutputError as error:
        note(one_line(str(error)))
        return False
    note(f"The notes are in {named(output)}.")
    return True


class _Stdout:
    """Where the notes are printed: until it takes no more, if files are to have them too."""

    def __init__(self, *, is_all: bool):
        """is_all: whether nothing else is to have them."""
        self._is_all = is_all
        self.has_failed = False

    def print(self, line: str) -> None:
        """Raises NoRoomError, and LiveCanaryError where nobody reads any more."""
        try:
            print(line, flush=True)  # noqa: T201
        except OSError as error:
            if self._is_all and isinstance(error, NoRoomError):
                raise
            discard(sys.stdout)
            reason = f"The notes cannot be printed any more ({error.strerror})"
            if self._is_all:
                raise LiveCanaryError(f"{reason}.") from None
            note(f"{reason}; they are still written.")
            self.has_failed = True


def _printed(answer: Callable[[Read], Iterator[str]], heading: str | None, stdout: _Stdout, *, plain: bool) -> str:
    """An answer, each line of which is printed as soon as it is whole; a bar shows how far the transcript is read."""
    columns = (TextColumn("Reading", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    lines = [] if heading is None else [heading, ""]
    for line in lines:
        stdout.print(line)
    with Progress(*columns, console=console, transient=True, disable=plain or not console.is_interactive) as progress:
        task = progress.add_task("")
        pieces = answer(lambda read, total: progress.update(task, completed=read, total=total))
        made = _Lines(pieces)
        try:
            for line in made:
                progress.stop()
                stdout.print(line)
                lines.append(line)
        except Exception:  # Ctrl-C waits for nothing, and ends the process itself
            made.end()
            raise
    return "\n".join(lines) + "\n"


class _Lines:
    """The lines of an answer, which another thread computes: Ctrl-C reaches the main one, and not what is in C++."""

    def __init__(self, pieces: Iterator[str]):
        self._is_ended = threading.Event()
        self._lines = lines_until_loop(takewhile(lambda piece: not self._is_ended.is_set(), pieces))
        self._made: queue.SimpleQueue[str | BaseException | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._make, name="notes", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[str]:
        while True:
            try:
                line = self._made.get(timeout=DEAF_SECONDS)
            except queue.Empty:
                continue
            if isinstance(line, BaseException):
                raise line
            if line is None:
                return
            yield line

    def end(self) -> None:
        """Wait until the token in the making is there: where Python ends in the middle of one, C++ aborts."""
        self._is_ended.set()
        self._thread.join()

    def _make(self) -> None:
        try:
            for line in self._lines:
                self._made.put(line)
            self._made.put(None)
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            self._made.put(error)


def _message(part: Sequence[Spoken], question: str | None) -> str:
    transcript = "\n".join(spoken.text for spoken in part)
    if question is None:
        return WRITE_NOTES.format(transcript=transcript)
    return ANSWER_QUESTION.format(transcript=transcript, question=one_line(question))


def _heading(part: Sequence[Spoken], number: int, parts: int) -> str:
    start = part[0].start_seconds
    return f"## Part {number + 1} of {parts}" + ("" if start is None else f", from {clock(start)}")


def _read(path: Path) -> list[Spoken]:
    """Raises InputError for what is no text, or has no words in it."""
    name = "stdin" if path == STDIN else named(path)
    try:
        contents = sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    except OSError as error:
        raise InputError(f"{name} cannot be read: {error.strerror}; give a transcript.") from None
    is_utf_16 = contents.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if b"\0" in contents and not is_utf_16:
        raise InputError(f"{name} is no text; of a recording, write one first: live-canary transcribe")
    try:
        text = contents.decode("utf-16" if is_utf_16 else "utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{name} is no text in UTF-8; save it so in an editor.") from None
    spoken = read_transcript(text, path.suffix)
    if not any(character.isalnum() for one in spoken for character in one.text):
        raise InputError(f"{name} has no words in it; give a transcript.")
    return spoken


def _check_new(outputs: Sequence[Path], transcript: Path, *, overwrite: bool) -> None:
    """Raises OutputError where the notes could not be written, or would replace what they must not."""
    for output in outputs:
        if output.suffix.lower() not in EXTENSIONS:
            raise OutputError(f"{named(output)} must end in {' or '.join(EXTENSIONS)}.")
    check_outputs(outputs, overwrite=True)
    for output in outputs:
        with suppress(OSError):
            if os.path.samestat(output.stat(), _stat_of(transcript)):
                raise OutputError(f"{named(output)} is the transcript itself; give another name.")
        if files.is_there(output) and not overwrite:
            raise OutputError(f"{named(output)} exists; give another name, or --overwrite.")


def _stat_of(transcript: Path) -> os.stat_result:
    """Also of a file that stdin comes from. Raises OSError."""
    return os.fstat(sys.stdin.fileno()) if transcript == STDIN else transcript.stat()


def _choose(settings: Settings) -> ModelChoice:
    """Raises ModelMissing where there is only the demonstration, which was never taught language, and InputError where
    that is asked for.
    """
    if settings.model == "demo" and hub.is_complete(hub.CANARY_QWEN):
        raise InputError("Notes need the real model, the demonstration only transcribes: give --model auto.")
    choice = None
    if settings.model != "demo":
        try:
            choice = choose_model(settings.model, demo_will_do=False, ask=terminal_question(), plain=settings.plain)
        except ModelMissing:
            if settings.model != "auto":
                raise
    if choice is None or choice.demo:
        raise ModelMissing(f"Notes need the real model, the demonstration only transcribes: run {GET_THE_REAL_ONE}.")
    return choice


def _load(choice: ModelChoice, settings: Settings) -> "PlainQwen":
    note(f"Loading {one_line(choice.name)} …")
    leave_deleted_folder()
    from live_canary.model.plain_qwen import PlainQwen

    return PlainQwen.load(
        choice.folder,
        settings.compute_device,
        COMPUTE[settings.compute],
        settings.threads,
        lambda text: note(one_line(text)),
    )
