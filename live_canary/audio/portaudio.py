"""Inputs through PortAudio, at their own rate and with their own channels; loaded when it is first needed."""

import atexit
import importlib
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, ClassVar

from live_canary.audio.com import let_every_thread_use_com
from live_canary.audio.soundsystem import ANOTHER_INPUT, Deliver, Hears, Input
from live_canary.errors import DeviceError

CHUNK_SECONDS = 0.02
BUFFER_SECONDS = 0.06  # how late a callback may come before the hardware overwrites what it holds
MAX_CHANNELS = 2  # ALSA's plugins claim 32 and would make them all

NO_PORTAUDIO = (
    "PortAudio is not installed, so no microphone can be heard: apt install libportaudio2, dnf install portaudio, "
    "pacman -S portaudio or brew install portaudio; recordings can be transcribed without it (--replay FILE)."
)

NO_ANSWER = "The sound system gives no inputs ({}); restart it and try again."

# Inputs that stand for what the computer plays, by the names of the drivers that make them. On Windows, which has a
# loopback of its own, they are microphones.
LOOPBACK_NAMES = ("blackhole", "soundflower", "loopback", "vb-cable", "monitor of")


def load_portaudio() -> ModuleType:
    """The sounddevice module, which starts PortAudio. Raises DeviceError with the package to install."""
    let_every_thread_use_com()
    try:
        sounddevice = importlib.import_module("sounddevice")
    except (OSError, ImportError) as error:  # sounddevice raises OSError without the library
        raise DeviceError(NO_PORTAUDIO) from error
    except Exception as error:
        if type(error).__name__ != "PortAudioError":  # it starts PortAudio; when that fails, nobody has this class
            raise
        raise DeviceError(NO_ANSWER.format(error)) from error
    # It would end PortAudio when the program ends, and that waits for a stream that hangs. All others are closed then.
    atexit.unregister(sounddevice._exit_handler)
    return sounddevice


class PortAudio:
    """A SoundSystem. The library is one for the whole process, so its open inputs are counted there."""

    _open_inputs: ClassVar[set["PortAudioInput"]] = set()
    _changing: ClassVar[threading.Lock] = threading.Lock()

    def inputs(self) -> list[Input]:
        sounddevice = load_portaudio()
        with self._changing, _answers(sounddevice):
            default_index, host_apis = _default_and_host_apis(sounddevice)
            devices = sounddevice.query_devices()
        names: Counter[str] = Counter()
        inputs = []
        for device in devices:
            if device["max_input_channels"] > 0 and device["hostapi"] in host_apis:
                names[device["name"]] += 1
                inputs.append(_input(device, names[device["name"]], is_default=device["index"] == default_index))
        return inputs

    def open(self, chosen: Input, deliver: Deliver) -> "PortAudioInput":
        with self._changing:
            opened = PortAudioInput(load_portaudio(), chosen, deliver, self._open_inputs)
            self._open_inputs.add(opened)
            return opened

    def refresh(self) -> None:
        """PortAudio reads the list of devices only when it starts; a restart would end what another source hears."""
        sounddevice = load_portaudio()
        with self._changing, _answers(sounddevice):
            if not self._open_inputs:
                if sounddevice._initialized:  # else it could not be started the last time
                    sounddevice._terminate()
                sounddevice._initialize()


class PortAudioInput:
    """An open input; `deliver` is called every 20 ms. It takes itself out of `open_inputs` when closed."""

    def __init__(self, sounddevice: ModuleType, chosen: Input, deliver: Deliver, open_inputs: set["PortAudioInput"]):
        self._sounddevice, self._open_inputs = sounddevice, open_inputs
        self.rate, self.channels = chosen.rate, min(chosen.channels, MAX_CHANNELS)
        of_more = sys.platform == "win32" and chosen.channels > self.channels  # Windows gives all, or converts them
        settings = sounddevice.WasapiSettings(auto_convert=True) if of_more else None

        def on_sound(sound: Any, frames: int, time: Any, status: Any) -> None:
            deliver(bytes(sound), self.channels, bool(status.input_overflow))

        try:
            if sounddevice.query_devices(chosen.index)["name"] != chosen.name:  # another source has let it be refreshed
                raise DeviceError(f"Input '{chosen.name}' cannot be opened: it has another number now; try again.")
            self._stream = sounddevice.RawInputStream(
                device=chosen.index,
                samplerate=self.rate,
                channels=self.channels,
                dtype="float32",
                blocksize=round(self.rate * CHUNK_SECONDS),
                latency=BUFFER_SECONDS,
                callback=on_sound,
                extra_settings=settings,
            )
        except sounddevice.PortAudioError as error:
            raise _refused(chosen, error) from error
        try:
            self._stream.start()
        except sounddevice.PortAudioError as error:
            self._stream.close(ignore_errors=True)
            raise _refused(chosen, error) from error

    def alive(self) -> bool:
        try:
            return bool(self._stream.active)
        except self._sounddevice.PortAudioError:
            return False

    def defaults_changed(self) -> bool:
        """PortAudio would not notice."""
        return False

    def close(self) -> None:
        self._stream.abort(ignore_errors=True)
        self._stream.close(ignore_errors=True)
        self._open_inputs.discard(self)


@contextmanager
def _answers(sounddevice: ModuleType) -> Iterator[None]:
    """Where PortAudio fails, a DeviceError: the sound system may be away for a moment."""
    try:
        yield
    except sounddevice.PortAudioError as error:
        raise DeviceError(NO_ANSWER.format(error)) from error


def _refused(chosen: Input, error: Exception) -> DeviceError:
    return DeviceError(f"Input '{chosen.name}' cannot be opened: {error}; {ANOTHER_INPUT}")


def _default_and_host_apis(sounddevice: ModuleType) -> tuple[int, set[int]]:
    """Windows offers each device through four interfaces; three of them cut its name or add delay."""
    all_apis = sounddevice.query_hostapis()
    for index, host_api in enumerate(all_apis):
        if host_api["name"] == "Windows WASAPI":
            return host_api["default_input_device"], {index}
    return sounddevice.default.device[0], set(range(len(all_apis)))


def _input(device: dict[str, Any], number: int, *, is_default: bool) -> Input:
    """number: of several with the same name, which one. PortAudio knows no more of them."""
    name = device["name"]
    is_loopback = sys.platform != "win32" and any(known in name.casefold() for known in LOOPBACK_NAMES)
    hears: Hears = "system" if is_loopback else "microphone"
    return Input(
        index=device["index"],
        name=name,
        channels=device["max_input_channels"],
        rate=int(device["default_samplerate"]),
        is_default=is_default,
        hears=hears,
        identity=name if number == 1 else f"{name} ({number})",
    )
