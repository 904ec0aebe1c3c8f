"""What the user is told about sessions that are kept, and when they go."""

import errno
import os
import re
import shutil
import signal
import sys
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from live_canary import files
from live_canary.audio.source import DeviceLost
from live_canary.commands import keeping, live, recover
from live_canary.commands.hangup import finish_when_the_terminal_closes
from live_canary.errors import CheckpointError, OutputError
from live_canary.segments.segmenter import Segmenter
from live_canary.session import folder as folders
from live_canary.session.folder import JOURNAL, SessionFolder, unfinished_sessions
from live_canary.session.record import read_journal
from live_canary.session.session import Session
from live_canary.settings import Settings
from live_canary.transcript.writer import TranscriptFile
from tests.faults.conftest import fill
from tests.faults.sessions import PATIENCE_SECONDS, STARTED, abort, model, prepare, recording
from tests.session.fakes import ENDPOINT, SETTINGS, LetterModel, LoudnessDetector, ScriptedSource, make_segmenter


@pytest.fixture(autouse=True)
def state(tmp_path, monkeypatch):
    """Where the program keeps its sessions; its model hears letters."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    for command in (live, recover):
        monkeypatch.setattr(command, "load_with", lambda choice, settings: lambda tell: model())
        monkeypatch.setattr(command, "Segmenter", lambda detector, settings: make_segmenter())
    return tmp_path / "state" / "live-canary" / "sessions"


def finished_session() -> SessionFolder:
    folder = SessionFolder.create()
    session = prepare(folder, [ScriptedSource("abc", name="Me")])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    return folder


def test_the_next_start_says_in_one_line_what_can_be_recovered(state, capsys):
    keeping.remind()
    assert capsys.readouterr().err == ""
    abort(first := SessionFolder.create(), "abc")
    keeping.remind()
    assert capsys.readouterr().err == "An earlier session was cut off: live-canary recover finishes the transcript.\n"
    first.path.rename(state / "2026-01-01-120000-1")
    abort(SessionFolder.create(), "abc")
    keeping.remind()
    assert capsys.readouterr().err.startswith("2 earlier sessions were cut off")


def test_a_session_that_ended_in_order_is_deleted_without_a_word(state, capsys):
    keeping.leave_folder(finished_session(), ended=True, keep_sound=False)
    assert list(state.iterdir()) == []
    assert capsys.readouterr().err == ""


def test_a_session_whose_folder_somebody_deleted_meanwhile_ends_without_a_word(state, capsys):
    folder = finished_session()
    shutil.rmtree(folder.path)
    keeping.leave_folder(folder, ended=True, keep_sound=False)
    assert capsys.readouterr().err == ""


def test_what_cannot_be_deleted_is_told_and_can_be_found_again(state, monkeypatch, capsys):
    def refuse(path, **how):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    abort(folder := SessionFolder.create(), "abc")
    monkeypatch.setattr(shutil, "rmtree", refuse)
    assert recover.run(None, discard=True) == 1
    assert "Not all of it could be deleted; check the permissions of" in capsys.readouterr().err
    assert unfinished_sessions() == [folder.path]


def test_sound_that_another_program_reads_at_the_end_is_not_left_without_a_word(state, monkeypatch, capsys):
    """As a virus scanner does, on Windows; the next start called the session cut off, as if it lacked lines."""

    def refuse(path, **how):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    folder = finished_session()
    monkeypatch.setattr(shutil, "rmtree", refuse)
    keeping.leave_folder(folder, ended=True, keep_sound=False)
    told = f"Not all of this session could be deleted: live-canary recover --discard {folder.path.name}\n"
    assert capsys.readouterr().err == told


def test_an_empty_folder_that_another_program_holds_is_no_sound_that_is_left(state, monkeypatch, capsys):
    """The command that was named for it knew no such session, for that has no journal any more."""

    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    folder = finished_session()
    monkeypatch.setattr(Path, "rmdir", refuse)
    keeping.leave_folder(folder, ended=True, keep_sound=False)
    assert capsys.readouterr().err == ""
    assert list(folder.path.iterdir()) == []


def test_a_session_that_was_stopped_at_once_is_kept_and_named(state, capsys):
    folder = finished_session()
    keeping.leave_folder(folder, ended=False, keep_sound=False)
    assert f"live-canary recover {folder.path.name}" in capsys.readouterr().err
    folder.journal.close()
    assert unfinished_sessions() == [folder.path]


def test_sound_that_the_user_keeps_is_named(state, capsys):
    folder = finished_session()
    keeping.leave_folder(folder, ended=True, keep_sound=True)
    assert capsys.readouterr().err == f"Sound: {folder.path / '0-Me.flac'}\n"
    assert [path.name for path in folder.path.iterdir()] == ["0-Me.flac"]
    assert unfinished_sessions() == []


def test_a_recording_that_a_virus_scanner_reads_on_windows_is_not_refused_at_once(state, monkeypatch, capsys):
    take, refused = Path.replace, []

    def held(path, target):
        if not refused:
            refused.append(target.name)
            raise PermissionError(errno.EACCES, "Access is denied", str(target))
        return take(path, target)

    folder = finished_session()
    monkeypatch.setattr(Path, "replace", held)
    monkeypatch.setattr(files, "_HELD_SECONDS", 60.0)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    keeping.leave_folder(folder, ended=True, keep_sound=True)
    assert capsys.readouterr().err == f"Sound: {folder.path / '0-Me.flac'}\n"
    assert refused == ["0-Me.flac"]


def test_the_sounds_of_two_sides_are_kept_in_their_order_whatever_they_are_called(state):
    folder, scripts = SessionFolder.create(), {"Ana M.": "abc", "Ana-M": "defgh"}
    session = prepare(folder, [ScriptedSource(script, name=name) for name, script in scripts.items()])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    kept = folder.keep_sound()
    assert [path.name for path in kept] == ["0-Ana-M.flac", "1-Ana-M.flac"]
    assert [soundfile.info(path).duration for path in kept] == pytest.approx([0.3, 0.5])


def no_room(sound, recording):
    recording.write_bytes(b"part of it")
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_sound_that_a_full_disk_keeps_from_being_joined_is_told_and_left_to_recover(state, monkeypatch, capsys):
    monkeypatch.setattr(folders, "join", no_room)
    keeping.leave_folder(folder := finished_session(), ended=True, keep_sound=True)
    told = capsys.readouterr().err
    assert f"(No space left on device); it is kept, and live-canary recover {folder.path.name} tries again" in told
    folder.journal.close()
    assert unfinished_sessions() == [folder.path]


def test_a_recording_of_which_a_disk_that_fails_says_nothing_is_not_written_over(state, monkeypatch, capsys):
    """From Python 3.14 on, Path.exists says of it that it is not there; what it was joined from may be gone."""
    stat = os.stat

    def failing(path, **how):
        if str(path).endswith("0-Me.flac"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return stat(path, **how)

    folder = finished_session()
    (recording := folder.path / "0-Me.flac").write_bytes(b"all of it")
    monkeypatch.setattr(os, "stat", failing)
    keeping.leave_folder(folder, ended=True, keep_sound=True)
    assert "could not be joined (Input/output error); it is kept" in capsys.readouterr().err
    assert recording.read_bytes() == b"all of it"


def test_a_session_of_which_a_disk_that_fails_says_nothing_is_not_called_deleted(state, monkeypatch):
    def fail(*_: object, **how: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    folder = finished_session()
    with monkeypatch.context() as failing:
        failing.setattr(Path, "iterdir", fail)
        failing.setattr(os, "stat", fail)
        assert not folder.remove()
    assert folder.path.is_dir()


def test_a_state_folder_that_cannot_be_made_does_not_keep_anybody_from_dictating(tmp_path, capsys):
    (tmp_path / "state").write_text("a file where the folder should be")
    assert keeping.make_folder() is None
    folder = tmp_path / "state" / "live-canary" / "sessions"
    assert f"cannot be kept in '{folder}' (Not a directory); transcribing goes on" in capsys.readouterr().err


def test_lines_that_were_told_to_ignore_hangups_do_so():
    earlier = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        finish_when_the_terminal_closes(on_screen=False)
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, earlier)


class BreakingDetector(LoudnessDetector):
    """Fails for good at its thirtieth frame, three seconds in."""

    frames = 0

    def speech_probability(self, frame):
        self.frames += 1
        if self.frames >= 30:
            raise RuntimeError("out of memory")
        return super().speech_probability(frame)


def test_what_was_said_when_the_detector_broke_is_left_to_recover(state, tmp_path, monkeypatch, capsys):
    """The journal does not know of what was never cut into utterances, so that nothing seemed to be left to do."""
    monkeypatch.setattr(live, "Segmenter", lambda detector, settings: Segmenter(BreakingDetector(), SETTINGS))
    monkeypatch.setattr(live, "finish_when_the_terminal_closes", lambda on_screen: lambda: False)
    talk = recording(tmp_path / "talk.wav", "..abc" + ENDPOINT + "defghij" * 3)
    settings = Settings(recordings=(talk,), speed=None, plain=True, model="demo", outputs=(tmp_path / "talk.txt",))
    assert live.run(settings, ()) == 1
    [session] = state.iterdir()
    assert f"live-canary recover {session.name}" in capsys.readouterr().err


def test_what_was_heard_by_a_detector_that_never_worked_is_left_to_recover(state, monkeypatch, capsys):
    """That no utterance is known does not mean that nobody spoke."""

    class Broken(LoudnessDetector):
        def speech_probability(self, frame):
            raise RuntimeError("out of memory")

    source = ScriptedSource("..abc" + ENDPOINT, name="Me", live=True)
    monkeypatch.setattr(live, "Segmenter", lambda detector, settings: Segmenter(Broken(), SETTINGS))
    monkeypatch.setattr(live, "sources_of", lambda settings, inputs: [source])
    monkeypatch.setattr(live, "finish_when_the_terminal_closes", lambda on_screen: lambda: False)
    assert live.run(Settings(plain=True, model="demo"), ()) == 1
    [session] = state.iterdir()
    assert f"live-canary recover {session.name}" in capsys.readouterr().err


@pytest.mark.parametrize(("script", "is_kept"), [("......", False), ("..abc", True)])
def test_a_model_that_fails_to_load_leaves_something_to_recover_only_where_somebody_spoke(
    state, tmp_path, monkeypatch, script, is_kept
):
    def load(tell):
        assert source.played.wait(PATIENCE_SECONDS)
        raise CheckpointError("The model is damaged; download it again.")

    source = ScriptedSource(script, name="Me", endless=True)
    monkeypatch.setattr(live, "load_with", lambda choice, settings: load)
    monkeypatch.setattr(live, "sources_of", lambda settings, inputs: [source])
    monkeypatch.setattr(live, "finish_when_the_terminal_closes", lambda on_screen: lambda: False)
    assert live.run(Settings(plain=True, model="demo"), ()) == 1
    assert bool(list(state.iterdir())) == is_kept


@pytest.mark.parametrize("outputs", [(), ("talk.txt",)], ids=["no file", "a file"])
def test_what_a_reader_that_died_has_not_read_can_be_recovered(state, tmp_path, monkeypatch, capsys, outputs):
    """Of `live-canary --plain | program` all that was said after the last line that the program read was lost."""
    reader, writer = os.pipe()
    os.close(reader)
    source = ScriptedSource("abc" + ENDPOINT + "de" + ENDPOINT, name="Me", live=True, endless=True)
    monkeypatch.setattr(live, "sources_of", lambda settings, inputs: [source])
    monkeypatch.setattr(live, "Segmenter", lambda detector, settings: make_segmenter())
    monkeypatch.setattr(live, "load_with", lambda choice, settings: lambda tell: LetterModel())
    monkeypatch.setattr(live, "finish_when_the_terminal_closes", lambda on_screen: lambda: False)
    settings = Settings(plain=True, model="demo", outputs=tuple(tmp_path / name for name in outputs))
    with os.fdopen(writer, "w") as closed_pipe, monkeypatch.context() as piped:
        piped.setattr(sys, "stdout", closed_pipe)
        assert live.run(settings, ()) == 0
    kept = list(state.iterdir())
    assert len(kept) == (0 if outputs else 1)
    assert [f"live-canary recover {session.name}" in capsys.readouterr().err for session in kept] == [True] * len(kept)


def test_a_replay_whose_reader_died_leaves_nothing(state, tmp_path, monkeypatch, capsys):
    """`live-canary --replay talk.wav --plain | head -1` is done; the recording holds the rest."""
    reader, writer = os.pipe()
    os.close(reader)
    monkeypatch.setattr(live, "finish_when_the_terminal_closes", lambda on_screen: lambda: False)
    talk = recording(tmp_path / "talk.wav", "abc" + ENDPOINT + "de" + ENDPOINT)
    with os.fdopen(writer, "w") as closed_pipe, monkeypatch.context() as piped:
        piped.setattr(sys, "stdout", closed_pipe)
        assert live.run(Settings(recordings=(talk,), speed=None, plain=True, model="demo"), ()) == 0
    assert "live-canary recover" not in capsys.readouterr().err
    assert list(state.iterdir()) == []


@pytest.mark.parametrize("spool", [True, False])
def test_a_transcript_without_room_is_no_success(state, tmp_path, small_disk, monkeypatch, capsys, spool):
    """The exit code was 0, and without a spool nothing said that the lines were gone."""
    output = small_disk / "talk.txt"
    output.touch()
    fill(small_disk)
    monkeypatch.setattr(live, "Segmenter", lambda detector, settings: make_segmenter())
    monkeypatch.setattr(live, "load_with", lambda choice, settings: lambda tell: LetterModel())
    monkeypatch.setattr(live, "finish_when_the_terminal_closes", lambda on_screen: lambda: False)
    talk = recording(tmp_path / "talk.wav", "..abc" + ENDPOINT + "de" + ENDPOINT)
    settings = Settings(
        recordings=(talk,), speed=None, plain=True, model="demo", outputs=(output,), overwrite=True, spool=spool
    )
    assert live.run(settings, ()) == 1
    told = capsys.readouterr().err
    assert f"Transcript: {output}, without 2 lines or corrections" in told
    assert ("live-canary recover" in told) == spool


def cut_off(*, keep_audio: bool) -> SessionFolder:
    """A session whose computer failed when all was heard and nothing transcribed."""
    folder, source, never = SessionFolder.create(), ScriptedSource("abc", name="Me", endless=True), threading.Event()
    heard = folder.begin(Settings(model="demo", keep_audio=keep_audio), STARTED, [source])
    session = Session(heard, make_segmenter, lambda tell: never.wait(PATIENCE_SECONDS), journal=folder.journal)
    session.start(lambda event: None)
    assert source.played.wait(PATIENCE_SECONDS)
    session.abort()
    assert session.wait(PATIENCE_SECONDS)
    never.set()
    folder.journal.close()
    return folder


def test_recovery_leaves_the_sound_of_a_session_that_was_to_keep_it(state, capsys):
    folder = cut_off(keep_audio=True)
    assert recover.run(None) == 0
    told = capsys.readouterr()
    assert told.out == "[00:00:00] abc\n"
    assert f"Sound: {folder.path / '0-Me.flac'}\n" in told.err
    assert [path.name for path in folder.path.iterdir()] == ["0-Me.flac"]
    assert soundfile.info(folder.path / "0-Me.flac").duration == pytest.approx(0.3)


def test_recovery_leaves_no_sound_that_nobody_asked_for(state):
    cut_off(keep_audio=False)
    assert recover.run(None) == 0
    assert list(state.iterdir()) == []


def test_sound_that_a_full_disk_keeps_from_being_joined_is_still_there_after_recovery(state, monkeypatch, capsys):
    folder = cut_off(keep_audio=True)
    with monkeypatch.context() as full:
        full.setattr(folders, "join", no_room)
        assert recover.run(None) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert sorted(path.name for path in folder.path.iterdir()) == ["0", JOURNAL]
    assert recover.run(None) == 0
    assert [path.name for path in folder.path.iterdir()] == ["0-Me.flac"]
    assert soundfile.info(folder.path / "0-Me.flac").duration == pytest.approx(0.3)


def test_sound_that_is_kept_stays_whole_though_deleting_the_rest_was_cut_off(state, monkeypatch):
    def killed(sounds, **how):
        (sounds / "00000000000000.wav").unlink()
        raise KeyboardInterrupt

    folder = cut_off(keep_audio=True)
    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(shutil, "rmtree", killed)
        recover.run(None)
    assert recover.run(None) == 0
    assert [path.name for path in folder.path.iterdir()] == ["0-Me.flac"]
    assert soundfile.info(folder.path / "0-Me.flac").duration == pytest.approx(0.3)


def test_a_session_that_is_deleted_leaves_no_part_of_a_recording_either(state, monkeypatch):
    def killed(sounds, recording):
        recording.write_bytes(b"a part of what was said")
        raise KeyboardInterrupt

    cut_off(keep_audio=True)
    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(folders, "join", killed)
        recover.run(None)
    assert recover.run(None, discard=True) == 0
    assert list(state.iterdir()) == []


def test_a_replay_whose_sound_is_to_be_kept_has_it_already(state, tmp_path):
    talk = recording(tmp_path / "talk.wav", "abc")
    settings = Settings(recordings=(talk,), speed=None, plain=True, model="demo", keep_audio=True)
    assert live.run(settings, ()) == 0
    assert list(state.iterdir()) == []


def test_a_replay_of_a_recording_that_goes_away_is_left_to_recover(state, tmp_path, monkeypatch, capsys):
    """It counted as finished: what the recording says was in no file, and nothing was left that knew of it."""
    script, output, away = "..abc" + ENDPOINT, tmp_path / "talk.txt", tmp_path / "away.wav"
    here, gone = recording(tmp_path / "here.wav", script), recording(tmp_path / "gone.wav", "..de" + ENDPOINT)

    def carried_off(detector, settings):
        gone.rename(away)
        return make_segmenter()

    def left(folder, **how):
        leave(folder, **how)
        folder.journal.close()  # as where the process ends

    leave = keeping.leave_folder
    monkeypatch.setattr(keeping, "leave_folder", left)
    monkeypatch.setattr(live, "finish_when_the_terminal_closes", lambda on_screen: lambda: False)
    settings = Settings(recordings=(here, gone), speed=None, plain=True, model="demo", outputs=(output,))
    with monkeypatch.context() as going:
        going.setattr(live, "Segmenter", carried_off)
        assert live.run(settings, ()) == 1
    [session] = unfinished_sessions()
    told = capsys.readouterr().err
    assert "gone.wav' cannot be opened: No such file" in told and f"live-canary recover {session.name}" in told
    assert output.read_text() == "abc\n"
    away.rename(gone)
    assert recover.run(None) == 0
    assert output.read_text() == "abc\nde\n"
    assert list(state.iterdir()) == []


def test_a_session_that_replaces_a_file_notes_that_nothing_stands_before_it(state, tmp_path, monkeypatch):
    """Else its recovery would look for its lines behind as much as stood there, and begin with a seam."""
    source, output = ScriptedSource("abc" + ENDPOINT + "xy" + ENDPOINT, name="Me"), tmp_path / "talk.jsonl"
    output.write_text('{"type": "utterance", "index": 41}\n')
    monkeypatch.setattr(live, "sources_of", lambda settings, inputs: [source])
    monkeypatch.setattr(live, "finish_when_the_terminal_closes", lambda on_screen: lambda: False)
    assert live.run(Settings(plain=True, model="demo", overwrite=True, outputs=(output,)), ()) == 1
    [session] = state.iterdir()
    [known] = read_journal(session / JOURNAL).outputs
    assert (known.first_index, known.continued, known.begins) == (0, False, 0)


def test_no_file_is_emptied_for_a_session_that_another_file_keeps_from_starting(tmp_path):
    (precious := tmp_path / "precious.txt").write_text("mine\n")
    with closing(TranscriptFile(taken := tmp_path / "taken.txt")):
        settings = Settings(recordings=(recording(tmp_path / "talk.wav"),), model="demo", overwrite=True)
        with pytest.raises(OutputError, match="already being written by a running session"):
            live.run(replace(settings, outputs=(precious, taken)), ())
    assert precious.read_text() == "mine\n"


def test_what_the_model_failed_on_is_kept_until_it_has_a_text(tmp_path, monkeypatch, capsys):
    """As while a graphics card is away. The mark stays where it is, and the text comes behind what follows."""
    output, folder = tmp_path / "talk.txt", SessionFolder.create()
    script = "ab" + ENDPOINT + "xy" + ENDPOINT + "de"
    session = prepare(folder, [ScriptedSource(script, name="Me", live=True)], [output])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    keeping.leave_folder(folder, ended=True, keep_sound=False)
    folder.journal.close()
    assert f"live-canary recover {folder.path.name}" in capsys.readouterr().err
    for transcriber, code in ((model(), 1), (LetterModel(), 0)):
        monkeypatch.setattr(recover, "load_with", lambda *given, made=transcriber: lambda tell: made)
        assert recover.run(None) == code
        assert set(transcriber.heard) == {"xy"}
    assert output.read_text() == "ab\n[0.2 s not heard: could not be transcribed]\nde\nxy\n"
    assert unfinished_sessions() == []


def test_what_the_model_failed_on_in_a_recovery_is_kept_until_it_has_a_text(tmp_path, monkeypatch):
    """The next recovery took the file for complete, for it was as the first had meant it to be."""
    output = tmp_path / "talk.txt"
    abort(SessionFolder.create(), "ab" + ENDPOINT + "xy" + ENDPOINT + "de" + ENDPOINT, [output])
    assert recovered_with(monkeypatch, model()) == 1
    assert output.read_text() == "ab\n[0.2 s not heard: could not be transcribed]\nde\n"
    assert recovered_with(monkeypatch, LetterModel()) == 0
    assert output.read_text() == "ab\n[0.2 s not heard: could not be transcribed]\nde\nxy\n"
    assert unfinished_sessions() == []


class FailsOnTheRest(LetterModel):
    def transcribe(self, samples, draft=None):
        hypothesis = super().transcribe(samples, draft)
        if hypothesis.text == "ghi":
            raise RuntimeError("the graphics card is lost")
        return hypothesis


def test_the_rest_of_an_utterance_that_the_model_failed_on_is_kept_until_it_has_a_text(tmp_path, monkeypatch):
    """An utterance has other bounds than before, and the model fails on what no line has of it."""
    folder, output = SessionFolder.create(), tmp_path / "talk.txt"
    script = ("..abc", DeviceLost("USB", "its sample rate has changed"), "ghi" + ENDPOINT)
    session = prepare(folder, [ScriptedSource(*script, name="Me", live=True)], [output])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    journal = folder.path / JOURNAL
    lost = re.compile(r'{"type": "(gap|segment)".*"start": (?!0,)|{"type": "saved"|.*"ghi"')
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if not lost.match(line)))
    output.write_text("abc\n")
    assert recovered_with(monkeypatch, FailsOnTheRest()) == 1
    assert len(unfinished_sessions()) == 1
    assert recovered_with(monkeypatch, LetterModel()) == 0
    assert output.read_text() == "abc\n[0.3 s not heard: could not be transcribed]\nghi\n"


def recovered_with(monkeypatch, transcriber) -> int:
    """The exit code of `live-canary recover` with this model."""
    monkeypatch.setattr(recover, "load_with", lambda *given: lambda tell: transcriber)
    monkeypatch.setattr(recover, "Segmenter", lambda *given: make_segmenter())
    return recover.run(None)
