"""Which words of an utterance that is still being spoken will stay.

    hypothesis 1   I think we
    hypothesis 2   I think we should leaf        settled "I think we"          tentative "should leaf"
    hypothesis 3   I think we should leave now   settled "I think we should"   tentative "leave now"

A word settles when two consecutive hypotheses agree on it and on all words before it, and something follows it: the
last word may still be growing. Settled text only grows; a later hypothesis that contradicts it changes what follows,
and the final corrects the whole.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StableText:
    settled: str
    tentative: str


class Stabilizer:
    """The hypotheses of one utterance, in order -> its settled and tentative text."""

    def __init__(self) -> None:
        self._settled: list[str] = []
        self._previous: list[str] = []

    def feed(self, text: str) -> StableText:
        words = text.split()
        agreed = _common_prefix(self._previous, words[:-1])
        if agreed > len(self._settled) and words[: len(self._settled)] == self._settled:
            self._settled = words[:agreed]
        self._previous = words
        return StableText(" ".join(self._settled), " ".join(words[len(self._settled) :]))


def _common_prefix(one: list[str], other: list[str]) -> int:
    """How many first words are the same in both."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        count += 1
    return count
