"""A session that was cut off is held once more, on the same sound: what is known is not asked again.

Sound and segmenter are the same, so the same utterances come out in the same order; the journal says the text of those
that the model has already heard, and the files get exactly the lines they lack. Where sound is missing, because its
disk was full or it is damaged, the journal's texts stand, and what has none is marked.
"""

import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import compress, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import check_recording
from live_canary.audio.source import SAMPLE_RATE, AudioBlock, AudioGap, RehearableSource, SourceItem
from live_canary.audio.spooled import NOT_KEPT, SpooledSource, read_spool
from live_canary.errors import SessionError
from live_canary.events import Event, ModelProgress, SourceWarned, StageFailed
from live_canary.segments.segment import WaitingSegment
from live_canary.segments.segmenter import Segmenter
from live_canary.session.folder import SessionFolder
from live_canary.session.journal import NOT_TRANSCRIBED, Journal, JournalFile
from live_canary.session.loading import LoadTranscriber
from live_canary.session.record import SegmentKey, SessionRecord, SourceRecord
from live_canary.session.remainders import remainders, transcribed
from live_canary.session.session import ABORT_SECONDS, Session
from live_canary.transcript.echo import is_echo
from live_canary.transcript.hypothesis import Hypothesis, Transcriber
from live_canary.transcript.lines import echo_notice
from live_canary.transcript.taking_back import taken_back
from live_canary.transcript.utterance import Entry, Revision, TranscriptGap, Utterance


def hold_again(
    folder: SessionFolder,
    record: SessionRecord,
    make_segmenter: Callable[[], Segmenter],
    load_transcriber: LoadTranscriber,
    on_event: Callable[[Event], None] = lambda event: None,
) -> list[Entry]:
    """The whole transcript of the session, what it had of it first; nothing is heard for files that are complete.

    The record's amendments get what a voice command took back that was not obeyed any more.

    Raises RecordingError, or SessionError when it could not be heard to the end; each text that was made is in the
    journal then, and the next attempt goes on from there.
    """
    if record.outputs and all(output.is_complete for output in record.outputs):
        return record.entries
    failures: list[str] = []

    def follow(event: Event) -> None:
        if isinstance(event, StageFailed) and event.fatal:
            failures.append(event.message)
        on_event(event)

    sources = [_source_of(known, folder, record) for known in record.sources]
    load = LoadedOnce(load_transcriber)
    commands_from = sources[0].name if sources and record.settings.voice_commands else None
    journal = RecallingJournal(record, folder.journal, commands_from)
    if not sources:
        return journal.transcript
    session = Session(
        sources, make_segmenter, load, echo_of=record.echo_of, journal=journal, commands_from=commands_from
    )
    session.start(follow)
    try:
        session.wait()
    except KeyboardInterrupt:
        session.abort()
        session.wait(ABORT_SECONDS)
        raise
    if failures:
        raise SessionError(failures[0])
    journal.hear_the_rest(sources, lambda: load(lambda text: on_event(ModelProgress(text))))
    for name, lines in (session.echoes + journal.echoes).items():
        on_event(SourceWarned(name, echo_notice(name, lines)))
    spoken = sorted(journal.transcript, key=lambda entry: entry.start_seconds)  # what is tried again stands at the end
    record.amended += _obeyed_late(record, spoken)
    return journal.transcript


def _obeyed_late(record: SessionRecord, spoken: Sequence[Entry]) -> Iterator[tuple[int, Revision]]:
    """Those of the utterances deleted that a voice command takes back, where the user has had no later word on them."""
    known = record.amendments
    for index in sorted(taken_back(spoken, record.changes)):
        yield index, replace(known.get(index, Revision(None)), text=None)


def _source_of(known: SourceRecord, folder: SessionFolder, record: SessionRecord) -> RehearableSource:
    if known.sound is not None:
        gaps, until = record.gaps.get(known.name, ()), record.known_until(known.name)
        sound = folder.path / known.sound
        spooled = SpooledSource(known.name, sound, gaps, until)
        return BrokenOffSource(spooled, sound, record.breaks.get(known.name, ()))
    for path in known.recordings:
        check_recording(path)
    return RecordingSource(known.recordings, speed=None, name=known.name)


class LoadedOnce:
    """Loads the model when it is first wanted, from whatever thread; others that want it meanwhile wait."""

    def __init__(self, load: LoadTranscriber):
        self._load, self._lock = load, threading.Lock()
        self._transcriber: Transcriber | None = None

    def __call__(self, tell: Callable[[str], None]) -> Transcriber:
        with self._lock:
            if self._transcriber is None:
                self._transcriber = self._load(tell)
            return self._transcriber


class BrokenOffSource:
    """A spool's sound, where what was being said ends at the known positions, as it did when an input was lost."""

    live = False

    def __init__(self, spooled: SpooledSource, folder: Path, breaks: Sequence[AudioGap]):
        """breaks: gaps without a length."""
        self.name = spooled.name
        self._spooled, self._folder = spooled, folder
        self._breaks = sorted(breaks, key=lambda gap: gap.start_sample)

    def blocks(self) -> Iterator[SourceItem]:
        breaks = deque(self._breaks)
        for item in self._spooled.blocks():
            while isinstance(item, AudioBlock) and breaks and breaks[0].start_sample <= item.end_sample:
                cut = max(breaks[0].start_sample - item.start_sample, 0)
                if cut:
                    yield AudioBlock(item.samples[:cut], item.start_sample)
                yield breaks.popleft()
                item = AudioBlock(item.samples[cut:], item.start_sample + cut)
            if not isinstance(item, AudioBlock) or len(item.samples):
                yield item

    def stop(self) -> None:
        self._spooled.stop()

    def hear_again(self, start_sample: int, end_sample: int) -> NDArray[np.float32]:
        samples, _ = read_spool(self._folder, start_sample, end_sample)
        return samples


