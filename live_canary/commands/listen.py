"""`live-canary`, its first moments: it hears before anything that takes time is imported."""

from live_canary.audio.listening import Listening
from live_canary.errors import DeviceError
from live_canary.settings import Settings


def run(settings: Settings) -> int:
    """The exit code of the session. Raises InputError and DeviceError for what can be seen to be wrong at the start."""
    settings.check()
    inputs = open_inputs(settings)
    try:
        from live_canary.commands import live

        return live.run(settings, inputs)
    finally:
        for one in inputs:
            one.close()


def open_inputs(settings: Settings) -> list[Listening]:
    """The microphone, what the computer plays, or both, being heard; none where recordings are. Raises DeviceError."""
    follow = settings.follow_default
    inputs: list[Listening] = []
    if settings.microphone and not settings.recordings:
        inputs.append(Listening(settings.device, "microphone", follow_default=follow))
    if settings.system and not settings.recordings:
        device = None if settings.microphone else settings.device
        inputs.append(Listening(device, "system", follow_default=follow))
    try:
        for one in inputs:
            one.open()
    except DeviceError:
        for one in inputs:
            one.close()
        raise
    return inputs
