"""Several recordings one after another in one file, of which libsndfile plays the first for as long as that says.

MP3 and Ogg files are joined by copying one behind the other, as radio stations and podcasts do. And an MP3 without an
info frame does not say how long it is: libsndfile guesses from its first frames, and stops there.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from live_canary.audio.wav import more_than_told

LEAST_LINK = 2000  # bytes; less behind an MP3 is a tag, or a frame that its header does not count
FARTHEST_FRAME = 4096  # bytes behind the tag of an MP3, or where it begins
LEAST_RUN = 4  # frames of an MP3 that follow one another; fewer may be other bytes that look like them
SEARCHED_BYTES, OVERLAP = 1 << 16, 5  # at once, and how many of them again with the next
RESYNCED_BYTES = 1000  # less of what is no frame libsndfile leaves out by itself
SEEMING_SIZE = 1 << 40  # bytes, of a link that does not tell its length: so that what is guessed is never too short

_OGG, _OGG_HEADER, _OGG_FIRST = b"OggS", 27, 2
_OGG_BEGINS = re.compile(rb"OggS\0\x02")
_ID3, _ID3_HEADER, _ID3V1, _ID3V1_BYTES = b"ID3", 10, b"TAG", 128
_INFO_FRAME = re.compile(rb"\xff[\xe2-\xff]..(?:.{9}|.{17}|.{32})(?:Xing|Info)(.{4})(.{4})(.{4})", re.DOTALL)
"""The header of a frame, its side information and what tells how many frames and bytes there are, itself included."""
_HAS_FRAMES, _HAS_BYTES = 1, 2
_TAG_OR_FRAME = re.compile(rb"ID3|\xff[\xe2-\xff]")
_BITRATES = {  # kbit/s of layer III, in MPEG 1 and others
    True: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    False: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)  # of MPEG 1; a half in MPEG 2, a quarter in MPEG 2.5


@dataclass(frozen=True, slots=True)
class Link:
    """A recording inside a file, from one byte to behind another."""

    start: int
    end: int
    tells_length: bool = True
    header: bytes = b""
    """What is to be read before these bytes: that of a WAV which tells too little (wav.py)."""


def links(path: Path) -> list[Link]:
    """At least one; only one in nearly all files. Raises OSError."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if _read(file, 0, 4) == _OGG:
            return [Link(start, end) for start, end in pairwise([0, *_ogg_starts(file, size), size])]
        if (start := _mp3_start(file, path, size)) is not None:
            return list(_mp3_links(file, start, size))
        if sound := more_than_told(file, size):
            return [Link(sound.start, sound.end, header=sound.header)]
        return [Link(0, size)]


class LinkFile:
    """A link as a file of its own, as soundfile wants one. What cannot be read ends it, and is its `failure`."""

    def __init__(self, path: Path, link: Link):
        """Raises OSError."""
        self._file = path.open("rb")
        self._link, self._position = link, 0
        self.failure: OSError | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        size = len(self._link.header) + self._link.end - self._link.start
        if not self._link.tells_length and not offset:  # else it is the tag at the end that is looked for
            size = SEEMING_SIZE
        origin = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: size}[whence]
        if origin + offset >= 0:  # else a file stays where it is, too
            self._position = origin + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def read(self, count: int) -> bytes:
        data = self._link.header[self._position : self._position + count]
        start = self._link.start + max(0, self._position - len(self._link.header))
        wanted = min(count - len(data), self._link.end - start)
        try:
            data += _read(self._file, start, wanted) if wanted > 0 else b""
        except OSError as error:
            self.failure = error
            return b""
        self._position += len(data)
        return data

    def close(self) -> None:
        self._file.close()


def _ogg_starts(file: BinaryIO, size: int) -> Iterator[int]:
    """Where each link but the first begins: with the first pages of its streams, before any of their sound."""
    position, page_before, begins_before = 0, 0, True
    while position < size:
        page = _read(file, position, _OGG_HEADER + 255)
        if len(page) < _OGG_HEADER or not page.startswith(_OGG):  # that before was cut off, or has something behind it
            position, begins_before = next(_all_of(_OGG_BEGINS, file, page_before + 1, size), size), False
            continue
        begins = bool(page[5] & _OGG_FIRST)
        if begins and not begins_before:
            yield position
        page_before, begins_before = position, begins
        segments = page[26]
        position += _OGG_HEADER + segments + sum(page[_OGG_HEADER : _OGG_HEADER + segments])


def _all_of(pattern: re.Pattern[bytes], file: BinaryIO, position: int, size: int) -> Iterator[int]:
    """Each place from `position` on where it matches; one match, of at most OVERLAP bytes, may be given twice."""
    while position < size:
        for match in pattern.finditer(_read(file, position, SEARCHED_BYTES)):
            yield position + match.start()
        position += SEARCHED_BYTES - OVERLAP


def _mp3_start(file: BinaryIO, path: Path, size: int) -> int | None:
    """Where an MP3 begins, with its tag; None for what is none.

    A recorder of radio begins within a frame, and behind a tag there may be zeros. libsndfile leaves both out.
    """
    first = _behind_id3(file, 0)
    if _is_frame(_read(file, first, 4)):
        return 0
    end = min(size, first + SEARCHED_BYTES)
    start = _next_run(file, first, end) if first or path.suffix.lower() == ".mp3" else end
    return start if start < end else None


