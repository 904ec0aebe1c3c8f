"""A session hears everything, loses nothing, and ends in order, whatever happens."""

import itertools
import math
import threading
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from live_canary.audio.capture import Capture
from live_canary.audio.live import LiveSource
from live_canary.audio.soundsystem import Input
from live_canary.audio.source import AudioBlock, AudioGap, DeviceLost, DeviceRecovered, DeviceSilent
from live_canary.audio.spool import SpoolingSource
from live_canary.errors import CheckpointError, DeviceError, OutputError, RecordingError
from live_canary.events import (
    GapMarked,
    InputOpened,
    LevelChanged,
    ModelProgress,
    ModelWarned,
    OutputWritten,
    PartialChanged,
    SessionEnded,
    SourceOpened,
    SourceWarned,
    SpeechEnded,
    SpeechStarted,
    StageFailed,
    UtteranceAmended,
    UtteranceFinal,
)
from live_canary.session.agenda import Agenda
from live_canary.session.journal import JournalFile
from live_canary.session.rehearing import span_around
from live_canary.session.session import Session
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.utterance import TranscriptGap, Utterance
from tests.session.fakes import (
    ENDPOINT,
    LETTER_SAMPLES,
    LetterModel,
    MemorySink,
    ScriptedSource,
    make_segmenter,
    sound_of,
)

PATIENCE_SECONDS = 20


