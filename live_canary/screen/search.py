"""Finding words in a transcript: a row to type them in, and the way from one match to the next."""

import re
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Label

from live_canary.screen.fields import Field
from live_canary.screen.transcript_view import TranscriptView


def pattern_for(text: str) -> re.Pattern[str] | None:
    """Matches `text` as it stands, in capitals or not; None when there is nothing to look for."""
    return re.compile(re.escape(text), re.IGNORECASE) if text.strip() else None


def next_match(matches: list[int], current: int, step: int) -> int:
    """The first of `matches` (ascending, not empty) after `current`, or before it if step < 0; around at the ends."""
    if step > 0:
        return next((match for match in matches if match > current), matches[0])
    return next((match for match in reversed(matches) if match < current), matches[-1])


class SearchBar(Horizontal):
    """Marks what is typed in a transcript and goes from match to match; hidden until `open`."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "end", "End the search", show=False)]

    def __init__(self, transcript: TranscriptView, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._transcript = transcript
        self._pattern: re.Pattern[str] | None = None

    def compose(self) -> ComposeResult:
        yield Label("/")
        yield Field(placeholder="words to find", compact=True, id="search-input")
        yield Label(id="search-count")

    def on_mount(self) -> None:
        self.display = False

    def open(self) -> None:
        self.display = True
        typed = self.query_one(Input)
        self.screen.set_focus(typed)  # now: the next letter is one to look for, and no key
        self._pattern = pattern_for(typed.value)
        self.look_again()

    @property
    def is_on(self) -> bool:
        """Whether something is looked for."""
        return self._pattern is not None

    def go(self, step: int) -> None:
        """To the next match, or to the previous one if step < 0."""
        matches = self._transcript.find(self._pattern)
        if matches:
            self._transcript.select(next_match(matches, self._transcript.current or 0, step))
            self._show_position(matches)

    def look_again(self) -> None:
        """The transcript has changed."""
        if self._pattern:
            self._show_position(self._transcript.find(self._pattern))

    def action_end(self) -> None:
        self._pattern = None
        self._transcript.find(None)
        self.display = False
        self.screen.set_focus(self._transcript)

    def on_input_changed(self, changed: Input.Changed) -> None:
        changed.stop()
        self._pattern = pattern_for(changed.value)
        self._go_to_nearest()

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        """The reader goes on in the transcript, with the matches still marked."""
        submitted.stop()
        self._go_to_nearest()  # the words may be those of a search before
        self.screen.set_focus(self._transcript)

    def _go_to_nearest(self) -> None:
        """To the match at or before the current entry."""
        matches = self._transcript.find(self._pattern)
        if matches:
            current = self._transcript.current or 0
            self._transcript.select(current if current in matches else next_match(matches, current, -1))
        self._show_position(matches)

    def _show_position(self, matches: list[int]) -> None:
        """`2 of 7` when the current entry is one of `matches`."""
        current = self._transcript.current
        if not matches:
            text = "nothing found" if self.query_one(Input).value.strip() else ""
        elif current in matches:
            text = f"{matches.index(current) + 1} of {len(matches)}"
        else:
            text = f"{len(matches)} found"
        self.query_one("#search-count", Label).update(text)
