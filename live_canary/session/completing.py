"""A transcript file gets exactly the lines of a session that it lacks, however the session was cut off.

What a file holds of the session is compared with every form that the session or an earlier recovery may have left: with
none of the corrections, with some, with all. Only a file that somebody else has changed is completed by what the
journal says of it.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from live_canary import files
from live_canary.errors import OutputError
from live_canary.session.journal import Entry, JournalFile
from live_canary.session.record import OutputRecord, SessionRecord
from live_canary.transcript.amending import newline_of, replace_file, replaced
from live_canary.transcript.formats import one_line, pieces
from live_canary.transcript.utterance import Utterance
from live_canary.transcript.writer import check_output, format_of

Amended = Sequence[tuple[int, str | None]]
"""Each text that an utterance was given, by its index, in the order in which it was; None where it was deleted."""


def output_before(path: Path, *, overwrite: bool) -> OutputRecord:
    """What a session that is about to open `path` has to know to complete it later."""
    earlier = ""
    if not overwrite:
        with suppress(OSError):  # no file yet, or one that opening it will refuse
            earlier = path.read_text(encoding="utf-8", errors="replace")
    size = path.stat().st_size if earlier else 0
    return OutputRecord(path, format_of(path).next_index(earlier), bool(earlier), 0, size, size)


def complete_files(record: SessionRecord, entries: Sequence[Entry], journal: JournalFile) -> Iterator[tuple[Path, int]]:
    """Complete each file of the session, and tell how many lines it got; one that is complete is not touched again.

    One that lacks what the model has just failed on is not complete yet.
    Raises what `complete_file` raises.
    """
    for number, output in enumerate(record.outputs):
        added = 0
        if not output.is_complete:
            added = complete_file(
                output,
                entries,
                record.started,
                with_source=record.with_source,
                amended=record.amended,
                announce=partial(journal.completing, number),
            )
            if not journal.failures:
                journal.completed(number)
        yield output.path, added


def complete_file(
    output: OutputRecord,
    entries: Sequence[Entry],
    started: datetime,
    *,
    with_source: bool,
    amended: Amended = (),
    announce: Callable[[str], None] = lambda digest: None,
) -> int:
    """Give the file what it lacks of the session's entries, and correct them; how many lines were added.

    What another session wrote behind them stays there. A file that is gone is made again, with all of them.
    announce: is told the `digest_of` what the file will hold, before it is written.
    Raises OutputError when it cannot be written, or when a running session writes it.
    """
    check_output(output.path, overwrite=True)
    try:
        descriptor = _hold(output.path)
        try:
            contents = output.path.read_bytes()
            digest = digest_of(contents)
            if digest == output.becoming:
                return 0
            newline = newline_of(contents)  # the same file with other ends of its lines is nobody else's text
            done = _Completing(output, entries, started, with_source, amended).done(contents.replace(newline, b"\n"))
            whole = done.contents.replace(b"\n", newline)
            if whole != contents:
                announce(digest_of(whole))
                if done.kept is not None and newline == b"\n":
                    _write_from(descriptor, done.kept, whole[done.kept :])
                else:
                    if not files.OPEN_FILES_MAY_GO:
                        os.close(descriptor)
                        descriptor = -1
                    replace_file(output.path.resolve(), whole)
            return done.added
        finally:
            if descriptor >= 0:
                os.close(descriptor)
    except OSError as error:
        raise OutputError(
            f"'{one_line(str(output.path))}' cannot be completed: {error.strerror}; run recover again when it can."
        ) from None


def digest_of(contents: bytes) -> str:
    return sha256(contents).hexdigest()


@dataclass(frozen=True, slots=True)
class _Done:
    contents: bytes
    added: int
    kept: int | None
    """So many bytes stay, and what follows may be written in its place, as a part of it would be known again; None
    where all has to become so at once."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The session's lines in a file, as far as they stand there."""

    lines: list[bytes]
    there: int
    end: int
    rest: bytes
    """What follows, but for a line that was cut off."""


