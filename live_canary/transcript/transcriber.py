"""The one bridge to the model: sound of an utterance -> hypothesis. Importing it imports torch."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from live_canary.model.canary import CanaryQwen, DType
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.loops import without_loops


class CanaryTranscriber:
    """Canary-Qwen as the session wants it: every hypothesis is the draft of the next, and loops are cut."""

    def __init__(self, model: CanaryQwen):
        self.model = model

    @classmethod
    def load(cls, folder: Path, device: str = "auto", dtype: DType = "auto") -> "CanaryTranscriber":
        """Raises CheckpointError."""
        return cls(CanaryQwen.load(folder, device, dtype))

    def transcribe(self, samples: NDArray[np.float32], draft: Hypothesis | None = None) -> Hypothesis:
        answer = self.model.answer(samples, draft_ids=draft.ids if draft else ())
        words = self.model.words(answer)
        kept = [words[position] for position in without_loops([word for word, _ in words])]
        ran_away = len(answer.ids) >= self.model.most_new_tokens(len(samples))
        return Hypothesis(
            " ".join(word for word, _ in kept),
            tuple(answer.ids),
            "loop" if ran_away or len(kept) < len(words) else None,
            tuple(round(probability, 2) for _, probability in kept),
        )
