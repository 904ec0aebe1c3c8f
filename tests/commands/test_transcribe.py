"""`live-canary transcribe`: what a recording's file says, and when there is none."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live_canary.audio import chains
from live_canary.commands import transcribe
from live_canary.commands.model_choice import ModelChoice, load_with
from live_canary.errors import CheckpointError, InputError, ModelMissing, OutputError, RecordingError
from live_canary.events import SessionEnded
from live_canary.segments.vad import load_detector
from live_canary.settings import Settings
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.places import check_outputs
from live_canary.transcript.transcriber import CanaryTranscriber
from live_canary.transcript.writer import TranscriptFile
from tests.conftest import ROOT

PROGRAM = [sys.executable, str(ROOT / "tests" / "instant.py")]
needs_names_of_255_bytes = pytest.mark.skipif(os.name == "nt", reason="there a name may have 255 letters")
DEAF_WHILE_LOADING = """
import sys, threading
from types import ModuleType
from live_canary.cli.main import main
from tests.instant import InstantTranscriber

class Deaf(InstantTranscriber):
    @classmethod
    def load(cls, *_):
        print("deaf", file=sys.stderr, flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return cls()

name = "live_canary.transcript.transcriber"
sys.modules[name] = ModuleType(name)
sys.modules[name].CanaryTranscriber = Deaf
main()
"""


@pytest.fixture
def talk(tmp_path) -> Path:
    """Two utterances, about six seconds."""
    samples, rate = soundfile.read(ROOT / "assets" / "meeting.wav", dtype="float32", frames=round(5.8 * 16_000))
    soundfile.write(tmp_path / "talk.wav", samples, rate)
    return tmp_path / "talk.wav"


@pytest.fixture
def second(talk) -> Path:
    """Another recording of the same."""
    return Path(shutil.copy(talk, talk.with_name("second.wav")))


class Instant:
    def transcribe(self, samples, draft=None) -> Hypothesis:
        return Hypothesis(f"{len(samples)} samples.")


class Failing:
    def transcribe(self, samples, draft=None) -> Hypothesis:
        raise RuntimeError("no")


def instant(choice, settings):
    return lambda tell: Instant()


def nobody_reads() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


@pytest.mark.parametrize("stderr", [nobody_reads, lambda: os.open("/dev/full", os.O_WRONLY)])
def test_a_transcript_is_whole_though_nobody_can_be_told_of_it(talk, stderr):
    descriptor = stderr()
    command = [*PROGRAM, "transcribe", str(talk), "--model", "demo"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stderr=descriptor, timeout=60)
    os.close(descriptor)
    assert done.returncode == 0
    assert len(talk.with_suffix(".txt").read_text().splitlines()) == 2


@pytest.fixture
def no_model(cache, home, monkeypatch) -> None:
    """But the bundled one."""
    monkeypatch.setattr(transcribe, "load_with", instant)


def test_the_demonstration_model_writes_no_transcript_in_a_script_that_does_not_ask_for_it(no_model, talk, capsys):
    """It did, with exit code 0, and the real one left that transcript alone."""
    texts = talk.with_name("texts")
    with pytest.raises(ModelMissing, match=r"run live-canary download .* or try with --model demo") as refused:
        transcribe.run(Settings(recordings=(talk,)), texts, "txt")
    assert refused.value.exit_code == 3
    assert not texts.exists()
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), texts, "txt") == 0


def test_a_user_at_a_terminal_may_have_the_demonstration_model_transcribe(no_model, talk, monkeypatch, capsys):
    monkeypatch.setattr(transcribe, "terminal_question", lambda: lambda question: "demo")
    assert transcribe.run(Settings(recordings=(talk,)), None, "txt") == 0
    assert len(talk.with_suffix(".txt").read_text().splitlines()) == 2
    assert "Using the small demonstration model" in capsys.readouterr().err


@pytest.mark.parametrize("earlier", [None, "what was there\n"])
def test_a_model_that_fails_to_load_touches_no_file(talk, monkeypatch, capsys, earlier):
    def load_with(choice, settings):
        def load(tell):
            raise CheckpointError("The model is damaged; download it again.")

        return load

    monkeypatch.setattr(transcribe, "load_with", load_with)
    transcript = talk.with_suffix(".txt")
    if earlier:
        transcript.write_text(earlier)
    with pytest.raises(CheckpointError):
        transcribe.run(Settings(recordings=(talk,), model="demo", overwrite=bool(earlier)), None, "txt")
    assert (transcript.read_text() if transcript.exists() else None) == earlier
    assert "->" not in capsys.readouterr().err


def test_a_transcript_that_exists_is_left_alone_and_the_others_are_written(talk, monkeypatch, capsys):
    monkeypatch.setattr(transcribe, "load_with", instant)
    second = talk.with_name("second.wav")
    second.write_bytes(talk.read_bytes())
    talk.with_suffix(".txt").write_text("mine\n")
    assert transcribe.run(Settings(recordings=(talk, second), model="demo"), None, "txt") == 0
    assert talk.with_suffix(".txt").read_text() == "mine\n"
    assert len(second.with_suffix(".txt").read_text().splitlines()) == 2
    assert "exists already and is left alone" in " ".join(capsys.readouterr().err.split())


def test_all_formats_of_a_recording_are_written_and_it_is_heard_once(talk, monkeypatch, capsys):
    """Only the last of them was written."""
    heard = []

    class Counting(Instant):
        def transcribe(self, samples, draft=None) -> Hypothesis:
            heard.append(len(samples))
            return super().transcribe(samples)

    monkeypatch.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: Counting())
    settings = Settings(recordings=(talk,), model="demo")
    assert transcribe.run(settings, None, "srt", "txt", ".SRT") == 0
    assert len(heard) == 2
    assert [path.read_text().count("samples.") for path in sorted(talk.parent.glob("talk.[st]*"))] == [2, 2]
    said = capsys.readouterr().err.splitlines()
    assert [line for line in said if "->" in line] == [f"{talk} -> {talk.with_suffix(one)}" for one in (".srt", ".txt")]
    assert {path.name for path in talk.parent.iterdir()} == {"talk.wav", "talk.srt", "talk.txt"}


def test_minutes_are_headed_by_the_recording_and_not_by_the_day_on_which_they_are_made(talk, monkeypatch):
    monkeypatch.setattr(transcribe, "load_with", instant)
    talk = talk.rename(talk.with_name("board_meeting.wav"))
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "md") == 0
    assert talk.with_suffix(".md").read_text().startswith("# Transcript of board\\_meeting.wav\n\n**00:00:00** ")


def test_a_link_that_lies_where_a_transcript_grows_leads_to_no_file_that_is_replaced(talk, tmp_path, monkeypatch):
    """As an archive of recordings may bring one, or another user put one into a folder that is shared."""
    monkeypatch.setattr(transcribe, "load_with", instant)
    mine = tmp_path / "mine"
    mine.write_text("mine\n")
    talk.with_name("talk.unfinished.txt").symlink_to(mine)
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 0
    assert mine.read_text() == "mine\n"
    assert len(talk.with_suffix(".txt").read_text().splitlines()) == 2
    assert not talk.with_suffix(".txt").is_symlink()


def test_a_link_where_a_transcript_grows_that_may_not_be_removed_is_told(talk, tmp_path, monkeypatch):
    """In a folder such as /tmp another user's may not."""
    monkeypatch.setattr(transcribe, "load_with", instant)
    (tmp_path / "mine").write_text("mine\n")
    talk.with_name("talk.unfinished.txt").symlink_to(tmp_path / "mine")

    def refuse(path, missing_ok=False):
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(OutputError, match=r"talk\.unfinished\.txt' cannot be written: Operation not permitted; give"):
        transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt")
    assert (tmp_path / "mine").read_text() == "mine\n"


def test_a_recording_without_words_is_told(talk, monkeypatch, capsys):
    """An empty file and exit code 0 leave it open whether the program or the recording is to blame."""
    monkeypatch.setattr(transcribe, "load_with", instant)
    soundfile.write(talk, np.zeros(16_000), 16_000)
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 0
    assert f"{talk} -> {talk.with_suffix('.txt')}; no words were heard in it" in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize("plain", [True, False])
def test_plain_lines_show_no_progress_that_is_redrawn(talk, monkeypatch, capsys, plain):
    monkeypatch.setattr(transcribe, "load_with", instant)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert transcribe.run(Settings(recordings=(talk,), model="demo", plain=plain), None, "txt") == 0
    told = capsys.readouterr().err
    assert f"{talk} -> {talk.with_suffix('.txt')}" in told
    assert ("\x1b" not in told) == plain


def test_of_several_formats_only_those_that_are_missing_are_written(talk, second, monkeypatch, capsys):
    monkeypatch.setattr(transcribe, "load_with", instant)
    for name in ("talk.txt", "second.txt", "second.vtt"):
        talk.with_name(name).write_text("mine\n")
    settings = Settings(recordings=(talk, second), model="demo")
    assert transcribe.run(settings, None, "txt", "vtt") == 0
    assert talk.with_suffix(".vtt").read_text().count("samples.") == 2
    assert {talk.with_name(name).read_text() for name in ("talk.txt", "second.txt", "second.vtt")} == {"mine\n"}
    said = capsys.readouterr().err
    assert said.count("exists already and is left alone") == 3
    assert said.count("->") == 1
    assert transcribe.run(replace(settings, overwrite=True), None, "txt", "vtt") == 0
    assert {path.read_text().count("samples.") for path in talk.parent.glob("*.[tv]*t")} == {2}


@needs_names_of_255_bytes
def test_a_name_that_is_too_long_with_one_of_two_formats_costs_only_that(talk, monkeypatch, capsys):
    monkeypatch.setattr(transcribe, "load_with", instant)
    long = talk.rename(talk.with_name("a" * 251 + ".wav"))
    assert transcribe.run(Settings(recordings=(long,), model="demo"), None, "jsonl", "txt") == 1
    assert len(long.with_suffix(".txt").read_text().splitlines()) == 2
    assert "with .jsonl its name would be too long" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="there what is open cannot be locked twice")
