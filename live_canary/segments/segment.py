"""One utterance's sound."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE


@dataclass(frozen=True, slots=True)
class Segment:
    """The samples of one utterance, with pre-roll and tail, and where in the source they were heard."""

    samples: NDArray[np.float32]
    """(n,) in [-1, 1], mono, 16 kHz."""
    start_sample: int
    """Position of `samples[0]` since the source began."""
    speech_start_sample: int
    """Where speech was first detected, after the pre-roll."""
    speech_end_sample: int
    """Where speech was last detected, before the tail."""
    ended_by: Literal["pause", "length", "gap", "end"]
    """A pause, the length limit (speech goes on in the next segment), lost sound, or the end of the source."""

    @property
    def end_sample(self) -> int:
        return self.start_sample + len(self.samples)

    @property
    def seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE

    @property
    def speech_start_seconds(self) -> float:
        return self.speech_start_sample / SAMPLE_RATE

    @property
    def speech_end_seconds(self) -> float:
        return self.speech_end_sample / SAMPLE_RATE
