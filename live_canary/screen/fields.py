"""Fields to type in, which do what the keys say in the order in which they were pressed.

In Textual the field itself types a letter, but the app runs the action of a bound key, such as Backspace, Left or
Enter, once the field has passed the key on. Where several keys come at once, as over a slow line, from a macro or while
the app is busy, letters would be typed before the bound key that was pressed ahead of them has had its effect.
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
