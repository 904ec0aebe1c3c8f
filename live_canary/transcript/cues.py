"""Subtitles: what was said, in cues that can be read in the time for which they stand.

A cue has two lines at most and stands for seven seconds at most, as subtitles do everywhere. Nothing here knows where
in an utterance a word was said: its time is shared out by the characters.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, pairwise

LINE_CHARACTERS = 42
LONGEST_MS = 7000
_CUT_BEFORE = 1 << 16
"""Utterances, all in order: where there is room for fewer than were said, the first is gone when it comes again."""
_SHORTEST_MS = 1000
"""What stands for less is hardly seen."""
_SILENCE_MS = 500
"""Of that which ends an utterance: so long at most a cue may stay when nothing is said any more."""
_MAY_BE_CUT_MS = 6600
"""What is longer may have been cut while somebody went on speaking: from two thirds of the shortest limit on, 10 s."""

_CLOSING = r"[\"')\]”’»]*$"
_SENTENCE_END = re.compile(r"[.!?…]" + _CLOSING)
ABBREVIATION = re.compile(r"^\W*(?:(?:[A-Za-z]\.)+|(?:Mr|Mrs|Ms|Dr|Prof|St|vs)\.)$")
_CLAUSE_END = re.compile(rf"[,;:–—]{_CLOSING}|^-+$")

# What makes one way of cutting worse than another, where each cue costs 1 to 2. A cut between words is worth avoiding
# at the price of two at commas, and a word that flashes up is worse than either.
_CLAUSE_CUT, _WORD_CUT, _CUT_BEHIND_A_SENTENCE, _FLASH = 1.0, 6.0, 2.0, 9.0

# The same for two lines, in characters of difference between them.
_TOP_HEAVY, _ORPHAN, _AT_PUNCTUATION = 10, 100, -8
_ORPHAN_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Cue:
    start_ms: int
    end_ms: int
    text: str
    """Its lines."""

    def timing(self, decimal_mark: str) -> str:
        return f"{_time(self.start_ms, decimal_mark)} --> {_time(self.end_ms, decimal_mark)}"


def cues(text: str, start_seconds: float, end_seconds: float, label: str = "") -> list[Cue]:
    """The cues of one utterance, each from where the one before it ends, the last, if it is short, until into the
    silence behind it; none if there are no words.

    text: one line. label: what each cue begins with, counted as part of its first line. A cue goes beyond the limits
    only where a single word does, or where there are fewer milliseconds than cues.
    """
    return list(_cues(text, *_span(start_seconds, end_seconds), label))


def one_cue(text: str, start_seconds: float, end_seconds: float, label: str = "") -> Cue:
    """A notice, which stands all the time that it is about. The same arguments; `text` has words."""
    words = _Words(text, *_span(start_seconds, end_seconds), label)
    return words.cue(0, words.count)


def _span(start_seconds: float, end_seconds: float) -> tuple[int, int]:
    start_ms = round(start_seconds * 1000)
    return start_ms, max(round(end_seconds * 1000), start_ms + 1)  # a cue without a length is invalid


@lru_cache(maxsize=_CUT_BEFORE)  # a file is compared with the same utterances for each of their corrections
def _cues(text: str, start_ms: int, end_ms: int, label: str) -> tuple[Cue, ...]:
    words = _Words(text, start_ms, end_ms, label)
    found = [words.cue(first, behind) for first, behind in pairwise(words.cuts())]
    if found and end_ms - start_ms < _MAY_BE_CUT_MS:
        found[-1] = _to_be_seen(found[-1])
    return tuple(found)


def _to_be_seen(cue: Cue) -> Cue:
    """The last cue of an utterance; a short one stays into the silence behind it, which is shorter only where the
    user's pause or a lost source ended the utterance.
    """
    lasting_ms = min(cue.start_ms + _SHORTEST_MS, cue.end_ms + _SILENCE_MS)
    return replace(cue, end_ms=max(cue.end_ms, lasting_ms))


class _Words:
    """The words of an utterance, by their numbers: a stretch begins with `first` and ends before `behind`."""

    def __init__(self, text: str, start_ms: int, end_ms: int, label: str) -> None:
        words = list(re.finditer(r"\S+", text))
        self.count = len(words)
        self._text, self._label = text, label
        self._begins, self._ends = [word.start() for word in words], [word.end() for word in words]
        spread = (end_ms - start_ms) / max(len(text), 1)
        self._at_ms = [start_ms + round(spread * begin) for begin in self._begins] + [end_ms]
        costs = [_cut_cost(word.group()) for word in words]
        self._cut_costs = [0.0, *costs[:-1], 0.0]
        self._sentences = list(accumulate((not cost for cost in costs), initial=0))
        """How many have ended before each word, and at the end."""

    def cue(self, first: int, behind: int) -> Cue:
        lines = [self._text[self._begins[one] : self._ends[other - 1]] for one, other in self._lines(first, behind)]
        return Cue(self._at_ms[first], self._at_ms[behind], self._label + "\n".join(lines))

    def cuts(self) -> list[int]:
        """Where the cues begin that cost least, and the end."""
        costs, following = [0.0] * (self.count + 1), [self.count] * self.count
        for first in reversed(range(self.count)):
            options = ((self._cost(first, behind) + costs[behind], behind) for behind in self._possible_ends(first))
            costs[first], following[first] = min(options, default=(float("inf"), self.count))
        if costs[0] == float("inf"):  # there are fewer milliseconds than cues
            return [0, self.count]
        cuts = [0]
        while cuts[-1] < self.count:
            cuts.append(following[cuts[-1]])
        return cuts

    def _cost(self, first: int, behind: int) -> float:
        """Of a cue. The square of what it leaves free makes them equally long."""
        characters = len(self._label) + self._ends[behind - 1] - self._begins[first]
        cost = 1.0 + (1.0 - min(characters / (2 * LINE_CHARACTERS), 1.0)) ** 2 + self._cut_costs[behind]
        if self._sentences[behind - 1] > self._sentences[first]:  # the end of one stands beside a piece of another
            cost += _CUT_BEHIND_A_SENTENCE * ((self._cut_costs[first] > 0) + (self._cut_costs[behind] > 0))
        if self._at_ms[behind] - self._at_ms[first] < _SHORTEST_MS:
            cost += _FLASH
        return cost

    def _possible_ends(self, first: int) -> Iterator[int]:
        """Before which words a cue may end that begins with `first`."""
        line = first
        for behind in range(first + 1, self.count + 1):
            if not self._is_line(line, behind, first):
                if line > first:
                    return
                line = behind - 1
            lasts_ms = self._at_ms[behind] - self._at_ms[first]
            if lasts_ms > LONGEST_MS and behind > first + 1:
                return
            if lasts_ms:
                yield behind

    def _lines(self, first: int, behind: int) -> list[tuple[int, int]]:
        """Where each line of a cue begins and ends."""
        if self._is_line(first, behind, first):
            return [(first, behind)]
        breaks = [
            at
            for at in range(first + 1, behind)
            if self._is_line(first, at, first) and self._is_line(at, behind, first)
        ]
        if breaks:
            at = min(breaks, key=lambda at: self._imbalance(first, at, behind))
            return [(first, at), (at, behind)]
        return self._as_many_lines_as_it_takes(first, behind)

    def _as_many_lines_as_it_takes(self, first: int, behind: int) -> list[tuple[int, int]]:
        cuts = [first]
        for end in range(first + 1, behind + 1):
            if not self._is_line(cuts[-1], end, first):
                cuts.append(end - 1)
        return list(pairwise([*cuts, behind]))

    def _imbalance(self, first: int, at: int, behind: int) -> int:
        top, bottom = self._width(first, at, first), self._width(at, behind, first)
        cost = abs(top - bottom) + _TOP_HEAVY * (top > bottom) + _AT_PUNCTUATION * (self._cut_costs[at] < _WORD_CUT)
        orphans = ((at - first, top), (behind - at, bottom))
        return cost + _ORPHAN * any(words == 1 and width < _ORPHAN_CHARACTERS for words, width in orphans)

    def _is_line(self, begin: int, end: int, first: int) -> bool:
        return end - begin == 1 or self._width(begin, end, first) <= LINE_CHARACTERS

    def _width(self, begin: int, end: int, first: int) -> int:
        """Of a line of the cue that begins with word `first`, and with the label."""
        return self._ends[end - 1] - self._begins[begin] + (len(self._label) if begin == first else 0)


def ends_sentence(word: str) -> bool:
    """Whether a sentence is over behind it: "it.", "it!”", but not "Dr."."""
    return bool(_SENTENCE_END.search(word)) and not ABBREVIATION.match(word)


def _cut_cost(word: str) -> float:
    """Of a cut behind it."""
    if ends_sentence(word):
        return 0.0
    return _CLAUSE_CUT if _CLAUSE_END.search(word) else _WORD_CUT


def _time(ms: int, decimal_mark: str) -> str:
    return f"{ms // 3_600_000:02}:{ms // 60_000 % 60:02}:{ms // 1000 % 60:02}{decimal_mark}{ms % 1000:03}"
