"""What still stands in a file that another program has saved: an editor may have read it long before."""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from difflib import SequenceMatcher

MAX_COMPARISONS = 200_000  # a second or two; what takes more is no edited end of a transcript
ALIKE = 0.6
LAST_LINES = 300  # of a file, which are compared whatever stands before them


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
    """Behind which line of each both go on differently; 0 and 0 if they have none in common.

    Nearly every line is there once and shows by itself where it stands, so that only what may be the end is compared
    with each other: all of a day's transcript where a name was replaced everywhere would take minutes.
    """
    begun = 0
    while begun < min(len(ours), len(theirs)) and ours[begun] == theirs[begun]:
        begun += 1
    earlier = theirs[begun : max(begun, len(theirs) - LAST_LINES)]
    end, their_end = (begun + behind for behind in _last_unmistakable(ours[begun:], earlier))
    ours, theirs, last, their_last = ours[end:], theirs[their_end:], 0, 0
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    while (common := matcher.find_longest_match(last, len(ours), their_last, len(theirs))).size:
        last, their_last = common.a + common.size, common.b + common.size
    return end + last, their_end + their_last


def _last_unmistakable(ours: list[str], theirs: list[str]) -> tuple[int, int]:
    """Behind the last of those lines that each has once, of the most of them that are in the same order in both."""
    counts, their_counts = Counter(ours), Counter(theirs)
    places = {line: place for place, line in enumerate(ours) if their_counts[line] == counts[line] == 1}
    ends: list[tuple[int, int]] = []
    """Of rows of one line, of two and so on, the one that ends first in ours: where, and where in theirs."""
    for their_place, line in enumerate(theirs):
        if (place := places.get(line)) is not None:
            length = bisect_left(ends, (place, 0))
            ends[length : length + 1] = [(place, their_place)]
    return (ends[-1][0] + 1, ends[-1][1] + 1) if ends else (0, 0)


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
