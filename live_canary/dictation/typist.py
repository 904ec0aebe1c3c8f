"""Decides what is typed, remembers what was, and goes on with the next keyboard when one fails."""

import unicodedata
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from live_canary.dictation.keyboards import CannotType, Desktop, Keyboard, Typed
from live_canary.dictation.programs import ToolEnded, ToolFailed, ToolStopped
from live_canary.errors import DictationError
from live_canary.printable import one_line

REMEMBERED = 200  # utterances that can be taken back
QUOTED = 30  # letters of an utterance in a notice

Action = Callable[[Keyboard], Typed]


def working(desktop: Desktop) -> list[Keyboard]:
    """Its keyboards that could type now, in their order. Raises DictationError, which says why none can."""
    able, reasons = probed(desktop)
    if not able:
        tried = f": {', '.join(reasons)}" if reasons else ""
        raise DictationError(f"--type finds nothing that can type here{tried}. {desktop.advice}.")
    return able


def probed(desktop: Desktop) -> tuple[list[Keyboard], list[str]]:
    """Those that could type now, and for each other one its name and the reason."""
    able, reasons = [], []
    for keyboard in desktop.keyboards:
        try:
            keyboard.check()
        except ToolFailed as failure:
            reasons.append(f"{keyboard.name} ({failure})")
        else:
            able.append(keyboard)
    return able, reasons


@dataclass(frozen=True, slots=True)
class _Laid:
    """What an utterance or a line break put into a window."""

    characters: int | None
    """None where that is not known."""
    window: str = ""


class Typist:
    """Types utterances, each followed by a space. Used from one thread; a call takes as long as its tool."""

    def __init__(self, keyboards: Sequence[Keyboard], tell: Callable[[str], None]):
        """keyboards: not empty, the best first; tell: is given a sentence for the user when something did not work."""
        self._keyboards = list(keyboards)
        self._tell = tell
        self._typed: deque[_Laid] = deque(maxlen=REMEMBERED)

    def type(self, text: str) -> None:
        """An utterance, in the composed form that one Backspace a letter takes back."""
        line = unicodedata.normalize("NFC", one_line(text)) + " "
        self._remember(
            lambda keyboard: keyboard.type(line), f"“{_beginning(line)}” was not typed, the transcript has it"
        )

    def break_lines(self, count: int) -> None:
        self._remember(lambda keyboard: _break_lines(keyboard, count), "the new line was not typed")

    def take_back(self) -> None:
        """Erases the latest utterance or line break that has not been erased yet, in the window that has it."""
        laid = self._typed.pop() if self._typed else _Laid(0)
        if (count := laid.characters) is None:
            self._tell("It is not known how much of that was typed; erase it by hand.")
        elif count:
            self._erase(count, laid.window)

    def _erase(self, count: int, window: str) -> None:
        is_elsewhere = False

        def erase(keyboard: Keyboard) -> Typed:
            nonlocal is_elsewhere
            self._settle()
            is_elsewhere = _are_two(window, self._focus())
            if not is_elsewhere:
                keyboard.erase(count)
            return Typed(-count)

        erased = self._ask(erase, "what was typed was not erased")
        if is_elsewhere:
            self._tell("That was typed into another window; erase it there by hand.")
        elif not (erased and erased.characters):
            self._typed.append(_Laid(None))  # how much of it the user has erased by hand is not known

    def _remember(self, action: Action, loss: str) -> None:
        windows: list[str] = []

        def watched(keyboard: Keyboard) -> Typed:
            self._settle()
            windows[:] = [self._focus()]
            typed = action(keyboard)
            windows.append(self._focus())
            return typed

        typed = self._ask(watched, loss)
        if windows and _are_two(windows[0], windows[-1]):
            self._tell("Another window got the focus while that was typed: check what went into which.")
            typed = None
        self._typed.append(_Laid(typed.characters, windows[-1]) if typed else _Laid(None))

    def _settle(self) -> None:
        """To be called before the focus is asked for: whoever holds Alt may be about to change it. Raises ToolEnded."""
        for keyboard in self._keyboards:
            keyboard.settle()

    def _focus(self) -> str:
        """The window that gets keys now, if any of the tools knows. Raises ToolEnded."""
        return next((window for keyboard in self._keyboards if (window := keyboard.focus())), "")

    def _ask(self, action: Action, loss: str) -> Typed | None:
        """What the first keyboard that could do it typed, or erased; None when one stopped, perhaps in the midst of it.

        What that one may have typed no other types again. One that fails or stops comes last from then on.
        """
        failures: list[str] = []
        broken = False
        for keyboard in list(self._keyboards):
            try:
                typed = action(keyboard)
            except ToolStopped as failure:
                if not isinstance(failure, ToolEnded):
                    self._put_last(keyboard)
                self._tell(f"{keyboard.name}: {failure}; perhaps {loss}.")
                return None
            except CannotType as failure:
                failures.append(f"{keyboard.name} {failure}")
            except ToolFailed as failure:
                self._put_last(keyboard)
                failures.append(f"{keyboard.name}: {failure}")
                broken = True
            else:
                if broken:
                    self._tell(f"{'; '.join(failures)}. {keyboard.name} types instead.")
                if typed.missing:
                    self._tell(f"{keyboard.name} has no keys for {typed.missing}; the transcript has it.")
                return typed
        self._tell(f"{'; '.join(failures)}; {loss}.")
        return Typed(0)

    def _put_last(self, keyboard: Keyboard) -> None:
        self._keyboards.remove(keyboard)
        self._keyboards.append(keyboard)


def _break_lines(keyboard: Keyboard, count: int) -> Typed:
    for done in range(count):
        try:
            keyboard.break_line()
        except ToolFailed as failure:
            raise ToolStopped(str(failure)) if done else failure from None
    return Typed(count)


def _are_two(window: str, another: str) -> bool:
    """Whether both are known, and are not the same."""
    return bool(window and another) and window != another


def _beginning(text: str) -> str:
    return text[:QUOTED].strip() + ("…" if len(text) > QUOTED else "")
