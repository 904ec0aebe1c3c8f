"""What still stands in a file that another program has saved: an editor may have read it long before."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher

MAX_COMPARISONS = 200_000  # a second or two; what takes more is no edited end of a transcript
ALIKE = 0.6


def first_missing(written: Sequence[str], contents: str) -> int | None:
    """Which of the pieces that were `written`, one behind the other, is the first that was lost with all behind it.

    `len(written)` if the last one stands there; None if nothing stands there that was written, so that nobody can tell.
    A piece stands there also if others have edited it, and one before that which does not was deleted by them. Whatever
    the edit, lines that end with an earlier piece were read before the later ones were written.
    """
    ours = [(line, number) for number, piece in enumerate(written) for line in _lines(piece)]
    lines, theirs = [line for line, _ in ours], _lines(contents)
    end, their_end = _last_common(lines, theirs)
    edited = _edited(lines[end:], theirs[their_end:])
    if edited is None or (ours and not end + edited):
        return None
    end += edited
    last = ours[end - 1][1] if end else -1
    return last + 1 if end < len(ours) else len(written)


def _lines(text: str) -> list[str]:
    """Without the empty ones, and without spaces around them, with which editors do as they like."""
    return [line.strip() for line in text.split("\n") if line.strip()]


def _last_common(ours: list[str], theirs: list[str]) -> tuple[int, int]:
    """Behind which line of each both go on differently; 0 and 0 if they have none in common."""
    begun = 0
    while begun < min(len(ours), len(theirs)) and ours[begun] == theirs[begun]:
        begun += 1
    *common, _ = SequenceMatcher(None, ours[begun:], theirs[begun:], autojunk=False).get_matching_blocks()
    return (
        (begun + common[-1].a + common[-1].size, begun + common[-1].b + common[-1].size) if common else (begun, begun)
    )


def _edited(ours: list[str], theirs: list[str]) -> int | None:
    """How many of our last lines there are up to the last that stands in theirs edited; None if that takes too long.

    Whoever edits a line leaves those before it, so that it stands no earlier than ours did; a remark is like no line.
    """
    if len(ours) * len(theirs) > MAX_COMPARISONS:
        return None
    edited = 0
    for place, line in enumerate(theirs):
        edited = next((at + 1 for at in range(edited, min(place + 1, len(ours))) if _alike(ours[at], line)), edited)
    return edited


def _alike(ours: str, theirs: str) -> bool:
    """Whether one may have been made of the other: by their words, for two times are always alike."""
    before, after = (re.findall(r"[^\W\d_]+", line.casefold()) for line in (ours, theirs))
    kept = sum(word in after for word in before)
    if 2 * kept > len(before):
        return True
    return bool(before) and SequenceMatcher(None, " ".join(before), " ".join(after)).ratio() >= ALIKE
