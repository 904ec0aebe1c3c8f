"""The session without a screen: an utterance a line on stdout, everything else on stderr.

Meant for pipes and logs, so nothing is ever rewritten and nothing blocks the session: its events wait in a queue
until the main thread prints them. What signals ask for is done by another thread: a reader that takes nothing for a
while must not keep a microphone open that the user wants to be closed.
"""

import io
import queue
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from types import FrameType
from typing import TextIO

from live_canary.console import discard, is_reader_gone
from live_canary.errors import SessionError
from live_canary.events import (
    BacklogChanged,
    Event,
    GapMarked,
    ModelProgress,
    ModelWarned,
    SessionEnded,
    SourceLost,
    SourceMuted,
    SourceOpened,
    SourceRecovered,
    SourceWarned,
    StageFailed,
    UtteranceAmended,
)
from live_canary.printable import clock, one_line
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.screen.plain_lines import LineOf, text_line
from live_canary.session.session import Session
from live_canary.signals import DEAF_SECONDS, ENDING_SIGNALS, PAUSE_KEY, PAUSING_SIGNALS, Presses
from live_canary.transcript.lines import gap_notice

BEHIND_SECONDS = 5.0  # of sound waiting for the model, from which on it is worth a line
CAUGHT_UP_SECONDS = 1.0
STUCK_SECONDS = 1.0  # what is said of a signal may go to a stderr that takes nothing


class Wish(Enum):
    """What the user wants, by a signal."""

    FINISH = auto()
    PAUSE = auto()
    """Or to be heard again."""


class PlainScreen:
    """Prints a session. Ctrl-C or SIGTERM finishes it, and Ctrl-C after that aborts it; SIGUSR1 pauses it.

    A stdout that takes no more finishes it too: quietly when its reader has left, as a failure when its disk is full.
    """

    def __init__(
        self, session: Session, info: SessionInfo, out: TextIO, err: TextIO, *, line_of: LineOf = text_line
    ) -> None:
        """`line_of` decides what goes to `out`; everything that a person should know goes to `err`."""
        self._session = session
        self._info = info
        self._out = out
        self._err = err
        self._line_of = line_of
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._wishes: queue.SimpleQueue[Wish | None] = queue.SimpleQueue()
        self._paused = info.paused
        self._finishing = False
        self._interrupts = Presses()
        self._behind = False
        self._failure: SessionError | None = None
        self._unread = False

    def run(self) -> Outcome:
        """Starts the session and prints until it has ended. Call it from the main thread, which gets the signals."""
        if isinstance(self._out, io.TextIOWrapper):
            self._out.reconfigure(errors="backslashreplace")  # a letter that it lacks must not end the session
        try:
            with self._signals_handled():
                if PAUSE_KEY.is_asked():
                    self._wishes.put(Wish.PAUSE)
                self._session.start(self._events.put)
                with self._wishes_granted():
                    return Outcome(self._print_until_the_end(), self._failure, self._unread)
        except KeyboardInterrupt:
            self._session.abort()
            return Outcome(None, self._failure)

    def show(self, event: Event) -> None:
        """Prints what a reader of the transcript should know about `event`, if anything."""
        line = self._line_of(event, self._info)
        if line is not None:
            self._print(line)
        match event:
            case SourceOpened(source):
                self._note(f"Listening to {one_line(source)}; Ctrl-C finishes.")
            case GapMarked(gap):
                self._note(f"[{clock(gap.start_seconds)}] {one_line(gap.source)}: {gap_notice(gap)}")
            case ModelProgress(ready=True):
                self._note("The model is ready.")
            case ModelProgress(text):
                self._note(one_line(text))
            case BacklogChanged(seconds):
                self._note_backlog(seconds)
            case SourceLost(source, reason):
                self._note(f"{one_line(source)} was lost: {one_line(reason)}")
            case SourceMuted(source, muted):
                self._note(f"{one_line(source)} is {'paused' if muted else 'heard again'}.")
            case SourceRecovered(source, gap_seconds):
                self._note(f"{one_line(source)} is back after {gap_seconds:.1f} s")
            case SourceWarned(source, message):
                self._note(f"{one_line(source)}: {one_line(message)}")
            case UtteranceAmended(_, None):
                self._note("The utterance before is taken back.")
            case ModelWarned(message):
                self._note(one_line(message))
            case StageFailed(_, message, fatal):
                self._fail(one_line(message), fatal)

    def _print_until_the_end(self) -> SessionEnded:
        while True:
            try:
                event = self._events.get(timeout=DEAF_SECONDS)
            except queue.Empty:
                continue
            self.show(event)
            if isinstance(event, SessionEnded):
                return event

    @contextmanager
    def _wishes_granted(self) -> Iterator[None]:
        granting = threading.Thread(target=self._grant_wishes, name="signals", daemon=True)
        granting.start()
        try:
            yield
        finally:
            self._wishes.put(None)
            granting.join(STUCK_SECONDS)

    def _grant_wishes(self) -> None:
        while wish := self._wishes.get():
            match wish:
                case Wish.FINISH:
                    self._session.stop()
                    self._note("Finishing what was heard; Ctrl-C again stops at once.")
                case Wish.PAUSE:
                    self._paused = not self._paused
                    for source in self._info.sources:
                        self._session.mute(source, muted=self._paused)

    @contextmanager
    def _signals_handled(self) -> Iterator[None]:
        """The first Ctrl-C is left to another thread: raised anywhere, it could cost the line being printed."""
        earlier = {number: signal.signal(number, self._on_signal) for number in (*ENDING_SIGNALS, *PAUSING_SIGNALS)}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if number in PAUSING_SIGNALS:
            if PAUSE_KEY.is_new():
                self._wishes.put(Wish.PAUSE)
        elif number == signal.SIGINT and not self._interrupts.is_new():
            return
        elif not self._finishing:
            self._finishing = True
            self._wishes.put(Wish.FINISH)
        elif number == signal.SIGINT:  # a terminal that is closed meanwhile must not cost what was heard
            raise KeyboardInterrupt

    def _print(self, line: str) -> None:
        try:
            print(line, file=self._out, flush=True)
        except OSError as error:
            discard(self._out)
            if is_reader_gone(error):
                self._unread = True
                self._session.stop()
            else:
                self._fail(f"No more lines can be printed ({error.strerror}); finishing what was heard.", fatal=True)

    def _note(self, text: str) -> None:
        with suppress(OSError):  # nobody listens
            print(text, file=self._err, flush=True)

    def _note_backlog(self, seconds: float) -> None:
        if self._info.unpaced:
            return
        if not self._behind and seconds >= BEHIND_SECONDS:
            self._behind = True
            self._note(f"The model is {seconds:.0f} s behind; nothing is lost.")
        elif self._behind and seconds < CAUGHT_UP_SECONDS:
            self._behind = False
            self._note("The model has caught up.")

    def _fail(self, message: str, fatal: bool) -> None:
        self._note(message)
        if fatal:
            self._failure = SessionError(message)
            self._session.stop()
