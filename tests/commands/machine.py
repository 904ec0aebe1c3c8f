"""What the doctor and a download look at: inputs, a sound system, and what is free on a disk."""

from collections import namedtuple

import numpy as np

from live_canary.audio.soundsystem import Input
from live_canary.errors import DeviceError

MICROPHONE = Input(0, "Yeti", channels=1, rate=48_000, is_default=True, hears="microphone", identity="yeti")
PLAYED = Input(1, "Monitor", channels=2, rate=48_000, is_default=True, hears="system", identity="monitor")
DiskUsage = namedtuple("DiskUsage", "total used free")


class OneSound:
    """A sound system whose input delivers one block at once, or none, or cannot be opened (None)."""

    def __init__(self, *blocks: np.ndarray | None):
        self.blocks = blocks
        self.closed = False

    def open(self, chosen, deliver):
        for block in self.blocks:
            if block is None:
                raise DeviceError("Yeti is busy.")
            deliver(block.tobytes(), block.shape[1])
        return self

    def close(self) -> None:
        self.closed = True
