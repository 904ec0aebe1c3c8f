"""Two hours of arrivals in a second: only times, no sound."""

import random
from itertools import accumulate, product

import numpy as np
import pytest

from live_canary.audio.inbox import Chunk
from live_canary.audio.source import AudioBlock
from live_canary.audio.timekeeper import HOLD_SECONDS, MAX_SETTLE_SECONDS, TOO_BUSY, Loss, Timekeeper
from live_canary.audio.timeline import Timeline

CHUNK_SECONDS = 0.1


def arrivals(hours, ppm=0.0, jitter_seconds=0.0):
    """When chunks of 100 ms arrive from a crystal that runs fast by `ppm`, each up to `jitter_seconds` late."""
    late = random.Random(1)
    for count in range(1, int(hours * 36_000) + 1):
        heard_at = count * CHUNK_SECONDS / (1 + ppm * 1e-6)
        yield Chunk(b"", 1, CHUNK_SECONDS, heard_at + late.uniform(0, jitter_seconds))


def timed(chunks):
    """(keeper, seconds of sound on the source's time after all chunks, losses)."""
    keeper, seconds, losses = Timekeeper(), 0.0, []
    for chunk in chunks:
        for piece in keeper.arrived(chunk):
            if isinstance(piece, Loss):
                losses.append(piece)
            seconds += piece.seconds if isinstance(piece, Loss) else piece.seconds * (1 + keeper.steer)
    return keeper, seconds, losses


@pytest.mark.parametrize("ppm", [-100, -20, 0, 20, 100])
def test_two_hours_stay_within_50_ms_of_the_clock_whatever_the_crystal(ppm):
    """Left alone, 100 ppm would be 720 ms."""
    _, seconds, losses = timed(arrivals(2, ppm, jitter_seconds=0.03))
    assert losses == []
    assert seconds == pytest.approx(7200 / (1 + ppm * 1e-6), abs=0.05)


@pytest.mark.parametrize("ppm", [-300, 300])
def test_an_hour_of_a_pause_is_as_long_as_the_clock_says(ppm):
    timeline = Timeline()
    list(timeline.begin(48_000, 0.0, ""))
    timeline.pause(0.0, muted=True)
    for chunk in arrivals(1, ppm):
        list(timeline.feed(chunk))
    (gap,) = timeline.close()
    assert gap.end_sample / 16_000 == pytest.approx(3600 / (1 + ppm * 1e-6), abs=0.05)


def test_jitter_is_not_taken_for_drift():
    keeper, *_ = timed(arrivals(0.1, jitter_seconds=0.05))
    assert abs(keeper.deviation) < 0.005


def test_a_loss_is_told_apart_from_a_delay():
    def chunks():
        for chunk in arrivals(0.01):
            if 10 < chunk.arrived < 11:  # late: all of them at once
                yield Chunk(b"", 1, CHUNK_SECONDS, 11.0)
            elif not 20 < chunk.arrived < 21:  # lost
                yield chunk

    _, _, losses = timed(chunks())
    assert losses == [Loss(pytest.approx(1.0, abs=0.11), "computer asleep or too busy")]


def test_what_is_heard_after_a_sleep_comes_after_it_also_where_the_input_ends_at_once():
    keeper = Timekeeper()
    before, after = (Chunk(b"", 1, 0.1, time) for time in (0.1, 60.0))
    assert list(keeper.arrived(before)) == [before]
    assert list(keeper.arrived(after)) == []
    assert list(keeper.release()) == [Loss(pytest.approx(59.8), TOO_BUSY), after]
    assert keeper.missing_at(60.0) == pytest.approx(0.0, abs=1e-6)


def test_what_was_held_back_comes_before_what_then_found_no_room():
    keeper = Timekeeper()
    before, late = (Chunk(b"", 1, 0.1, time) for time in (0.1, 60.0))
    last = Chunk(b"", 1, 0.1, 65.1, dropped_seconds=5.0)
    pieces = [piece for chunk in (before, late, last) for piece in keeper.arrived(chunk)]
    assert pieces == [before, Loss(pytest.approx(59.8), TOO_BUSY), late, Loss(5.0, "overflow"), last]