def test_a_transcript_that_another_program_is_writing_leaves_nothing_of_the_others(talk, monkeypatch):
    """Two of them begun at once, say."""
    other: list[TranscriptFile] = []

    def load_with(choice, settings):
        return lambda tell: other.append(TranscriptFile(talk.with_name("talk.unfinished.txt"))) or Instant()

    monkeypatch.setattr(transcribe, "load_with", load_with)
    with pytest.raises(OutputError, match="already being written"):
        transcribe.run(Settings(recordings=(talk,), model="demo"), None, "srt", "txt")
    assert {path.name for path in talk.parent.iterdir()} == {"talk.wav", "talk.unfinished.txt"}
    other[0].close()


def test_what_another_program_writes_meanwhile_is_left_alone(talk, monkeypatch, capsys):
    """Hours after a night's run had begun it replaced the minutes that somebody had corrected by hand."""

    def load_with(choice, settings):
        return lambda tell: talk.with_suffix(".txt").write_text("My own minutes.") and Instant()

    monkeypatch.setattr(transcribe, "load_with", load_with)
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 1
    assert talk.with_suffix(".txt").read_text() == "My own minutes."
    assert talk.with_name("talk.unfinished.txt").read_text()
    assert "talk.txt was written by another program meanwhile and is left alone" in " ".join(
        capsys.readouterr().err.split()
    )


