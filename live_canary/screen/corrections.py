"""What was changed in the transcript, so that it can be taken back step by step, and what was asked of the session."""

Step = tuple[int, str | None]
"""An utterance's index and a text for it; None where it is deleted."""


class Corrections:
    def __init__(self) -> None:
        self._earlier: list[Step] = []
        self._asked: list[Step] = []
        self._taking_back: Step | None = None

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
        """Remember that utterance `index` said `before` until now, unless that takes a step back; True if it does."""
        taking_back, self._taking_back = self._taking_back, None
        if (index, after) == taking_back:
            return True
        self._earlier.append((index, before))
        return False

    def take_back(self) -> Step | None:
        """What makes the last change undone, to be done now; None when nothing was changed."""
        self._taking_back = self._earlier.pop() if self._earlier else None
        return self._taking_back
