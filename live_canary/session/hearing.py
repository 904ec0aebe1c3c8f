"""What the model makes of utterances: the same sound is heard once, and finals that wait are heard together."""

import logging
from dataclasses import dataclass, field

from live_canary.session.agenda import Agenda, Kind, Work
from live_canary.session.journal import Journal
from live_canary.transcript.hypothesis import GroupTranscriber, Hypothesis, Sound, Transcriber
from live_canary.transcript.stabilizer import Stabilizer

log = logging.getLogger(__name__)

MOST_SECONDS_TOGETHER = 60.0  # of sound: 250 MB of keys and values of the model at its full size

Key = tuple[str, int, int]
"""Of an utterance: its source, and where its sound starts and ends there."""


@dataclass(slots=True)
class Spoken:
    """What is known of the utterance that a source is in."""

    start_sample: int
    end_sample: int = -1
    hypothesis: Hypothesis | None = None
    """The text of its sound up to `end_sample`."""
    stabilizer: Stabilizer = field(default_factory=Stabilizer)


class Hearing:
    """Used from the transcribing thread."""

    def __init__(self, agenda: Agenda, journal: Journal):
        self._agenda, self._journal = agenda, journal
        self._spoken: dict[str, Spoken] = {}
        self._ahead: dict[Key, Hypothesis] = {}
        """Of finals whose turn is still to come."""
        self._alone: set[Key] = set()
        """Of those that cannot be heard together."""

    def utterance_of(self, work: Work) -> Spoken:
        """What is known of it before the work is done."""
        known = self._spoken_of(work)
        if known is None:
            known = self._spoken[work.source] = Spoken(work.segment.start_sample)
        return known

    def hypothesis(self, work: Work, transcriber: Transcriber) -> Hypothesis:
        """The text of the work's sound: already known when the same sound was heard before. Raises what the model does.

        A final is the last of its utterance, about which nothing is known afterwards.
        """
        spoken = self.utterance_of(work)
        if work.kind is Kind.FINAL:
            self._spoken.pop(work.source)
        if spoken.hypothesis is None or spoken.end_sample != work.segment.end_sample:
            spoken.hypothesis = (
                self._journal.recalled(work.source, work.segment)
                or self._ahead.pop(_key(work), None)
                or self._heard(work, Sound(work.segment.samples, spoken.hypothesis), transcriber)
            )
            spoken.end_sample = work.segment.end_sample
        return spoken.hypothesis

    def _heard(self, work: Work, sound: Sound, transcriber: Transcriber) -> Hypothesis:
        if work.kind is Kind.FINAL and isinstance(transcriber, GroupTranscriber) and _key(work) not in self._alone:
            others = self._others(transcriber.most_at_once - 1, MOST_SECONDS_TOGETHER - work.segment.seconds)
            try:
                if others:
                    sounds = [Sound(other.segment.samples, self._draft_of(other)) for other in others]
                    hypothesis, *ahead = transcriber.transcribe_several([sound, *sounds])
                    self._ahead |= zip(map(_key, others), ahead, strict=True)
                    return hypothesis
            except Exception:  # perhaps of one of them, which will fail alone, and that is told
                log.debug("several could not be heard together", exc_info=True)
                self._alone |= set(map(_key, others))
        self._alone.discard(_key(work))
        return transcriber.transcribe(sound.samples, sound.draft)

    def _others(self, most: int, most_seconds: float) -> list[Work]:
        """The finals that come next, in order, as far as they are short enough and may be heard ahead of their turn."""
        others = []
        for work in self._agenda.finals_waiting(most):
            most_seconds -= work.segment.seconds
            if most_seconds < 0:
                break
            if not self._is_known(work) and _key(work) not in self._alone:
                others.append(work)
        return others

    def _is_known(self, work: Work) -> bool:
        spoken = self._spoken_of(work)
        return (
            _key(work) in self._ahead
            or (spoken is not None and spoken.end_sample == work.segment.end_sample)
            or self._journal.recalled(work.source, work.segment) is not None
        )

    def _draft_of(self, work: Work) -> Hypothesis | None:
        spoken = self._spoken_of(work)
        return spoken.hypothesis if spoken else None

    def _spoken_of(self, work: Work) -> Spoken | None:
        known = self._spoken.get(work.source)
        return known if known and known.start_sample == work.segment.start_sample else None


def _key(work: Work) -> Key:
    return work.source, work.segment.start_sample, work.segment.end_sample
