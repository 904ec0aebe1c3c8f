"""What a segmenter made of a sound of `segmentation_sounds.py`, held against where its speech is known to be."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from segmentation_sounds import MS, Sound, Spoken, Stream

from live_canary.audio.source import SAMPLE_RATE
from live_canary.segments.segment import Segment
from live_canary.segments.segmenter import Segmenter, SpeechStarted
from live_canary.segments.settings import SegmenterSettings
from live_canary.segments.vad import VoiceActivityDetector

WORD = 300 * MS  # about one word at either end of an utterance
CLIPPED = 30 * MS  # less is not heard as missing
BETWEEN_WORDS = 80 * MS  # around the start of a word


@dataclass
class Recorded:
    """A detector's answers about one sound, given again in the same order for every setting."""

    frame_samples: int
    probabilities: list[float]
    position: int = 0

    def speech_probability(self, frame: Sound) -> float:
        self.position += 1
        return self.probabilities[self.position - 1]

    def reset(self) -> None: ...


def record(detector: VoiceActivityDetector, samples: Sound) -> Recorded:
    detector.reset()
    step = detector.frame_samples
    padded = np.pad(samples, (0, step))
    return Recorded(step, [detector.speech_probability(padded[i : i + step]) for i in range(0, len(samples), step)])


@dataclass(frozen=True)
class Heard:
    """What a segmenter made of a sound, and after how many samples it said so."""

    started: list[tuple[int, SpeechStarted]]
    segments: list[tuple[int, Segment]]

    def cuts(self) -> list[int]:
        return [segment.end_sample for _, segment in self.segments if segment.ended_by == "length"]

    def speech_seconds(self) -> float:
        return sum(s.speech_end_sample - s.speech_start_sample for _, s in self.segments) / SAMPLE_RATE

    def covered(self, n_samples: int) -> NDArray[np.bool_]:
        mask = np.zeros(n_samples, bool)
        for _, segment in self.segments:
            mask[segment.start_sample : segment.end_sample] = True
        return mask


def hear(recorded: Recorded, samples: Sound, settings: SegmenterSettings) -> Heard:
    segmenter = Segmenter(replace(recorded, position=0), settings)
    heard = Heard([], [])
    for now in range(0, len(samples), recorded.frame_samples):
        block = samples[now : now + recorded.frame_samples]
        last = now + len(block) == len(samples)
        for output in segmenter.feed(block) + (segmenter.flush() if last else []):
            if isinstance(output, SpeechStarted):
                heard.started.append((now + len(block), output))
            elif isinstance(output, Segment):
                heard.segments.append((now + len(block), output))
    return heard


@dataclass
class Score:
    speech_s: float = 0
    lost_ms: float = 0
    utterances: int = 0
    missed: int = 0
    first_clipped: int = 0
    last_clipped: int = 0
    in_pieces: int = 0
    split: int = 0
    merged: int = 0
    apart: int = 0
    false: int = 0
    onset_ms: list[float] = field(default_factory=list)
    endpoint_ms: list[float] = field(default_factory=list)

    def __add__(self, other: "Score") -> "Score":
        return Score(*[getattr(self, name) + getattr(other, name) for name in self.__dataclass_fields__])

    def cells(self) -> list[str]:
        return [
            f"{self.lost_ms / (self.speech_s / 60):.0f}",
            f"{self.missed}/{self.utterances}",
            f"{self.first_clipped}",
            f"{self.last_clipped}",
            f"{self.in_pieces}",
            f"{self.split}",
            f"{self.merged}/{self.apart}",
            f"{self.false}",
            median_and_p95(self.onset_ms),
            median_and_p95(self.endpoint_ms),
        ]


def median_and_p95(values: list[float]) -> str:
    return "{:.0f} / {:.0f}".format(*np.percentile(values, [50, 95])) if values else "none"


SCORE_COLUMNS = ["lost ms/min", "missed", "first clipped", "last clipped", "in pieces", "split", "merged", "false"]
SCORE_COLUMNS += ["onset ms p50 / p95", "endpoint ms p50 / p95"]


def score(stream: Stream, recorded: Recorded, settings: SegmenterSettings) -> Score:
    heard = hear(recorded, stream.samples, settings)
    speech = stream.speech
    lost = speech & ~heard.covered(len(speech))
    result = Score(float(speech.sum()) / SAMPLE_RATE, float(lost.sum()) / MS, len(stream.spoken))
    result.false = sum(not speech[s.speech_start_sample : s.speech_end_sample].any() for _, s in heard.segments)
    pause_ends = np.array([s.speech_end_sample for _, s in heard.segments if s.ended_by == "pause"])
    for utterance in stream.spoken:
        score_words(result, utterance, speech, lost)
        in_pieces = ended_inside(utterance, pause_ends)
        result.in_pieces += in_pieces
        result.split += in_pieces and utterance.longest_pause < settings.min_silence_samples
    score_gaps(result, stream, heard, pause_ends, settings)
    return result


def score_words(result: Score, utterance: Spoken, speech: NDArray[np.bool_], lost: NDArray[np.bool_]) -> None:
    start, end = utterance.start, utterance.end
    if lost[start:end].sum() > speech[start:end].sum() / 2:
        result.missed += 1
        return
    result.first_clipped += int(lost[start : start + WORD].sum() > CLIPPED)
    result.last_clipped += int(lost[end - WORD : end].sum() > CLIPPED)


def ended_inside(utterance: Spoken, pause_ends: NDArray[np.intp]) -> bool:
    return bool(((pause_ends > utterance.start + WORD) & (pause_ends < utterance.end - WORD)).any())


def score_gaps(
    result: Score, stream: Stream, heard: Heard, pause_ends: NDArray[np.intp], settings: SegmenterSettings
) -> None:
    """In each silence 300 ms longer than the hangover: was it noticed, and how late the sounds around it were told."""
    started = np.array([now for now, _ in heard.started])
    ended = np.array([now for now, _ in heard.segments])
    enough = settings.min_silence_samples + 300 * MS
    for before, after in zip(stream.spoken, stream.spoken[1:], strict=False):
        if after.start - before.end <= enough:
            continue
        result.apart += 1
        result.merged += not ((pause_ends > before.start) & (pause_ends < after.start)).any()
        onset = started[(started > after.start) & (started <= after.end + enough)]
        endpoint = ended[(ended > before.end) & (ended <= after.start)]
        result.onset_ms += [float(onset[0] - after.start) / MS] if len(onset) else []
        result.endpoint_ms += [float(endpoint[-1] - before.end) / MS] if len(endpoint) else []


def cut_words(stream: Stream, heard: Heard) -> int:
    """Length cuts inside a word, further than 80 ms from its edges (espeak-ng puts up to 100 ms before a word)."""
    starts = np.array([word.start for word in stream.spoken])
    ends = np.array([word.end for word in stream.spoken])
    cuts = heard.cuts()
    inside = [((starts + BETWEEN_WORDS < cut) & (cut < ends - BETWEEN_WORDS)).any() for cut in cuts]
    return int(sum(inside))
