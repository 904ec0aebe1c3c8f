"""The one bridge to the model: sound of an utterance -> hypothesis. Importing it imports torch."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from live_canary.model.canary import CanaryQwen, DType
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.loops import cut_loops


class CanaryTranscriber:
    """Canary-Qwen as the session wants it: every hypothesis is the draft of the next, and loops are cut."""

    def __init__(self, model: CanaryQwen):
        self.model = model

    @classmethod
    def load(cls, folder: Path, device: str = "auto", dtype: DType = "auto") -> "CanaryTranscriber":
        """Raises CheckpointError."""
        return cls(CanaryQwen.load(folder, device, dtype))

    def transcribe(self, samples: NDArray[np.float32], draft: Hypothesis | None = None) -> Hypothesis:
        ids = self.model.answer(samples, draft_ids=draft.ids if draft else ()).ids
        text, looped = cut_loops(self.model.text(ids))
        ran_away = len(ids) >= self.model.most_new_tokens(len(samples))
        return Hypothesis(text, tuple(ids), "loop" if looped or ran_away else None)
