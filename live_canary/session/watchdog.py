"""Notices a model that gives no answer any more. It cannot be interrupted, but the user can be told what goes on."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE
from live_canary.segments.settings import LONGEST_SEGMENT_S
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
        """tell: is given the seconds that it took patience for; those of the longest utterance are patience_seconds."""
        self._transcriber = transcriber
        self._tell, self._clock, self._patience = tell, clock, patience_seconds
        self._busy_since: float | None = None
        self._allowed = patience_seconds
        """For the answers that are waited for."""

    def transcribe(self, samples: NDArray[np.float32], draft: Hypothesis | None = None) -> Hypothesis:
        with self._watched():
            return self._transcriber.transcribe(samples, draft)

    @property
    def most_at_once(self) -> int:
        return most_at_once(self._transcriber)

    def transcribe_several(self, sounds: Sequence[Sound]) -> list[Hypothesis]:
        seconds = sum(len(sound.samples) for sound in sounds) / SAMPLE_RATE
        with self._watched(utterances=max(1.0, seconds / LONGEST_SEGMENT_S)):
            return transcribe_several(self._transcriber, sounds)

    @contextmanager
    def _watched(self, utterances: float = 1.0) -> Iterator[None]:
        """utterances: how many of the longest there may be."""
        self._allowed = self._patience * utterances
        self._busy_since = self._clock()
        try:
            yield
        finally:
            self._busy_since = None

    def check(self) -> None:
        since = self._busy_since
        if since is None or self._clock() - since < self._allowed:
            return
        self._busy_since = None
        self._tell(self._allowed)
