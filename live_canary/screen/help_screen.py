"""All keys on one page, made from the bindings themselves so that it cannot tell anything else."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import ItemGrid, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

KEY_NAMES = {
    "up": "↑",
    "down": "↓",
    "pageup": "PgUp",
    "pagedown": "PgDn",
    "home": "Home",
    "end": "End",
    "escape": "Esc",
    "enter": "Enter",
    "delete": "Del",
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}
KEYS_CELLS = 11
LIST_CELLS = 36


def key_name(key: str) -> str:
    """As it is written on a keyboard: `Shift+↑` for `shift+up`."""
    *modifiers, plain = key.split("+")
    return "+".join([*(modifier.capitalize() for modifier in modifiers), KEY_NAMES.get(plain, plain)])


def key_names(binding: Binding) -> str:
    """All keys of a binding: `↑ k`."""
    return " ".join(key_name(key) for key in binding.key.split(","))


class HelpScreen(ModalScreen[None]):
    """All bindings in two columns of one length, one below the other where there is no room."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Back")]

    def __init__(self, bindings: Sequence[BindingType]) -> None:
        super().__init__()
        self._rows = [_row(binding) for binding in bindings if isinstance(binding, Binding)]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog"):
            yield Static("Keys", classes="dialog--title")
            with ItemGrid(min_column_width=LIST_CELLS):
                half = (len(self._rows) + 1) // 2
                for column in (self._rows[:half], self._rows[half:]):
                    yield Static(Content("\n").join(column))
            yield Static("Mouse: click selects, drag or Ctrl+click extends, the wheel scrolls.", classes="dialog--hint")


def _row(binding: Binding) -> Content:
    return Content.assemble((f"{key_names(binding):{KEYS_CELLS}}", "bold $primary"), binding.description)
