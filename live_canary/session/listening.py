"""One source heard from its first sample to its last: blocks -> segmenter -> agenda, and news for the outside."""

import threading
from collections.abc import Callable
from math import inf

from live_canary.audio.level import Level, LevelMeter
from live_canary.audio.source import (
    SAMPLE_RATE,
    AudioBlock,
    AudioGap,
    DeviceHeard,
    DeviceLost,
    DeviceOpened,
    DeviceRecovered,
    DeviceSilent,
    Source,
    SourceItem,
    SourceNews,
    SourcePaused,
    SourceResumed,
    SourceWarning,
)
from live_canary.audio.spool import SpoolingSource
from live_canary.events import (
    Event,
    InputOpened,
    LevelChanged,
    SourceLost,
    SourceMuted,
    SourceOpened,
    SourceRecovered,
    SourceWarned,
    SpeechEnded,
    SpeechStarted,
)
from live_canary.segments import segmenter as segmenting
from live_canary.segments.segment import Segment, SpooledSegment, WaitingSegment
from live_canary.segments.segmenter import Segmenter, SegmenterOutput
from live_canary.session.agenda import MOST_WAITING_SECONDS, Agenda, Kind, Work
from live_canary.session.conversation import Conversation
from live_canary.session.journal import Journal
from live_canary.transcript.utterance import TranscriptGap

EAGER_SECONDS = 1.0  # when speech begins, partials come twice as often: the first may find no word in so little sound
LEVEL_STEP_DB = 1.5  # a cell of the meter
HEAVY_BACKLOG_SECONDS = 600.0  # of sound in memory, 38 MB; said then, and whenever it has doubled
LEVEL_INTERVAL_SECONDS = 0.1  # a meter needs no more, also when a recording is played faster
LEVEL_REPEATED_SECONDS = 1.0  # in silence: a meter marks for a while what was louder


