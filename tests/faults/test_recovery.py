"""Sessions that did not come to their end, and what is made of them."""

import errno
import json
import os
import queue
import re
import signal
import stat
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from live_canary import files
from live_canary.audio import spool
from live_canary.audio.recording import RecordingSource
from live_canary.audio.source import DeviceLost
from live_canary.audio.spool import Spool
from live_canary.audio.spooled import NOT_KEPT
from live_canary.commands import keeping
from live_canary.commands import recover as command
from live_canary.errors import CheckpointError, InputError, RecordingError, SessionError
from live_canary.events import (
    ModelWarned,
    SessionEnded,
    SourceOpened,
    SourceWarned,
    SpeechEnded,
    StageFailed,
    UtteranceAmended,
    UtteranceFinal,
)
from live_canary.session.folder import JOURNAL, SessionFolder, find_session, open_session, unfinished_sessions
from live_canary.session.journal import NOT_TRANSCRIBED
from live_canary.session.record import SessionRecord, read_journal
from live_canary.session.recovery import LoadedOnce, RecallingJournal, hold_again, merged
from live_canary.session.remainders import Remainder, remainders, transcribed
from live_canary.session.session import Session
from live_canary.settings import Settings
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.utterance import TranscriptGap, Utterance
from tests.faults.conftest import fill
from tests.faults.sessions import (
    PATIENCE_SECONDS,
    SCRIPT,
    STARTED,
    abort,
    complete_file,
    hold,
    model,
    prepare,
    recording,
    recover,
    replay,
)
from tests.session.fakes import ENDPOINT, LetterModel, ScriptedSource, make_segmenter, sound_of
from tests.transcript.cues import AT_LENGTH


def undisturbed(tmp_path, script: str) -> bytes:
    output = tmp_path / "undisturbed.jsonl"
    hold(SessionFolder.create(tmp_path / "undisturbed"), [ScriptedSource(script)], [output])
    return output.read_bytes()


def test_a_session_that_ends_in_order_leaves_nothing(tmp_path):
    script = SCRIPT.replace("xy", "")
    hold(SessionFolder.create(tmp_path / "sessions"), [ScriptedSource(script)], [tmp_path / "talk.txt"])
    assert list((tmp_path / "sessions").iterdir()) == []


def test_a_session_is_for_its_user_alone_and_not_listed_while_it_runs(tmp_path):
    folder = SessionFolder.create(tmp_path)
    folder.begin(Settings(), STARTED, [])
    assert unfinished_sessions(tmp_path) == []
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder.path / JOURNAL).stat().st_mode) == 0o600
    with pytest.raises(SessionError, match="is still running, or another recover"):
        open_session(folder.path)
    folder.journal.close()
    assert unfinished_sessions(tmp_path) == [folder.path]


def test_a_file_system_without_locks_keeps_no_file_open_and_no_folder(tmp_path, monkeypatch):
    opened = []

    def refuse(descriptor):
        opened.append(descriptor)
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("live_canary.files.lock", refuse)
    with pytest.raises(OSError, match="No locks available"):
        SessionFolder.create(tmp_path)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
    assert list(tmp_path.iterdir()) == []


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


