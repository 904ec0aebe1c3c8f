"""The one bridge from the threads of a session to the screen."""

import threading
from collections.abc import Sequence
from contextlib import suppress

from textual.message import Message
from textual.message_pump import MessagePump

from live_canary.events import BacklogChanged, Event, LevelChanged, PartialChanged

_REPLACEABLE = {LevelChanged, PartialChanged, BacklogChanged}


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
            with suppress(RuntimeError):  # the event loop has closed between the question and the call
                self._screen.post_message(EventsWaiting())

    def take(self) -> list[Event]:
        """All that wait, in order, without what a later one among them makes obsolete."""
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return newest(waiting)


def newest(events: Sequence[Event]) -> list[Event]:
    """Of each source's levels, of each utterance's partials, and of backlogs only the last; everything else stays."""
    if _REPLACEABLE.isdisjoint(map(type, events)):
        return list(events)
    kept: list[Event] = []
    superseded: set[tuple[str, str, float]] = set()
    for event in reversed(events):
        subject = _replaceable_subject(event)
        if subject not in superseded:
            kept.append(event)
        if subject:
            superseded.add(subject)
    return kept[::-1]


def _replaceable_subject(event: Event) -> tuple[str, str, float] | None:
    """What a later event of the same kind would say anew; None for an event that happens once."""
    match event:
        case LevelChanged(source):
            return "level", source, 0.0
        case PartialChanged(source, start_seconds):
            return "partial", source, start_seconds
        case BacklogChanged():
            return "backlog", "", 0.0
    return None