class Listener:
    """The body of one listening thread."""

    def __init__(
        self,
        source: Source,
        segmenter: Segmenter,
        agenda: Agenda,
        conversation: Conversation,
        tell: Callable[[Event], None],
        clock: Callable[[], float],
        partial_interval_samples: int | None,
        journal: Journal,
        when_ended: Callable[[], None] = lambda: None,
    ):
        """partial_interval_samples: how much is spoken between two partials, at first half as much; None for none.

        when_ended: called once, when nothing more will come of the source.
        """
        self.source, self.segmenter = source, segmenter
        self.agenda, self.conversation = agenda, conversation
        self.tell, self.clock, self.journal = tell, clock, journal
        self._when_ended = when_ended
        self.heard_samples = 0
        """Where on the source's clock what was heard last ends."""
        self.sound_samples = 0
        """How much was heard, without what a pause or a lost input left out."""
        self.in_order = False
        """Whether the source came to its end, and all of it has been through the segmenter."""
        self._partial_interval = partial_interval_samples
        self._next_partial = self._eager_until = 0
        self._meter = LevelMeter()
        self._level_told_at = -inf
        self._level_told: Level | None = None
        self._opened = False
        self._hearing = threading.Lock()
        self._ended = False
        self._heavy_backlog = HEAVY_BACKLOG_SECONDS

    def run(self) -> None:
        """Until the source ends; whatever ends it, what was heard so far is on the agenda."""
        try:
            for item in self.source.blocks():
                with self._hearing:
                    if self._ended:
                        return
                    self._take(item)
        finally:
            self.end()
        self.in_order = True

    @property
    def is_at_work(self) -> bool:
        """It is not the source that it waits for, but perhaps the disk."""
        return self._hearing.locked() or (isinstance(self.source, SpoolingSource) and self.source.is_writing)

    def end(self) -> None:
        """What was heard so far goes on the agenda, and nothing after it: also while the source does not come back."""
        with self._hearing:
            if self._ended:
                return
            self._ended = True
            try:
                self._handle(self.segmenter.flush())
            finally:
                self.conversation.ended(self.source.name)
                self._when_ended()

    def _take(self, item: SourceItem) -> None:
        if not self._opened:
            self._opened = True
            self.tell(SourceOpened(self.source.name))
        if isinstance(item, AudioBlock):
            self.hear(item)
        elif isinstance(item, AudioGap):
            self._skip(item)
        else:
            self._report(item)

    def hear(self, block: AudioBlock) -> None:
        """Take in the next block of the source."""
        self.heard_samples = block.end_sample
        self.sound_samples += len(block.samples)
        self._measure(block)
        self._handle(self.segmenter.feed(block.samples))
        self.conversation.heard(self.source.name, block.end_sample / SAMPLE_RATE)
        if self._partial_interval is not None and block.end_sample >= self._next_partial:
            self._offer_partial(block.end_sample)

    def _skip(self, gap: AudioGap) -> None:
        """Time without sound; where it has no length, what is being said ends there all the same."""
        self._handle(self.segmenter.gap(gap.end_sample - gap.start_sample))
        self.journal.gap(self.source.name, gap)
        if gap.start_sample == gap.end_sample:
            return
        start, end = gap.start_sample / SAMPLE_RATE, gap.end_sample / SAMPLE_RATE
        self.agenda.put_gap(TranscriptGap(start, end, gap.reason, self.source.name))

    def _measure(self, block: AudioBlock) -> None:
        level = self._meter.feed(block.samples)
        if level is None:
            return
        now = self.clock()
        passed = now - self._level_told_at
        if passed < LEVEL_INTERVAL_SECONDS / 2 or (passed < LEVEL_REPEATED_SECONDS and not self._is_news(level)):
            return
        self._level_told, self._level_told_at = level, now
        self.tell(LevelChanged(self.source.name, level.rms_dbfs, level.peak_dbfs))

    def _is_news(self, level: Level) -> bool:
        """Whether a meter would look different; drawing one costs more than all the rest of listening."""
        told = self._level_told
        if told is None:
            return True
        change = max(abs(level.rms_dbfs - told.rms_dbfs), abs(level.peak_dbfs - told.peak_dbfs))
        return change >= LEVEL_STEP_DB

    def _handle(self, outputs: list[SegmenterOutput]) -> None:
        for output in outputs:
            match output:
                case segmenting.SpeechStarted(sample):
                    self.conversation.begun(self.source.name, sample / SAMPLE_RATE)
                    self.tell(SpeechStarted(self.source.name, sample / SAMPLE_RATE))
                    self._next_partial = self.heard_samples + (self._partial_interval or 0)
                    self._eager_until = self.heard_samples + int(EAGER_SECONDS * SAMPLE_RATE)
                case segmenting.TailHeard(segment):
                    self.agenda.offer(self._work(Kind.TAIL, segment))
                case Segment():
                    self.tell(SpeechEnded(self.source.name))
                    self.journal.segment(self.source.name, output)
                    work = self._work(Kind.FINAL, self._to_wait(output))
                    self.agenda.put_final(work, wait=not self.source.live)

    def _to_wait(self, segment: Segment) -> WaitingSegment:
        """What of the segment stands in the queue: without its sound, when much waits already and it is on the disk."""
        backlog = self.agenda.backlog_seconds
        if not self.source.live or backlog < MOST_WAITING_SECONDS:
            return segment
        if isinstance(self.source, SpoolingSource) and self.source.keeps(segment.start_sample, segment.end_sample):
            return SpooledSegment(
                segment.start_sample,
                segment.end_sample,
                segment.speech_start_sample,
                segment.speech_end_sample,
                self.source.read,
            )
        if backlog >= self._heavy_backlog:
            self._heavy_backlog = 2 * backlog
            self.tell(SourceWarned(self.source.name, _heavy(backlog)))
        return segment

    def _offer_partial(self, heard: int) -> None:
        interval = self._partial_interval or 0
        self._next_partial = heard + (interval if heard >= self._eager_until else interval // 2)
        segment = self.segmenter.open_segment()
        if segment is not None:
            self.agenda.offer(self._work(Kind.PARTIAL, segment))

    def _work(self, kind: Kind, segment: WaitingSegment) -> Work:
        return Work(kind, self.source.name, segment, self.clock())

    def _report(self, news: SourceNews) -> None:
        name = self.source.name
        match news:
            case DeviceOpened(device):
                self.tell(InputOpened(name, device))
            case DeviceLost(device, reason):
                self._go_away()
                self.tell(SourceLost(name, f"{device}: {reason}"))
            case DeviceRecovered(device, gap_seconds):
                self.tell(InputOpened(name, device))  # another one may have taken its place
                self.tell(SourceRecovered(name, gap_seconds))
            case DeviceSilent(device, seconds):
                asked = "is it muted, or do the system's settings keep it from programs?"  # macOS then gives zeros
                self.tell(SourceWarned(name, f"{device} has been completely silent for {seconds:.0f} s: {asked}"))
            case DeviceHeard():
                self.tell(SourceWarned(name, "There is sound again."))
            case SourcePaused():
                self._go_away()
                self.tell(SourceMuted(name, muted=True))
            case SourceResumed():
                self.tell(SourceMuted(name, muted=False))
            case SourceWarning(message):
                self.tell(SourceWarned(name, message))

    def _go_away(self) -> None:
        """What is being said ends here, and what others say does not wait; the gap comes when it is over."""
        self._skip(AudioGap(self.heard_samples, self.heard_samples, ""))
        self.conversation.away(self.source.name)


def _heavy(backlog_seconds: float) -> str:
    return (
        f"The model is {backlog_seconds / 60:.0f} minutes behind. What waits for it is not on the disk but takes "
        f"{backlog_seconds * SAMPLE_RATE * 4 / 1e6:.0f} MB of memory; nothing is lost while the program runs."
    )