class Hanging(LetterModel):
    """Gives no answer to the second utterance."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs, self.may_end = threading.Event(), threading.Event()

    def transcribe(self, samples, draft=None):
        hypothesis = super().transcribe(samples, draft)
        if hypothesis.text == "de":
            self.hangs.set()
            assert self.may_end.wait(PATIENCE_SECONDS)
        return hypothesis


def test_what_was_corrected_while_the_model_hangs_is_recovered(tmp_path):
    """The screen showed it at once; it waited for the model, and two Ctrl-C gave it up."""
    source, output = ScriptedSource("abc" + ENDPOINT + "de" + ENDPOINT, live=True, endless=True), tmp_path / "talk.txt"
    folder, hanging = SessionFolder.create(tmp_path / "sessions"), Hanging()
    session = prepare(folder, [source], [output], lambda tell: hanging)
    told: queue.SimpleQueue = queue.SimpleQueue()
    session.start(lambda event: told.put(event) if isinstance(event, UtteranceFinal) else None)
    told.get(timeout=PATIENCE_SECONDS)
    assert hanging.hangs.wait(PATIENCE_SECONDS)
    session.amend(0, "By hand.")
    session.abort()
    journal, written = (folder.path / JOURNAL).read_bytes(), output.read_bytes()
    hanging.may_end.set()
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    (folder.path / JOURNAL).write_bytes(journal)  # as where the process ended while the model hung
    output.write_bytes(written)
    recover(tmp_path / "sessions")
    assert output.read_text().splitlines() == ["By hand.", "de"]


def test_what_was_corrected_and_then_bookmarked_while_the_model_hangs_keeps_both(tmp_path):
    """A bookmark must not bring back the words that were corrected just before."""
    source, output = ScriptedSource("abc" + ENDPOINT + "de" + ENDPOINT, live=True, endless=True), tmp_path / "talk.md"
    folder, hanging = SessionFolder.create(tmp_path / "sessions"), Hanging()
    session = prepare(folder, [source], [output], lambda tell: hanging)
    session.start(lambda event: None)
    assert hanging.hangs.wait(PATIENCE_SECONDS)
    session.amend(0, "By hand.")
    session.bookmark(0, is_set=True)
    session.abort()
    hanging.may_end.set()
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    recover(tmp_path / "sessions")
    assert "◆ **00:00:00** By hand." in output.read_text()


@pytest.mark.parametrize("suffix", [".txt", ".md", ".srt", ".vtt", ".jsonl"])
@pytest.mark.parametrize("text", ["DE", AT_LENGTH])
def test_what_was_corrected_before_a_crash_stays_corrected(tmp_path, suffix, text):
    script = "abc" + ENDPOINT + "de" + ENDPOINT + "abc" + ENDPOINT
    source, output = ScriptedSource(script, live=True, endless=True), tmp_path / f"talk{suffix}"
    folder = SessionFolder.create(tmp_path / "sessions")
    session = prepare(folder, [source], [output])
    told: queue.SimpleQueue = queue.SimpleQueue()
    session.start(lambda event: told.put(event) if isinstance(event, UtteranceFinal | UtteranceAmended) else None)
    for _ in range(3):
        told.get(timeout=PATIENCE_SECONDS)
    session.amend(2, None)
    session.bookmark(1, is_set=True)
    session.bookmark(0, is_set=True)
    session.amend(1, text)
    session.bookmark(0, is_set=False)
    session.amend(0, "ABC")
    for _ in range(3):
        told.get(timeout=PATIENCE_SECONDS)
    journal, before = (folder.path / JOURNAL).read_bytes(), output.read_bytes()
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    corrected = output.read_bytes()
    assert corrected.count("◆".encode()) == (suffix == ".md")
    assert corrected.count(b'"bookmark": true') == 3 * (suffix == ".jsonl")  # set twice, and said with the new text
    for crashed in (before, corrected):  # before and after the file was put in order
        (folder.path / JOURNAL).write_bytes(journal)
        folder.journal.close()
        output.write_bytes(crashed)
        record = read_journal(folder.path / JOURNAL)
        for _ in range(2):
            for known in record.outputs:
                complete_file(known, record.entries, amended=record.amended)
            assert output.read_bytes() == corrected


@pytest.mark.parametrize("suffix", [".txt", ".md", ".vtt"])
def test_what_begins_a_file_is_written_once_even_when_nothing_else_was_before_the_end(tmp_path, suffix):
    transcript = tmp_path / f"talk{suffix}"
    abort(SessionFolder.create(tmp_path / "sessions"), "..abc" + ENDPOINT, [transcript])
    begun = transcript.read_text()
    recover(tmp_path / "sessions")
    assert transcript.read_text().startswith(begun)
    assert transcript.read_text().count("Transcript of") + transcript.read_text().count("WEBVTT") == bool(begun)


def test_a_text_that_is_known_is_not_asked_for_again(tmp_path):
    folder = SessionFolder.create(tmp_path)
    session = prepare(folder, [ScriptedSource("abc" + ENDPOINT + "hhh" + ENDPOINT + "de")])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    asked = LetterModel()
    recover(tmp_path, load=lambda tell: asked)
    assert asked.heard == []


def test_recovery_that_is_interrupted_goes_on_where_it_was(tmp_path):
    output = tmp_path / "talk.jsonl"
    abort(SessionFolder.create(tmp_path / "sessions"), SCRIPT, [output])
    [session] = unfinished_sessions(tmp_path / "sessions")
    folder, record = open_session(session)

    def interrupt(event) -> None:
        if isinstance(event, UtteranceFinal) and event.utterance.index == 1:
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        hold_again(folder, record, make_segmenter, lambda tell: model(), interrupt)
    folder.journal.close()
    asked = model()
    recover(tmp_path / "sessions", load=lambda tell: asked)
    assert "de" not in asked.heard  # the second utterance
    assert output.read_bytes() == undisturbed(tmp_path, SCRIPT)


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


@pytest.mark.parametrize("kept_lines", [3, 4, 5, 8])
@pytest.mark.parametrize("junk", [b"", b'{"type": "segm', b"\xff\xfe\n", b'{"type": "text"}\n{"type": "session"}\n'])
def test_a_damaged_journal_is_believed_up_to_the_damage(tmp_path, kept_lines, junk):
    talk, output = recording(tmp_path / "talk.wav"), tmp_path / "talk.jsonl"
    folder = SessionFolder.create(tmp_path / "sessions")
    session = prepare(folder, [RecordingSource([talk], speed=None)], [output])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    whole = output.read_bytes()
    journal = folder.path / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:kept_lines]) + junk)
    recover(tmp_path / "sessions")
    assert output.read_bytes() == whole
    assert unfinished_sessions(tmp_path / "sessions") == []


def test_sound_is_heard_again_even_when_the_journal_lost_its_source(tmp_path):
    abort(folder := SessionFolder.create(tmp_path), "abc" + ENDPOINT + "de")
    journal = folder.path / JOURNAL
    journal.write_bytes(journal.read_bytes().splitlines(keepends=True)[0])
    folder, record = open_session(folder.path)
    transcript = hold_again(folder, record, make_segmenter, lambda tell: model())
    assert [(entry.source, entry.text) for entry in transcript] == [("sound 0", "abc"), ("sound 0", "de")]
    assert [kept.name for kept in folder.keep_sound()] == ["0-sound-0.flac"]


def test_a_journal_without_sources_has_nothing_to_recover(tmp_path):
    folder = SessionFolder.create(tmp_path)
    folder.begin(Settings(), STARTED, [])
    folder.journal.close()
    assert recover(tmp_path) == 0
    assert unfinished_sessions(tmp_path) == []


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


@pytest.mark.parametrize("from_the_start", [False, True])
def test_a_journal_without_room_is_told_once_and_the_session_goes_on(tmp_path, monkeypatch, from_the_start):
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.jsonl"
    full = os.open("/dev/full", os.O_WRONLY)
    if from_the_start:
        monkeypatch.setattr(folder.journal, "_descriptor", full)
    session = prepare(folder, [ScriptedSource(SCRIPT)], [output])
    monkeypatch.setattr(folder.journal, "_descriptor", full)
    failures = []
    session.start(lambda event: failures.append(event) if isinstance(event, StageFailed) else None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    assert [failure.stage for failure in failures].count("journal") == 1
    assert "recover" in failures[0].message
    assert "No space left on device" in failures[0].message
    assert output.read_bytes() == undisturbed(tmp_path, SCRIPT)


def test_a_journal_on_a_file_server_that_went_away_does_not_end_the_session(tmp_path, monkeypatch):
    """There every call fails, also one that only asks for the size and the one that closes."""

    def gone(call):
        def refuse(descriptor, *arguments):
            if descriptor == journal:
                raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
            return call(descriptor, *arguments)

        return refuse

    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.jsonl"
    session, failures = prepare(folder, [ScriptedSource(SCRIPT)], [output]), []
    journal = folder.journal._descriptor
    for name in ("fstat", "write", "ftruncate", "close"):
        monkeypatch.setattr(os, name, gone(getattr(os, name)))
    session.start(lambda event: failures.append(event) if isinstance(event, StageFailed) else None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    monkeypatch.undo()
    os.close(journal)
    [told] = (failure.message for failure in failures if failure.stage == "journal")
    assert os.strerror(errno.ESTALE) in told
    assert not any(failure.fatal for failure in failures)
    assert output.read_bytes() == undisturbed(tmp_path, SCRIPT)


def test_a_journal_that_has_room_again_lacks_nothing(tmp_path, small_disk):
    """What came after a full disk was not noted, so that recovery wrote it into the file a second time."""
    folder, output = SessionFolder.create(small_disk), tmp_path / "talk.jsonl"
    talk = recording(tmp_path / "talk.wav", ("abc" + ENDPOINT) * 20)
    session = prepare(folder, [RecordingSource([talk], speed=None)], [output])
    ballast, told = [fill(small_disk)], []  # the journal's first 4 KiB have their place already

    def follow(event) -> None:
        if isinstance(event, StageFailed) and event.stage == "journal":
            told.append(event.message)
        if isinstance(event, UtteranceFinal) and event.utterance.index == 15:
            ballast.pop().unlink()

    session.start(follow)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    assert "No space left on device" in told[0]
    assert told[1:] == ["The session's journal is written again, and lacks nothing."]
    written = output.read_bytes()
    record = read_journal(folder.path / JOURNAL)
    assert len(record.entries) == len(written.splitlines())
    assert record.believed_bytes == (folder.path / JOURNAL).stat().st_size
    asked = model()
    assert recover(small_disk, load=lambda tell: asked) == 0
    assert asked.heard == []
    assert output.read_bytes() == written


HOLE = "..abc" + ENDPOINT + "de" + ENDPOINT + "fgh" + ENDPOINT + "ij" + ENDPOINT + "klm" + ENDPOINT
"""The words begin at letter 2, 13, 23, 34 and 44."""


def recovered_with_a_hole(
    tmp_path, monkeypatch, hole: tuple[int, int], journaled: str, script: str = HOLE, *, voice_commands: bool = False
) -> list[str]:
    """The lines after a crash of a session whose disk was full during some letters.

    journaled: of what the model made, "nothing", the "texts", or also the "lines" that were in the file.
    """
    write = Spool.write

    def write_if_there_is_room(self, pcm, start_sample):
        if hole[0] <= start_sample // 1600 < hole[1]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, pcm, start_sample)

    monkeypatch.setattr(Spool, "write", write_if_there_is_room)
    monkeypatch.setattr(spool, "RETRY_SAMPLES", 1600)
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.txt"
    source, never = ScriptedSource(script, name="Me", live=True, endless=True), threading.Event()
    load = (lambda tell: never.wait(PATIENCE_SECONDS)) if journaled == "nothing" else (lambda tell: LetterModel())
    session = prepare(folder, [source], [output], load, voice_commands)
    session.start(lambda event: None)
    assert source.played.wait(PATIENCE_SECONDS)
    session.abort() if journaled == "nothing" else session.stop()
    assert session.wait(PATIENCE_SECONDS)
    never.set()
    folder.journal.close()
    output.unlink()
    if journaled == "texts":
        journal = folder.path / JOURNAL
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(line for line in lines if not re.match(rb'{"type": "(utterance|saved)', line)))
    recover(tmp_path / "sessions", load=lambda tell: LetterModel())
    return output.read_text().splitlines()


@pytest.mark.parametrize("hole", [(12, 20), (14, 20), (3, 15), (23, 45), (34, 99), (0, 99)])
@pytest.mark.parametrize("journaled", ["texts", "lines"])
def test_what_the_model_had_heard_is_there_though_its_sound_was_not_kept(tmp_path, monkeypatch, hole, journaled):
    lines = recovered_with_a_hole(tmp_path, monkeypatch, hole, journaled)
    assert lines == ["abc", "de", "fgh", "ij", "klm"]


def test_what_was_said_from_the_very_first_sample_on_is_there_though_its_sound_was_not_kept(tmp_path, monkeypatch):
    lines = recovered_with_a_hole(tmp_path, monkeypatch, (0, 99), "texts", HOLE.removeprefix(".."))
    assert lines == ["abc", "de", "fgh", "ij", "klm"]


@pytest.mark.parametrize(
    ("hole", "expected"),
    [
        ((5, 12), ["abc", "de", "fgh", "ij", "klm"]),  # between two utterances
        ((12, 20), ["abc", "0.2 s", "fgh", "ij", "klm"]),
        ((14, 20), ["abc", "d", "0.1 s", "fgh", "ij", "klm"]),
        ((24, 45), ["abc", "de", "f", "0.2 s", "0.2 s", "0.1 s", "lm"]),
        ((34, 99), ["abc", "de", "fgh", "0.2 s", "0.3 s"]),  # never any room again
    ],
)
def test_what_was_neither_kept_nor_transcribed_is_marked(tmp_path, monkeypatch, hole, expected):
    lines = recovered_with_a_hole(tmp_path, monkeypatch, hole, "nothing")
    marked = [f"[{said} not heard: its sound was not kept]" if said.endswith(" s") else said for said in expected]
    assert lines == marked


def test_a_voice_command_is_still_one_though_its_sound_was_not_kept(tmp_path, monkeypatch):
    script = "abc" + ENDPOINT + "scratchthat" + ENDPOINT + "de" + ENDPOINT
    assert recovered_with_a_hole(tmp_path, monkeypatch, (10, 26), "texts", script, voice_commands=True) == ["de"]


BROKEN_OFF = ("..abc", DeviceLost("USB", "its sample rate has changed"), "ghi" + ENDPOINT)
"""A device that is back at once: two utterances without a sample between them."""


def test_an_utterance_ends_again_where_a_device_was_lost_for_no_time_at_all(tmp_path):
    """The two were heard as one."""
    output = tmp_path / "talk.txt"
    abort(SessionFolder.create(tmp_path / "sessions"), BROKEN_OFF, [output])
    assert recover(tmp_path / "sessions") == 2
    assert output.read_text() == "abc\nghi\n"


@pytest.mark.parametrize("forgotten", ["gap", "gap|segment"])
@pytest.mark.parametrize("known", ["nothing", "the first text", "the first line"])
def test_no_word_is_lost_where_an_utterance_has_other_bounds_now(tmp_path, forgotten, known):
    """What reached beyond a known line was dropped with the whole utterance."""
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.txt"
    session = prepare(folder, [ScriptedSource(*BROKEN_OFF, name="Me", live=True)], [output])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    journal = folder.path / JOURNAL
    lost = [rf'{{"type": "({forgotten})".*"start": (?!0,)', '{"type": "saved"', '.*"ghi"']
    if known != "the first line":
        lost.append('{"type": "utterance"')
    if known == "nothing":
        lost.append('{"type": "text"')
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if not re.match("|".join(lost), line)))
    output.write_text("abc\n" if known == "the first line" else "")
    recover(tmp_path / "sessions")
    assert "".join(output.read_text().split()) == "abcghi"


def test_what_has_no_words_is_asked_for_once(tmp_path):
    abort(SessionFolder.create(tmp_path), "abc" + ENDPOINT + "hhh" + ENDPOINT + "de")
    asked = model()
    recover(tmp_path, load=lambda tell: asked)
    assert sorted(set(asked.heard)) == sorted(asked.heard)


def test_an_utterance_without_a_length_lost_no_word():
    record = SessionRecord(Settings(), STARTED, None, False, segments={("Me", 0, 100): (50, 50)})
    assert list(remainders(record, set(), [], [])) == []


def test_what_is_too_short_for_a_word_is_not_asked_for():
    """Bounds differ by as much where the detector is another one; a model makes up words for nothing."""
    record = SessionRecord(Settings(), STARTED, None, False, segments={("Me", 0, 32_000): (0, 32_000)})
    assert list(remainders(record, set(), [], [Utterance(0, 0.09, 1.91, "as it was", "Me")])) == []
    [rest] = remainders(record, set(), [], [Utterance(0, 0.1, 1.91, "as it was", "Me")])
    assert rest.speech == (0, 1600)


def test_the_model_is_not_asked_for_words_where_no_sound_was_kept():
    rest, asked = Remainder("Me", (1600, 3200), (0, 4800)), LetterModel()
    entry = transcribed(rest, lambda start, end: sound_of("..."), asked, obey_commands=False)
    assert entry == TranscriptGap(0.1, 0.2, NOT_KEPT, "Me")
    assert asked.heard == []


def test_what_the_model_failed_on_is_asked_for_until_it_has_a_line_of_its_own():
    rest, others = (80_000, 112_000), Utterance(0, 0.0, 5.0, "as", "Me")
    record = SessionRecord(Settings(), STARTED, None, False, segments={("Me", 0, 112_000): (0, 112_000)})
    record.texts[("Me", 0, 112_000)] = Hypothesis("as it was")
    record.left.append(("Me", *rest))
    mark, line = TranscriptGap(5.0, 7.0, NOT_TRANSCRIBED, "Me"), Utterance(1, 5.0, 7.0, "it was", "Me")
    assert [one.speech for one in remainders(record, set(), [], [others])] == [rest]
    assert [one.speech for one in remainders(record, set(), [], [others, mark])] == [rest]
    assert list(remainders(record, set(), [], [others, mark, line])) == []


@pytest.mark.parametrize("released", [1, 2])
@pytest.mark.parametrize("texts", [{}, {("Me", 1600, 6400): Hypothesis("abc")}])
def test_an_echo_that_is_not_heard_once_more_does_not_become_a_line(tmp_path, texts, released):
    """Where its sound was not kept there is its text; where its bounds are others now, the model hears it by itself."""
    entries = [Utterance(0, 0.0, 0.4, "abc", "Them"), Utterance(1, 2.0, 2.3, "de", "Them")][:released]
    record = SessionRecord(Settings(), STARTED, "Them", True, entries=list(entries), texts=texts)
    record.segments["Me", 1600, 6400] = (1600, 6400)
    source = ScriptedSource(name="Me")
    source.hear_again = lambda start, end: sound_of(".abc")
    with closing(SessionFolder.create(tmp_path).journal) as journal:
        recalling = RecallingJournal(record, journal)
        recalling.hear_the_rest([source], LetterModel)
    assert recalling.transcript == entries


class Says:
    def __init__(self, text: str):
        self._text = text

    def transcribe(self, samples, draft=None):
        return Hypothesis(self._text)


@pytest.mark.parametrize(
    ("seconds", "text", "echoes"),
    [
        ((0.25, 9.25), "We ship on Friday the ninth. Please tell the others about it.", {"Me": 1}),
        ((9.25, 10.5), "Tell the others about it?", {}),
    ],
)
def test_a_recovery_tells_an_echo_from_an_answer_by_the_same_rule(tmp_path, seconds, text, echoes):
    entries = [
        Utterance(0, 0.0, 5.0, "We ship on Friday the ninth.", "Them"),
        Utterance(1, 5.75, 9.0, "Please tell the others about it.", "Them"),
    ]
    record = SessionRecord(Settings(), STARTED, "Them", True, entries=list(entries))
    speech = tuple(round(second * 16_000) for second in seconds)
    record.segments[("Me", *speech)] = speech
    source = ScriptedSource(name="Me")
    source.hear_again = lambda start, end: sound_of("abc")
    with closing(SessionFolder.create(tmp_path).journal) as journal:
        recalling = RecallingJournal(record, journal)
        recalling.hear_the_rest([source], lambda: Says(text))
    assert [one.text for one in recalling.transcript[2:]] == ([] if echoes else [text])
    assert recalling.echoes == echoes


def test_a_recovery_tells_what_it_leaves_out_as_an_echo(tmp_path):
    folder, told = SessionFolder.create(tmp_path), []
    scripts = {"Me": ".abc" + ENDPOINT, "Them": "abc" + ENDPOINT * 2}
    sources = [ScriptedSource(script, name=name, live=True, endless=True) for name, script in scripts.items()]
    heard = folder.begin(Settings(model="demo"), STARTED, sources, [], echo_of="Them", with_source=True)
    never = threading.Event()
    session = Session(heard, make_segmenter, lambda tell: never.wait(PATIENCE_SECONDS), journal=folder.journal)
    session.start(lambda event: None)
    assert all(source.played.wait(PATIENCE_SECONDS) for source in sources)
    session.abort()
    assert session.wait(PATIENCE_SECONDS)
    never.set()
    folder.journal.close()
    reopened, record = open_session(folder.path)
    with closing(reopened.journal):
        transcript = hold_again(reopened, record, make_segmenter, lambda tell: model(), told.append)
    assert [one.source for one in transcript] == ["Them"]
    assert SourceWarned("Me", "Left out as echoes of the other side: 1 line of Me.") in told


def test_a_recovery_loads_the_model_once():
    loaded: list[LetterModel] = []
    load = LoadedOnce(lambda tell: loaded.append(LetterModel()) or loaded[-1])
    assert load(print) is load(print)
    assert len(loaded) == 1


class ScratchesThat(LetterModel):
    """Hears a voice command in "xy", which others fail on."""

    def transcribe(self, samples, draft=None):
        heard = super().transcribe(samples, draft)
        return Hypothesis("Scratch that.", confidences=(0.9, 0.9)) if heard.text == "xy" else heard


def test_a_scratch_that_which_is_heard_at_the_second_attempt_means_what_was_said_before_it(tmp_path):
    """It stands at the end of the transcript, behind what was said after it."""
    said, output = "ab" + ENDPOINT + "xy" + ENDPOINT + "de" + ENDPOINT, tmp_path / "talk.txt"
    folder = SessionFolder.create(tmp_path / "sessions")
    session = prepare(folder, [ScriptedSource(said, name="Me", live=True)], [output], voice_commands=True)
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    recover(tmp_path / "sessions", load=lambda tell: ScratchesThat())
    assert output.read_text() == "[0.2 s not heard: could not be transcribed]\nde\n"


@pytest.mark.parametrize("suffix", [".txt", ".md", ".jsonl"])
def test_a_scratch_that_which_is_heard_late_also_means_what_was_bookmarked(tmp_path, suffix):
    """A bookmark was taken for the user's own later word on the line."""
    said, output = "ab" + ENDPOINT + "de" + ENDPOINT + "xy" + ENDPOINT, tmp_path / f"talk{suffix}"
    folder = SessionFolder.create(tmp_path / "sessions")
    session = prepare(folder, [ScriptedSource(said, name="Me", live=True)], [output], voice_commands=True)
    ended = threading.Event()
    session.start(lambda event: ended.set() if isinstance(event, SessionEnded) else None)
    assert ended.wait(PATIENCE_SECONDS)
    for index in (0, 1):
        session.bookmark(index, is_set=True)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    told: list[str] = []
    recover(tmp_path / "sessions", load=lambda tell: ScratchesThat(), tell=told.append)
    assert told == []
    text = output.read_text()
    if suffix == ".jsonl":
        last = {line.get("index"): line for line in map(json.loads, text.splitlines())}
        assert last[0] == {"type": "amendment", "index": 0, "text": "ab", "bookmark": True}
        assert last[1]["text"] is None
    else:
        assert ("◆ **00:00:00** ab" if suffix == ".md" else "ab\n") in text
        assert "de" not in text


