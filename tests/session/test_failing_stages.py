"""Whatever of a session fails or hangs, it is told, no word is lost, and the session ends in order."""

import threading

import pytest

from live_canary.audio.source import AudioBlock
from live_canary.audio.spool import SpoolingSource
from live_canary.errors import CheckpointError, DeviceError, OutputError
from live_canary.events import OutputWritten, SessionEnded, StageFailed
from live_canary.session.session import Session
from live_canary.transcript.utterance import TranscriptGap
from tests.session.fakes import ENDPOINT, LetterModel, MemorySink, ScriptedSource, make_segmenter, sound_of
from tests.session.recorder import PATIENCE_SECONDS, Recorder, run, texts


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
