"""The thread that owns the model: takes what is most urgent, writes every final to the files, then tells the screen."""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from live_canary.audio.source import SAMPLE_RATE, Source
from live_canary.errors import LiveCanaryError, OutputError, SessionError
from live_canary.events import (
    BacklogChanged,
    Event,
    GapMarked,
    OutputWritten,
    PartialChanged,
    StageFailed,
    UtteranceAmended,
    UtteranceFinal,
)
from live_canary.printable import clock
from live_canary.segments.segment import loudness_of
from live_canary.session.agenda import Agenda, Amendment, Bookmarking, Kind, Rehearing, Request, Work
from live_canary.session.conversation import Conversation, Finished
from live_canary.session.hearing import Hearing
from live_canary.session.journal import NOT_TRANSCRIBED, Journal
from live_canary.session.rehearing import sound_of
from live_canary.transcript.hypothesis import Transcriber
from live_canary.transcript.taking_back import TakingBack
from live_canary.transcript.utterance import Entry, Revision, TranscriptGap, Utterance

log = logging.getLogger(__name__)

PARTIAL_SHARE = 0.5  # of the time, at most, goes into partials
CHECK_SECONDS = 0.1  # how often finals that wait for another source look whether it is their turn


class TranscriptSink(Protocol):
    """Where finals are kept: a file. Every call raises OutputError when the disk refuses, and forgets nothing."""

    path: Path

    @property
    def unsaved(self) -> int: ...

    def write(self, entry: Entry) -> None: ...

    @property
    def uncorrected(self) -> int: ...

    def amend(self, index: int, revision: Revision) -> None: ...

    def reopen(self) -> None: ...

    def close(self) -> None: ...


