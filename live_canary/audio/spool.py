"""A source's sound on the disk from its first sample: kept while it passes, heard again after a crash.

    00000000000000.flac    a finished chunk, named by the position of its first sample; about 1 MB a minute of speech
    00000000960000.wav     the chunk that is being written; its header promises a minute, readers take what is there

A chunk ends after a minute and at a gap. What is handed on are the very samples that were written, rounded to 16 bits,
so whoever hears the spool hears exactly what the session heard. Nothing here knows of journals or transcripts.
"""

import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from live_canary.audio.blocks import Span
from live_canary.audio.source import (
    SAMPLE_RATE,
    AudioBlock,
    AudioGap,
    PausableSource,
    Source,
    SourceItem,
    SourceWarning,
)

CHUNK_SAMPLES = 60 * SAMPLE_RATE
SYNC_SAMPLES = SAMPLE_RATE  # of sound, at most, that a power cut may take
FULL_SCALE = 32768  # of 16 bits, as libsndfile reads them
PIECE_SAMPLES = SAMPLE_RATE // 10  # how much is read at once; what a damaged place may take with it
NOT_KEPT = "its sound was not kept"

_CHUNK_NAME = re.compile(r"\d{14}\.(flac|wav)")


class SpoolingSource:
    """The same source, whose sound is in `folder` (made here) before it is handed on.

    When the disk refuses, the source goes on without a spool and says so in a SourceWarning.
    """

    def __init__(self, source: Source, folder: Path):
        self.name, self.live = source.name, source.live
        self._source = source
        self._spool = Spool(folder)
        self._keeps = True

    def blocks(self) -> Iterator[SourceItem]:
        try:
            for item in self._source.blocks():
                if isinstance(item, AudioBlock):
                    yield from self._keep(item)
                else:
                    yield item
        finally:
            self._spool.close()

    def _keep(self, block: AudioBlock) -> Iterator[SourceItem]:
        pcm = to_pcm(block.samples)
        try:
            if self._keeps:
                self._spool.write(pcm, block.start_sample)
        except OSError as error:
            self._keeps = False
            yield SourceWarning(_goes_on_without(error))
        yield AudioBlock(from_pcm(pcm), block.start_sample)

    def stop(self) -> None:
        self._source.stop()

    def pause(self) -> None:
        if isinstance(self._source, PausableSource):
            self._source.pause()

    def resume(self) -> None:
        if isinstance(self._source, PausableSource):
            self._source.resume()

    def hear_again(self, start_sample: int, end_sample: int) -> NDArray[np.float32]:
        """What is on the disk of it; see RehearableSource."""
        span = self._spool.read(start_sample, end_sample)
        return span if len(span) else self._spool.read(start_sample, end_sample)  # a chunk may have been compressed


