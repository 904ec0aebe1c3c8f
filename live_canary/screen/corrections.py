"""What was changed in the transcript, newest last, so that it can be taken back step by step."""

Step = tuple[int, str | None]
"""An utterance's index and a text for it; None where it is deleted."""


class Corrections:
    def __init__(self) -> None:
        self._earlier: list[Step] = []

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
