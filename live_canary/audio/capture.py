"""Which input is open, and getting it back after it was lost. Imports no numpy, so that it can begin at once."""

import threading

from live_canary.audio.clock import Clock
from live_canary.audio.devices import find_input, sound_system
from live_canary.audio.inbox import Inbox, Inlet
from live_canary.audio.soundsystem import Deliver, Hears, Input, OpenInput, SoundSystem
from live_canary.errors import DeviceError

INBOX_CHUNKS = 3000  # a minute of 20 ms; a reader who is later than that loses sound, and is told how much
CLOSE_SECONDS = 2.0  # what an input that hangs may take; the session would wait 3 s for the whole source


def close_or_leave(opened: OpenInput) -> None:
    """Close it; one that hangs in that is left behind, and may go on delivering."""
    closing = threading.Thread(target=opened.close, name="close input", daemon=True)
    closing.start()
    closing.join(CLOSE_SECONDS)


class Capture:
    """At most one open input, which puts what it hears into `inbox`, at the times of `clock`.

    device: an index or a unique part of a name; None is the default. It is looked up once; afterwards the same input is
    wanted, under whatever index it comes back, or the default one if `follow_default`. What the computer plays always
    follows the default output, unless a device was named: the other side of a call moves with the headset.
    """

    def __init__(
        self,
        device: str | int | None = None,
        hears: Hears = "microphone",
        *,
        follow_default: bool = False,
        system: SoundSystem | None = None,
        clock: Clock | None = None,
    ):
        self.hears = hears
        self.clock = clock or Clock()
        self.inbox = Inbox(INBOX_CHUNKS, self.clock)
        self._device = device
        self._take_default = follow_default
        self._follows = device is None and (follow_default or hears == "system")
        self._system = system
        self._chosen: Input | None = None
        self._opened: OpenInput | None = None
        self.opened_at: float | None = None
        """By the clock, when it began to open what it hears since; earlier than the first sample."""
        self._inlet: Inlet | None = None

    @property
    def chosen(self) -> Input:
        assert self._chosen, "open() comes first"
        return self._chosen

    @property
    def is_open(self) -> bool:
        return self._opened is not None

    def open(self) -> None:
        """Begin to hear, unless it is open already. Raises DeviceError when there is no such input or it refuses."""
        if self._opened:
            return
        self._system = self._system or sound_system(self.hears)
        self._open(self._system, find_input(self._device, self._system.inputs(), self.hears))

    def inputs(self) -> list[Input]:
        """All of its kind that are there now."""
        return [one for one in self._inputs() if one.hears == self.hears]

    def try_out(self, chosen: Input, deliver: Deliver) -> OpenInput:
        """Another input, delivering elsewhere. Raises DeviceError."""
        assert self._system, "open() comes first"
        return self._system.open(chosen, deliver)

    def switch(self, chosen: Input) -> str:
        """Hear this input from now on, and wait for it when it is lost; if it refuses, the earlier one, and why."""
        self.forget()
        there = next((one for one in self._inputs() if one.identity == chosen.identity), None)
        try:
            assert self._system, "open() comes first"
            if there is None:
                raise DeviceError(f"Input '{chosen.name}' cannot be opened: it was unplugged.")
            self._open(self._system, there)  # under its present index
        except DeviceError as error:
            self.reopen()
            return str(error)
        self._follows = False
        return ""

    def alive(self) -> bool:
        return self._opened is not None and self._opened.alive()

    def has_moved(self) -> bool:
        """Another input is the default now, and this should follow it."""
        if not self._follows or self._opened is None or not self._opened.defaults_changed():
            return False
        again = self._again(self._inputs())
        return again is not None and again.identity != self.chosen.identity

    def close(self) -> None:
        """Hear no more. An input that hangs in it is left behind, and what it may still deliver goes nowhere."""
        opened, self._opened = self._opened, None
        inlet, self._inlet = self._inlet, None
        if opened and inlet:
            close_or_leave(opened)
            inlet.shut()

    def forget(self) -> None:
        """Close, and give away nothing of what was heard; `open()` begins anew."""
        self.close()
        self.inbox.drain()
        self.opened_at = None

    def why_lost(self) -> str:
        """After `close()`: what became of the input."""
        there = any(one.identity == self.chosen.identity for one in self._inputs())
        return "it delivers no more sound" if there else "it was unplugged"

    def reopen(self) -> bool:
        """Try to hear the same input again, or the default one."""
        again = self._again(self._inputs())
        if self._system is None or again is None:
            return False
        try:
            self._open(self._system, again)
        except DeviceError:
            return False
        return True

    def _open(self, system: SoundSystem, chosen: Input) -> None:
        inlet = Inlet(self.inbox, chosen.rate)
        now = self.clock.now()
        self._opened, self._inlet, self._chosen = system.open(chosen, inlet), inlet, chosen
        self.opened_at = now if self.opened_at is None else self.opened_at

    def _inputs(self) -> list[Input]:
        """What is there now; nothing where the sound system itself is away."""
        if self._system is None:
            return []
        try:
            self._system.refresh()
            return self._system.inputs()
        except DeviceError:
            return []

    def _again(self, inputs: list[Input]) -> Input | None:
        same = next((one for one in inputs if one.identity == self.chosen.identity), None)
        if self._follows or (self._take_default and same is None):
            return self._default(inputs)
        return same

    def _default(self, inputs: list[Input]) -> Input | None:
        try:
            return find_input(None, inputs, self.hears)
        except DeviceError:
            return None
