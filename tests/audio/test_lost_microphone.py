"""An input that goes away is awaited, what it missed is one gap of true length, and nobody else is disturbed."""

import pytest

from live_canary.audio.source import AudioBlock, AudioGap, DeviceLost, DeviceOpened, DeviceRecovered
from tests.audio.hearing import (
    assert_each_sample_is_at_its_time,
    blocks_in,
    gaps_in,
    heard,
    microphone,
    news_in,
    total_samples,
)


def test_an_unplugged_microphone_is_awaited_and_its_absence_is_one_gap_of_true_length(sound, clock):
    usb = sound.inputs[1]
    clock.at(2.0, lambda: setattr(usb, "plugged", False))
    clock.at(7.5, lambda: setattr(usb, "plugged", True))
    items = heard(microphone(clock, "usb"), clock, 12.0)
    _, lost, recovered = news_in(items)
    (gap,) = gaps_in(items)
    assert lost == DeviceLost("USB", "it was unplugged")
    assert gap.start_sample == pytest.approx(2.0 * 16_000, abs=320)
    assert 5.5 <= (gap.end_sample - gap.start_sample) / 16_000 < 7.0  # back within 1.5 s of being plugged in
    assert gap.reason == "microphone lost"
    assert recovered == DeviceRecovered("USB", pytest.approx((gap.end_sample - gap.start_sample) / 16_000, abs=1e-3))
    assert blocks_in(items)[-1].end_sample == pytest.approx(12.0 * 16_000, abs=320)
    assert_each_sample_is_at_its_time(items, 0.001)


def test_a_gap_has_its_true_length_also_when_the_first_callbacks_came_late(sound, clock):
    """While the program is imported its callbacks wait; without that known, a short gap would disappear."""
    headset = sound.inputs[0]
    headset.stalled = True
    clock.at(0.4, lambda: setattr(headset, "stalled", False))
    clock.at(3.0, lambda: setattr(headset, "plugged", False))
    clock.at(3.1, lambda: setattr(headset, "plugged", True))
    items = heard(microphone(clock), clock, 6.0)
    (gap,) = gaps_in(items)
    assert (gap.end_sample - gap.start_sample) / 16_000 == pytest.approx(0.25, abs=0.05)
    assert blocks_in(items)[-1].end_sample == pytest.approx(6.0 * 16_000, abs=320)


def test_the_loss_is_told_before_the_gap_and_after_all_that_was_heard(sound, clock):
    clock.at(1.0, lambda: setattr(sound.inputs[0], "plugged", False))
    clock.at(2.0, lambda: setattr(sound.inputs[0], "plugged", True))
    items = heard(microphone(clock), clock, 4.0)
    kinds = [type(item) for item in items if not isinstance(item, AudioBlock)]
    assert kinds == [DeviceOpened, DeviceLost, DeviceRecovered, AudioGap]
    before = items[: items.index(next(item for item in items if isinstance(item, DeviceLost)))]
    assert total_samples(before) == pytest.approx(16_000, abs=320)


def test_an_input_that_delivers_nothing_any_more_is_opened_again(sound, clock):
    clock.at(1.0, lambda: setattr(sound.inputs[0], "stalled", True))
    clock.at(5.0, lambda: setattr(sound.inputs[0], "stalled", False))
    items = heard(microphone(clock), clock, 15.0)
    _, lost, recovered = news_in(items)
    assert lost == DeviceLost("Built-in", "it delivers no more sound")
    assert recovered.gap_seconds == pytest.approx(3.1, abs=0.2)  # opened again after 3 s, it keeps what is said
    assert_each_sample_is_at_its_time(items, 0.001)


def test_the_default_input_takes_over_if_the_user_wants_it(sound, clock):
    clock.at(1.0, lambda: setattr(sound.inputs[1], "plugged", False))
    items = heard(microphone(clock, "usb", follow_default=True), clock, 5.0)
    assert news_in(items)[1:] == [
        DeviceLost("USB", "it was unplugged"),
        DeviceRecovered("Built-in", pytest.approx(0.25, abs=0.15)),
    ]
    assert_each_sample_is_at_its_time(items, 0.001)


def test_without_that_wish_nothing_takes_over_and_the_end_of_the_gap_is_the_stop(sound, clock):
    clock.at(1.0, lambda: setattr(sound.inputs[1], "plugged", False))
    items = heard(microphone(clock, "usb"), clock, 5.0)
    assert news_in(items)[1:] == [DeviceLost("USB", "it was unplugged")]
    assert gaps_in(items)[-1].end_sample == pytest.approx(5.0 * 16_000, abs=0.3 * 16_000)


def test_a_second_source_goes_on_undisturbed_while_the_first_awaits_its_input(sound, clock):
    """Restarting PortAudio would end every open stream; the fake refuses it."""
    other = microphone(clock).blocks()
    next(other)
    clock.at(1.0, lambda: setattr(sound.inputs[1], "plugged", False))
    clock.at(2.0, lambda: setattr(sound.inputs[1], "plugged", True))
    items = heard(microphone(clock, "usb"), clock, 6.0)
    assert [type(one) for one in news_in(items)] == [DeviceOpened, DeviceLost, DeviceRecovered]
    assert len(sound.open_streams) == 1
    other.close()


def test_a_sound_system_that_is_restarted_while_its_microphone_is_awaited_ends_nothing(sound, clock):
    usb = sound.inputs[1]
    clock.at(1.0, lambda: setattr(usb, "plugged", False))
    clock.at(1.0, lambda: setattr(sound, "cannot_start", True))
    clock.at(4.0, lambda: setattr(sound, "cannot_start", False))
    clock.at(5.0, lambda: setattr(usb, "plugged", True))
    items = heard(microphone(clock, "usb"), clock, 9.0)
    assert [type(one) for one in news_in(items)] == [DeviceOpened, DeviceLost, DeviceRecovered]
    assert blocks_in(items)[-1].end_sample == pytest.approx(9.0 * 16_000, abs=320)
    assert_each_sample_is_at_its_time(items, 0.001)


def test_a_stream_that_answers_with_an_error_is_a_lost_one(sound, clock):
    clock.at(1.0, lambda: setattr(sound.inputs[0], "broken", True))
    clock.at(2.0, lambda: setattr(sound.inputs[0], "broken", False))
    news = news_in(heard(microphone(clock), clock, 5.0))
    assert [type(one) for one in news] == [DeviceOpened, DeviceLost, DeviceRecovered]


def test_an_input_that_comes_back_with_another_rate_is_heard_right(sound, clock):
    def replug():
        sound.inputs[0].plugged, sound.inputs[0].rate = True, 16_000

    clock.at(1.0, lambda: setattr(sound.inputs[0], "plugged", False))
    clock.at(2.0, replug)
    items = heard(microphone(clock), clock, 6.0)
    assert_each_sample_is_at_its_time(items, 0.001)
    assert blocks_in(items)[-1].end_sample == pytest.approx(6.0 * 16_000, abs=320)
