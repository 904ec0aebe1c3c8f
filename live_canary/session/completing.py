"""A transcript file gets exactly the lines of a session that it lacks, however the session was cut off."""

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from live_canary import files
from live_canary.errors import OutputError
from live_canary.session.journal import Entry
from live_canary.session.record import OutputRecord
from live_canary.transcript.amending import put_in_order
from live_canary.transcript.formats import one_line, pieces
from live_canary.transcript.writer import check_output, format_of


def output_before(path: Path, *, overwrite: bool) -> OutputRecord:
    """What a session that is about to open `path` has to know to complete it later."""
    earlier = ""
    if not overwrite:
        with suppress(OSError):  # no file yet, or one that opening it will refuse
            earlier = path.read_text(encoding="utf-8", errors="replace")
    size = path.stat().st_size if earlier else 0
    return OutputRecord(path, format_of(path).next_index(earlier), bool(earlier), 0, size)


def complete_file(
    output: OutputRecord,
    entries: Sequence[Entry],
    started: datetime,
    *,
    with_source: bool,
    amendments: Mapping[int, str | None] | None = None,
) -> int:
    """Append to the file what it lacks of the session's entries, and correct them; how many lines were appended.

    The journal says up to where the file was known to be written; what follows there is compared with the lines to
    come, and a line that was cut off is written anew. A file that is gone is made again, with all of them.
    Raises OutputError when it cannot be written, or when a running session writes it.
    """
    check_output(output.path, overwrite=True)
    lines = lines_of(output, entries, started, with_source=with_source)
    try:
        if not output.path.exists():
            output = replace(output, entries=0, size=0)
        contents = output.path.read_bytes() if output.path.exists() else b""
        there, end = _lines_there(contents, output, lines)
        if lines[there:] or end < len(contents):
            _append(output.path, end, _line_break(contents[:end]) + b"".join(lines[there:]))
        if amendments:
            _correct(output, entries, started, amendments, with_source=with_source)
    except OSError as error:
        raise OutputError(
            f"'{one_line(str(output.path))}' cannot be completed: {error.strerror}; run recover again when it can."
        ) from None
    return len(lines) - there


def _correct(
    output: OutputRecord,
    entries: Sequence[Entry],
    started: datetime,
    amendments: Mapping[int, str | None],
    *,
    with_source: bool,
) -> None:
    known = format_of(output.path)
    if not known.amendment(0, None):
        written = texts_of(output, entries, started, with_source=with_source)
        put_in_order(output.path, written, texts_of(output, entries, started, amendments, with_source=with_source))
        return
    contents = output.path.read_bytes()
    lines = [known.amendment(output.first_index + index, text).encode() for index, text in amendments.items()]
    missing = b"".join(line for line in lines if not _is_last_word(contents, line))
    if missing:
        _append(output.path, len(contents), _line_break(contents) + missing)


def _is_last_word(contents: bytes, amendment: bytes) -> bool:
    """Whether the file holds this amendment, and no later one of the same utterance."""
    subject = amendment[: amendment.index(b'"text"')]
    return contents.rfind(subject) == contents.rfind(amendment) >= 0


def lines_of(output: OutputRecord, entries: Sequence[Entry], started: datetime, *, with_source: bool) -> list[bytes]:
    """Each entry as the session would have written it; the first with what begins the file, or separates sessions."""
    return [text.encode() for text in texts_of(output, entries, started, with_source=with_source)]


def texts_of(
    output: OutputRecord,
    entries: Sequence[Entry],
    started: datetime,
    amendments: Mapping[int, str | None] | None = None,
    *,
    with_source: bool,
) -> list[str]:
    """The same as text, with what was amended since."""
    if not entries:
        return []
    known = format_of(output.path)
    head = known.seam(started) if output.continued else known.header(started)
    first, *others = pieces(
        known, entries, with_source=with_source, first_index=output.first_index, amendments=amendments
    )
    return [head + first, *others]


def _lines_there(contents: bytes, output: OutputRecord, lines: Sequence[bytes]) -> tuple[int, int]:
    """How many lines the file has, and where the last of them ends (the file's end, unless a line was cut off)."""
    there = min(output.entries, len(lines))
    end = min(output.size, len(contents))
    for line in lines[there:]:
        line = _line_break(contents[:end]) + line
        if not contents.startswith(line, end):
            is_torn = len(contents) > end and line.startswith(contents[end:])
            return there, end if is_torn else len(contents)
        there += 1
        end += len(line)
    return there, len(contents)


def _line_break(before: bytes) -> bytes:
    """What a line needs in front of it to stand on a line of its own."""
    return b"" if not before or before.endswith(b"\n") else b"\n"


def _append(path: Path, position: int, data: bytes) -> None:
    """Put `data` on the disk after the first `position` bytes of the file, all of it or nothing."""
    descriptor = files.open_file(path, os.O_RDWR | os.O_CREAT, private=False)
    try:
        _lock(descriptor, path)
        size = os.fstat(descriptor).st_size
        os.ftruncate(descriptor, position)
        try:
            os.lseek(descriptor, position, os.SEEK_SET)
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
        except OSError:
            os.ftruncate(descriptor, min(position, size))
            raise
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    try:
        files.lock(descriptor)
    except BlockingIOError:
        raise OutputError(
            f"'{one_line(str(path))}' is being written by a running session; run recover again when that has ended."
        ) from None
    except OSError:  # a network file system without locks
        return
