"""The screen of a running session: header, transcript, status, keys. Widgets draw; this decides what a key does."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Footer

from live_canary.events import (
    Event,
    GapMarked,
    PartialChanged,
    SourceLost,
    SourceRecovered,
    SourceWarned,
    StageFailed,
    UtteranceFinal,
)
from live_canary.screen.empty_state import EmptyState
from live_canary.screen.header_line import HeaderLine
from live_canary.screen.state import SessionState
from live_canary.screen.status_line import StatusLine
from live_canary.screen.transcript_view import TranscriptView
from live_canary.transcript.formats import one_line


class ListeningScreen(Screen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.finish", "Quit"),
    ]

    def __init__(self, state: SessionState) -> None:
        super().__init__()
        self._state = state

    def compose(self) -> ComposeResult:
        yield HeaderLine(self._state, id="header")
        yield EmptyState(id="empty")
        yield TranscriptView(with_source=self._state.info.with_source, id="transcript")
        yield StatusLine(self._state, id="status")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self.transcript.focus()
        self.state_changed()

    @property
    def transcript(self) -> TranscriptView:
        return self.query_one(TranscriptView)

    def show(self, events: list[Event]) -> None:
        """Draws what `events` changed; the state already knows them."""
        for event in events:
            self._show(event)
        self.state_changed()

    def state_changed(self) -> None:
        empty = self.query_one(EmptyState)
        empty.display = self.transcript.is_blank
        self.transcript.display = not empty.display
        if empty.display:
            empty.update_from(self._state)
        self.query_one(StatusLine).update()
        self.query_one(HeaderLine).refresh()

    def _show(self, event: Event) -> None:
        match event:
            case UtteranceFinal(utterance):
                self.transcript.append(utterance)
            case GapMarked(gap):
                self.transcript.append(gap)
            case PartialChanged():
                self.transcript.show_partial(event)
            case SourceLost(source, reason):
                self.notify(f"{one_line(source)}: {one_line(reason)}", title="Nothing is heard", severity="warning")
            case SourceRecovered(source):
                self.notify(f"{one_line(source)} is back.")
            case SourceWarned(_, message):
                self.notify(one_line(message), severity="warning")
            case StageFailed(_, message, fatal=False):
                self.notify(one_line(message), severity="error", timeout=15)