class Recorder:
    """Collects events and wakes whoever waits for one."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self._changed = threading.Condition()

    def __call__(self, event: object) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, kind: type, count: int = 1) -> None:
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE_SECONDS)
            assert enough, f"no {kind.__name__}"


def run(*sources, model=None, sinks=(), load=None, partial_interval_ms=None) -> Recorder:
    """A whole session, from start to end."""
    recorder = Recorder()
    model = model or LetterModel()
    session = Session(
        sources, make_segmenter, load or (lambda tell: model), sinks, partial_interval_ms=partial_interval_ms
    )
    session.start(recorder)
    assert session.wait(PATIENCE_SECONDS), recorder.events
    return recorder


def texts(recorder: Recorder) -> list[str]:
    return [event.utterance.text for event in recorder.of(UtteranceFinal)]


def test_every_utterance_is_told_and_written_in_order_with_its_times():
    sink = MemorySink()
    recorder = run(ScriptedSource("..abc" + ENDPOINT + "de" + ENDPOINT), sinks=[sink])
    assert texts(recorder) == ["abc", "de"]
    assert [entry.text for entry in sink.entries] == ["abc", "de"]
    first, second = (event.utterance for event in recorder.of(UtteranceFinal))
    assert (first.index, first.start_seconds, first.end_seconds) == (0, 0.2, 0.5)
    assert (second.index, second.start_seconds, second.end_seconds) == (1, 1.3, 1.5)
    assert sink.closed


def test_the_first_event_opens_the_source_and_the_last_ends_the_session():
    recorder = run(ScriptedSource("abc" + ENDPOINT))
    kinds = [type(event) for event in recorder.events if not isinstance(event, ModelProgress)]
    assert kinds[0] is SourceOpened
    assert kinds.index(SpeechStarted) < kinds.index(SpeechEnded) < kinds.index(UtteranceFinal)
    assert recorder.events[-1] == SessionEnded(utterances=1, heard_seconds=1.1)


def test_trailing_speech_is_transcribed_when_the_source_ends_without_a_pause():
    assert texts(run(ScriptedSource("abc"))) == ["abc"]


def test_stopping_in_mid_utterance_finishes_it():
    source, recorder = ScriptedSource("..abc", endless=True), Recorder()
    session = Session([source], make_segmenter, lambda tell: LetterModel())
    session.start(recorder)
    assert source.played.wait(PATIENCE_SECONDS)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert texts(recorder) == ["abc"]


def test_what_is_said_while_the_model_loads_is_transcribed_when_it_is_ready():
    loaded, recorder = threading.Event(), Recorder()

    def load(tell):
        tell("Loading")
        loaded.wait(PATIENCE_SECONDS)
        return LetterModel()

    source = ScriptedSource("abc" + ENDPOINT + "de" + ENDPOINT, endless=True)
    session = Session([source], make_segmenter, load)
    session.start(recorder)
    assert source.played.wait(PATIENCE_SECONDS)
    assert not recorder.of(UtteranceFinal)
    loaded.set()
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert texts(recorder) == ["abc", "de"]


def test_stopping_before_anything_was_said_does_not_wait_for_the_model():
    never, recorder = threading.Event(), Recorder()
    source = ScriptedSource("....", endless=True)
    session = Session([source], make_segmenter, lambda tell: never.wait(PATIENCE_SECONDS))
    session.start(recorder)
    recorder.wait_for(SourceOpened)
    session.stop()
    assert session.wait(PATIENCE_SECONDS / 2)
    never.set()


def test_aborting_does_not_wait_for_the_model():
    never, recorder = threading.Event(), Recorder()
    source = ScriptedSource("abc" + ENDPOINT, endless=True)
    session = Session([source], make_segmenter, lambda tell: never.wait(PATIENCE_SECONDS))
    session.start(recorder)
    recorder.wait_for(SpeechEnded)
    session.abort()
    assert session.wait(PATIENCE_SECONDS / 2)
    never.set()


def test_a_model_that_cannot_be_loaded_ends_the_session_with_its_reason():
    def load(tell):
        raise CheckpointError("the weights are cut off")

    recorder = run(ScriptedSource("abc" + ENDPOINT), load=load)
    assert recorder.of(StageFailed) == [StageFailed("load model", "the weights are cut off", fatal=True)]
    assert isinstance(recorder.events[-1], SessionEnded)


def test_an_utterance_the_model_fails_on_is_marked_and_the_next_one_is_transcribed(caplog):
    sink = MemorySink()
    recorder = run(
        ScriptedSource("abc" + ENDPOINT + "x" * 3 + ENDPOINT + "de" + ENDPOINT), model=LetterModel("x"), sinks=[sink]
    )
    assert texts(recorder) == ["abc", "de"]
    [failure] = recorder.of(StageFailed)
    assert not failure.fatal
    assert "the model broke" in failure.message
    assert isinstance(sink.entries[1], TranscriptGap)
    assert sink.entries[1].reason == "could not be transcribed"
    assert "could not be transcribed" in caplog.text  # a bug keeps its traceback


def test_a_source_that_fails_loses_nothing_it_was_heard_to_say():
    recorder = run(ScriptedSource("..abc", DeviceError("the microphone burned")))
    assert texts(recorder) == ["abc"]
    [failure] = recorder.of(StageFailed)
    assert failure.message == "the microphone burned"


def test_a_bug_in_a_source_is_reported_as_one(caplog):
    recorder = run(ScriptedSource("..abc", ZeroDivisionError("oops")))
    assert texts(recorder) == ["abc"]
    assert "Internal error in 'listen talk'" in recorder.of(StageFailed)[0].message
    assert "Traceback" in caplog.text


def test_a_file_that_refuses_is_told_and_the_session_goes_on():
    class FullDisk(MemorySink):
        unsaved = 1

        def write(self, entry):
            raise OutputError("'notes.txt' cannot be written: no space left")

    good = MemorySink()
    recorder = run(ScriptedSource("abc" + ENDPOINT + "de" + ENDPOINT), sinks=[FullDisk(), good])
    assert texts(recorder) == ["abc", "de"]
    assert len(good.entries) == 2
    assert {failure.fatal for failure in recorder.of(StageFailed)} == {False}
    assert {told.unsaved for told in recorder.of(OutputWritten)} == {0, 1}


def test_an_utterance_without_words_leaves_no_line_and_clears_its_partial():
    sink = MemorySink()
    recorder = run(ScriptedSource("hhh" + ENDPOINT + "de" + ENDPOINT), model=LetterModel(wordless="hhh"), sinks=[sink])
    assert [entry.text for entry in sink.entries] == ["de"]
    assert recorder.of(UtteranceFinal)[0].utterance.index == 0
    assert PartialChanged("talk", 0.0, "", "") in recorder.events


@pytest.mark.parametrize(
    ("speech", "model"),
    [
        ("abcd", LetterModel()),
        ("abcx", LetterModel(fails_on="x")),
        ("abch", LetterModel(wordless="abch")),
    ],
)
def test_what_is_being_said_ends_in_what_has_its_source_and_its_start(speech, model):
    """As docs/dictation.md promises whoever shows partials: in an utterance, in a gap, or in a partial without text."""
    recorder, spoken = Recorder(), threading.Event()

    class Hesitating(ScriptedSource):
        def blocks(self):
            for number, block in enumerate(super().blocks()):
                if number == len("..abc"):
                    spoken.set()
                    recorder.wait_for(PartialChanged)
                yield block

    def load(tell):
        assert spoken.wait(PATIENCE_SECONDS)  # or the first partial may be of two letters
        return model

    source = Hesitating(".." + speech + ENDPOINT, name="Me")
    session = Session([source], make_segmenter, load, partial_interval_ms=100)
    session.start(recorder)
    assert session.wait(PATIENCE_SECONDS)
    partials = recorder.of(PartialChanged)
    assert partials[0].tentative == "abc"
    ends = [event.utterance for event in recorder.of(UtteranceFinal)]
    ends += [event.gap for event in recorder.of(GapMarked)]
    ends += [one for one in partials if not one.settled + one.tentative]
    assert {(one.source, one.start_seconds) for one in ends} == {("Me", 0.2)}  # without text it may be told again
    assert {(one.source, one.start_seconds) for one in partials} == {("Me", 0.2)}


def test_a_gap_ends_the_utterance_before_it_and_is_marked_between_the_finals():
    gap = AudioGap(3 * LETTER_SAMPLES, 23 * LETTER_SAMPLES, "unplugged")
    sink = MemorySink()
    recorder = run(ScriptedSource("abc", gap, "de" + ENDPOINT), sinks=[sink])
    assert [getattr(entry, "text", "gap") for entry in sink.entries] == ["abc", "gap", "de"]
    [marked] = recorder.of(GapMarked)
    assert (marked.gap.start_seconds, marked.gap.end_seconds) == (0.3, 2.3)
    assert recorder.of(UtteranceFinal)[1].utterance.start_seconds == 2.3
    assert recorder.of(SessionEnded)[0].heard_seconds == pytest.approx(1.3)  # not of the time that was left out


def test_two_sources_share_one_model_and_keep_their_names_in_the_order_in_which_they_began():
    recorder = run(
        ScriptedSource("abc" + ENDPOINT + "..fg" + ENDPOINT, name="Me"),
        ScriptedSource("....." + "d" * 9 + ENDPOINT, name="Them"),
    )
    said = [event.utterance for event in recorder.of(UtteranceFinal)]
    assert [(one.index, one.source, one.text) for one in said] == [
        (0, "Me", "abc"),
        (1, "Them", "d" * 9),
        (2, "Me", "fg"),
    ]


def test_lines_of_two_sources_and_their_gaps_are_in_order_of_start_time():
    gap = AudioGap(6 * LETTER_SAMPLES, 9 * LETTER_SAMPLES, "overflow")
    sink = MemorySink()
    run(
        ScriptedSource("..abcd", gap, "..ef" + ENDPOINT, name="Me"),
        ScriptedSource("g" * 30 + ENDPOINT, name="Them"),  # goes on while "Me" speaks and loses sound
        sinks=[sink],
    )
    assert [getattr(entry, "text", "gap") for entry in sink.entries] == ["g" * 30, "abcd", "gap", "ef"]


@pytest.mark.parametrize("no_line", ["hhh", "xx"])
def test_an_utterance_that_gives_no_line_holds_the_other_side_up_no_longer(no_line):
    """One without words, and one that the model fails on."""
    source = ScriptedSource(no_line + "." * 30, name="Me", live=True, endless=True)
    other = ScriptedSource("....abc" + "." * 30, name="Them", live=True, endless=True)
    recorder, model = Recorder(), LetterModel(fails_on="x", wordless="hhh")
    session = Session([source, other], make_segmenter, lambda tell: model)
    session.start(recorder)
    recorder.wait_for(UtteranceFinal)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert texts(recorder) == ["abc"]


class SentenceModel(LetterModel):
    """Says a sentence for a sound instead of its letters."""

    def transcribe(self, samples, draft=None):
        letters = super().transcribe(samples).text
        return Hypothesis({"ccc": "Shall we begin then?", "mmm": "I am here."}.get(letters, letters))


def test_what_the_microphone_hears_of_the_loudspeakers_is_said_once():
    recorder = Recorder()
    sources = [
        ScriptedSource(".ccc" + ENDPOINT + "mmm" + ENDPOINT, name="Me"),  # the echo comes 100 ms later
        ScriptedSource("ccc" + ENDPOINT * 3, name="Them"),
    ]
    session = Session(sources, make_segmenter, lambda tell: SentenceModel(), echo_of="Them")
    session.start(recorder)
    assert session.wait(PATIENCE_SECONDS)
    said = [(event.utterance.source, event.utterance.text) for event in recorder.of(UtteranceFinal)]
    assert said == [("Them", "Shall we begin then?"), ("Me", "I am here.")]
    assert session.echoes == {"Me": 1}
    assert PartialChanged("Me", 0.1, "", "") in recorder.events  # what was shown of it while it was heard goes


def test_the_text_of_a_heard_tail_is_the_final_without_asking_the_model_again():
    source, model, recorder = ScriptedSource("abc" + "." * 6, endless=True), LetterModel(), Recorder()
    session = Session([source], make_segmenter, lambda tell: model)
    session.start(recorder)
    recorder.wait_for(PartialChanged)  # 500 ms of silence: the tail has been heard, the endpoint has not
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert texts(recorder) == ["abc"]
    assert model.heard == ["abc"]


def test_partials_grow_while_somebody_speaks_and_give_the_final_its_draft():
    source, model, recorder = ScriptedSource("abcdefgh", endless=True), LetterModel(), Recorder()
    session = Session([source], make_segmenter, lambda tell: model, partial_interval_ms=100)
    session.start(recorder)
    assert source.played.wait(PATIENCE_SECONDS)
    recorder.wait_for(PartialChanged)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert texts(recorder) == ["abcdefgh"]
    assert model.drafts[0] is None
    assert all("abcdefgh".startswith(draft) for draft in model.drafts[1:])


@pytest.mark.parametrize("speech", ["", ".........."])
def test_a_source_without_speech_gives_an_empty_transcript(speech):
    recorder = run(ScriptedSource(speech))
    assert texts(recorder) == []
    assert recorder.events[-1] == SessionEnded(0, len(speech) / 10)


def test_a_lost_source_ends_what_was_being_said_and_holds_nobody_back():
    """Every final of the other side waited until the microphone was plugged in again."""
    sources = (
        ScriptedSource("...mmm", DeviceLost("USB", "it was unplugged"), name="Me", live=True, endless=True),
        ScriptedSource(ENDPOINT + "ttt" + ENDPOINT, name="Them", live=True, endless=True),
    )
    recorder = Recorder()
    session = Session(sources, make_segmenter, lambda tell: LetterModel())
    session.start(recorder)
    recorder.wait_for(UtteranceFinal, count=2)  # while both go on
    assert [(event.utterance.source, event.utterance.text) for event in recorder.of(UtteranceFinal)] == [
        ("Me", "mmm"),
        ("Them", "ttt"),
    ]
    session.stop()
    assert session.wait(PATIENCE_SECONDS)


def test_a_recording_says_that_it_cannot_be_muted():
    source, recorder = ScriptedSource("..", endless=True), Recorder()
    session = Session([source], make_segmenter, lambda tell: LetterModel())
    session.start(recorder)
    recorder.wait_for(SourceOpened)
    session.mute("talk", muted=True)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert recorder.of(SourceWarned) == [SourceWarned("talk", "a recording cannot be muted")]


def test_a_level_is_told_when_it_changes_and_not_while_it_stays():
    assert levels_told("." * 8 + "mm" + "." * 8) == [-120, pytest.approx(20 * math.log10(0.34), abs=0.1), -120]


def test_silence_is_told_each_second_so_that_the_mark_of_what_was_loud_goes():
    assert levels_told("." * 40, clock_step=0.09)[1:] in ([-120] * few for few in range(2, 12))


def levels_told(script: str, clock_step: float = 0.01) -> list[float]:
    """Peaks in dBFS, while a clock goes on so many seconds whenever somebody looks."""
    recorder, looks = Recorder(), itertools.count()
    session = Session(
        [ScriptedSource(script)], make_segmenter, lambda tell: LetterModel(), clock=lambda: next(looks) * clock_step
    )
    session.start(recorder)
    assert session.wait(PATIENCE_SECONDS)
    return [event.peak_dbfs for event in recorder.of(LevelChanged)]


def test_an_utterance_is_given_another_text_while_others_are_spoken():
    recorder, sink = Recorder(), MemorySink()
    source = ScriptedSource("abc" + ENDPOINT, live=True, endless=True)
    session = Session([source], make_segmenter, lambda tell: LetterModel(), [sink])
    session.start(recorder)
    recorder.wait_for(UtteranceFinal)
    session.amend(0, "ABC\x1b[2J\n")
    session.amend(1, "not said yet")
    session.amend(0, None)
    recorder.wait_for(UtteranceAmended, 2)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert recorder.of(UtteranceAmended) == [UtteranceAmended(0, "ABC"), UtteranceAmended(0, None)]
    assert sink.amendments == [(0, "ABC"), (0, None)]


def test_a_transcript_can_be_corrected_after_its_end():
    recorder, sink = Recorder(), MemorySink()
    session = Session([ScriptedSource("abc")], make_segmenter, lambda tell: LetterModel(), [sink])
    session.start(recorder)
    recorder.wait_for(SessionEnded)
    session.amend(0, "ABC")
    recorder.wait_for(UtteranceAmended)
    assert sink.amendments == [(0, "ABC")]
    assert session.wait(PATIENCE_SECONDS)


def test_what_the_model_warns_of_is_also_told_when_a_line_is_heard_again_after_the_end():
    recorder, tells = Recorder(), []
    session = Session([ScriptedSource("abc")], make_segmenter, lambda tell: tells.append(tell) or LetterModel())
    session.start(recorder)
    recorder.wait_for(SessionEnded)
    tells[0]("The GPU is full; the CPU goes on.")
    assert recorder.of(ModelWarned) == [ModelWarned("The GPU is full; the CPU goes on.")]
    assert session.wait(PATIENCE_SECONDS)


def test_a_bookmark_stays_with_a_line_that_is_corrected_and_goes_when_it_is_taken_away():
    recorder, sink = Recorder(), MemorySink()
    session = Session([ScriptedSource("abc" + ENDPOINT + "de")], make_segmenter, lambda tell: LetterModel(), [sink])
    session.start(recorder)
    recorder.wait_for(SessionEnded)
    for index, is_set in ((0, True), (1, True), (0, True), (7, True), (1, False)):
        session.bookmark(index, is_set=is_set)
    session.amend(0, "ABC")
    assert session.wait(PATIENCE_SECONDS)
    assert sink.amendments == [(0, "abc"), (1, "de"), (1, "de"), (0, "ABC")]
    assert sink.bookmarks == {0}


def test_a_correction_that_cannot_be_saved_is_counted_like_a_line():
    class FullDisk(MemorySink):
        def amend(self, index, revision):
            self.uncorrected = 1
            raise OutputError("'notes.txt' cannot be corrected: no space left")

    recorder, sink = Recorder(), FullDisk()
    session = Session([ScriptedSource("abc")], make_segmenter, lambda tell: LetterModel(), [sink])
    session.start(recorder)
    recorder.wait_for(SessionEnded)
    session.amend(0, "ABC")
    recorder.wait_for(UtteranceAmended)
    assert recorder.of(OutputWritten)[-1] == OutputWritten(sink.path, 1)
    assert session.wait(PATIENCE_SECONDS)


def corrected_after_the_end(sink: MemorySink, corrections: int, *, is_told: bool = False, **how: Any) -> int:
    """How many of them the sink has when a session that is left at once is over."""
    recorder = Recorder()
    session = Session([ScriptedSource("abc")], make_segmenter, lambda tell: LetterModel(), [sink], **how)
    session.start(recorder)
    recorder.wait_for(SessionEnded)
    for number in range(corrections):
        session.amend(0, f"{number}")
    told: list[int] = []
    assert session.wait(PATIENCE_SECONDS, told.append)
    assert [0 < left < corrections for left in told] == [True] * is_told
    return len(sink.amendments)


def test_what_was_corrected_last_is_written_however_slow_the_disk_is(monkeypatch):
    """500 lines deleted after the end and q: a disk that needed more than three seconds for it lost the rest."""
    monkeypatch.setattr("live_canary.session.session.CLOSE_SOURCE_SECONDS", 0.0)
    assert corrected_after_the_end(MemorySink(), 500) == 500


class SlowSink(MemorySink):
    """A network drive that takes its time for a write."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.takes_it = threading.Event(), threading.Event()

    def amend(self, index, revision):
        self.is_asked.set()
        assert self.takes_it.wait(PATIENCE_SECONDS)
        super().amend(index, revision)


