"""What desks do to microphones, in any order and all at once."""

import random

import pytest

from live_canary.audio.portaudio import PortAudio, PortAudioInput
from live_canary.audio.source import (
    AudioGap,
    DeviceLost,
    DeviceOpened,
    DeviceRecovered,
    SourcePaused,
    SourceResumed,
)
from tests.audio.fake_sounddevice import FakeInput
from tests.audio.hearing import (
    assert_each_sample_is_at_its_time,
    blocks_in,
    gaps_in,
    heard,
    microphone,
    news_in,
    total_samples,
)

SECONDS = 24.0


def kinds(items):
    return [type(one) for one in news_in(items)]


def disturb(sound, clock, source, seed):
    """A dozen things within 20 seconds."""
    chance = random.Random(seed)
    headset = sound.inputs[0]

    def lose():
        for stream in sound.open_streams:
            stream.lose(0.4)

    deeds = [
        lambda: setattr(headset, "plugged", False),
        lambda: setattr(headset, "plugged", True),
        lambda: setattr(headset, "stalled", not headset.stalled),
        lambda: setattr(
            headset, "rate", chance.choice([16_000, 44_100, 48_000]) if not headset.plugged else headset.rate
        ),
        lambda: clock.jump(5.0),
        lambda: source.switch(chance.choice(source.inputs() or [source.input])),
        source.pause,
        source.resume,
        lose,
    ]
    for _ in range(12):
        clock.at(round(chance.uniform(0.5, 20.0), 2), chance.choice(deeds))


@pytest.mark.parametrize("seed", range(24))
def test_whatever_happens_time_is_kept_and_every_loss_is_told_and_marked(sound, clock, seed):
    source = microphone(clock, follow_default=seed % 2 == 1)
    disturb(sound, clock, source, seed)
    items = heard(source, clock, SECONDS)  # positions are contiguous
    last = [item for item in items if hasattr(item, "end_sample")][-1]
    assert last.end_sample / 16_000 == pytest.approx(clock.passed, abs=0.35)
    told = [kind for kind in kinds(items) if kind in (DeviceLost, DeviceRecovered)]
    assert told == [DeviceLost, DeviceRecovered] * (len(told) // 2) + [DeviceLost] * (len(told) % 2)
    paused = [kind for kind in kinds(items) if kind in (SourcePaused, SourceResumed)]
    assert paused == [SourcePaused, SourceResumed] * (len(paused) // 2) + [SourcePaused] * (len(paused) % 2)
    assert sound.open_streams == []


def test_a_microphone_that_is_unplugged_twice_leaves_two_gaps(sound, clock):
    for moment in (1.0, 5.0):
        clock.at(moment, lambda: setattr(sound.inputs[0], "plugged", False))
        clock.at(moment + 1.5, lambda: setattr(sound.inputs[0], "plugged", True))
    items = heard(microphone(clock), clock, 10.0)
    assert kinds(items) == [DeviceOpened, DeviceLost, DeviceRecovered, DeviceLost, DeviceRecovered]
    assert [gap.reason for gap in gaps_in(items)] == ["microphone lost"] * 2
    assert_each_sample_is_at_its_time(items, 0.001)


def test_a_session_that_ends_while_muted_and_unplugged_ends_with_one_gap_up_to_then(sound, clock):
    source = microphone(clock)
    clock.at(1.0, source.pause)
    clock.at(2.0, lambda: setattr(sound.inputs[0], "plugged", False))
    items = heard(source, clock, 5.0)
    (gap,) = gaps_in(items)
    assert items[-1] == gap == AudioGap(gap.start_sample, pytest.approx(5.0 * 16_000, abs=320), "paused")


def test_what_the_input_gave_before_it_was_left_is_heard_also_by_a_late_reader(sound, clock):
    source = microphone(clock)
    items = [next(blocks := source.blocks())]
    source.switch(source.inputs()[1])
    clock.pass_by(2.0)  # nobody reads
    clock.at(4.0, source.stop)
    items += blocks
    assert total_samples(items) == pytest.approx(4.0 * 16_000, abs=960)
    assert_each_sample_is_at_its_time(items, 0.001)


def test_a_stop_is_not_forgotten_over_a_switch(sound, clock):
    source = microphone(clock)
    blocks = source.blocks()
    next(blocks)
    clock.pass_by(1.0)
    source.switch(source.inputs()[1])
    source.stop()
    assert total_samples(blocks) == pytest.approx(16_000, abs=320)


def test_of_two_inputs_with_one_name_the_one_that_was_chosen_is_awaited(sound, clock):
    """PortAudio tells them apart by their order alone."""
    sound.inputs.append(FakeInput("USB", 32_000, 1))
    PortAudio().refresh()
    clock.at(1.0, lambda: setattr(sound.inputs[2], "plugged", False))
    clock.at(4.0, lambda: setattr(sound.inputs[2], "plugged", True))
    opened, lost, recovered = news_in(heard(microphone(clock, 2), clock, 8.0))
    assert opened == DeviceOpened("USB", 32_000, 1)
    assert lost == DeviceLost("USB", "it was unplugged")
    assert recovered.gap_seconds > 3.0


def test_an_input_comes_back_after_the_default_that_should_have_replaced_it_refused(sound, clock, monkeypatch):
    usb = sound.inputs[1]
    real = PortAudioInput.__init__

    def refuse_the_default(self, sounddevice, chosen, deliver, open_inputs):
        sound.refuses = "busy" if chosen.name == "Built-in" else ""
        real(self, sounddevice, chosen, deliver, open_inputs)

    monkeypatch.setattr(PortAudioInput, "__init__", refuse_the_default)
    clock.at(1.0, lambda: setattr(usb, "plugged", False))
    clock.at(4.0, lambda: setattr(usb, "plugged", True))
    items = heard(microphone(clock, "usb", follow_default=True), clock, 8.0)
    assert [one.device for one in news_in(items)] == ["USB", "USB", "USB"]
    assert blocks_in(items)[-1].end_sample == pytest.approx(8.0 * 16_000, abs=320)
