"""Recordings that stand behind one another in one file, where libsndfile plays the first for as long as it is told.

MP3 and Ogg files are joined by copying one behind the other, as radio stations and podcasts do. And an MP3 without an
info frame does not say how long it is: libsndfile guesses from its first frames, and stops there.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

LEAST_LINK = 2000  # bytes; less behind an MP3 is a tag, or a frame that its header does not count
FARTHEST_FRAME = 4096  # bytes behind the tag of an MP3, or where it begins
SEEMING_SIZE = 1 << 40  # bytes, of a link that does not tell its length: so that what is guessed is never too short

_OGG, _OGG_HEADER, _OGG_FIRST = b"OggS", 27, 2
_ID3, _ID3_HEADER, _ID3V1, _ID3V1_BYTES = b"ID3", 10, b"TAG", 128
_INFO_FRAME = re.compile(rb"\xff[\xe2-\xff]..(?:.{9}|.{17}|.{32})(?:Xing|Info)(.{4})(.{4})(.{4})", re.DOTALL)
"""The header of a frame, its side information and what tells how many frames and bytes there are, itself included."""
_HAS_FRAMES, _HAS_BYTES = 1, 2


@dataclass(frozen=True, slots=True)
class Link:
    """A recording inside a file, from one byte to behind another."""

    start: int
    end: int
    tells_length: bool = True


def links(path: Path) -> list[Link]:
    """At least one; only one in nearly all files. Raises OSError."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if _read(file, 0, 4) == _OGG:
            return [Link(start, end) for start, end in pairwise([0, *_ogg_starts(file, size), size])]
        if _is_frame(_read(file, _behind_id3(file, 0), 4)):
            return list(_mp3_links(file, size))
        return [Link(0, size)]


class LinkFile:
    """A link as a file of its own, as soundfile wants one. What cannot be read ends it."""

    def __init__(self, path: Path, link: Link):
        self._file = path.open("rb")
        self._link, self._position = link, 0

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = self._link.end - self._link.start
        if not self._link.tells_length and not offset:  # else it is the tag at the end that is looked for
            size = SEEMING_SIZE
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: size}[whence]
        self._position = max(0, origin + offset)
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, count: int) -> bytes:
        start = self._link.start + self._position
        try:
            data = _read(self._file, start, min(count, max(0, self._link.end - start)))
        except OSError:
            return b""
        self._position += len(data)
        return data

    def close(self) -> None:
        self._file.close()


def _ogg_starts(file: BinaryIO, size: int) -> Iterator[int]:
    """Where each link but the first begins: with the first pages of its streams, before any of their sound."""
    position, begins_before = 0, True
    while position < size:
        page = _read(file, position, _OGG_HEADER + 255)
        if len(page) < _OGG_HEADER or not page.startswith(_OGG):
            return
        begins = bool(page[5] & _OGG_FIRST)
        if begins and not begins_before:
            yield position
        begins_before = begins
        segments = page[26]
        position += _OGG_HEADER + segments + sum(page[_OGG_HEADER : _OGG_HEADER + segments])


def _mp3_links(file: BinaryIO, size: int) -> Iterator[Link]:
    start = 0
    while True:
        first = _behind_id3(file, start)
        told = _INFO_FRAME.search(_read(file, first, FARTHEST_FRAME))
        flags, _, count = (int.from_bytes(number) for number in told.groups()) if told else (0, 0, 0)
        behind = first + told.start() + count if told and flags & _HAS_BYTES else size
        if _read(file, behind, 3) == _ID3V1:
            behind += _ID3V1_BYTES
        is_last = not start < behind <= size - LEAST_LINK or not _is_frame(_read(file, _behind_id3(file, behind), 4))
        yield Link(start, size if is_last else behind, bool(flags & _HAS_FRAMES))
        if is_last:
            return
        start = behind


def _behind_id3(file: BinaryIO, position: int) -> int:
    """Behind the tag that may stand there; its size is told in 7 bits a byte."""
    header = _read(file, position, _ID3_HEADER)
    if len(header) < _ID3_HEADER or not header.startswith(_ID3):
        return position
    return position + _ID3_HEADER + sum(byte << 7 * place for place, byte in enumerate(reversed(header[6:10])))


def _is_frame(header: bytes) -> bool:
    """Whether a frame of MPEG audio begins so: 11 bits that are set, a version and a layer that there are."""
    return len(header) == 4 and header[0] == 0xFF and header[1] >= 0xE0 and header[1] & 0x18 != 0x08 and (
        header[1] & 0x06 != 0
    )  # fmt: skip


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)
