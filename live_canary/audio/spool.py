"""A source's sound on the disk from its first sample: kept while it passes, heard again after a crash.

    00000000000000.flac    a finished chunk, named by the position of its first sample; about 1 MB a minute of speech
    00000000960000.wav     the chunk that is being written; its header promises a minute, readers take what is there

A chunk ends after a minute and at a gap. What is handed on are the very samples that were written, rounded to 16 bits,
so whoever hears the spool hears exactly what the session heard. Nothing here knows of journals or transcripts.

An hour takes at most 60 MB whatever is heard. Of noise, and be it that of a loud voice, a lossless code has to write
down every bit; so where the last minutes took more, the lowest bits are rounded away, and FLAC leaves them out.
"""

import io
import math
import os
import struct
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from live_canary import files
from live_canary.audio import wav
from live_canary.audio.source import (
    SAMPLE_RATE,
    AudioBlock,
    PausableSource,
    Source,
    SourceItem,
    SourceWarning,
)
from live_canary.audio.spooled import CHUNK_SAMPLES, FULL_SCALE, from_pcm, read_spool, to_pcm
from live_canary.errors import SessionError

RETRY_SAMPLES = 5 * SAMPLE_RATE  # of sound, after which a disk that refused is tried again
SYNC_SAMPLES = SAMPLE_RATE  # of sound, at most, that a power cut may take
BITS_A_SAMPLE = 60e6 * 8 / (3600 * SAMPLE_RATE)  # of 60 MB an hour
CHUNKS_AVERAGED = 10  # so that pauses count
WAV_FORM = struct.pack("<HHIIHH", 1, 1, SAMPLE_RATE, 2 * SAMPLE_RATE, 2, 16)  # PCM, mono, 16 bits


class SpoolingSource:
    """The same source, whose sound is in `folder` (made here) before it is handed on.

    When the disk refuses, the source goes on without a spool until there is room again, and says both in a
    SourceWarning. What was said in between is missing between two chunks.
    """

    def __init__(self, source: Source, folder: Path):
        self.name, self.live = source.name, source.live
        self.source = source
        """The one whose sound is kept."""
        self._spool = Spool(folder)
        self.is_writing = False
        """It waits for the disk."""
        self._next_try = 0  # position, in samples
        self._not_kept_from: int | None = None

    def blocks(self) -> Iterator[SourceItem]:
        try:
            for item in self.source.blocks():
                if isinstance(item, AudioBlock):
                    yield from self._keep(item)
                else:
                    yield item
        finally:
            self._spool.close()

    def _keep(self, block: AudioBlock) -> Iterator[SourceItem]:
        pcm = without_lowest_bits(to_pcm(block.samples), self._spool.superfluous_bits)
        if block.start_sample >= self._next_try:
            yield from self._write(pcm, block.start_sample)
        yield AudioBlock(from_pcm(pcm), block.start_sample)

    def _write(self, pcm: NDArray[np.int16], start_sample: int) -> Iterator[SourceWarning]:
        self.is_writing = True
        try:
            self._spool.write(pcm, start_sample)
        except OSError as error:
            self._next_try = start_sample + RETRY_SAMPLES
            if self._not_kept_from is None:
                self._not_kept_from = start_sample
                yield SourceWarning(_goes_on_without(error))
            return
        finally:
            self.is_writing = False
        if self._not_kept_from is not None:
            seconds, self._not_kept_from = (start_sample - self._not_kept_from) / SAMPLE_RATE, None
            yield SourceWarning(f"The sound is kept on the disk again; {seconds:.0f} s of it were not.")

    def keeps(self, start_sample: int, end_sample: int) -> bool:
        """Whether all of it can be read again. From the thread that takes the blocks."""
        return self._spool.holds(start_sample, end_sample)

    def read(self, start_sample: int, end_sample: int) -> NDArray[np.float32]:
        """(end_sample - start_sample,): the very samples that were handed on. From any thread. Raises SessionError."""
        samples, found = self._again(start_sample, end_sample)
        if found < end_sample - start_sample:
            raise SessionError(f"its sound is no longer in {self._spool.folder}")
        return samples

    def stop(self) -> None:
        self.source.stop()

    def pause(self) -> None:
        if isinstance(self.source, PausableSource):
            self.source.pause()

    def resume(self) -> None:
        if isinstance(self.source, PausableSource):
            self.source.resume()

    def hear_again(self, start_sample: int, end_sample: int) -> NDArray[np.float32]:
        """What is on the disk of it; see RehearableSource."""
        samples, _ = self._again(start_sample, end_sample)
        return samples

    def _again(self, start_sample: int, end_sample: int) -> tuple[NDArray[np.float32], int]:
        samples, found = read_spool(self._spool.folder, start_sample, end_sample)
        if found < end_sample - start_sample:  # a chunk that was compressed meanwhile has another name
            samples, found = read_spool(self._spool.folder, start_sample, end_sample)
        return samples, found