def test_the_last_correction_is_waited_for_while_it_is_being_written(monkeypatch):
    """It did not count as left any more: the session ended under the thread that wrote it, and its journal went."""
    monkeypatch.setattr("live_canary.session.session.CLOSE_SOURCE_SECONDS", 0.0)
    sink, recorder = SlowSink(), Recorder()
    session = Session([ScriptedSource("abc")], make_segmenter, lambda tell: LetterModel(), [sink])
    session.start(recorder)
    recorder.wait_for(SessionEnded)
    session.amend(0, "ABC")
    assert sink.is_asked.wait(PATIENCE_SECONDS)
    threading.Timer(0.5, sink.takes_it.set).start()
    assert session.wait(PATIENCE_SECONDS)
    assert sink.amendments == [(0, "ABC")]


def test_a_correction_that_the_disk_does_not_take_is_left_to_recover(monkeypatch, tmp_path):
    monkeypatch.setattr("live_canary.session.session.CLOSE_SOURCE_SECONDS", 0.0)
    monkeypatch.setattr("live_canary.session.agenda.LOOK_SECONDS", 0.05)
    sink, journal = SlowSink(), JournalFile(tmp_path / "session.jsonl", new=True)
    assert corrected_after_the_end(sink, 1, journal=journal, patience_seconds=0.2) == 0
    assert not journal.is_settled
    sink.takes_it.set()


