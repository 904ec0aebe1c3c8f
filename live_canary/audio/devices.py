"""PortAudio, loaded when it is first needed, and the inputs it offers."""

import importlib
from dataclasses import dataclass
from types import ModuleType

from live_canary.errors import DeviceError

NO_PORTAUDIO = (
    "PortAudio is not installed, so no microphone can be heard: apt install libportaudio2, dnf install portaudio, "
    "pacman -S portaudio or brew install portaudio; recordings can be transcribed without it (--replay FILE)."
)


@dataclass(frozen=True, slots=True)
class Input:
    """Something to listen to, as the system describes it."""

    index: int
    name: str
    channels: int
    rate: int
    """Hz, its own."""
    is_default: bool


def load_portaudio() -> ModuleType:
    """The sounddevice module, which starts PortAudio. Raises DeviceError with the package to install."""
    try:
        return importlib.import_module("sounddevice")
    except (OSError, ImportError) as error:  # sounddevice raises OSError without the library
        raise DeviceError(NO_PORTAUDIO) from error


def list_inputs() -> list[Input]:
    """All inputs of this machine, perhaps none. Raises DeviceError without PortAudio."""
    sounddevice = load_portaudio()
    default_index = sounddevice.default.device[0]
    return [
        Input(
            index=device["index"],
            name=device["name"],
            channels=device["max_input_channels"],
            rate=int(device["default_samplerate"]),
            is_default=device["index"] == default_index,
        )
        for device in sounddevice.query_devices()
        if device["max_input_channels"] > 0
    ]


def find_input(wanted: str | int | None, inputs: list[Input]) -> Input:
    """The input with this index, name or unique part of a name (upper or lower case); None: the default.

    Raises DeviceError that lists the candidates.
    """
    if not inputs:
        raise DeviceError("This machine has no input to listen to; plug in a microphone, or use --replay FILE.")
    if wanted is None:
        return next((one for one in inputs if one.is_default), inputs[0])
    matches = matching_inputs(str(wanted).strip(), inputs)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise DeviceError(f"Input '{wanted}' may be one of: {_listed(matches)}; give its number or more of its name.")
    raise DeviceError(f"There is no input '{wanted}'; there is: {_listed(inputs)}.")


def matching_inputs(wanted: str, inputs: list[Input]) -> list[Input]:
    """What `wanted` may mean: its index, else its full name, else all names that contain it."""
    if wanted.isdecimal():
        return [one for one in inputs if one.index == int(wanted)]
    low = wanted.casefold()
    return [one for one in inputs if one.name.casefold() == low] or [
        one for one in inputs if low in one.name.casefold()
    ]


def _listed(inputs: list[Input]) -> str:
    return ", ".join(f"{one.index} {one.name}" for one in inputs)
