"""What `transcribe` is to write of which recordings, and where; nothing is written here."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from live_canary import files
from live_canary.audio.recording_file import check_recording
from live_canary.commands.voices import Voice, voices_of
from live_canary.errors import InputError, OutputError, RecordingError
from live_canary.printable import one_line
from live_canary.transcript.formats import FORMATS


@dataclass(frozen=True, slots=True)
class Output:
    """A transcript that is to be written."""

    transcript: Path

    @property
    def place(self) -> Path:
        """The transcript itself, not a link to it."""
        return Path(os.path.realpath(self.transcript)) if files.is_link(self.transcript) else self.transcript

    @property
    def unfinished(self) -> Path:
        """Where the transcript is written until it is whole; always the same, so that the next attempt replaces it."""
        return files.beside(self.place, f".unfinished{self.transcript.suffix}")

    def __str__(self) -> str:
        return one_line(str(self.transcript))


@dataclass(frozen=True, slots=True)
class Job:
    """A recording, or several that began together, with all that is to be written of it, which it is heard once for."""

    recordings: tuple[Path, ...]
    voices: tuple[Voice, ...]
    seconds: float
    outputs: tuple[Output, ...]

    @property
    def name(self) -> str:
        return " + ".join(path.name for path in self.recordings)

    @property
    def names_speakers(self) -> bool:
        return any(voice.name for voice in self.voices)

    def __str__(self) -> str:
        return one_line(" + ".join(map(str, self.recordings)))


def plan(
    recordings: Sequence[Path],
    folder: Path | None,
    *extensions: str,
    channels: Sequence[str] = (),
    together: bool = False,
) -> tuple[list[Job], list[InputError]]:
    """What is to be written where, and why the rest is left out.

    channels: who speaks in each channel of each recording; together: whether all of them, which began at the same
    moment, become one transcript. Raises InputError for both at once, and for one alone that is to be together;
    OutputError for two recordings that would share a transcript, and for a format that there is not.
    """
    suffixes = dict.fromkeys(map(_suffix, extensions))
    if together and channels:
        raise InputError("--together is for one recording a speaker, --channels for one channel; give one of the two.")
    readable, left_out = _readable(recordings)
    if together and left_out:  # the transcript would lack somebody
        return [], left_out
    if together and len(readable) < 2:
        raise InputError("--together needs a recording of each speaker, and there is only one; leave --together out.")
    jobs: list[Job] = []
    for group in [tuple(readable)] if together else [(path,) for path in readable]:
        try:
            voices = voices_of(group, channels)
        except InputError as refusal:
            left_out.append(refusal)
            continue
        stem = "+".join(path.stem for path in group)
        outputs = [Output((folder or group[0].parent) / (stem + suffix)) for suffix in suffixes]
        too_long = [one for one in outputs if files.is_name_too_long(one.transcript)]
        left_out += [_too_long(group, one) for one in too_long]
        if rest := tuple(one for one in outputs if one not in too_long):
            jobs.append(Job(group, voices, max(readable[path] for path in group), rest))
    _check_places([one for job in jobs for one in job.outputs])
    return jobs, left_out


def _readable(recordings: Sequence[Path]) -> tuple[dict[Path, float], list[InputError]]:
    """Seconds of each, and why others cannot be heard."""
    readable: dict[Path, float] = {}
    left_out: list[InputError] = []
    there: set[Path] = set()
    for path in dict.fromkeys(recordings):  # the patterns of a shell may name one twice
        try:
            seconds = check_recording(path)
        except RecordingError as refusal:
            left_out.append(refusal)
            continue
        if (place := path.parent.resolve() / path.name) not in there:  # from here and from the root
            there.add(place)
            readable[path] = seconds
    return readable, left_out


def _suffix(extension: str) -> str:
    """ "SRT" -> ".srt". Raises OutputError."""
    suffix = "." + extension.lstrip(".").lower()
    if suffix not in FORMATS:
        raise OutputError(f"There is no format '{extension}'; choose {', '.join(known[1:] for known in FORMATS)}.")
    return suffix


def _too_long(recordings: Sequence[Path], output: Output) -> OutputError:
    suffix, named = output.transcript.suffix, " + ".join(map(str, recordings))
    return OutputError(f"{named} is left out: with {suffix} its name would be too long; give it a shorter one.")


def _check_places(outputs: Sequence[Output]) -> None:
    """Raises OutputError if two would be one file."""
    taken = Counter(_place_of(path) for one in outputs for path in (one.transcript, one.unfinished))
    for one in outputs:
        if taken[_place_of(one.transcript)] > 1:
            raise OutputError(
                f"Two recordings would both become '{one.transcript}'; leave one out, "
                "and transcribe it by itself with another --output-dir."
            )


def _place_of(path: Path) -> str:
    """From wherever it is named."""
    try:
        return files.place_of(Path(os.path.realpath(path)))
    except OSError:  # this folder was deleted, which is told when the transcript is to be written
        return files.place_of(path)
