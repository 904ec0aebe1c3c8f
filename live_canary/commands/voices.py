"""Who speaks in recordings where everybody has a channel, or a recording that began with the others, to themselves."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import count_channels
from live_canary.errors import InputError
from live_canary.printable import one_line

_KEPT = re.compile(r"(\d+)-(.+)\.flac")  # what --keep-audio leaves of each side, counted from 0


@dataclass(frozen=True, slots=True)
class Voice:
    """What one source is to hear."""

    recording: Path
    name: str = ""
    """Whose voice it is; empty where nobody tells."""
    channel: int | None = None
    """The only one that is heard; None for all."""

    def source(self) -> RecordingSource:
        return RecordingSource([self.recording], speed=None, name=self.name, channel=self.channel)


def names_of_channels(given: str) -> tuple[str, ...]:
    """ "Me,Them" -> ("Me", "Them"). Raises InputError."""
    names = tuple(one_line(name) for name in given.split(","))
    if not all(names):
        raise InputError(f"--channels names a speaker for each channel, as in --channels Me,Them; {given!r} lacks one.")
    for name in _twice(names):
        raise InputError(f"--channels names '{name}' twice; give each channel a name of its own.")
    return names


def voices_of(recordings: Sequence[Path], channels: Sequence[str]) -> tuple[Voice, ...]:
    """Those in what becomes one transcript: one recording, or several that began together.

    channels: who speaks in each channel of the recording, if that is known. Raises InputError, and RecordingError.
    """
    if channels:
        return _voices_of_channels(recordings[0], channels)
    if len(recordings) == 1:
        return (Voice(recordings[0]),)
    names = [_speaker(path) for path in recordings]
    for name in _twice(names):
        raise InputError(f"Two of the --together recordings are of '{name}'; rename one of them.")
    return tuple(map(Voice, recordings, names))


def played(voices: Sequence[Voice]) -> str | None:
    """Whose voice the computer played to the others: in what a live session has kept that of the last; else None."""
    kept = [_KEPT.fullmatch(voice.recording.name) for voice in voices if voice.channel is None]
    numbers = [int(found[1]) for found in kept if found]
    if len(voices) < 2 or sorted(numbers) != list(range(len(voices))):
        return None
    return voices[numbers.index(max(numbers))].name


def _voices_of_channels(recording: Path, names: Sequence[str]) -> tuple[Voice, ...]:
    count = count_channels(recording)
    if count != len(names):
        channels = "1 channel" if count == 1 else f"{count} channels"
        raise InputError(
            f"Recording '{recording}' has {channels}, and --channels names {len(names)} ({', '.join(names)}); "
            "name who speaks in each, or leave --channels out."
        )
    return tuple(Voice(recording, name, channel) for channel, name in enumerate(names))


def _speaker(recording: Path) -> str:
    kept = _KEPT.fullmatch(recording.name)
    return one_line(kept[2] if kept else recording.stem)


def _twice(names: Sequence[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
