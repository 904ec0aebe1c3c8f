"""What was changed in the transcript, so that it can be taken back step by step, and what was asked of the session."""

from collections.abc import Iterator
from contextlib import contextmanager

Step = tuple[int, str | None]
"""An utterance's index and a text for it; None where it is deleted."""


class Corrections:
    def __init__(self) -> None:
        self._earlier: list[Step] = []
        self._asked: list[Step] = []
        self._by_key = self._undoing = False

    @contextmanager
    def by_key(self, *, undoing: bool) -> Iterator[None]:
        """Meanwhile what is shown comes from a key and not from the session; undoing: from the one that takes back."""
        self._by_key, self._undoing = True, undoing
        try:
            yield
        finally:
            self._by_key = self._undoing = False

    def ask(self, step: Step) -> None:
        """Remember that the session was asked for `step`, which is shown already."""
        self._asked.append(step)

    def is_shown(self, step: Step, shown: str | None) -> bool:
        """Whether `step`, which the session has done, changes nothing of what is `shown`: it was asked for, and is what
        stands there or what another one is yet to replace.
        """
        if self._by_key or step not in self._asked:
            return False
        self._asked.remove(step)
        index, text = step
        return text == shown or any(index == later for later, _ in self._asked)

    def made(self, index: int, before: str | None) -> bool:
        """Remember that utterance `index` said `before` until now, unless that takes a step back; True if it does."""
        if self._undoing:
            return True
        self._earlier.append((index, before))
        return False

    def take_back(self) -> Step | None:
        """What makes the last change undone, to be done `by_key`; None when nothing was changed."""
        return self._earlier.pop() if self._earlier else None
