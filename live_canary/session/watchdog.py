"""Notices a model that gives no answer any more. It cannot be interrupted, but the user can be told what goes on."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from live_canary.audio.source import SAMPLE_RATE
from live_canary.segments.settings import LONGEST_SEGMENT_S
from live_canary.transcript.hypothesis import Sound, Transcriber, WrappedTranscriber

PATIENCE_SECONDS = 60.0  # a slow processor may take half of that for the longest utterance


class WatchedTranscriber(WrappedTranscriber):
    """The same transcriber. `watch`, in another thread, tells of each answer that takes implausibly long, once."""

    def __init__(
        self,
        transcriber: Transcriber,
        tell: Callable[[float], None],
        clock: Callable[[], float],
        patience_seconds: float = PATIENCE_SECONDS,
    ):
        """tell: is given the seconds that it took patience for; those of the longest utterance are patience_seconds."""
        super().__init__(transcriber)
        self._tell, self._clock, self._patience = tell, clock, patience_seconds
        self._busy_since: float | None = None
        self._allowed = patience_seconds
        """For the answers that are waited for."""

    @contextmanager
    def around(self, sounds: Sequence[Sound]) -> Iterator[None]:
        seconds = sum(len(sound.samples) for sound in sounds) / SAMPLE_RATE
        self._allowed = self._patience * max(1.0, seconds / LONGEST_SEGMENT_S)
        self._busy_since = self._clock()
        try:
            yield
        finally:
            self._busy_since = None

    def watch(self, until: threading.Event) -> None:
        while not until.wait(self._patience / 10):
            self.check()

    def check(self) -> None:
        since = self._busy_since
        if since is None or self._clock() - since < self._allowed:
            return
        self._busy_since = None
        self._tell(self._allowed)
