"""A microphone through PortAudio, in a world whose time passes only while the source waits."""

import subprocess
import sys
import threading

import numpy as np
import pytest

from live_canary.audio.capture import Capture
from live_canary.audio.live import LiveSource
from live_canary.audio.portaudio import PortAudio
from live_canary.audio.source import DeviceHeard, DeviceLost, DeviceOpened, DeviceRecovered, DeviceSilent
from live_canary.errors import DeviceError
from tests.audio.fake_sounddevice import HZ, FakeInput, FakeStream
from tests.audio.hearing import (
    assert_each_sample_is_at_its_time,
    blocks_in,
    gaps_in,
    heard,
    microphone,
    news_in,
    total_samples,
)


@pytest.mark.parametrize("device,name,rate,channels", [(None, "Built-in", 48_000, 2), ("usb", "USB", 44_100, 1)])
def test_an_input_is_heard_at_its_own_rate_from_its_first_sample(sound, clock, device, name, rate, channels):
    opened, *items = heard(microphone(clock, device), clock, 2.0)
    assert opened == DeviceOpened(name, rate, channels)
    samples = np.concatenate([block.samples for block in items])
    assert len(samples) == pytest.approx(2.0 * 16_000, abs=320)
    expected = 0.5 * np.sin(2 * np.pi * HZ * np.arange(len(samples)) / 16_000)
    np.testing.assert_allclose(samples[100:-100], expected[100:-100], atol=0.05)


def test_what_was_captured_before_the_stop_is_still_given(sound, clock):
    source = microphone(clock)
    items = source.blocks()
    next(items)
    clock.pass_by(1.0)  # nobody reads
    source.stop()
    assert total_samples(items) == 16_000


def test_a_second_stop_while_the_reader_is_behind_marks_no_loss(sound, clock):
    source = microphone(clock)
    items = source.blocks()
    next(items)
    clock.pass_by(1.0)
    source.stop()
    clock.pass_by(1.0)
    source.stop()  # Ctrl-C, and once more
    assert gaps_in(items) == []


def test_nothing_said_after_the_stop_is_heard_though_the_reader_is_behind_and_changes_its_input(sound, clock):
    source = microphone(clock)
    items = source.blocks()
    next(items)
    source.switch(source.inputs()[1])
    clock.pass_by(1.0)
    source.stop()
    clock.pass_by(1.0)
    assert total_samples(items) == 16_000


def test_what_was_heard_before_anybody_could_read_it_comes_first(sound, clock):
    listening = Capture(system=PortAudio(), clock=clock)
    listening.open()
    clock.pass_by(3.0)  # the rest of the program is imported
    items = heard(LiveSource(listening), clock, 5.0)
    assert len(sound.streams) == 1
    assert total_samples(items) == pytest.approx(5.0 * 16_000, abs=320)
    assert_each_sample_is_at_its_time(items, 0.001)


def test_nothing_heard_before_a_question_is_given_away(sound, clock):
    listening = Capture(system=PortAudio(), clock=clock)
    listening.open()
    clock.pass_by(1.0)
    listening.forget()
    assert sound.open_streams == []
    clock.pass_by(60.0)  # the user thinks, or downloads
    items = heard(LiveSource(listening), clock, 63.0)
    assert gaps_in(items) == []
    assert total_samples(items) == pytest.approx(2.0 * 16_000, abs=320)


def test_the_stream_is_closed_when_the_reader_leaves(sound, clock):
    blocks = microphone(clock).blocks()
    next(blocks), next(blocks)
    blocks.close()
    assert sound.open_streams == []


@pytest.fixture
def hanging(sound, monkeypatch):
    """The first stream that is opened hangs in its close until this is set, and goes on delivering."""
    released, lasting = threading.Event(), FakeStream.abort

    def abort(stream, ignore_errors=True):
        if stream is not sound.streams[0] or released.wait():
            lasting(stream)

    monkeypatch.setattr(FakeStream, "abort", abort)
    monkeypatch.setattr("live_canary.audio.capture.CLOSE_SECONDS", 0.05)
    yield released
    released.set()
    for thread in threading.enumerate():
        if thread.name == "close input":
            thread.join(10)


def test_an_input_that_hangs_when_it_is_closed_does_not_keep_the_source_from_ending(sound, clock, hanging):
    items = heard(microphone(clock), clock, 2.0)
    assert total_samples(items) == pytest.approx(2.0 * 16_000, abs=320)


def test_an_input_that_hangs_when_it_is_lost_does_not_deafen_and_is_not_heard_beside_the_next(sound, clock, hanging):
    clock.at(1.0, lambda: setattr(sound.inputs[0], "stalled", True))
    clock.at(5.0, lambda: setattr(sound.inputs[0], "stalled", False))
    items = heard(microphone(clock), clock, 8.0)
    assert [type(news) for news in news_in(items)] == [DeviceOpened, DeviceLost, DeviceRecovered]
    assert sound.open_streams == [sound.streams[0]]  # the one that hangs
    assert blocks_in(items)[-1].end_sample == pytest.approx(8.0 * 16_000, abs=320)
    assert_each_sample_is_at_its_time(items, 0.001)


def test_no_thread_is_left_of_an_input_that_closes(sound, clock):
    before = threading.enumerate()
    heard(microphone(clock), clock, 0.1)
    assert set(threading.enumerate()) <= set(before)


