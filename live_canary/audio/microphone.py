"""Microphones, through PortAudio, at their own rate and with their own channels."""

from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.capture import Deliver
from live_canary.audio.clock import Clock
from live_canary.audio.devices import Input, find_input, list_inputs, load_portaudio
from live_canary.audio.live import LiveSource
from live_canary.errors import DeviceError

CHUNK_SECONDS = 0.01
BUFFER_SECONDS = 0.06  # how late a callback may come before the hardware overwrites what it holds
MAX_CHANNELS = 2  # ALSA's plugins claim 32 and would make them all


class MicrophoneSource(LiveSource):
    """The input with this index or part of a name; None is the system's default. `blocks()` may raise DeviceError."""

    def __init__(self, device: str | int | None = None, clock: Clock | None = None):
        super().__init__(PortAudioCapture(device), clock)


class PortAudioCapture:
    """Opens one input of PortAudio, chosen again at every opening."""

    def __init__(self, device: str | int | None = None):
        self.name = "Microphone" if device is None else str(device)
        self._device = device

    def open(self, deliver: Deliver) -> "PortAudioInput":
        sounddevice = load_portaudio()
        return PortAudioInput(sounddevice, find_input(self._device, list_inputs()), deliver)

    def refresh(self) -> None:
        """PortAudio reads the list of devices only when it starts."""
        sounddevice = load_portaudio()
        sounddevice._terminate()
        sounddevice._initialize()


class PortAudioInput:
    """An open input; `deliver` is called every 10 ms."""

    def __init__(self, sounddevice: ModuleType, chosen: Input, deliver: Deliver):
        self.name = chosen.name
        self.rate = chosen.rate
        self.channels = min(chosen.channels, MAX_CHANNELS)

        def copy(frames: NDArray[np.float32], count: int, time: Any, status: Any) -> None:
            deliver(frames, bool(status.input_overflow))

        try:
            self._stream = sounddevice.InputStream(
                device=chosen.index,
                samplerate=self.rate,
                channels=self.channels,
                dtype="float32",
                blocksize=round(self.rate * CHUNK_SECONDS),
                latency=BUFFER_SECONDS,
                callback=copy,
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise DeviceError(f"Input '{self.name}' cannot be opened: {error}.") from error

    def alive(self) -> bool:
        return bool(self._stream.active)

    def close(self) -> None:
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)
