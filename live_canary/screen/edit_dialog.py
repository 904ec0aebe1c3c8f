"""Correcting the words of an utterance."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Label, TextArea

from live_canary.printable import one_line
from live_canary.screen.fields import InOrder


class Words(InOrder, TextArea):
    """Lines break where they must; Enter ends the editing instead of a line."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "accept", "Keep")]

    class Accepted(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    def action_accept(self) -> None:
        self.post_message(self.Accepted(self.text))


class EditDialog(ModalScreen[str | None]):
    """Gives the text as it is to be, "" when nothing should be left of it, or None when nothing was changed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back")]

    def __init__(self, time: str, text: str) -> None:
        super().__init__()
        self._time, self._text = time, text

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(f"Edit what was said at {self._time}", classes="dialog--title")
            words = Words(self._text, id="edit-text", compact=True, highlight_cursor_line=False)
            words.move_cursor(words.document.end)
            yield words
            yield Label("Enter keeps it, Escape goes back. Without any text the line is deleted.")

    def on_words_accepted(self, accepted: Words.Accepted) -> None:
        """Keys that were pressed since are no longer words."""
        text = " ".join(one_line(accepted.text).split())
        self.dismiss(None if text == self._text else text)
