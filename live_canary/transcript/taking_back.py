"""Which utterance a spoken "scratch that" means."""

from bisect import insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from live_canary.printable import one_line
from live_canary.transcript.utterance import Entry, Utterance


class TakingBack:
    """Hears the utterances of a session in their order, and what becomes of them.

    The latest one of a speaker that stands is the first to be taken back.
    """

    def __init__(self) -> None:
        self._standing: dict[str, dict[int, None]] = {}
        """Of each speaker, in their order: of a day's lines thousands may be deleted at once."""

    def heed(self, utterance: Utterance) -> int | None:
        """The index of what it takes back, if it does and anything is left to."""
        standing = self._standing.setdefault(utterance.source, {})
        if utterance.command == "scratch that":
            return standing.popitem()[0] if standing else None
        standing[utterance.index] = None
        return None

    def revised(self, utterance: Utterance, text: str | None) -> None:
        """One that was heard says `text` now, or was deleted."""
        standing = self._standing.setdefault(utterance.source, {})
        if text is None:
            standing.pop(utterance.index, None)
        elif utterance.index not in standing and utterance.command != "scratch that":
            order = list(standing)
            insort(order, utterance.index)
            self._standing[utterance.source] = dict.fromkeys(order)


class Latest:
    """What a speaker said last of all that stands: what a clipboard holds ready."""

    def __init__(self) -> None:
        self._taking_back = TakingBack()
        self._heard: dict[int, Utterance] = {}
        self._texts: dict[int, str] = {}
        """Of those that stand and are no commands, in their order."""

    def heed(self, utterance: Utterance) -> str | None:
        """The text that it is from then on, if the utterance changes it; empty when nothing is left."""
        self._heard[utterance.index] = utterance
        taken = self._taking_back.heed(utterance)
        if utterance.command is None:
            self._texts[utterance.index] = one_line(utterance.text)
        elif taken is None or self._texts.pop(taken, None) is None:
            return None
        return next(reversed(self._texts.values()), "")

    def revised(self, index: int, text: str | None) -> None:
        """An utterance says `text` now, or was deleted: that changes what is the latest later on."""
        utterance = self._heard.get(index)
        if utterance is None:
            return
        self._taking_back.revised(utterance, text)
        if text is None:
            self._texts.pop(index, None)
        elif utterance.command is None:
            self._texts[index] = one_line(text)
            self._texts = dict(sorted(self._texts.items()))


@dataclass(frozen=True, slots=True)
class Change:
    """What a key or a voice made of an utterance that was heard."""

    index: int
    text: str | None
    """None: it was deleted."""
    at_seconds: float
    """Where the speech that had been heard by then ended."""
    obeys: int | None = None
    """The utterance whose voice command it was."""


def taken_back(entries: Iterable[Entry], changes: Sequence[Change] = ()) -> set[int]:
    """The indices of what the commands that nobody has obeyed take back, in a whole transcript, ordered by time.

    A change by key before a command was spoken counts for what the command means; a later one is the last word on its
    utterance, as where the user deleted what a command did not.
    """
    utterances = [entry for entry in entries if isinstance(entry, Utterance)]
    obeyed = {change.obeys: change.index for change in changes if change.obeys is not None}
    later = deque(change for change in _other_texts(utterances, changes) if change.obeys is None)
    taking, heard, taken = TakingBack(), dict[int, Utterance](), set[int]()
    for utterance in utterances:
        while later and later[0].at_seconds <= utterance.start_seconds:
            change = later.popleft()
            if change.index in heard:
                taking.revised(heard[change.index], change.text)
        heard[utterance.index] = utterance
        if (meant := heard.get(obeyed.get(utterance.index, -1))) is not None:
            taking.revised(meant, None)
        elif (index := taking.heed(utterance)) is not None and all(change.index != index for change in later):
            taken.add(index)
    return taken


def _other_texts(utterances: Iterable[Utterance], changes: Iterable[Change]) -> Iterator[Change]:
    """The changes that are more than a bookmark."""
    texts: dict[int, str | None] = {utterance.index: utterance.text for utterance in utterances}
    for change in changes:
        if change.text != texts.get(change.index):
            texts[change.index] = change.text
            yield change