def test_what_was_held_back_when_the_input_was_lost_is_heard_at_its_time():
    timeline, tenth = Timeline(), np.full(1600, 0.5, np.float32).tobytes()
    list(timeline.begin(16_000, 0.0, ""))
    for time in (0.1, 60.0):
        list(timeline.feed(Chunk(tenth, 1, 0.1, time)))
    *_, last = timeline.break_off()
    assert isinstance(last, AudioBlock)
    assert last.end_sample == pytest.approx(60 * 16_000, abs=16)


def test_a_loss_is_known_after_a_third_of_a_second_and_within_a_second_after_a_long_stall():
    for stall, at_most in ((2.0, 0.3), (12.0, MAX_SETTLE_SECONDS), (3600.0, MAX_SETTLE_SECONDS)):
        keeper = Timekeeper()
        chunks = [Chunk(b"", 1, 0.1, stall * (count > 10) + count / 10) for count in range(1, 30)]
        known_at = [chunk.arrived for chunk in chunks for piece in keeper.arrived(chunk) if isinstance(piece, Loss)]
        assert known_at == [pytest.approx(stall + 1.1 + at_most, abs=0.11)]


EARLIER_SECONDS = 12.0


def in_step(count, size):
    return [size] * count


def at_once_after_pauses(count, size):
    """Four times nothing for a quarter of the time, then as much as there is."""
    return [0.25 * (number % max(1, count // 4) == 0) for number in range(count)]


def irregular(count, size):
    chance = random.Random(count)
    return [chance.expovariate(1) for _ in range(count)]


def stalled(stall, kept, burst, size=0.02, pace=in_step, later=15.0):
    """12 s in step; nothing for `stall`; what was `kept` of it, and what is said meanwhile, within `burst`; in step."""
    before, late = round(EARLIER_SECONDS / size), round((kept + burst) / size)
    woken = before * size + stall
    steps = pace(late, size)
    offsets = [offset * burst / sum(steps) for offset in accumulate(steps)]
    times = [count * size for count in range(1, before + 1)]
    # none before it was said
    times += [woken + max(offset, count * size - kept) for count, offset in enumerate(offsets, 1)]
    times += [woken + burst + count * size for count in range(1, round(later / size) + 1)]
    return [Chunk(b"", 1, size, time) for time in times]


def heard_of(chunks):
    """(what was given, seconds by which it ends too late, whether it was ever taken for another rate)."""
    keeper, pieces, seconds, off_rate = Timekeeper(), [], 0.0, False
    for chunk in chunks:
        for piece in keeper.arrived(chunk):
            pieces.append(piece)
            seconds += piece.seconds * (1 if isinstance(piece, Loss) else 1 + keeper.steer)
        off_rate |= keeper.off_rate
    assert [piece for piece in pieces if isinstance(piece, Chunk)] == chunks
    return pieces, seconds - chunks[-1].arrived, off_rate


@pytest.mark.parametrize("size", [0.01, 0.02, 0.1])
@pytest.mark.parametrize("pace", [in_step, at_once_after_pauses])
@pytest.mark.parametrize("burst", [0.05, 0.2, 0.3, 0.5, 1.0, 3.0])
def test_what_was_kept_during_a_stall_is_no_loss_however_slowly_it_is_fetched(burst, pace, size):
    """Of a stopped program PulseAudio keeps 12 s. Fetched in 0.5 s, 2.3 s of it were called lost and came all the same:
    the input was closed, as if its sample rate had changed, and 3 s more were lost.
    """
    for stall, share in product((1, 2, 5, 12, 30), (0.0, 0.1, 0.5, 0.9, 1.0)):
        kept = stall * share
        pieces, off, off_rate = heard_of(stalled(stall, kept, burst, size, pace))
        lost = sum(piece.seconds for piece in pieces if isinstance(piece, Loss))
        # what comes less than half as fast again as it was said may be taken for what is said now
        tolerance = 0.07 + size if kept == 0 or kept >= burst / 2 else 0.5
        case = f"{stall} s, of which {kept:.1f} s were kept: {lost:.2f} s lost, {off:.2f} s off"
        assert lost == pytest.approx(stall - kept, abs=tolerance), case
        assert abs(off) < tolerance, case
        assert not off_rate, case


@pytest.mark.parametrize("burst", [0.5, 1.0, 2.0, 3.0])
def test_no_pace_of_what_was_kept_is_taken_for_another_rate(burst):
    for stall, share, size in product((1, 3, 8, 12, 30), (0.1, 0.5, 1.0), (0.01, 0.02, 0.05, 0.1)):
        _, off, off_rate = heard_of(stalled(stall, stall * share, burst, size, irregular))
        assert not off_rate, (stall, share, size)
        assert off < burst, (stall, share, size)


def test_what_comes_after_it_was_called_lost_is_heard_and_the_time_after_it_is_shortened():
    """In the second after the stall nothing shows that 2 of its 3 s were kept."""
    heard = (count * 0.02 for count in range(1, 25_000))
    times = [time if time <= 12 else time + 3 if time <= 13 else max(16, time + 1) for time in heard]
    pieces, off, off_rate = heard_of([Chunk(b"", 1, 0.02, time) for time in times])
    assert [piece for piece in pieces if isinstance(piece, Loss)] == [Loss(pytest.approx(3.0, abs=0.03), TOO_BUSY)]
    assert not off_rate
    assert off == pytest.approx(0.0, abs=0.05)


def test_what_was_kept_comes_too_slowly_to_be_held_back_until_all_of_it_is_there():
    """26 of 30 s would be fetched in 20."""
    keeper, longest = Timekeeper(), 0.0
    for chunk in stalled(30.0, 26.0, 20.0):
        for piece in keeper.arrived(chunk):
            if isinstance(piece, Chunk):
                longest = max(longest, chunk.arrived - piece.arrived)
    assert longest == pytest.approx(HOLD_SECONDS, abs=0.03)


def noticed_after(speed, size, stall=0.0):
    """Seconds until an input is found that runs at another rate from second 11 on, after a stall without a trace."""
    keeper, time = Timekeeper(), 0.0
    while not keeper.off_rate:
        time += size if time < 11.0 else size / speed
        list(keeper.arrived(Chunk(b"", 1, size, time + stall * (time > 11.0))))
    return time - 11.0


@pytest.mark.parametrize("size", [0.01, 0.02])
@pytest.mark.parametrize(
    ("speed", "seconds"),
    [(1 / 3, 1.8), (0.5, 2.3), (0.9, 9.4), (0.97, 24.2), (1.03, 17.1), (1.1, 5.1), (2, 0.6), (3, 0.3)],
)
def test_another_rate_is_noticed_at_once_or_as_soon_as_it_can_be_told_from_drift(speed, seconds, size):
    assert noticed_after(speed, size) < seconds


@pytest.mark.parametrize("speed", [1 / 3, 0.5, 0.9, 0.97, 1.03, 1.1, 2, 3])
def test_another_rate_is_noticed_also_where_it_begins_with_a_stall(speed):
    """What comes too early in the first seconds may have been kept."""
    assert noticed_after(speed, 0.02, stall=12.0) < noticed_after(speed, 0.02) + HOLD_SECONDS + 10.0


def test_losses_that_are_far_apart_are_not_taken_for_another_rate():
    """A laptop that slept three times in a day would have its microphone closed under what is being said."""
    chunks = [Chunk(b"", 1, 0.1, count * 0.1 + 60.0 * (count // 400)) for count in range(1, 1700)]
    pieces, _, off_rate = heard_of(chunks)
    assert sum(isinstance(piece, Loss) for piece in pieces) == 4
    assert not off_rate


def test_a_stream_is_not_judged_by_the_losses_of_the_one_before_it():
    """It would be closed as soon as it was opened, and so on."""
    keeper, chunks = Timekeeper(), (Chunk(b"", 1, 0.1, count * 0.1 + 0.6 * (count // 50)) for count in range(1, 1000))
    while not keeper.off_rate:
        list(keeper.arrived(last := next(chunks)))
    list(keeper.resume(last.arrived, ""))
    assert not keeper.off_rate