def test_what_a_disk_that_fails_says_nothing_of_is_left_alone(talk, monkeypatch):
    """From Python 3.14 on, Path.exists says of it that it is not there, and it was replaced."""
    stat = os.stat

    def failing(path, **how):
        if str(path).endswith("talk.txt"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return stat(path, **how)

    def load_with(choice, settings):
        talk.with_suffix(".txt").write_text("My own minutes.")
        monkeypatch.setattr(os, "stat", failing)
        return lambda tell: Instant()

    monkeypatch.setattr(transcribe, "load_with", load_with)
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 1
    monkeypatch.undo()
    assert talk.with_suffix(".txt").read_text() == "My own minutes."


def test_a_name_in_brackets_is_told_as_it_is_and_in_one_line(talk, monkeypatch, capsys):
    monkeypatch.setattr(transcribe, "load_with", instant)
    talk = talk.rename(talk.with_name("talk about much [dqw4].wav"))
    for _ in range(2):
        assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 0
    said = capsys.readouterr().err.splitlines()
    assert f"{talk} -> {talk.with_suffix('.txt')}" in said
    assert f"{talk.with_suffix('.txt')} exists already and is left alone; --overwrite replaces it." in said


@needs_names_of_255_bytes
def test_a_recording_of_the_longest_name_is_transcribed(talk, monkeypatch):
    """With “.unfinished” in it the name was too long, and none of all the recordings was transcribed."""
    talk = talk.rename(talk.with_name("é" * 125 + "a.wav"))  # 251 bytes without its suffix
    (transcript := talk.with_suffix(".txt")).write_text("better\n")
    with monkeypatch.context() as failing:
        failing.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: Failing())
        assert transcribe.run(Settings(recordings=(talk,), model="demo", overwrite=True), None, "txt") == 1
    [unfinished] = set(talk.parent.iterdir()) - {talk, transcript}
    assert unfinished.name.startswith("é" * 20) and unfinished.name.endswith(".unfinished.txt")
    assert overwritten(talk, monkeypatch) == 0
    assert len(transcript.read_text().splitlines()) == 2
    assert set(talk.parent.iterdir()) == {talk, transcript}


