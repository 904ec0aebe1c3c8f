"""Fields to type in, which do what the keys say in the order in which they were pressed.

Textual has a letter be typed by the field, but the action of a bound key, such as Backspace, Left or Enter, be run by
the app, which gets the key when the field has passed it on. Where several come at once, as over a slow line, from a
macro or while the app is busy, the letters behind such a key were typed before it was heeded.
"""

from textual import events
from textual.widgets import Input, TextArea


class InOrder:
    """For a widget that is typed in: runs its own bindings when their key comes, before anything else is typed."""

    async def _on_key(self, event: events.Key) -> None:
        assert isinstance(self, Input | TextArea)
        bound = self._bindings.key_to_bindings.get(event.key)
        if bound and not event.is_printable:
            event.stop()
            event.prevent_default()
            await self.run_action(bound[0].action)


class Field(InOrder, Input):
    """One line."""
