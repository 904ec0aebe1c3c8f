"""What a live source needs from a sound system: opening an input that then delivers by itself."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Deliver(Protocol):
    """Takes (n, channels) float32 at the input's rate from the sound system's thread, copies it and returns at once."""

    def __call__(self, frames: NDArray[np.float32], overflowed: bool = False) -> None: ...


class OpenInput(Protocol):
    """An input that is being heard."""

    name: str
    rate: int
    channels: int

    def alive(self) -> bool:
        """False once the sound system has ended the stream."""

    def close(self) -> None:
        """After this nothing is delivered."""


class Capture(Protocol):
    """One way to open an input: PortAudio for microphones, the sound server for what the computer plays."""

    name: str
    """What the user asked for, before anything is open."""

    def open(self, deliver: Deliver) -> OpenInput:
        """The input, already delivering. Raises DeviceError."""

    def refresh(self) -> None:
        """Forget the list of devices, so that the next `open` sees what was plugged in since."""
