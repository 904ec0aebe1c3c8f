"""What one session is to do, composed of the stages' own settings."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from live_canary.errors import InputError
from live_canary.segments.settings import DETECTORS, SegmenterSettings
from live_canary.transcript.spelling import Spelling

DType = Literal["auto", "float32", "bfloat16", "float16", "int8", "int4"]
COMPUTE: dict[str, DType] = {
    "auto": "auto",
    "fp32": "float32",
    "bf16": "bfloat16",
    "fp16": "float16",
    "int8": "int8",
    "int4": "int4",
}
"""What users call the forms of the weights, and the model's names for them."""

DEVICES = ("auto", "cuda", "mps", "cpu")


def check_choice(what: str, chosen: str, known: Iterable[str]) -> None:
    """Raises InputError, listing what there is, when `chosen` is not `known`."""
    if chosen not in known:
        raise InputError(f"There is no {what} {chosen!r}; choose {', '.join(known)}.")


@dataclass(frozen=True, slots=True)
class Settings:
    recordings: tuple[Path, ...] = ()
    """Recordings to replay one after another; none means the microphone."""
    speed: float | None = 1.0
    """How many times faster than real time recordings are replayed; None for as fast as possible."""
    microphone: bool = True
    """Hear the microphone; without recordings."""
    system: bool = False
    """Hear what the computer plays; without recordings."""
    device: str | None = None
    """Index or part of the name of the microphone; of the output, when only that is heard. None: the default."""
    device_is_configured: bool = False
    """Whether `device` is from config.toml or the environment, and --system alone from the command line: if no output
    has that name, it is the microphone's, and the default output is heard.
    """
    follow_default: bool = False
    """When the input is unplugged, hear the default one instead of waiting."""
    paused: bool = False
    """Hear nothing until the user says so."""
    microphone_name: str = "Me"
    """Who speaks into the microphone, when the computer is heard too."""
    system_name: str = "Them"
    """Who speaks out of the computer, when the microphone is heard too."""
    model: str = "auto"
    """"auto", "demo", a folder or a hub id."""
    compute_device: str = "auto"
    """"auto", "cpu", "cuda", "mps"."""
    compute: str = "auto"
    """A key of `COMPUTE`: what the weights are computed in."""
    threads: int | None = None
    """On how many the processor computes; None for one a core, for a small model one."""
    vad: str = "silero"
    segmenter: SegmenterSettings = field(default_factory=SegmenterSettings)
    partial_interval_ms: int = 300
    """How often the words of an unfinished utterance are shown."""
    outputs: tuple[Path, ...] = ()
    overwrite: bool = False
    spelling: tuple[str, ...] = ()
    """How names are written, each as `Spelling.parse` takes it."""
    plain: bool = False
    """Lines on stdout instead of the screen."""
    light: bool = False
    """The light theme on the screen."""
    json_lines: bool = False
    """Those lines in JSON."""
    partials: bool = False
    """And lines for what is being said, in JSON."""
    type: bool = False
    """Type what is said into the window that has the focus."""
    clipboard: bool = False
    """Keep the latest utterance on the clipboard."""
    voice_commands: bool = False
    """Obey "new line" and the like instead of writing them."""
    spool: bool = True
    """Keep the session on the disk until it has ended, to be recovered after a crash."""
    keep_audio: bool = False
    """And its sound afterwards."""

    def check(self) -> None:
        """Raises InputError for a name of something that does not exist, and for a spelling that cannot be used."""
        check_choice("voice detector", self.vad, DETECTORS)
        check_choice("compute device", self.compute_device, DEVICES)
        check_choice("form of computing", self.compute, COMPUTE)
        for text in self.spelling:
            Spelling.parse(text)
