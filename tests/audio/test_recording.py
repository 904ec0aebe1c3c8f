import errno
import os
import struct
import threading

import numpy as np
import pytest
import soundfile

from live_canary.audio import chains
from live_canary.audio.clock import Clock
from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import check_recording, count_channels, read_recording
from live_canary.audio.source import AudioBlock, SourceWarning
from live_canary.errors import RecordingBrokenOff, RecordingError
from tests.audio.fake_clock import FakeClock


def tone(seconds: float, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    mono = 0.5 * np.sin(2 * np.pi * 100 * np.arange(round(seconds * rate)) / rate)
    return np.tile(mono[:, None], channels).astype(np.float32)


@pytest.fixture
def recording(tmp_path):
    """write(name, seconds, ...) -> path of a 100 Hz tone."""

    def write(name: str, seconds: float = 1.0, rate: int = 16_000, channels: int = 1, **options):
        path = tmp_path / name
        soundfile.write(path, tone(seconds, rate, channels), rate, **options)
        return path

    return write


def samples_of(source: RecordingSource) -> np.ndarray:
    blocks = [item for item in source.blocks() if isinstance(item, AudioBlock)]
    assert [block.start_sample for block in blocks] == [320 * index for index in range(len(blocks))]
    return np.concatenate([np.zeros(0, np.float32), *(block.samples for block in blocks)])


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("rate,channels", [(16_000, 1), (44_100, 2), (48_000, 1)])
def test_every_format_rate_and_channel_count_gives_the_same_tone(recording, name, rate, channels):
    samples = samples_of(RecordingSource([recording(name, 1.0, rate, channels)], speed=None))
    assert len(samples) == 16_000
    np.testing.assert_allclose(samples[800:-800], tone(1.0)[800:-800, 0], atol=0.05)


def test_recordings_follow_each_other_without_a_pause(recording):
    paths = [recording("first.wav", 0.51), recording("second.wav", 0.3, 48_000), recording("third.wav", 0.001)]
    source = RecordingSource(paths, speed=None)
    assert source.name == "first.wav and 2 more"
    assert len(samples_of(source)) == round((0.51 + 0.3 + 0.001) * 16_000)


def test_the_samples_are_the_same_at_every_speed(recording):
    path = recording("talk.flac", 2.0, 44_100, 2)
    fast = samples_of(RecordingSource([path], speed=None))
    for speed in (1.0, 4.0, 0.5):
        np.testing.assert_array_equal(samples_of(RecordingSource([path], speed, FakeClock())), fast)
    np.testing.assert_array_equal(read_recording(path), fast)


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_no_block_is_heard_before_its_time_and_the_time_does_not_drift(recording, speed):
    clock = FakeClock()
    start = clock.now()
    for block in RecordingSource([recording("hour.flac", 60.0, 8_000)], speed, clock).blocks():
        assert clock.now() - start == pytest.approx(block.end_sample / 16_000 / speed, abs=1e-6)


def test_a_late_reader_catches_up(recording):
    clock = FakeClock()
    start = clock.now()
    for block in RecordingSource([recording("talk.wav", 2.0)], 1.0, clock).blocks():
        if block.start_sample == 0:
            clock.jump(1.0)  # the reader is busy for a second
    assert clock.now() - start == pytest.approx(2.0)


def test_stop_ends_a_wait_at_once(recording):
    source = RecordingSource([recording("talk.wav", 1.0)], speed=1e-6, clock=Clock())  # the first block in 5.6 hours
    reader = threading.Thread(target=lambda: list(source.blocks()))
    reader.start()
    source.stop()
    reader.join(timeout=10)
    assert not reader.is_alive()


def test_a_stopped_source_gives_nothing_more(recording):
    source = RecordingSource([recording("talk.wav", 1.0)], speed=None)
    blocks = source.blocks()
    next(blocks)
    source.stop()
    assert list(blocks) == []


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


@pytest.mark.parametrize("claimed", [0x7FFFF000, 0x80000000, 0xFFFFFFFF], ids=hex)
def test_a_wav_that_was_written_into_a_pipe_is_not_called_damaged(recording, claimed):
    """As sox, arecord and ffmpeg write it."""
    path = recording("piped.wav", 2.0)
    with path.open("r+b") as file:
        file.seek(40)
        file.write(claimed.to_bytes(4, "little"))
    assert seconds_of(path) == pytest.approx(2)


def seconds_of(path) -> float:
    """Raises RecordingError where it is not read to its end without trouble."""
    return len(read_recording(path)) / 16_000


@pytest.mark.parametrize("tag", [b"", b"TAG" + bytes(125)], ids=["bare", "tagged"])
@pytest.mark.parametrize("name", ["a.mp3", "a.ogg"])
def test_recordings_that_were_copied_behind_one_another_are_all_heard(recording, name, tag):
    path, other = recording(name, 2.0), recording("other-" + name, 3.0, 48_000, 2)
    tag = tag if name == "a.mp3" else b""
    path.write_bytes(path.read_bytes() + tag + other.read_bytes() + tag + path.read_bytes() + tag)
    assert seconds_of(path) == pytest.approx(2 + 3 + 2)
    assert check_recording(path) == pytest.approx(2 + 3 + 2)


def ape_tag() -> bytes:
    """As mp3gain and players put it behind an MP3."""
    header, footer = (b"APETAGEX" + struct.pack("<4I8x", 2000, 50 + 32, 1, flags) for flags in (0xA0000000, 0x80000000))
    return header + struct.pack("<2I", 36, 0) + b"Album\0" + bytes(36) + footer


@pytest.mark.parametrize(
    ("name", "between"),
    [("a.mp3", ape_tag()), ("a.mp3", bytes(100)), ("a.mp3", b"ID3\4\0\0\0\0\0\4abcd" * 2), ("a.ogg", bytes(10))],
    ids=["APE tag", "zeros", "two tags", "zeros in Ogg"],
)
def test_recordings_in_one_file_are_all_heard_whatever_stands_between_them(recording, name, between):
    path, other = recording(name, 2.0), recording("other-" + name, 3.0, 48_000)
    path.write_bytes(path.read_bytes() + between + other.read_bytes())
    assert seconds_of(path) == check_recording(path) == pytest.approx(2 + 3)


def test_the_next_recording_is_found_wherever_it_begins_behind_one_that_was_cut_off(tmp_path):
    """A file is searched 64 KiB at a time."""
    page, path = b"OggS\0\x02" + bytes(21), tmp_path / "a.ogg"
    for start in range((1 << 16) - 8, (1 << 16) + 8):
        path.write_bytes(page + bytes(start - len(page)) + page)
        assert [link.start for link in chains.links(path)] == [0, start]


def test_what_follows_an_mp3_that_was_not_copied_completely_is_heard_and_the_rest_told(recording):
    path, other = recording("a.mp3", 20.0), recording("other.mp3", 3.0)
    contents = path.read_bytes()
    path.write_bytes(contents[: len(contents) // 2 + 10] + other.read_bytes())
    *_, warning, last = RecordingSource([path], speed=None).blocks()
    assert "of 23.0 seconds" in warning.message
    assert 10 + 3 - 0.5 < last.end_sample / 16_000 < 10 + 3 + 0.5


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 1), (16_000, 2), (8_000, 1)])
def test_mp3s_of_other_kinds_that_do_not_tell_their_length_are_heard_behind_one_another(recording, rate, channels):
    """libsndfile stops where the sampling rate or the number of channels changes."""
    first = without_info_frame(recording("a.mp3", 2.0))
    other = without_info_frame(recording("b.mp3", 3.0, rate, channels))
    first.write_bytes(first.read_bytes() + other.read_bytes())
    assert seconds_of(first) == pytest.approx(2 + 3, abs=0.3)


