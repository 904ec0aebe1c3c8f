"""The one bridge from the threads of a session to the screen."""

import threading
from collections.abc import Iterable

from textual.message import Message
from textual.message_pump import MessagePump

from live_canary.events import BacklogChanged, Event, LevelChanged, PartialChanged


class EventsWaiting(Message):
    """The feed holds events that the screen has not taken yet."""


class SessionFeed:
    """Takes events from any thread and wakes the screen, once for all that wait, so a slow terminal holds nobody up.

    What is told to a screen that has closed is dropped: nothing that must be kept goes through here.
    """

    def __init__(self, screen: MessagePump) -> None:
        self._screen = screen
        self._lock = threading.Lock()
        self._waiting: list[Event] = []

    def __call__(self, event: Event) -> None:
        with self._lock:
            self._waiting.append(event)
            wake = len(self._waiting) == 1
        if wake:
            self._wake()

    def take(self) -> list[Event]:
        """All that wait, in order, without what a later one among them makes obsolete."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return newest(waiting)

    def _wake(self) -> None:
        try:
            self._screen.post_message(EventsWaiting())
        except RuntimeError:  # the event loop has closed between the question and the call
            return


def newest(events: Iterable[Event]) -> list[Event]:
    """Only the last of each run of levels, partials or backlogs of a source; everything else stays."""
    kept: list[Event] = []
    for event in events:
        if kept and _is_obsolete(kept[-1], event):
            kept.pop()
        kept.append(event)
    return kept


def _is_obsolete(earlier: Event, later: Event) -> bool:
    match earlier, later:
        case LevelChanged(source=one), LevelChanged(source=other):
            return one == other
        case PartialChanged(source=one), PartialChanged(source=other):
            return one == other
        case BacklogChanged(), BacklogChanged():
            return True
    return False
