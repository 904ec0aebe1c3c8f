"""What every source of sound gives: 16 kHz mono blocks, gaps where sound was lost, news about its device."""

from __future__ import annotations  # numpy is imported after an input is open: it takes longer than opening one

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

from live_canary.audio.soundsystem import Deliver, Input, OpenInput

SAMPLE_RATE = 16_000  # Hz, of everything behind a source


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Consecutive samples of one source."""

    samples: NDArray[np.float32]
    """(n,) in [-1, 1], mono, 16 kHz."""
    start_sample: int
    """Position of the first sample, counted from when the source began; gaps count too."""

    @property
    def end_sample(self) -> int:
        return self.start_sample + len(self.samples)


@dataclass(frozen=True, slots=True)
class AudioGap:
    """A stretch of time in which the source delivered nothing."""

    start_sample: int
    end_sample: int
    reason: str
    """For the reader of the transcript: "microphone lost", "overflow"."""


@dataclass(frozen=True, slots=True)
class DeviceOpened:
    """Sound is being heard from now on; later once more when the source follows the default to another device."""

    device: str
    """How the system calls it: "USB Microphone"; a default input is named by what it stands for."""
    rate: int
    """Hz, before resampling."""
    channels: int


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """The device went away or stopped delivering. What was being said ends here; the source goes on trying."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceRecovered:
    """The device is back, or another one took its place. The AudioGap of that length comes next."""

    device: str
    gap_seconds: float


@dataclass(frozen=True, slots=True)
class DeviceSilent:
    """Nothing but samples of exactly 0 for `seconds`: it is probably muted. Said once."""

    device: str
    seconds: float


@dataclass(frozen=True, slots=True)
class DeviceHeard:
    """The end of a digital silence that was reported."""


@dataclass(frozen=True, slots=True)
class SourcePaused:
    """What was being said ends here, because the user wants it so."""


@dataclass(frozen=True, slots=True)
class SourceResumed:
    """The end of a pause. The AudioGap of its length came just before this."""


@dataclass(frozen=True, slots=True)
class SourceWarning:
    """Something the user should know, in one sentence; the source goes on."""

    message: str


SourceNews = (
    DeviceOpened
    | DeviceLost
    | DeviceRecovered
    | DeviceSilent
    | DeviceHeard
    | SourcePaused
    | SourceResumed
    | SourceWarning
)
SourceItem = AudioBlock | AudioGap | SourceNews


class Source(Protocol):
    """One origin of sound.

    `blocks()` opens it and yields until the sound ends or another thread calls `stop()`; it then closes what it
    opened. Positions are contiguous: each block or gap starts where the one before it ended. News stands where it
    happened and has no length.
    """

    name: str
    """How the user knows it: "USB Microphone", "talk.wav"."""
    live: bool
    """True when the sound cannot wait (a microphone); a recording at full speed waits for its reader."""

    def blocks(self) -> Iterator[SourceItem]: ...

    def stop(self) -> None: ...


@runtime_checkable
class PausableSource(Protocol):
    """A live source that can be told to hear nothing for a while. From any thread."""

    def pause(self) -> None: ...

    def resume(self) -> None: ...


@runtime_checkable
class RehearableSource(Source, Protocol):
    """A source whose sound can be had again. From any thread, also after its end."""

    def hear_again(self, start_sample: int, end_sample: int) -> NDArray[np.float32]:
        """What was heard between these positions: (n,) float32, silent where nothing was, empty if nothing was kept."""
        ...


@runtime_checkable
class SwitchableSource(Protocol):
    """A live source that can hear another input instead. From any thread."""

    @property
    def input(self) -> Input:
        """The one that it hears, or waits for."""
        ...

    def inputs(self) -> list[Input]:
        """All that it could hear."""
        ...

    def try_out(self, chosen: Input, deliver: Deliver) -> OpenInput:
        """The input, delivering to somebody else. Raises DeviceError."""
        ...

    def switch(self, chosen: Input, is_free: Callable[[], bool] = lambda: True) -> None:
        """Hear this input as soon as it is free, or after a few seconds all the same; what is missed becomes a gap."""
        ...