class Scribe:
    """The body of the transcribing thread."""

    def __init__(
        self,
        agenda: Agenda,
        conversation: Conversation,
        sinks: Sequence[TranscriptSink],
        sources: Sequence[Source],
        tell: Callable[[Event], None],
        clock: Callable[[], float],
        journal: Journal,
        commands_from: str | None = None,
    ):
        """commands_from: the name of the source whose voice commands are obeyed."""
        self.agenda, self.conversation, self.sinks, self.sources = agenda, conversation, sinks, sources
        self.tell, self.clock, self.journal = tell, clock, journal
        self._commands_from, self._taking_back = commands_from, TakingBack()
        self.utterances = self.failures = 0
        """How many have words, and how many the model failed on."""
        self.echoes: Counter[str] = Counter()
        """How many of each source were left out, because another plays them."""
        self._told: list[Utterance] = []
        self._amended: dict[int, Revision] = {}
        self._hearing = Hearing(agenda, journal)
        self._told_backlog = 0.0

    def run(self, transcriber: Transcriber) -> None:
        """Until the agenda is closed and empty."""
        while (item := self.agenda.next(self._patience)) is not None:
            self._tell_backlog()
            if isinstance(item, TranscriptGap):
                self.conversation.missed(item)
            elif isinstance(item, Amendment | Bookmarking | Rehearing):
                self._answer(item, transcriber)
            elif isinstance(item, Work) and item.kind is Kind.FINAL:
                self._finish(item, transcriber)
            elif isinstance(item, Work):
                self._preview(item, transcriber)
            self._release(self.conversation.released())
        self._release(self.conversation.released(all_of_it=True))
        self._tell_backlog()

    def answer_until_dismissed(self, transcriber: Transcriber | None) -> None:
        """After the end: what the user still corrects, or wants to be heard again.

        Where many corrections wait, the files are made anew once for all of them.
        """
        are_open = False
        while (request := self.agenda.next_request()) is not None:
            if (more := self.agenda.has_amendments) and not are_open:
                are_open = True
                self._reopen_files()
            self._answer(request, transcriber)
            if are_open and not more:
                are_open = False
                self.close_files()
        if are_open:
            self.close_files()

    def _reopen_files(self) -> None:
        for sink in self.sinks:
            with suppress(OutputError):  # each amendment tries again, and tells
                sink.reopen()

    def _patience(self) -> float | None:
        """Seconds to wait for work while finals wait for their turn."""
        return CHECK_SECONDS if self.conversation.is_waiting else None

    def close_files(self) -> None:
        for sink in self.sinks:
            self._keep(sink, sink.close)

    def _finish(self, work: Work, transcriber: Transcriber) -> None:
        """Make the final of an utterance; one that the model fails on is marked as a gap and the next one goes on."""
        try:
            hypothesis = self._hearing.hypothesis(work, transcriber)
        except Exception as error:  # noqa: BLE001 - whatever the model raises must not end the session
            self.journal.text(work.source, work.segment, None)
            self.conversation.finished(work.source, None)
            self._mark_failed(work, error)
            return
        self.journal.text(work.source, work.segment, hypothesis)
        if not hypothesis.text:
            self.conversation.finished(work.source, None)
            self.tell(PartialChanged(work.source, work.segment.speech_start_seconds, "", ""))
            return
        span = work.segment.speech_start_seconds, work.segment.speech_end_seconds
        utterance = Utterance.uncounted(
            hypothesis, work.source, *span, obey_commands=work.source == self._commands_from
        )
        loudness = loudness_of(work.segment) if self.conversation.crosstalk else 0.0
        self.conversation.finished(work.source, Finished(utterance, work.noted_at, loudness))

    def _release(self, finals: list[Finished]) -> None:
        for final in finals:
            if isinstance(final.entry, TranscriptGap):
                self._write(final.entry)
                self.tell(GapMarked(final.entry))
                continue
            if final.is_echo:
                self.echoes[final.entry.source] += 1
                self.tell(PartialChanged(final.entry.source, final.entry.start_seconds, "", ""))
                continue
            utterance = replace(final.entry, index=self.utterances)
            self.utterances += 1
            self._told.append(utterance)
            self._write(utterance)
            self.tell(UtteranceFinal(utterance, self.clock() - final.noted_at))
            if (taken := self._taking_back.heed(utterance)) is not None:
                self._amend(taken, None, obeys=utterance.index)

    def _preview(self, work: Work, transcriber: Transcriber) -> None:
        """Make a partial, or the text of a heard tail, which becomes the final if nobody goes on speaking."""
        begun = self.clock()
        spoken = self._hearing.utterance_of(work)
        if spoken.end_sample == work.segment.end_sample:
            return  # the same sound again would only seem to confirm its words
        try:
            hypothesis = self._hearing.hypothesis(work, transcriber)
        except Exception:  # its final will fail the same way, and that is told
            log.debug("a partial failed", exc_info=True)
            return
        stable = spoken.stabilizer.feed(hypothesis, work.segment.end_sample / SAMPLE_RATE)
        self.tell(PartialChanged(work.source, work.segment.speech_start_seconds, stable.settled, stable.tentative))
        now = self.clock()
        self.agenda.no_partial_before(now + (now - begun) * (1 - PARTIAL_SHARE) / PARTIAL_SHARE)

    def _mark_failed(self, work: Work, error: Exception) -> None:
        self.failures += 1
        if not isinstance(error, LiveCanaryError):
            log.error("an utterance could not be transcribed", exc_info=error)
        segment = work.segment
        gap = TranscriptGap(segment.speech_start_seconds, segment.speech_end_seconds, NOT_TRANSCRIBED, work.source)
        self.conversation.missed(gap)
        message = f"{segment.seconds:.1f} s of {work.source} could not be transcribed ({error}); the next will be"
        self.tell(StageFailed("transcribe", message, fatal=False))

    def _write(self, entry: Entry) -> None:
        self.journal.entry(entry)
        for sink in self.sinks:
            self._keep(sink, partial(sink.write, entry))

    def _answer(self, request: Request, transcriber: Transcriber | None) -> None:
        if not 0 <= request.index < self.utterances:
            return
        if isinstance(request, Amendment):
            self._amend(request.index, request.text)
        elif isinstance(request, Bookmarking):
            self._revise(request.index, self._revised(request))
        elif self._revision_of(request.index).text is not None:  # a voice may have taken it back meanwhile
            self._hear_again(self._told[request.index], transcriber)

    def leave_amendments(self) -> None:
        """What the user changed meanwhile goes into the journal alone: model or disk may never let it be written.

        From any thread, when the session is given up, or left with a disk that hangs.
        """
        if not self.journal.can_be_recovered:
            return
        for request in self.agenda.take_amendments():
            if 0 <= request.index < self.utterances:
                self._amended[request.index] = self._revised(request)
                self.journal.amendment(request.index, self._amended[request.index])

    def _revised(self, request: Amendment | Bookmarking) -> Revision:
        revision = self._revision_of(request.index)
        if isinstance(request, Amendment):
            return replace(revision, text=request.text)
        return replace(revision, is_bookmarked=request.is_set)

    def _amend(self, index: int, text: str | None, obeys: int | None = None) -> None:
        self._revise(index, replace(self._revision_of(index), text=text), obeys)
        self.tell(UtteranceAmended(index, text))

    def _revise(self, index: int, revision: Revision, obeys: int | None = None) -> None:
        """Writes down what has changed about an utterance, if anything has."""
        if revision == self._revision_of(index):
            return
        self._amended[index] = revision
        self._taking_back.revised(self._told[index], revision.text)
        self.journal.amendment(index, revision, obeys)
        for sink in self.sinks:
            self._keep(sink, partial(sink.amend, index, revision))

    def _revision_of(self, index: int) -> Revision:
        return self._amended.get(index) or Revision(self._told[index].text)

    def _hear_again(self, utterance: Utterance, transcriber: Transcriber | None) -> None:
        """What the model makes of it with more of the sound around it; the line stays when that is nothing."""
        try:
            if transcriber is None:
                raise SessionError("there is no model")
            hypothesis = transcriber.transcribe(
                sound_of(utterance, self._told, self.conversation.next_start(utterance.source), self.sources)
            )
            if not hypothesis.text:
                raise SessionError("the model hears no words there now")
        except Exception as error:
            if not isinstance(error, LiveCanaryError):
                log.error("an utterance could not be heard again", exc_info=error)
            message = f"The line at {clock(utterance.start_seconds)} stays as it is: {str(error).rstrip('.')}."
            self.tell(StageFailed("hear again", message, fatal=False))
            return
        self.agenda.has_become_amendment()
        self._amend(utterance.index, hypothesis.text)

    def _keep(self, sink: TranscriptSink, write: Callable[[], None]) -> None:
        try:
            write()
        except OutputError as error:
            self.tell(StageFailed("file", str(error), fatal=False))
        self.journal.saved(sink.path, sink.unsaved, sink.uncorrected)
        self.tell(OutputWritten(sink.path, sink.unsaved + sink.uncorrected))

    def _tell_backlog(self) -> None:
        seconds = self.agenda.backlog_seconds
        if seconds != self._told_backlog:
            self._told_backlog = seconds
            self.tell(BacklogChanged(seconds))
