"""Stands in for the module `sounddevice`: inputs that deliver in step with the ticks of a FakeClock."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from tests.audio.fake_clock import FakeClock

HZ = 100  # what every input hears, without end: its phase tells when a sample was heard


class PortAudioError(Exception):
    pass


@dataclass
class FakeInput:
    """One device. It hears the world's tone also while nobody listens."""

    name: str
    rate: int = 48_000
    channels: int = 2
    host_api: str = "ALSA"
    plugged: bool = True
    muted: bool = False
    stalled: bool = False
    """It stays, but delivers nothing."""
    at_most: int | None = None
    """So many chunks are delivered in one tick, as on a busy machine; the others are kept."""
    broken: bool = False
    """It delivers nothing, and what one asks about its stream is answered with an error."""
    speed: float = 1.0
    """Of its crystal: 1.0001 takes 100 ppm more samples than it should."""
    clock_seconds: float = 0.0
    """By its own clock, since the test began."""

    def hear(self, count: int) -> np.ndarray:
        """The last `count` frames."""
        frames = round(self.clock_seconds * self.rate) - count + np.arange(count)
        wave = 0.5 * np.sin(2 * np.pi * HZ * frames / self.rate / self.speed) * (not self.muted)
        return np.tile(wave[:, None], self.channels).astype(np.float32)


@dataclass
class FakeSoundDevice:
    clock: FakeClock
    inputs: list[FakeInput]
    default_index: int = 0
    streams: list["FakeStream"] = field(default_factory=list)
    refuses: str = ""
    refuses_to_run: bool = False
    """A stream can be opened, but not started."""
    cannot_start: bool = False
    """As while the sound system is restarted: PortAudio knows nothing until it could be started again."""
    host_apis: tuple[str, ...] = ("ALSA",)
    PortAudioError = PortAudioError

    def __post_init__(self):
        self.clock.on_tick.append(self._tick)
        self._initialized = 0
        self._initialize()

    @property
    def default(self):
        return SimpleNamespace(device=[self.default_index, -1])

    @property
    def open_streams(self) -> list["FakeStream"]:
        return [stream for stream in self.streams if stream.running]

    def query_hostapis(self):
        self._need_start()
        return [{"name": name, "default_input_device": self.default_index} for name in self.host_apis]

    def query_devices(self, index=None):
        """What was plugged in when PortAudio started, as in reality."""
        self._need_start()
        devices = [
            {
                "index": position,
                "hostapi": self.host_apis.index(one.host_api),
                "name": one.name,
                "max_input_channels": one.channels,
                "default_samplerate": float(one.rate),
            }
            for position, one in enumerate(self._known)
        ]
        return devices if index is None else devices[index]

    def WasapiSettings(self, *, auto_convert):  # noqa: N802
        return {"converts": auto_convert}

    def RawInputStream(  # noqa: N802
        self, *, device, samplerate, channels, dtype, blocksize, latency, callback, extra_settings
    ):
        chosen = self._known[device]
        if self.refuses or not chosen.plugged:
            raise PortAudioError(self.refuses or "Device unavailable [PaErrorCode -9985]")
        if samplerate != chosen.rate:
            raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")
        if "Windows WASAPI" in self.host_apis and channels != chosen.channels and extra_settings != {"converts": True}:
            raise PortAudioError("Invalid number of channels [PaErrorCode -9998]")
        assert dtype == "float32" and channels <= chosen.channels
        self.streams.append(FakeStream(self, chosen, channels, blocksize, callback))
        return self.streams[-1]

    def _terminate(self):
        assert not self.open_streams, "PortAudio was restarted under an open stream"
        self._need_start()
        self._initialized -= 1

    def _initialize(self):
        if self.cannot_start:
            raise PortAudioError("Error initializing PortAudio: Unanticipated host error [PaErrorCode -9999]")
        self._initialized += 1
        self._known = [one for one in self.inputs if one.plugged]

    def _need_start(self):
        if not self._initialized:
            raise PortAudioError("PortAudio not initialized [PaErrorCode -10000]")

    def _exit_handler(self):
        self._terminate()

    def _tick(self):
        for one in self.inputs:
            one.clock_seconds += self.clock.tick_seconds * one.speed
        for stream in self.open_streams:
            stream.tick()


class FakeStream:
    def __init__(self, machine, chosen, channels, blocksize, callback):
        self.machine = machine
        self.closed = False
        self.input, self.channels, self.blocksize, self.callback = chosen, channels, blocksize, callback
        self.running = False
        self.overflowed = False
        self.buffer = np.zeros((blocksize, channels), np.float32)  # reused for every callback, as PortAudio does
        self.captured = 0
        self._began = chosen.clock_seconds

    @property
    def active(self):
        if self.input.broken:
            raise PortAudioError("Unanticipated host error [PaErrorCode -9999]")
        return self.running

    def start(self):
        if self.machine.refuses_to_run:
            raise PortAudioError("Error starting stream: Device unavailable [PaErrorCode -9985]")
        self.running = True

    def tick(self):
        if not self.input.plugged:
            self.running = False
            return
        seconds = self.blocksize / self.input.rate
        given = self.captured
        while (
            not (self.input.stalled or self.input.broken)
            and self.input.clock_seconds - self._began >= (self.captured + 1) * seconds - 1e-9
            and (self.input.at_most is None or self.captured - given < self.input.at_most)
        ):
            self.captured += 1
            self.buffer[:] = self.input.hear(self.blocksize)[:, : self.channels]
            self.callback(
                memoryview(self.buffer), self.blocksize, None, SimpleNamespace(input_overflow=self.overflowed)
            )
            self.overflowed = False

    def lose(self, seconds):
        """The hardware overwrites what nobody fetched, and PortAudio reports it with the next frames."""
        self._began += seconds
        self.overflowed = True

    def abort(self, ignore_errors=True):
        self.running = False

    def close(self, ignore_errors=True):
        self.running, self.closed = False, True
