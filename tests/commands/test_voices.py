"""`live-canary transcribe` of calls: a speaker a channel, or a recording; one transcript with their names."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live_canary.commands import transcribe
from live_canary.commands.voices import Voice, names_of_channels, played, voices_of
from live_canary.errors import InputError, RecordingError
from live_canary.settings import Settings
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.lines import echo_notice
from live_canary.transcript.transcriber import CanaryTranscriber
from tests.conftest import ROOT

MEETING, DICTATION = (ROOT / "assets" / name for name in ("meeting.wav", "dictation.wav"))
RATE = 16_000


class Instant:
    def transcribe(self, samples, draft=None) -> Hypothesis:
        return Hypothesis(f"{len(samples)} samples.")


@pytest.fixture
def instant(monkeypatch) -> None:
    monkeypatch.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: Instant())


def beginning(recording: Path, seconds: float) -> np.ndarray:
    return soundfile.read(recording, dtype="float32", frames=round(seconds * RATE))[0]


@pytest.fixture
def sides(tmp_path) -> tuple[Path, Path]:
    """What --keep-audio leaves of a call: two utterances of each side, at about the same time."""
    paths = tmp_path / "0-Me.flac", tmp_path / "1-Them.flac"
    for path, recording in zip(paths, (MEETING, DICTATION), strict=True):
        soundfile.write(path, beginning(recording, 6.6), RATE)
    return paths


@pytest.fixture
def call(sides, tmp_path) -> Path:
    """The same in one recording, as a telephone system writes it."""
    both = np.stack([soundfile.read(path, dtype="int16")[0] for path in sides], axis=1)
    soundfile.write(tmp_path / "call.wav", both, RATE)
    return tmp_path / "call.wav"


def run(*recordings: Path, formats: tuple[str, ...] = ("txt",), overwrite: bool = False, **how) -> int:
    settings = Settings(recordings=recordings, model="demo", overwrite=overwrite)
    return transcribe.run(settings, None, *formats, **how)


def lines(transcript: Path) -> list[dict]:
    return [json.loads(line) for line in transcript.read_text().splitlines()]


def test_the_demo_model_hears_each_channel_of_a_call_as_a_recording_of_its_own(demo, call, sides, monkeypatch):
    """Both at once became a salad of words."""
    monkeypatch.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: CanaryTranscriber(demo))
    assert run(call, formats=("txt", "jsonl"), channels=("Me", "Them")) == 0
    assert call.with_suffix(".txt").read_text().splitlines() == [
        "Me: Well, are you ready to begin?",
        "Them: I would like to begin with a short letter.",
        "Me: Yes, I think we are all here.",
        "Them: Thank you for your kind words about the house.",
    ]
    heard = lines(call.with_suffix(".jsonl"))
    assert run(*sides, formats=("jsonl",)) == 0
    for name, side in zip(("Me", "Them"), sides, strict=True):
        of_the_side = [
            {key: one[key] for key in ("start", "end", "text", "word_confidences")}
            for one in heard
            if one["source"] == name
        ]
        alone = lines(side.with_suffix(".jsonl"))
        assert of_the_side == [{key: one[key] for key in of_the_side[0]} for one in alone]


@pytest.mark.parametrize(
    ("extension", "line"),
    [("txt", "Me: "), ("md", r"\*\*.* Me\*\* "), ("srt", "Me: "), ("vtt", "<v Me>"), ("jsonl", '.*"source": "Me"')],
)
def test_every_format_names_who_speaks(call, instant, extension, line):
    assert run(call, formats=(extension,), channels=("Me", "Them")) == 0
    assert len(re.findall(f"^{line}", call.with_suffix(f".{extension}").read_text(), re.MULTILINE)) == 2


def test_recordings_that_began_together_are_one_transcript_as_of_their_channels(call, sides, instant, capsys):
    assert run(call, channels=("Me", "Them")) == 0
    assert run(*sides, formats=("txt", "md"), together=True) == 0
    together = call.with_name("0-Me+1-Them.txt")
    assert together.read_text() == call.with_suffix(".txt").read_text()
    assert together.with_suffix(".md").read_text().startswith("# Transcript of 0-Me.flac + 1-Them.flac\n")
    assert f"{sides[0]} + {sides[1]} -> {together}" in capsys.readouterr().err.splitlines()
    assert not list(call.parent.glob("*unfinished*"))
    assert run(*sides, together=True) == 0
    assert f"{together} exists already and is left alone" in capsys.readouterr().err


class Hearing:
    def transcribe(self, samples, draft=None) -> Hypothesis:
        return Hypothesis("What everybody says here is always the same.")


def speakers(transcript: Path) -> list[str]:
    return [line.split(":")[0] for line in transcript.read_text().splitlines()]


def test_a_line_that_both_microphones_heard_is_the_louder_ones(tmp_path, monkeypatch, capsys):
    """Of two lapel microphones each hears both speakers; which is whose no order of channels tells."""
    monkeypatch.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: Hearing())
    turns = beginning(MEETING, 5.8)
    first = np.arange(len(turns)) < 3 * RATE
    ana, ben = np.where(first, turns, turns / 10), np.where(first, turns / 10, turns)
    soundfile.write(tmp_path / "table.wav", np.stack([ana, ben], axis=1), RATE)
    assert run(tmp_path / "table.wav", channels=("Ana", "Ben")) == 0
    assert speakers(tmp_path / "table.txt") == ["Ana", "Ben"]
    told = capsys.readouterr().err.splitlines()
    assert {echo_notice("Ana", 1), echo_notice("Ben", 1)} <= set(told)


@pytest.mark.parametrize(("names", "whose"), [(("0-Me", "1-Them"), "Them"), (("Me", "Them"), "Me")])
def test_what_the_computer_played_in_a_live_session_is_no_line_of_the_microphone_that_heard_it(
    tmp_path, monkeypatch, names, whose
):
    """It may have been played through a loudspeaker louder than it was recorded."""
    monkeypatch.setattr(transcribe, "load_with", lambda choice, settings: lambda tell: Hearing())
    turns = beginning(MEETING, 5.8)
    paths = [tmp_path / f"{name}.flac" for name in names]
    for path, gain in zip(paths, (1, 0.1), strict=True):
        soundfile.write(path, turns * gain, RATE)
    assert run(*paths, together=True) == 0
    assert speakers(tmp_path / f"{'+'.join(names)}.txt") == [whose, whose]


def test_what_is_wrong_with_a_recording_is_told_once_though_each_channel_meets_it(call, instant, capsys):
    call.write_bytes(call.read_bytes()[: call.stat().st_size // 2])
    assert run(call, channels=("Me", "Them")) == 1
    assert capsys.readouterr().err.count("was not copied completely") == 1
    assert call.with_suffix(".txt").exists()


def test_a_recording_with_another_number_of_channels_is_left_out_of_many(call, sides, instant, capsys):
    assert run(sides[0], call, channels=("Me", "Them")) == 1
    assert call.with_suffix(".txt").exists()
    assert not sides[0].with_suffix(".txt").exists()
    assert f"Recording '{sides[0]}' has 1 channel, and --channels names 2 (Me, Them)" in capsys.readouterr().err


@pytest.mark.parametrize("names", [("Me", "Them", "Ana"), ("Me",)])
def test_a_number_of_names_that_is_not_the_number_of_channels_is_refused_in_a_sentence(call, names):
    told = rf"call\.wav' has 2 channels, and --channels names {len(names)} \({', '.join(names)}\); name"
    with pytest.raises(InputError, match=told):
        run(call, channels=names)


@pytest.mark.parametrize(
    ("given", "reason"),
    [("Me,", "'Me,' lacks one"), ("", "'' lacks one"), (" ,Me", "lacks one"), ("Me, Me", "names 'Me' twice")],
)
def test_each_channel_needs_a_name_of_its_own(given, reason):
    with pytest.raises(InputError, match=reason):
        names_of_channels(given)


def test_names_are_what_stands_between_the_commas():
    assert names_of_channels("Me, Ana Maria,\x1b[31m張") == ("Me", "Ana Maria", "張")


def test_what_began_together_is_named_after_its_files(tmp_path):
    recordings = [tmp_path / name for name in ("0-Ana-Maria.flac", "1-Them.flac", "2-take.wav", "Ben.mp3")]
    assert [voice.name for voice in voices_of(recordings, ())] == ["Ana-Maria", "Them", "2-take", "Ben"]


def test_of_kept_sound_it_is_known_who_was_heard_out_of_the_computer(tmp_path):
    """However loud the microphone heard it; of other recordings that cannot be known."""
    me, them, ben = (tmp_path / name for name in ("0-Me.flac", "1-Them.flac", "Ben.flac"))
    assert played(voices_of([me, them], ())) == played(voices_of([them, me], ())) == "Them"
    assert played(voices_of([ben, them], ())) is None
    assert played(voices_of([them, tmp_path / "2-Ana.flac"], ())) is None, "tracks of a recorder, which counts from 1"
    assert played(voices_of([me], ())) is None
    assert played((Voice(me, "Me", 0), Voice(me, "Them", 1))) is None


@pytest.mark.parametrize(
    ("names", "how", "reason"),
    [
        (["0-Me.flac"], {}, "there is only one"),
        (["0-Me.flac", "0-Me.flac"], {}, "there is only one"),
        (["0-Me.flac", "1-Them.flac"], {"channels": ("Me",)}, "give one of the two"),
        (["0-Me.flac", "Me.flac"], {}, "of 'Me'; rename one"),
    ],
)
def test_what_cannot_be_together_is_refused_in_a_sentence(sides, names, how, reason):
    (sides[0].with_name("Me.flac")).write_bytes(sides[1].read_bytes())
    with pytest.raises(InputError, match=reason):
        run(*(sides[0].with_name(name) for name in names), together=True, **how)


def test_nothing_is_made_of_the_rest_where_one_speaker_cannot_be_heard(sides, instant):
    sides[1].write_bytes(b"")
    with pytest.raises(RecordingError, match=r"1-Them\.flac' is empty"):
        run(*sides, together=True)
    assert sorted(path.name for path in sides[0].parent.iterdir()) == ["0-Me.flac", "1-Them.flac"]
