"""The whole line behind a real PulseAudio: what is spoken into the virtual microphone reads like a replay of it."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import jiwer
import pytest
import soundfile

from live_canary.audio.capture import Capture
from live_canary.audio.live import LiveSource
from live_canary.audio.recording import RecordingSource
from live_canary.audio.source import Source
from live_canary.events import LevelChanged, SpeechEnded, UtteranceFinal
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.vad import load_detector
from live_canary.session.session import Session
from live_canary.transcript.transcriber import CanaryTranscriber
from tests.conftest import ROOT

pytestmark = [pytest.mark.microphone, pytest.mark.slow]

LETTER = ROOT / "assets" / "dictation.wav"
OTHER = ROOT / "assets" / "noisy.wav"


class Meeting:
    """A running session and what it told."""

    def __init__(self, model, *sources: Source):
        self.utterances: list[tuple[str, str]] = []
        self._spoken = 0
        self._news = threading.Condition()
        self._levels: set[str] = set()
        self.session = Session(
            sources, lambda: Segmenter(load_detector("silero")), lambda tell: CanaryTranscriber(model)
        )
        self.session.start(self._follow)
        with self._news:
            assert self._news.wait_for(lambda: len(self._levels) == len(sources), 20), "nothing is heard"

    def until_spoken(self, sentences: int) -> "Meeting":
        with self._news:
            assert self._news.wait_for(lambda: self._spoken >= sentences, 60), f"{self._spoken} sentences were heard"
        return self

    def finish(self) -> "Meeting":
        self.session.stop()
        assert self.session.wait(180)
        return self

    def text_of(self, source: str) -> str:
        return " ".join(text for name, text in self.utterances if name == source)

    def _follow(self, event) -> None:
        with self._news:
            match event:
                case LevelChanged(source):
                    self._levels.add(source)
                case SpeechEnded():
                    self._spoken += 1
                case UtteranceFinal(utterance):
                    self.utterances.append((utterance.source, utterance.text))
            self._news.notify_all()


@pytest.fixture(scope="module")
def beginning(tmp_path_factory) -> Path:
    """Of the letter: two whole sentences."""
    samples, rate = soundfile.read(LETTER)
    path = tmp_path_factory.mktemp("beginning") / "beginning.wav"
    soundfile.write(path, samples[: 7 * rate], rate)
    return path


def replay(demo, recording: Path) -> list[str]:
    texts: list[str] = []
    session = Session(
        [RecordingSource([recording], speed=None)],
        lambda: Segmenter(load_detector("silero")),
        lambda tell: CanaryTranscriber(demo),
    )
    session.start(lambda event: texts.append(event.utterance.text) if isinstance(event, UtteranceFinal) else None)
    assert session.wait(180)
    return texts


def assert_same_words(heard: str, replayed: list[str]) -> None:
    normal = jiwer.Compose(
        [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()]
    )
    words, wanted = normal(heard), normal(" ".join(replayed))
    assert words.split()[0] == wanted.split()[0]
    assert words.split()[-1] == wanted.split()[-1]
    assert jiwer.wer(wanted, words) < 0.1, f"{words!r} instead of {wanted!r}"


def test_a_letter_spoken_into_the_microphone_reads_like_its_replay(sound, demo, beginning):
    replayed = replay(demo, beginning)
    meeting = Meeting(demo, LiveSource(Capture(), "Me"))
    assert sound.play(beginning, into="mic_feed").wait() == 0
    assert_same_words(meeting.until_spoken(len(replayed)).finish().text_of("Me"), replayed)


def test_in_a_call_each_side_has_its_own_words(sound, demo):
    mine, theirs = replay(demo, LETTER), replay(demo, OTHER)
    meeting = Meeting(demo, LiveSource(Capture(), "Me"), LiveSource(Capture(hears="system"), "Them"))
    players = sound.play(LETTER, into="mic_feed"), sound.play(OTHER, into="speakers")
    assert [player.wait() for player in players] == [0, 0]
    meeting.until_spoken(len(mine) + len(theirs)).finish()
    assert_same_words(meeting.text_of("Me"), mine)
    assert_same_words(meeting.text_of("Them"), theirs)


def test_a_session_says_nothing_at_its_end_that_is_not_for_its_user(sound, beginning, tmp_path, monkeypatch):
    """What is kept in C and not looked through for garbage any more was called leaked, in twenty lines."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    notes = tmp_path / "notes.txt"
    command = [sys.executable, "-m", "live_canary", "--model", "demo", "--plain", "--output", str(notes)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert sound.play(beginning, into="mic_feed").wait() == 0
        assert program.stdout.readline()
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert program.returncode == 0
    assert said.splitlines()[-1] == f"Transcript: {notes}", said
    assert "nanobind" not in said


def test_a_session_that_ends_before_the_model_is_loaded_says_nothing_of_it(sound, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    command = [sys.executable, "-m", "live_canary", "--model", "demo", "--plain"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert any("Listening to" in line for line in program.stderr)
        time.sleep(1)  # by then libraries in C are being imported
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert program.returncode == 0
    assert "nanobind" not in said


def test_what_is_said_before_the_key_that_ends_the_first_pause_is_not_heard(
    sound, demo, beginning, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    command = [sys.executable, "-m", "live_canary", "--model", "demo", "--plain", "--paused"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert any("is paused." in line for line in program.stderr)
        assert sound.play(beginning, into="mic_feed").wait() == 0
        program.send_signal(signal.SIGUSR1)
        assert any("is heard again." in line for line in program.stderr)
        assert sound.play(beginning, into="mic_feed").wait() == 0
        program.send_signal(signal.SIGINT)
        written, _ = program.communicate(timeout=60)
    heard = [line.partition("] ")[2] for line in written.splitlines()]
    assert_same_words(" ".join(heard), replay(demo, beginning))
