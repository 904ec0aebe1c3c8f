"""Loudspeakers that a microphone hears: the same words on both sides of a call are said once.

Decided on words and time alone. Rules on energy lose real speech: people talk over each other. A word counts as an echo
only where it is heard while it is played: whoever repeats it afterwards is answering. To lose what somebody said is
worse than to write an echo.

When an utterance begins and ends is known; when each of its words is said is guessed from their letters.
"""

import string
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from live_canary.transcript.utterance import Utterance

LATEST_SECONDS = 0.5  # from what is played to where it is heard: sound systems, Bluetooth, the room
UNSURE_SECONDS = 0.3  # by how much voice detectors differ on where an utterance begins and ends
UNSURE_A_SECOND = 0.1  # more, the further a word is from there: so near are nine in ten of 34 minutes read aloud
MOST_UNSURE_SECONDS = 1.0
EARLY = 2  # times as unsure: what is heard too early may be guessed wrongly, but is no answer
SHORT_WORDS = 3  # below it both sides easily say the same by themselves: "yes", "thank you"
SHORT_WINDOW_SECONDS = 0.4
SIMILAR = 0.7  # of the words, in order
SKIPPED = 0.25  # of a missing word counts each one that was played between them: an echo leaves out few


@dataclass(frozen=True, slots=True)
class _Word:
    text: str
    seconds: float
    """Its middle."""
    unsure_seconds: float
    """By how much that may be wrong."""

    def is_heard_of(self, played: "_Word") -> bool:
        """Whether it is the same word, heard while it was played."""
        unsure = max(self.unsure_seconds, played.unsure_seconds)
        return self.text == played.text and -EARLY * unsure <= self.seconds - played.seconds <= LATEST_SECONDS + unsure


def is_echo(heard: Utterance, played: Iterable[Utterance]) -> bool:
    """Whether the microphone's `heard` is but what the computer `played`, wherever either of them is cut."""
    at_once = sorted((one for one in played if _overlap(heard, one)), key=lambda one: one.start_seconds)
    words = _words(heard)
    if len(words) < SHORT_WORDS:
        return any(_say_the_same(heard, one) for one in at_once)
    whole = [word for one in at_once for word in _words(one)]
    return _share_found(words, whole) >= SIMILAR and not _has_words_of_its_own(words, whole)


def _overlap(heard: Utterance, played: Utterance) -> bool:
    """What begins when the other side is silent is no echo: three words last longer than their way into the room."""
    return played.start_seconds <= heard.end_seconds and heard.start_seconds < played.end_seconds


def _say_the_same(heard: Utterance, played: Utterance) -> bool:
    if abs(heard.start_seconds - played.start_seconds) > SHORT_WINDOW_SECONDS:
        return False
    words, others = ([word.text for word in _words(one)] for one in (heard, played))
    return words != [] and words == others


def _share_found(part: Sequence[_Word], whole: Sequence[_Word]) -> float:
    """How much of `part` is in one stretch of `whole`, in the same order and at the same time."""
    missing = [0.0] * (len(whole) + 1)  # of the words so far, when the stretch ends with each word of the whole
    for word in part:
        before, missing[0] = missing[0], missing[0] + 1
        for k, other in enumerate(whole, start=1):
            misheard = before + (not word.is_heard_of(other))
            before, missing[k] = missing[k], min(missing[k] + 1, missing[k - 1] + SKIPPED, misheard)
    return 1 - min(missing) / len(part)


def _has_words_of_its_own(part: Sequence[_Word], whole: Sequence[_Word]) -> bool:
    """Three in a row of which `whole` has none, or two at either end: somebody says more than is played."""
    found = [any(word.is_heard_of(other) for other in whole) for word in part]
    return not all(any(found[max(at - 1, 0) : at + 2]) for at in range(len(found)))


def _words(utterance: Utterance) -> list[_Word]:
    """As if each letter took as long."""
    texts = [text for text in (raw.lower().strip(string.punctuation) for raw in utterance.text.split()) if text]
    length = utterance.end_seconds - utterance.start_seconds
    letter_seconds = length / max(sum(map(len, texts)), 1)
    words, begins = [], 0.0
    for text in texts:
        ends = begins + len(text) * letter_seconds
        middle = (begins + ends) / 2
        unsure = UNSURE_SECONDS + UNSURE_A_SECOND * min(middle, length - middle)
        words.append(_Word(text, utterance.start_seconds + middle, min(unsure, MOST_UNSURE_SECONDS)))
        begins = ends
    return words
