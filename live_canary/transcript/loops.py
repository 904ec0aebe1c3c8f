"""A model that gets stuck says the same words, or lines, again and again; people do so only a few times."""

import string
from collections import Counter
from collections.abc import Iterator, Sequence

from live_canary.printable import one_line

LONGEST_PHRASE_WORDS = 16
SAME_LINES = 3


def without_loops(words: Sequence[str]) -> list[int]:
    """Positions of the words that stay when every loop is reduced to its phrase said once: all of them without one.

    What follows a loop stays. Case and punctuation do not tell two phrases apart.
    """
    keys = [word.lower().strip(string.punctuation) for word in words]
    kept: list[int] = []
    position = 0
    while position < len(words):
        phrase, repeats = _loop_at(keys, position)
        kept += range(position, position + phrase)
        position += phrase * repeats
    return kept


def lines_until_loop(pieces: Iterator[str]) -> Iterator[str]:
    """The lines of an answer that grows, without empty ones at its ends, until it ends or begins to loop."""
    said: Counter[str] = Counter()
    is_blank_due = False
    for line in _lines(pieces):
        text = one_line(line)
        if not text:
            is_blank_due = bool(said)
            continue
        said[text] += 1
        if said[text] == SAME_LINES:
            return
        if is_blank_due:
            yield ""
        is_blank_due = False
        words = text.split()
        kept = [words[position] for position in without_loops(words)]
        yield line[: len(line) - len(line.lstrip(" "))] + (text if kept == words else " ".join(kept))
        if kept != words:
            return


def _lines(pieces: Iterator[str]) -> Iterator[str]:
    line = ""
    for piece in pieces:
        *whole, line = (line + piece).split("\n")
        yield from whole
    yield line


def _loop_at(keys: list[str], start: int) -> tuple[int, int]:
    """Length of the phrase that loops from `start` on and how often it is said; (1, 1) when none does."""
    for phrase in range(1, LONGEST_PHRASE_WORDS + 1):
        repeats = 1
        first = keys[start : start + phrase]
        while first == keys[start + repeats * phrase : start + (repeats + 1) * phrase]:
            repeats += 1
        if repeats >= repeats_of_a_loop(phrase):
            return phrase, repeats
    return 1, 1


def repeats_of_a_loop(phrase_words: int) -> int:
    """How often a phrase of so many words must follow itself to be a loop: "no, no, no, no" is none."""
    return {1: 8, 2: 6, 3: 4}.get(phrase_words, 3)