@pytest.mark.parametrize("zeros", [100, 3000])
@pytest.mark.parametrize("tells", [True, False])
def test_an_mp3_that_does_not_tell_its_length_is_heard_behind_another_of_its_kind_and_zeros(recording, tells, zeros):
    """libsndfile leaves out fewer zeros by itself, but goes no further than the first tells."""
    path, other = recording("a.mp3", 2.0), without_info_frame(recording("b.mp3", 3.0))
    first = path if tells else without_info_frame(path)
    path.write_bytes(first.read_bytes() + bytes(zeros) + other.read_bytes())
    assert len(samples_of(RecordingSource([path], speed=None))) / 16_000 == pytest.approx(2 + 3, abs=0.3)


@pytest.mark.parametrize("kept", [60, 300, 2000])
def test_a_second_recording_in_a_file_that_ends_within_its_header_costs_only_itself(recording, kept):
    """As of radio, when the next song had just begun: what comes after the file is heard too."""
    path, other = recording("radio.ogg", 3.0), recording("other.wav", 2.0)
    path.write_bytes(path.read_bytes() + recording("next.ogg", 3.0).read_bytes()[:kept])
    items = list(RecordingSource([path, other], speed=None).blocks())
    [warning] = [item for item in items if isinstance(item, SourceWarning)]
    assert "can be read only up to 3.0 seconds" in warning.message
    heard = sum(len(item.samples) for item in items if isinstance(item, AudioBlock))
    assert abs(heard / 16_000 - 5) < 0.2


def test_an_ogg_file_that_lacks_its_beginning_is_refused_in_a_sentence(recording):
    path = recording("radio.ogg", 2.0)
    contents = path.read_bytes()
    path.write_bytes(contents[contents.index(b"OggS", 4) :])
    with pytest.raises(RecordingError, match="is not sound that can be read"):
        check_recording(path)