@needs_names_of_255_bytes
@pytest.mark.parametrize("folder", [None, "texts/new"])
def test_a_name_that_is_too_long_with_its_format_costs_only_that_recording(talk, tmp_path, monkeypatch, capsys, folder):
    monkeypatch.setattr(transcribe, "load_with", instant)
    long = talk.with_name("a" * 251 + ".wav")
    long.write_bytes(talk.read_bytes())
    place = tmp_path / folder if folder else None
    assert transcribe.run(Settings(recordings=(long, talk), model="demo"), place, "jsonl") == 1
    assert ((place or tmp_path) / "talk.jsonl").exists()
    said = capsys.readouterr().err.splitlines()
    assert f"{long} is left out: with .jsonl its name would be too long; give it a shorter one." in said


def test_what_is_no_recording_is_told_and_costs_only_itself(talk, second, monkeypatch, capsys):
    """As of `transcribe *` in a folder; none of all the recordings was transcribed."""
    monkeypatch.setattr(transcribe, "load_with", instant)
    (invoice := talk.with_name("invoice.pdf")).write_text("%PDF-1.4\n" * 100)
    (empty := talk.with_name("empty.wav")).touch()
    (folder := talk.with_name("older")).mkdir()
    missing = talk.with_name("missing.wav")
    settings = Settings(recordings=(invoice, talk, empty, folder, missing, second), model="demo")
    for _ in range(2):
        assert transcribe.run(settings, None, "txt") == 1
        said = capsys.readouterr().err
        assert f"Recording '{invoice}' is not sound" in said
        assert f"Recording '{empty}' is empty" in said
        assert f"Recording '{folder}' is a folder" in said
        assert f"Recording '{missing}' cannot be opened" in said
    assert {path.name for path in talk.parent.glob("*.txt")} == {"talk.txt", "second.txt"}


def test_a_transcript_is_not_shared_with_what_is_no_recording(talk, monkeypatch):
    monkeypatch.setattr(transcribe, "load_with", instant)
    (slides := talk.with_suffix(".pdf")).write_text("%PDF-1.4\n" * 100)
    assert transcribe.run(Settings(recordings=(slides, talk), model="demo"), None, "txt") == 1
    assert len(talk.with_suffix(".txt").read_text().splitlines()) == 2


def test_where_nothing_can_be_transcribed_each_reason_is_told_and_nothing_loaded(tmp_path, capsys):
    missing, folder = tmp_path / "missing.wav", tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(InputError, match="None of these recordings"):
        transcribe.run(Settings(recordings=(missing, folder), model="demo"), tmp_path / "texts", "txt")
    said = capsys.readouterr().err.splitlines()
    assert [line.split("' ")[0] for line in said] == [f"Recording '{missing}", f"Recording '{folder}"]
    with pytest.raises(RecordingError, match="is a folder"):
        transcribe.run(Settings(recordings=(folder,), model="demo"), tmp_path / "texts", "txt")
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_that_cannot_be_is_refused_in_a_sentence(talk):
    with pytest.raises(OutputError, match=r"The folder 'xxx.*' cannot be made: File name too long"):
        transcribe.run(Settings(recordings=(talk,), model="demo"), Path("x" * 300), "txt")


def test_transcripts_go_into_a_folder_that_is_not_there_and_the_next_ones_too(talk, second, tmp_path, monkeypatch):
    monkeypatch.setattr(transcribe, "load_with", instant)
    folder = tmp_path / "a" / "b"
    for recording in (talk, second):
        assert transcribe.run(Settings(recordings=(recording,), model="demo"), folder, "txt") == 0
    assert sorted(path.name for path in folder.iterdir()) == ["second.txt", "talk.txt"]


def test_a_recording_is_cut_as_the_settings_say(talk, monkeypatch):
    detectors = []
    monkeypatch.setattr(transcribe, "load_with", instant)
    monkeypatch.setattr(transcribe, "load_detector", lambda name: detectors.append(name) or load_detector("silero"))
    settings = Settings(recordings=(talk,), model="demo", vad="webrtc")
    long_pauses = replace(settings.segmenter, min_silence_ms=5000)
    assert transcribe.run(replace(settings, segmenter=long_pauses), None, "txt") == 0
    assert detectors == ["webrtc"]
    assert len(talk.with_suffix(".txt").read_text().splitlines()) == 1


