"""The keys below everything: as many as the row holds whole, the most needed first; `?` shows all."""

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.events import Resize
from textual.widgets import Footer
from textual.widgets._footer import FooterKey


class KeyRow(Footer):
    def compose(self) -> ComposeResult:
        room = self.app.size.width
        for key in super().compose():
            if isinstance(key, FooterKey):
                room -= cell_len(f" {key.key_display} {key.description} ")
            if room >= 0:
                yield key

    def on_resize(self, event: Resize) -> None:
        self.refresh(recompose=True)
