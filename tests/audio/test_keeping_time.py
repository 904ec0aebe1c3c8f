"""Every sample is at its time: what was lost is a gap, what comes late is none, and nothing drifts."""

import resource
import sys
from pathlib import Path

import pytest

from live_canary.audio.capture import INBOX_CHUNKS
from live_canary.audio.source import AudioBlock, DeviceLost, DeviceOpened
from tests.audio.fake_clock import FakeClock
from tests.audio.fake_sounddevice import FakeInput, FakeSoundDevice
from tests.audio.hearing import (
    assert_each_sample_is_at_its_time,
    blocks_in,
    gaps_in,
    heard,
    microphone,
    news_in,
    total_samples,
)


def resident_mib():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def test_sound_that_the_hardware_lost_is_a_gap_where_it_was(sound, clock):
    clock.at(3.0, lambda: sound.streams[0].lose(0.5))
    items = heard(microphone(clock), clock, 6.0)
    (gap,) = gaps_in(items)
    assert gap.reason == "overflow"
    assert gap.start_sample == pytest.approx(3.0 * 16_000, abs=400)
    assert (gap.end_sample - gap.start_sample) / 16_000 == pytest.approx(0.5, abs=0.02)
    assert_each_sample_is_at_its_time(items, 0.011)


def test_sound_that_nobody_fetched_for_more_than_a_minute_is_a_gap(sound, clock):
    source = microphone(clock)
    items = [next(blocks := source.blocks())]
    clock.pass_by(INBOX_CHUNKS * 0.02 + 5.0)
    clock.at(clock.passed + 1.0, source.stop)
    items += blocks
    (gap,) = gaps_in(items)
    assert (gap.start_sample, gap.end_sample) == (INBOX_CHUNKS * 320, INBOX_CHUNKS * 320 + 5 * 16_000)
    assert_each_sample_is_at_its_time(items, 0.001)


def test_sound_that_found_no_room_before_its_input_was_lost_is_missing_once(sound, clock):
    source = microphone(clock)
    items = [next(blocks := source.blocks())]
    clock.pass_by(INBOX_CHUNKS * 0.02 + 5.0)
    sound.inputs[0].plugged = False
    clock.at(clock.passed + 2.0, lambda: setattr(sound.inputs[0], "plugged", True))
    clock.at(clock.passed + 6.0, source.stop)
    items += blocks
    assert [gap.reason for gap in gaps_in(items)] == ["microphone lost"]
    assert_each_sample_is_at_its_time(items, 0.001)
    assert blocks_in(items)[-1].end_sample == pytest.approx((INBOX_CHUNKS * 0.02 + 11.0) * 16_000, abs=320)


def test_callbacks_that_come_late_all_at_once_lose_nothing(sound, clock):
    for second in range(1, 8):
        clock.at(second, lambda: setattr(sound.inputs[0], "stalled", True))
        clock.at(second + 0.6, lambda: setattr(sound.inputs[0], "stalled", False))
    items = heard(microphone(clock), clock, 10.0)
    assert gaps_in(items) == []
    assert total_samples(items) == pytest.approx(10.0 * 16_000, abs=320)


def test_what_comes_late_bit_by_bit_is_heard_and_the_input_is_kept(sound, clock):
    """Its input was closed as if its sample rate had changed, when 1.4 s of it had been called lost."""
    sound.inputs[0].at_most = 1  # 2 s of sound a second
    clock.at(8.0, lambda: setattr(sound.inputs[0], "stalled", True))
    clock.at(10.5, lambda: setattr(sound.inputs[0], "stalled", False))
    items = heard(microphone(clock), clock, 25.0)
    assert [type(news) for news in news_in(items)] == [DeviceOpened]
    assert gaps_in(items) == []
    assert total_samples(items) == pytest.approx(25.0 * 16_000, abs=320)
    assert_each_sample_is_at_its_time(items, 0.001)


def test_the_sleep_of_the_computer_is_a_gap(sound, clock):
    clock.at(2.0, lambda: clock.jump(3600.0))
    items = heard(microphone(clock), clock, 3605.0)
    (gap,) = gaps_in(items)
    assert gap.reason == "computer asleep or too busy"
    assert (gap.end_sample - gap.start_sample) / 16_000 == pytest.approx(3600.0, abs=0.02)
    assert blocks_in(items)[-1].end_sample / 16_000 == pytest.approx(3605.0, abs=0.05)