def test_corrections_are_waited_for_beyond_patience_as_long_as_the_disk_takes_them(monkeypatch):
    """Of 2,000 lines deleted after a long day each makes the file anew, and patience was for all of them."""
    looks, left = threading.Semaphore(0), Agenda.amendments_left.fget

    class OneALook(MemorySink):
        def amend(self, index, revision):
            assert looks.acquire(timeout=PATIENCE_SECONDS)
            super().amend(index, revision)

    monkeypatch.setattr(Agenda, "amendments_left", property(lambda agenda: looks.release() or left(agenda)))
    for name, seconds in (("session.CLOSE_SOURCE_SECONDS", 0.0), ("agenda.LOOK_SECONDS", 0.01)):
        monkeypatch.setattr(f"live_canary.session.{name}", seconds)
    assert (
        corrected_after_the_end(OneALook(), 120, is_told=True, patience_seconds=1.0) >= 119
    )  # the last may just be written


class RehearableScript(ScriptedSource):
    """A script that can be played again from anywhere."""

    def hear_again(self, start_sample: int, end_sample: int) -> np.ndarray:
        return sound_of("".join(self._script))[start_sample:end_sample]


def heard_again(source: ScriptedSource, index: int, model: LetterModel, *, after_the_end: bool) -> Recorder:
    recorder = Recorder()
    session = Session([source], make_segmenter, lambda tell: model)
    session.start(recorder)
    recorder.wait_for(SessionEnded if after_the_end else UtteranceFinal)
    session.hear_again(index)
    recorder.wait_for(UtteranceAmended if isinstance(source, RehearableScript) else StageFailed)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    return recorder


