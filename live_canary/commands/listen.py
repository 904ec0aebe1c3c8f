"""`live-canary`, its first moments: it hears before anything that takes time is imported."""

from collections.abc import Iterable

from live_canary.audio.capture import Capture
from live_canary.audio.devices import list_inputs, output_meant
from live_canary.errors import DeviceError
from live_canary.settings import Settings
from live_canary.signals import ending_at_once


def run(settings: Settings, opened: list[Capture] | None = None) -> int:
    """The exit code of the session. Raises InputError and DeviceError for what can be seen to be wrong at the start.

    opened: its inputs, where they are heard already.
    """
    settings.check()
    inputs = opened or []
    if not inputs and not settings.recordings:
        inputs = open_inputs(
            settings.microphone,
            settings.system,
            settings.device,
            settings.follow_default,
            settings.device_is_configured,
        )
    try:
        from live_canary.commands import live

        return live.run(settings, inputs)
    finally:
        close(inputs)


def open_inputs(
    mic: bool = False,
    system: bool = False,
    device: str | None = None,
    follow_default: bool = False,
    configured: bool = False,
) -> list[Capture]:
    """The microphone, what the computer plays, or both, being heard. Raises DeviceError.

    device: the microphone's index or a part of its name; the output's, when only that is heard. configured: as
    `Settings.device_is_configured`.
    """
    inputs = []
    if mic or not system:
        inputs.append(Capture(device, "microphone", follow_default=follow_default))
    if system:
        output = output_meant(device, mic=mic, configured=configured, inputs=list_inputs)
        inputs.append(Capture(output, "system", follow_default=follow_default))
    try:
        with ending_at_once():  # nothing is heard yet that could be lost
            for one in inputs:
                one.open()
    except DeviceError:
        close(inputs)
        raise
    return inputs


def close(inputs: Iterable[Capture]) -> None:
    """Hear no more."""
    for one in inputs:
        one.close()