@dataclass(frozen=True, slots=True)
class _Completing:
    output: OutputRecord
    entries: Sequence[Entry]
    started: datetime
    with_source: bool
    amended: Amended

    def done(self, contents: bytes) -> _Done:
        """What becomes of a file that holds `contents`."""
        begin = min(self.output.begins, len(contents))
        found = self._found(contents, begin) if contents else _Found([], 0, 0, b"")
        final = self._lines(self.amended)
        if found is None:
            there, whole = self._corrected(contents, final)
        else:
            there, whole = found.there, contents[: found.end] + found.rest
            if found.lines[:there] != final[:there]:
                written = b"".join(final[:there])
                whole = contents[:begin] + _break_before(contents[:begin], written) + written + found.rest
        first_index = self._first_index(whole, there)
        missing = b"".join(self._lines(self.amended, first_index)[there:])
        whole += _break_before(whole, missing) + missing
        amendments = self._missing_amendments(whole, there, first_index)
        whole += _break_before(whole, amendments) + amendments
        kept = None
        is_made_again = not contents and self.output.entries  # a part of it would not be known
        if found and not found.rest and not is_made_again and whole.startswith(contents[: found.end]):
            kept = found.end
        return _Done(whole, len(self.entries) - there, kept)

    def _found(self, contents: bytes, begin: int) -> _Found | None:
        """The lines in that of their forms which the file has most of; None if it lacks any that were saved."""
        best: _Found | None = None
        for lines in self._forms():
            found = self._compared(contents, begin, lines)
            if found.there >= min(self.output.entries, len(lines)):
                if not found.rest:
                    return found
                if self.output.entries and found.end == begin:
                    continue  # lines that were all deleted stand everywhere
                best = found if best is None or found.end > best.end else best
        return best

    def _forms(self) -> Iterator[list[bytes]]:
        """As they are to be, as they were heard, and as they were after each of the corrections."""
        yield self._lines(self.amended)
        if self.amended and not self._keeps_amendments:
            for count in (0, *range(len(self.amended) - 1, 0, -1)):
                yield self._lines(self.amended[:count])

    def _compared(self, contents: bytes, position: int, lines: list[bytes]) -> _Found:
        """How much of the lines stands from `position` on, amendments between them."""
        amendments, there, end = self._amendment_lines(), 0, position
        for line in lines:
            end = _behind(amendments, contents, end)
            expected = _break_before(contents[:end], line) + line if end == position else line
            if not contents.startswith(expected, end):
                break
            there, end = there + 1, end + len(expected)
        end = _behind(amendments, contents, end)
        rest = contents[end:]
        is_torn = any((_break_before(contents[:end], line) + line).startswith(rest)
                      for line in (*lines[there : there + 1], *amendments))  # fmt: skip
        return _Found(lines, there, end, b"" if is_torn else rest)

    def _corrected(self, contents: bytes, final: list[bytes]) -> tuple[int, bytes]:
        """How many lines a file has that was changed by others, and what it holds with those corrected that are found.

        The journal says up to where it was known to be written; what follows there is compared with the lines to come.
        """
        lines = self._lines(())
        saved = min(self.output.entries, len(lines))
        found = self._compared(contents, min(self.output.size, len(contents)), lines[saved:])
        there = saved + found.there
        seam = self._head if self.output.continued else ""
        return there, replaced(contents[: found.end] + found.rest, lines[:there], final[:there], seam.encode())[0]

    @property
    def _head(self) -> str:
        """What begins the file, or the session in it."""
        known = format_of(self.output.path)
        return known.seam(self.started) if self.output.continued else known.header(self.started)

    def _lines(self, amended: Amended, first_index: int | None = None) -> list[bytes]:
        """Each entry as a file holds it after these corrections, the first with what begins the file or the session."""
        if not self.entries:
            return []
        first, *others = pieces(
            format_of(self.output.path),
            self.entries,
            with_source=self.with_source,
            first_index=self.output.first_index if first_index is None else first_index,
            amendments={} if self._keeps_amendments else dict(amended),
        )
        return [text.encode() for text in (self._head + first, *others)]

    @property
    def _keeps_amendments(self) -> bool:
        """Whether the file holds each text that was given, instead of the last."""
        return bool(format_of(self.output.path).amendment(0, None))

    def _amendment_lines(self) -> set[bytes]:
        known = format_of(self.output.path)
        lines = (known.amendment(self.output.first_index + index, text) for index, text in self.amended)
        return {line.encode() for line in lines if line}

    def _missing_amendments(self, contents: bytes, there: int, first_index: int) -> bytes:
        known, missing = format_of(self.output.path), self._first_missing(there)
        lines = [
            known.amendment(index + (self.output.first_index if index < missing else first_index), text).encode()
            for index, text in dict(self.amended).items()
        ]
        return b"".join(line for line in lines if line and not _is_last_word(contents, line))

    def _first_index(self, contents: bytes, there: int) -> int:
        """What the file adds to the index of the lines that it lacks: another session may have counted on meanwhile."""
        next_index = format_of(self.output.path).next_index(contents.decode("utf-8", "replace"))
        return max(self.output.first_index, next_index - self._first_missing(there))

    def _first_missing(self, there: int) -> int:
        return sum(isinstance(entry, Utterance) for entry in self.entries[:there])


def _is_last_word(contents: bytes, amendment: bytes) -> bool:
    """Whether the file holds this amendment, and no later one of the same utterance."""
    subject = amendment[: amendment.index(b'"text"')]
    return contents.rfind(subject) == contents.rfind(amendment) >= 0


def _behind(lines: set[bytes], contents: bytes, position: int) -> int:
    """The position after those of the lines that stand there."""
    while lines and contents[position : contents.find(b"\n", position) + 1] in lines:
        position = contents.find(b"\n", position) + 1
    return position


def _break_before(before: bytes, line: bytes) -> bytes:
    """What a line needs in front of it to stand on a line of its own."""
    return b"\n" if line and before and not before.endswith(b"\n") else b""


def _hold(path: Path) -> int:
    """A descriptor of the file, made if it is gone, that no session can write to meanwhile. Raises OSError."""
    while True:
        descriptor = files.open_file(path, os.O_RDWR | os.O_CREAT, private=False)
        try:
            _lock(descriptor, path)
            if files.is_in_place(descriptor, path):
                return descriptor
        except (OSError, OutputError):
            os.close(descriptor)
            raise
        os.close(descriptor)  # a session that was about to end has put another file in its place


def _write_from(descriptor: int, position: int, data: bytes) -> None:
    """Put `data` on the disk after the first `position` bytes of the file, all of it or nothing."""
    os.ftruncate(descriptor, position)
    try:
        os.lseek(descriptor, position, os.SEEK_SET)
        while data:
            data = data[os.write(descriptor, data) :]
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, position)
        raise


def _lock(descriptor: int, path: Path) -> None:
    try:
        files.lock(descriptor)
    except BlockingIOError:
        raise OutputError(
            f"'{one_line(str(path))}' is being written by a running session; run recover again when that has ended."
        ) from None
    except OSError:  # a network file system without locks
        return