@pytest.mark.parametrize("after_the_end", [False, True])
def test_an_utterance_is_heard_again_with_what_was_around_it(after_the_end):
    class Improving(LetterModel):
        """Overhears the first letter of what it hears first."""

        def transcribe(self, samples, draft=None):
            hypothesis = super().transcribe(samples, draft)
            return replace(hypothesis, text=hypothesis.text[1:]) if len(self.heard) == 1 else hypothesis

    source = RehearableScript("abc" + ENDPOINT, live=not after_the_end, endless=not after_the_end)
    recorder = heard_again(source, 0, Improving(), after_the_end=after_the_end)
    assert texts(recorder) == ["bc"]
    assert recorder.of(UtteranceAmended) == [UtteranceAmended(0, "abc")]


def test_what_is_being_said_is_not_heard_again_with_the_line_before():
    """It would stand in both lines."""
    source = RehearableScript("abc" + ENDPOINT + "def", live=True, endless=True)
    recorder, model = Recorder(), LetterModel()
    session = Session([source], make_segmenter, lambda tell: model)
    session.start(recorder)
    recorder.wait_for(UtteranceFinal)
    assert source.played.wait(PATIENCE_SECONDS)
    session.hear_again(0)
    recorder.wait_for(UtteranceAmended)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert recorder.of(UtteranceAmended) == [UtteranceAmended(0, "abc")]
    assert texts(recorder) == ["abc", "def"]


