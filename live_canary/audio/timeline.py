"""Chunks of a live input become blocks and gaps, each at its true time."""

from collections import deque
from collections.abc import Iterator

import numpy as np

from live_canary.audio.blocks import BlockCutter
from live_canary.audio.inbox import Chunk
from live_canary.audio.resample import Resampler, to_mono
from live_canary.audio.source import SAMPLE_RATE, AudioBlock, AudioGap, SourcePaused, SourceResumed
from live_canary.audio.timekeeper import Loss, Timekeeper

TimelineItem = AudioBlock | AudioGap | SourcePaused | SourceResumed


class Timeline:
    """One source's time. Streams may begin and break off on it; what is missing between them is one gap.

    A pause begins and ends where the sound of that time of the clock is, however late it is read.
    """

    def __init__(self) -> None:
        self._cutter = BlockCutter()
        self._keeper = Timekeeper()
        self._resampler = Resampler(SAMPLE_RATE)
        self._muted_seconds: float | None = None
        """None while the source is heard."""
        self._pauses: deque[tuple[float, bool]] = deque()
        """Not reached yet: from which time of the clock the source is to be muted, or heard again."""

    @property
    def off_rate(self) -> bool:
        """The input does not run at the rate it claims."""
        return self._keeper.off_rate

    def missing_at(self, time: float) -> float:
        """Seconds of the gap if the next sample was heard at this time of the clock."""
        return self._keeper.missing_at(time)

    def lead(self, seconds: float, reason: str) -> Iterator[TimelineItem]:
        """Time before the first sample: silence, or with a reason a gap."""
        samples = round(seconds * SAMPLE_RATE)
        yield from self._cutter.gap(samples, reason) if reason else self._cutter.feed(np.zeros(samples, np.float32))

    def begin(self, rate: int, time: float, reason: str) -> Iterator[TimelineItem]:
        """A stream whose first sample was heard at this time of the clock; the gap before it, if there is one."""
        for loss in self._keeper.resume(time, reason):
            yield from self._take(loss)
        self._resampler = Resampler(rate, steered=True)

    def feed(self, chunk: Chunk) -> Iterator[TimelineItem]:
        """Everything that has become certain."""
        for piece in self._keeper.arrived(chunk):
            yield from self._take(piece)

    def break_off(self) -> Iterator[TimelineItem]:
        """All that was heard so far, the last short block too."""
        for piece in self._keeper.release():
            yield from self._take(piece)
        yield from self._flush()

    def pause(self, time: float, *, muted: bool) -> None:
        """From this time of the clock on, time passes without sound, or with it again. From any thread."""
        self._pauses.append((time, muted))

    def settle(self, time: float) -> Iterator[TimelineItem]:
        """No sound from before this time of the clock is to come: pauses that began or ended by then do so now."""
        while self._pauses and self._pauses[0][0] <= time:
            muted = self._pauses.popleft()[1]
            if muted and self._muted_seconds is None:
                yield from self._flush()
                self._muted_seconds = 0.0
                yield SourcePaused()
            elif not muted and self._muted_seconds is not None:
                yield from self._unmute()
                yield SourceResumed()

    def end(self, time: float, reason: str) -> Iterator[TimelineItem]:
        """The gap up to this time of the clock, if the input was lost and nothing more comes."""
        for loss in self._keeper.resume(time, reason):
            yield from self._take(loss)

    def close(self) -> Iterator[TimelineItem]:
        """The gap of a pause that lasts to the end."""
        if self._muted_seconds is not None:
            yield from self._unmute()

    def _unmute(self) -> Iterator[TimelineItem]:
        seconds, self._muted_seconds = self._muted_seconds, None
        yield from self._lose(Loss(seconds or 0.0, "paused"))

    def _take(self, piece: Chunk | Loss) -> Iterator[TimelineItem]:
        yield from self.settle(self._keeper.heard_until - piece.seconds / 2)
        if self._muted_seconds is not None:
            self._muted_seconds += piece.seconds * (1 + self._keeper.steer if isinstance(piece, Chunk) else 1)
        elif isinstance(piece, Loss):
            yield from self._lose(piece)
        else:
            self._resampler.steer(self._keeper.steer)
            frames = np.frombuffer(piece.sound, np.float32).reshape(-1, piece.channels)
            yield from self._cutter.feed(self._resampler.feed(to_mono(frames)))

    def _lose(self, loss: Loss) -> Iterator[TimelineItem]:
        yield from self._flush()
        yield from self._cutter.gap(round(loss.seconds * SAMPLE_RATE), loss.reason)

    def _flush(self) -> Iterator[TimelineItem]:
        yield from self._cutter.feed(self._resampler.flush())
        yield from self._cutter.flush()
