"""Puts what was corrected in the place of what was written, in a file that may have been edited by others meanwhile."""

import re
from collections.abc import Sequence
from pathlib import Path

from live_canary import files
from live_canary.printable import one_line

_TIMED = re.compile(rb"(\*\*|\d+\n)?\d\d:\d\d:\d\d[^*\n]*")
"""What begins an utterance in .md, .srt and .vtt."""


def put_in_order(path: Path, written: Sequence[str], final: Sequence[str], head: str = "", header: str = "") -> int:
    """Replace, in the file, each of `written` by its counterpart in `final`; all at once, or not at all.

    Pieces stand in the order in which they were written, the first of them with `head`, which separates them from what
    stands before; without one, only `header` may stand there. One that another program has changed since stays as it
    is; returns how many of those should have become another text. What is in order already is not touched. Raises
    OSError and then leaves the file as it was.
    """
    place = path.resolve()
    contents = place.read_bytes()
    newline = newline_of(contents)
    before, after = ([piece.encode() for piece in pieces] for pieces in (written, final))
    changed, missed = replaced(contents.replace(newline, b"\n"), before, after, head.encode(), header.encode())
    changed = changed.replace(b"\n", newline)
    if changed != contents:
        files.replace(place, changed)
    return missed


def left_alone(path: Path) -> str:
    """For people: what was corrected found no place in the file."""
    return f"'{one_line(str(path))}' was changed by another program; what was corrected there was left as it is."


def newline_of(contents: bytes) -> bytes:
    """CRLF where an editor has put that at the end of every line, else LF."""
    return b"\r\n" if 0 < contents.count(b"\n") == contents.count(b"\r\n") else b"\n"


def replaced(
    contents: bytes, written: Sequence[bytes], final: Sequence[bytes], head: bytes = b"", header: bytes = b""
) -> tuple[bytes, int]:
    """`contents` with `final` instead of `written`; and how many of `final` found no place.

    head, header: as `put_in_order`.
    """
    before, after = b"".join(written), b"".join(final)
    at = _line_start(contents, before)
    if at >= 0:
        return contents[:at] + after + contents[at + len(before) :], 0
    begin = contents.rfind(head) if head else len(header) * contents.startswith(header)
    changed, missed = _replaced_one_by_one(contents, written, final, begin)
    at = _line_start(contents, after)
    if changed == contents and after and at >= 0:
        others = contents[max(begin, 0) : at] + contents[at + len(after) :]
        gone = (piece for piece, other in zip(written, final, strict=True) if piece != other)
        return contents, missed if any(_line_start(others, piece) >= 0 for piece in gone) else 0
    return changed, missed


def _replaced_one_by_one(
    contents: bytes, written: Sequence[bytes], final: Sequence[bytes], begin: int
) -> tuple[bytes, int]:
    """A piece is believed to be ours where it follows the one before it, or is followed by the next, or has a time that
    no other line has.

    begin: before it stands nothing of ours; -1 if that is not known.
    """
    position = max(begin, 0)
    made, missed = contents[:position], 0
    for piece, other, following in zip(written, final, [*written[1:], b""], strict=True):
        at = position if contents.startswith(piece, position) else -1
        if at < 0 and (following or begin >= 0):
            at = _next_line(contents, piece + following, position)
        time = _TIMED.match(piece) if at < 0 <= begin else None
        if time and contents.count(b"\n" + time.group(), begin) == 1:
            at = _next_line(contents, piece, position)
        if at < 0:
            missed += piece != other
            continue
        made += contents[position:at] + other
        position = at + len(piece)
    return made + contents[position:], missed


def _next_line(contents: bytes, pieces: bytes, position: int) -> int:
    """Where `pieces` stand first behind the line that begins at `position`, from the beginning of a line on."""
    return contents.find(b"\n" + pieces, position) + 1 or -1


def _line_start(contents: bytes, pieces: bytes) -> int:
    """Where `pieces` stand last in `contents`, from the beginning of a line on; -1 if nowhere."""
    at = contents.rfind(pieces)
    return at if at <= 0 or contents[at - 1 : at] == b"\n" else -1