ENDS_WITH_PORTAUDIO = """
import atexit, sys, types
sys.modules["sounddevice"] = fake = types.ModuleType("sounddevice")
fake._exit_handler = lambda: print("waits for every stream")
atexit.register(fake._exit_handler)
from live_canary.audio.portaudio import load_portaudio
assert load_portaudio() is fake
"""


def test_a_stream_that_hangs_is_not_waited_for_when_the_program_ends():
    ended = subprocess.run([sys.executable, "-c", ENDS_WITH_PORTAUDIO], capture_output=True, text=True, check=True)
    assert ended.stdout == ""


def test_an_input_that_refuses_says_which_and_why(sound, clock):
    sound.refuses = "Invalid number of channels"
    with pytest.raises(DeviceError, match="Input 'Built-in' cannot be opened: Invalid number of channels"):
        next(microphone(clock).blocks())


def test_an_input_that_opens_but_does_not_start_is_closed_again(sound, clock):
    """It would keep the device busy for every later try."""
    sound.refuses_to_run = True
    with pytest.raises(DeviceError, match="Input 'Built-in' cannot be opened: Error starting stream"):
        next(microphone(clock).blocks())
    assert [stream.closed for stream in sound.streams] == [True]


def test_no_other_input_is_opened_when_the_numbers_have_changed_meanwhile(sound):
    """The listening thread, which awaits its microphone, and the dialog of inputs both let the list be read anew."""
    usb = PortAudio().inputs()[1]
    sound.inputs.insert(0, FakeInput("Webcam", usb.rate, usb.channels))
    PortAudio().refresh()
    with pytest.raises(DeviceError, match="Input 'USB' cannot be opened: it has another number now"):
        PortAudio().open(usb, lambda *_: None)


def test_no_sound_library_is_loaded_before_an_input_is_opened(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)  # importing it would fail
    source = LiveSource(Capture("usb", system=PortAudio()))
    with pytest.raises(DeviceError, match="PortAudio is not installed"):
        next(source.blocks())


def test_a_sound_system_that_does_not_start_is_told_in_a_sentence(sound, monkeypatch):
    sound.cannot_start = True
    with pytest.raises(DeviceError, match=r"gives no inputs \(Error initializing .*\); restart it and try again"):
        PortAudio().refresh()
    with pytest.raises(DeviceError, match=r"gives no inputs \(PortAudio not initialized"):
        PortAudio().inputs()
    monkeypatch.setattr("importlib.import_module", lambda name: sound._initialize())  # as importing sounddevice does
    with pytest.raises(DeviceError, match=r"gives no inputs \(Error initializing"):
        PortAudio().inputs()


def test_portaudio_is_not_restarted_while_another_thread_lists_its_inputs(sound, monkeypatch):
    asked, answer = threading.Event(), threading.Event()

    def query_devices():
        asked.set()
        assert answer.wait(10)
        return []

    def restart():
        PortAudio().refresh()
        restarted.append(answer.is_set())

    restarted: list[bool] = []
    monkeypatch.setattr(sound, "query_devices", query_devices)
    threads = [threading.Thread(target=PortAudio().inputs), threading.Thread(target=restart)]
    threads[0].start()
    assert asked.wait(10)
    threads[1].start()
    threads[1].join(0.05)  # it would be done by then
    answer.set()
    for thread in threads:
        thread.join(10)
    assert restarted == [True]


def test_ten_seconds_of_zeros_are_told_once_and_so_is_their_end(sound, clock):
    clock.at(5.0, lambda: setattr(sound.inputs[0], "muted", True))
    clock.at(40.0, lambda: setattr(sound.inputs[0], "muted", False))
    source = microphone(clock)
    items = heard(source, clock, 45.0)
    assert news_in(items)[1:] == [DeviceSilent("Built-in", 10.0), DeviceHeard()]
    told = items.index(DeviceSilent("Built-in", 10.0))
    assert total_samples(items[:told]) == pytest.approx(15.0 * 16_000, abs=800)


def test_a_computer_that_plays_nothing_is_nothing_to_tell(sound, clock):
    sound.inputs[0].name, sound.inputs[0].muted = "BlackHole 2ch", True
    source = LiveSource(Capture(None, "system", system=PortAudio(), clock=clock))
    assert source.name == "System sound"
    assert news_in(heard(source, clock, 20.0)) == [DeviceOpened("BlackHole 2ch", 48_000, 2)]


@pytest.mark.parametrize(
    ("opened", "delivers", "gaps"), [(1.5, 0.0, []), (0.0, 1.5, []), (0.0, 5.0, ["microphone lost"])]
)
def test_two_inputs_count_from_one_moment_however_late_one_of_them_begins(sound, clock, opened, delivers, gaps):
    """A Bluetooth headset takes seconds; what it hears would stand before what it answers."""
    first, second = inputs = [Capture(name, system=PortAudio(), clock=clock) for name in ("Built-in", "USB")]
    first.open()
    clock.pass_by(opened)
    second.open()
    sound.inputs[1].stalled = True
    clock.at(delivers, lambda: setattr(sound.inputs[1], "stalled", False))
    sources = [LiveSource(one, together=inputs) for one in inputs]
    for source in sources:
        clock.at(8.0, source.stop)
    ends, found = [], []
    for source in reversed(sources):
        items = list(source.blocks())
        found += [gap.reason for gap in gaps_in(items)]
        ends.append(blocks_in(items)[-1].end_sample / 16_000)
    assert ends == [pytest.approx(8.0, abs=0.05)] * 2
    assert found == gaps