def test_entries_of_the_same_time_are_the_same_whatever_their_text():
    known = [Utterance(0, 1.0, 2.0, "As it was.", "Me"), TranscriptGap(2.0, 3.0, "unplugged", "Me")]
    again = [Utterance(0, 1.1, 2.0, "Another text.", "Me"), Utterance(1, 1.5, 2.5, "Mine too.", "Them")]
    assert merged(known, again) == [*known, Utterance(1, 1.5, 2.5, "Mine too.", "Them")]


class Moment(float):
    """A position or a time, all of which count how often they are compared."""

    compared = 0

    def __lt__(self, other):
        Moment.compared += 1
        return float(self) < float(other)

    def __le__(self, other):
        Moment.compared += 1
        return float(self) <= float(other)

    def __gt__(self, other):
        Moment.compared += 1
        return float(self) > float(other)

    def __ge__(self, other):
        Moment.compared += 1
        return float(self) >= float(other)


def test_a_day_is_recovered_without_comparing_each_of_its_utterances_with_all_others(monkeypatch):
    """5,000 took four seconds, and more by its square."""
    monkeypatch.setattr(Moment, "compared", 0)
    day = [Utterance(n, Moment(5 * n), Moment(5 * n + 3), "said", "Me") for n in range(1000)]
    spans = [(Moment(80_000 * n), Moment(80_000 * n + 48_000)) for n in range(1000)]
    record = SessionRecord(Settings(), STARTED, None, False, segments={("Me", *span): span for span in spans})
    record.texts |= dict.fromkeys(list(record.segments)[:990], Hypothesis("said"))
    assert merged(day[:990], day) == day
    assert [rest.speech for rest in remainders(record, set(), day, day[:990])] == spans[990:]
    assert Moment.compared < 100 * len(day)


