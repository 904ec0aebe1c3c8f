"""Recordings that are damaged, go away or are none: what can be heard is, and the rest is told in a sentence."""

import errno
import os

import numpy as np
import pytest
import soundfile

from live_canary.audio import chains
from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import check_recording, read_recording
from live_canary.audio.source import AudioBlock, SourceWarning
from live_canary.errors import RecordingBrokenOff, RecordingError
from tests.audio.recordings import samples_of


def test_a_recording_that_breaks_off_gives_what_can_be_read_and_says_so(recording):
    broken, whole = recording("broken.flac", 20.0), recording("whole.wav", 1.0)
    broken.write_bytes(broken.read_bytes()[: broken.stat().st_size * 6 // 10])
    items = list(RecordingSource([broken, whole], speed=None).blocks())
    (warning,) = (item for item in items if isinstance(item, SourceWarning))
    assert "broken.flac" in warning.message and "of 20.0 seconds" in warning.message
    heard = sum(len(item.samples) for item in items if isinstance(item, AudioBlock))
    assert 1 + 10 < heard / 16_000 < 1 + 13
    with pytest.raises(RecordingError, match=r"of 20\.0 seconds"):
        read_recording(broken)


@pytest.mark.parametrize(("name", "heard"), [("a.flac", 10), ("a.mp3", 10), ("a.ogg", 25), ("a.wav", 30)])
def test_of_one_with_a_hole_as_much_is_heard_as_the_documentation_says(tmp_path, name, heard):
    """Of 30 seconds the file lacks those from 10 to 15: docs/recordings.md."""
    path = tmp_path / name
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 30 * 16_000), 16_000)
    contents = bytearray(path.read_bytes())
    start, end = len(contents) // 3, len(contents) // 2
    contents[start:end] = bytes(end - start)
    path.write_bytes(contents)
    assert len(samples_of(RecordingSource([path], speed=None))) / 16_000 == pytest.approx(heard, abs=1.5)


@pytest.mark.parametrize("name", ["short.mp3", "short.wav", "short.aiff"])
def test_a_recording_that_was_not_copied_completely_is_noticed(recording, name):
    path = recording(name, 20.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (warning,) = (item for item in RecordingSource([path], None).blocks() if isinstance(item, SourceWarning))
    assert "not copied completely" in warning.message
    assert "of 20." in warning.message


@pytest.mark.parametrize("instead", [None, b"", b"Not a sound." * 1000], ids=["nothing", "empty", "other"])
def test_a_recording_that_is_none_any_more_ends_the_source_after_those_before_it(recording, instead):
    """Else what comes after it would stand where its sound belongs, also when that can be had again."""
    here, gone, other = (recording(name, 0.1) for name in ("here.wav", "gone.wav", "other.wav"))
    source, heard = RecordingSource([here, gone, other], speed=None), []
    gone.unlink()
    if instead is not None:
        gone.write_bytes(instead)
    with pytest.raises(RecordingError, match=r"gone\.wav"):
        heard.extend(source.blocks())
    assert sum(len(block.samples) for block in heard) == 1_600
    with pytest.raises(RecordingError, match=r"gone\.wav"):
        source.hear_again(1_600, 3_200)


@pytest.fixture
def pulled_out(monkeypatch):
    """Call it, and no recording can be read any more, as on a stick that was pulled out; or none behind that byte."""

    def read(file, position, count):
        if position + count > last:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return readable(file, position, count)

    def pull(behind: int = 0) -> None:
        nonlocal last
        last = behind
        monkeypatch.setattr(chains, "_read", read)

    readable, last = chains._read, 0
    return pull


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_a_recording_that_cannot_be_read_any_more_is_not_called_damaged(recording, pulled_out, name):
    source = RecordingSource([recording(name, 60.0)], speed=None)
    blocks = source.blocks()
    heard = [next(blocks)]
    pulled_out()
    with pytest.raises(RecordingError, match="cannot be read: Input/output error") as raised:
        heard.extend(blocks)
    assert not isinstance(raised.value, RecordingBrokenOff)
    assert heard[-1].end_sample < 60 * 16_000
    with pytest.raises(RecordingError, match="cannot be read: Input/output error"):
        source.hear_again(0, 16_000)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_recording_whose_disk_fails_is_not_called_damaged(recording, pulled_out, name, share):
    path = recording(name, 60.0)
    pulled_out(behind=round(path.stat().st_size * share))
    with pytest.raises(RecordingError, match="cannot be read: Input/output error"):
        check_recording(path)
        read_recording(path)


def test_what_cannot_be_played_is_refused_with_one_sentence(tmp_path, recording):
    (tmp_path / "empty.wav").touch()
    (tmp_path / "notes.txt").write_text("Not a sound.\n" * 100)
    (tmp_path / "headless.raw").write_bytes(bytes(1000))
    soundfile.write(tmp_path / "nothing.wav", np.zeros(0), 16_000)
    reasons = {
        "missing.wav": "No such file",
        ".": "is a folder",
        "empty.wav": "is empty",
        "notes.txt": "is not sound that can be read",
        "headless.raw": "is not sound that can be read",
        "nothing.wav": "0 seconds long",
        "a" * 300 + ".wav": "File name too long|cannot be opened",
    }
    for name, reason in reasons.items():
        with pytest.raises(RecordingError, match=reason):
            check_recording(tmp_path / name)


@pytest.mark.parametrize("rate", [1, 999, 768_001])
def test_a_rate_that_no_sound_has_is_refused_instead_of_resampled(recording, rate):
    """A second of it would become hours, or gigabytes."""
    path = recording("talk.wav", 1.0, rate)
    for read in (check_recording, read_recording):
        with pytest.raises(RecordingError, match=rf"claims {rate} samples a second, which no sound has"):
            read(path)


@pytest.mark.skipif(os.name == "nt", reason="pipes have no place among files there")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    with pytest.raises(RecordingError, match="is a pipe"):
        check_recording(tmp_path / "pipe.wav")


def test_a_recording_in_a_folder_that_may_not_be_entered_is_refused_in_a_sentence(monkeypatch, recording):
    def refuse(path, **options):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    path = recording("talk.wav")
    monkeypatch.setattr("os.stat", refuse)  # what the system says to all but its administrator, who may run the tests
    with pytest.raises(RecordingError, match="check its name and permissions"):
        check_recording(path)
