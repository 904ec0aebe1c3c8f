"""Finding words in a transcript: a row to type them in, and the way from one match to the next."""

import re
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label


def pattern_for(text: str) -> re.Pattern[str] | None:
    """Matches `text` as it stands, in capitals or not; None when there is nothing to look for."""
    return re.compile(re.escape(text), re.IGNORECASE) if text.strip() else None


def next_match(matches: list[int], current: int, step: int) -> int:
    """The first of `matches` (ascending, not empty) after `current`, or before it if step < 0; around at the ends."""
    if step > 0:
        return next((match for match in matches if match > current), matches[0])
    return next((match for match in reversed(matches) if match < current), matches[-1])


class SearchBar(Horizontal):
    """Tells what is typed; hidden until `open`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "close", "End the search", show=False)]

    class Typed(Message):
        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Accepted(Message):
        """Enter: the reader goes on in the transcript, with the matches still marked."""

    class Closed(Message):
        """Escape: nothing is looked for any more."""

    def compose(self) -> ComposeResult:
        yield Label("/")
        yield Input(placeholder="words to find", compact=True, id="search-input")
        yield Label(id="search-count")

    def on_mount(self) -> None:
        self.display = False

    def open(self) -> None:
        self.display = True
        search = self.query_one(Input)
        search.focus()
        search.select_all()

    def close(self) -> None:
        self.display = False

    def show_position(self, matches: list[int], current: int | None) -> None:
        """`2 of 7` when entry `current` is one of `matches`."""
        if not matches:
            text = "nothing found" if self.query_one(Input).value.strip() else ""
        elif current in matches:
            text = f"{matches.index(current) + 1} of {len(matches)}"
        else:
            text = f"{len(matches)} found"
        self.query_one("#search-count", Label).update(text)

    def action_close(self) -> None:
        self.post_message(self.Closed())

    def on_input_changed(self, changed: Input.Changed) -> None:
        changed.stop()
        self.post_message(self.Typed(changed.value))

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        submitted.stop()
        self.post_message(self.Accepted())
