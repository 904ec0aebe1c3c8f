"""Notices a model that gives no answer any more. It cannot be interrupted, but the user can be told what goes on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from live_canary.transcript.hypothesis import Hypothesis, Sound, Transcriber, most_at_once, transcribe_several

PATIENCE_SECONDS = 60.0  # a slow processor may take half of that for the longest utterance


class WatchedTranscriber:
    """The same transcriber. `check()`, from another thread, tells of each answer that takes implausibly long, once."""

    def __init__(
        self,
        transcriber: Transcriber,
        tell: Callable[[float], None],
        clock: Callable[[], float],
        patience_seconds: float = PATIENCE_SECONDS,
    ):
        """tell: is given the seconds of patience."""
        self._transcriber = transcriber
        self._tell, self._clock, self._patience = tell, clock, patience_seconds
        self._busy_since: float | None = None

    def transcribe(self, samples: NDArray[np.float32], draft: Hypothesis | None = None) -> Hypothesis:
        with self._watched():
            return self._transcriber.transcribe(samples, draft)

    @property
    def most_at_once(self) -> int:
        return most_at_once(self._transcriber)

    def transcribe_several(self, sounds: Sequence[Sound]) -> list[Hypothesis]:
        with self._watched():
            return transcribe_several(self._transcriber, sounds)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self._busy_since = self._clock()
        try:
            yield
        finally:
            self._busy_since = None

    def check(self) -> None:
        since = self._busy_since
        if since is None or self._clock() - since < self._patience:
            return
        self._busy_since = None
        self._tell(self._patience)
