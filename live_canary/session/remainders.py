"""Speech that a recovery would lose: it was heard before the session was cut off, and no line has it afterwards.

The same sound gives the same utterances. Where their bounds differ after all, because the detector is another one or
nobody knows what ended an utterance, one that overlaps a known line counts as that line. What it has beyond is found
here, and the model hears it by itself.
"""

import logging
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
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
        lost = _Covered(left)
        covered = _Covered(part for text in texts for part in lost.beyond(text))
        spoken = left + [speech for key, speech in record.segments.items() if key[0] == source and key not in known]
        spoken += [_span(entry) for entry in entries if isinstance(entry, Utterance) and entry.source == source]
        for speech in spoken:
            for start, end in covered.beyond(speech):
                if end - start >= min(LEAST_SAMPLES, speech[1] - speech[0]):
                    sound = covered.room_around((start, end), AROUND_SAMPLES)
                    covered.add((start, end))
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


class _Covered:
    """Stretches of a source, in order and apart from each other: a day has thousands, so none looks at all of them."""

    def __init__(self, spans: Iterable[Span]):
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self.add((start, end))

    def add(self, span: Span) -> None:
        """One that none of them has a part of."""
        at = bisect_left(self._starts, span[0])
        self._starts.insert(at, span[0])
        self._ends.insert(at, span[1])

    def beyond(self, span: Span) -> list[Span]:
        """The parts of the span that none of them has."""
        position, end = span
        at, parts = bisect_right(self._ends, position), []
        while position < end:
            covered = self._starts[at] if at < len(self._starts) else end
            if position < covered:
                parts.append((position, min(covered, end)))
            position, at = self._ends[at] if at < len(self._ends) else end, at + 1
        return parts

    def room_around(self, span: Span, samples: int) -> Span:
        """A span that none of them has a part of, with at most so many samples before and after, but none of theirs."""
        start, end = span
        before, after = bisect_right(self._ends, start), bisect_left(self._starts, end)
        earliest = self._ends[before - 1] if before else 0
        latest = self._starts[after] if after < len(self._starts) else end + samples
        return max(start - samples, earliest), min(end + samples, latest)
