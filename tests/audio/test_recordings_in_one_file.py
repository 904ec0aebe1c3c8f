"""Several recordings in one file, as of radio: all are heard, whatever stands between them."""

import os
import struct

import numpy as np
import pytest
import soundfile

from live_canary.audio import chains
from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import check_recording, count_channels
from live_canary.audio.source import AudioBlock, SourceWarning
from live_canary.errors import RecordingError
from tests.audio.recordings import samples_of, seconds_of, without_info_frame


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


def test_a_channel_that_begins_later_or_ends_earlier_counts(recording, tmp_path):
    """As of a radio station; who named the first alone lost what the other said."""
    one = recording("radio.ogg", 1.0).read_bytes()
    soundfile.write(tmp_path / "both.ogg", np.zeros((16_000, 2)), 16_000)
    both = (tmp_path / "both.ogg").read_bytes()
    for contents in (one + both, both + one):
        (tmp_path / "radio.ogg").write_bytes(contents)
        assert count_channels(tmp_path / "radio.ogg") == 2


def test_a_channel_is_silent_where_the_next_recording_in_the_file_lacks_it(recording):
    path, other = recording("radio.ogg", 2.0, channels=2), recording("other.ogg", 3.0)
    path.write_bytes(path.read_bytes() + other.read_bytes())
    second = samples_of(RecordingSource([path], speed=None, channel=1))
    assert len(second) == 5 * 16_000
    assert np.abs(second[: 2 * 16_000]).max() > 0.4
    assert not second[2 * 16_000 :].any()
