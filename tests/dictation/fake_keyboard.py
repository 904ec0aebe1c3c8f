"""A keyboard that does what a test says, and the window that it types into."""

from live_canary.dictation.keyboards import Typed
from live_canary.dictation.programs import ToolFailed


class FakeKeyboard:
    def __init__(self, name: str = "keys", *, missing: str = ""):
        self.name = name
        self.window = ""
        self.focused = ""
        self.fails: ToolFailed | None = None
        """What every call raises, while there is something."""
        self._missing = missing

    def check(self) -> None:
        self._try()

    def type(self, text: str) -> Typed:
        self._try()
        typed = "".join(letter for letter in text if letter not in self._missing)
        self.window += typed
        return Typed(len(typed), "".join(letter for letter in text if letter in self._missing))

    def erase(self, characters: int) -> None:
        self._try()
        self.window = self.window[:-characters]

    def break_line(self) -> None:
        self._try()
        self.window += "\n"

    def settle(self) -> None:
        pass

    def focus(self) -> str:
        return self.focused

    def _try(self) -> None:
        if self.fails:
            raise self.fails
