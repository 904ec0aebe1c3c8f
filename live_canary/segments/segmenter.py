"""Sound in, utterances out: a pure state machine without threads, clock or files.

    silence ── speech ──> perhaps ── min_speech_ms ──> open ── min_silence_ms without speech ──> Segment ──> silence
     │ ^                     │                         ^│ ^
     │ └── 100 ms of silence ┘               TailHeard │└─┘ speech resumes; or too long: Segment, cut, open again
     └──────── faint_speech_ms of faint speech ────────┘

    samples:   . . . . . . . . . w o r d s . w o r d s . . . . . . . . . . .
    segment:           [pre-roll|speech start  speech end|tail]
    outputs:                        SpeechStarted        TailHeard     Segment   (after the hangover)

A caller feeds blocks of any size and acts on what comes out, in this order for every utterance:

- `SpeechStarted`: an utterance is open. From now on `open_segment()` is the sound of a partial.
- `TailHeard`, zero or more times: somebody stopped speaking and the fixed tail has been heard. It holds the very
  Segment that will follow if nobody speaks before the hangover ends, so its text can be decoded meanwhile. Keep that
  text with `(segment.start_sample, segment.end_sample)`: when the Segment that follows has the same two numbers it has
  the same samples and the text is its final; when it has not, speech resumed and the text was only a partial.
- `Segment`: the utterance is over.

Every sample judged to be speech is in exactly one segment; segments are in order and never overlap.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE
from live_canary.segments.cutting import quietest_sample
from live_canary.segments.segment import EndedBy, Segment
from live_canary.segments.settings import SegmenterSettings
from live_canary.segments.sound import RecentSound
from live_canary.segments.vad import VoiceActivityDetector

MAX_ONSET_HOLE_SAMPLES = SAMPLE_RATE * 100 // 1000  # silence inside the first sounds of a word, as in "t-en"


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """An utterance is open."""

    sample: int
    """Where its speech was first detected, since the source began."""


@dataclass(frozen=True, slots=True)
class TailHeard:
    """The fixed tail after the last speech so far has been heard; the utterance may be over."""

    segment: Segment
    """What the utterance will be unless somebody speaks before the hangover ends."""


SegmenterOutput = SpeechStarted | TailHeard | Segment


@dataclass(slots=True)
class _Utterance:
    """One that is open, or perhaps begins."""

    start: int
    runs: list[tuple[int, int]] = field(default_factory=list)
    """Where speech was detected: (start, end) positions, in order, apart from each other."""
    confirmed: bool = False
    tail_reported: bool = False

    @property
    def speech_start(self) -> int:
        return self.runs[0][0]

    @property
    def speech_end(self) -> int:
        return self.runs[-1][1]

    @property
    def speech_samples(self) -> int:
        return sum(end - start for start, end in self.runs)

    def add_speech(self, start: int, end: int) -> None:
        if self.runs and self.speech_end == start:
            self.runs[-1] = (self.runs[-1][0], end)
        else:
            self.runs.append((start, end))
        self.tail_reported = False

    def split(self, cut: int) -> tuple["_Utterance", "_Utterance"]:
        before = [(start, min(end, cut)) for start, end in self.runs if start < cut]
        after = [(max(start, cut), end) for start, end in self.runs if end > cut]
        return _Utterance(self.start, before, confirmed=True), _Utterance(cut, after, confirmed=True)

    def speech_between(self, start: int, end: int) -> NDArray[np.bool_]:
        """(end - start,) bool: which of these samples are speech."""
        speech = np.zeros(end - start, np.bool_)
        for run_start, run_end in self.runs:
            speech[max(run_start - start, 0) : max(run_end - start, 0)] = True
        return speech


class Segmenter:
    """Blocks of one source -> its utterances. Not for use from two threads at once."""

    def __init__(self, detector: VoiceActivityDetector, settings: SegmenterSettings | None = None) -> None:
        self.settings = settings or SegmenterSettings()
        self._detector = detector
        self._sound = RecentSound()
        self._judged = 0  # every sample before this position has been through the detector
        self._taken = 0  # every sample before this position is in a segment, or lost in a gap
        self._utterance: _Utterance | None = None
        self._faint_start: int | None = None  # since when there may be speech, too faint to begin an utterance at once

    def feed(self, samples: NDArray[np.float32]) -> list[SegmenterOutput]:
        """What the next samples bring about. samples: (n,) in [-1, 1], mono, 16 kHz, any n.

        NaN counts as silence and infinity as full scale: one of either would deafen a recurrent detector for good.
        """
        outputs: list[SegmenterOutput] = []
        for start in range(0, len(samples), SAMPLE_RATE):
            self._sound.append(np.nan_to_num(samples[start : start + SAMPLE_RATE], posinf=1.0, neginf=-1.0))
            while self._sound.end_sample - self._judged >= self._detector.frame_samples:
                outputs += self._judge(self._judged + self._detector.frame_samples)
            self._forget_old_sound()
        return outputs

    def flush(self) -> list[SegmenterOutput]:
        """What the end of the source brings about: the last utterance, with as much of its tail as was heard."""
        return self._end_stretch("end")

    def gap(self, n_samples: int) -> list[SegmenterOutput]:
        """What `n_samples` of lost sound bring about: the open utterance ends before them, and time moves on."""
        outputs = self._end_stretch("gap")
        self._judged += n_samples
        self._taken = self._judged
        self._sound.restart_at(self._judged)
        return outputs

    def open_segment(self) -> Segment | None:
        """The open utterance as it would be if the source ended now, for a partial; None while nobody speaks.

        Its end stands still once the tail has been heard. Costs one copy of its samples; sound of an incomplete frame
        (at most 32 ms) is not yet in it.
        """
        if self._utterance is None or not self._utterance.confirmed:
            return None
        return self._segment(self._utterance, self._end_with_tail(self._utterance), "end")

    @property
    def kept_seconds(self) -> float:
        """Sound held in memory: the pre-roll while nobody speaks, otherwise the open utterance."""
        return (self._sound.end_sample - self._sound.start_sample) / SAMPLE_RATE

    def _judge(self, end: int) -> list[SegmenterOutput]:
        """Let the detector hear the frame up to `end`, filled up with silence when the sound ends within it."""
        start, self._judged = self._judged, end
        frame = self._sound.between(start, end)
        missing = self._detector.frame_samples - len(frame)
        probability = self._detector.speech_probability(np.pad(frame, (0, missing)) if missing else frame)
        if (faint_start := self._faint_speech(probability, start, end)) is not None:
            self._utterance = None
            return self._hear_speech(faint_start, end)
        threshold = self.settings.on_threshold if self._utterance is None else self.settings.off_threshold
        return self._hear_speech(start, end) if probability >= threshold else self._hear_silence()

    def _faint_speech(self, probability: float, start: int, end: int) -> int | None:
        """Where an utterance begins that is too faint for the threshold, once it has lasted long enough."""
        perhaps = self._utterance
        if probability < self.settings.faint_threshold or (perhaps is not None and perhaps.confirmed):
            self._faint_start = None
            return None
        if self._faint_start is None:
            self._faint_start = start
        if end - self._faint_start < self.settings.faint_speech_samples:
            return None
        return min(self._faint_start, perhaps.speech_start) if perhaps else self._faint_start

    def _hear_speech(self, start: int, end: int) -> list[SegmenterOutput]:
        if self._utterance is None:
            self._utterance = _Utterance(max(self._taken, start - self.settings.pre_roll_samples))
        utterance = self._utterance
        utterance.add_speech(start, end)
        if not utterance.confirmed and utterance.speech_samples >= self.settings.min_speech_samples:
            utterance.confirmed = True
            return [SpeechStarted(utterance.speech_start)]
        if end - utterance.start >= self.settings.max_utterance_samples:
            return self._cut(utterance)
        return []

    def _hear_silence(self) -> list[SegmenterOutput]:
        utterance = self._utterance
        if utterance is None:
            return []
        silence = self._judged - utterance.speech_end
        if not utterance.confirmed:
            if silence > MAX_ONSET_HOLE_SAMPLES:
                self._utterance = None
            return []
        if silence >= self.settings.min_silence_samples:
            return [self._close(utterance, "pause")]
        if silence >= self.settings.tail_samples and not utterance.tail_reported:
            utterance.tail_reported = True
            return [TailHeard(self._segment(utterance, self._end_with_tail(utterance), "pause"))]
        return []

    def _cut(self, utterance: _Utterance) -> list[SegmenterOutput]:
        """End an utterance that grew long where it is quietest, and go on with the next.

        Only called while somebody speaks: during a pause the utterance is about to end by itself, and if it does not,
        that pause is where to cut.
        """
        window_start = utterance.start + self.settings.max_utterance_samples * 2 // 3
        samples = self._sound.between(window_start, self._judged)
        speech = utterance.speech_between(window_start, self._judged)
        cut = window_start + quietest_sample(samples, speech)
        before, after = utterance.split(cut)
        self._taken = cut
        self._utterance = after
        return [self._segment(before, cut, "length"), SpeechStarted(after.speech_start)]

    def _end_stretch(self, ended_by: EndedBy) -> list[SegmenterOutput]:
        outputs: list[SegmenterOutput] = []
        if self._sound.end_sample > self._judged:
            outputs += self._judge(self._sound.end_sample)
        if self._utterance is not None and self._utterance.confirmed:
            outputs.append(self._close(self._utterance, ended_by))
        self._utterance = self._faint_start = None
        self._detector.reset()
        return outputs

    def _close(self, utterance: _Utterance, ended_by: EndedBy) -> Segment:
        self._taken = self._end_with_tail(utterance)
        self._utterance = None
        return self._segment(utterance, self._taken, ended_by)

    def _end_with_tail(self, utterance: _Utterance) -> int:
        return min(utterance.speech_end + self.settings.tail_samples, self._judged)

    def _segment(self, utterance: _Utterance, end: int, ended_by: EndedBy) -> Segment:
        samples = self._sound.between(utterance.start, end)
        return Segment(samples, utterance.start, utterance.speech_start, utterance.speech_end, ended_by)

    def _forget_old_sound(self) -> None:
        begins = self._judged if self._faint_start is None else self._faint_start
        needed = max(self._taken, begins - self.settings.pre_roll_samples)
        self._sound.forget_before(min(needed, self._utterance.start) if self._utterance else needed)
