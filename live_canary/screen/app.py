"""The terminal application around a session: starts it, shows its events, and ends it when the user wants to leave."""

import asyncio
import gc
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from typing import ClassVar

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.events import Event as TextualEvent
from textual.events import Key
from textual.screen import Screen

from live_canary.audio.clock import Clock
from live_canary.errors import LiveCanaryError, SessionError
from live_canary.events import Event, ModelWarned, SessionEnded, StageFailed, UtteranceAmended, UtteranceFinal
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.screen.editing_screen import NOTICE_SECONDS
from live_canary.screen.feed import EventsWaiting, SessionFeed
from live_canary.screen.help_screen import key_names
from live_canary.screen.listening_screen import ListeningScreen
from live_canary.screen.state import SessionState
from live_canary.screen.themes import DARK, LIGHT, THEMES
from live_canary.session.session import Session
from live_canary.signals import ENDING_SIGNALS, PAUSE_KEY, PAUSING_SIGNALS, Presses, react
from live_canary.transcript.lines import printed_line

UNREAD = 5  # of what went wrong last
OWN_KEYS_SECONDS = 12.0  # how often and how long it is said that what is typed arrives here


class LiveCanaryApp(App[Outcome]):
    """`run()` gives the Outcome. Threads of the session are its own; join them after `run()`."""

    CSS_PATH = "app.tcss"
    TITLE = "live-canary"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", "Find a command", show=False),
        Binding("ctrl+c", "finish_or_abort", "Quit, again: at once", show=False, priority=True),
        Binding("ctrl+q", "finish_or_abort", "The same", show=False, priority=True),
    ]

    def __init__(
        self,
        session: Session,
        info: SessionInfo,
        *,
        clock: Callable[[], float] | None = None,
        started: datetime | None = None,
        is_typing: Callable[[], bool] = lambda: False,
    ) -> None:
        """clock: of the seconds in the header, by default the one of the lines, which counts a computer's sleep too;
        is_typing: whether a key that arrives now may be what was said, typed by a tool into this very window.
        """
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = LIGHT.name if info.light else DARK.name
        self.state = SessionState(info, clock or Clock().now, started or datetime.now())
        self._session = session
        self._feed = SessionFeed(self)
        self._failure: LiveCanaryError | None = None
        self._listening_screen: ListeningScreen
        """At the bottom of the stack, whatever dialog is open above it."""
        self._leaving = False
        self._interrupts = Presses()
        self._unread: deque[str] = deque(maxlen=UNREAD)
        self._is_typing = is_typing
        self._told_of_keys = 0.0
        self._asked_muted = dict.fromkeys(info.sources, True) if info.paused else {}
        """What was asked of each source last; that it is so is told a moment later."""
        self._muted_before: list[str] = []
        """Sources that were muted already when all were paused."""

    def get_default_screen(self) -> Screen[None]:
        self._listening_screen = ListeningScreen(self.state, self._session)
        return self._listening_screen

    def on_mount(self) -> None:
        loop = asyncio.get_running_loop()
        for number in ENDING_SIGNALS:
            react(loop, number, self.action_finish_or_abort if number == signal.SIGINT else self.action_finish)
        for number in PAUSING_SIGNALS:
            react(loop, number, self._heed_pause_key)
        self.call_after_refresh(self._start)

    def _heed_pause_key(self) -> None:
        if not self.state.sources:
            PAUSE_KEY.note()
        elif PAUSE_KEY.is_new():
            self.action_pause()

    async def on_event(self, event: TextualEvent) -> None:
        if isinstance(event, Key) and event.key != "ctrl+c" and self._is_typing():
            self._say_where_it_is_typed()
            return
        await super().on_event(event)

    def _say_where_it_is_typed(self) -> None:
        now = time.monotonic()
        if now > self._told_of_keys + OWN_KEYS_SECONDS:
            self._told_of_keys = now
            text = "This window is in use, so what you say is typed here and dropped: click the one it is meant for."
            self.notify(text, severity="warning", timeout=OWN_KEYS_SECONDS, markup=False)

    def _start(self) -> None:
        """Comes after the first paint, for opening a microphone can take a moment."""
        if self._leaving:
            self.exit(Outcome(None))
            return
        gc.freeze()  # what was imported stays: looking through it for garbage would be seen on the screen
        try:
            self._session.start(self._feed)
        except LiveCanaryError as error:
            self.exit(Outcome(None, error))

    def on_events_waiting(self, message: EventsWaiting) -> None:
        events = self._feed.take()
        for event in events:
            self.state.apply(event)
        if len(self.state.sources) == len(self.state.info.sources) and PAUSE_KEY.is_asked():
            self.action_pause()
        self._listening_screen.show(events)
        for event in events:
            if not isinstance(event, UtteranceFinal):
                self._heed(event)

    def _heed(self, event: Event) -> None:
        match event:
            case StageFailed(_, message, fatal=True):
                self._failure = SessionError(message)
                self._session.stop()
            case StageFailed(_, message) | ModelWarned(message) if self._leaving:
                self._unread.append(message)
            case SessionEnded() if self._leaving:
                self.exit(Outcome(event, self._failure))

    def printed(self) -> list[str]:
        """The transcript as it was left, a line an entry: for when the screen is gone."""
        self._take_the_rest()
        lines, with_source = self._listening_screen.transcript.lines, self.state.info.with_source
        return [printed_line(lines.entries[number], with_source=with_source) for number in lines.shown()]

    def unread(self) -> list[str]:
        """What went wrong last while the user was leaving, or afterwards: the screen was about to close, or closed."""
        self._take_the_rest()
        return list(self._unread)

    def _take_the_rest(self) -> None:
        """What the session told when the screen had closed."""
        lines = self._listening_screen.transcript.lines
        for event in self._feed.take():
            match event:
                case StageFailed(_, message) | ModelWarned(message):
                    self._unread.append(message)
                case UtteranceAmended(index, text) if (number := lines.number_of(index)) is not None:
                    lines.amend(number, text)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """The command palette offers whatever a key does, and all themes."""
        listening_screen = self._listening_screen
        for owner in (listening_screen, listening_screen.transcript):
            for binding in type(owner).BINDINGS:
                assert isinstance(binding, Binding)
                run = partial(owner.run_action, binding.action)
                yield SystemCommand(binding.description, f"Key: {key_names(binding)}", run)
        yield SystemCommand("Choose a theme", "Colours of the screen", self.action_change_theme)

    def action_toggle_theme(self) -> None:
        self.theme = LIGHT.name if self.current_theme.dark else DARK.name

    def action_pause(self) -> None:
        """Hears nothing until it is asked for again; a source that was muted by itself stays so."""
        names = self._to_be_muted()
        muted = [name for name in names if self._is_muted(name)]
        if muted != names:
            self._muted_before = muted
            self._mute(names, muted=True)
        else:
            self._mute([name for name in names if name not in self._muted_before], muted=False)

    def action_mute(self, number: int) -> None:
        for name in self._to_be_muted(number):
            self._mute([name], muted=not self._is_muted(name))

    def _to_be_muted(self, number: int | None = None) -> list[str]:
        """All sources, or the one of that number; none, and the reason is told, where there is none to be muted."""
        over = self.state.finishing or self.state.ended is not None
        known = [] if over else list(self.state.sources)
        names = known if number is None else known[number : number + 1]
        if not names:
            why = "Nothing is heard any more; q leaves." if over else "There is no such source."
            self.notify(why if over or known else "Nothing is heard yet.", timeout=NOTICE_SECONDS, markup=False)
        return names

    def _is_muted(self, name: str) -> bool:
        return self._asked_muted.get(name, self.state.sources[name].muted)

    def _mute(self, names: Iterable[str], *, muted: bool) -> None:
        for name in names:
            self._asked_muted[name] = muted
            self._session.mute(name, muted=muted)

    async def action_quit(self) -> None:
        self.action_finish()

    def action_finish(self) -> None:
        """Leaves when everything heard has been transcribed; the transcript stays readable until then."""
        if self.state.ended:
            self.exit(Outcome(self.state.ended, self._failure))
        elif not self._leaving:
            self._leaving = True
            self.state.finish()
            self._session.stop()
            self._listening_screen.state_changed()

    def action_finish_or_abort(self) -> None:
        if not self._interrupts.is_new():
            return
        if self._leaving:
            self._session.abort()
            self.exit(Outcome(None, self._failure))
        else:
            self.action_finish()