def test_a_recording_is_heard_as_fast_as_it_can_be_read_and_nothing_goes_on_behind_it(talk, monkeypatch):
    waits, before = [], set(threading.enumerate())
    monkeypatch.setattr(transcribe, "load_with", instant)
    monkeypatch.setattr("live_canary.audio.clock.Clock.wait", lambda clock, seconds: waits.append(seconds))
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 0
    assert waits == []
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive(), thread.name


def test_two_recordings_of_one_name_are_not_written_into_one_transcript(talk, tmp_path):
    (tmp_path / "other").mkdir()
    other = tmp_path / "other" / "talk.wav"
    other.write_bytes(talk.read_bytes())
    with pytest.raises(OutputError, match=r"Two recordings would both become .* with another --output-dir\."):
        transcribe.run(Settings(recordings=(talk, other), model="demo"), tmp_path / "texts", "txt", "srt")
    assert not (tmp_path / "texts").exists()


def test_one_transcript_of_two_recordings_is_refused_from_wherever_each_is_named(talk, monkeypatch):
    """It was called given twice as --output, which `transcribe` does not know."""
    other = talk.with_suffix(".flac")
    soundfile.write(other, *soundfile.read(talk))
    monkeypatch.chdir(talk.parent)
    with pytest.raises(OutputError, match="Two recordings would both become"):
        transcribe.run(Settings(recordings=(Path(talk.name), other), model="demo"), None, "txt")


@pytest.mark.parametrize("earlier", [None, "what was there\n"])
def test_ctrl_c_leaves_no_half_of_a_transcript(talk, monkeypatch, capsys, earlier):
    def interrupted(events, progress, task):
        raise KeyboardInterrupt

    monkeypatch.setattr(transcribe, "load_with", instant)
    monkeypatch.setattr(transcribe, "_follow", interrupted)
    transcript = talk.with_suffix(".txt")
    if earlier:
        transcript.write_text(earlier)
    with pytest.raises(KeyboardInterrupt):
        transcribe.run(Settings(recordings=(talk,), model="demo", overwrite=True), None, "txt", "md")
    assert (transcript.read_text() if transcript.exists() else None) == earlier
    assert not list(talk.parent.glob("*unfinished*")) + list(talk.parent.glob("*.md"))
    assert capsys.readouterr().err.count("was not written") == 2


@pytest.mark.skipif(os.name == "nt", reason="there Ctrl-C is no signal that one process sends another")
def test_ctrl_c_while_the_model_is_imported_ends_the_program_itself(talk):
    """Python raised KeyboardInterrupt inside of torch's C++, which aborted the process or went on without a word."""
    command = [sys.executable, "-c", DEAF_WHILE_LOADING, "transcribe", str(talk), "--model", "demo"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stderr
        while process.stderr.readline() != "deaf\n":
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, noted = process.communicate(timeout=60)
    assert (process.returncode, noted) == (-signal.SIGINT, "")  # 130 for a shell
    assert sorted(path.name for path in talk.parent.iterdir()) == ["talk.wav"]


def test_ctrl_c_reaches_the_transcripts_once_the_model_is_loaded(talk, monkeypatch):
    found = []
    monkeypatch.setattr(transcribe, "load_with", instant)
    monkeypatch.setattr(transcribe, "_transcribe", lambda *_: found.append(signal.getsignal(signal.SIGINT)) or True)
    before = signal.getsignal(signal.SIGINT)
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 0
    assert found == [before]


def test_ctrl_c_does_not_wait_for_a_model_that_is_at_work(talk, monkeypatch):
    class Thinking(Instant):
        def transcribe(self, samples, draft=None) -> Hypothesis:
            heard.append(samples)
            asked.set()
            answering.wait(60)
            return super().transcribe(samples)

    def interrupted(events, progress, task):
        told.append(events)
        assert asked.wait(60)
        raise KeyboardInterrupt

    told, heard = [], []
    asked, answering = threading.Event(), threading.Event()
    monkeypatch.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: Thinking())
    monkeypatch.setattr(transcribe, "_follow", interrupted)
    monkeypatch.setattr(transcribe, "ABORT_SECONDS", 0.01)
    with pytest.raises(KeyboardInterrupt):
        transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt")
    assert sorted(path.name for path in talk.parent.iterdir()) == ["talk.wav"]
    answering.set()
    while not isinstance(told[0].get(timeout=60), SessionEnded):
        pass
    assert len(heard) == 1