def test_a_line_that_a_voice_took_back_meanwhile_stays_away():
    class Slow(LetterModel):
        began, may_go_on = threading.Event(), threading.Event()

        def transcribe(self, samples, draft=None):
            hypothesis = super().transcribe(samples, draft)
            if hypothesis.text == "b":
                self.began.set()
                assert self.may_go_on.wait(PATIENCE_SECONDS)
                return replace(hypothesis, text="scratch that")
            return hypothesis

    source = RehearableScript("a" + ENDPOINT + "b" + ENDPOINT, live=True, endless=True)
    recorder, model, sink = Recorder(), Slow(), MemorySink()
    session = Session([source], make_segmenter, lambda tell: model, [sink], commands_from="talk")
    session.start(recorder)
    assert model.began.wait(PATIENCE_SECONDS)
    session.hear_again(0)
    model.may_go_on.set()
    recorder.wait_for(UtteranceAmended)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert sink.amendments == [(0, None)]


def test_a_line_whose_sound_is_not_kept_stays_and_says_so():
    source = ScriptedSource("abc" + ENDPOINT, live=True, endless=True)
    [failure] = heard_again(source, 0, LetterModel(), after_the_end=False).of(StageFailed)
    assert failure.message == "The line at 00:00:00 stays as it is: its sound is not kept (--no-spool)."


def test_a_line_in_which_the_model_hears_no_words_again_stays_and_says_so():
    class Forgetful(LetterModel):
        def transcribe(self, samples, draft=None):
            hypothesis = super().transcribe(samples, draft)
            return hypothesis if len(self.heard) == 1 else Hypothesis("")

    class NeverAgain(ScriptedSource):
        def hear_again(self, start_sample, end_sample):
            return sound_of("abc")

    recorder = heard_again(NeverAgain("abc" + ENDPOINT), 0, Forgetful(), after_the_end=True)
    [failure] = recorder.of(StageFailed)
    assert failure.message == "The line at 00:00:00 stays as it is: the model hears no words there now."
    assert recorder.of(UtteranceAmended) == []


def test_a_line_of_a_recording_that_has_gone_stays_and_says_so():
    class Gone(ScriptedSource):
        def hear_again(self, start_sample, end_sample):
            raise RecordingError("Recording 'talk.wav' cannot be read: Stale file handle; copy it again.")

    [failure] = heard_again(Gone("abc" + ENDPOINT), 0, LetterModel(), after_the_end=True).of(StageFailed)
    said = "The line at 00:00:00 stays as it is: Recording 'talk.wav' cannot be read: Stale file handle; copy it again."
    assert failure.message == said


def utterance(start_seconds: float, end_seconds: float, index: int, source: str = "talk") -> Utterance:
    return Utterance(index, start_seconds, end_seconds, "words", source)


@pytest.mark.parametrize(
    ("beside", "span"),
    [
        ([], (8.0, 17.0)),
        ([utterance(1, 9.5, 0), utterance(15.5, 20, 2)], (9.5, 15.5)),  # no word of the others
        ([utterance(9, 12, 0, source="other")], (8.0, 17.0)),
    ],
)
def test_as_much_is_heard_again_as_nobody_else_of_the_source_says(beside, span):
    assert span_around(utterance(10, 15, 1), beside, math.inf) == span


@pytest.mark.parametrize(("next_start", "end"), [(16.0, 16.0), (14.9, 15.0), (30.0, 17.0)])
def test_no_more_is_heard_again_than_up_to_what_has_no_line_yet(next_start, end):
    assert span_around(utterance(10, 15, 1), [], next_start) == (8.0, end)


def test_the_longest_utterance_is_heard_again_as_it_is():
    assert span_around(utterance(10, 48, 1), [], math.inf) == (10, 48)