@pytest.mark.skipif(os.name == "nt", reason="a file that is open cannot go there")
def test_a_file_of_several_recordings_that_goes_away_meanwhile_is_told(recording):
    path = recording("radio.ogg", 2.0)
    path.write_bytes(path.read_bytes() * 2)
    blocks = RecordingSource([path], speed=None).blocks()
    next(blocks)
    path.unlink()
    heard = []
    with pytest.raises(RecordingError, match="cannot be read: No such file"):
        heard.extend(blocks)
    assert heard[-1].end_sample == 2 * 16_000, "what was open is heard to its end"


def without_info_frame(path):
    """As recorders write an MP3 that cannot go back to its beginning. Every frame begins so in those of soundfile."""
    contents = path.read_bytes()
    path.write_bytes(contents[contents.index(contents[:2], 2) :])
    return path


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


def test_samples_that_are_not_numbers_become_silence(tmp_path):
    path = tmp_path / "broken.wav"
    soundfile.write(path, np.array([np.nan, np.inf, 0.25, -3.0] * 4), 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(read_recording(path)[:4], np.float32([0.0, 1.0, 0.25, -1.0]))


def test_sound_that_only_its_name_makes_known_is_heard(tmp_path):
    (tmp_path / "phone.vox").write_bytes(bytes(4000))  # 4 bits for each of 8000 samples a second
    assert check_recording(tmp_path / "phone.vox") == seconds_of(tmp_path / "phone.vox") == 1.0


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_need_not_be_utf_8(recording, tmp_path):
    named = tmp_path / os.fsdecode(b"caf\xe9.wav")
    recording("cafe.wav").rename(named)
    assert len(read_recording(named)) == 16_000


def test_check_tells_how_long_a_recording_is(recording):
    assert check_recording(recording("talk.wav", 1.5, 44_100)) == pytest.approx(1.5)


@pytest.mark.parametrize(("seconds", "advice"), [(0.0, "record it again"), (1.0, "sox --ignore-length RECORDING")])
def test_a_recording_whose_recorder_was_cut_off_is_not_called_lost(tmp_path, seconds, advice):
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.ones(round(16_000 * seconds), np.float32), 16_000, format="RF64")
    with path.open("r+b") as file:
        file.seek(path.read_bytes().index(b"ds64") + 8)
        file.write(bytes(24))  # the sizes of what follows
    with pytest.raises(RecordingError, match=advice):
        check_recording(path)


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


def test_a_stretch_of_a_recording_is_heard_again_as_it_was(tmp_path):
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 2 * 44_100), 44_100)
    source = RecordingSource([path, path], speed=None)
    heard = np.concatenate([block.samples for block in source.blocks()])
    assert np.array_equal(source.hear_again(30_000, 34_000), heard[30_000:34_000])
    assert np.array_equal(source.hear_again(60_000, 90_000), heard[60_000:])


def test_a_channel_that_begins_later_or_ends_earlier_counts(recording, tmp_path):
    """As of a radio station; who named the first alone lost what the other said."""
    one = recording("radio.ogg", 1.0).read_bytes()
    soundfile.write(tmp_path / "both.ogg", np.zeros((16_000, 2)), 16_000)
    both = (tmp_path / "both.ogg").read_bytes()
    for contents in (one + both, both + one):
        (tmp_path / "radio.ogg").write_bytes(contents)
        assert count_channels(tmp_path / "radio.ogg") == 2


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_one_channel_is_heard_as_a_recording_of_it_alone(tmp_path, rate):
    both = np.random.default_rng(1).uniform(-0.5, 0.5, (2 * rate, 2)).astype(np.float32)
    soundfile.write(tmp_path / "call.wav", both, rate, subtype="FLOAT")
    assert count_channels(tmp_path / "call.wav") == 2
    for channel in (0, 1):
        soundfile.write(tmp_path / "alone.wav", both[:, channel], rate, subtype="FLOAT")
        alone = read_recording(tmp_path / "alone.wav")
        source = RecordingSource([tmp_path / "call.wav"], speed=None, name="Them", channel=channel)
        assert source.name == "Them"
        np.testing.assert_array_equal(samples_of(source), alone)
        np.testing.assert_array_equal(source.hear_again(3_000, 9_000), alone[3_000:9_000])


def test_a_channel_is_silent_where_the_next_recording_in_the_file_lacks_it(recording):
    path, other = recording("radio.ogg", 2.0, channels=2), recording("other.ogg", 3.0)
    path.write_bytes(path.read_bytes() + other.read_bytes())
    second = samples_of(RecordingSource([path], speed=None, channel=1))
    assert len(second) == 5 * 16_000
    assert np.abs(second[: 2 * 16_000]).max() > 0.4
    assert not second[2 * 16_000 :].any()
