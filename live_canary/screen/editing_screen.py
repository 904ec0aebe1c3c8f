"""What keys change in the transcript: words, deletions, bookmarks, and back again."""

from functools import partial
from textwrap import shorten

from textual.notifications import SeverityLevel
from textual.screen import Screen

from live_canary.events import Event, UtteranceAmended
from live_canary.printable import clock, one_line
from live_canary.screen.corrections import Corrections, Step
from live_canary.screen.edit_dialog import EditDialog
from live_canary.screen.state import SessionState
from live_canary.screen.transcript_view import TranscriptView
from live_canary.session.session import Session
from live_canary.transcript.utterance import Utterance

NOTICE_SECONDS = 3.0
WARNING_SECONDS = 12.0
NAMED_LETTERS = 30  # of a line, in a notice about it


class EditingScreen(Screen[None]):
    """The part of the listening screen that changes what was heard."""

    def __init__(self, state: SessionState, session: Session) -> None:
        super().__init__()
        self.state, self.session = state, session
        self.transcript = TranscriptView(with_source=state.info.with_source, id="transcript")
        self._corrections = Corrections()

    def show(self, events: list[Event]) -> None:
        """Draws what `events` changed; the state already knows them."""
        raise NotImplementedError

    def amended(self, index: int, text: str | None) -> bool:
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
                self.tell("The model heard the same words again.")
            return False
        self.transcript.amend(number, text)
        return not self._corrections.made(index, before) and text is None

    def _correct(self, *steps: Step, undoing: bool = False) -> None:
        """Shows corrections at once: the session writes them when the model, which may take seconds, lets it."""
        changes: list[Event] = [UtteranceAmended(index, text) for index, text in steps]
        for change in changes:
            self.state.apply(change)
        with self._corrections.by_key(undoing=undoing):
            self.show(changes)
        for index, text in steps:
            self._corrections.ask((index, text))
            self.session.amend(index, text)

    def tell_deleted(self, indices: list[int]) -> None:
        if len(indices) == 1:
            self.tell(f"Deleted {self._named(indices[0])}; u brings it back.")
        elif indices:
            self.tell(f"Deleted {counted(len(indices))}; u brings them back one by one.")

    def action_edit(self) -> None:
        """Changes the words of the line that was selected last, or of the newest."""
        if utterance := self._current("edit"):
            dialog = EditDialog(clock(utterance.start_seconds), one_line(utterance.text))
            self.app.push_screen(dialog, partial(self._edited, utterance.index))

    def _edited(self, index: int, text: str | None) -> None:
        if text is not None:
            self._correct((index, text or None))

    def action_delete(self) -> None:
        """Takes the selected lines, or the newest, out of the transcript."""
        self._correct(*((utterance.index, None) for utterance in self._chosen_utterances("delete")))

    def action_hear_again(self) -> None:
        """Asks the model once more, with a little more sound before and after the line."""
        for utterance in self._chosen_utterances("hear again"):
            self.tell(f"Hearing {clock(utterance.start_seconds)} again…")
            self.session.hear_again(utterance.index)

    def action_undo(self) -> None:
        step = self._corrections.take_back()
        if step is None:
            self.tell("There is no edit to undo.")
            return
        index, _ = step
        self.transcript.show_entry(self._number(index))
        self._correct(step, undoing=True)
        self.tell(f"Undone: {self._named(index)}.")

    def _named(self, index: int) -> str:
        """Utterance `index` as a notice calls it: its time and how it begins."""
        entry = self.transcript.lines.entries[self._number(index)]
        assert isinstance(entry, Utterance)
        return f"{clock(entry.start_seconds)} “{shorten(entry.text, NAMED_LETTERS, placeholder='…')}”"

    def _number(self, index: int) -> int:
        """The entry that is utterance `index`, which stands in the transcript."""
        number = self.transcript.lines.number_of(index)
        assert number is not None
        return number

    def _current(self, what_for: str) -> Utterance | None:
        """The line that was selected last, or the newest; where no words are in it, no key is silent about it."""
        number = self.transcript.current
        entry = None if number is None else self.transcript.lines.entries[number]
        if isinstance(entry, Utterance):
            return entry
        self._tell_of_no_words(what_for)
        return None

    def chosen(self) -> list[int]:
        """The selected entries, or the newest one; none while there is none."""
        current = self.transcript.current
        if current is None:
            return []
        return self.transcript.lines.shown(self.transcript.selected or range(current, current + 1))

    def _chosen_utterances(self, what_for: str) -> list[Utterance]:
        """Those among the chosen entries; where there is none, no key is silent about it."""
        entries = [self.transcript.lines.entries[number] for number in self.chosen()]
        utterances = [entry for entry in entries if isinstance(entry, Utterance)]
        if not utterances:
            self._tell_of_no_words(what_for)
        return utterances

    def _tell_of_no_words(self, what_for: str) -> None:
        if self.transcript.current is None:
            self.tell(f"There is nothing to {what_for} yet.")
        else:
            self.tell(f"Nothing was heard there, so there are no words to {what_for}.")

    def action_bookmark(self) -> None:
        if utterance := self._current("bookmark"):
            is_set = self.transcript.toggle_bookmark(self._number(utterance.index))
            self.session.bookmark(utterance.index, is_set=is_set)

    def tell(self, text: str, severity: SeverityLevel = "information") -> None:
        seconds = NOTICE_SECONDS if severity == "information" else WARNING_SECONDS
        self.notify(one_line(text), severity=severity, timeout=seconds, markup=False)


def counted(utterances: int) -> str:
    return "1 utterance" if utterances == 1 else f"{utterances:,} utterances"
