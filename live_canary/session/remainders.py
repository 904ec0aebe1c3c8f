"""Speech that a recovery would lose: it was heard before the session was cut off, and no line has it afterwards.

The same sound gives the same utterances. Where their bounds differ after all, because the detector is another one or
nobody knows what ended an utterance, one that overlaps a known line counts as that line. What it has beyond is found
here, and the model hears it by itself.
"""

import logging
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE
from live_canary.audio.spooled import NOT_KEPT
from live_canary.errors import LiveCanaryError
from live_canary.session.journal import NOT_TRANSCRIBED
from live_canary.session.record import SegmentKey, SessionRecord
from live_canary.transcript.hypothesis import Transcriber
from live_canary.transcript.utterance import Entry, TranscriptGap, Utterance

AROUND_SAMPLES = SAMPLE_RATE // 2  # of sound before and after, but none that another line has
LEAST_SAMPLES = SAMPLE_RATE // 10  # what bounds may differ by; no word is as short

Span = tuple[int, int]
"""The first sample, and the one behind the last."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Remainder:
    source: str
    speech: Span
    sound: Span
    """With what is around it."""

    def marked(self, reason: str) -> TranscriptGap:
        start, end = (sample / SAMPLE_RATE for sample in self.speech)
        return TranscriptGap(start, end, reason, self.source)


def remainders(
    record: SessionRecord, heard: Set[SegmentKey], entries: Sequence[Entry], transcript: Sequence[Entry]
) -> Iterator[Remainder]:
    """What was spoken and neither a known text nor the transcript has.

    heard: the utterances that came once more; entries: what became of them, echoes and those without words apart.
    """
    known = record.texts.keys() | heard
    for source in {name for name, _, _ in record.segments} | {entry.source for entry in entries}:
        lines = {_span(entry): isinstance(entry, Utterance) for entry in transcript if entry.source == source}
        left = [(start, end) for name, start, end in record.left if name == source and not lines.get((start, end))]
        texts = [*lines, *((start, end) for name, start, end in record.texts if name == source)]
        covered = [part for text in texts for part in _beyond(text, left)]
        spoken = left + [speech for key, speech in record.segments.items() if key[0] == source and key not in known]
        spoken += [_span(entry) for entry in entries if isinstance(entry, Utterance) and entry.source == source]
        for speech in spoken:
            for start, end in _beyond(speech, covered):
                if end - start >= min(LEAST_SAMPLES, speech[1] - speech[0]):
                    earliest = max((one for _, one in covered if one <= start), default=0)
                    latest = min((one for one, _ in covered if one >= end), default=end + AROUND_SAMPLES)
                    sound = max(start - AROUND_SAMPLES, earliest), min(end + AROUND_SAMPLES, latest)
                    covered.append((start, end))
                    yield Remainder(source, (start, end), sound)


def transcribed(
    remainder: Remainder,
    read: Callable[[int, int], NDArray[np.float32]],
    transcriber: Transcriber,
    *,
    obey_commands: bool,
) -> Entry | None:
    """Its line; None when the model hears no words, a marked gap when it cannot be heard.

    read: the sound between two positions, silent where none was kept; obey_commands: as of `Utterance`.
    """
    try:
        samples = read(*remainder.sound)
        if not np.any(samples):
            return remainder.marked(NOT_KEPT)
        hypothesis = transcriber.transcribe(samples)
    except Exception as error:
        if not isinstance(error, LiveCanaryError):
            log.error("an utterance could not be transcribed", exc_info=error)
        return remainder.marked(NOT_TRANSCRIBED)
    if not hypothesis.text:
        return None
    start, end = (sample / SAMPLE_RATE for sample in remainder.speech)
    return Utterance.uncounted(hypothesis, remainder.source, start, end, obey_commands=obey_commands)


def _span(entry: Entry) -> Span:
    return round(entry.start_seconds * SAMPLE_RATE), round(entry.end_seconds * SAMPLE_RATE)


def _beyond(span: Span, covered: Sequence[Span]) -> list[Span]:
    """The parts of the span that none of `covered` has."""
    parts = [span] if span[0] < span[1] else []
    for start, end in covered:
        if end <= span[0] or span[1] <= start:  # nearly always
            continue
        cut = [part for one in parts for part in ((one[0], min(one[1], start)), (max(one[0], end), one[1]))]
        parts = [part for part in cut if part[0] < part[1]]
    return parts
