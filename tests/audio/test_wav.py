"""WAVs whose header tells of less sound than there is, and those where it only seems so."""

import os
import struct
from contextlib import closing

import numpy as np
import pytest
import soundfile

from live_canary.audio.chains import LinkFile, links
from live_canary.audio.recording_file import check_recording, read_recording
from live_canary.errors import RecordingBrokenOff

ALL_BITS = (1 << 32) - 1
"""The most that 32 bits count: what who writes into a pipe tells of its length."""


def noise(seconds: float, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(1).uniform(-0.9, 0.9, (round(seconds * 16_000), channels))


@pytest.fixture
def wav(tmp_path):
    """write(...) -> path of 3 seconds of noise, 16 kHz."""

    def write(name: str = "talk.wav", channels: int = 1, **options):
        path = tmp_path / name
        soundfile.write(path, noise(3.0, channels), 16_000, **options)
        return path

    return write


def data_of(path) -> tuple[int, int]:
    """Where the sound begins, and how many bytes of it are told."""
    begins = path.read_bytes().index(b"data") + 8
    return begins, int.from_bytes(path.read_bytes()[begins - 4 : begins], "little")


def tell(path, data_bytes: int) -> None:
    begins, _ = data_of(path)
    with path.open("r+b") as file:
        for position, told in ((4, begins - 8 + data_bytes), (begins - 4, data_bytes)):
            file.seek(position)
            file.write((told & ALL_BITS).to_bytes(4, "little"))


def chunk(name: bytes, contents: bytes) -> bytes:
    return struct.pack("<4sI", name, len(contents)) + contents + bytes(len(contents) % 2)


@pytest.mark.parametrize("share", [0.0, 0.25], ids=["nothing", "a quarter"])
@pytest.mark.parametrize(
    "options",
    [
        *({"subtype": one} for one in ("PCM_16", "PCM_24", "PCM_32", "PCM_U8", "FLOAT", "DOUBLE", "ULAW", "ALAW")),
        *({"subtype": one} for one in ("IMA_ADPCM", "MS_ADPCM", "GSM610")),
        {"subtype": "PCM_24", "channels": 2},
        {"subtype": "PCM_16", "channels": 6, "format": "WAVEX"},
        {"subtype": "FLOAT", "format": "WAVEX"},
    ],
    ids=lambda options: "-".join(map(str, options.values())),
)
def test_a_wav_that_tells_of_less_sound_than_it_holds_is_heard_to_its_end(wav, options, share):
    """As one whose recorder was killed (0), or that got longer than 32 bits can tell: the number begins anew."""
    path = wav(**options)
    whole, seconds = read_recording(path), check_recording(path)
    tell(path, round(data_of(path)[1] * share))
    assert check_recording(path) == pytest.approx(seconds)
    np.testing.assert_array_equal(read_recording(path), whole)


def test_a_chunk_of_an_odd_length_before_the_sound_hides_none_of_it(wav):
    path = wav()
    whole, contents, (begins, _) = read_recording(path), path.read_bytes(), data_of(path)
    path.write_bytes(contents[: begins - 8] + chunk(b"LIST", b"INFO" + bytes(5)) + contents[begins - 8 :])
    tell(path, 0)
    np.testing.assert_array_equal(read_recording(path), whole)


@pytest.mark.parametrize(
    "behind",
    [
        chunk(b"LIST", b"INFO" + chunk(b"ICMT", b"what was said" * 1000)),
        chunk(b"bext", bytes(602)) + chunk(b"iXML", b"<BWFXML/>" * 1000),
        chunk(b"id3 ", os.urandom(20_000)),
        chunk(b"id3 ", bytes(100_001)) + bytes(10),
        chunk(b"id3 ", os.urandom(20_000))[:10_000],
        chunk(b"LIST", bytes(5000)) + bytes(50_000),
        chunk(b"XtrA", bytes(5000)) + chunk(b"our1", os.urandom(5001)),
        b"ID3\4\0\0\0\0\x7f\x7f" + os.urandom(16_383),
        os.urandom(4000),
    ],
    ids=["LIST", "bext and iXML", "id3", "odd", "cut off", "zeros", "nobody's", "ID3v2", "a little of anything"],
)
@pytest.mark.parametrize("odd", ["even", "padded", "unpadded"])
def test_what_stands_behind_the_sound_is_not_heard(wav, behind, odd):
    path = wav(subtype="PCM_U8")
    if odd != "even":
        tell(path, data_of(path)[1] - 1)
        if odd == "unpadded":
            path.write_bytes(path.read_bytes()[:-1])
    whole = read_recording(path)
    with path.open("ab") as file:
        file.write(behind)
    np.testing.assert_array_equal(read_recording(path), whole)


def test_a_file_of_more_than_four_gigabytes_by_its_own_account_has_its_chunks_too(wav):
    path = wav(format="RF64")
    whole = read_recording(path)
    with path.open("ab") as file:
        file.write(chunk(b"bext", os.urandom(10_000)))
    np.testing.assert_array_equal(read_recording(path), whole)


def test_a_wav_that_was_cut_off_is_still_noticed(wav):
    path = wav()
    path.write_bytes(path.read_bytes()[: data_of(path)[0] + 32_000])
    assert check_recording(path) == 1.0
    with pytest.raises(RecordingBrokenOff, match=r"of 3\.0 seconds"):
        read_recording(path)


LAST = np.arange(1000)
"""Samples of 16 bits at the end of more than four gigabytes."""


@pytest.mark.skipif(os.name == "nt", reason="a file takes its place on the disk there, with holes or without")
@pytest.mark.parametrize("behind", [b"", chunk(b"LIST", b"INFO" + bytes(10_000))], ids=["alone", "LIST"])
@pytest.mark.parametrize("told", [None, 0x7FFFF000, 0x80000000, ALL_BITS], ids=["wrapped", "sox", "ffmpeg", "all bits"])
def test_a_wav_of_more_than_four_gigabytes_is_heard_to_its_end(tmp_path, behind, told):
    """Of 4.2 hours 207 seconds were heard."""
    seconds = 23_400  # 6.5 hours
    path, size = tmp_path / "long.wav", seconds * 48_000 * 2 * 2  # two channels of 16 bits
    soundfile.write(path, np.zeros((1, 2)), 48_000)
    begins, _ = data_of(path)
    tell(path, size if told is None else told)
    with path.open("r+b") as file:
        file.seek(begins + size - LAST.nbytes // 4)
        file.write(LAST.astype("<i2").tobytes() + behind)
    is_found = told is None or not behind
    assert check_recording(path) == pytest.approx(seconds, abs=1e-5 if is_found else 0.1)
    [link] = links(path)
    with closing(LinkFile(path, link)) as file, soundfile.SoundFile(file) as sound:
        sound.seek(seconds * 48_000 - len(LAST) // 2)
        np.testing.assert_array_equal(sound.read(len(LAST) // 2, dtype="int16").ravel(), LAST)
