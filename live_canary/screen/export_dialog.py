"""Saving a part of the transcript, or all of it, in a file of its own."""

from collections.abc import Container, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Label

from live_canary import files
from live_canary.errors import OutputError
from live_canary.screen.fields import Field
from live_canary.transcript.formats import FORMATS
from live_canary.transcript.pieces import whole_transcript
from live_canary.transcript.places import check_free, check_output, format_of, write_whole
from live_canary.transcript.utterance import Entry


def export(
    path: Path, entries: Sequence[Entry], started: datetime, *, with_source: bool, bookmarked: Container[int] = ()
) -> None:
    """Writes `entries` to `path`, all of them in place of what was there. Raises OutputError and then leaves it so."""
    check_output(path, overwrite=True)
    text = whole_transcript(format_of(path), entries, started, with_source=with_source, bookmarked=bookmarked)
    write_whole(path, text)


class ExportDialog(ModalScreen[Path | None]):
    """Asks for a file name; gives a path that can be written, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Back")]

    def __init__(self, what: str, suggestion: str, taken: Sequence[Path]) -> None:
        """`what` is to be saved; `taken` are files that the session itself writes."""
        super().__init__()
        self._what = what
        self._suggestion = suggestion
        self._taken = [path.resolve() for path in taken]
        self._confirmed: Path | None = None

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(f"Save {self._what} as", classes="dialog--title")
            yield Field(self._suggestion, id="export-path", compact=True, select_on_focus=False)
            yield Label("", id="export-notice", markup=False)
            yield Label(f"Enter saves, Escape goes back. The suffix chooses the format: {' '.join(FORMATS)}")

    def on_input_changed(self) -> None:
        self._notice("")

    def on_input_submitted(self, submitted: Input.Submitted) -> None:
        path = files.expanded(submitted.value.strip())
        obstacle = self._obstacle(path)
        if obstacle:
            self._notice(obstacle)
        else:
            self.dismiss(path)

    def _obstacle(self, path: Path) -> str:
        try:
            check_output(path, overwrite=True)
            if path.resolve() in self._taken:
                return "The session writes this file itself; give another name."
            check_free(path)
        except OutputError as error:
            return str(error)
        if path.exists() and path != self._confirmed:
            self._confirmed = path
            return "This file exists. Enter again replaces it."
        return ""

    def _notice(self, text: str) -> None:
        self.query_one("#export-notice", Label).update(text)
