"""WAVs that hold more sound than their header tells: a recorder was killed, or wrote more than 32 bits can count.

Then 0 stands there, or what is left after 4 GB, or the most that fits, and libsndfile stops where it is told to. So it
gets another header in front of the same sound.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

LEAST_SOUND = 4096  # bytes; less behind the sound that a header tells of is what some programs leave there
LARGEST_FORMAT = 4096  # bytes of the chunk that says what kind of sound it is; most have 16 to 50
MOST_CHUNKS = 1000  # more in a row are none

_CHUNK_HEADER, _DS64_BYTES = 8, 36
_COUNTING_BITS, _ALL_BITS = 32, 0xFFFFFFFF
_NEVER_SOUND = (b"LIST", b"id3 ", b"ID3", b"bext", b"iXML", b"axml", b"_PMX", b"cue ", b"smpl", b"JUNK", b"APETAGEX")
"""Names of chunks that programs put behind the sound, believed even where the chunk is cut off or padded with zeros."""


@dataclass(frozen=True, slots=True)
class Sound:
    """What of a file is to be played, and the header to play it with."""

    header: bytes
    start: int
    end: int


def more_than_told(file: BinaryIO, size: int) -> Sound | None:
    """The sound of a WAV whose header does not tell of all of it; None for all other files. Raises OSError.

    size: of the file, in bytes.
    """
    if not (_read(file, 0, 4) == b"RIFF" and _read(file, 8, 4) == b"WAVE"):
        return None
    form = b""
    for name, start, length in _chunks(file, 12):
        if name == b"fmt ":
            form = _read(file, start, min(length, LARGEST_FORMAT))
        if name == b"data":
            end = _end_of_sound(file, start + length, size)
            return Sound(header(form, end - start), start, end) if end > start + length else None
    return None


def _end_of_sound(file: BinaryIO, told_end: int, size: int) -> int:
    """`told_end`, unless what follows there is sound."""
    if _is_end(file, told_end, size):
        return told_end
    unwrapped = told_end + (size - told_end >> _COUNTING_BITS << _COUNTING_BITS)
    return unwrapped if _is_end(file, unwrapped, size) else size


def _is_end(file: BinaryIO, position: int, size: int) -> bool:
    """Whether nothing follows that could be sound; chunks begin at even positions, but not every program knows."""
    return size - position < LEAST_SOUND or any(
        _are_chunks(file, start, size) for start in (position, position + position % 2)
    )


def _are_chunks(file: BinaryIO, position: int, size: int) -> bool:
    """Whether chunks follow one another from there to the end of the file."""
    for name, start, length in _chunks(file, position):
        if _read(file, start - _CHUNK_HEADER, _CHUNK_HEADER).startswith(_NEVER_SOUND):
            return True
        if not (name.isascii() and name.decode().isprintable()) or start + length > size:
            return False
        if size - (start + length) < LEAST_SOUND:
            return True
    return False


def _chunks(file: BinaryIO, position: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, beginning and length of each that is or seems to be there."""
    for _ in range(MOST_CHUNKS):
        header = _read(file, position, _CHUNK_HEADER)
        if len(header) < _CHUNK_HEADER:
            return
        name, length = struct.unpack("<4sI", header)
        start = position + _CHUNK_HEADER
        yield name, start, length
        position = start + length + length % 2


def header(form: bytes, sound_bytes: int) -> bytes:
    """Up to the sound; that of an RF64 (EBU Tech 3306), which has room for 64 bits, where 32 do not do.

    form: what the chunk `fmt ` holds.
    """
    kind = _chunk(b"fmt ", form)
    riff_bytes = len(_riff(kind)) - _CHUNK_HEADER + sound_bytes
    if riff_bytes < _ALL_BITS:
        return _riff(kind, riff_bytes, sound_bytes)
    sizes = _chunk(b"ds64", struct.pack("<QQQI", riff_bytes + _DS64_BYTES, sound_bytes, 0, 0))
    return _riff(sizes + kind, name=b"RF64")


def _riff(chunks: bytes, length: int = _ALL_BITS, sound_bytes: int = _ALL_BITS, name: bytes = b"RIFF") -> bytes:
    return struct.pack("<4sI4s", name, length, b"WAVE") + chunks + struct.pack("<4sI", b"data", sound_bytes)


def _chunk(name: bytes, contents: bytes) -> bytes:
    return struct.pack("<4sI", name, len(contents)) + contents + bytes(len(contents) % 2)


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)
