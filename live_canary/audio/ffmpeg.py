"""Recordings that libsndfile does not know (M4A, MP4, WebM, WMA), through the program ffmpeg where one is installed.

It gives the sound through a pipe. No file is made, so that none is left behind, however either of the two programs
ends. Ctrl-C does not reach it: it ends when nobody reads it any more.
"""

import os
import re
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from live_canary import files
from live_canary.audio.resample import to_mono
from live_canary.audio.source import SAMPLE_RATE
from live_canary.errors import RecordingBrokenOff, RecordingError
from live_canary.signals import APART

PROGRAM = "ffmpeg"
READ_FRAMES = SAMPLE_RATE // 10
CONTAINERS = (
    "mov,matroska,asf,aac,amr,avi,flv,mpegts,mpeg,ac3,eac3,ape,wv,tta,tak,dsf,mpc,mpc8,rm,dts,truehd,caf,ogg,mxf,gxf,dv"
)
"""What it may take a file for: sound and films. Others are playlists, which name further files, or any text."""
LONGEST_REASON = 200  # characters
MOST_SAID = 1 << 20  # bytes read of what it says; the length and the first complaints come early
MOST_ERRORS = 5  # while it decodes, two for a frame; one or two were cut where a stream was begun or ended

_AU_HEADER = struct.Struct(">4s5I")  # its name, where the sound begins, its size, encoding, rate and channels
_NO_TRACK = "matches no streams"
_NOT_TAKEN = "not on whitelist"  # a playlist, a text or a picture
_GUESSED = "Estimating duration from bitrate"
_DURATION = re.compile(r"^\[info\]   Duration: (\d+):(\d\d):(\d\d\.\d+)", re.MULTILINE)
_QUOTED = re.compile(r" '[^']*'")  # as the whole list of containers
_ERROR = re.compile(r"^(?:\[[^\]]* @ [^\]]*\] )*\[(?:error|fatal)\] (?!Application provided)(.*)$", re.MULTILINE)
_DECODES = "[info] Stream mapping:"  # before it, it complains of pictures, too
_HOLE = re.compile(r"adding \d{5,} audio samples of silence")  # > 0.2 s at 48 kHz; before the first, less is usual


def stream(path: Path, unknown: str, channel: int | None = None) -> Iterator[NDArray[np.float32]]:
    """The first sound track in pieces of (n,) float32, mono, 16 kHz, at the times at which its film plays it.

    unknown: that libsndfile cannot read it, as the beginning of a sentence; channel: the only one of the track that is
    wanted, counted from 0. Raises RecordingError where there is no sound, or no ffmpeg, and RecordingBrokenOff after
    all that there is of a damaged one.
    """
    with _running(path, unknown, mixed=channel is None) as (program, log):
        read = 0
        for samples in _pieces(program, channel):
            read += len(samples)
            yield samples
        code = program.wait()
        said = _said(log)
    reason, seconds = _reason(said, path), read / SAMPLE_RATE
    if not read:
        _check_readable(path)
        raise _no_sound(unknown, reason)
    if code < 0 and not reason:
        raise RecordingBrokenOff(
            f"Recording '{path}' was read only up to {seconds:.1f} seconds, where ffmpeg was killed, perhaps for want "
            "of memory; close other programs and run it again."
        )
    told = _told_seconds(said)
    if code or (reason and told and told - seconds > 1):
        _check_readable(path)
        raise RecordingBrokenOff(
            f"Recording '{path}' can be read only up to {seconds:.1f} seconds (ffmpeg: {reason}): "
            "it is damaged or was not copied completely; copy it again."
        )
    if _lacks_parts(said):
        _check_readable(path)
        raise RecordingBrokenOff(
            f"Parts of recording '{path}' cannot be read and are left out or silence (ffmpeg: "
            f"{_reason(_said_decoding(said), path)}): it is damaged or was not copied completely; copy it again."
        )


def claimed_seconds(path: Path, unknown: str) -> float:
    """How long it says it is, else how much of it can be read. Raises RecordingError; see `stream`."""
    with _running(path, unknown) as (program, log):
        pieces = _pieces(program)
        read = len(next(pieces, ()))
        said = _said(log)
        told = _told_seconds(said)
        if read and told is None:  # as of what a browser recorded
            read += sum(map(len, pieces))
    if not read:
        raise _no_sound(unknown, _reason(said, path))
    return told or read / SAMPLE_RATE


def count_channels(path: Path, unknown: str) -> int:
    """Of the first sound track. Raises RecordingError; see `stream`."""
    with _running(path, unknown, mixed=False) as (program, log):
        channels = _channels(program)
        if not channels:
            raise _no_sound(unknown, _reason(_said(log), path))
    return channels


