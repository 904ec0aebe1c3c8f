"""The one bridge to the model: sound of an utterance -> hypothesis. Importing it imports torch."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from live_canary.model.canary import CanaryQwen
from live_canary.transcript.hypothesis import Hypothesis


class CanaryTranscriber:
    """Canary-Qwen as the session wants it."""

    def __init__(self, model: CanaryQwen):
        self.model = model

    @classmethod
    def load(cls, folder: Path, device: str = "auto") -> "CanaryTranscriber":
        """Raises CheckpointError."""
        return cls(CanaryQwen.load(folder, device))

    def transcribe(self, samples: NDArray[np.float32], draft: Hypothesis | None = None) -> Hypothesis:
        return Hypothesis(self.model.transcribe(samples))
