"""One line of a transcript."""

from dataclasses import dataclass

from live_canary.transcript.hypothesis import Flag, Hypothesis
from live_canary.transcript.voice_commands import VoiceCommand, command_in


@dataclass(frozen=True, slots=True)
class Utterance:
    """What somebody said between two pauses; never changed once it exists."""

    index: int
    """Counts the utterances of a session from 0."""
    start_seconds: float
    """Where its speech begins, from the start of its source."""
    end_seconds: float
    text: str
    source: str
    """Name of the source that heard it."""
    flag: Flag | None = None
    """Why a reader should doubt the text."""
    confidences: tuple[float, ...] = ()
    """How probable the model finds each word of `text.split()`, 0 to 1 in hundredths; none where nobody knows."""
    command: VoiceCommand | None = None
    """What the text asks for, when the user wants it to be obeyed; it is then no part of what is read."""

    @classmethod
    def uncounted(
        cls, hypothesis: Hypothesis, source: str, start_seconds: float, end_seconds: float, *, obey_commands: bool
    ) -> "Utterance":
        """What the model made of a stretch of `source`, before it is its turn to be counted: its index is -1.

        obey_commands: whether a text that is a voice command counts as one.
        """
        command = command_in(hypothesis.text) if obey_commands else None
        return cls(
            -1, start_seconds, end_seconds, hypothesis.text, source, hypothesis.flag, hypothesis.confidences, command
        )

    @property
    def confidence(self) -> float | None:
        """The mean over its words; None where nobody knows."""
        return sum(self.confidences) / len(self.confidences) if self.confidences else None


@dataclass(frozen=True, slots=True)
class Revision:
    """What became of an utterance since it was heard."""

    text: str | None
    """None: it was deleted."""
    is_bookmarked: bool = False


@dataclass(frozen=True, slots=True)
class TranscriptGap:
    """A stretch of time that was not heard, marked in the transcript instead of closed up."""

    start_seconds: float
    end_seconds: float
    reason: str
    source: str


Entry = Utterance | TranscriptGap
"""What a transcript consists of."""
