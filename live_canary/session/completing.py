"""A transcript file gets exactly the lines of a session that it lacks, however the session was cut off.

What another session or program has put in its place meanwhile is left alone: the lines go beside it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from live_canary import files
from live_canary.errors import OutputError
from live_canary.printable import one_line
from live_canary.session.comparing import Comparison, digest_of
from live_canary.session.journal import JournalFile
from live_canary.session.record import OutputRecord, SessionRecord
from live_canary.transcript.amending import left_alone, newline_of
from live_canary.transcript.places import check_output, format_of, open_and_lock
from live_canary.transcript.utterance import Entry


def output_before(path: Path, *, overwrite: bool) -> OutputRecord:
    """What a session that is about to open `path` has to know to complete it later."""
    earlier = ""
    if not overwrite:
        with suppress(OSError):  # no file yet, or one that opening it will refuse
            earlier = path.read_text(encoding="utf-8", errors="replace")
    size = path.stat().st_size if earlier else 0
    return OutputRecord(path, format_of(path).next_index(earlier), bool(earlier), 0, size, size)


def complete_files(
    record: SessionRecord,
    entries: Sequence[Entry],
    journal: JournalFile,
    tell: Callable[[str], None] = lambda text: None,
) -> Iterator[tuple[Path, int]]:
    """Complete each file of the session, and say how many lines it got; one that is complete is not touched again.

    One that lacks what the model has just failed on is not complete yet. tell: is told what the user has to know.
    Raises what `complete_file` raises.
    """
    if journal.failures:
        journal.released(entries[len(record.entries) :])
    for number, known in enumerate(record.outputs):
        if known.is_complete:
            yield known.path, 0
            continue
        comparison = _moved_aside(Comparison(known, entries, record.started, record.with_source, record.amended))
        place = comparison.output.path
        if place != known.path:
            tell(f"'{one_line(str(known.path))}' holds another transcript now, and is left as it is.")
        added = complete_file(comparison, partial(journal.completing, number, len(entries)), tell)
        if not journal.failures:
            journal.completed(number)
        yield place, added


def _moved_aside(comparison: Comparison) -> Comparison:
    """With a file beside it, named after the session, where the file itself is another transcript's now."""
    output = comparison.output
    try:
        contents = output.path.read_bytes()
    except OSError:  # it is gone, or completing it will say what is wrong
        return comparison
    if not comparison.is_of_others(contents.replace(newline_of(contents), b"\n")):
        return comparison
    beside = files.beside(output.path, f".{comparison.started:%Y-%m-%d-%H%M%S}{output.path.suffix}")
    new = replace(output, path=beside, first_index=0, continued=False, entries=0, size=0, begins=0)
    return replace(comparison, output=new)


def complete_file(
    comparison: Comparison,
    announce: Callable[[str], None] = lambda digest: None,
    tell: Callable[[str], None] = lambda text: None,
) -> int:
    """Give the file what it lacks of the session's entries, and correct them; how many lines were added.

    What another session wrote behind them stays there. A file that is gone is made again, with all of them.
    announce: is told the `digest_of` what the file will hold, before it is written; tell: of corrections that found no
    place in it.
    Raises OutputError when it cannot be written, or when a running session writes it.
    """
    output = comparison.output
    check_output(output.path, overwrite=True)
    try:
        descriptor = _hold(output.path)
        try:
            contents = output.path.read_bytes()
            digest = digest_of(contents)
            if digest == output.becoming and output.becoming_entries >= len(comparison.entries):
                return 0
            newline = newline_of(contents)  # the same file with other ends of its lines is nobody else's text
            done = comparison.completed(contents.replace(newline, b"\n"))
            whole = done.contents.replace(b"\n", newline)
            if whole != contents:
                announce(digest_of(whole))
                if done.kept is not None and newline == b"\n":
                    os.ftruncate(descriptor, done.kept)
                    files.append(descriptor, whole[done.kept :])
                else:
                    if not files.OPEN_FILES_MAY_GO:
                        os.close(descriptor)
                        descriptor = -1
                    files.replace(output.path.resolve(), whole)
            if done.uncorrected:
                tell(left_alone(output.path))
            return done.added
        finally:
            if descriptor >= 0:
                os.close(descriptor)
    except OSError as error:
        raise OutputError(
            f"'{one_line(str(output.path))}' cannot be completed: {error.strerror}; run recover again when it can."
        ) from None


def _hold(path: Path) -> int:
    """A descriptor of the file, made if it is gone, that no session can write to meanwhile. Raises OSError."""
    while True:
        try:
            descriptor = open_and_lock(path)
        except BlockingIOError:
            raise OutputError(
                f"'{one_line(str(path))}' is being written by a running session; run recover again when that has ended."
            ) from None
        try:
            if files.is_in_place(descriptor, path):
                return descriptor
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)  # a session that was about to end has put another file in its place