class RecallingJournal(Journal):
    """Knows what the journal of a session says, adds each new text to it, and collects the whole transcript."""

    can_be_recovered = True

    def __init__(self, record: SessionRecord, journal: JournalFile, commands_from: str | None = None):
        """commands_from: the name of the source whose voice commands are obeyed."""
        self._record, self._journal, self._commands_from = record, journal, commands_from
        self._entries: list[Entry] = []
        self._rest: list[Entry] = []
        self._heard: set[SegmentKey] = set()
        self.echoes: Counter[str] = Counter()
        """How many of the rest of each source were left out."""

    @property
    def transcript(self) -> list[Entry]:
        """What was released before the session was cut off, then what has been missing."""
        unheard = list(self._without_sound())
        known = [*self._record.entries, *unheard, *self._entries]
        said = [one for one in unheard if not self._is_echo(one, known)]
        return merged(self._record.entries, [*said, *self._entries, *self._rest])

    def hear_the_rest(self, sources: Sequence[RehearableSource], model: Callable[[], Transcriber]) -> None:
        """What would be in no line goes to the model by itself."""
        named = {source.name: source for source in sources}
        transcript = self.transcript
        for rest in remainders(self._record, self._heard, self._entries, transcript):
            if rest.source in named:
                obeys = rest.source == self._commands_from
                entry = transcribed(rest, named[rest.source].hear_again, model(), obey_commands=obeys)
                if isinstance(entry, TranscriptGap) and entry.reason == NOT_TRANSCRIBED:
                    self._journal.left(rest.source, *rest.speech)
                if entry and self._is_echo(entry, transcript):
                    self.echoes[entry.source] += 1
                elif entry:
                    self._rest.append(entry)

    def _is_echo(self, entry: Entry, transcript: Sequence[Entry]) -> bool:
        if isinstance(entry, TranscriptGap) or self._record.echo_of in (None, entry.source):
            return False
        played = (one for one in transcript if isinstance(one, Utterance) and one.source == self._record.echo_of)
        return is_echo(entry, played)

    def _without_sound(self) -> Iterator[Utterance]:
        """Texts that were about to be released, and whose sound has not come once more."""
        released = max((entry.start_seconds for entry in self._record.entries), default=0.0)
        for key, hypothesis in self._record.texts.items():
            if key in self._heard or key not in self._record.segments or not hypothesis or not hypothesis.text:
                continue
            start, end = (sample / SAMPLE_RATE for sample in self._record.segments[key])
            if start >= released:  # an earlier one was an echo, or else it would be there
                yield Utterance.uncounted(hypothesis, key[0], start, end, obey_commands=key[0] == self._commands_from)

    def recalled(self, source: str, segment: WaitingSegment) -> Hypothesis | None:
        """One that the model failed on is tried again."""
        return self._record.texts.get((source, segment.start_sample, segment.end_sample))

    def text(self, source: str, segment: WaitingSegment, hypothesis: Hypothesis | None) -> None:
        key = (source, segment.start_sample, segment.end_sample)
        self._heard.add(key)
        if self._record.texts.get(key) is None:
            self._journal.text(source, segment, hypothesis)

    def gap(self, source: str, gap: AudioGap) -> None:
        """Known, or a stretch that the spool lacks."""

    def entry(self, entry: Entry) -> None:
        if isinstance(entry, TranscriptGap) and entry.reason == NOT_KEPT:
            span = (round(seconds * SAMPLE_RATE) for seconds in (entry.start_seconds, entry.end_seconds))
            for start, end in self._record.not_transcribed(entry.source, *span):
                self._entries.append(replace(entry, start_seconds=start / SAMPLE_RATE, end_seconds=end / SAMPLE_RATE))
        else:
            self._entries.append(entry)


def merged(known: Sequence[Entry], candidates: Sequence[Entry]) -> list[Entry]:
    """`known`, then in the order of their time those of `candidates` that have no counterpart, counted on.

    The earlier of two candidates counts. An entry of the same source at the same time is the same one and stays as it
    is, even if its text should be another now: a model or detector that has changed since must not repeat half a
    meeting. Only what the model had failed on gets a line beside its mark.
    """
    both = [*known, *candidates]
    stays = [True] * len(known)
    for entry, others in islice(zip(both, _beside(both), strict=True), len(known), None):
        stays.append(all(_was_missing(entry, both[other]) for other in others if other < len(stays) and stays[other]))
    missing = compress(candidates, stays[len(known) :])
    entries = [*known, *sorted(missing, key=lambda entry: entry.start_seconds)]
    indices = iter(range(len(entries)))
    return [replace(entry, index=next(indices)) if isinstance(entry, Utterance) else entry for entry in entries]


def _was_missing(entry: Entry, known: Entry) -> bool:
    return isinstance(entry, Utterance) and isinstance(known, TranscriptGap) and known.reason == NOT_TRANSCRIBED


def _beside(entries: Sequence[Entry]) -> list[list[int]]:
    """For each entry the numbers of the others of its source that have a moment in common with it.

    In the order of their time, so that none of a day's entries is compared with all the others.
    """
    beside: list[list[int]] = [[] for _ in entries]
    going_on: dict[str, list[int]] = {}
    for number, entry in sorted(enumerate(entries), key=lambda numbered: numbered[1].start_seconds):
        earlier = [one for one in going_on.get(entry.source, ()) if entries[one].end_seconds > entry.start_seconds]
        for other in earlier:
            if entries[other].start_seconds < entry.end_seconds:  # else it has no length and begins with the other
                beside[number].append(other)
                beside[other].append(number)
        going_on[entry.source] = [*earlier, number]
    return beside
