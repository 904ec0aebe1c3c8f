"""All keys on one page, made from the bindings themselves so that it cannot tell anything else."""

from collections.abc import Iterable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
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
    "slash": "/",
    "question_mark": "?",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
}
KEYS_CELLS = 14


def key_name(key: str) -> str:
    """As it is written on a keyboard: `Shift+↑` for `shift+up`."""
    *modifiers, plain = key.split("+")
    return "+".join([*(modifier.capitalize() for modifier in modifiers), KEY_NAMES.get(plain, plain)])


class HelpScreen(ModalScreen[None]):
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,question_mark", "dismiss", "Back")]

    def __init__(self, bindings: Iterable[Binding]) -> None:
        super().__init__()
        self._listed = list(bindings)

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog"):
            yield Static("Keys", classes="dialog--title")
            yield Static(Content("\n").join(self._row(binding) for binding in self._listed))
            yield Static("\nWith the mouse: click selects, Shift+click extends, the wheel scrolls.")

    @staticmethod
    def _row(binding: Binding) -> Content:
        keys = " ".join(key_name(key) for key in binding.key.split(","))
        return Content.assemble((f"{keys:{KEYS_CELLS}}", "bold $primary"), binding.description)
