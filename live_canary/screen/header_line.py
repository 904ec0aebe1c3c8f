"""The first row: what runs, for how long, and how much it has written down."""

from textual.content import Content
from textual.widget import Widget

from live_canary.printable import clock
from live_canary.screen.state import SessionState

WORDS_FROM_CELLS = 60  # a narrower terminal has room for the time only


class HeaderLine(Widget):
    """Drawn when a character of it changes: once a second."""

    def __init__(self, state: SessionState, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = state
        self._drawn = ("", "", "")

    def on_mount(self) -> None:
        self.set_interval(1.0, self.update)

    def update(self) -> None:
        parts = self._parts()
        if parts != self._drawn:
            self._drawn = parts
            self.refresh()

    def render(self) -> Content:
        doing, colour, right = self._parts()
        left = Content.assemble((" live-canary ", "bold $primary"), (doing, colour))
        return left.pad_right(max(self.size.width - left.cell_length - len(right) - 1, 1)) + right

    def _parts(self) -> tuple[str, str, str]:
        elapsed = clock(self._state.elapsed_seconds)
        words = "1 word" if self._state.words == 1 else f"{self._state.words:,} words"
        return *phase(self._state), f"{words}   {elapsed}" if self.size.width >= WORDS_FROM_CELLS else elapsed


def phase(state: SessionState) -> tuple[str, str]:
    """Where the session is between its start and its end, and the colour of that."""
    if state.ended:
        return "ended", "$text-muted"
    if state.finishing:
        return "finishing…", "$text-warning"
    if state.paused:
        return "paused, p goes on", "$text-warning"
    if not state.listening:
        return "not listening", "$text-muted"
    return ("listening", "$text-success") if state.model_ready else ("listening, model loading", "$text-warning")
