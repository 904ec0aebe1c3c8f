"""How the lines of a transcript are drawn: those that are visible and no others, however long it grows."""

import re
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.scroll_view import ScrollView
from textual.strip import Strip

from live_canary.printable import clock
from live_canary.screen.spoken_now import TailLine
from live_canary.screen.transcript_lines import TranscriptLines
from live_canary.transcript.formats import BOOKMARK
from live_canary.transcript.utterance import TranscriptGap

GUTTER_CELLS = 11  # selection mark, HH:MM:SS, a space, bookmark


class TranscriptDrawing(ScrollView):
    """The part of the transcript's widget that draws a line; knows nothing of keys or of what changes."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "transcript--time",
        "transcript--source",
        "transcript--gap",
        "transcript--doubtful",
        "transcript--tentative",
        "transcript--selected",
        "transcript--match",
        "transcript--bookmark",
    }

    def __init__(self, *, with_source: bool, id: str | None = None) -> None:
        super().__init__(id=id)
        self.lines = TranscriptLines(with_source=with_source)
        self.bookmarks: set[int] = set()
        self.selected: range | None = None
        """Numbers of the selected entries."""
        self._pattern: re.Pattern[str] | None = None
        """What is searched for."""
        self._tail: list[TailLine] = []
        """The lines of what is being said, below all entries."""

    @property
    def _cells(self) -> int:
        """Width without the scrollbar, which is always there so that no line breaks anew when it appears."""
        return self.size.width - self.styles.scrollbar_size_vertical

    def render_line(self, y: int) -> Strip:
        line = y + self.scroll_offset.y
        if line < self.lines.line_count:
            return self._entry_strip(*self.lines.entry_at(line))
        tail = line - self.lines.line_count
        if tail < len(self._tail):
            return self._tail_strip(self._tail[tail])
        return Strip.blank(self._cells, self.rich_style)

    def _entry_strip(self, number: int, line: int) -> Strip:
        entry, text = self.lines.entries[number], self.lines.texts[number]
        words = Text(text, end="", no_wrap=True)
        if isinstance(entry, TranscriptGap):
            words.stylize(self._part("gap"))
        for first, last in self.lines.doubtful(number):
            words.stylize(self._part("doubtful"), first, last)
        words.stylize(self._part("source"), 0, len(self.lines.label(entry.source)))
        if self._pattern:
            for first, last in self.lines.matches(number, self._pattern):
                words.stylize(self._part("match"), first, last)
        start, end = self.lines.lines(number)[line]
        time = "" if line else clock(entry.start_seconds)
        selected = self.selected is not None and number in self.selected
        return self._strip(words[start:end], time, selected, number in self.bookmarks and not line)

    def _tail_strip(self, tail: TailLine) -> Strip:
        words = Text(tail.text, end="", no_wrap=True)
        words.stylize(self._part("source"), 0, tail.label_characters)
        words.stylize(self._part("tentative"), tail.settled_characters)
        start, end = tail.line
        return self._strip(words[start:end], tail.time, False, False)

    def _strip(self, words: Text, time: str, selected: bool, bookmarked: bool) -> Strip:
        base = self.get_component_rich_style("transcript--selected") if selected else self.rich_style
        gutter = [
            Segment("▌" if selected else " ", base + self._part("bookmark")),
            Segment(f"{time:8} ", base + self._part("time")),
            Segment(BOOKMARK if bookmarked else " ", base + self._part("bookmark")),
        ]
        spoken = Segment.apply_style(words.render(self.app.console), base)
        return Strip([*gutter, *spoken]).adjust_cell_length(self._cells, base)

    def _part(self, name: str) -> Style:
        return self.get_component_rich_style(f"transcript--{name}", partial=True)