def _mp3_links(file: BinaryIO, start: int, size: int) -> Iterator[Link]:
    while True:
        first = _behind_id3(file, start)
        told = _INFO_FRAME.search(_read(file, first, FARTHEST_FRAME))
        flags, frames, count = (int.from_bytes(number) for number in told.groups()) if told else (0, 0, 0)
        told_end = first + told.start() + count if told and flags & _HAS_BYTES else None
        tells_length = bool(flags & _HAS_FRAMES)
        was_killed = tells_length and not frames  # who recorded it, before they could tell
        if told and (was_killed or (told_end is not None and _goes_on(file, first, told_end, size))):
            start = first = first + told.start() + _frame_bytes(told.group()[:4])
            told_end, tells_length = None, False
        behind = start if told_end is None else told_end
        if _read(file, behind, 3) == _ID3V1:
            behind += _ID3V1_BYTES
        is_last = size - LEAST_LINK < behind <= size
        if not is_last and not (start < behind < size and _is_frame(_read(file, _behind_id3(file, behind), 4))):
            behind = _next_recording(file, first, told_end, size)
            is_last = behind > size - LEAST_LINK
        yield Link(start, size if is_last else behind, tells_length)
        if is_last:
            return
        start = behind


def _next_recording(file: BinaryIO, position: int, told_end: int | None, size: int) -> int:
    """Where the recording after the one at `position` begins, whatever stands between them; `size` if there is none.

    That can be a tag of another kind, or the part of a frame where a recording was cut off. After a little of it inside
    a recording libsndfile goes on by itself.
    """
    while True:
        last = _last_frame(file, position)
        header = _read(file, last, 4)
        start = _next_run(file, last + 1, size) if _frame_bytes(header) else size
        position = _behind_id3(file, start)
        is_same_kind = _kind(_read(file, position, 4)) == _kind(header)
        if start == size or not is_same_kind or start - last - _frame_bytes(header) > RESYNCED_BYTES:
            return start
        if told_end is not None and (start >= told_end or _begins_anew(file, start)):
            return start


def _last_frame(file: BinaryIO, position: int) -> int:
    """Where the last of the frames begins that follow one another from `position` on, all of one kind of sound."""
    last, kind = position, _kind(_read(file, position, 4))
    while (length := _frame_bytes(header := _read(file, position, 4))) and _kind(header) == kind:
        last = position
        position += length
    return last


def _goes_on(file: BinaryIO, first: int, told_end: int, size: int) -> bool:
    """Whether the frames from the first on go on behind what an info frame tells, and nothing begins there."""
    if size <= told_end + LEAST_LINK:
        return False
    if _kind(_read(file, told_end, 4)) == _kind(_read(file, first, 4)) and _begins_anew(file, told_end):
        return False
    last = _last_frame(file, first)
    return last + _frame_bytes(_read(file, last, 4)) > told_end + LEAST_LINK


def _next_run(file: BinaryIO, position: int, size: int) -> int:
    """Where the first run of frames after `position` begins, with its tag; `size` if there is none."""
    candidates = _all_of(_TAG_OR_FRAME, file, position, size)
    return next((start for start in candidates if _is_run(file, _behind_id3(file, start))), size)


def _is_run(file: BinaryIO, position: int) -> bool:
    kind = _kind(_read(file, position, 4))
    for _ in range(LEAST_RUN):
        header = _read(file, position, 4)
        if not _frame_bytes(header) or _kind(header) != kind:
            return False
        position += _frame_bytes(header)
    return True


def _begins_anew(file: BinaryIO, position: int) -> bool:
    return _behind_id3(file, position) > position or bool(_INFO_FRAME.match(_read(file, position, FARTHEST_FRAME)))


def _kind(header: bytes) -> tuple[int, ...]:
    """Version and layer, sampling rate, and whether one channel: where these change, libsndfile stops."""
    return (header[1] & 0x1E, header[2] & 0x0C, header[3] >> 6 == 3) if len(header) == 4 else ()


@cache
def _frame_bytes(header: bytes) -> int:
    """0 where no frame of layer III begins so, or one that does not tell its length."""
    if not _is_frame(header) or header[1] & 0x06 != 0x02:
        return 0
    bitrate, rate, version = header[2] >> 4, header[2] >> 2 & 3, header[1] >> 3 & 3
    if bitrate in (0, 15) or rate == 3:
        return 0
    is_first = version == 3
    halvings = {3: 0, 2: 1, 0: 2}[version]
    samples_in_bytes = 144_000 if is_first else 72_000
    return samples_in_bytes * _BITRATES[is_first][bitrate - 1] // (_RATES[rate] >> halvings) + (header[2] >> 1 & 1)


def _behind_id3(file: BinaryIO, position: int) -> int:
    """Behind the tags that may stand there; the size of each is told in 7 bits a byte."""
    while len(header := _read(file, position, _ID3_HEADER)) == _ID3_HEADER and header.startswith(_ID3):
        position += _ID3_HEADER + sum(byte << 7 * place for place, byte in enumerate(reversed(header[6:10])))
    return position


def _is_frame(header: bytes) -> bool:
    """Whether a frame of MPEG audio begins so: 11 bits that are set, a version and a layer that there are."""
    return len(header) == 4 and header[0] == 0xFF and header[1] >= 0xE0 and header[1] & 0x18 != 0x08 and (
        header[1] & 0x06 != 0
    )  # fmt: skip


def _read(file: BinaryIO, position: int, count: int) -> bytes:
    file.seek(position)
    return file.read(count)
