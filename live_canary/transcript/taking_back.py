"""Which utterance a spoken "scratch that" means."""

from bisect import insort
from collections.abc import Iterable, Sequence

from live_canary.transcript.utterance import Entry, Utterance


class TakingBack:
    """Hears the utterances of a session in their order, and what becomes of them.

    The latest one of a speaker that stands is the first to be taken back.
    """

    def __init__(self) -> None:
        self._standing: dict[str, list[int]] = {}

    def heed(self, utterance: Utterance) -> int | None:
        """The index of what it takes back, if it does and anything is left to."""
        standing = self._standing.setdefault(utterance.source, [])
        if utterance.command == "scratch that":
            return standing.pop() if standing else None
        standing.append(utterance.index)
        return None

    def revised(self, utterance: Utterance, text: str | None) -> None:
        """One that was heard says `text` now, or was deleted."""
        standing = self._standing.setdefault(utterance.source, [])
        if text is None and utterance.index in standing:
            standing.remove(utterance.index)
        elif text is not None and utterance.index not in standing and utterance.command != "scratch that":
            insort(standing, utterance.index)


def taken_back(entries: Iterable[Entry], revised: Sequence[tuple[int, int, str | None]] = ()) -> set[int]:
    """The indices of all that was taken back in a whole transcript.

    revised: after which utterance which one got what text, or was deleted.
    """
    taking, heard, taken = TakingBack(), dict[int, Utterance](), set[int]()
    revised_after: dict[int, list[tuple[int, str | None]]] = {}
    for after, index, text in revised:
        revised_after.setdefault(after, []).append((index, text))
    for entry in entries:
        if isinstance(entry, Utterance):
            heard[entry.index] = entry
            if (meant := taking.heed(entry)) is not None:
                taken.add(meant)
            for index, text in revised_after.get(entry.index, ()):
                if index in heard:
                    taking.revised(heard[index], text)
    return taken
