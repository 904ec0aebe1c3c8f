"""The screen of a running session: header, transcript, status, keys. Widgets draw; this decides what a key does."""

from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container

from live_canary.errors import OutputError
from live_canary.events import (
    Event,
    GapMarked,
    InputOpened,
    ModelWarned,
    PartialChanged,
    SourceLost,
    SourceRecovered,
    SourceWarned,
    StageFailed,
    UtteranceAmended,
    UtteranceFinal,
)
from live_canary.screen.clipboard import Copying
from live_canary.screen.editing_screen import EditingScreen, counted
from live_canary.screen.empty_state import EmptyState
from live_canary.screen.export_dialog import ExportDialog, export
from live_canary.screen.header_line import HeaderLine
from live_canary.screen.help_screen import HelpScreen
from live_canary.screen.input_dialog import Choice, InputDialog
from live_canary.screen.key_row import KeyRow
from live_canary.screen.search import SearchBar, next_match
from live_canary.screen.state import SessionState
from live_canary.screen.status_line import StatusLine
from live_canary.screen.transcript_view import TranscriptView
from live_canary.session.session import Session
from live_canary.transcript.taking_back import Latest
from live_canary.transcript.utterance import Utterance


class ListeningScreen(EditingScreen):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.finish", "Quit"),
        Binding("question_mark", "help", "Help"),
        Binding("slash", "search", "Search", priority=True),  # before the letters that come with it
        Binding("n", "match(1)", "Next match", show=False),
        Binding("N", "match(-1)", "Previous match", show=False),
        Binding("p", "app.pause", "Pause"),
        Binding("1", "app.mute(0)", "Mute source 1", show=False),
        Binding("2", "app.mute(1)", "Mute source 2", show=False),
        Binding("i", "input", "Hear another input", show=False),
        Binding("c", "copy", "Copy"),
        Binding("C", "copy_all", "Copy everything", show=False),
        Binding("a", "copy_each", "Copy each new utterance", show=False),
        Binding("s", "export", "Save as"),
        Binding("e,enter", "edit", "Edit"),
        Binding("d,delete", "delete", "Delete", show=False),
        Binding("r", "hear_again", "Hear again", show=False),
        Binding("u,ctrl+z", "undo", "Undo", show=False),
        Binding("b", "bookmark", "Bookmark"),
        Binding("left_square_bracket", "to_bookmark(-1)", "Previous bookmark", show=False),
        Binding("right_square_bracket", "to_bookmark(1)", "Next bookmark", show=False),
        Binding("t", "app.toggle_theme", "Dark or light", show=False),
        Binding("escape", "back", "End search or selection", show=False),
    ]

    def __init__(self, state: SessionState, session: Session) -> None:
        super().__init__(state, session)
        self._clipboard = Copying(self)
        self._latest = Latest()
        self._awaited: dict[str, str] = {}
        """Of each source the input that was chosen and is not heard yet."""
        self._header = HeaderLine(state, id="header")
        self._empty = EmptyState(id="empty", markup=False)
        self._search = SearchBar(self.transcript, id="search")
        self._status = StatusLine(state, id="status")

    def compose(self) -> ComposeResult:
        yield self._header
        with Container(id="reading"):
            yield self._empty
            yield self.transcript
        yield self._search
        yield self._status
        yield KeyRow(show_command_palette=False)

    def on_mount(self) -> None:
        self.transcript.focus()
        self.watch(self.transcript, "below", self._status.show_below)
        self.state_changed()

    def show(self, events: list[Event]) -> None:
        """Draws what `events` changed; the state already knows them."""
        deleted: list[int] = []
        for event in events:
            if isinstance(event, UtteranceFinal):  # before all others: thousands may come at once
                self._show_utterance(event.utterance)
            elif isinstance(event, UtteranceAmended):
                self._latest.revised(event.index, event.text)
                if self.amended(event.index, event.text):
                    deleted.append(event.index)
            else:
                self._show(event)
        self.tell_deleted(deleted)
        self.transcript.draw_changes()
        if any(isinstance(event, UtteranceFinal | UtteranceAmended) for event in events):
            self._search.look_again()
        self.state_changed()

    def state_changed(self) -> None:
        self._empty.display = self.transcript.is_blank
        if self._empty.display:
            self._empty.update_from(self.state)
        self._status.update()
        self._header.update()

    def _show(self, event: Event) -> None:
        match event:
            case GapMarked(gap):
                self.transcript.append(gap)
            case PartialChanged():
                self.transcript.show_partial(event)
            case SourceLost(source, reason):
                self.tell(f"{source}: {reason}", "warning")
            case SourceRecovered(source):
                self.tell(f"{source} is back.")
            case InputOpened(source, opened) if self._awaited.get(source) == opened:
                del self._awaited[source]
                self.tell(f"{source} hears {opened} now. Next time too: live-canary --device '{opened}'")
            case SourceWarned(source, message):
                self._awaited.pop(source, None)
                self.tell(message, "warning")
            case ModelWarned(message):
                self.tell(message, "warning")
            case StageFailed(_, message):
                self.tell(message, "error")

    def _show_utterance(self, utterance: Utterance) -> None:
        is_users = not self.state.info.with_source or utterance.source == self.state.info.sources[0]
        latest = self._latest.heed(utterance) if is_users else None
        if self.state.copying and latest is not None:
            self._clipboard.copy(latest)
        if utterance.command:
            self.transcript.lines.obey(utterance)
            self.transcript.show_partial(PartialChanged(utterance.source, utterance.start_seconds, "", ""))
            return
        self.transcript.append(utterance)

    def action_input(self) -> None:
        """Shows what can be heard, each with its level, and hears what is chosen from then on."""
        auditions = {} if self.state.finishing or self.state.ended else self.session.auditions()
        if auditions:
            self.app.push_screen(InputDialog(auditions, self.state.sources), self._switch)
        else:
            self.tell("Only live sound has other inputs to choose.")

    def _switch(self, choice: Choice | None) -> None:
        if choice:
            name, one = choice
            self._awaited[name] = one.name
            self.session.switch_input(name, one)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen([*type(self).BINDINGS, *TranscriptView.BINDINGS, *type(self.app).BINDINGS]))

    def action_search(self) -> None:
        self._search.open()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """In the search a slash is a letter like others."""
        return action != "search" or not self._search.has_focus_within

    def action_match(self, step: int) -> None:
        if self._search.is_on:
            self._search.go(step)
        else:
            self.tell("There is no search; / starts one.")

    def action_back(self) -> None:
        """Ends the search if there is one, else the selection."""
        if self._search.display:
            self._search.action_end()
        else:
            self.transcript.clear_selection()

    def action_to_bookmark(self, step: int) -> None:
        bookmarks = sorted(self.transcript.bookmarks - self.transcript.lines.hidden)
        if bookmarks:
            self.transcript.select(next_match(bookmarks, self.transcript.current or 0, step))
        else:
            self.tell("There is no bookmark; b sets one.")

    def action_copy(self) -> None:
        """Copies the selection, or the newest utterance."""
        self._copy(self.chosen())

    def action_copy_all(self) -> None:
        self._copy(self.transcript.lines.shown())

    def action_copy_each(self) -> None:
        """Begins or ends to keep the user's newest utterance on the clipboard, for dictation into another window."""
        self.state.copying = not self.state.copying
        self.state_changed()

    def action_export(self) -> None:
        selected = self.transcript.selected
        numbers = self.transcript.lines.shown(selected)
        if not numbers:
            self.tell("There is nothing to save yet.")
            return
        what = f"the selection ({counted(len(numbers))})" if selected else "the whole transcript"
        suggestion = f"transcript-{self.state.started:%Y-%m-%d-%H%M}.md"
        dialog = ExportDialog(what, suggestion, self.state.info.outputs)
        self.app.push_screen(dialog, partial(self._export, selected))

    def _copy(self, numbers: list[int]) -> None:
        if not numbers:
            self.tell("There is nothing to copy yet.")
            return
        cut = partial(self.tell, "Some terminals cut a text of this length; s saves it in a file.", "warning")
        self._clipboard.copy("\n".join(self.transcript.lines.texts[number] for number in numbers), cut)
        self.tell(f"Copied {counted(len(numbers))}.")

    def _export(self, selected: range | None, path: Path | None) -> None:
        """Saves what stands there by now: while the name was typed, words may have come or been taken back."""
        if path is None:
            return
        lines = self.transcript.lines
        numbers = lines.shown(selected)
        if not numbers:
            self.tell("There is nothing left to save.")
            return
        marked_entries = (lines.entries[number] for number in self.transcript.bookmarks)
        marked = {entry.index for entry in marked_entries if isinstance(entry, Utterance)}
        with_source = self.state.info.with_source
        try:
            export(path, lines.to_save(numbers), self.state.started, with_source=with_source, bookmarked=marked)
        except OutputError as error:
            self.tell(str(error), "error")
        else:
            self.tell(f"Saved {counted(len(numbers))} in {path}.")
