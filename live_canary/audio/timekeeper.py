"""When the sound of a live input was really heard: late is told from lost, and its crystal is held to the clock."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from statistics import median

from live_canary.audio.inbox import Chunk

LATE_SECONDS = 0.3  # a chunk that comes so late is looked at more closely
CAUGHT_UP_SECONDS = 0.05
IN_STEP_SECONDS = 0.05  # chunks that gain no more on the clock than this bring nothing that was kept during a stall
SETTLE_SECONDS = 0.3  # if what follows has been in step for so long, what is missing was lost
SETTLE_SHARE = 1 / 8  # or for so much of what is missing, as a machine that stalled for long is not awake at once,
MAX_SETTLE_SECONDS = 1.0  # but no longer
HOLD_SECONDS = 5.0  # nor is anything held back longer than this
NOT_LOST_SECONDS = 5.0  # after a loss: what comes too early then had been kept somewhere all the same
BUCKET_SECONDS = 5.0  # in which at least one chunk arrives without delay
STEER_SECONDS = 20.0  # a deviation is worked off in about this time
MAX_STEER = 5e-4  # nobody hears 0.05 % of pitch; crystals are better than 0.01 %
MAX_STEER_NOT_LOST = 5e-3  # a tenth of a semitone; a second too much of a loss is worked off in 200
OFF_RATE_SECONDS = 0.5  # steering does not follow: the input does not run at the rate it claims,
OFF_RATE_LOSSES = 3  # nor does one that loses so often
OFF_RATE_LOSSES_WITHIN_SECONDS = 30.0
OFF_RATE_IN_A_SECOND = 0.05  # 44.1 for 48 kHz is 0.08 s

TOO_BUSY = "computer asleep or too busy"


@dataclass(frozen=True, slots=True)
class Loss:
    """Sound that never arrived."""

    seconds: float
    reason: str


class Timekeeper:
    """Compares the clock with the sound that arrived.

    A chunk comes late when some thread had to wait; then the next ones follow at once and nothing is lost. If they do
    not, sound is missing: the input overflowed, or the computer slept. So a late chunk is held back together with those
    after it while they gain on the clock, as a busy machine fetches only bit by bit what was kept for it. What still
    comes after a loss has made that too long; it is no sign of another rate, and the time after it is shortened.
    What remains, the slow drift of the input's crystal, is answered with `steer`: make every second of sound longer by
    this fraction.
    """

    def __init__(self) -> None:
        self.steer = 0.0
        self._end = math.nan  # clock time of the end of what was released; nan before the first chunk
        self._held = _Held()
        self._not_lost_until = -math.inf
        self._not_lost = 0.0
        """Seconds that were called lost, and came."""
        self._floor = _Floor()
        self._unexplained_losses: list[float] = []

    def arrived(self, chunk: Chunk) -> Iterator[Chunk | Loss]:
        """What is certain now: chunks in their order, losses between them."""
        if chunk.dropped_seconds:
            yield from self.release()
            yield self._lose(chunk.dropped_seconds, "overflow")
        if math.isnan(self._end):
            self._end = chunk.arrived - chunk.seconds
        suspicious = bool(self._held.chunks) or chunk.overflowed
        self._held.add(chunk, self._end)
        if self._missing() <= (CAUGHT_UP_SECONDS if suspicious else LATE_SECONDS):
            yield from self._give()
        elif self._held.settled:
            yield from self.release()

    def release(self) -> Iterator[Chunk | Loss]:
        """What was held back, and before it what has not come: nothing more is to."""
        if self._held.chunks:
            self._not_lost_until = self._held.chunks[-1].arrived + NOT_LOST_SECONDS
            yield self._lose(self._missing(), self._explain())
            yield from self._give()

    def _give(self) -> Iterator[Chunk]:
        held, self._held = self._held.chunks, _Held()
        for chunk in held:
            self._end += chunk.seconds * (1 + self.steer)
            self._floor.add(chunk.arrived, chunk.arrived - self._end)
            early = max(0.0, -self.deviation)
            self._not_lost = early if chunk.arrived < self._not_lost_until else min(early, self._not_lost)
            yield chunk
        most = MAX_STEER_NOT_LOST if self._not_lost else MAX_STEER
        self.steer = max(-most, min(MAX_STEER, self.deviation / STEER_SECONDS))

    def missing_at(self, time: float) -> float:
        """Seconds of sound that are missing if the next sample was heard at this time of the clock."""
        return 0.0 if math.isnan(self._end) else max(0.0, time - self.heard_until)

    def resume(self, time: float, reason: str) -> Iterator[Loss]:
        """Go on with another stream whose first sample was heard at this time of the clock."""
        seconds = self.missing_at(time)
        if not math.isnan(self._end):
            self._end = max(time, self.heard_until)
        self._floor = _Floor()
        self._unexplained_losses = []
        self.steer = self._not_lost = 0.0
        self._not_lost_until = -math.inf
        if seconds > 0:
            yield Loss(seconds, reason)

    @property
    def heard_until(self) -> float:
        """Clock time of the end of what was given last. The first chunk may have come late; others show by how much."""
        return self._end + self._floor.least

    @property
    def deviation(self) -> float:
        """Seconds by which the clock has run ahead of the sound."""
        return self._floor.rise

    @property
    def off_rate(self) -> bool:
        """The input does not run at the rate it claims."""
        return (
            abs(self.deviation + self._not_lost) > OFF_RATE_SECONDS or len(self._unexplained_losses) >= OFF_RATE_LOSSES
        )

    def _missing(self) -> float:
        """Seconds by which even the least late of what is held came later than the sound before it."""
        return self._held.least - self._floor.least

    def _explain(self) -> str:
        first = self._held.chunks[0]
        if first.overflowed:
            return "overflow"
        recent = first.arrived - OFF_RATE_LOSSES_WITHIN_SECONDS
        self._unexplained_losses = [time for time in self._unexplained_losses if time > recent] + [first.arrived]
        return TOO_BUSY

    def _lose(self, seconds: float, reason: str) -> Loss:
        self._end += seconds
        return Loss(seconds, reason)


class _Held:
    """Chunks that came late, and whether those behind them still gain on the clock."""

    def __init__(self) -> None:
        self.chunks: list[Chunk] = []
        self.least = math.inf
        """Lag of the least late one, in seconds."""
        self._seconds = 0.0
        self._in_step_since = self._highest = math.inf
        """Since when they have been in step, and the most that one of them lagged in that time."""

    def add(self, chunk: Chunk, end: float) -> None:
        """end: clock time of the end of what was given before."""
        self.chunks.append(chunk)
        self._seconds += chunk.seconds
        lag = chunk.arrived - end - self._seconds
        self.least = min(self.least, lag)
        # at a third of its rate each chunk is late by two; for that it is not waited longer
        stalled_again = lag - self._highest > IN_STEP_SECONDS + 2 * chunk.seconds
        if stalled_again or self._highest - lag > IN_STEP_SECONDS:
            self._in_step_since, self._highest = chunk.arrived, lag
        self._highest = max(self._highest, lag)

    @property
    def settled(self) -> bool:
        """What has not come by now is lost."""
        now, settle = self.chunks[-1].arrived, min(SETTLE_SHARE * self.least, MAX_SETTLE_SECONDS)
        return now - self._in_step_since >= max(SETTLE_SECONDS, settle) or now - self.chunks[0].arrived >= HOLD_SECONDS


class _Floor:
    """The least lag of the last 5 to 10 seconds: what the sound system always takes, without the jitter."""

    def __init__(self) -> None:
        self._buckets = (math.inf, math.inf)
        self._next_bucket = -math.inf
        self._first: float | None = None

    @property
    def least(self) -> float:
        """0 before anything is known."""
        least = min(self._buckets)
        return 0.0 if math.isinf(least) else least

    @property
    def rise(self) -> float:
        """Since the first bucket was full."""
        return 0.0 if self._first is None else self.least - self._first

    def add(self, time: float, lag: float) -> None:
        older, newer = self._buckets
        if time >= self._next_bucket:
            if math.isfinite(newer) and self._first is None:
                self._first = newer
            self._buckets, self._next_bucket = (newer, lag), time + BUCKET_SECONDS
        else:
            self._buckets = (older, min(newer, lag))


def runs_at_another_rate(chunks: Sequence[Chunk]) -> bool:
    """Whether a second of this sound mostly took another time to arrive; False for less than that.

    A stall is in few of the seconds, however long it is.
    """
    ends = accumulate(chunk.dropped_seconds + chunk.seconds for chunk in chunks)
    lags = [chunk.arrived - end for chunk, end in zip(chunks, ends, strict=True)]
    a_second = math.ceil(len(chunks) / max(sum(chunk.seconds for chunk in chunks), 1.0))
    off = [abs(later - lag) for lag, later in zip(lags, lags[a_second:], strict=False)]
    return bool(off) and median(off) > OFF_RATE_IN_A_SECOND
