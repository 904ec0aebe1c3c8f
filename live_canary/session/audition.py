"""What sources could hear instead: their inputs, each with how loud it is just now, and the change to one of them."""

import threading
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np

from live_canary.audio.capture import close_or_leave
from live_canary.audio.level import Level, LevelMeter
from live_canary.audio.soundsystem import Input, OpenInput
from live_canary.audio.source import Source, SwitchableSource
from live_canary.audio.spool import SpoolingSource
from live_canary.errors import DeviceError


class Audition:
    """Listens to every input that can be opened, beside the one that is heard, until `close()`; keeps no sound.

    Finding and opening takes as long as the sound system needs and happens in `run`, a thread's body.
    """

    def __init__(self, source: SwitchableSource):
        self._source = source
        self._lock = threading.Lock()
        self._inputs: list[Input] = []
        self._levels: dict[str, Level] = {}
        self._refused: dict[str, str] = {}
        self._closed = threading.Event()
        self._over = threading.Event()

    @property
    def inputs(self) -> list[Input]:
        """As far as they are found."""
        with self._lock:
            return list(self._inputs)

    @property
    def heard(self) -> Input:
        """The one that the session hears; its level is in LevelChanged."""
        return self._source.input

    def level(self, one: Input) -> Level | None:
        """How loud it is just now; None when it is not open."""
        return self._levels.get(one.identity)

    def obstacle(self, one: Input) -> str:
        """Why it cannot be heard; empty if it can."""
        return self._refused.get(one.identity, "")

    def close(self) -> None:
        """Returns at once; it is over a moment later."""
        self._closed.set()

    @property
    def is_over(self) -> bool:
        """Whether it holds no input any more, but for those that hang."""
        return self._over.is_set()

    def run(self) -> None:
        opened: list[OpenInput] = []
        try:
            found = self._source.inputs()
            with self._lock:
                self._inputs = found
            for one in found:
                if not self._closed.is_set() and one.identity != self.heard.identity:
                    self._open(one, opened)
            self._closed.wait()
        finally:
            for stream in opened:
                close_or_leave(stream)
            self._over.set()

    def _open(self, one: Input, opened: list[OpenInput]) -> None:
        try:
            opened.append(self._source.try_out(one, partial(self._measure, one.identity, LevelMeter().feed)))
        except DeviceError as error:
            self._refused[one.identity] = str(error)

    def _measure(
        self,
        identity: str,
        feed: Callable[[np.ndarray], Level | None],
        sound: bytes,
        channels: int,
        overflowed: bool = False,
    ) -> None:
        """Called by the sound system's thread."""
        level = feed(np.frombuffer(sound, np.float32))
        if level:
            self._levels[identity] = level


class Auditions:
    """Those of a session's sources; recordings have none."""

    def __init__(self, sources: Iterable[Source]):
        self._sources = [source.source if isinstance(source, SpoolingSource) else source for source in sources]
        self._begun: list[Audition] = []

    @property
    def _switchable(self) -> dict[str, SwitchableSource]:
        """Asked anew, for a source has an input only once it is open."""
        return {source.name: source for source in self._sources if isinstance(source, SwitchableSource)}

    def begin(self, run: Callable[[Callable[[], None]], object]) -> dict[str, Audition]:
        """One for each source that has other inputs, by its name. run: runs a body in a thread of its own."""
        auditions = {name: Audition(source) for name, source in self._switchable.items()}
        for audition in auditions.values():
            run(audition.run)
        self._begun = [one for one in self._begun if not one.is_over] + list(auditions.values())
        return auditions

    def switch(self, source_name: str, chosen: Input) -> None:
        """Have a source hear another input, once all auditions are closed: many an input has one stream at a time."""
        begun = tuple(self._begun)
        for audition in begun:
            audition.close()
        self._switchable[source_name].switch(chosen, lambda: all(audition.is_over for audition in begun))
