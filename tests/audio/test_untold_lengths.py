"""Recordings that do not tell their length, or a wrong one, are heard to their end and not called damaged."""

import numpy as np
import pytest
import soundfile

from live_canary.audio.recording_file import check_recording
from live_canary.errors import RecordingError
from tests.audio.recordings import seconds_of, without_info_frame


@pytest.mark.parametrize("claimed", [0x7FFFF000, 0x80000000, 0xFFFFFFFF], ids=hex)
def test_a_wav_that_was_written_into_a_pipe_is_not_called_damaged(recording, claimed):
    """As sox, arecord and ffmpeg write it."""
    path = recording("piped.wav", 2.0)
    with path.open("r+b") as file:
        file.seek(40)
        file.write(claimed.to_bytes(4, "little"))
    assert seconds_of(path) == pytest.approx(2)


@pytest.mark.parametrize("beginning", [0.0, 0.5], ids=["quiet", "loud"])
def test_an_mp3_that_does_not_tell_its_length_is_heard_to_its_end_and_not_called_damaged(tmp_path, beginning):
    """Its length was guessed from the loudness of its beginning: too long, or so short that words were lost."""
    noise = np.random.default_rng(1).uniform(-1, 1, 20 * 16_000)
    path = tmp_path / "talk.mp3"
    soundfile.write(path, np.repeat([beginning, 0.5 - beginning], 10 * 16_000) * noise, 16_000)
    with soundfile.SoundFile(without_info_frame(path)) as file:
        assert abs(file.frames / 16_000 - 20) > 1, "guessed"
    assert seconds_of(path) == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize("beginning", [0.0, 0.5], ids=["quiet", "loud"])
@pytest.mark.parametrize(
    "before",
    [
        lambda frame: frame[50:],
        lambda frame: b"ID3\4\0\0\0\0\2\x2c" + bytes(300 + 200),
        lambda frame: b"ID3\4\0\x10\0\0\0\x0a" + bytes(10) + b"3DI\4\0\x10\0\0\0\x0a",
        lambda frame: b"ID3\4\0\0\0\0\2\x2c" + bytes(300) + frame[50:],
    ],
    ids=["a part of a frame", "zeros behind a tag", "a tag with a footer", "a part of a frame behind a tag"],
)
def test_an_mp3_that_begins_with_something_else_and_does_not_tell_its_length_is_heard_to_its_end(
    tmp_path, before, beginning
):
    """As of radio. Its length was guessed: of 20 s 6 were heard without a word, or it was called damaged."""
    noise, path = np.random.default_rng(1).uniform(-1, 1, 20 * 16_000), tmp_path / "talk.mp3"
    soundfile.write(path, np.repeat([beginning, 0.5 - beginning], 10 * 16_000) * noise, 16_000)
    frames = without_info_frame(path).read_bytes()
    path.write_bytes(before(frames[: frames.index(frames[:2], 2)]) + frames)
    assert seconds_of(path) == pytest.approx(20, abs=0.2)


def info_frame(path) -> bytes:
    contents = path.read_bytes()
    return contents[: contents.index(contents[:2], 2)]


def test_an_mp3_with_a_picture_before_it_is_heard_to_its_end_though_it_does_not_tell_its_length(tmp_path):
    """The size of a tag is told in 7 bits a byte, which only shows where it is larger than 127 bytes."""
    noise, path = np.random.default_rng(1).uniform(-1, 1, 20 * 16_000), tmp_path / "talk.mp3"
    soundfile.write(path, np.repeat([0.5, 0.0], 10 * 16_000) * noise, 16_000)
    path.write_bytes(b"ID3\4\0\0\0\0\2\x2c" + bytes(300) + without_info_frame(path).read_bytes())
    assert seconds_of(path) == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize("beginning", [0.0, 0.5], ids=["quiet", "loud"])
def test_an_mp3_whose_recorder_was_killed_is_heard_to_its_end_and_not_called_damaged(tmp_path, beginning):
    """Its info frame was to tell the length when all was there, and has zeros."""
    noise, path = np.random.default_rng(1).uniform(-1, 1, 20 * 16_000), tmp_path / "talk.mp3"
    samples = np.repeat([beginning, 0.5 - beginning], 10 * 16_000) * noise
    soundfile.write(path, samples, 16_000, bitrate_mode="VARIABLE")
    with path.open("r+b") as file:
        file.seek(info_frame(path).index(b"Xing") + 8)
        file.write(bytes(8))  # so many frames and bytes
    assert seconds_of(path) == pytest.approx(20, abs=0.2)


@pytest.mark.parametrize("at_the_end", [True, False])
@pytest.mark.parametrize(
    "options",
    [{"bitrate_mode": "CONSTANT", "compression_level": 0.4}, {"bitrate_mode": "VARIABLE"}],
    ids=["constant", "variable"],
)
def test_an_mp3_that_has_got_longer_than_it_tells_is_heard_to_its_end(recording, at_the_end, options):
    """As where advertisements are put into a podcast; with one before its end, that was lost without a word."""
    path = recording("show.mp3", 20.0, 44_100, **options)
    info, show = info_frame(path), without_info_frame(path).read_bytes()
    advertisement = without_info_frame(recording("ad.mp3", 7.0, 44_100, **options)).read_bytes()
    path.write_bytes(info + (show + advertisement if at_the_end else advertisement + show))
    assert seconds_of(path) == pytest.approx(27, abs=0.3)


def test_a_flac_that_does_not_tell_its_length_is_not_called_damaged(recording):
    path = recording("piped.flac", 2.0)
    with path.open("r+b") as file:
        file.seek(22)
        file.write(bytes(4))  # the number of samples, where an encoder wrote into a pipe
    assert seconds_of(path) == pytest.approx(2)
    assert check_recording(path) == pytest.approx(2, abs=0.001)


@pytest.mark.parametrize(("seconds", "advice"), [(0.0, "record it again"), (1.0, "sox --ignore-length RECORDING")])
def test_a_recording_whose_recorder_was_cut_off_is_not_called_lost(tmp_path, seconds, advice):
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.ones(round(16_000 * seconds), np.float32), 16_000, format="RF64")
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(b"ds64") + 8)
        file.write(bytes(24))  # the sizes of what follows
    with pytest.raises(RecordingError, match=advice):
        check_recording(path)
