"""Sound that happens now: an open input as blocks of 16 kHz, with every loss marked and every return awaited."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from live_canary.audio.capture import Capture
from live_canary.audio.inbox import Chunk, Nothing
from live_canary.audio.silence import SILENT_SECONDS, SilenceWatch
from live_canary.audio.soundsystem import Deliver, Hears, Input, OpenInput
from live_canary.audio.source import (
    DeviceHeard,
    DeviceLost,
    DeviceOpened,
    DeviceRecovered,
    DeviceSilent,
    SourceItem,
    SourceWarning,
)
from live_canary.audio.timekeeper import LATE_SECONDS, TOO_BUSY, runs_at_another_rate
from live_canary.audio.timeline import Timeline

POLL_SECONDS = 0.25
STALLED_SECONDS = 3.0  # an input that delivers nothing for so long is gone
RETRY_SECONDS = 1.0
FREE_SECONDS = 5.0  # after which an input is tried that something else does not let go of

NAMES: dict[Hears, str] = {"microphone": "Microphone", "system": "System sound"}


@dataclass(frozen=True, slots=True)
class _Switch:
    """What the user wants to be heard instead."""

    chosen: Input
    is_free: Callable[[], bool]
    latest: float
    """By the clock: it is tried then also if it is not free."""


class LiveSource:
    """One input, from the first sample after it was opened until `stop()`.

    capture: which input; it may be open already, and what it has heard comes first. name: what the user calls this
    source. together: inputs that are heard side by side, this one among them; positions count from when the first of
    them was opened, else from the first sample: one may begin seconds after another. The sound system's thread only
    copies into a queue; everything else happens where `blocks()` is read. `blocks()` raises DeviceError when nothing
    can be opened at the start, never later. What was heard before `stop()` is still delivered. paused: nothing is heard
    before `resume()`, not even what the input had heard already.
    """

    live = True

    def __init__(
        self, capture: Capture, name: str | None = None, together: Sequence[Capture] = (), *, paused: bool = False
    ):
        self._what = NAMES[capture.hears]
        self.name = name or self._what
        self._capture, self._clock, self._inbox = capture, capture.clock, capture.inbox
        self._together = together
        self._begun = False
        self._timeline = Timeline()
        if paused:
            self._timeline.pause(-math.inf, muted=True)
        self._silence = SilenceWatch()
        self._lost = False
        """Nothing has been heard since a device was lost, or left for another default."""
        self._moving = False
        self._idle_seconds = 0.0
        self._switch_wanted: _Switch | None = None
        self._switch_tried: _Switch | None = None
        """The last one that was obeyed, or refused. Each of the two is set by one thread only."""
        self._stopped_at = 0.0

    def blocks(self) -> Iterator[SourceItem]:
        self._capture.open()
        try:
            chosen = self._capture.chosen
            yield DeviceOpened(chosen.name, chosen.rate, chosen.channels)
            yield from self._timeline.begin(chosen.rate, self._clock.now(), "")
            while (chunk := self._inbox.take(POLL_SECONDS)) is not Nothing.MORE:
                yield from self._hear(chunk) if isinstance(chunk, Chunk) else self._wait()
                yield from self._obey_switch()
            yield from self._finish()
        finally:
            self._capture.close()

    def stop(self) -> None:
        if not self._clock.stopped:
            self._stopped_at = self._clock.now()
        self._clock.stop()
        self._inbox.close()

    def pause(self) -> None:
        """Hear nothing until `resume()`; the time between becomes a gap. From any thread."""
        self._timeline.pause(self._clock.now(), muted=True)

    def resume(self) -> None:
        self._timeline.pause(self._clock.now(), muted=False)

    @property
    def input(self) -> Input:
        wanted = self._switch_wanted
        return self._capture.chosen if wanted is None or wanted is self._switch_tried else wanted.chosen

    def inputs(self) -> list[Input]:
        return self._capture.inputs()

    def try_out(self, chosen: Input, deliver: Deliver) -> OpenInput:
        return self._capture.try_out(chosen, deliver)

    def switch(self, chosen: Input, is_free: Callable[[], bool] = lambda: True) -> None:
        """Hear another input, which is then awaited when it is lost. From any thread.

        is_free: whether nothing else holds it any more; until then the present one is heard, but no longer than
        FREE_SECONDS.
        """
        self._switch_wanted = _Switch(chosen, is_free, self._clock.now() + FREE_SECONDS)

    def _hear(self, chunk: Chunk) -> Iterator[SourceItem]:
        self._idle_seconds = 0.0
        chunks = [chunk]
        if self._lost or not self._begun:
            chunks += self._inbox.drain()
            time, was_lost = _first_heard(chunks), self._lost and not self._moving
            if self._lost:
                yield from self._recover(time)
            if not self._begun:
                yield from self._begin(time, self._gap_reason if was_lost else "")
        for one in chunks:
            if self._silence.feed(one.sound, one.seconds):
                yield from self._tell_silence()
            yield from self._timeline.feed(one)
        if self._timeline.off_rate:
            yield from self._lose("its sample rate has changed")
        elif self._capture.has_moved():
            yield from self._move()

    def _begin(self, time: float, gap_reason: str) -> Iterator[SourceItem]:
        """The first sample of all was heard at this time of the clock; what is before it is silence, or a gap."""
        self._begun = True
        since = min((one.opened_at for one in self._together if one.opened_at is not None), default=time)
        yield from self._timeline.lead(max(0.0, time - since), gap_reason)

    def _wait(self) -> Iterator[SourceItem]:
        """A quarter of a second has passed without a chunk."""
        self._idle_seconds += POLL_SECONDS
        if self._capture.is_open:
            if not self._capture.alive() or self._idle_seconds >= STALLED_SECONDS:
                yield from self._lose()
            return
        yield from self._timeline.settle(self._clock.now())
        if self._idle_seconds >= RETRY_SECONDS:
            self._idle_seconds = 0.0
            self._capture.reopen()

    def _lose(self, reason: str = "") -> Iterator[SourceItem]:
        self._idle_seconds = 0.0
        yield from self._close()
        if not self._lost or self._moving:
            self._lost, self._moving = True, False
            yield DeviceLost(self._capture.chosen.name, reason or self._capture.why_lost())
        self._capture.reopen()

    def _close(self) -> Iterator[SourceItem]:
        """What the input has delivered and nobody has read is not lost with it, unless that runs at another rate.

        An input of which a starved machine lost sound three times is taken for one too, and what follows is good.
        """
        self._capture.close()
        unread = self._inbox.drain()
        if not self._lost and not (self._timeline.off_rate and runs_at_another_rate(unread)):
            for chunk in unread:
                yield from self._timeline.feed(chunk)
        yield from self._timeline.break_off()
        yield from self._timeline.settle(self._clock.now())

    def _move(self) -> Iterator[SourceItem]:
        """Another device is the default now."""
        yield from self._close()
        if self._capture.reopen():
            self._lost = self._moving = True
        else:
            yield from self._lose()

    def _recover(self, time: float) -> Iterator[SourceItem]:
        """The first sample after a loss or a move was heard at this time of the clock."""
        moved = self._moving
        self._lost = self._moving = False
        chosen = self._capture.chosen
        if moved:
            yield DeviceOpened(chosen.name, chosen.rate, chosen.channels)
        else:
            yield DeviceRecovered(chosen.name, self._timeline.missing_at(time))
        yield from self._timeline.begin(chosen.rate, time, "change of device" if moved else self._gap_reason)

    def _finish(self) -> Iterator[SourceItem]:
        yield from self._timeline.break_off()
        if self._lost or self._timeline.missing_at(self._stopped_at) > LATE_SECONDS:
            yield from self._timeline.end(self._stopped_at, self._gap_reason if self._lost else TOO_BUSY)
        yield from self._timeline.close()

    def _obey_switch(self) -> Iterator[SourceItem]:
        wanted, before = self._switch_wanted, self._capture.chosen
        if wanted is None or wanted is self._switch_tried:
            return
        if wanted.chosen.identity == before.identity:
            self._switch_tried = wanted
            return
        if not wanted.is_free() and self._clock.now() < wanted.latest:
            return
        yield from self._close()
        obstacle = self._capture.switch(wanted.chosen)
        self._switch_tried = wanted
        if obstacle:
            yield SourceWarning(f"{obstacle} {before.name} stays in use.")
        if not self._capture.is_open:
            yield from self._lose()
        elif not self._lost:
            self._lost = self._moving = True

    def _tell_silence(self) -> Iterator[SourceItem]:
        if self._capture.hears == "microphone":  # a computer that plays nothing is nothing to report
            name = self._capture.chosen.name
            yield DeviceSilent(name, SILENT_SECONDS) if self._silence.silent else DeviceHeard()

    @property
    def _gap_reason(self) -> str:
        return f"{self._what.lower()} lost"


def _first_heard(chunks: list[Chunk]) -> float:
    """When the first sample was, by the clock: a chunk that had to wait tells too late, those behind it by how much."""
    ends = accumulate(chunk.seconds for chunk in chunks)
    return min(chunk.arrived - end for chunk, end in zip(chunks, ends, strict=True))
