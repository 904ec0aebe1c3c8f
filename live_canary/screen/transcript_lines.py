"""Where each utterance of a transcript stands among the lines of a column of a given width.

Knows nothing of widgets. Only the number of lines of each entry is kept, so that appending is instant and 10,000
utterances can be broken anew when the width changes; the lines themselves are computed when they are looked at.
"""

import re
from bisect import bisect_right
from itertools import accumulate

from live_canary.screen.wrapping import Slice, wrap
from live_canary.transcript.formats import Entry, gap_notice, one_line
from live_canary.transcript.utterance import Utterance


def spoken_text(entry: Entry) -> str:
    """What the entry says, safe to print."""
    return one_line(entry.text) if isinstance(entry, Utterance) else gap_notice(entry)


class TranscriptLines:
    """Entries in the order in which they came; line 0 is the first line of entry 0."""

    def __init__(self, *, with_source: bool) -> None:
        self.entries: list[Entry] = []
        self.texts: list[str] = []
        """What is shown for each entry: its label, if sources are labelled, and what it says."""
        self._with_source = with_source
        self._width = 80
        self._ends: list[int] = []
        """The line after the last one of each entry."""

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def line_count(self) -> int:
        return self._ends[-1] if self._ends else 0

    @property
    def width(self) -> int:
        """Cells that a line may take; setting it breaks every entry anew."""
        return self._width

    @width.setter
    def width(self, cells: int) -> None:
        if cells != self._width:
            self._width = cells
            self._ends = list(accumulate(len(wrap(text, cells)) for text in self.texts))

    def append(self, entry: Entry) -> None:
        text = self.label(entry.source) + spoken_text(entry)
        self._ends.append(self.line_count + len(wrap(text, self._width)))
        self.entries.append(entry)
        self.texts.append(text)

    def label(self, source: str) -> str:
        """What stands before the text of `source`: nothing when only one is heard."""
        return f"{one_line(source)}: " if self._with_source else ""

    def lines(self, number: int) -> list[Slice]:
        """Where the lines of entry `number` begin and end in its text."""
        return wrap(self.texts[number], self._width)

    def entry_at(self, line: int) -> tuple[int, int]:
        """The entry that has `line`, and which of its lines that is. Raises IndexError beyond the last line."""
        if not 0 <= line < self.line_count:
            raise IndexError(line)
        number = bisect_right(self._ends, line)
        return number, line - self.first_line(number)

    def first_line(self, number: int) -> int:
        return self._ends[number - 1] if number else 0

    def last_line(self, number: int) -> int:
        return self._ends[number] - 1

    def matching(self, pattern: re.Pattern[str]) -> list[int]:
        """Entries in which `pattern` occurs, in their order."""
        return [number for number, text in enumerate(self.texts) if pattern.search(text)]
