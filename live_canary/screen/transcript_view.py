"""The transcript as a scrolling widget: what it follows, what is selected, and where a change moves what is read."""

import re
import sys
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.events import MouseDown, MouseEvent, MouseMove, Resize
from textual.geometry import Size
from textual.reactive import var

from live_canary.events import PartialChanged
from live_canary.screen.spoken_now import tail_lines
from live_canary.screen.transcript_drawing import GUTTER_CELLS, TranscriptDrawing
from live_canary.transcript.utterance import Entry

NOTHING = sys.maxsize  # beyond every line
MAX_TEXT_CELLS = 100  # longer lines are hard to follow with the eye


class TranscriptView(TranscriptDrawing, can_focus=True):
    """Follows the newest text until the reader scrolls up or selects; from then on nothing moves what is read."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "select(-1)", "Select the utterance above", show=False),
        Binding("down,j", "select(1)", "Select the utterance below", show=False),
        Binding("shift+up,K", "select(-1, True)", "Extend selection upwards", show=False),
        Binding("shift+down,J", "select(1, True)", "Extend selection downwards", show=False),
        Binding("pageup", "page_up", "A page up", show=False),
        Binding("pagedown", "page_down", "A page down", show=False),
        Binding("home,g", "top", "To the beginning", show=False),
        Binding("end,G,f", "follow", "To the end, and follow", show=False),
    ]

    following: var[bool] = var(True)
    """Whether new text scrolls into view."""
    below: var[int] = var(0)
    """Utterances and gaps below the last row."""

    def __init__(self, *, with_source: bool, id: str | None = None) -> None:
        super().__init__(with_source=with_source, id=id)
        self._cursor = self._anchor = 0
        self._partials: dict[tuple[str, float], PartialChanged] = {}
        """By source and start: in a call a final may wait for the other side while the next utterance is being said."""
        self._changed_from = NOTHING
        self._moved = 0
        """Lines by which what is being read has moved since it was drawn."""
        self._dragging = False
        """The mouse was pressed here and was not let go since."""
        self._to_be_seen: int | None = None
        """The entry that is to be in view when it is drawn."""
        self._drawn_width = 0

    @property
    def is_blank(self) -> bool:
        return not self.lines.line_count and not self._tail

    def append(self, entry: Entry) -> None:
        """Adds an utterance, which takes the place of its partial, or a gap; to be drawn by `draw_changes`."""
        if self._changed_from == NOTHING:
            self._changed_from = self.lines.line_count
        self.lines.append(entry)
        for source, start_seconds in list(self._partials):
            if source == entry.source and start_seconds < entry.end_seconds:
                del self._partials[source, start_seconds]

    def show_partial(self, partial: PartialChanged) -> None:
        """What a source is saying, to be drawn by `draw_changes`; a partial without text takes it away."""
        utterance = partial.source, partial.start_seconds
        if partial.settled or partial.tentative:
            self._partials[utterance] = partial
        else:
            self._partials.pop(utterance, None)
        self._changed_from = min(self._changed_from, self.lines.line_count)

    def amend(self, number: int, text: str | None) -> None:
        """Entry `number` says `text`, or was deleted; to be drawn by `draw_changes`."""
        first, before = self.lines.first_line(number), self.lines.line_count
        above = self.lines.last_line(number) < self.scroll_offset.y + self._moved
        self.lines.amend(number, text)
        self._changed_from = min(self._changed_from, first)
        if self.selected and number == self._cursor:
            self._to_be_seen = number
        if above:
            self._moved += self.lines.line_count - before

    def draw_changes(self) -> None:
        """Draws what changed or is being said, all of it at once; what is being read stays where it is."""
        if self._changed_from > self.lines.line_count:
            return
        moved, self._moved = self._moved, 0
        self._show_from(self._changed_from)
        if moved and not self.following:
            self.scroll_to(y=self.scroll_offset.y + moved, animate=False)
            self._show_from(self.lines.line_count)  # where it was scrolled to before, rows were kept
        seen, self._to_be_seen = self._to_be_seen, None
        if self.selected and self._cursor in self.lines.hidden:
            self._select_beside(self._cursor)
        elif seen is not None and seen not in self.lines.hidden:
            self._bring_into_view(seen)

    def show_entry(self, number: int) -> None:
        """Has entry `number` in view when what changed is drawn next."""
        self._to_be_seen = number

    def find(self, pattern: re.Pattern[str] | None) -> list[int]:
        """Marks what matches, or nothing any more; returns the numbers of the entries that do."""
        self._pattern = pattern
        self.refresh()
        return self.lines.matching(pattern) if pattern else []

    def select(self, cursor: int, *, extend: bool = False) -> None:
        """Selects entry `cursor`, with all up to where the selection began if it is to be extended; stops following."""
        if not (extend and self.selected):
            self._anchor = cursor
        self._cursor = cursor
        self.selected = range(min(cursor, self._anchor), max(cursor, self._anchor) + 1)
        self.following = False
        self._bring_into_view(cursor)
        self.refresh()

    def clear_selection(self) -> None:
        if self.is_vertical_scroll_end:
            self.action_follow()
        self.selected = None
        self.refresh()

    def toggle_bookmark(self, number: int) -> bool:
        """Whether entry `number` is marked now."""
        self.bookmarks ^= {number}
        self.refresh()
        return number in self.bookmarks

    @property
    def current(self) -> int | None:
        """The entry that a key acts on: the one selected last, else the newest; None while there is none."""
        if self.selected:
            return self._cursor
        return self.lines.shown_near(len(self.lines) - 1, -1)

    def action_select(self, step: int, extend: bool = False) -> None:
        if not self.lines.line_count:
            return
        if not self.selected:
            self.select(self._first_choice(step))
            return
        beside = self.lines.shown_near(self._cursor + step, step)
        self.select(self._cursor if beside is None else beside, extend=extend)

    def _select_beside(self, number: int) -> None:
        """The line below the deleted one is selected, or the one above it."""
        below = self.lines.shown_near(number, +1)
        beside = self.lines.shown_near(number, -1) if below is None else below
        if beside is None:
            self.clear_selection()
        else:
            self.select(beside)

    def action_top(self) -> None:
        self.scroll_home(animate=False)

    def action_follow(self) -> None:
        self.selected = None
        self.following = True
        self._show_from(self.lines.line_count)
        self.refresh()

    def on_mouse_down(self, pressed: MouseDown) -> None:
        """Selects what is clicked; many terminals keep clicks with Shift for themselves."""
        number = self._entry_under(pressed)
        if number is not None:
            self._dragging = True
            self.select(number, extend=pressed.shift or pressed.ctrl)

    def on_mouse_up(self) -> None:
        self._dragging = False

    def on_mouse_move(self, moved: MouseMove) -> None:
        """Selects all that the mouse is dragged over."""
        number = self._entry_under(moved) if self._dragging and self.selected else None
        if number is not None and number != self._cursor:
            self.select(number, extend=True)

    def _entry_under(self, mouse: MouseEvent) -> int | None:
        try:
            return self.lines.entry_at(mouse.y + self.scroll_offset.y)[0]
        except IndexError:
            return None

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.following = self.is_vertical_scroll_end and not self.selected
        self._count_below()

    def on_resize(self, event: Resize) -> None:
        top = self._entry_near(self.scroll_offset.y)
        was_following = self.following
        self.lines.width = max(min(self._cells - GUTTER_CELLS, MAX_TEXT_CELLS), 2)
        self._show_from(0)
        if was_following:
            self.action_follow()
        elif top is not None:
            self.scroll_to(y=self.lines.first_line(top), animate=False)

    def _first_choice(self, step: int) -> int:
        """The visible entry nearest to where a selection would come from: the bottom when it moves up."""
        line = self.scroll_offset.y + (self.size.height - 1 if step < 0 else 0)
        number = self._entry_near(line)
        return 0 if number is None else number

    def _entry_near(self, line: int) -> int | None:
        if not self.lines.line_count:
            return None
        return self.lines.entry_at(min(line, self.lines.line_count - 1))[0]

    def _bring_into_view(self, number: int) -> None:
        top, height = self.scroll_offset.y, self.size.height
        if self.lines.last_line(number) >= top + height:
            self.scroll_to(y=self.lines.last_line(number) - height + 1, animate=False)
        if self.lines.first_line(number) < self.scroll_offset.y:
            self.scroll_to(y=self.lines.first_line(number), animate=False)

    def _show_from(self, line: int) -> None:
        """Draws `line` and everything below it anew, and follows."""
        self._changed_from = NOTHING
        following = self.following
        before = self.virtual_size.height
        self._tail = [
            line
            for partial in self._partials.values()
            for line in tail_lines(partial, self.lines.label(partial.source), self.lines.width)
        ]
        height = self.lines.line_count + len(self._tail)
        if not following and self.lines.width == self._drawn_width:  # rows that become empty stay, so that none moves
            height = max(height, min(before, self.scroll_offset.y + self.size.height))
        self._drawn_width = self.lines.width
        self.virtual_size = Size(self._cells, height)
        self.refresh_lines(line, max(height, before) - line)
        if following:
            self.scroll_to(y=self.max_scroll_y, animate=False)
        self._count_below()

    def _count_below(self) -> None:
        last_visible = self._entry_near(self.scroll_offset.y + self.size.height - 1)
        below = 0 if last_visible is None else len(self.lines) - 1 - last_visible
        hidden = sum(number > last_visible for number in self.lines.hidden) if last_visible is not None else 0
        self.below = below - hidden
