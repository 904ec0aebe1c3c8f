"""Another input is heard when the user chooses it, or where the system's default moves."""

import pytest

from live_canary.audio.capture import Capture
from live_canary.audio.live import FREE_SECONDS, LiveSource
from live_canary.audio.portaudio import PortAudio, PortAudioInput
from live_canary.audio.source import DeviceLost, DeviceOpened, DeviceRecovered, SourceWarning
from tests.audio.hearing import assert_each_sample_is_at_its_time, blocks_in, gaps_in, heard, microphone, news_in


def test_a_source_that_follows_the_default_moves_with_it(sound, clock, monkeypatch):
    monkeypatch.setattr(PortAudioInput, "defaults_changed", lambda self: sound.default_index == 1)
    clock.at(2.0, lambda: setattr(sound, "default_index", 1))
    items = heard(microphone(clock, follow_default=True), clock, 4.0)
    assert news_in(items) == [DeviceOpened("Built-in", 48_000, 2), DeviceOpened("USB", 44_100, 1)]
    assert all(gap.end_sample - gap.start_sample < 1_600 for gap in gaps_in(items))
    assert_each_sample_is_at_its_time(items, 0.001)


def test_what_the_computer_plays_is_heard_where_it_plays_it_now(sound, clock, monkeypatch):
    """The other side of a call moves with the headset, whether or not the microphone is to."""
    monkeypatch.setattr(PortAudioInput, "defaults_changed", lambda self: sound.default_index == 1)
    sound.inputs[0].name, sound.inputs[1].name = "BlackHole 2ch", "BlackHole 16ch"
    clock.at(2.0, lambda: setattr(sound, "default_index", 1))
    source = LiveSource(Capture(None, "system", system=PortAudio(), clock=clock))
    assert [news.device for news in news_in(heard(source, clock, 4.0))] == ["BlackHole 2ch", "BlackHole 16ch"]


def test_another_input_is_heard_when_the_user_wants_it_and_time_goes_on(sound, clock):
    source = microphone(clock)
    clock.at(2.0, lambda: source.switch(source.inputs()[1]))
    items = heard(source, clock, 5.0)
    assert news_in(items) == [DeviceOpened("Built-in", 48_000, 2), DeviceOpened("USB", 44_100, 1)]
    assert blocks_in(items)[-1].end_sample == pytest.approx(5.0 * 16_000, abs=320)
    assert_each_sample_is_at_its_time(items, 0.001)
    assert source.input.name == "USB"


def test_what_is_missed_while_another_input_is_opened_is_no_loss_of_the_microphone(sound, clock, monkeypatch):
    def slow(self, *arguments):
        clock.jump(1.0)
        real(self, *arguments)

    source, real = microphone(clock), PortAudioInput.__init__
    clock.at(1.0, lambda: monkeypatch.setattr(PortAudioInput, "__init__", slow))
    clock.at(2.0, lambda: source.switch(source.inputs()[1]))
    (gap,) = gaps_in(heard(source, clock, 5.0))
    assert gap.reason == "change of device"
    assert (gap.end_sample - gap.start_sample) / 16_000 == pytest.approx(1.0, abs=0.05)


def test_an_input_that_the_user_chose_is_not_left_for_the_default(sound, clock, monkeypatch):
    monkeypatch.setattr(PortAudioInput, "defaults_changed", lambda self: clock.passed > 3.0)
    source = microphone(clock, follow_default=True)
    clock.at(2.0, lambda: source.switch(source.inputs()[1]))
    items = heard(source, clock, 5.0)
    assert news_in(items) == [DeviceOpened("Built-in", 48_000, 2), DeviceOpened("USB", 44_100, 1)]


def test_a_chosen_input_is_opened_once_it_is_free_and_the_one_before_is_heard_until_then(sound, clock):
    """Of many an input there is only one stream at a time: what showed its level has it for a moment yet."""
    source = microphone(clock)
    wanted = []
    clock.at(2.0, lambda: source.switch(source.inputs()[1], lambda: clock.passed >= 3.0))
    clock.at(2.5, lambda: wanted.append(source.input.name))
    items = heard(source, clock, 5.0)
    assert wanted == ["USB"]
    assert news_in(items) == [DeviceOpened("Built-in", 48_000, 2), DeviceOpened("USB", 44_100, 1)]
    before = items[: items.index(DeviceOpened("USB", 44_100, 1))]
    assert blocks_in(before)[-1].end_sample == pytest.approx(3.0 * 16_000, abs=640)
    assert_each_sample_is_at_its_time(items, 0.001)


def test_a_chosen_input_that_does_not_come_free_is_tried_all_the_same(sound, clock):
    source = microphone(clock)
    clock.at(1.0, lambda: source.switch(source.inputs()[1], lambda: False))
    items = heard(source, clock, 2.0 + FREE_SECONDS)
    before = items[: items.index(DeviceOpened("USB", 44_100, 1))]
    assert blocks_in(before)[-1].end_sample == pytest.approx((1.0 + FREE_SECONDS) * 16_000, abs=640)


def test_the_input_that_was_chosen_is_the_one_that_is_awaited(sound, clock):
    source = microphone(clock, follow_default=False)
    clock.at(1.0, lambda: source.switch(source.inputs()[1]))
    clock.at(3.0, lambda: setattr(sound.inputs[1], "plugged", False))
    clock.at(5.0, lambda: setattr(sound.inputs[1], "plugged", True))
    items = heard(source, clock, 9.0)
    assert [type(news) for news in news_in(items)] == [DeviceOpened, DeviceOpened, DeviceLost, DeviceRecovered]
    assert news_in(items)[-1].device == "USB"


def test_an_input_that_refuses_leaves_the_one_that_was_heard(sound, clock):
    source = microphone(clock)

    def switch():
        source.switch(source.inputs()[1])
        sound.inputs[1].plugged = False

    clock.at(2.0, switch)
    items = heard(source, clock, 5.0)
    (warning,) = [news for news in news_in(items) if isinstance(news, SourceWarning)]
    assert "Input 'USB' cannot be opened" in warning.message
    assert "Built-in stays in use" in warning.message
    assert source.input.name == "Built-in"
    assert blocks_in(items)[-1].end_sample == pytest.approx(5.0 * 16_000, abs=320)


def test_an_input_can_be_listened_to_beside_the_one_that_is_heard(sound, clock):
    source = microphone(clock)
    tried: list[bytes] = []
    opened = []
    clock.at(1.0, lambda: opened.append(source.try_out(source.inputs()[1], lambda sound, *_: tried.append(sound))))
    clock.at(2.0, lambda: opened[0].close())
    items = heard(source, clock, 3.0)
    assert len(tried) == pytest.approx(50, abs=1)
    assert gaps_in(items) == []
