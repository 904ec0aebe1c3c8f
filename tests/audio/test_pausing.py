"""A pause of a microphone: exactly what was said between the keys is left out."""

import pytest

from live_canary.audio.capture import Capture
from live_canary.audio.live import LiveSource
from live_canary.audio.portaudio import PortAudio
from live_canary.audio.source import AudioBlock, AudioGap, DeviceOpened, SourcePaused, SourceResumed
from tests.audio.fake_clock import FakeClock
from tests.audio.hearing import assert_each_sample_is_at_its_time, blocks_in, gaps_in, heard, microphone, news_in


def test_a_pause_is_a_gap_and_nothing_of_it_is_heard(sound, clock):
    source = microphone(clock)
    clock.at(1.0, source.pause)
    clock.at(4.0, source.resume)
    items = heard(source, clock, 6.0)
    (gap,) = gaps_in(items)
    assert gap.reason == "paused"
    assert gap.start_sample == pytest.approx(1.0 * 16_000, abs=320)
    assert gap.end_sample == pytest.approx(4.0 * 16_000, abs=320)
    assert [type(item) for item in news_in(items)] == [DeviceOpened, SourcePaused, SourceResumed]
    assert type(items[items.index(gap) - 1]) is SourcePaused  # what was said before it does not wait for its end
    assert_each_sample_is_at_its_time(items, 0.001)


def test_what_begins_with_a_pause_hears_nothing_before_its_end(sound, clock):
    """Nor what the input had heard already when the session was still being loaded."""
    capture = Capture(None, system=PortAudio(), clock=clock)
    capture.open()
    clock.pass_by(2.0)
    source = LiveSource(capture, paused=True)
    clock.at(5.0, source.resume)
    items = heard(source, clock, 7.0)
    (gap,) = gaps_in(items)
    assert (gap.start_sample, gap.reason) == (0, "paused")
    assert gap.end_sample == pytest.approx(5.0 * 16_000, abs=320)
    assert [type(item) for item in news_in(items)] == [DeviceOpened, SourcePaused, SourceResumed]
    assert blocks_in(items)[-1].end_sample == pytest.approx(7.0 * 16_000, abs=320)


@pytest.mark.parametrize("pressed,pressed_again", [(2.5, 7.0), (1.0, 3.5), (2.5, 3.5)])
def test_exactly_what_was_said_between_the_keys_is_left_out_by_a_late_reader(
    sound, clock, monkeypatch, pressed, pressed_again
):
    """Held up from 2.0 to 5.0: what was said before the pause is not dropped, and nothing said in it is heard."""

    def held_up(chunks, seconds):
        if 2.0 <= clock.passed < 5.0:
            clock.pass_by(3.0)
        return FakeClock.next_of(clock, chunks, seconds)

    monkeypatch.setattr(clock, "next_of", held_up)
    source = microphone(clock)
    clock.at(pressed, source.pause)
    clock.at(pressed_again, source.resume)
    items = heard(source, clock, 9.0)
    (gap,) = gaps_in(items)
    assert (gap.start_sample, gap.end_sample) == pytest.approx((pressed * 16_000, pressed_again * 16_000), abs=320)
    kinds = [type(item) for item in items if not isinstance(item, AudioBlock)]
    assert kinds == [DeviceOpened, SourcePaused, AudioGap, SourceResumed]
    assert blocks_in(items)[-1].end_sample == pytest.approx(9.0 * 16_000, abs=320)
    assert_each_sample_is_at_its_time(items, 0.001)


def test_exactly_what_was_said_between_the_keys_is_left_out_where_callbacks_come_late(sound, clock):
    source = microphone(clock)
    clock.at(1.0, lambda: setattr(sound.inputs[0], "stalled", True))
    clock.at(1.3, source.pause)
    clock.at(1.6, lambda: setattr(sound.inputs[0], "stalled", False))
    clock.at(3.0, lambda: setattr(sound.inputs[0], "stalled", True))
    clock.at(3.3, source.resume)
    clock.at(3.6, lambda: setattr(sound.inputs[0], "stalled", False))
    (gap,) = gaps_in(heard(source, clock, 5.0))
    assert (gap.start_sample, gap.end_sample) == pytest.approx((1.3 * 16_000, 3.3 * 16_000), abs=320)


def test_a_pause_is_told_at_once_while_the_microphone_is_away(sound, clock):
    source = microphone(clock)
    clock.at(1.0, lambda: setattr(sound.inputs[0], "plugged", False))
    clock.at(3.0, source.pause)
    clock.at(6.0, source.stop)
    told_at = [clock.passed for item in source.blocks() if isinstance(item, SourcePaused)]
    assert told_at == [pytest.approx(3.0, abs=0.3)]


def test_a_pause_until_the_end_is_a_gap_too(sound, clock):
    source = microphone(clock)
    clock.at(1.0, source.pause)
    items = heard(source, clock, 3.0)
    assert gaps_in(items)[-1].end_sample == pytest.approx(3.0 * 16_000, abs=320)


def test_a_pause_in_which_the_microphone_is_unplugged_is_one_gap(sound, clock):
    source = microphone(clock)
    clock.at(1.0, source.pause)
    clock.at(2.0, lambda: setattr(sound.inputs[0], "plugged", False))
    clock.at(4.0, lambda: setattr(sound.inputs[0], "plugged", True))
    clock.at(8.0, source.resume)
    items = heard(source, clock, 10.0)
    (gap,) = gaps_in(items)
    assert (gap.end_sample - gap.start_sample) / 16_000 == pytest.approx(7.0, abs=0.05)
    assert_each_sample_is_at_its_time(items, 0.001)
