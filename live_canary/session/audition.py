"""What a source could hear instead: its inputs, each with how loud it is just now, so that the right one is seen."""

import threading
from collections.abc import Callable
from functools import partial

import numpy as np

from live_canary.audio.capture import close_or_leave
from live_canary.audio.level import Level, LevelMeter
from live_canary.audio.soundsystem import Input, OpenInput
from live_canary.audio.source import SwitchableSource
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