class TwoInputs(ScriptedSource):
    """A live source of two inputs: the second can be tried out, and both can be heard."""

    def __init__(self, *, name: str) -> None:
        super().__init__(name=name, live=True, endless=True)
        first, second = (Input(n, f"Input {n}", 1, 16_000, n == 0, "microphone", f"id-{n}") for n in range(2))
        self.all_inputs, self.input, self.deliver, self.closed = [first, second], first, None, threading.Event()

    def inputs(self) -> list[Input]:
        return self.all_inputs

    def try_out(self, chosen: Input, deliver) -> "TwoInputs":
        if chosen.index == 2:
            raise DeviceError("Input 2 is busy.")
        deliver(sound_of("a").tobytes(), 1)
        return self

    def switch(self, chosen: Input, is_free=lambda: True) -> None:
        self.input = chosen

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("spooled", [False, True])
def test_the_inputs_of_a_live_source_are_listened_to_until_one_is_chosen(tmp_path, spooled):
    source = TwoInputs(name="Me")
    source.all_inputs.append(Input(2, "Input 2", 1, 16_000, False, "microphone", "id-2"))
    heard = SpoolingSource(source, tmp_path) if spooled else source
    session = Session([heard, ScriptedSource(name="talk")], make_segmenter, lambda tell: LetterModel())
    session.start(lambda event: None)
    [(name, audition)] = session.auditions().items()
    first, second, third = source.all_inputs
    while not audition.obstacle(third):
        assert not source.closed.is_set()
    assert (name, audition.heard, audition.inputs) == ("Me", first, [first, second, third])
    assert audition.level(first) is None  # the session itself tells it
    assert audition.level(second).peak_dbfs == pytest.approx(-20.0)  # an "a" has an amplitude of 0.1
    session.switch_input(name, second)
    audition.close()
    assert source.closed.wait(PATIENCE_SECONDS)
    assert audition.heard == second
    session.stop()
    assert session.wait(PATIENCE_SECONDS)


class OneStreamEach:
    """A sound system whose inputs have one stream at a time, as ALSA's without a sound server."""

    def __init__(self) -> None:
        self.all_inputs = [Input(n, f"hw:{n}", 1, 16_000, n == 0, "microphone", f"hw:{n}") for n in range(3)]
        self.streams: dict[str, OnlyStream] = {}
        self.may_close = {f"hw:{n}": threading.Event() for n in range(3)}
        self.may_close["hw:0"].set()

    def inputs(self) -> list[Input]:
        return self.all_inputs

    def refresh(self) -> None:
        pass

    def open(self, chosen: Input, deliver) -> "OnlyStream":
        if chosen.identity in self.streams:
            raise DeviceError(f"Input '{chosen.name}' cannot be opened: Device unavailable;")
        self.streams[chosen.identity] = OnlyStream(self, chosen, deliver)
        return self.streams[chosen.identity]


class OnlyStream:
    rate, channels = 16_000, 1

    def __init__(self, system: OneStreamEach, chosen: Input, deliver) -> None:
        self._system, self._chosen, self._deliver = system, chosen, deliver
        self.hear("..")

    def hear(self, letters: str) -> None:
        self._deliver(sound_of(letters).tobytes(), 1)

    def alive(self) -> bool:
        return True

    def defaults_changed(self) -> bool:
        return False

    def close(self) -> None:
        self._system.may_close[self._chosen.identity].wait(PATIENCE_SECONDS)
        del self._system.streams[self._chosen.identity]


@pytest.fixture
def patient(monkeypatch):
    """Sources that do not take a slow test for an input that was lost."""
    monkeypatch.setattr("live_canary.audio.live.STALLED_SECONDS", PATIENCE_SECONDS)


def choosing(system: OneStreamEach, told: Recorder) -> Session:
    """A session that hears the first input, and shows the levels of the others."""
    source = LiveSource(Capture(system=system))
    session = Session([source], make_segmenter, lambda tell: LetterModel(), clock=itertools.count().__next__)
    session.start(told)
    told.wait_for(LevelChanged)
    session.auditions()
    while len(system.streams) < len(system.all_inputs):
        pass
    return session


def test_an_input_that_only_one_can_open_is_heard_after_what_showed_its_level_is_closed(patient):
    """It was opened while its level was still being shown, so it refused, each time anew."""
    system, told = OneStreamEach(), Recorder()
    session = choosing(system, told)
    session.switch_input("Microphone", system.all_inputs[2])
    for count in (2, 3):  # the listening thread goes on, and looks each time what it is to hear
        system.streams["hw:0"].hear("a")
        told.wait_for(LevelChanged, count)
    assert told.of(SourceWarned) == []
    for closing in system.may_close.values():
        closing.set()
    told.wait_for(InputOpened, 2)
    assert [opened.input for opened in told.of(InputOpened)] == ["hw:0", "hw:2"]
    session.stop()
    assert session.wait(PATIENCE_SECONDS)


def test_an_input_that_hangs_in_its_close_keeps_nobody_from_another(patient, monkeypatch):
    monkeypatch.setattr("live_canary.audio.capture.CLOSE_SECONDS", 0.05)
    system, told = OneStreamEach(), Recorder()
    session = choosing(system, told)
    system.may_close["hw:2"].set()
    session.switch_input("Microphone", system.all_inputs[2])
    told.wait_for(InputOpened, 2)
    assert (told.of(InputOpened)[-1].input, told.of(SourceWarned)) == ("hw:2", [])
    system.may_close["hw:1"].set()
    session.stop()
    assert session.wait(PATIENCE_SECONDS)


def test_a_silent_microphone_may_also_be_one_that_the_system_lets_no_program_hear():
    """macOS gives zeros to a terminal that may not hear; nobody found the mute key that was asked for."""
    told = run(ScriptedSource("..", DeviceSilent("USB", 10.0), ".."))
    question = "is it muted, or do the system's settings keep it from programs?"
    assert told.of(SourceWarned) == [SourceWarned("talk", f"USB has been completely silent for 10 s: {question}")]


