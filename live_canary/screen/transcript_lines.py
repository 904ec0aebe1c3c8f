"""Where each utterance of a transcript stands among the lines of a column of a given width.

Knows nothing of widgets. Only the number of lines of each entry is kept, so that appending is instant and 10,000
utterances can be broken anew when the width changes; the lines themselves are computed when they are looked at.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate
from operator import itemgetter

from live_canary.screen.wrapping import Slice, line_count, wrap
from live_canary.transcript.lines import label, spoken_text
from live_canary.transcript.pieces import amended
from live_canary.transcript.utterance import Entry, Revision, Utterance

DOUBTFUL_BELOW = 0.5  # docs/screen.md says how often such words are wrong
_WORD = re.compile(r"\S+")


class TranscriptLines:
    """Entries in the order in which they came; line 0 is the first line of entry 0."""

    def __init__(self, *, with_source: bool) -> None:
        self.entries: list[Entry] = []
        self.texts: list[str] = []
        """What is shown for each entry: its label, if sources are labelled, and what it says."""
        self.hidden: set[int] = set()
        """Numbers of the entries that were deleted; they have no line."""
        self._heard: dict[int, Entry] = {}
        """What was heard first, by number, of the utterances that were amended."""
        self._numbers: dict[int, int] = {}
        """The entry of each utterance, by its index."""
        self._obeyed: dict[int, tuple[int, Utterance]] = {}
        """Of each voice command that saved files have something of, by its index: the number of the entry after it."""
        self._with_source = with_source
        self._width = 80
        self._ends: list[int] = []
        """The line after the last one of each entry, but for how far those from one entry on have moved since."""
        self._moved_from = self._moved = 0

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def line_count(self) -> int:
        return self._end(len(self._ends) - 1) if self._ends else 0

    @property
    def width(self) -> int:
        """Cells that a line may take; setting it breaks every entry anew."""
        return self._width

    @width.setter
    def width(self, cells: int) -> None:
        if cells != self._width:
            self._width = cells
            self._ends = list(accumulate(map(self._height, range(len(self.texts)))))
            self._moved_from = self._moved = 0

    def append(self, entry: Entry) -> None:
        text = self.label(entry.source) + spoken_text(entry)
        ends = self._ends
        ends.append((ends[-1] if ends else 0) + line_count(text, self._width))
        if isinstance(entry, Utterance):
            self._numbers[entry.index] = len(self.entries)
        self.entries.append(entry)
        self.texts.append(text)

    def obey(self, command: Utterance) -> None:
        """Has a voice command be in what is saved; it has no line."""
        if command.command != "scratch that":  # nothing is left of that
            self._obeyed[command.index] = len(self.entries), command

    def take_back(self, index: int) -> None:
        """The voice command is in what is saved no more."""
        self._obeyed.pop(index, None)

    def to_save(self, numbers: list[int]) -> list[Entry]:
        """These entries (in their order, not empty), with the voice commands that were said between them."""
        entries = [(number, 1, self.entries[number]) for number in numbers]
        obeyed = [(after, 0, one) for after, one in self._obeyed.values() if numbers[0] < after <= numbers[-1]]
        return [entry for *_, entry in sorted([*obeyed, *entries], key=itemgetter(0, 1))]

    def number_of(self, index: int) -> int | None:
        """The entry that is utterance `index`; None if it is not here."""
        return self._numbers.get(index)

    def amend(self, number: int, text: str | None) -> None:
        """Utterance `number` says `text` from now on; None hides it, its own text shows it again."""
        heard = self._heard.setdefault(number, self.entries[number])
        assert isinstance(heard, Utterance)
        entry = amended(heard, {heard.index: Revision(text)})
        if entry is None:
            self.hidden.add(number)
        else:
            self.hidden.discard(number)
            self.entries[number] = entry
            self.texts[number] = self.label(entry.source) + spoken_text(entry)
        self._move_ends(number)

    def text_of(self, number: int) -> str | None:
        """What the utterance says now; None if it was deleted."""
        entry = self.entries[number]
        return None if number in self.hidden or not isinstance(entry, Utterance) else entry.text

    def doubtful(self, number: int) -> list[Slice]:
        """Where in the text of entry `number` words stand that the model may have misheard."""
        entry, text = self.entries[number], self.texts[number]
        if not isinstance(entry, Utterance):
            return []
        said_from = len(self.label(entry.source))
        if entry.flag:
            return [(said_from, len(text))]
        words = [word.span() for word in _WORD.finditer(text, said_from)]
        if len(words) != len(entry.confidences):
            return []
        return [word for word, sure in zip(words, entry.confidences, strict=True) if sure < DOUBTFUL_BELOW]

    def shown(self, numbers: range | None = None) -> list[int]:
        """Those of the entries (of all, unless `numbers` says which) that were not deleted."""
        return [number for number in numbers or range(len(self.entries)) if number not in self.hidden]

    def shown_near(self, number: int, step: int) -> int | None:
        """The first entry from `number` on, in the direction of `step`, that was not deleted."""
        while 0 <= number < len(self.entries):
            if number not in self.hidden:
                return number
            number += step
        return None

    def _move_ends(self, number: int) -> None:
        """Entry `number` has another height. Of many that are amended one after another each end moves once."""
        moved = self.first_line(number) + self._height(number) - self._end(number)
        if not moved:
            return
        until = number if number >= self._moved_from else len(self._ends)
        self._ends[self._moved_from : until] = [end + self._moved for end in self._ends[self._moved_from : until]]
        self._moved = moved + (self._moved if until == number else 0)
        self._moved_from = number

    def _end(self, number: int) -> int:
        return self._ends[number] + (self._moved if number >= self._moved_from else 0)

    def _height(self, number: int) -> int:
        return 0 if number in self.hidden else line_count(self.texts[number], self._width)

    def label(self, source: str) -> str:
        """What stands before the text of `source`: nothing when only one is heard."""
        return label(source, self._with_source)

    def lines(self, number: int) -> list[Slice]:
        """Where the lines of entry `number` begin and end in its text."""
        return wrap(self.texts[number], self._width)

    def entry_at(self, line: int) -> tuple[int, int]:
        """The entry that has `line`, and which of its lines that is. Raises IndexError beyond the last line."""
        if not 0 <= line < self.line_count:
            raise IndexError(line)
        number = bisect_right(range(len(self._ends)), line, key=self._end)
        return number, line - self.first_line(number)

    def first_line(self, number: int) -> int:
        return self._end(number - 1) if number else 0

    def last_line(self, number: int) -> int:
        return self._end(number) - 1

    def matching(self, pattern: re.Pattern[str]) -> list[int]:
        """Entries in which `pattern` occurs, in their order."""
        return [number for number in self.shown() if next(self.matches(number, pattern), None)]

    def matches(self, number: int, pattern: re.Pattern[str]) -> Iterator[Slice]:
        """Where in the text of entry `number` it occurs; who speaks is not searched."""
        label = self.label(self.entries[number].source)
        return (match.span() for match in pattern.finditer(self.texts[number], len(label)))
