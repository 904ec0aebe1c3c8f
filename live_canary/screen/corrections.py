"""What was changed in the transcript, so that it can be taken back step by step, and what was asked of the session."""

Step = tuple[int, str | None]
"""An utterance's index and a text for it; None where it is deleted."""


class Corrections:
    def __init__(self) -> None:
        self._earlier: list[Step] = []
        self._asked: list[Step] = []

    def ask(self, step: Step) -> None:
        """Remember that the session was asked for `step`, which is shown already."""
        self._asked.append(step)

    def is_shown(self, step: Step, shown: str | None) -> bool:
        """Whether `step`, which the session has done, changes nothing of what is `shown`: it was asked for, and is what
        stands there or what another one is yet to replace.
        """
        if step not in self._asked:
            return False
        self._asked.remove(step)
        index, text = step
        return text == shown or any(index == later for later, _ in self._asked)

    def made(self, index: int, before: str | None, after: str | None) -> bool:
        """Remember that utterance `index` said `before` until now; True when that takes the last step back."""
        if self._earlier and self._earlier[-1] == (index, after):
            self._earlier.pop()
            return True
        self._earlier.append((index, before))
        return False

    def last(self) -> Step | None:
        """What makes the last change undone; None when nothing was changed."""
        return self._earlier[-1] if self._earlier else None
