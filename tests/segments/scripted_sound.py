"""Sound whose loudness says what it is, and a detector that believes it: 16 samples are one millisecond."""

import numpy as np
from numpy.typing import NDArray

from live_canary.segments.segment import Segment
from live_canary.segments.segmenter import Segmenter, SegmenterOutput, SpeechStarted, TailHeard

MS = 16
SECOND = 1000 * MS
FRAME = 10 * MS


class LoudnessDetector:
    """The loudest sample of a frame is its probability of speech."""

    frame_samples = FRAME

    def __init__(self) -> None:
        self.resets = 0

    def speech_probability(self, frame: NDArray[np.float32]) -> float:
        assert frame.shape == (FRAME,)
        return float(frame.max())

    def reset(self) -> None:
        self.resets += 1


def speech(ms: int, probability: float = 0.9) -> NDArray[np.float32]:
    return np.full(ms * MS, probability, np.float32)


def silence(ms: int) -> NDArray[np.float32]:
    return np.zeros(ms * MS, np.float32)


def sound(*parts: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.concatenate(parts)


def segments_of(outputs: list[SegmenterOutput]) -> list[Segment]:
    return [output for output in outputs if isinstance(output, Segment)]


def segments_in(samples: NDArray[np.float32], segmenter: Segmenter | None = None) -> list[Segment]:
    segmenter = segmenter or Segmenter(LoudnessDetector())
    return segments_of(segmenter.feed(samples) + segmenter.flush())


def description(output: SegmenterOutput) -> tuple[object, ...]:
    """Everything about an output, comparable with ==."""
    match output:
        case SpeechStarted(sample):
            return ("started", sample)
        case TailHeard(segment):
            return ("tail heard", *description(segment))
        case Segment():
            bounds = (output.start_sample, output.speech_start_sample, output.speech_end_sample, output.end_sample)
            return ("segment", *bounds, output.ended_by, output.samples.tobytes())


def seconds(segment: Segment) -> tuple[float, float, float, float]:
    """Start, start of speech, end of speech, end."""
    return (
        segment.start_sample / SECOND,
        segment.speech_start_seconds,
        segment.speech_end_seconds,
        segment.end_sample / SECOND,
    )
