"""The flags that several commands share, and what their values mean."""

import re
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from live_canary import files
from live_canary.errors import InputError
from live_canary.printable import one_line
from live_canary.segments.settings import DETECTORS, OF_THE_MODE, PRESETS, SegmenterSettings
from live_canary.settings import COMPUTE, DEVICES, check_choice
from live_canary.transcript.places import format_of
from live_canary.transcript.spelling import Spelling

SOUND, MODEL, TEXT, CUTTING, DICTATION = "Sound", "Model", "Transcript", "Utterances", "Dictation"
PLACEHOLDERS = ("date", "time")  # in the name of an output
LATER, HERE = "Recordings and recovery", "This machine"  # groups of commands

MOST_THREADS = 1024

CHOICES: dict[str, tuple[str, ...]] = {
    "mode": tuple(PRESETS),
    "vad": DETECTORS,
    "compute_device": DEVICES,
    "compute": tuple(COMPUTE),
}
"""What a setting may be, where that is one of a few words."""
CALLED = {"vad": "voice detector", "compute": "form of computing"}
"""What a setting is called in a sentence, where not by its name."""


def switch(name: str, what: str, panel: str | None = None) -> Any:
    """A flag without a value."""
    return typer.Option(name, metavar="", help=what, rich_help_panel=panel)


MicOption = Annotated[bool, switch("--mic", "Hear the microphone; the default.", SOUND)]
SystemOption = Annotated[bool, switch("--system", "Hear what the computer plays; with --mic, both.", SOUND)]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="INPUT",
        help="Which input: its number or a part of its name, as in live-canary devices.",
        rich_help_panel=SOUND,
    ),
]
ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME", help="auto, demo, a folder or a hub id.", rich_help_panel=MODEL)
]
ComputeDeviceOption = Annotated[
    str, typer.Option("--compute-device", metavar="NAME", help="auto, cuda, mps or cpu.", rich_help_panel=MODEL)
]
ComputeOption = Annotated[
    str, typer.Option("--compute", metavar="NAME", help="auto, bf16, fp16, fp32, int8 or int4.", rich_help_panel=MODEL)
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        "--threads",
        metavar="N",
        min=1,
        max=MOST_THREADS,
        help="Threads to compute on; by default one per core, or one for a small model.",
        rich_help_panel=MODEL,
    ),
]
VadOption = Annotated[str, typer.Option("--vad", metavar="NAME", help="silero or webrtc.", rich_help_panel=CUTTING)]
ModeOption = Annotated[
    str,
    typer.Option(
        "--mode", metavar="NAME", help="dictation (ends an utterance quickly) or meeting.", rich_help_panel=CUTTING
    ),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option(
        "--vad-threshold",
        metavar="N",
        help="Probability at which sound counts as speech, 0.05 to 0.95.",
        rich_help_panel=CUTTING,
    ),
]
SilenceOption = Annotated[
    int | None,
    typer.Option(
        "--min-silence-ms", metavar="MS", help="Silence that ends an utterance, 550 to 5000.", rich_help_panel=CUTTING
    ),
]
PreRollOption = Annotated[
    int | None,
    typer.Option(
        "--pre-roll-ms", metavar="MS", help="Sound kept before the first word, 1000 to 5000.", rich_help_panel=CUTTING
    ),
]
LongestOption = Annotated[
    float | None,
    typer.Option(
        "--max-utterance-s",
        metavar="SECONDS",
        help="Speech without a pause is cut after this, 10 to 36.",
        rich_help_panel=CUTTING,
    ),
]
SpellingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--spelling",
        metavar="NAME",
        help="How to write a name: Canary-Qwen, or “canary queen = Canary-Qwen” if the model hears other words. "
        "May be given several times.",
        rich_help_panel=TEXT,
    ),
]
OverwriteOption = Annotated[bool, switch("--overwrite", "Replace existing files.", TEXT)]
StillOption = Annotated[bool, switch("--plain", "Show no moving progress.")]
ChannelsOption = Annotated[
    str | None,
    typer.Option("--channels", metavar="NAMES", help="Who speaks in each channel of a recording, as in Me,Them."),
]
TogetherOption = Annotated[
    bool, switch("--together", "One transcript of all: one per speaker, begun at the same moment.")
]
JsonOption = Annotated[bool, switch("--json", "One JSON object on stdout.")]


def parse_speed(text: str) -> float | None:
    """ "4" -> 4.0, "max" -> None. Raises InputError."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.05 <= speed <= 1000:
        raise InputError(f"A speed of {text!r} cannot be used: give a number from 0.05 to 1000, or max.")
    return speed


def named(path: Path, began: datetime) -> Path:
    """The file that a user means: in a home folder for `~`, which no shell puts there in --output=~/notes.md, and with
    the day and the second for {date} and {time}. Raises InputError for one of these that is misspelt.
    """
    check_placeholders(path)
    name = str(files.expanded(path)).replace("{date}", f"{began:%Y-%m-%d}").replace("{time}", f"{began:%H%M%S}")
    return Path(name)


def check_placeholders(path: Path) -> None:
    """Raises InputError for a misspelt placeholder: nobody wants one file of that name for all sessions."""
    if "{" not in str(path):
        return
    from difflib import get_close_matches  # what only listens does without

    for word in re.findall(r"\{(\w*)\}", str(path)):
        meant = get_close_matches(word.lower(), PLACEHOLDERS, n=1, cutoff=0.75)
        if meant and word not in PLACEHOLDERS:
            raise InputError(f"'{one_line(str(path))}' has {{{one_line(word)}}} in it: write {{{meant[0]}}}.")


def check_setting(name: str, value: Any) -> None:
    """Raises InputError when a setting, which has the right type, can be used in no session."""
    if name == "mode":
        segmenter_settings(value)
    elif name in CHOICES:
        check_choice(CALLED.get(name, name.replace("_", " ")), value, CHOICES[name])
    elif name == "speed":
        parse_speed(value)
    elif name in OF_THE_MODE:
        segmenter_settings("dictation", **{name: value})
    elif name == "threads" and not 1 <= value <= MOST_THREADS:
        raise InputError(f"{value} threads cannot be used: give a number from 1 to {MOST_THREADS}.")
    elif name == "spelling":
        for text in value:
            Spelling.parse(text)
    elif name == "output":
        for path in value:
            format_of(Path(path))
            check_placeholders(Path(path))
    elif name == "jsonl" and value != "-":
        raise InputError(f'JSON lines go to stdout: write "-", or output = ["{json_lines_file(value)}"] for a file.')


def json_lines_file(name: str) -> str:
    """What --output is to be given for a file of JSON lines."""
    return name if name.lower().endswith(".jsonl") else f"{name}.jsonl"


def segmenter_settings(mode: str, **changed: float | None) -> SegmenterSettings:
    """A preset with those of `OF_THE_MODE` that the user changed. Raises InputError where speech would be lost."""
    fields = {OF_THE_MODE[name]: value for name, value in changed.items() if value is not None}
    return replace(SegmenterSettings.preset(mode), **fields)  # type: ignore[arg-type]
