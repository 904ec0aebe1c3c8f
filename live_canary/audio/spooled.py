"""What a spool holds: heard again from its first sample, read in parts, or joined to one recording."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from live_canary import files
from live_canary.audio.blocks import Span
from live_canary.audio.source import SAMPLE_RATE, AudioBlock, AudioGap, SourceItem

CHUNK_SAMPLES = 60 * SAMPLE_RATE
FULL_SCALE = 32768  # of 16 bits, as libsndfile reads them
PIECE_SAMPLES = SAMPLE_RATE // 10  # how much is read at once; what a damaged place may take with it
NOT_KEPT = "its sound was not kept"

_CHUNK_NAME = re.compile(r"\d{14}\.(flac|wav)")


class SpooledSource:
    """What a spool holds, as a source that waits for its reader.

    gaps: what is known of the stretches without sound. Other missing or damaged stretches become gaps of their own,
    also after the last sample that is there, up to `until`.
    """

    live = False

    def __init__(self, name: str, folder: Path, gaps: Sequence[AudioGap] = (), until: int = 0):
        self.name = name
        self._until = until
        self._folder = folder
        self._gaps = sorted(gaps, key=lambda gap: gap.start_sample)
        self._stopped = False

    def blocks(self) -> Iterator[SourceItem]:
        position = 0
        for chunk in _chunks(self._folder):
            start = int(chunk.stem)
            for pcm in _pieces(chunk) if start >= position else ():
                if self._stopped:
                    return
                yield from self._missing(position, start)
                yield AudioBlock(from_pcm(pcm), start)
                position = start = start + len(pcm)
        yield from self._missing(position, max(self._until, *(gap.end_sample for gap in self._gaps), 0))

    def stop(self) -> None:
        self._stopped = True

    def _missing(self, start: int, end: int) -> Iterator[AudioGap]:
        if start >= end:  # as before nearly every piece: a day has a million, and perhaps a thousand gaps
            return
        for gap in self._gaps:
            if start <= gap.start_sample and gap.end_sample <= end:
                if gap.start_sample > start:
                    yield AudioGap(start, gap.start_sample, NOT_KEPT)
                yield gap
                start = gap.end_sample
        if start < end:
            yield AudioGap(start, end, NOT_KEPT)


def read_spool(folder: Path, start: int, end: int) -> tuple[NDArray[np.float32], int]:
    """The samples between two positions, and how many of them are on the disk.

    (n,) float32 in [-1, 1], 16 kHz: up to the last that is there, silent where one before it is missing.
    """
    span, position, found = Span(start, end), start, 0
    for chunk in _chunks(folder):
        begins = int(chunk.stem)
        position = max(position, begins)
        if position < min(begins + CHUNK_SAMPLES, end):
            pcm = _part(chunk, position - begins, end - position)
            span.take(from_pcm(pcm), position)
            position, found = position + len(pcm), found + len(pcm)
    return span.samples, found


def spooled_seconds(folder: Path) -> float:
    """How much time the sound in a spool spans, from the source's first sample."""
    try:
        last = max(_chunks(folder), key=lambda chunk: int(chunk.stem))
    except ValueError:
        return 0.0
    return (int(last.stem) + sum(len(pcm) for pcm in _pieces(last))) / SAMPLE_RATE


def join(folder: Path, recording: Path) -> None:
    """One FLAC recording of all that a spool holds, silent where nothing was heard. Raises OSError."""
    try:
        with os.fdopen(files.open_file(recording, os.O_RDWR | os.O_CREAT | os.O_TRUNC), "w+b") as file:
            with soundfile.SoundFile(file, "w", SAMPLE_RATE, 1, format="FLAC", subtype="PCM_16") as sound:
                for item in SpooledSource("", folder).blocks():
                    if isinstance(item, AudioBlock):
                        sound.write(to_pcm(item.samples))
                    elif isinstance(item, AudioGap):
                        for start in range(item.start_sample, item.end_sample, CHUNK_SAMPLES):
                            sound.write(np.zeros(min(item.end_sample - start, CHUNK_SAMPLES), np.int16))
            file.flush()
            files.sync(file.fileno())  # what it was made of is about to be deleted
    except soundfile.LibsndfileError as error:
        raise OSError(None, str(error)) from error


def to_pcm(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """(n,) float32 in [-1, 1] -> (n,) of 16 bits; what 16 bits can hold stays exactly as it is."""
    scaled = np.rint(np.nan_to_num(samples, posinf=1.0, neginf=-1.0) * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def from_pcm(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
    """(n,) of 16 bits -> (n,) float32 in [-1, 1)."""
    return pcm.astype(np.float32) / np.float32(FULL_SCALE)


def _chunks(folder: Path) -> list[Path]:
    """In the order of their sound; the compressed one first where a crash left both."""
    try:
        return sorted(path for path in folder.iterdir() if _CHUNK_NAME.fullmatch(path.name))
    except OSError:
        return []


def _pieces(chunk: Path) -> Iterator[NDArray[np.int16]]:
    """The samples of a chunk as far as they can be read."""
    try:
        with soundfile.SoundFile(files.name_for_c(chunk)) as file:
            if (file.samplerate, file.channels) != (SAMPLE_RATE, 1):
                return
            while len(pcm := file.read(PIECE_SAMPLES, dtype="int16")):
                yield pcm
    except soundfile.SoundFileError:
        return


def _part(chunk: Path, first: int, count: int) -> NDArray[np.int16]:
    """At most `count` samples of a chunk."""
    pcm = np.zeros(0, np.int16)
    try:
        with soundfile.SoundFile(files.name_for_c(chunk)) as file:
            if (file.samplerate, file.channels) == (SAMPLE_RATE, 1) and first < file.frames:
                file.seek(first)
                pcm = file.read(count, dtype="int16")
    except soundfile.SoundFileError:
        pass
    return pcm
