"""A session from its first sample to its last file: starts the threads, ends them in order, reports every failure."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from live_canary.audio.soundsystem import Input
from live_canary.audio.source import SAMPLE_RATE, PausableSource, Source
from live_canary.events import (
    Event,
    ModelWarned,
    OutputWritten,
    SessionEnded,
    SourceWarned,
    StageFailed,
    UtteranceAmended,
)
from live_canary.printable import one_line
from live_canary.segments.segmenter import Segmenter
from live_canary.session.agenda import Agenda, Amendment, Bookmarking, Rehearing
from live_canary.session.audition import Audition, Auditions
from live_canary.session.conversation import Conversation
from live_canary.session.journal import Journal
from live_canary.session.listening import Listener
from live_canary.session.loading import AwaitedModel, LoadTranscriber
from live_canary.session.stages import TRANSCRIBING, Stages
from live_canary.session.transcribing import Scribe, TranscriptSink
from live_canary.session.watchdog import PATIENCE_SECONDS, WatchedTranscriber
from live_canary.signals import DEAF_SECONDS

CLOSE_SOURCE_SECONDS = 3.0  # a sound system that hangs must not keep the program from ending
ABORT_SECONDS = 5.0  # of patience with a model that is at work when the user interrupts
AFTER_THE_END = (UtteranceAmended, OutputWritten, ModelWarned, StageFailed)  # what an amendment may have to tell

log = logging.getLogger(__name__)

Tell = Callable[[Event], None]


class Session:
    """Hears its sources, transcribes them, keeps the text in files and tells what happens.

    Events come from several threads, one at a time. SessionEnded always comes, whatever happened before; after it only
    the answers to `amend` and what `bookmark` writes.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        make_segmenter: Callable[[], Segmenter],
        load_transcriber: LoadTranscriber,
        sinks: Sequence[TranscriptSink] = (),
        *,
        partial_interval_ms: int | None = None,
        echo_of: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        journal: Journal | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
        commands_from: str | None = None,
        wrap_listener: Callable[[Tell], Tell] | None = None,
        crosstalk: bool = False,
    ):
        """partial_interval_ms: how often the words of an unfinished utterance are told; None for finals only;
        echo_of: the name of the source that plays what the others may hear again; journal: what the session could be
        recovered from; patience_seconds: how long the model may take before the user is told that it hangs;
        commands_from: the name of the source whose voice commands are obeyed; wrap_listener: makes of `on_event` what
        is called in its place; crosstalk: whether any source may hear again what another one does.
        """
        self._sources = list(sources)
        self._clock, self._patience_seconds = clock, patience_seconds
        journal = journal or Journal()
        journal.when_it_fails(partial(self._warn, "journal"))
        self._agenda = Agenda(clock)
        conversation = Conversation([source.name for source in sources], echo_of, crosstalk=crosstalk)
        self._scribe = Scribe(self._agenda, conversation, sinks, sources, self._tell, clock, journal, commands_from)
        interval = None if partial_interval_ms is None else partial_interval_ms * SAMPLE_RATE // 1000
        self._listeners = [
            Listener(
                source,
                make_segmenter(),
                self._agenda,
                conversation,
                self._tell,
                clock,
                interval,
                journal,
                self._one_has_ended,
            )
            for source in sources
        ]
        self._stages = Stages(self._tell)
        self._model = AwaitedModel(load_transcriber, self._stages, self._tell)
        self._listening = len(self._listeners)
        self._stopping = False
        self._auditions = Auditions(sources)
        self._listening_threads: list[threading.Thread] = []
        self._threads: list[threading.Thread] = []  # those that a clean end waits for: not the one loading the model
        self._nothing_to_transcribe = False
        """It ended before anything was said, and perhaps before the model was loaded, for which it did not wait."""
        self._telling = threading.Lock()
        self._ended = threading.Event()
        self._wrap_listener = wrap_listener
        self._on_event: Tell = lambda event: None

    def start(self, on_event: Tell) -> None:
        """Begin to listen and return; `on_event` is then called from threads of the session."""
        self._on_event = self._wrap_listener(on_event) if self._wrap_listener else on_event
        self._listening_threads = [
            self._stages.begin(f"listen {listener.source.name}", listener.run) for listener in self._listeners
        ]
        self._model.begin()
        self._threads = [*self._listening_threads, self._stages.begin(TRANSCRIBING, self._transcribe)]

    def stop(self) -> None:
        """Finish: stop listening, transcribe what was heard, close the files. Returns at once."""
        for source in self._sources:
            source.stop()
        if not self._stopping and any(source.live for source in self._sources):
            self._stopping = True
            self._stages.begin("end listening", self._end_listening, fatal=False)

    def abort(self) -> None:
        """Stop now: what nobody has begun to transcribe is given up, and what the user changed left to `recover`."""
        self._agenda.abandon()
        self._leave_amendments()
        self._model.give_up()
        self.stop()

    def mute(self, source_name: str, *, muted: bool) -> None:
        """Hear nothing of a live source for a while; the time is marked as a gap. A recording cannot be muted.

        SourceMuted tells that it is so, SourceWarned why it is not.
        """
        for source in self._sources:
            if source.name != source_name:
                continue
            if isinstance(source, PausableSource):
                source.pause() if muted else source.resume()
            else:
                self._tell(SourceWarned(source.name, "a recording cannot be muted"))

    def auditions(self) -> dict[str, Audition]:
        """The inputs that each live source could hear, by its name, being listened to until they are closed."""
        return self._auditions.begin(lambda body: self._stages.begin("try inputs", body, fatal=False))

    def switch_input(self, source_name: str, chosen: Input) -> None:
        """Have a source hear another input from now on; the stretch between is marked as a gap. Returns at once.

        All auditions are closed first. InputOpened tells that it does, SourceWarned why it does not.
        """
        self._auditions.switch(source_name, chosen)

    @property
    def has_model(self) -> bool:
        """Whether the model was loaded: what is heard before waits for it."""
        return self._model.transcriber is not None

    @property
    def heard_in_order(self) -> bool:
        """Whether every source came to its end without trouble."""
        return all(listener.in_order for listener in self._listeners)

    @property
    def heard_no_words(self) -> bool:
        """Whether everything that was heard was transcribed, and there are no words in it."""
        is_done = self.has_model or self._nothing_to_transcribe
        return self.heard_in_order and is_done and not (self._scribe.utterances or self._scribe.failures)

    @property
    def echoes(self) -> Counter[str]:
        """How many utterances of each source were left out, because another plays them."""
        return self._scribe.echoes.copy()

    def amend(self, index: int, text: str | None) -> None:
        """Give an utterance (its `index`) another text; None deletes it, and its own text brings it back.

        The one way to change a line, for a key as for a spoken "scratch that": it is in the journal first, then in the
        files, then UtteranceAmended tells everybody. Returns at once. From any thread, also after SessionEnded until
        `wait()` is called.
        """
        self._agenda.put_request(Amendment(index, None if text is None else one_line(text)))

    def bookmark(self, index: int, *, is_set: bool) -> None:
        """Set a bookmark at an utterance, or take it away: in the journal first, then in the files that show them.

        Returns at once, and nothing tells that it is done. From any thread, as `amend`.
        """
        self._agenda.put_request(Bookmarking(index, is_set))

    def hear_again(self, index: int) -> None:
        """Have the model hear an utterance once more, with more of the sound around it, when all finals are there.

        What comes out is an amendment (also when it is the same text), or a StageFailed says why nothing did. Nothing
        does if it is amended or taken back before the model gets to it.
        """
        self._agenda.put_request(Rehearing(index))

    def wait(
        self, timeout_seconds: float | None = None, tell_left: Callable[[int], None] = lambda corrections: None
    ) -> bool:
        """Wait for SessionEnded and for the threads to end; False when it did not come in time.

        tell_left: called once if corrections take long to be written, with how many there still are.
        """
        limit = DEAF_SECONDS if timeout_seconds is None else timeout_seconds
        ended = self._ended.wait(limit)
        while not ended and timeout_seconds is None:
            ended = self._ended.wait(limit)
        if ended:
            self._agenda.dismiss()
            *_, transcribing = self._threads
            self._agenda.wait_for_amendments(transcribing.join, self._patience_seconds, tell_left)
            for thread in self._threads:
                thread.join(CLOSE_SOURCE_SECONDS)
            self._leave_amendments()
            self._scribe.journal.unanswered = self._agenda.amendments_left + self._agenda.amendments_given_up
        return ended

    @property
    def unsaved(self) -> dict[Path, int]:
        """How many lines and corrections each file lacks that lacks some; to be asked when the session has ended."""
        return {sink.path: lines for sink in self._scribe.sinks if (lines := sink.unsaved + sink.uncorrected)}

    def _leave_amendments(self) -> None:
        """What could not be written goes into the journal, whose own disk may be the one that hangs."""
        if self._agenda.amendments_left:
            leaving = self._stages.begin("leave amendments", self._scribe.leave_amendments, fatal=False)
            leaving.join(CLOSE_SOURCE_SECONDS)

    def _end_listening(self) -> None:
        """A sound system that hangs in the middle of a call is left behind, once all that it gave is heard."""
        for listener, thread in zip(self._listeners, tuple(self._listening_threads), strict=False):
            if listener.source.live:
                heard = -1
                while thread.is_alive() and (listener.is_at_work or heard < listener.heard_samples):
                    heard = listener.heard_samples
                    thread.join(CLOSE_SOURCE_SECONDS)
                if thread.is_alive():
                    self._listening_threads.remove(thread)
                    self._threads.remove(thread)
                    listener.end()

    def _one_has_ended(self) -> None:
        with self._telling:
            self._listening -= 1
            last = not self._listening
        if last:
            self._agenda.close()

    def _transcribe(self) -> None:
        try:
            self._stages.run(TRANSCRIBING, self._write_finals)
            self._stages.run("close files", self._scribe.close_files)
        finally:
            self._finish()
        self._stages.run("amend", partial(self._scribe.answer_until_dismissed, self._model.transcriber))

    def _write_finals(self) -> None:
        self._nothing_to_transcribe = not self._agenda.wait_for_any()
        if not self._nothing_to_transcribe and (transcriber := self._model.wait()) is not None:
            watched = WatchedTranscriber(transcriber, self._tell_of_no_answer, self._clock, self._patience_seconds)
            answered = threading.Event()
            watching = self._stages.begin("watch model", partial(watched.watch, until=answered))
            try:
                self._scribe.run(watched)
            finally:  # before Python ends: what its thread holds would be called leaked by a library in C
                answered.set()
                watching.join(CLOSE_SOURCE_SECONDS)

    def _tell_of_no_answer(self, seconds: float) -> None:
        message = f"The model has given no answer for {seconds:.0f} s and may only be slow; what follows waits for it."
        if self._scribe.journal.can_be_recovered:
            message += " Stop at once (Ctrl-C twice) to leave it to `live-canary recover`."
        self._tell(ModelWarned(message))

    def _finish(self) -> None:
        """Say that it is over, as the last word. If the model failed, the sources still have to be stopped."""
        self._agenda.abandon()
        self._stages.run("stop", self.stop, fatal=False)
        for thread in self._listening_threads:
            thread.join(CLOSE_SOURCE_SECONDS)
        heard = max((listener.sound_samples for listener in self._listeners), default=0)
        self._tell(SessionEnded(self._scribe.utterances, heard / SAMPLE_RATE))
        self._ended.set()

    def _warn(self, stage: str, message: str) -> None:
        self._tell(StageFailed(stage, message, fatal=False))

    def _tell(self, event: Event) -> None:
        """Whoever listens may fail on it; no stage dies of that."""
        with self._telling:
            if not self._ended.is_set() or isinstance(event, AFTER_THE_END):
                try:
                    self._on_event(event)
                except (Exception, SystemExit):
                    log.exception("what is told of the session failed on %s", event)