def test_what_a_lost_source_hears_when_it_is_back_is_told():
    """A microphone that was chosen in the place of a lost one was not named."""
    told = run(ScriptedSource("..", DeviceLost("Built-in", "unplugged"), DeviceRecovered("USB", 1.0), ".."))
    assert told.of(InputOpened) == [InputOpened("talk", "USB")]


@pytest.mark.parametrize("failure", [RuntimeError("the terminal is gone"), SystemExit(1)])
def test_a_listener_that_fails_on_everything_costs_no_line(failure):
    def fail(event):
        raise failure

    sink = MemorySink()
    session = Session([ScriptedSource("..abc" + ENDPOINT)], make_segmenter, lambda tell: LetterModel(), [sink])
    session.start(fail)
    assert session.wait(PATIENCE_SECONDS)
    assert [entry.text for entry in sink.entries] == ["abc"]
    assert sink.closed


def test_a_stage_that_asks_the_program_to_end_is_reported_and_the_session_ends():
    def load(tell):
        raise SystemExit(1)

    told = Recorder()
    session = Session([ScriptedSource("..abc" + ENDPOINT)], make_segmenter, load)
    session.start(told)
    assert session.wait(PATIENCE_SECONDS)
    [failed] = told.of(StageFailed)
    assert failed.fatal and failed.stage == "load model"
    assert told.of(SessionEnded)


def test_a_model_that_fails_is_told_before_the_session_ends_of_it_on_a_slow_machine_too(monkeypatch):
    def load(tell):
        raise RuntimeError("a bug")

    told = Recorder()
    session = Session([ScriptedSource("..abc" + ENDPOINT)], make_segmenter, load)
    monkeypatch.setattr("live_canary.session.session.log.exception", lambda *_: session.wait(0.1))
    session.start(told)
    assert session.wait(PATIENCE_SECONDS)
    assert [failed.stage for failed in told.of(StageFailed)] == ["load model"]


class NeverBack(ScriptedSource):
    """Its sound system hangs when it is to stop, and says something more when the session is long over."""

    def __init__(self, *script, **options):
        super().__init__(*script, live=True, endless=True, **options)
        self.let_go, self.gone = threading.Event(), threading.Event()

    def blocks(self):
        yield from super().blocks()
        self.let_go.wait(PATIENCE_SECONDS)
        try:
            yield AudioBlock(sound_of("zz" + ENDPOINT), 0)
        finally:
            self.gone.set()


def test_a_sound_system_that_hangs_takes_no_word_and_holds_no_end_up(monkeypatch):
    monkeypatch.setattr("live_canary.session.session.CLOSE_SOURCE_SECONDS", 0.05)
    source, sink = NeverBack("..abc" + ENDPOINT + "de"), MemorySink()
    session = Session([source], make_segmenter, lambda tell: LetterModel(), [sink])
    session.start(lambda event: None)
    assert source.played.wait(PATIENCE_SECONDS)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    source.let_go.set()
    assert source.gone.wait(PATIENCE_SECONDS)
    assert [entry.text for entry in sink.entries] == ["abc", "de"]
    assert sink.closed


def test_a_sound_system_that_hangs_holds_no_end_up_where_its_sound_is_kept(monkeypatch, tmp_path):
    """It is not the disk that is waited for."""
    monkeypatch.setattr("live_canary.session.session.CLOSE_SOURCE_SECONDS", 0.05)
    source, sink = NeverBack("..abc" + ENDPOINT + "de"), MemorySink()
    session = Session([SpoolingSource(source, tmp_path / "0")], make_segmenter, lambda tell: LetterModel(), [sink])
    session.start(lambda event: None)
    assert source.played.wait(PATIENCE_SECONDS)
    session.stop()
    ended = session.wait(PATIENCE_SECONDS / 2)
    source.let_go.set()
    assert ended
    assert [entry.text for entry in sink.entries] == ["abc", "de"]


class Unstoppable(ScriptedSource):
    """What was heard before the end still waits to be taken."""

    def stop(self) -> None:
        pass


def test_a_disk_that_hangs_at_the_end_takes_no_word(monkeypatch, tmp_path):
    """It is no sound system that hangs: what was heard meanwhile is there."""
    monkeypatch.setattr("live_canary.session.session.CLOSE_SOURCE_SECONDS", 0.05)
    hanging, let_go = threading.Event(), threading.Event()

    def fsync(descriptor: int) -> None:
        if threading.current_thread().name == "listen talk":
            hanging.set()
            assert let_go.wait(PATIENCE_SECONDS)

    monkeypatch.setattr("os.fsync", fsync)
    source, sink = Unstoppable("..abc" + ENDPOINT + "de" + ENDPOINT, live=True), MemorySink()
    session = Session([SpoolingSource(source, tmp_path / "0")], make_segmenter, lambda tell: LetterModel(), [sink])
    session.start(lambda event: None)
    assert hanging.wait(PATIENCE_SECONDS)
    session.stop()
    session.wait(0.3)
    let_go.set()
    assert session.wait(PATIENCE_SECONDS)
    assert [entry.text for entry in sink.entries] == ["abc", "de"]
