"""The first row: what runs, for how long, and how much it has written down."""

from textual.content import Content
from textual.widget import Widget

from live_canary.screen.state import SessionState
from live_canary.transcript.formats import clock


class HeaderLine(Widget):
    """Drawn once a second, and when a word is added."""

    def __init__(self, state: SessionState, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = state

    def on_mount(self) -> None:
        self.set_interval(1.0, self.refresh)

    def render(self) -> Content:
        doing, colour = phase(self._state)
        left = Content.assemble((" live-canary ", "bold $primary"), (doing, colour))
        right = Content(counts(self._state) + " ")
        return left.pad_right(max(self.size.width - left.cell_length - right.cell_length, 1)) + right


def phase(state: SessionState) -> tuple[str, str]:
    """Where the session is between its start and its end, and the colour of that."""
    if state.ended:
        return "ended", "$text-muted"
    if state.finishing:
        return "finishing…", "$text-warning"
    if not state.listening:
        return "not listening", "$text-muted"
    return ("listening", "$text-success") if state.model_ready else ("listening, model loading", "$text-warning")


def counts(state: SessionState) -> str:
    return f"{state.words:,} word{'' if state.words == 1 else 's'}   {clock(state.elapsed_seconds)}"
