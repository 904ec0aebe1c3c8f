"""The one bridge to the model: sound of an utterance -> hypothesis. Importing it imports torch."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from live_canary.model.canary import CanaryQwen
from live_canary.model.compute import DType, empty_cache, is_memory_full
from live_canary.model.memory import return_free_memory
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.loops import without_loops


class CanaryTranscriber:
    """Canary-Qwen as the session wants it: every hypothesis is the draft of the next, and loops are cut."""

    def __init__(self, model: CanaryQwen, on_the_processor: Callable[[], CanaryQwen] | None = None):
        """on_the_processor: loads the same model there, for when the graphics card is full."""
        self.model = model
        self._on_the_processor = on_the_processor

    @classmethod
    def load(
        cls,
        folder: Path,
        device: str = "auto",
        dtype: DType = "auto",
        threads: int | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> "CanaryTranscriber":
        """tell: hears what the user should know, also later. Raises CheckpointError."""

        def on_the_processor() -> CanaryQwen:
            tell("The graphics card's memory is full: going on with the processor, which is slower")
            return CanaryQwen.load(folder, "cpu")

        return cls(CanaryQwen.load(folder, device, dtype, threads, tell), on_the_processor)

    def transcribe(self, samples: NDArray[np.float32], draft: Hypothesis | None = None) -> Hypothesis:
        """Nothing is lost to a full graphics card: its cache is emptied, and if need be the processor goes on."""
        try:
            return self._transcribe(samples, draft)
        except RuntimeError as error:
            if not is_memory_full(error):
                raise
            empty_cache()
        try:
            return self._transcribe(samples, draft)
        except RuntimeError as error:
            if self._on_the_processor is None or not is_memory_full(error):
                raise
        self.model = self._on_the_processor()
        self._on_the_processor = None
        empty_cache()
        return self._transcribe(samples, draft)

    def _transcribe(self, samples: NDArray[np.float32], draft: Hypothesis | None) -> Hypothesis:
        answer = self.model.answer(samples, draft_ids=draft.ids if draft else ())
        return_free_memory()
        words = self.model.words(answer)
        kept = [words[position] for position in without_loops([word for word, _ in words])]
        ran_away = len(answer.ids) >= self.model.most_new_tokens(len(samples))
        return Hypothesis(
            " ".join(word for word, _ in kept),
            tuple(answer.ids),
            "loop" if ran_away or len(kept) < len(words) else None,
            tuple(round(probability, 2) for _, probability in kept),
        )
