"""Which words of an utterance that is still being spoken will stay.

    heard   hypothesis
    0.3 s   I think
    0.6 s   I think we should leaf
    0.9 s   I think we should leave it      settled "I think"             tentative "we should leave it"
    1.2 s   I think we should leave it to   settled "I think we should"   tentative "leave it to"

A word settles when every hypothesis of the last half second of sound has it and all words before it, the model is sure
of it and of them, and something follows it: the last word may still be growing. Settled text only grows; a later
hypothesis that contradicts it changes what follows, and the final corrects the whole.

benchmarks/results/stability.md compares the rules: where the model hears badly, as the demo model hears people,
confidence keeps what is wrong from settling.
"""

from collections import deque
from dataclasses import dataclass

from live_canary.transcript.hypothesis import Hypothesis

AGREED_SECONDS = 0.5  # three hypotheses at the usual pace; two when they come more seldom
FOLLOWED_BY_WORDS = 1
LEAST_CONFIDENCE = 0.6  # benchmarks/results/stability.md says what finals then change, and at others


@dataclass(frozen=True, slots=True)
class StableText:
    settled: str
    tentative: str


class Stabilizer:
    """The hypotheses of one utterance, in order -> its settled and tentative text."""

    def __init__(
        self,
        agreed_seconds: float = AGREED_SECONDS,
        followed_by_words: int = FOLLOWED_BY_WORDS,
        least_confidence: float = LEAST_CONFIDENCE,
    ) -> None:
        self._agreed_seconds, self._followed_by_words = agreed_seconds, followed_by_words
        self._least_confidence = least_confidence
        self._settled: list[str] = []
        self._recent: deque[tuple[float, list[str]]] = deque()

    def feed(self, hypothesis: Hypothesis, heard_seconds: float) -> StableText:
        """heard_seconds: how far the sound of the hypothesis reaches, on any clock that counts sound."""
        words = hypothesis.text.split()
        closed = len(words) - hypothesis.open_words
        agreed = min(self._agreed(words, heard_seconds), self._sure(hypothesis, words), closed)
        if agreed > len(self._settled) and words[: len(self._settled)] == self._settled:
            self._settled = words[:agreed]
        self._recent.append((heard_seconds, words))
        return StableText(" ".join(self._settled), " ".join(words[len(self._settled) :]))

    def _agreed(self, words: list[str], heard_seconds: float) -> int:
        """How many first words the recent hypotheses have too; 0 while those do not reach back far enough."""
        while len(self._recent) > 1 and self._recent[1][0] <= heard_seconds - self._agreed_seconds:
            self._recent.popleft()
        if not self._recent or self._recent[0][0] > heard_seconds - self._agreed_seconds:
            return 0
        followed = words[: max(0, len(words) - self._followed_by_words)]
        return min(_common_prefix(earlier, followed) for _, earlier in self._recent)

    def _sure(self, hypothesis: Hypothesis, words: list[str]) -> int:
        """How many words come before the first that the model is not sure of."""
        doubts = (k for k, likely in enumerate(hypothesis.confidences) if likely < self._least_confidence)
        return next(doubts, len(words))


def revised_words(settled: str, final: str) -> int:
    """How many words of settled text its final changed: the fewest that must be replaced, left out or put in."""
    words = final.split()
    edits = list(range(len(words) + 1))  # from the settled words so far to each beginning of the final
    for word in settled.split():
        left_out, edits[0] = edits[0], edits[0] + 1
        for k, other in enumerate(words, start=1):
            left_out, edits[k] = edits[k], min(edits[k] + 1, edits[k - 1] + 1, left_out + (word != other))
    return min(edits)


def _common_prefix(one: list[str], other: list[str]) -> int:
    """How many first words are the same in both."""
    count = 0
    for first, second in zip(one, other, strict=False):
        if first != second:
            break
        count += 1
    return count
