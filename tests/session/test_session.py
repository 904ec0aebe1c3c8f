"""A session hears everything, loses nothing, and ends in order, whatever happens."""

import threading
import time

import pytest

from live_canary.audio.source import AudioGap
from live_canary.events import (
    GapMarked,
    ModelProgress,
    PartialChanged,
    SessionEnded,
    SourceOpened,
    SpeechEnded,
    SpeechStarted,
    UtteranceFinal,
)
from live_canary.session.session import Session
from live_canary.session.watchdog import WatchedTranscriber
from tests.session.fakes import ENDPOINT, LETTER_SAMPLES, LetterModel, MemorySink, ScriptedSource, make_segmenter
from tests.session.recorder import PATIENCE_SECONDS, Recorder, run, texts


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


def test_no_thread_is_left_when_it_has_ended(monkeypatch):
    """Python ends a daemon where it stands. A library in C then called leaked what the watchdog's thread held."""
    is_watching, wait = threading.Event(), WatchedTranscriber.watch

    def wake_late(watched, until):
        is_watching.set()
        wait(watched, until)
        time.sleep(0.2)

    monkeypatch.setattr(WatchedTranscriber, "watch", wake_late)
    before = threading.enumerate()
    run(ScriptedSource("abc" + ENDPOINT))
    assert is_watching.is_set()
    assert threading.enumerate() == before


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
