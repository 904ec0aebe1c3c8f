"""The one bridge to the model: sound of an utterance -> hypothesis. Importing it imports torch."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from live_canary.model.answer import Answer
from live_canary.model.canary import CanaryQwen
from live_canary.model.compute import DType, empty_cache, let_go, trouble_of
from live_canary.model.memory import return_free_memory
from live_canary.transcript.hypothesis import Hypothesis, Sound
from live_canary.transcript.loops import without_loops


class CanaryTranscriber:
    """Canary-Qwen as the session wants it: every hypothesis is the draft of the next, and loops are cut."""

    def __init__(self, model: CanaryQwen, on_the_processor: Callable[[str], CanaryQwen] | None = None):
        """on_the_processor: loads the same model there, and is given what is wrong with the graphics card."""
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

        def on_the_processor(trouble: str) -> CanaryQwen:
            tell(f"{trouble}: going on with the processor, which is slower")
            return CanaryQwen.load(folder, "cpu")

        return cls(CanaryQwen.load(folder, device, dtype, threads, tell), on_the_processor)

    @property
    def most_at_once(self) -> int:
        return self.model.most_at_once

    def transcribe(self, samples: NDArray[np.float32], draft: Hypothesis | None = None) -> Hypothesis:
        [hypothesis] = self.transcribe_several([Sound(samples, draft)])
        return hypothesis

    def transcribe_several(self, sounds: Sequence[Sound]) -> list[Hypothesis]:
        """Nothing is lost to a graphics card that is full or fails: its cache is emptied, and if need be the processor
        goes on.
        """
        try:
            return self._transcribe(sounds)
        except RuntimeError as error:
            if trouble_of(error) is None:
                raise
        empty_cache()  # of what the attempt took, which its error has held until here
        try:
            return self._transcribe(sounds)
        except RuntimeError as error:
            trouble = trouble_of(error)
            if self._on_the_processor is None or trouble is None:
                raise
        self.model = self._on_the_processor(trouble)
        self._on_the_processor = None
        let_go()
        return self._transcribe(sounds)

    def _transcribe(self, sounds: Sequence[Sound]) -> list[Hypothesis]:
        drafts = [sound.draft.ids if sound.draft else () for sound in sounds]
        answers = self.model.answers([sound.samples for sound in sounds], drafts_ids=drafts)
        return_free_memory()
        return [self._hypothesis(answer, len(sound.samples)) for answer, sound in zip(answers, sounds, strict=True)]

    def _hypothesis(self, answer: Answer, samples: int) -> Hypothesis:
        words = self.model.words(answer)
        kept = [words[position] for position in without_loops([word for word, _ in words])]
        ran_away = len(answer.ids) >= self.model.most_new_tokens(samples)
        return Hypothesis(
            " ".join(word for word, _ in kept),
            tuple(answer.ids),
            "loop" if ran_away or len(kept) < len(words) else None,
            tuple(round(probability, 2) for _, probability in kept),
        )
