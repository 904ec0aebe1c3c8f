"""Stands between a session and its screen: every event passes through, finals are typed and copied on the way."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from live_canary.dictation.clipboard import Clipboard
from live_canary.dictation.keyboards import Keyboard
from live_canary.dictation.programs import end_all
from live_canary.dictation.typist import Typist
from live_canary.events import Event, SessionEnded, StageFailed, UtteranceAmended, UtteranceFinal
from live_canary.transcript.taking_back import Latest
from live_canary.transcript.utterance import Utterance

GRACE_SECONDS = 0.3  # in which the last keys of a tool may still arrive
ENDED_TIMES, ENDING_SECONDS = 3, 1.0  # a tool whose helper was ended may begin once more; its keys are let go meanwhile

log = logging.getLogger(__name__)

Tell = Callable[[Event], None]


class Dictation:
    """Works in a thread of its own, so that a tool that hangs delays nothing but what is typed after it.

    SessionEnded waits until everything is typed: a screen that closed before would leave the keys to the shell.
    """

    def __init__(self, source: str, keyboards: Sequence[Keyboard] = (), clipboard: Clipboard | None = None):
        """source: whose finals are dictated; those of others only pass. keyboards: none to type nothing."""
        self._source = source
        self._typist = Typist(keyboards, self._notify) if keyboards else None
        self._clipboard = clipboard
        self._waiting: queue.SimpleQueue[Utterance | UtteranceAmended | SessionEnded | None] = queue.SimpleQueue()
        self._latest = Latest()
        self._thread = threading.Thread(target=self._run, name="dictation", daemon=True)
        self._abandoned = False
        self._telling = threading.Lock()
        self._tell: Tell = lambda event: None
        self._pressing = False
        self._pressed_at = 0.0

    def between(self, tell: Tell) -> Tell:
        """What a session is to tell its events to instead of `tell`, which gets them all, one at a time."""
        self._tell = tell
        self._thread.start()
        return self._take

    def abandon(self) -> None:
        """Type nothing more, not even the rest of the utterance that is being typed: the user has left at once."""
        self._abandoned = True
        self._waiting.put(None)
        if self._thread.ident is None:  # the session has not begun
            return
        for _ in range(ENDED_TIMES):
            end_all()
            self._thread.join(ENDING_SECONDS)

    def is_typing(self) -> bool:
        """Whether a key that is pressed now may be one of ours."""
        return self._pressing or time.monotonic() < self._pressed_at + GRACE_SECONDS

    def _take(self, event: Event) -> None:
        match event:
            case SessionEnded():
                self._waiting.put(event)
                return
            case UtteranceFinal(utterance) if utterance.source == self._source:
                self._waiting.put(utterance)
            case UtteranceAmended():
                self._waiting.put(event)
        self._pass_on(event)

    def _run(self) -> None:
        while isinstance(item := self._waiting.get(), Utterance | UtteranceAmended) and not self._abandoned:
            try:
                if isinstance(item, UtteranceAmended):
                    self._latest.revised(item.index, item.text)
                else:
                    self._dictate(item)
            except Exception as error:
                log.exception("dictation failed")
                self._notify(f"Internal error in dictation: {error!r}; please report it")
        if isinstance(item, SessionEnded):
            self._pass_on(item)

    def _dictate(self, utterance: Utterance) -> None:
        latest = self._latest.heed(utterance)
        if self._clipboard and latest is not None and (notice := self._clipboard.put(latest)):
            self._notify(notice)
        if self._typist:
            with self._keys_pressed():
                _type(self._typist, utterance)

    @contextmanager
    def _keys_pressed(self) -> Iterator[None]:
        self._pressing = True
        try:
            yield
        finally:
            self._pressed_at = time.monotonic()
            self._pressing = False

    def _notify(self, message: str) -> None:
        self._pass_on(StageFailed("dictation", message, fatal=False))

    def _pass_on(self, event: Event) -> None:
        with self._telling:
            self._tell(event)


def _type(typist: Typist, utterance: Utterance) -> None:
    match utterance.command:
        case None:
            typist.type(utterance.text)
        case "new line":
            typist.break_lines(1)
        case "new paragraph":
            typist.break_lines(2)
        case "scratch that":
            typist.take_back()
