"""What a session tells the outside; each event is complete in itself and safe to hand to another thread."""

from dataclasses import dataclass
from pathlib import Path

from live_canary.transcript.utterance import TranscriptGap, Utterance


@dataclass(frozen=True, slots=True)
class SourceOpened:
    source: str


@dataclass(frozen=True, slots=True)
class InputOpened:
    """Which input the source hears from now on."""

    source: str
    input: str
    """For people: "Blue Yeti"."""


@dataclass(frozen=True, slots=True)
class LevelChanged:
    """Loudness of the last tenth of a second."""

    source: str
    rms_dbfs: float
    peak_dbfs: float


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    source: str
    start_seconds: float


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The pause after an utterance has been recognised; its text is on the way."""

    source: str


@dataclass(frozen=True, slots=True)
class PartialChanged:
    """Text of the utterance being spoken: `settled` only grows, `tentative` may change.

    Both are empty when the utterance turned out to hold no words; otherwise its UtteranceFinal ends it.
    """

    source: str
    start_seconds: float
    settled: str
    tentative: str


@dataclass(frozen=True, slots=True)
class UtteranceFinal:
    utterance: Utterance
    latency_seconds: float
    """From the moment the end of the utterance was recognised to this event."""


@dataclass(frozen=True, slots=True)
class UtteranceAmended:
    """An utterance was given another text, by the user or because it was heard again; None: it was deleted."""

    index: int
    text: str | None


@dataclass(frozen=True, slots=True)
class OutputWritten:
    """A transcript file was written to, or could not be."""

    path: Path
    unsaved: int
    """Lines and corrections that are not on the disk yet; 0 when it holds everything."""


@dataclass(frozen=True, slots=True)
class GapMarked:
    gap: TranscriptGap


@dataclass(frozen=True, slots=True)
class BacklogChanged:
    """Sound that was heard and still waits for the model."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ModelProgress:
    """A step of loading the model; `ready` when it can transcribe."""

    text: str
    ready: bool = False


@dataclass(frozen=True, slots=True)
class SourceLost:
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceRecovered:
    source: str
    gap_seconds: float


@dataclass(frozen=True, slots=True)
class SourceMuted:
    """The user does not want the source to be heard for now, or wants it again."""

    source: str
    muted: bool


@dataclass(frozen=True, slots=True)
class SourceWarned:
    """Something about a source that the user should know, in one sentence; it goes on."""

    source: str
    message: str


@dataclass(frozen=True, slots=True)
class ModelWarned:
    """Something about the model that the user should know, in one sentence; nothing is lost by it."""

    message: str


@dataclass(frozen=True, slots=True)
class StageFailed:
    """A part of the session stopped working; `fatal` when the session cannot go on."""

    stage: str
    message: str
    fatal: bool


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Everything heard has been transcribed and every file is closed. After it only what is amended is told."""

    utterances: int
    heard_seconds: float
    """Of sound, of the source that had most of it."""


Event = (
    SourceOpened | InputOpened | LevelChanged | SpeechStarted | SpeechEnded | PartialChanged | UtteranceFinal
    | UtteranceAmended | GapMarked | OutputWritten | BacklogChanged | ModelProgress | SourceLost | SourceRecovered
    | SourceMuted | SourceWarned | ModelWarned | StageFailed | SessionEnded
)  # fmt: skip
