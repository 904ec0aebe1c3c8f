"""What one session is to do, composed of the stages' own settings."""

from dataclasses import dataclass, field
from pathlib import Path

from live_canary.segments.settings import SegmenterSettings


@dataclass(frozen=True, slots=True)
class Settings:
    recordings: tuple[Path, ...] = ()
    """Recordings to replay one after another; none means the microphone."""
    speed: float | None = 1.0
    """How many times faster than real time recordings are replayed; None for as fast as possible."""
    device: str | None = None
    """Index or part of the name of the microphone; None for the default one."""
    model: str = "auto"
    """"auto", "demo", a folder or a hub id."""
    compute_device: str = "auto"
    """"auto", "cpu", "cuda", "mps"."""
    vad: str = "silero"
    segmenter: SegmenterSettings = field(default_factory=SegmenterSettings)
    partial_interval_ms: int = 300
    """How often the words of an unfinished utterance are shown."""
    outputs: tuple[Path, ...] = ()
    overwrite: bool = False
    plain: bool = False
    """Lines on stdout instead of the screen."""
