"""The file of a recording: checked, opened through libsndfile or else ffmpeg, and read piece by piece as 16 kHz mono.

Knows nothing of time: `recording.py` plays what is read here.
"""

import re
import stat
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from live_canary import files
from live_canary.audio import ffmpeg
from live_canary.audio.chains import Link, LinkFile, links
from live_canary.audio.resample import Resampler, to_mono
from live_canary.errors import RecordingBrokenOff, RecordingError

READ_SECONDS = 0.1  # how much of a file is read at once; what a damaged place may take with it
READ_VALUES = 1 << 20  # and no more than this, whatever number of channels a header claims
RATES = range(1000, 768_001)  # Hz; beyond them a header is wrong, and resampling would take any amount of memory
UNTOLD_FRAMES = 1 << 60  # libsndfile says even more where a header does not say how long a recording is
UNTOLD_BYTES = 0x7FFF0000  # what recorders write, or even more, while they do not know how long a recording gets
UNKNOWN_FORMAT = 1  # SF_ERR_UNRECOGNISED_FORMAT
LONGEST_HEADER = 4096  # bytes; more in a recording of 0 seconds is sound that its header does not tell of
FORMATS = "WAV, FLAC, MP3, OGG"

_SHOULD_BE = re.compile(r"^ ?(?:data|SSND) : (\d+) \(should be (\d+)\)$", re.MULTILINE)


def check_recording(path: Path) -> float:
    """Seconds of sound that the recording claims to hold, after opening it. Raises RecordingError."""
    try:
        return _claimed_by_links(path)
    except _UnknownSoundError as error:
        return ffmpeg.claimed_seconds(path, str(error))


def count_channels(path: Path) -> int:
    """How many it has where it has most. Raises RecordingError."""
    try:
        most = 0
        for link in _links(path):
            with _opened(path, link) as file:
                most = max(most, int(file.channels))
        return most
    except _UnknownSoundError as error:
        return ffmpeg.count_channels(path, str(error))


def _claimed_by_links(path: Path) -> float:
    first, *others = (replace(link, tells_length=True) for link in _links(path))  # here a guess will do
    with _opened(path, first) as file:
        try:
            if not file.frames or not len(file.read(1)):
                raise RecordingError(f"Recording '{path}' holds no sound: {_why_empty(path)}.")
            seconds = _claimed_seconds(file)
        except soundfile.LibsndfileError as error:
            raise RecordingError(
                f"Recording '{path}' is damaged from its start on ({error.error_string}); copy it again."
            ) from None
    for link in others:
        with suppress(RecordingError, soundfile.LibsndfileError), _opened(path, link) as file:
            seconds += _claimed_seconds(file)
    return seconds


def read_recording(path: Path) -> NDArray[np.float32]:
    """The whole recording: (n,) float32 in [-1, 1], mono, 16 kHz. Raises RecordingError, also when it breaks off."""
    samples = np.concatenate([np.zeros(0, np.float32), *stream_recording(path)])
    return np.clip(samples, np.float32(-1), np.float32(1), out=samples)


def stream_recording(path: Path, channel: int | None = None) -> Iterator[NDArray[np.float32]]:
    """The recording in pieces of (n,) float32, mono, 16 kHz: all of it, or only one channel, counted from 0.

    Raises RecordingError where it cannot be read, and RecordingBrokenOff after all that there is of a damaged one.
    """
    try:
        yield from _stream_links(path, channel)
    except _UnknownSoundError as error:
        yield from ffmpeg.stream(path, str(error), channel)


def _stream_links(path: Path, channel: int | None) -> Iterator[NDArray[np.float32]]:
    read = claimed = 0.0
    failure = ""
    for link in _links(path):
        try:
            with _opened(path, link) as file:
                resampler = Resampler(file.samplerate)
                frames_read = 0
                try:
                    for frames in _pieces(file):
                        frames_read += len(frames)
                        yield resampler.feed(to_mono(frames, channel))
                except soundfile.LibsndfileError as error:
                    failure = f" ({error.error_string.rstrip('.')})"
                yield resampler.flush()
                is_told = link.tells_length and file.frames < UNTOLD_FRAMES
                read += frames_read / file.samplerate
                claimed += (_frames_before_it_was_cut(file) if is_told else frames_read) / file.samplerate
        except _NoSoundError:
            if not read:
                raise
            failure = " (what follows is no sound)"
    if failure or claimed - read > 1:
        of_them = f" of {claimed:.1f}" if claimed > read else ""
        raise RecordingBrokenOff(
            f"Recording '{path}' can be read only up to {read:.1f}{of_them} seconds{failure}: "
            "it is damaged or was not copied completely; copy it again."
        )


