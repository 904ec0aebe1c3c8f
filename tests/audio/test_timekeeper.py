"""Two hours of arrivals in a second: only times, no sound."""

import random

import numpy as np
import pytest

from live_canary.audio.inbox import Chunk
from live_canary.audio.source import AudioBlock
from live_canary.audio.timekeeper import TOO_BUSY, Loss, Timekeeper
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


def test_what_was_held_back_when_the_input_was_lost_is_heard_at_its_time():
    timeline, tenth = Timeline(), np.full(1600, 0.5, np.float32).tobytes()
    list(timeline.begin(16_000, 0.0, ""))
    for time in (0.1, 60.0):
        list(timeline.feed(Chunk(tenth, 1, 0.1, time)))
    *_, last = timeline.break_off()
    assert isinstance(last, AudioBlock)
    assert last.end_sample == pytest.approx(60 * 16_000, abs=16)


def test_nothing_is_held_back_longer_than_a_third_of_a_second():
    keeper = Timekeeper()
    first, late, next_one = (Chunk(b"", 1, 0.1, time) for time in (0.1, 5.0, 5.35))
    assert list(keeper.arrived(first)) == [first]
    assert list(keeper.arrived(late)) == []
    assert list(keeper.arrived(next_one)) == [Loss(pytest.approx(4.8), "computer asleep or too busy"), late, next_one]
