"""Breaking a text into the lines of a terminal column, where one character may take no, one or two cells."""

from rich.cells import cell_len

Slice = tuple[int, int]
"""Where a line begins and ends in its text; the space at which it was broken belongs to neither line."""


def wrap(text: str, width: int) -> list[Slice]:
    """Lines of at most `width` cells (>= 2), broken at spaces, and within a word only if it is wider than a line.

    An empty text is one empty line. ASCII, where a character is a cell, takes a path fast enough to break 10,000
    utterances anew while a window is being resized.
    """
    fits = _ascii_line_end if text.isascii() else _line_end
    lines = []
    start = 0
    while True:
        end = fits(text, start, width)
        lines.append((start, end))
        if end >= len(text):
            return lines
        start = end + 1 if text[end] == " " else end


def _ascii_line_end(text: str, start: int, width: int) -> int:
    if len(text) - start <= width:
        return len(text)
    space = text.rfind(" ", start, start + width + 1)
    return space if space > start else start + width


def _line_end(text: str, start: int, width: int) -> int:
    space, cells = -1, 0
    for position in range(start, len(text)):
        cells += cell_len(text[position])
        if text[position] == " ":
            space = position
        if cells > width:
            return space if space > start else position
    return len(text)
