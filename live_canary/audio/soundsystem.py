"""What live sources need from a sound system: its inputs, and one of them delivering by itself."""

from dataclasses import dataclass
from typing import Literal, Protocol

ANOTHER_INPUT = "close what else uses it, or choose another with --device, as live-canary devices lists them."
"""The next step when an input cannot be opened."""

Hears = Literal["microphone", "system"]


@dataclass(frozen=True, slots=True)
class Input:
    """Something to listen to."""

    index: int
    """What the user may give as a number; it may change when something is plugged in."""
    name: str
    """For people: "Blue Yeti", "Monitor of Built-in Audio"."""
    channels: int
    rate: int
    """Hz, its own."""
    is_default: bool
    """The default input, or what hears the default output."""
    hears: Hears
    """A microphone (or anything plugged in as one), or what the computer plays."""
    identity: str
    """The sound system's own name, the same after unplugging and plugging in."""


class Deliver(Protocol):
    """Takes float32 samples, `channels` of them a frame, from the sound system's thread, and returns at once.

    Bytes, not an array: an input is open and delivers before numpy is imported, which takes longer than opening one.
    """

    def __call__(self, sound: bytes, channels: int, overflowed: bool = False) -> None: ...


class OpenInput(Protocol):
    """An input that is being heard."""

    def alive(self) -> bool:
        """False once the sound system has ended the stream."""

    def defaults_changed(self) -> bool:
        """True once after the sound system may have chosen another default input or output."""

    def close(self) -> None:
        """After this nothing is delivered."""


class SoundSystem(Protocol):
    """PortAudio, or the sound server where one runs."""

    def inputs(self) -> list[Input]:
        """What can be heard now. Raises DeviceError."""

    def open(self, chosen: Input, deliver: Deliver) -> OpenInput:
        """The input, already delivering. Raises DeviceError."""

    def refresh(self) -> None:
        """Let `inputs` see what was plugged in since; no input may be open."""
