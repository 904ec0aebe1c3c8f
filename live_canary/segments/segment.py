"""One utterance's sound."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE

EndedBy = Literal["pause", "length", "gap", "end"]
"""A pause, the length limit (speech goes on in the next segment), lost sound, or the end of the source."""


class _Speech:
    """Where its speech lies, in seconds since the source began."""

    __slots__ = ()
    speech_start_sample: int
    speech_end_sample: int

    @property
    def speech_start_seconds(self) -> float:
        return self.speech_start_sample / SAMPLE_RATE

    @property
    def speech_end_seconds(self) -> float:
        return self.speech_end_sample / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Segment(_Speech):
    """The samples of one utterance, with pre-roll and tail, and where in the source they were heard."""

    samples: NDArray[np.float32]
    """(n,) in [-1, 1], mono, 16 kHz."""
    start_sample: int
    """Position of `samples[0]` since the source began."""
    speech_start_sample: int
    """Where speech was first detected, after the pre-roll."""
    speech_end_sample: int
    """Where speech was last detected, before the tail."""
    ended_by: EndedBy

    @property
    def end_sample(self) -> int:
        return self.start_sample + len(self.samples)

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class SpooledSegment(_Speech):
    """A segment whose samples are on the disk until somebody asks for them."""

    start_sample: int
    end_sample: int
    speech_start_sample: int
    speech_end_sample: int
    read: Callable[[int, int], NDArray[np.float32]]
    """The samples between two positions. Raises LiveCanaryError when they are no longer there."""

    @property
    def samples(self) -> NDArray[np.float32]:
        """As a Segment has them, read anew each time. Raises what `read` raises."""
        return self.read(self.start_sample, self.end_sample)

    @property
    def seconds(self) -> float:
        return (self.end_sample - self.start_sample) / SAMPLE_RATE


WaitingSegment = Segment | SpooledSegment
"""With its sound or without it, what may stand in a queue."""


def loudness_of(segment: WaitingSegment) -> float:
    """Root mean square of its speech, in [0, 1]."""
    start = segment.start_sample
    speech = segment.samples[segment.speech_start_sample - start : segment.speech_end_sample - start]
    return float(np.sqrt(np.mean(np.square(speech)))) if len(speech) else 0.0
