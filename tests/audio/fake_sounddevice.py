"""Stands in for the module `sounddevice`: inputs that deliver 10 ms at every tick of a FakeClock."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
from fake_clock import FakeClock


class PortAudioError(Exception):
    pass


@dataclass
class FakeInput:
    """One device and what it hears: a counter, so that every lost or repeated sample shows."""

    name: str
    rate: int = 48_000
    channels: int = 2
    plugged: bool = True
    silent: bool = False
    heard: int = 0
    """Frames since the beginning of the world, captured by anybody or not."""

    def hear(self, count: int) -> np.ndarray:
        frames = np.arange(self.heard, self.heard + count, dtype=np.int64)
        self.heard += count
        wave = np.zeros(count) if self.silent else 0.5 * np.sin(2 * np.pi * 100 * frames / self.rate)
        return np.tile(wave[:, None], self.channels).astype(np.float32)


@dataclass
class FakeSoundDevice:
    clock: FakeClock
    inputs: list[FakeInput]
    default_index: int = 0
    streams: list["FakeStream"] = field(default_factory=list)
    refuses: str = ""
    restarts: int = 0
    PortAudioError = PortAudioError

    def __post_init__(self):
        self.clock.on_tick.append(self._tick)
        self._known = [one for one in self.inputs if one.plugged]

    @property
    def default(self):
        return SimpleNamespace(device=[self.default_index, -1])

    def query_devices(self):
        """What was plugged in when PortAudio started, as in reality."""
        return [
            {
                "index": index,
                "name": one.name,
                "max_input_channels": one.channels,
                "default_samplerate": float(one.rate),
            }
            for index, one in enumerate(self._known)
        ]

    def InputStream(self, *, device, samplerate, channels, dtype, blocksize, latency, callback):  # noqa: N802
        chosen = self._known[device]
        if self.refuses or not chosen.plugged:
            raise PortAudioError(self.refuses or "Device unavailable [PaErrorCode -9985]")
        assert samplerate == chosen.rate and dtype == "float32" and channels <= chosen.channels
        stream = FakeStream(chosen, channels, blocksize, callback)
        self.streams.append(stream)
        return stream

    def _terminate(self):
        assert not any(stream.active for stream in self.streams), "PortAudio restarted under an open stream"

    def _initialize(self):
        self.restarts += 1
        self._known = [one for one in self.inputs if one.plugged]

    def _tick(self):
        for one in self.inputs:
            if not any(stream.input is one and stream.active for stream in self.streams):
                one.heard += one.rate // 100
        for stream in self.streams:
            stream.tick()


class FakeStream:
    def __init__(self, chosen, channels, blocksize, callback):
        self.input, self.channels, self.blocksize, self.callback = chosen, channels, blocksize, callback
        self.active = False
        self.overflows_next = False
        self.buffer = np.zeros((blocksize, channels), np.float32)  # reused for every callback, as PortAudio does

    def start(self):
        self.active = True

    def tick(self):
        if not self.active:
            return
        if not self.input.plugged:
            self.active = False
            return
        self.buffer[:] = self.input.hear(self.blocksize)[:, : self.channels]
        self.callback(self.buffer, self.blocksize, None, SimpleNamespace(input_overflow=self.overflows_next))
        self.overflows_next = False

    def abort(self, ignore_errors=True):
        self.active = False

    def close(self, ignore_errors=True):
        self.active = False
