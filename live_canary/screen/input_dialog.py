"""Choosing what a source hears, by looking at how loud each input is just now."""

import time
from collections.abc import Mapping
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Label, OptionList

from live_canary.audio.soundsystem import Input
from live_canary.events import LevelChanged
from live_canary.printable import one_line
from live_canary.screen.state import SourceState
from live_canary.screen.status_line import meter
from live_canary.session.audition import Audition

LEVELS_SECONDS = 0.1
WIDEST_ROW = 74  # cells, in a dialog of 80
Choice = tuple[str, Input]
"""A source's name and the input that it is to hear."""


class InputDialog(ModalScreen[Choice | None]):
    """A row for each input of each source, with its level. Gives the chosen one, or None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss", "Back")]

    def __init__(self, auditions: Mapping[str, Audition], sources: Mapping[str, SourceState]) -> None:
        """sources: what the session knows of those that it hears, whose level is shown for the present input."""
        super().__init__()
        self._auditions, self._sources = auditions, sources
        self._choices: list[Choice] = []
        self._meters: dict[str, SourceState] = {}
        self._drawn: list[Content] = []

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Hear another input", classes="dialog--title")
            yield OptionList(id="inputs", compact=True)
            yield Label("Looking for inputs…", id="inputs-notice", markup=False)
            yield Label("Speak and see which one moves. Enter chooses, Escape goes back.")

    def on_mount(self) -> None:
        self.set_interval(LEVELS_SECONDS, self.update_levels)
        self.update_levels()

    def on_unmount(self) -> None:
        for audition in self._auditions.values():
            audition.close()

    def update_levels(self) -> None:
        """Draws the rows whose level has changed, or all when another input was found."""
        choices = [(name, one) for name, audition in self._auditions.items() for one in audition.inputs]
        rows = [self._row(*choice) for choice in choices]
        options = self.query_one(OptionList)
        if choices != self._choices:
            heard = next((choice for choice in choices if self._is_heard(*choice)), None)
            picked = None if options.highlighted is None else self._choices[options.highlighted]
            if picked not in choices or self._is_heard(*picked):  # not moved by the user
                picked = heard
            self._choices = choices
            options.set_options(rows)
            options.highlighted = choices.index(picked) if picked else 0
            self.query_one("#inputs-notice").display = not choices
        else:
            for number, (row, drawn) in enumerate(zip(rows, self._drawn, strict=True)):
                if row != drawn:
                    options.replace_option_prompt_at_index(number, row)
        self._drawn = rows

    def on_option_list_option_selected(self, selected: OptionList.OptionSelected) -> None:
        name, one = self._choices[selected.option_index]
        obstacle = self._auditions[name].obstacle(one)
        if obstacle:
            notice = self.query_one("#inputs-notice", Label)
            notice.display = True
            notice.update(one_line(obstacle))
        else:
            self.dismiss(None if self._is_heard(name, one) else (name, one))

    def _row(self, name: str, one: Input) -> Content:
        label = one_line(one.name) + (" (default)" if one.is_default else "")
        if len(self._auditions) > 1:
            label = f"{one_line(name)}: {label}"
        cells = self._row_cells - self._meter_cells - 4
        if cell_len(label) > cells:
            label = set_cell_size(label, cells - 1).rstrip() + "…"
        mark = ("● ", "$text-success") if self._is_heard(name, one) else ("  ", "")
        return Content.assemble(mark, set_cell_size(label, cells), "  ", *self._level(name, one))

    @property
    def _row_cells(self) -> int:
        return min(self.size.width - 6, WIDEST_ROW)

    @property
    def _meter_cells(self) -> int:
        return max(self._row_cells // 3, 8)

    def _level(self, name: str, one: Input) -> list[tuple[str, str]]:
        if self._is_heard(name, one) and name in self._sources:
            return meter(self._sources[name], self._meter_cells)
        level = self._auditions[name].level(one)
        if level is None:
            return [("no sound" if self._auditions[name].obstacle(one) else "", "$text-muted")]
        shown = self._meters.setdefault(one.identity, SourceState(one.name))
        shown.hear(LevelChanged(one.name, level.rms_dbfs, level.peak_dbfs), time.monotonic())
        return meter(shown, self._meter_cells)

    def _is_heard(self, name: str, one: Input) -> bool:
        return self._auditions[name].heard.identity == one.identity
