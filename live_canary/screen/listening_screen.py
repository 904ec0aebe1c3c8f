"""The screen of a running session: header, transcript, status, keys. Widgets draw; this decides what a key does."""

from functools import partial
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.notifications import SeverityLevel
from textual.screen import Screen

from live_canary.errors import OutputError
from live_canary.events import (
    Event,
    GapMarked,
    InputOpened,
    PartialChanged,
    SourceLost,
    SourceRecovered,
    SourceWarned,
    StageFailed,
    UtteranceAmended,
    UtteranceFinal,
)
from live_canary.printable import clock, one_line
from live_canary.screen.clipboard import Copying
from live_canary.screen.contract import RunningSession
from live_canary.screen.corrections import Corrections, Step
from live_canary.screen.edit_dialog import EditDialog
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
from live_canary.transcript.utterance import Utterance

NOTICE_SECONDS = 3.0
WARNING_SECONDS = 12.0


class ListeningScreen(Screen[None]):
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

    def __init__(self, state: SessionState, session: RunningSession) -> None:
        super().__init__()
        self._state = state
        self._session = session
        self._corrections = Corrections()
        self._clipboard = Copying(self)
        self._awaited: dict[str, str] = {}
        """Of each source the input that was chosen and is not heard yet."""
        self._header = HeaderLine(state, id="header")
        self._empty = EmptyState(id="empty", markup=False)
        self.transcript = TranscriptView(with_source=state.info.with_source, id="transcript")
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
        deleted = 0
        for event in events:
            if isinstance(event, UtteranceFinal):  # before all others: thousands may come at once
                self._show_utterance(event.utterance)
            elif isinstance(event, UtteranceAmended):
                deleted += self._amend(event.index, event.text)
            else:
                self._show(event)
        if deleted == 1:
            self._tell("Deleted; u brings it back.")
        elif deleted:
            self._tell(f"Deleted {_counted(deleted)}; u brings them back one by one.")
        self.transcript.draw_changes()
        if any(isinstance(event, UtteranceFinal | UtteranceAmended) for event in events):
            self._search.look_again()
        self.state_changed()

    def state_changed(self) -> None:
        self._empty.display = self.transcript.is_blank
        if self._empty.display:
            self._empty.update_from(self._state)
        self._status.update()
        self._header.update()

    def _show(self, event: Event) -> None:
        match event:
            case GapMarked(gap):
                self.transcript.append(gap)
            case PartialChanged():
                self.transcript.show_partial(event)
            case SourceLost(source, reason):
                self._tell(f"{source}: {reason}", "warning")
            case SourceRecovered(source):
                self._tell(f"{source} is back.")
            case InputOpened(source, opened) if self._awaited.get(source) == opened:
                del self._awaited[source]
                self._tell(f"{source} hears {opened} now. Next time too: live-canary --device '{opened}'")
            case SourceWarned(source, message):
                self._awaited.pop(source, None)
                self._tell(message, "warning")
            case StageFailed(_, message):
                self._tell(message, "error")

    def _show_utterance(self, utterance: Utterance) -> None:
        if utterance.command:
            self.transcript.lines.obey(utterance)
            self.transcript.show_partial(PartialChanged(utterance.source, utterance.start_seconds, "", ""))
            return
        self.transcript.append(utterance)
        is_users = not self._state.info.with_source or utterance.source == self._state.info.sources[0]
        if self._state.copying and is_users:
            self._clipboard.copy(one_line(utterance.text))

    def _amend(self, index: int, text: str | None) -> bool:
        """The session has changed a line, because a key or a voice asked it to; True if that deletes it."""
        number = self.transcript.lines.number_of(index)
        if number is None:
            self.transcript.lines.take_back(index)
            return False
        before = self.transcript.lines.text_of(number)
        if self._corrections.is_shown((index, text), before):
            return False
        if text == before:
            if text is not None:  # a voice may take back what was deleted already
                self._tell("The model heard the same words again.")
            return False
        self.transcript.amend(number, text)
        return not self._corrections.made(index, before, text) and text is None

    def _correct(self, *steps: Step) -> None:
        """Shows corrections at once: the session writes them when the model, which may take seconds, lets it."""
        changes: list[Event] = [UtteranceAmended(index, text) for index, text in steps]
        for change in changes:
            self._state.apply(change)
        self.show(changes)
        for index, text in steps:
            self._corrections.ask((index, text))
            self._session.amend(index, text)

    def action_input(self) -> None:
        """Shows what can be heard, each with its level, and hears what is chosen from then on."""
        auditions = {} if self._state.finishing or self._state.ended else self._session.auditions()
        if auditions:
            self.app.push_screen(InputDialog(auditions, self._state.sources), self._switch)
        else:
            self._tell("Only what is heard live has another input to choose.")

    def _switch(self, choice: Choice | None) -> None:
        if choice:
            name, one = choice
            self._awaited[name] = one.name
            self._session.switch_input(name, one)

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
            self._tell("Nothing is searched for; / begins.")

    def action_back(self) -> None:
        """Ends the search if there is one, else the selection."""
        if self._search.display:
            self._search.action_end()
        else:
            self.transcript.clear_selection()

    def action_edit(self) -> None:
        """Changes the words of the line that was selected last, or of the newest."""
        number = self.transcript.current
        entry = None if number is None else self.transcript.lines.entries[number]
        if isinstance(entry, Utterance):
            dialog = EditDialog(clock(entry.start_seconds), one_line(entry.text))
            self.app.push_screen(dialog, partial(self._edited, entry.index))
        else:
            self._tell_of_no_words("edit")

    def _edited(self, index: int, text: str | None) -> None:
        if text is not None:
            self._correct((index, text or None))

    def action_delete(self) -> None:
        """Takes the selected lines, or the newest, out of the transcript."""
        self._correct(*((utterance.index, None) for utterance in self._chosen_utterances("delete")))

    def action_hear_again(self) -> None:
        """Asks the model once more, with a little more sound before and after the line."""
        for utterance in self._chosen_utterances("hear again"):
            self._tell(f"Hearing {clock(utterance.start_seconds)} again…")
            self._session.hear_again(utterance.index)

    def action_undo(self) -> None:
        step = self._corrections.last()
        if step is None:
            self._tell("There is no edit to undo.")
        else:
            self._correct(step)

    def _chosen(self) -> list[int]:
        """The selected entries, or the newest one; none while there is none."""
        current = self.transcript.current
        if current is None:
            return []
        return self.transcript.lines.shown(self.transcript.selected or range(current, current + 1))

    def _chosen_utterances(self, what_for: str) -> list[Utterance]:
        """Those among the chosen entries; where there is none, no key is silent about it."""
        entries = [self.transcript.lines.entries[number] for number in self._chosen()]
        utterances = [entry for entry in entries if isinstance(entry, Utterance)]
        if not utterances:
            self._tell_of_no_words(what_for)
        return utterances

    def _tell_of_no_words(self, what_for: str) -> None:
        if self.transcript.current is None:
            self._tell(f"There is nothing to {what_for} yet.")
        else:
            self._tell(f"Nothing was heard there, so there are no words to {what_for}.")

    def action_bookmark(self) -> None:
        number = self.transcript.current
        entry = None if number is None else self.transcript.lines.entries[number]
        if number is not None and isinstance(entry, Utterance):
            self._session.bookmark(entry.index, is_set=self.transcript.toggle_bookmark(number))
        else:
            self._tell_of_no_words("bookmark")

    def action_to_bookmark(self, step: int) -> None:
        bookmarks = sorted(self.transcript.bookmarks - self.transcript.lines.hidden)
        if bookmarks:
            self.transcript.select(next_match(bookmarks, self.transcript.current or 0, step))
        else:
            self._tell("There is no bookmark; b sets one.")

    def action_copy(self) -> None:
        """Copies the selection, or the newest utterance."""
        self._copy(self._chosen())

    def action_copy_all(self) -> None:
        self._copy(self.transcript.lines.shown())

    def action_copy_each(self) -> None:
        """Begins or ends to keep the user's newest utterance on the clipboard, for dictation into another window."""
        self._state.copying = not self._state.copying
        self.state_changed()

    def action_export(self) -> None:
        numbers = self.transcript.lines.shown(self.transcript.selected)
        if not numbers:
            self._tell("There is nothing to save yet.")
            return
        what = f"the selection ({_counted(len(numbers))})" if self.transcript.selected else "the whole transcript"
        suggestion = f"transcript-{self._state.started:%Y-%m-%d-%H%M}.md"
        dialog = ExportDialog(what, suggestion, self._state.info.outputs)
        self.app.push_screen(dialog, partial(self._export, numbers))

    def _copy(self, numbers: list[int]) -> None:
        if not numbers:
            self._tell("There is nothing to copy yet.")
            return
        cut = partial(self._tell, "Some terminals cut a text of this length; s saves it in a file.", "warning")
        self._clipboard.copy("\n".join(self.transcript.lines.texts[number] for number in numbers), cut)
        self._tell(f"Copied {_counted(len(numbers))}.")

    def _export(self, numbers: list[int], path: Path | None) -> None:
        if path is None:
            return
        lines = self.transcript.lines
        marked_entries = (lines.entries[number] for number in self.transcript.bookmarks)
        marked = {entry.index for entry in marked_entries if isinstance(entry, Utterance)}
        with_source = self._state.info.with_source
        try:
            export(path, lines.to_save(numbers), self._state.started, with_source=with_source, bookmarked=marked)
        except OutputError as error:
            self._tell(str(error), "error")
        else:
            self._tell(f"Saved {_counted(len(numbers))} in {path}.")

    def _tell(self, text: str, severity: SeverityLevel = "information") -> None:
        seconds = NOTICE_SECONDS if severity == "information" else WARNING_SECONDS
        self.notify(one_line(text), severity=severity, timeout=seconds, markup=False)


def _counted(utterances: int) -> str:
    return "1 utterance" if utterances == 1 else f"{utterances:,} utterances"
