"""What a transcriber gives for the sound of an utterance, finished or not."""

from __future__ import annotations  # the command line checks names of formats before numpy is imported

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

Flag = Literal["loop"]


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The text of some sound, and what makes transcribing a little more of the same sound cheap."""

    text: str
    ids: tuple[int, ...] = ()
    """Token ids of the text: the draft for the next hypothesis of the same utterance."""
    flag: Flag | None = None
    """"loop" when the model repeated itself and the repetition was cut off."""
    confidences: tuple[float, ...] = ()
    """How probable the model finds each word of `text.split()`, in hundredths; none where nobody knows."""
    open_words: int = 0
    """How many of the last words may become others by what follows them, because a name may begin with them."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Of an utterance, to be transcribed."""

    samples: NDArray[np.float32]
    """(n,) in [-1, 1], mono, 16 kHz."""
    draft: Hypothesis | None = None
    """What was made of some of it before; may save time and never changes the text."""


class Transcriber(Protocol):
    """A loaded model. Used from one thread."""

    def transcribe(self, samples: NDArray[np.float32], draft: Hypothesis | None = None) -> Hypothesis:
        """The text of samples (n,) in [-1, 1], mono, 16 kHz. `draft` may save time and never changes the text."""
        ...


@runtime_checkable
class GroupTranscriber(Transcriber, Protocol):
    """One that may be done sooner with several utterances together than with one after the other."""

    @property
    def most_at_once(self) -> int:
        """How many at most; 1 where it is not."""
        ...

    def transcribe_several(self, sounds: Sequence[Sound]) -> list[Hypothesis]:
        """The text of each, the same as alone."""
        ...


def most_at_once(transcriber: Transcriber) -> int:
    return transcriber.most_at_once if isinstance(transcriber, GroupTranscriber) else 1


def transcribe_several(transcriber: Transcriber, sounds: Sequence[Sound]) -> list[Hypothesis]:
    """Together where it can, else one after the other."""
    if isinstance(transcriber, GroupTranscriber):
        return transcriber.transcribe_several(sounds)
    return [transcriber.transcribe(sound.samples, sound.draft) for sound in sounds]


class WrappedTranscriber:
    """The same transcriber, with something going on around each of its answers."""

    def __init__(self, transcriber: Transcriber):
        self._transcriber = transcriber

    def around(self, sounds: Sequence[Sound]) -> AbstractContextManager[None]:
        """What goes on while these are transcribed."""
        raise NotImplementedError

    @property
    def most_at_once(self) -> int:
        return most_at_once(self._transcriber)

    def transcribe(self, samples: NDArray[np.float32], draft: Hypothesis | None = None) -> Hypothesis:
        with self.around([Sound(samples, draft)]):
            return self._transcriber.transcribe(samples, draft)

    def transcribe_several(self, sounds: Sequence[Sound]) -> list[Hypothesis]:
        with self.around(sounds):
            return transcribe_several(self._transcriber, sounds)
