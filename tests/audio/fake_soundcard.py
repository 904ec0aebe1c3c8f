"""Stands in for the module `soundcard`: outputs that can be listened to, as fast as one asks."""

import threading
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np


class FakeSoundCard:
    def __init__(self, outputs: list[str], default: str):
        self.outputs, self.default = outputs, default
        self.recorded = 0
        self.gone = False
        self.refuses: type[Exception] | None = None
        """As COM does when its service is not running."""
        self.asked = threading.Semaphore(0)
        """One `record` answers for each release."""

    def default_speaker(self):
        if self.default not in self.outputs:
            raise RuntimeError("Error 0x80070490")
        return SimpleNamespace(name=self.default, id=f"{{{self.default}}}")

    def all_microphones(self, include_loopback):
        assert include_loopback
        if self.refuses:
            raise self.refuses("Error 0x8007045b")
        loopbacks = [SimpleNamespace(name=name, id=f"{{{name}}}", isloopback=True) for name in self.outputs]
        return [SimpleNamespace(name="Microphone", id="{Microphone}", isloopback=False), *loopbacks]

    def get_microphone(self, identity, include_loopback):
        if identity not in {f"{{{name}}}" for name in self.outputs}:
            raise IndexError(f"no device with id {identity}")
        return self

    @contextmanager
    def recorder(self, samplerate, channels, blocksize):
        if self.gone:
            raise RuntimeError("Error 0x88890004")
        yield self

    def record(self, count):
        self.asked.acquire(timeout=10)
        if self.gone:
            raise RuntimeError("Error 0x88890004")
        frames = (np.arange(self.recorded, self.recorded + count) / 1e6).astype(np.float32)
        self.recorded += count
        return np.stack([frames, frames], axis=1)