class _NoSoundError(RecordingError):
    """It can be read, but not as sound."""


class _UnknownSoundError(_NoSoundError):
    """Not by libsndfile; the message is the beginning of a sentence."""


class _ForwardFile(soundfile.SoundFile):  # type: ignore[misc]
    """A sound file that is read straight on.

    SoundFile seeks to where it already is after every read; an MP3 decoder then starts anew and gives silence.
    """

    def seekable(self) -> bool:
        return False


def _pieces(file: soundfile.SoundFile) -> Iterator[NDArray[np.float32]]:
    count = max(1, min(int(READ_SECONDS * file.samplerate), READ_VALUES // file.channels))
    frames: NDArray[np.float32]
    while len(frames := file.read(count, dtype="float32", always_2d=True)):
        yield frames


def _claimed_seconds(file: soundfile.SoundFile) -> float:
    """It is read as far as it can be where no header tells."""
    frames = file.frames
    if frames >= UNTOLD_FRAMES:
        frames = 0
        with suppress(soundfile.LibsndfileError):
            for piece in _pieces(file):
                frames += len(piece)
    return float(frames / file.samplerate)


def _frames_before_it_was_cut(file: soundfile.SoundFile) -> float:
    """As the header of a WAV or AIFF has it; libsndfile counts what is there, and tells of the rest in its log only."""
    told = _SHOULD_BE.search(file.extra_info)
    claimed, there = map(int, told.groups()) if told else (0, 0)
    return float(file.frames * claimed / there) if 0 < there < claimed < UNTOLD_BYTES else float(file.frames)


def _links(path: Path) -> list[Link]:
    _check_file(path)
    try:
        return links(path)
    except OSError as error:
        raise _unreadable(path, error) from None


@contextmanager
def _opened(path: Path, link: Link) -> Iterator[soundfile.SoundFile]:
    """Raises RecordingError, also when it is left, if not all could be read that was asked for."""
    with ExitStack() as opened:
        try:
            part = opened.enter_context(closing(LinkFile(path, link)))
        except OSError as error:  # it went away meanwhile
            raise _unreadable(path, error) from None
        try:
            file = opened.enter_context(_sound_in(part, path))
        except (soundfile.SoundFileError, TypeError):  # TypeError: ".raw" is taken for samples without a header
            if part.failure:
                raise _unreadable(path, part.failure) from None
            raise _UnknownSoundError(f"Recording '{path}' is not sound that can be read here ({FORMATS})") from None
        if file.samplerate not in RATES:
            raise _NoSoundError(
                f"Recording '{path}' claims {file.samplerate} samples a second, which no sound has: it is damaged; "
                "copy it once more, or convert it: ffmpeg -i RECORDING -ar 16000 recording.wav."
            )
        try:
            yield file
        except (RecordingError, soundfile.LibsndfileError):
            if not part.failure:
                raise
        if part.failure:
            raise _unreadable(path, part.failure)


def _sound_in(part: LinkFile, path: Path) -> _ForwardFile:
    """libsndfile knows some sound by its name alone. Raises soundfile.SoundFileError and TypeError."""
    try:
        return _ForwardFile(part)
    except soundfile.LibsndfileError as error:
        if part.failure or error.code != UNKNOWN_FORMAT:
            raise
        return _ForwardFile(files.name_for_c(path))


def _unreadable(path: Path, error: OSError) -> RecordingError:
    return RecordingError(f"Recording '{path}' cannot be read: {error.strerror}; copy it again.")


def _why_empty(path: Path) -> str:
    if path.stat().st_size < LONGEST_HEADER:
        return "it is 0 seconds long; record it again"
    return (  # the length of a WAV is written when it ends
        "its header says 0 seconds, as when a recorder was cut off; get the sound behind the header with "
        "sox --ignore-length RECORDING recording.wav"
    )


def _check_file(path: Path) -> None:
    if files.is_folder(path):
        raise RecordingError(f"Recording '{path}' is a folder; name the recordings in it.")
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe can be read only once, and opening one may take for ever
            raise RecordingError(f"Recording '{path}' is a pipe or a device; write what it gives into a file first.")
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise RecordingError(
            f"Recording '{path}' cannot be opened: {error.strerror}; check its name and permissions."
        ) from None
    if empty:
        raise RecordingError(f"Recording '{path}' is empty: 0 bytes; copy or record it again.")