class Spool:
    """Writes one source's sound into the chunks of a folder. Every call but `close` raises OSError when it cannot."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._chunk: _Chunk | None = None

    def write(self, pcm: NDArray[np.int16], start_sample: int) -> None:
        """Hand the samples to the system, and to the disk after each second of sound."""
        chunk = self._chunk
        if chunk and (chunk.end_sample != start_sample or chunk.samples + len(pcm) > CHUNK_SAMPLES):
            self._chunk = None
            chunk.close()
            compress(chunk.path)
        if self._chunk is None:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            self._chunk = _Chunk(self._folder, start_sample)
        self._chunk.write(pcm)

    def read(self, start_sample: int, end_sample: int) -> NDArray[np.float32]:
        """What the chunks hold between these positions, as far as it goes; from any thread."""
        span = Span(start_sample, end_sample)
        chunks = _chunks(self._folder)
        starts = [int(chunk.stem) for chunk in chunks]
        for chunk, start, following in zip(chunks, starts, [*starts[1:], end_sample], strict=True):
            if start >= end_sample or following <= start_sample:
                continue
            for pcm in _pieces(chunk):
                span.take(from_pcm(pcm), start)
                start += len(pcm)
        return span.samples

    def close(self) -> None:
        if self._chunk:
            self._chunk.close()
        self._chunk = None


class _Chunk:
    def __init__(self, folder: Path, start_sample: int):
        self.path = folder / f"{start_sample:014}.wav"
        self.start_sample = self.end_sample = start_sample
        self._synced = start_sample
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._put(_wav_header(CHUNK_SAMPLES))

    @property
    def samples(self) -> int:
        return self.end_sample - self.start_sample

    def write(self, pcm: NDArray[np.int16]) -> None:
        self._put(pcm.astype("<i2").tobytes())
        self.end_sample += len(pcm)
        if self.end_sample - self._synced >= SYNC_SAMPLES:
            os.fsync(self._descriptor)
            self._synced = self.end_sample

    def close(self) -> None:
        os.close(self._descriptor)

    def _put(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]


def compress(chunk: Path) -> None:
    """Put a lossless FLAC in the place of a WAV chunk, about half as large; raises OSError and leaves the WAV."""
    compressed = io.BytesIO()
    try:
        pcm, rate = soundfile.read(chunk, dtype="int16")
        soundfile.write(compressed, pcm, rate, format="FLAC", subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise OSError(None, str(error)) from error
    unfinished = chunk.with_suffix(".part")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(compressed.getbuffer())
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(chunk.with_suffix(".flac"))
    chunk.unlink()


class SpooledSource:
    """What a spool holds, as a source that waits for its reader.

    gaps: what is known of the stretches without sound. Other missing or damaged stretches become gaps of their own.
    """

    live = False

    def __init__(self, name: str, folder: Path, gaps: Sequence[AudioGap] = ()):
        self.name = name
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
        yield from self._missing(position, max((gap.end_sample for gap in self._gaps), default=0))

    def stop(self) -> None:
        self._stopped = True

    def _missing(self, start: int, end: int) -> Iterator[AudioGap]:
        for gap in self._gaps:
            if start <= gap.start_sample and gap.end_sample <= end:
                if gap.start_sample > start:
                    yield AudioGap(start, gap.start_sample, NOT_KEPT)
                yield gap
                start = gap.end_sample
        if start < end:
            yield AudioGap(start, end, NOT_KEPT)


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
        with (
            os.fdopen(os.open(recording, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w+b") as file,
            soundfile.SoundFile(file, "w", SAMPLE_RATE, 1, format="FLAC", subtype="PCM_16") as sound,
        ):
            for item in SpooledSource("", folder).blocks():
                if isinstance(item, AudioBlock):
                    sound.write(to_pcm(item.samples))
                elif isinstance(item, AudioGap):
                    for start in range(item.start_sample, item.end_sample, CHUNK_SAMPLES):
                        sound.write(np.zeros(min(item.end_sample - start, CHUNK_SAMPLES), np.int16))
    except soundfile.LibsndfileError as error:
        raise OSError(None, str(error)) from error


def to_pcm(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """(n,) float32 in [-1, 1] -> (n,) of 16 bits; what 16 bits can hold stays exactly as it is."""
    scaled = np.rint(np.nan_to_num(samples, posinf=1.0, neginf=-1.0) * FULL_SCALE)
    return np.clip(scaled, -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def from_pcm(pcm: NDArray[np.int16]) -> NDArray[np.float32]:
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
        with soundfile.SoundFile(chunk) as file:
            if (file.samplerate, file.channels) != (SAMPLE_RATE, 1):
                return
            while len(pcm := file.read(PIECE_SAMPLES, dtype="int16")):
                yield pcm
    except soundfile.SoundFileError:
        return


def _wav_header(samples: int) -> bytes:
    """44 bytes: PCM, mono, 16 kHz, 16 bits."""
    size = samples * 2
    numbers = [
        (16, 4), (1, 2), (1, 2), (SAMPLE_RATE, 4), (SAMPLE_RATE * 2, 4), (2, 2), (16, 2),
    ]  # fmt: skip
    form = b"".join(number.to_bytes(width, "little") for number, width in numbers)
    return b"RIFF" + (size + 36).to_bytes(4, "little") + b"WAVEfmt " + form + b"data" + size.to_bytes(4, "little")


def _goes_on_without(error: OSError) -> str:
    return (
        f"The sound cannot be kept on the disk ({error.strerror}); transcribing goes on, "
        "but what is said from here on could not be recovered after a crash."
    )