def test_a_sleep_behind_which_nothing_was_heard_before_the_stop_is_a_gap_too(sound, clock):
    source = microphone(clock)
    clock.at(2.0, lambda: (clock.jump(60.0), source.stop()))
    (gap,) = gaps_in(source.blocks())
    assert gap.reason == "computer asleep or too busy"
    assert (gap.end_sample - gap.start_sample) / 16_000 == pytest.approx(60.0, abs=0.05)


@pytest.mark.parametrize("ppm", [-400, 400])
def test_a_crystal_that_is_off_does_not_drift_from_the_clock(sound, clock, ppm):
    """400 ppm are 48 ms after two minutes."""
    sound.inputs[1].speed = 1 + ppm * 1e-6
    items = heard(microphone(clock, "usb"), clock, 120.0)
    assert gaps_in(items) == []
    assert_each_sample_is_at_its_time(items, 0.025)
    assert total_samples(items) == pytest.approx(120.0 * 16_000, abs=0.03 * 16_000)


@pytest.mark.slow
def test_two_hours_lose_no_block_do_not_drift_and_need_no_more_memory(monkeypatch):
    """50 ppm would be 360 ms at the end. Chunks of 40 ms, half as many as in reality, take half as long to test."""
    monkeypatch.setattr("live_canary.audio.portaudio.CHUNK_SECONDS", 0.04)
    clock = FakeClock(tick_seconds=0.04)
    sound = FakeSoundDevice(clock, [FakeInput("USB", 16_000, 1, speed=1 + 50e-6)])
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    source = microphone(clock)
    clock.at(7200.0, source.stop)
    blocks = source.blocks()
    next(blocks)
    position, after_a_minute = 0, 0.0
    for item in blocks:
        assert isinstance(item, AudioBlock) and item.start_sample == position, item
        position = item.end_sample
        assert abs(clock.passed - position / 16_000) < 0.05
        if position == 60 * 16_000:
            after_a_minute = resident_mib()
    assert position == pytest.approx(7200 * 16_000, abs=0.05 * 16_000)
    assert resident_mib() - after_a_minute < 20


@pytest.mark.parametrize("speed", [1 / 3, 44.1 / 48, 48 / 44.1, 3])
def test_an_input_that_runs_at_another_rate_than_it_claims_is_opened_again(sound, clock, speed):
    """A headset that changes from 48 to 16 kHz under an open stream delivers a third of the samples."""
    headset = sound.inputs[0]
    clock.at(11.0, lambda: setattr(headset, "speed", speed))
    items = heard(microphone(clock), clock, 25.0)
    assert DeviceLost("Built-in", "its sample rate has changed") in items


@pytest.mark.parametrize("stalls", [3, 8])
def test_a_starved_machine_does_not_lose_what_was_captured_and_nobody_has_read(sound, clock, stalls):
    """Three stalls were taken for another sample rate, and up to a minute of good sound was thrown away with it."""
    source = microphone(clock)
    items = [next(blocks := source.blocks()), next(blocks)]
    for _ in range(stalls):
        clock.pass_by(4.0)  # nobody reads
        clock.jump(0.6)
    clock.pass_by(20.0)
    clock.at(clock.passed + 3.0, source.stop)
    items += blocks
    assert [gap.reason for gap in gaps_in(items)] == ["computer asleep or too busy"] * stalls
    assert total_samples(items) == pytest.approx((4.0 * stalls + 20.0 + 3.0) * 16_000, abs=0.2 * 16_000)
    assert_each_sample_is_at_its_time(items, 0.05)


@pytest.mark.parametrize("speed", [1 / 3, 44.1 / 48])
def test_what_was_captured_at_another_rate_than_claimed_is_not_heard_by_a_late_reader(sound, clock, speed):
    """Found at the third loss of 0.3 s, of 1 - speed in a second."""
    source = microphone(clock)
    items = [next(blocks := source.blocks()), next(blocks)]
    sound.inputs[0].speed = speed
    clock.pass_by(30.0)  # nobody reads
    clock.at(35.0, source.stop)
    items += blocks
    lost = items.index(DeviceLost("Built-in", "its sample rate has changed"))
    assert total_samples(items[:lost]) < (3 * 0.6 / (1 - speed)) * speed * 16_000