@contextmanager
def _running(path: Path, unknown: str, *, mixed: bool = True) -> Iterator[tuple["subprocess.Popen[bytes]", IO[bytes]]]:
    """The program, until it is left, and the file into which it says what it does. Raises RecordingError.

    mixed: more than two channels become two.
    """
    found = files.find_program(PROGRAM)
    if found is None:
        raise RecordingError(f"{unknown}; with ffmpeg installed live-canary reads most others, such as M4A and MP4.")
    # No time goes back behind the sound before it, which aresample would drop; it puts silence where none is yet, or in
    # a gap.
    forward = r"asetpts=st(1\,if(N\,max(PTS\,ld(0))\,PTS))*0+st(0\,ld(1)+NB_SAMPLES)*0+ld(1)"
    # Two channels become one in to_mono, for those that cancel each other; more of them become two here. One stays one:
    # made two it would be 3 dB quieter.
    sound = f"{forward},aresample={SAMPLE_RATE}:async=1:first_pts=0"
    if mixed:
        sound += ",aformat=channel_layouts=mono|stereo"
    command = [
        *(found, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+verbose"),
        *("-protocol_whitelist", "file", "-format_whitelist", CONTAINERS, "-i", f"file:{path}"),
        *("-map", "0:a:0", "-af", sound, "-c:a", "pcm_s16be", "-f", "au", "pipe:1"),
    ]
    with ExitStack() as opened:
        try:
            log = opened.enter_context(tempfile.TemporaryFile())
            program = opened.enter_context(_started(command, log))
        except OSError as error:
            raise RecordingError(f"{unknown}, and ffmpeg cannot be run: {error.strerror}.") from None
        opened.callback(program.kill)
        yield program, log


def _started(command: list[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    """In a group of its own, which Ctrl-C does not reach. Raises OSError."""
    return subprocess.Popen(  # noqa: S603 - a fixed program, found on PATH
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
        creationflags=APART,
    )


def _channels(program: "subprocess.Popen[bytes]") -> int:
    """How many there are in the sound that follows; 0 if none does."""
    assert program.stdout
    header = program.stdout.read(_AU_HEADER.size)
    if len(header) < _AU_HEADER.size:
        return 0
    channels: int
    _, start, _, _, _, channels = _AU_HEADER.unpack(header)
    program.stdout.read(start - _AU_HEADER.size)
    return channels


def _pieces(program: "subprocess.Popen[bytes]", channel: int | None = None) -> Iterator[NDArray[np.float32]]:
    """(n,) float32 of 0.1 s each."""
    assert program.stdout
    channels = _channels(program)
    frame_bytes = 2 * channels
    while channels and (count := len(data := program.stdout.read(READ_FRAMES * frame_bytes)) // frame_bytes):
        frames = np.frombuffer(data, ">i2", count * channels).reshape(count, channels)
        yield to_mono(frames.astype(np.float32) / np.float32(32768), channel)


def _said(log: IO[bytes]) -> str:
    """All but holes behind holes, of which there are thousands where a microphone was muted for an hour."""
    log.seek(0)
    kept, was_hole = "", False
    while len(kept) < MOST_SAID and (line := log.readline(MOST_SAID)):
        text = line.decode(errors="replace")
        is_hole = bool(_HOLE.search(text))
        kept += "" if is_hole and was_hole else text
        was_hole = is_hole
    return kept


def _told_seconds(said: str) -> float | None:
    """None where the recording does not tell, or tells nothing that could be."""
    told = _DURATION.search(said)
    if told is None or _GUESSED in said:
        return None
    hours, minutes, seconds = map(float, told.groups())
    return (hours * 60 + minutes) * 60 + seconds or None


def _said_decoding(said: str) -> str:
    return said.partition(_DECODES)[2]


def _lacks_parts(said: str) -> bool:
    """Whether it could not decode some of it, and this left a hole behind it or goes on and on.

    A hole alone is none: a browser writes nothing while a microphone is muted.
    """
    decoding = _said_decoding(said)
    before_a_hole = decoding[: max((hole.start() for hole in _HOLE.finditer(decoding)), default=0)]
    return bool(_ERROR.search(before_a_hole)) or len(_ERROR.findall(decoding)) > MOST_ERRORS


def _reason(said: str, path: Path) -> str:
    """What it complained of first; "" if it did not."""
    found = None if _NO_TRACK in said else _ERROR.search(said)
    reason = found[1].removeprefix(f"file:{path}: ") if found else ""
    if _NOT_TAKEN in reason:
        return "it is no kind of sound or film that is known"
    return _QUOTED.sub("", reason).strip()[:LONGEST_REASON].rstrip(".")


def _no_sound(unknown: str, reason: str) -> RecordingError:
    return RecordingError(f"{unknown}, nor by ffmpeg: {reason or 'there is no sound in it'}.")


def _check_readable(path: Path) -> None:
    """Raises RecordingError where it is not damaged but has gone away: it may come back."""
    try:
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            file.read(1)
    except OSError as error:
        raise RecordingError(f"Recording '{path}' cannot be read: {error.strerror}; copy it again.") from None
