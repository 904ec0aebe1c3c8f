"""What Windows plays: WASAPI's loopback of each output, through the package `soundcard`, which PortAudio lacks."""

import importlib
import threading
import time
import warnings
from typing import Any

from live_canary.audio.com import let_every_thread_use_com
from live_canary.audio.soundsystem import ANOTHER_INPUT, Deliver, Input
from live_canary.errors import DeviceError

RATE = 48_000  # Windows resamples to it
CHANNELS = 2
FRAGMENT_FRAMES = RATE // 50  # 20 ms
BUFFER_FRAMES = RATE // 2  # what Windows keeps for a thread that comes late
FIRST_INDEX = 100  # so that its inputs and PortAudio's are not confused
OPENING_SECONDS = 3.0
LOOK_SECONDS = 2.0
TROUBLE = (RuntimeError, OSError, IndexError, TypeError, AssertionError)
"""What `soundcard` raises when COM refuses, an output is gone, or its format is none that it knows."""


def load_soundcard() -> Any:
    """Raises DeviceError where it is not installed or has no sound system."""
    let_every_thread_use_com()
    warnings.filterwarnings("ignore", module="soundcard")  # it would print losses, which the clock finds, on the screen
    try:
        return importlib.import_module("soundcard")
    except (ImportError, OSError, AssertionError) as error:  # it asserts that a sound server answers
        raise DeviceError("To hear what this computer plays: pip install soundcard.") from error
    except RuntimeError as error:  # it asks for COM at once
        raise _refused(error) from error


def _refused(error: Exception) -> DeviceError:
    return DeviceError(f"What this computer plays cannot be heard: {error}; {ANOTHER_INPUT}")


class Loopback:
    """A SoundSystem whose inputs are the outputs."""

    def inputs(self) -> list[Input]:
        soundcard = load_soundcard()
        try:
            outputs = [one for one in soundcard.all_microphones(include_loopback=True) if one.isloopback]
            default_id = soundcard.default_speaker().id if outputs else None
        except TROUBLE as error:
            raise _refused(error) from error
        return [
            Input(FIRST_INDEX + position, one.name, CHANNELS, RATE, one.id == default_id, "system", str(one.id))
            for position, one in enumerate(outputs)
        ]

    def open(self, chosen: Input, deliver: Deliver) -> "LoopbackInput":
        return LoopbackInput(load_soundcard(), chosen, deliver)

    def refresh(self) -> None:
        """Windows is asked every time."""


class LoopbackInput:
    """An output being heard, by a thread of its own, because `soundcard` has no callbacks. Raises DeviceError."""

    def __init__(self, soundcard: Any, chosen: Input, deliver: Deliver):
        self._soundcard, self._identity = soundcard, chosen.identity
        self._deliver = deliver
        self._closing = threading.Event()
        self._started = threading.Event()
        self._failure: Exception | None = None
        self._next_look = time.monotonic() + LOOK_SECONDS
        self._thread = threading.Thread(target=self._record, name=f"loopback of {chosen.name}", daemon=True)
        self._thread.start()
        if not self._started.wait(OPENING_SECONDS) or self._failure:
            self.close()
            raise DeviceError(
                f"'{chosen.name}' cannot be listened to: {self._failure or 'it does not answer'}; "
                "choose another with --device, as live-canary devices lists them."
            )

    def alive(self) -> bool:
        return self._thread.is_alive()

    def defaults_changed(self) -> bool:
        """Nobody tells: look every two seconds."""
        due = time.monotonic() >= self._next_look
        if due:
            self._next_look = time.monotonic() + LOOK_SECONDS
        return due

    def close(self) -> None:
        self._closing.set()
        self._thread.join(OPENING_SECONDS)

    def _record(self) -> None:
        """Ends when it is closed, or when the output goes away, which `alive()` then tells."""
        try:
            device = self._soundcard.get_microphone(self._identity, include_loopback=True)
            channels = list(range(CHANNELS))
            with device.recorder(samplerate=RATE, channels=channels, blocksize=BUFFER_FRAMES) as recorder:
                self._started.set()
                while not self._closing.is_set():
                    self._deliver(recorder.record(FRAGMENT_FRAMES).tobytes(), CHANNELS)
        except TROUBLE as error:
            self._failure = error
            self._started.set()