def test_ctrl_c_is_told_where_a_file_that_is_being_written_cannot_be_deleted_as_on_windows(talk, monkeypatch, capsys):
    """It ended in a traceback, for the model was still at work and its transcript open."""

    def interrupted(events, progress, task):
        raise KeyboardInterrupt

    def refuse(path, missing_ok=False):
        raise PermissionError(errno.EACCES, "The process cannot access the file because it is in use", str(path))

    monkeypatch.setattr(transcribe, "load_with", instant)
    monkeypatch.setattr(transcribe, "_follow", interrupted)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(KeyboardInterrupt):
        transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt", "md")
    assert capsys.readouterr().err.count("was not written") == 2


def test_what_was_there_is_not_replaced_by_a_transcript_with_holes(talk, monkeypatch):
    monkeypatch.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: Failing())
    talk.with_suffix(".txt").write_text("better\n")
    assert transcribe.run(Settings(recordings=(talk,), model="demo", overwrite=True), None, "txt") == 1
    assert talk.with_suffix(".txt").read_text() == "better\n"
    assert talk.with_name("talk.unfinished.txt").exists()


def test_a_model_that_was_only_slow_or_fell_back_has_made_a_whole_transcript(talk, monkeypatch, capsys):
    """A minute without an answer counted as a failure: what was there before stayed, and the exit code was 1."""

    class FallingBack(Instant):
        def transcribe(self, samples, draft=None) -> Hypothesis:
            tells[0]("The model is late.")
            return super().transcribe(samples)

    tells: list = []
    monkeypatch.setattr(
        transcribe, "load_with", lambda choice, settings: lambda tell: tells.append(tell) or FallingBack()
    )
    talk.with_suffix(".txt").write_text("worse\n")
    assert transcribe.run(Settings(recordings=(talk,), model="demo", overwrite=True), None, "txt") == 0
    assert talk.with_suffix(".txt").read_text().count("samples.") == 2
    told = capsys.readouterr().err
    assert "The model is late." in told
    assert "but see above" not in told


def test_of_two_formats_the_one_that_was_there_is_not_replaced_by_one_with_holes(talk, monkeypatch, capsys):
    monkeypatch.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: Failing())
    talk.with_suffix(".txt").write_text("better\n")
    settings = Settings(recordings=(talk,), model="demo", overwrite=True)
    assert transcribe.run(settings, None, "txt", "srt") == 1
    assert talk.with_suffix(".txt").read_text() == "better\n"
    assert talk.with_suffix(".srt").read_text().count("not heard") == 2
    assert talk.with_name("talk.unfinished.txt").exists()
    assert capsys.readouterr().err.count("but see above") == 2


def test_a_transcript_that_lacks_lines_for_want_of_room_is_made_again_the_next_time(talk, monkeypatch, capsys):
    def full(file, text):
        if text:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(transcribe, "load_with", instant)
    with monkeypatch.context() as without_room:
        without_room.setattr("live_canary.transcript.writer.TranscriptFile._append", full)
        assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 1
    assert not talk.with_suffix(".txt").exists()
    told = capsys.readouterr().err.replace("\n", " ")
    assert "talk.unfinished.txt, without 2 lines: see above, fix that, and run it again" in told
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 0
    assert len(talk.with_suffix(".txt").read_text().splitlines()) == 2


def test_a_transcript_that_a_bug_cut_off_is_made_again_the_next_time(talk, monkeypatch):
    def broken(*_):
        raise RuntimeError("a bug")

    monkeypatch.setattr(transcribe, "load_with", instant)
    monkeypatch.setattr(transcribe.Segmenter, "feed", broken)
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 1
    assert not talk.with_suffix(".txt").exists()


def carry_off(recording: Path, monkeypatch) -> Path:
    """It is there when the command checks what it was given, and gone when it is to be heard; where it is then."""

    def load_with(choice, settings):
        def load(tell):
            recording.rename(away)
            return Instant()

        return load

    away = recording.with_name("away")
    monkeypatch.setattr(transcribe, "load_with", load_with)
    return away


