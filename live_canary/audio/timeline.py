"""Chunks of a live input become blocks and gaps, each at its true time."""

from collections.abc import Iterator

import numpy as np

from live_canary.audio.blocks import BlockCutter
from live_canary.audio.inbox import Chunk
from live_canary.audio.resample import Resampler, to_mono
from live_canary.audio.source import SAMPLE_RATE, AudioBlock, AudioGap
from live_canary.audio.timekeeper import Loss, Timekeeper


class Timeline:
    """One source's time. Streams may begin and break off on it; what is missing between them is one gap."""

    def __init__(self) -> None:
        self._cutter = BlockCutter()
        self._keeper = Timekeeper()
        self._resampler = Resampler(SAMPLE_RATE)
        self._muted_seconds: float | None = None
        """None while the source is heard."""

    @property
    def off_rate(self) -> bool:
        """The input does not run at the rate it claims."""
        return self._keeper.off_rate

    @property
    def deviation_seconds(self) -> float:
        """By which the clock is ahead of the samples; held near 0."""
        return self._keeper.deviation

    def missing_at(self, time: float) -> float:
        """Seconds of the gap if the next sample was heard at this time of the clock."""
        return self._keeper.missing_at(time)

    def begin(self, rate: int, time: float, reason: str) -> Iterator[AudioBlock | AudioGap]:
        """A stream whose first sample was heard at this time of the clock; the gap before it, if there is one."""
        for loss in self._keeper.resume(time, reason):
            yield from self._take(loss)
        self._resampler = Resampler(rate, steered=True)

    def feed(self, chunk: Chunk) -> Iterator[AudioBlock | AudioGap]:
        """Everything that has become certain."""
        for piece in self._keeper.arrived(chunk):
            yield from self._take(piece)

    def break_off(self) -> Iterator[AudioBlock | AudioGap]:
        """All that was heard so far, the last short block too."""
        for chunk in self._keeper.release():
            yield from self._take(chunk)
        yield from self._cutter.feed(self._resampler.flush())
        yield from self._cutter.flush()

    def mute(self) -> Iterator[AudioBlock | AudioGap]:
        """All that was heard so far; from here on time passes without sound."""
        yield from self.break_off()
        self._muted_seconds = 0.0

    def unmute(self) -> Iterator[AudioBlock | AudioGap]:
        """The gap since `mute()`."""
        seconds, self._muted_seconds = self._muted_seconds, None
        yield from self._take(Loss(seconds or 0.0, "paused"))

    def end(self, time: float, reason: str) -> Iterator[AudioBlock | AudioGap]:
        """The gap up to this time of the clock, if the input was lost and nothing more comes."""
        for loss in self._keeper.resume(time, reason):
            yield from self._take(loss)

    def _take(self, piece: Chunk | Loss) -> Iterator[AudioBlock | AudioGap]:
        if self._muted_seconds is not None:
            self._muted_seconds += piece.seconds
        elif isinstance(piece, Loss):
            yield from self._cutter.feed(self._resampler.flush())
            yield from self._cutter.gap(round(piece.seconds * SAMPLE_RATE), piece.reason)
        else:
            self._resampler.steer(self._keeper.steer)
            frames = np.frombuffer(piece.sound, np.float32).reshape(-1, piece.channels)
            yield from self._cutter.feed(self._resampler.feed(to_mono(frames)))
