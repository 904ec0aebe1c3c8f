"""The whole line in one process: the bundled model hears the bundled recordings."""

import jiwer
import pytest

from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import read_recording
from live_canary.events import UtteranceFinal
from live_canary.segments.segment import Segment
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.vad import load_detector
from live_canary.session.session import Session
from live_canary.transcript.transcriber import CanaryTranscriber
from live_canary.transcript.writer import TranscriptFile
from tests.conftest import ROOT

ASSETS = ROOT / "assets"


def replay(demo, recording, speed, transcript=None, partial_interval_ms=None) -> list[str]:
    """The texts of all utterances, as they were told."""
    texts = []

    def follow(event):
        if isinstance(event, UtteranceFinal):
            texts.append(event.utterance.text)

    session = Session(
        [RecordingSource([recording], speed)],
        lambda: Segmenter(load_detector("silero")),
        lambda tell: CanaryTranscriber(demo),
        [TranscriptFile(transcript)] if transcript else [],
        partial_interval_ms=partial_interval_ms,
    )
    session.start(follow)
    assert session.wait(180)
    return texts


@pytest.mark.slow
def test_the_same_recording_gives_identical_files_at_every_speed(demo, tmp_path):
    recording = ASSETS / "noisy.wav"
    for name, speed in [("1", 1.0), ("4", 4.0), ("max", None)]:
        replay(demo, recording, speed, tmp_path / f"{name}.srt", partial_interval_ms=300)
    contents = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert contents["max.srt"].count(b"-->") >= 4
    assert contents["1.srt"] == contents["4.srt"] == contents["max.srt"]


@pytest.mark.slow
def test_live_text_is_the_text_of_the_same_utterances_heard_as_a_whole(demo):
    recording = ASSETS / "noisy.wav"
    segmenter, transcriber = Segmenter(load_detector("silero")), CanaryTranscriber(demo)
    heard = [*segmenter.feed(read_recording(recording)), *segmenter.flush()]
    whole = [transcriber.transcribe(one.samples).text for one in heard if isinstance(one, Segment)]
    assert replay(demo, recording, speed=2.0, partial_interval_ms=300) == whole


def test_the_demo_model_understands_the_dictation(demo):
    reference = (ASSETS / "dictation.txt").read_text()
    texts = replay(demo, ASSETS / "dictation.wav", speed=None)
    assert len(texts) == len(reference.splitlines())
    normal = jiwer.Compose(
        [jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.Strip(), jiwer.ReduceToListOfListOfWords()]
    )
    error_rate = jiwer.wer(
        " ".join(reference.split()), " ".join(texts), reference_transform=normal, hypothesis_transform=normal
    )
    assert error_rate <= 0.15


def test_silence_and_noise_give_no_words(demo):
    assert replay(demo, ASSETS / "silence-and-noise.wav", speed=None) == []