@pytest.mark.parametrize("extension", ["txt", "vtt"])
@pytest.mark.parametrize("earlier", [None, "what was there\n"])
def test_a_recording_that_is_gone_when_its_turn_comes_is_transcribed_the_next_time(
    talk, second, monkeypatch, capsys, extension, earlier
):
    """It became a transcript without a line, which was left alone from then on."""
    away, transcript = carry_off(second, monkeypatch), second.with_suffix(f".{extension}")
    if earlier:
        transcript.write_text(earlier)
    settings = Settings(recordings=(talk, second), model="demo", overwrite=bool(earlier))
    assert transcribe.run(settings, None, extension) == 1
    assert (transcript.read_text() if transcript.exists() else None) == earlier
    assert not list(talk.parent.glob("*unfinished*"))
    said = capsys.readouterr().err
    assert "second.wav' cannot be opened: No such file or directory" in said
    assert f"{transcript} was not written." in said
    assert talk.with_suffix(f".{extension}").read_text().count("samples.") == 2
    away.rename(second)
    monkeypatch.setattr(transcribe, "load_with", instant)
    assert transcribe.run(settings, None, extension) == 0
    assert transcript.read_text().count("samples.") == 2


def test_what_was_heard_before_a_stick_was_pulled_out_is_unfinished(talk, monkeypatch, capsys):
    class PullingOut(Instant):
        """When the first utterance has been heard."""

        def transcribe(self, samples, draft=None) -> Hypothesis:
            monkeypatch.setattr(chains, "_read", refuse)
            return super().transcribe(samples)

    def refuse(*asked):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    soundfile.write(talk, np.tile(soundfile.read(talk)[0], 15), 16_000)
    with monkeypatch.context() as gone:
        gone.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: PullingOut())
        assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 1
    monkeypatch.undo()
    unfinished = talk.with_name("talk.unfinished.txt")
    assert not talk.with_suffix(".txt").exists()
    assert 0 < len(unfinished.read_text().splitlines()) < 30
    said = capsys.readouterr().err
    assert "talk.wav' cannot be read: Input/output error; copy it again." in said
    assert f"{talk} -> {unfinished}, but see above" in said
    monkeypatch.setattr(transcribe, "load_with", instant)
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 0
    assert len(talk.with_suffix(".txt").read_text().splitlines()) == 30