def test_an_unknown_session_is_refused_with_those_there_are(tmp_path):
    abort(folder := SessionFolder.create(tmp_path), "abc")
    with pytest.raises(InputError, match=f"no unfinished session '../../etc'; there are: {folder.path.name}"):
        find_session("../../etc", tmp_path)


@pytest.fixture
def state(tmp_path, monkeypatch):
    """Where the program keeps its sessions; its model hears letters."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(command, "load_with", lambda choice, settings: lambda tell: model())
    monkeypatch.setattr(command, "Segmenter", lambda detector, settings: make_segmenter())
    return tmp_path / "state" / "live-canary" / "sessions"


def test_without_an_output_file_the_text_is_printed(state, capsys):
    abort(SessionFolder.create(), "abc" + ENDPOINT + "de")
    assert command.run(None, only_list=True) == 0
    listed = capsys.readouterr()
    assert listed.out.endswith(": talk, 00:00:01 of sound, 0 lines so far -> no file\n")
    assert listed.err == ""
    assert command.run(None) == 0
    assert capsys.readouterr().out == "[00:00:00] abc\n[00:00:01] de\n"
    assert list(state.iterdir()) == []
    assert command.run(None) == 0
    assert "nothing to recover" in capsys.readouterr().err


def test_a_session_can_be_finished_on_another_processor_than_its_own(state, monkeypatch):
    def load_with(choice, settings):
        asked.append((settings.compute_device, settings.compute))
        return lambda tell: model()

    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(command, "load_with", load_with)
    abort(SessionFolder.create(), "abc")
    assert command.run(None, {"compute_device": "cpu", "compute": "int8"}) == 0
    assert asked == [("cpu", "int8")]


def test_what_a_newer_version_computed_in_is_refused_in_a_sentence(state, capsys):
    abort(folder := SessionFolder.create(), "abc")
    journal = folder.path / JOURNAL
    journal.write_text(journal.read_text().replace('"compute": "auto"', '"compute": "int2"'))
    assert command.run(None) == 1
    assert "There is no form of computing 'int2'; choose auto" in capsys.readouterr().err
    assert len(list(state.iterdir())) == 1
    assert command.run(None, {"model": "demo", "compute": "fp32"}) == 0


def test_a_session_of_another_version_is_left_to_that(state, capsys):
    abort(folder := SessionFolder.create(), "abc")
    journal = folder.path / JOURNAL
    journal.write_text(journal.read_text().replace('"version": 1', '"version": 2'))
    assert command.run(None) == 1
    said = capsys.readouterr().err
    kept = "Another version of live-canary kept this session (form 2; this one reads 1): recover it with that version."
    assert kept in said
    assert "--discard" not in said
    assert len(list(state.iterdir())) == 1


def test_the_demonstration_never_takes_the_place_of_a_model_that_is_gone(state, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "empty"))
    abort(SessionFolder.create(), "abc")
    assert command.run(None, {"model": "auto"}) == 1
    said = capsys.readouterr()
    assert (said.out, "The model is not on this machine" in said.err) == ("", True)
    assert len(list(state.iterdir())) == 1


def test_a_session_can_be_deleted_instead(state, capsys):
    abort(SessionFolder.create(), "abc")
    assert command.run(None, discard=True) == 0
    assert capsys.readouterr().out == ""
    assert list(state.iterdir()) == []


def test_one_session_that_cannot_be_recovered_does_not_stop_the_others(state, capsys):
    broken = SessionFolder.create()
    os.write(os.open(broken.path / JOURNAL, os.O_WRONLY), b"nonsense\n")
    broken.journal.close()
    broken.path.rename(broken.path.with_name("2026-01-01"))
    abort(SessionFolder.create(), "abc")
    assert command.run(None) == 1
    told = capsys.readouterr()
    assert "does not say how its session was started" in told.err
    assert told.out == "[00:00:00] abc\n"


@pytest.mark.parametrize("named", [True, False])
def test_a_session_whose_journal_says_nothing_can_be_deleted(state, capsys, named):
    broken = SessionFolder.create()
    os.write(os.open(broken.path / JOURNAL, os.O_WRONLY), b'{"type":"session","version":2}\n')
    broken.journal.close()
    assert command.run(broken.path.name if named else None, discard=True) == 0
    assert capsys.readouterr().err == f"{broken.path.name}: deleted.\n"
    assert list(state.iterdir()) == []


def test_a_session_that_ends_while_others_are_looked_for_is_no_trouble(tmp_path, monkeypatch):
    abort(folder := SessionFolder.create(tmp_path), "abc")
    (tmp_path / "2026-01-01").mkdir()
    (journal := tmp_path / "2026-01-01" / JOURNAL).write_text("of a session that is about to end")

    def and_then_it_ends(looked):
        def look(path, **how):
            answer = looked(path, **how)
            if path == journal:
                journal.unlink(missing_ok=True)
                journal.parent.rmdir()
            return answer

        return look

    for name in ("is_file", "lstat"):
        monkeypatch.setattr(Path, name, and_then_it_ends(getattr(Path, name)))
    assert unfinished_sessions(tmp_path) == [folder.path]


def refuse(path, *arguments, **how):
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def test_a_session_of_another_user_is_not_called_nothing(state, monkeypatch, capsys):
    """As one that was begun with sudo, which keeps HOME on some systems."""
    abort(folder := SessionFolder.create(), "abc")
    monkeypatch.setattr(Path, "lstat", refuse)
    monkeypatch.setattr(files, "open_file", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    assert command.run(None) == 1
    told = capsys.readouterr().err
    assert folder.path.name in told and "Permission denied" in told and "nothing to recover" not in told


def test_a_folder_of_sessions_that_may_not_be_read_is_not_called_empty(state, monkeypatch):
    abort(SessionFolder.create(), "abc")
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SessionError, match="cannot be looked for: Permission denied"):
        command.run(None)
    keeping.remind()


def test_a_session_whose_sounds_cannot_be_listed_is_left_with_a_sentence(state, monkeypatch):
    abort(folder := SessionFolder.create(), "abc")
    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(SessionError, match="cannot be opened: Permission denied"):
        open_session(folder.path)
    monkeypatch.undo()
    open_session(folder.path)[0].journal.close()  # nobody holds it any more


def test_looking_for_sessions_makes_no_journal_in_one_that_is_being_deleted(tmp_path, monkeypatch):
    def deleted_meanwhile(path, flags, **how):
        path.unlink()
        return opened(path, flags, **how)

    opened = files.open_file
    abort(folder := SessionFolder.create(tmp_path), "abc")
    monkeypatch.setattr(files, "open_file", deleted_meanwhile)
    assert unfinished_sessions(tmp_path) == []
    assert [path.name for path in folder.path.iterdir()] == ["0"]


def test_a_session_that_another_recovery_has_finished_is_said_to_be_gone(tmp_path):
    abort(folder := SessionFolder.create(tmp_path), "abc")
    open_session(folder.path)[0].remove()
    for ask in (open_session, command.describe):
        with pytest.raises(SessionError, match="is gone: it was finished or deleted meanwhile"):
            ask(folder.path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "kept_as"),
    [("Ольга", "0-Ольга.flac"), ("José Álvarez", "0-José-Álvarez.flac"), ("团队", "0-团队.flac"),
     ("हिन्दी", "0-हिन्दी.flac"), ("🦜", "0-0.flac"), ("语" * 99, f"0-{'语' * 60}.flac")],
)  # fmt: skip
def test_sound_that_is_kept_is_named_after_who_speaks_in_every_script(tmp_path, name, kept_as):
    """`transcribe --together`, which names speakers after the files, called Ольга "0-" and José "Jos"."""
    folder = SessionFolder.create(tmp_path)
    session = prepare(folder, [ScriptedSource("abc" + ENDPOINT, name=name)])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    assert [path.name for path in folder.keep_sound()] == [kept_as]


def test_the_name_of_sound_that_is_kept_has_only_letters_that_names_of_files_can_have_here(tmp_path, monkeypatch):
    folder = SessionFolder.create(tmp_path)
    session = prepare(folder, [ScriptedSource("abc" + ENDPOINT, name="José и Ольга")])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "latin-1")
    assert [path.name for path in folder.keep_sound()] == ["0-José.flac"]


def test_sound_that_is_kept_takes_the_place_of_the_session(tmp_path):
    folder = SessionFolder.create(tmp_path)
    session = prepare(folder, [ScriptedSource("abc" + ENDPOINT, name="Me: ../x")])
    opened = threading.Event()
    session.start(lambda event: opened.set() if isinstance(event, SourceOpened) else None)
    assert session.wait(PATIENCE_SECONDS)
    assert opened.is_set()
    [kept] = folder.keep_sound()
    assert kept.name == "0-Me-x.flac"
    assert list(folder.path.iterdir()) == [kept]
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert unfinished_sessions(tmp_path) == []