class Spool:
    """Writes one source's sound into the chunks of a folder. Every call but `close` raises OSError when it cannot."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._chunk: _Chunk | None = None
        self._uncompressed: list[Path] = []
        self._bits_needed: deque[tuple[int, int]] = deque(maxlen=CHUNKS_AVERAGED)
        """Of each chunk: what FLAC took and what it was spared; and its samples."""
        self.superfluous_bits = 0
        """How many of the 16 are to be zero in what is written."""
        self._kept: list[tuple[int, int]] = []
        """Stretches from the first to behind the last sample, in order."""

    def write(self, pcm: NDArray[np.int16], start_sample: int) -> None:
        """Hand the samples to the system, and to the disk after each second of sound."""
        chunk = self._chunk
        if chunk and (chunk.end_sample != start_sample or chunk.samples + len(pcm) > CHUNK_SAMPLES):
            self.close()
            self._compress()
        if self._chunk is None:
            self.folder.mkdir(mode=0o700, exist_ok=True)
            self._chunk = _Chunk(self.folder, start_sample)
        try:
            self._chunk.write(pcm)
        except OSError:
            self.close()  # it ends in mid-block, so the next sample begins another
            raise
        self._count(start_sample, start_sample + len(pcm))

    def holds(self, start_sample: int, end_sample: int) -> bool:
        return any(start <= start_sample and end_sample <= end for start, end in self._kept)

    def close(self) -> None:
        if self._chunk:
            self._uncompressed.append(self._chunk.path)
            self._chunk.close()
        self._chunk = None

    def _compress(self) -> None:
        """Every finished chunk, or, while the disk has no room for both forms of one, those that it has room for."""
        with suppress(OSError):
            while self._uncompressed:
                bits, samples = compress(self._uncompressed[0])
                self._bits_needed.append((bits + samples * self.superfluous_bits, samples))
                del self._uncompressed[0]
        if self._bits_needed:
            bits, samples = (sum(numbers) for numbers in zip(*self._bits_needed, strict=True))
            mean = bits / max(samples, CHUNK_SAMPLES)  # of a few samples a file has more in its header than in them
            self.superfluous_bits = max(0, math.ceil(mean - BITS_A_SAMPLE))

    def _count(self, start: int, end: int) -> None:
        if self._kept and self._kept[-1][1] == start:
            start, _ = self._kept.pop()
        self._kept.append((start, end))


class _Chunk:
    def __init__(self, folder: Path, start_sample: int):
        self.path = folder / f"{start_sample:014}.wav"
        self.start_sample = self.end_sample = start_sample
        self._synced = start_sample
        self._descriptor = files.open_file(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            self._put(wav.header(WAV_FORM, 2 * CHUNK_SAMPLES))
        except OSError:
            self.close()
            self.path.unlink()
            raise

    @property
    def samples(self) -> int:
        return self.end_sample - self.start_sample

    def write(self, pcm: NDArray[np.int16]) -> None:
        self._put(pcm.astype("<i2").tobytes())
        self.end_sample += len(pcm)
        if self.end_sample - self._synced >= SYNC_SAMPLES:
            files.sync(self._descriptor)
            self._synced = self.end_sample

    def close(self) -> None:
        with suppress(OSError):  # over a network; it is closed all the same, and what is written next tells more
            os.close(self._descriptor)

    def _put(self, data: bytes) -> None:
        files.write_all(self._descriptor, data)


def without_lowest_bits(pcm: NDArray[np.int16], bits: int) -> NDArray[np.int16]:
    """Rounded so that so many bits of each sample are zero."""
    if not bits:
        return pcm
    step = 1 << bits
    rounded: NDArray[np.int32] = (pcm.astype(np.int32) + step // 2) & -step
    return rounded.clip(max=FULL_SCALE - step).astype(np.int16)


def compress(chunk: Path) -> tuple[int, int]:
    """Put a lossless FLAC in the place of a WAV chunk; how many bits it takes, and for how many samples.

    Raises OSError and leaves the WAV.
    """
    compressed = io.BytesIO()
    try:
        pcm, rate = soundfile.read(files.name_for_c(chunk), dtype="int16")
        soundfile.write(compressed, pcm, rate, format="FLAC", subtype="PCM_16")
    except soundfile.LibsndfileError as error:
        raise OSError(None, str(error)) from error
    unfinished = chunk.with_suffix(".part")
    try:
        with os.fdopen(files.open_file(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "wb") as file:
            file.write(compressed.getbuffer())
            file.flush()
            files.sync(file.fileno())
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
    unfinished.replace(chunk.with_suffix(".flac"))
    chunk.unlink()
    return 8 * compressed.getbuffer().nbytes, len(pcm)


def _goes_on_without(error: OSError) -> str:
    return (
        f"The sound cannot be kept on the disk ({error.strerror}); transcribing goes on, "
        "but what is said from here on could not be recovered after a crash."
    )
