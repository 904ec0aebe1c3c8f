"""Which inputs this machine has, and which of them the user means."""

import sys
from collections.abc import Callable
from contextlib import suppress

from live_canary.audio.loopback import Loopback
from live_canary.audio.portaudio import PortAudio
from live_canary.audio.pulse import Pulse, is_running
from live_canary.audio.soundsystem import Hears, Input, SoundSystem
from live_canary.errors import DeviceError
from live_canary.signals import ending_at_once

NOTHING_TO_HEAR: dict[Hears, str] = {
    "microphone": "This machine has no microphone; plug one in, or transcribe a recording with --replay FILE.",
    "system": (
        "What this computer plays cannot be heard: Linux needs PulseAudio or PipeWire with pipewire-pulse, Windows an "
        "output, macOS a virtual device that the sound also goes to (brew install blackhole-2ch)."
    ),
}

OF_THE_OTHER_KIND: dict[Hears, str] = {
    "microphone": "is what the computer plays, which --system hears, without --mic",
    "system": "is a microphone, which is heard without --system",
}
"""Of an input that is none of the wanted kind."""


def sound_system(hears: Hears = "microphone", platform: str = sys.platform) -> SoundSystem:
    """The sound server where one runs, else PortAudio; on Windows its loopback for what the computer plays."""
    if platform == "win32":
        return Loopback() if hears == "system" else PortAudio()
    return Pulse() if is_running() else PortAudio()


def list_inputs(platform: str = sys.platform) -> list[Input]:
    """All microphones, then all inputs that hear what the computer plays. Raises DeviceError without PortAudio."""
    with ending_at_once():
        inputs = sound_system(platform=platform).inputs()
        if platform == "win32":
            with suppress(DeviceError):
                inputs += sound_system("system", platform).inputs()
    return sorted(inputs, key=lambda one: one.hears != "microphone")


def find_input(wanted: str | int | None, inputs: list[Input], hears: Hears = "microphone") -> Input:
    """The input with this index, name or unique part of a name (upper or lower case); None: the default of its kind.

    Raises DeviceError that lists the candidates.
    """
    others = [one for one in inputs if one.hears != hears]
    inputs = [one for one in inputs if one.hears == hears]
    if not inputs:
        raise DeviceError(NOTHING_TO_HEAR[hears])
    if wanted is None:
        return next((one for one in inputs if one.is_default), inputs[0])
    matches = _matching(str(wanted).strip(), inputs)
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise DeviceError(f"Input '{wanted}' may be one of: {_listed(matches)}; give its number or more of its name.")
    if meant := _matching(str(wanted).strip(), others):  # `live-canary devices` lists them too
        raise DeviceError(
            f"Input '{wanted}' ({_listed(meant)}) {OF_THE_OTHER_KIND[hears]}; else there is: {_listed(inputs)}."
        )
    raise DeviceError(f"There is no input '{wanted}'; there is: {_listed(inputs)}.")


def output_meant(
    device: str | int | None, *, mic: bool, configured: bool, inputs: Callable[[], list[Input]]
) -> str | int | None:
    """Which output the usual `device` names; None for the default one.

    mic: the microphone is heard too, and so it is meant; configured: as `Settings.device_is_configured`; inputs: gives
    all that there are.
    """
    if mic or device is None or not configured:
        return None if mic else device
    outputs = [one for one in inputs() if one.hears == "system"]
    return device if _matching(str(device).strip(), outputs) else None


def _matching(wanted: str, inputs: list[Input]) -> list[Input]:
    """What `wanted` may mean: its index, else a full name, else all names that contain it."""
    if wanted.isdecimal():
        return [one for one in inputs if one.index == int(wanted)]
    low = wanted.casefold()
    exact = [one for one in inputs if low in (one.name.casefold(), one.identity.casefold())]
    return exact or [one for one in inputs if low in one.name.casefold()]


def _listed(inputs: list[Input]) -> str:
    return ", ".join(f"{one.index} {one.name}" for one in inputs)
