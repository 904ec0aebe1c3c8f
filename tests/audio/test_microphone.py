import sys

import numpy as np
import pytest
from fake_clock import FakeClock
from fake_sounddevice import FakeInput, FakeSoundDevice

from live_canary.audio.microphone import MicrophoneSource
from live_canary.audio.source import AudioBlock, AudioGap, DeviceOpened
from live_canary.errors import DeviceError


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def sound(clock, monkeypatch):
    """A machine with two inputs; time passes only while the source waits."""
    machine = FakeSoundDevice(clock, [FakeInput("Built-in", 48_000, 2), FakeInput("USB", 44_100, 1)])
    monkeypatch.setitem(sys.modules, "sounddevice", machine)
    return machine


def stop_after(source, clock, seconds):
    end = clock.now() + seconds
    clock.on_tick.append(lambda: source.stop() if clock.now() > end and not clock.stopped else None)


def sound_in(items):
    """All samples, after checking that positions are contiguous."""
    position, pieces = 0, [np.zeros(0, np.float32)]
    for item in items:
        if isinstance(item, AudioBlock | AudioGap):
            assert item.start_sample == position
            position = item.end_sample
        if isinstance(item, AudioBlock):
            pieces.append(item.samples)
    return np.concatenate(pieces)


@pytest.mark.parametrize("device,name,rate,channels", [(None, "Built-in", 48_000, 2), ("usb", "USB", 44_100, 1)])
def test_an_input_is_heard_at_its_own_rate_from_its_first_sample(sound, clock, device, name, rate, channels):
    source = MicrophoneSource(device, clock)
    stop_after(source, clock, 2.0)
    opened, *items = source.blocks()
    assert opened == DeviceOpened(name, rate, channels)
    samples = sound_in(items)
    assert len(samples) == pytest.approx(2.0 * 16_000, abs=320)
    expected = 0.5 * np.sin(2 * np.pi * 100 * np.arange(len(samples)) / 16_000)
    np.testing.assert_allclose(samples[100:-100], expected[100:-100], atol=0.05)


def test_what_was_captured_before_the_stop_is_still_given(sound, clock):
    source = MicrophoneSource(None, clock)
    items = source.blocks()
    next(items)
    clock.pass_by(1.0)  # nobody reads
    source.stop()
    assert len(sound_in(items)) == 16_000


def test_the_stream_is_closed_when_the_reader_leaves(sound, clock):
    blocks = MicrophoneSource(None, clock).blocks()
    next(blocks), next(blocks)
    blocks.close()
    assert [stream.active for stream in sound.streams] == [False]


def test_an_input_that_refuses_says_which_and_why(sound, clock):
    sound.refuses = "Invalid number of channels"
    with pytest.raises(DeviceError, match="Input 'Built-in' cannot be opened: Invalid number of channels"):
        next(MicrophoneSource(None, clock).blocks())


def test_no_sound_library_is_loaded_before_an_input_is_opened(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # importing it would fail
    source = MicrophoneSource("usb")
    with pytest.raises(DeviceError, match="PortAudio is not installed"):
        next(source.blocks())
