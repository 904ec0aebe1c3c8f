"""The sound of an utterance once more, with what was heard around it: the cut may have taken the word it lacks."""

from collections.abc import Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE, RehearableSource, Source
from live_canary.errors import SessionError
from live_canary.segments.settings import LONGEST_SEGMENT_S
from live_canary.transcript.utterance import Utterance

AROUND_SECONDS = 2.0  # before and after, but not into the utterances beside it


def sound_of(
    utterance: Utterance, others: Sequence[Utterance], next_start: float, sources: Sequence[Source]
) -> NDArray[np.float32]:
    """(n,) float32, mono, 16 kHz. others: those of the session; next_start: as `span_around` has it.

    Raises SessionError when the sound was not kept.
    """
    source = next((source for source in sources if source.name == utterance.source), None)
    if not isinstance(source, RehearableSource):
        raise SessionError("its sound is not kept (--no-spool)")
    start, end = (round(seconds * SAMPLE_RATE) for seconds in span_around(utterance, others, next_start))
    samples = source.hear_again(start, end)
    if not np.any(samples):
        raise SessionError("its sound was not kept")
    return samples


def span_around(utterance: Utterance, others: Sequence[Utterance], next_start: float) -> tuple[float, float]:
    """Seconds from where to where it is heard again; next_start: before which its source says nothing that is no line
    yet.
    """
    start, end = utterance.start_seconds, utterance.end_seconds
    around = min(AROUND_SECONDS, max((LONGEST_SEGMENT_S - (end - start)) / 2, 0.0))
    beside = [other for other in others if other.source == utterance.source and other.index != utterance.index]
    earliest = max((other.end_seconds for other in beside if other.end_seconds <= start), default=0.0)
    latest = min((other.start_seconds for other in beside if other.start_seconds >= end), default=inf)
    return max(start - around, earliest, 0.0), min(end + around, latest, max(next_start, end))
