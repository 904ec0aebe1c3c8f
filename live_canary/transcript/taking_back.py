"""Which utterance a spoken "scratch that" means."""

from collections.abc import Iterable

from live_canary.transcript.utterance import Entry, Utterance


class TakingBack:
    """Hears the utterances of a session in their order; the latest one of a speaker is the first to be taken back."""

    def __init__(self) -> None:
        self._standing: dict[str, list[int]] = {}

    def heed(self, utterance: Utterance) -> int | None:
        """The index of what it takes back, if it does and anything is left to."""
        standing = self._standing.setdefault(utterance.source, [])
        if utterance.command == "scratch that":
            return standing.pop() if standing else None
        standing.append(utterance.index)
        return None


def taken_back(entries: Iterable[Entry]) -> set[int]:
    """The indices of all that was taken back in a whole transcript."""
    taking = TakingBack()
    heeded = (taking.heed(entry) for entry in entries if isinstance(entry, Utterance))
    return {index for index in heeded if index is not None}
