"""Sessions that did not come to their end, and what is made of them."""

import threading
from contextlib import closing

import pytest

from live_canary.audio.recording import RecordingSource
from live_canary.errors import CheckpointError, RecordingError, SessionError
from live_canary.events import ModelWarned, SpeechEnded, StageFailed, UtteranceFinal
from live_canary.session.folder import SessionFolder, open_session, unfinished_sessions
from live_canary.session.recovery import LoadedOnce, hold_again
from live_canary.session.session import Session
from tests.faults.sessions import (
    PATIENCE_SECONDS,
    SCRIPT,
    abort,
    model,
    prepare,
    recording,
    recover,
    replay,
    undisturbed,
)
from tests.session.fakes import ENDPOINT, LetterModel, ScriptedSource, make_segmenter


def test_what_was_heard_before_two_ctrl_c_is_transcribed_by_recovery(tmp_path):
    output = tmp_path / "talk.jsonl"
    abort(SessionFolder.create(tmp_path / "sessions"), SCRIPT, [output])
    assert output.read_bytes() == b""
    recover(tmp_path / "sessions")
    assert output.read_bytes() == undisturbed(tmp_path, SCRIPT)


def test_a_file_in_another_encoding_is_continued_by_a_session_and_by_its_recovery(tmp_path):
    output, note = tmp_path / "talk.txt", "Grüße\n".encode("latin-1")
    output.write_bytes(note)
    abort(SessionFolder.create(tmp_path / "sessions"), "abc" + ENDPOINT, [output])
    recover(tmp_path / "sessions")
    assert output.read_bytes() == note + b"\n--- 2026-03-01 14:02 ---\n\nabc\n"


@pytest.mark.parametrize("suffix", [".txt", ".md", ".vtt"])
def test_what_begins_a_file_is_written_once_even_when_nothing_else_was_before_the_end(tmp_path, suffix):
    transcript = tmp_path / f"talk{suffix}"
    abort(SessionFolder.create(tmp_path / "sessions"), "..abc" + ENDPOINT, [transcript])
    begun = transcript.read_text()
    recover(tmp_path / "sessions")
    assert transcript.read_text().startswith(begun)
    assert transcript.read_text().count("Transcript of") + transcript.read_text().count("WEBVTT") == bool(begun)


def test_a_model_that_cannot_be_loaded_leaves_the_session_to_a_later_recovery(tmp_path):
    def load(tell):
        raise CheckpointError("the weights are cut off")

    output = tmp_path / "talk.jsonl"
    abort(SessionFolder.create(tmp_path / "sessions"), "abc" + ENDPOINT + "de", [output])
    with pytest.raises(SessionError, match="the weights are cut off"):
        recover(tmp_path / "sessions", load)
    assert len(unfinished_sessions(tmp_path / "sessions")) == 1
    assert recover(tmp_path / "sessions") == 2


def test_what_was_said_to_a_model_that_could_not_be_loaded_is_kept(tmp_path):
    source = ScriptedSource("abc" + ENDPOINT + "de", live=True, endless=True)

    def load(tell):
        assert source.played.wait(PATIENCE_SECONDS)
        raise CheckpointError("the weights are cut off")

    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.jsonl"
    session = prepare(folder, [source], [output], load)
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    assert not folder.journal.is_settled
    folder.journal.close()
    recover(tmp_path / "sessions")
    assert output.read_bytes() == undisturbed(tmp_path, "abc" + ENDPOINT + "de")


def test_a_recording_that_is_gone_leaves_the_session_to_a_later_recovery(tmp_path):
    talk = recording(tmp_path / "talk.wav")
    folder = SessionFolder.create(tmp_path / "sessions")
    prepare(folder, [RecordingSource([talk], speed=None)])
    folder.journal.close()
    talk.unlink()
    with pytest.raises(RecordingError, match="No such file"):
        recover(tmp_path / "sessions")
    assert unfinished_sessions(tmp_path / "sessions") == [folder.path]


def test_a_recording_that_goes_away_when_recovery_has_looked_leaves_the_session_to_a_later_one(tmp_path):
    """Its lines were marked "its sound was not kept", and the session was deleted."""
    talk, output, never = recording(tmp_path / "talk.wav"), tmp_path / "talk.jsonl", threading.Event()
    folder = SessionFolder.create(tmp_path / "sessions")
    source = RecordingSource([talk], speed=None)
    session = prepare(folder, [source], [output], lambda tell: never.wait(PATIENCE_SECONDS))
    heard = threading.Event()
    session.start(lambda event: heard.set() if isinstance(event, SpeechEnded) else None)
    assert heard.wait(PATIENCE_SECONDS)
    session.abort()
    assert session.wait(PATIENCE_SECONDS)
    never.set()
    folder.journal.close()
    [kept], away = unfinished_sessions(tmp_path / "sessions"), tmp_path / "away.wav"
    folder, record = open_session(kept)

    def carried_off():
        talk.rename(away)
        return make_segmenter()

    with closing(folder.journal), pytest.raises(SessionError, match=r"talk\.wav' cannot be opened: No such file"):
        hold_again(folder, record, carried_off, lambda tell: model())
    assert output.read_bytes() == b""
    away.rename(talk)
    recover(tmp_path / "sessions")
    replay(talk, whole := tmp_path / "undisturbed.jsonl", sessions=tmp_path / "undisturbed")
    assert output.read_bytes() == whole.read_bytes()


def test_a_model_that_hangs_is_reported_while_capturing_goes_on(tmp_path):
    answers, told = threading.Event(), threading.Event()
    texts: list[str] = []

    class Hanging(LetterModel):
        def transcribe(self, samples, draft=None):
            answers.wait(PATIENCE_SECONDS)
            return super().transcribe(samples, draft)

    def follow(event) -> None:
        assert not isinstance(event, StageFailed)
        if isinstance(event, ModelWarned):
            assert "no answer" in event.message
            told.set()
        if isinstance(event, UtteranceFinal):
            texts.append(event.utterance.text)

    source = ScriptedSource("abc" + ENDPOINT + "de" + ENDPOINT, live=True, endless=True)
    session = Session([source], make_segmenter, lambda tell: Hanging(), patience_seconds=0.05)
    session.start(follow)
    assert told.wait(PATIENCE_SECONDS)
    assert source.played.wait(PATIENCE_SECONDS)  # though the model has not answered once
    answers.set()
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert texts == ["abc", "de"]


def test_a_recovery_loads_the_model_once():
    loaded: list[LetterModel] = []
    load = LoadedOnce(lambda tell: loaded.append(LetterModel()) or loaded[-1])
    assert load(print) is load(print)
    assert len(loaded) == 1
