"""Breaking a text into the lines of a terminal column, where one character may take no, one or two cells."""

import re

from rich.cells import cell_len

ZERO_WIDTH_JOINER = "\u200d"
EMOJI_VARIANT = "\ufe0f"
NARROW = re.compile("[ -~\u00a0-\u024f\u0370-\u0482\u048a-\u052f\u2010-\u2027]*")
"""Latin, Greek and Cyrillic letters, each with its accent in one sign, and what stands between them: a cell each."""

Slice = tuple[int, int]
"""Where a line begins and ends in its text; the space at which it was broken belongs to neither line."""


def wrap(text: str, width: int) -> list[Slice]:
    """Lines of at most `width` cells (>= 2), broken at spaces, and within a word only if it is wider than a line.

    An empty text is one empty line. Where each character is a cell, a path is taken that is fast enough to break 10,000
    utterances anew while a window is being resized: also of somebody called José, whose every line begins so.
    """
    fits = _narrow_line_end if _is_narrow(text) else _line_end
    lines = []
    start = 0
    while True:
        end = fits(text, start, width)
        lines.append((start, end))
        if end >= len(text):
            return lines
        start = end + 1 if text[end] == " " else end


def line_count(text: str, width: int) -> int:
    """How many lines `wrap` gives; without the lines, for it is asked of every utterance when a window is resized."""
    if not _is_narrow(text):
        return len(wrap(text, width))
    count, start, rest = 1, 0, len(text)
    while rest - start > width:
        space = text.rfind(" ", start, start + width + 1)
        start = space + 1 if space > start else start + width
        count += 1
    return count


def _is_narrow(text: str) -> bool:
    return text.isascii() or NARROW.fullmatch(text) is not None


def _narrow_line_end(text: str, start: int, width: int) -> int:
    if len(text) - start <= width:
        return len(text)
    space = text.rfind(" ", start, start + width + 1)
    return space if space > start else start + width


def _line_end(text: str, start: int, width: int) -> int:
    space, letter, cells = -1, start, 0
    for position in range(start, len(text)):
        cells += cell_len(text[position])
        if text[position] == EMOJI_VARIANT:  # has made the sign before it wide
            cells = cell_len(text[start : position + 1])
        if text[position] == " ":
            space = position
        if not _belongs_to_the_one_before(text, position):
            letter = position
        if cells > width:
            return next(end for end in (space, letter, position, start + 1) if end > start)
    return len(text)


def _belongs_to_the_one_before(text: str, position: int) -> bool:
    """An accent, a variant, or a part of an emoji that is put together of several."""
    return cell_len(text[position]) == 0 or text[position - 1 : position] == ZERO_WIDTH_JOINER
