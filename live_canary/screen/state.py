"""What the screen knows about a session: its events, added up. Knows nothing of widgets."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from live_canary.events import (
    BacklogChanged,
    Event,
    InputOpened,
    LevelChanged,
    ModelProgress,
    OutputWritten,
    SessionEnded,
    SourceLost,
    SourceMuted,
    SourceOpened,
    SourceRecovered,
    SpeechEnded,
    SpeechStarted,
    StageFailed,
    UtteranceAmended,
    UtteranceFinal,
)
from live_canary.screen.contract import SessionInfo
from live_canary.transcript.utterance import Utterance

SILENCE_DBFS = -60.0  # the left end of the meter
CLIPPING_DBFS = -0.1
PEAK_HOLD_SECONDS = 1.5
CLIP_HOLD_SECONDS = 3.0
LATENCIES_KEPT = 200  # the percentiles describe the last hour rather than the first


@dataclass
class SourceState:
    """What one source is doing; `until` times are of the state's clock."""

    name: str
    input: str = ""
    """What it hears, as the sound system calls it; empty for a recording."""
    rms_dbfs: float = SILENCE_DBFS
    peak_dbfs: float = SILENCE_DBFS
    """The highest peak of the last moments."""
    peak_until: float = 0.0
    clip_until: float = 0.0
    clipped: bool = False
    speaking: bool = False
    lost: str = ""
    """Why nothing is heard; empty while something is."""
    muted: bool = False
    """The user does not want it to be heard for now."""
    stopped: bool = False
    """The session does not listen to it any more."""

    def hear(self, level: LevelChanged, now: float) -> None:
        if self.stopped or self.muted:
            return
        self.rms_dbfs = level.rms_dbfs
        if level.peak_dbfs >= self.peak_dbfs or now >= self.peak_until:
            self.peak_dbfs = level.peak_dbfs
            self.peak_until = now + PEAK_HOLD_SECONDS
        if level.peak_dbfs >= CLIPPING_DBFS:
            self.clip_until = now + CLIP_HOLD_SECONDS
        self.clipped = now < self.clip_until

    def fall_silent(self) -> None:
        self.rms_dbfs = self.peak_dbfs = SILENCE_DBFS
        self.clipped = self.speaking = False

    def mute(self, muted: bool) -> None:
        self.fall_silent()
        self.muted = muted

    def stop(self) -> None:
        self.fall_silent()
        self.stopped = True


class SessionState:
    """Changes only through `apply` and `finish`; `clock` counts seconds and never goes back."""

    def __init__(self, info: SessionInfo, clock: Callable[[], float], started: datetime) -> None:
        self.info = info
        self.started = started
        self.sources: dict[str, SourceState] = {}
        """Those that are open, in the order in which they were opened."""
        self.model_step = ""
        self.model_ready = False
        self.words = 0
        self.utterances = 0
        self.backlog_seconds = 0.0
        self.unsaved: dict[Path, int] = {}
        """What each output lacks, lines and corrections; one without an entry was not written to yet."""
        self.copying = info.clipboard
        """Each new utterance goes to the clipboard."""
        self.finishing = False
        self.ended: SessionEnded | None = None
        self.failure = ""
        """Why the session could not go on; empty while it could."""
        self._clock = clock
        self._began = clock()
        self._stopped: float | None = None
        self._words_of: dict[int, int] = {}
        self._latencies: deque[float] = deque(maxlen=LATENCIES_KEPT)

    @property
    def elapsed_seconds(self) -> float:
        return (self._clock() if self._stopped is None else self._stopped) - self._began

    @property
    def listening(self) -> bool:
        return any(not (source.lost or source.muted or source.stopped) for source in self.sources.values())

    @property
    def paused(self) -> bool:
        """Whether the user wants nothing to be heard for now."""
        return bool(self.sources) and all(source.muted for source in self.sources.values())

    def latency(self, percent: int) -> float | None:
        """Seconds from the end of speech to its text that `percent` of the utterances did not exceed."""
        if not self._latencies:
            return None
        ordered = sorted(self._latencies)
        return ordered[max(-(-len(ordered) * percent // 100) - 1, 0)]

    def finish(self) -> None:
        """The user wants to leave: nothing more is heard, what was heard is still transcribed."""
        self.finishing = True
        for source in self.sources.values():
            source.stop()

    def apply(self, event: Event) -> None:
        if isinstance(event, UtteranceFinal):  # before all others: thousands may come at once
            self._hear(event.utterance, event.latency_seconds)
            return
        match event:
            case SourceOpened(source):
                self.sources[source] = SourceState(source)
            case InputOpened(source, opened):
                self._source(source).input = opened
            case LevelChanged(source):
                self._source(source).hear(event, self._clock())
            case SpeechStarted(source):
                self._source(source).speaking = True
            case SpeechEnded(source):
                self._source(source).speaking = False
            case SourceLost(source, reason):
                self._source(source).fall_silent()
                self._source(source).lost = reason
            case SourceRecovered(source):
                self._source(source).lost = ""
            case SourceMuted(source, muted):
                self._source(source).mute(muted)
            case UtteranceAmended(index, text):
                self._count_words(index, text or "")
            case OutputWritten(path, unsaved):
                self.unsaved[path] = unsaved
            case BacklogChanged(seconds):
                self.backlog_seconds = seconds
            case ModelProgress(text, ready):
                self.model_step, self.model_ready = text, ready
            case StageFailed(_, message, fatal=True):
                self.failure = message
            case SessionEnded():
                self._end(event)

    def _hear(self, utterance: Utterance, latency_seconds: float) -> None:
        if utterance.command:
            return
        self.utterances += 1
        self._latencies.append(latency_seconds)
        self._count_words(utterance.index, utterance.text)

    def _count_words(self, index: int, text: str) -> None:
        words = text.count(" ") + 1 if text else 0  # spaces are single; split() takes four times as long
        self.words += words - self._words_of.get(index, 0)
        self._words_of[index] = words

    def _source(self, name: str) -> SourceState:
        return self.sources.setdefault(name, SourceState(name))

    def _end(self, event: SessionEnded) -> None:
        self.ended = event
        self.backlog_seconds = 0.0
        self._stopped = self._clock()
        for source in self.sources.values():
            source.stop()