def test_a_damaged_recording_has_a_transcript_of_all_that_there_is(talk, monkeypatch, capsys):
    monkeypatch.setattr(transcribe, "load_with", instant)
    soundfile.write(talk, np.tile(soundfile.read(talk)[0], 2), 16_000)
    talk.write_bytes(talk.read_bytes()[: talk.stat().st_size // 2])
    assert transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt") == 1
    assert len(talk.with_suffix(".txt").read_text().splitlines()) == 2
    assert "it is damaged or was not copied completely" in capsys.readouterr().err


def test_one_recording_that_went_wrong_is_a_failure_though_the_last_one_went_well(talk, second, monkeypatch):
    monkeypatch.setattr(transcribe, "load_with", instant)
    talk.write_bytes(talk.read_bytes()[: talk.stat().st_size // 2])
    assert transcribe.run(Settings(recordings=(talk, second), model="demo"), None, "txt") == 1
    assert len(second.with_suffix(".txt").read_text().splitlines()) == 2


def test_a_detector_that_there_is_not_is_told_before_the_model_is_loaded(talk, monkeypatch):
    monkeypatch.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: pytest.fail("was loaded"))
    with pytest.raises(InputError, match="There is no voice detector 'ears'"):
        transcribe.run(Settings(recordings=(talk,), model="demo", vad="ears"), None, "txt")


def overwritten(talk, monkeypatch) -> int:
    monkeypatch.setattr(transcribe, "load_with", instant)
    return transcribe.run(Settings(recordings=(talk,), model="demo", overwrite=True), None, "txt")


def test_a_folder_in_the_place_of_a_transcript_is_told_before_anything_is_heard(talk, monkeypatch):
    talk.with_suffix(".txt").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        overwritten(talk, monkeypatch)
    assert not list(talk.parent.glob("*unfinished*"))


def test_a_folder_where_a_transcript_is_to_grow_is_told_before_the_model_is_loaded(talk, monkeypatch):
    monkeypatch.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: pytest.fail("was loaded"))
    talk.with_name("talk.unfinished.txt").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        transcribe.run(Settings(recordings=(talk,), model="demo"), None, "txt")


@pytest.fixture
def deleted_folder(tmp_path, monkeypatch):
    """The one that the program runs in."""
    (tmp_path / "deleted").mkdir()
    monkeypatch.chdir(tmp_path / "deleted")
    (tmp_path / "deleted").rmdir()


@pytest.mark.skipif(os.name == "nt", reason="there a folder that somebody is in cannot be deleted")
def test_a_transcript_in_a_folder_that_was_deleted_is_refused_in_a_sentence(deleted_folder):
    with pytest.raises(OutputError, match="this folder was deleted"):
        check_outputs((Path("notes.txt"),), overwrite=False)


@pytest.mark.skipif(os.name == "nt", reason="there a folder that somebody is in cannot be deleted")
def test_the_model_is_not_loaded_in_a_folder_that_was_deleted(deleted_folder, monkeypatch):
    """MKL ended the process there with "Cannot load libtorch_cpu.so", and a session in mid-word with it."""
    monkeypatch.setattr(CanaryTranscriber, "load", lambda *given: Path.cwd())
    load = load_with(ModelChoice(Path("/nowhere"), "demo model", demo=True), Settings())
    assert load(lambda text: None).is_dir()


def test_a_link_that_leads_to_itself_is_told_in_a_sentence(talk, monkeypatch):
    talk.with_suffix(".txt").symlink_to("talk.txt")
    with pytest.raises(OutputError, match="Too many levels of symbolic links"):
        overwritten(talk, monkeypatch)


def test_a_transcript_that_is_a_link_stays_one_and_a_private_one_private(talk, tmp_path, monkeypatch):
    (tmp_path / "private").mkdir()
    (behind := tmp_path / "private" / "mine").write_text("earlier\n")
    behind.chmod(0o600)
    talk.with_suffix(".txt").symlink_to(behind)
    assert overwritten(talk, monkeypatch) == 0
    assert talk.with_suffix(".txt").readlink() == behind
    assert len(behind.read_text().splitlines()) == 2
    assert stat.S_IMODE(behind.stat().st_mode) == 0o600
    assert list(behind.parent.iterdir()) == [behind]


def test_a_transcript_is_replaced_where_files_have_no_permissions(talk, monkeypatch):
    """As on a share of another machine that GNOME shows as a folder; it was a traceback."""

    def cannot(*_: object, **__: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    talk.with_suffix(".txt").write_text("earlier\n")
    monkeypatch.setattr(os, "chmod", cannot)
    assert overwritten(talk, monkeypatch) == 0
    assert len(talk.with_suffix(".txt").read_text().splitlines()) == 2


def test_a_transcript_that_cannot_be_replaced_is_told_and_the_new_one_kept(talk, monkeypatch, capsys):
    def refuse(path, target):
        if target.suffix == ".txt":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        path.rename(target)

    monkeypatch.setattr(transcribe, "load_with", instant)
    monkeypatch.setattr(Path, "replace", refuse)
    talk.with_suffix(".txt").write_text("earlier\n")
    settings = Settings(recordings=(talk,), model="demo", overwrite=True)
    assert transcribe.run(settings, None, "txt", "srt") == 1
    assert talk.with_suffix(".srt").read_text().count("samples.") == 2
    assert "cannot be replaced: Permission denied." in " ".join(capsys.readouterr().err.split())
    assert talk.with_suffix(".txt").read_text() == "earlier\n"
    assert len(talk.with_name("talk.unfinished.txt").read_text().splitlines()) == 2


def test_a_recording_that_is_named_twice_is_heard_once(talk, second, monkeypatch):
    """`transcribe *.wav talk*`: it was refused as two recordings of one transcript."""
    monkeypatch.chdir(talk.parent)
    from_here, behind_a_link = Path(talk.name), talk.parent / "link" / talk.name
    behind_a_link.parent.symlink_to(talk.parent)
    jobs, _ = transcribe.plan([talk, second, talk, from_here, behind_a_link], None, "txt")
    assert [job.recordings for job in jobs] == [(talk,), (second,)]


@pytest.mark.parametrize("other", ["Talk.wav", "TALK.wav", "caf\u00e9.wav"])
def test_names_that_a_mac_takes_for_one_are_not_written_into_one_transcript(talk, other, monkeypatch):
    first = talk if other.lower() == talk.name else talk.with_name("cafe\u0301.wav")
    for path in (first, talk.with_name(other)):
        path.write_bytes(talk.read_bytes())
    transcribe.plan([first, talk.with_name(other)], talk.parent, "txt")
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(OutputError, match="Two recordings would both become"):
        transcribe.plan([first, talk.with_name(other)], talk.parent, "txt")


def test_no_transcript_is_written_where_another_grows(talk):
    unlucky = talk.with_name("talk.unfinished.wav")
    unlucky.write_bytes(talk.read_bytes())
    with pytest.raises(OutputError, match=r"both become '.*talk\.unfinished\.txt'"):
        transcribe.plan((unlucky, talk), None, "txt")
