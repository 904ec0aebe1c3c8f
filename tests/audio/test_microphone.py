"""A microphone through PortAudio, in a world whose time passes only while the source waits."""

import resource
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from live_canary.audio.capture import INBOX_CHUNKS, Capture
from live_canary.audio.live import FREE_SECONDS, LiveSource
from live_canary.audio.portaudio import PortAudio, PortAudioInput
from live_canary.audio.source import (
    AudioBlock,
    AudioGap,
    DeviceHeard,
    DeviceLost,
    DeviceOpened,
    DeviceRecovered,
    DeviceSilent,
    SourcePaused,
    SourceResumed,
    SourceWarning,
)
from live_canary.errors import DeviceError
from tests.audio.fake_clock import FakeClock
from tests.audio.fake_sounddevice import HZ, FakeInput, FakeSoundDevice, FakeStream
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


def test_a_source_that_follows_the_default_moves_with_it(sound, clock, monkeypatch):
    monkeypatch.setattr(PortAudioInput, "defaults_changed", lambda self: sound.default_index == 1)
    clock.at(2.0, lambda: setattr(sound, "default_index", 1))
    items = heard(microphone(clock, follow_default=True), clock, 4.0)
    assert news_in(items) == [DeviceOpened("Built-in", 48_000, 2), DeviceOpened("USB", 44_100, 1)]
    assert all(gap.end_sample - gap.start_sample < 1_600 for gap in gaps_in(items))
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


def test_an_input_that_comes_back_with_another_rate_is_heard_right(sound, clock):
    def replug():
        sound.inputs[0].plugged, sound.inputs[0].rate = True, 16_000

    clock.at(1.0, lambda: setattr(sound.inputs[0], "plugged", False))
    clock.at(2.0, replug)
    items = heard(microphone(clock), clock, 6.0)
    assert_each_sample_is_at_its_time(items, 0.001)
    assert blocks_in(items)[-1].end_sample == pytest.approx(6.0 * 16_000, abs=320)


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


def test_what_the_computer_plays_is_heard_where_it_plays_it_now(sound, clock, monkeypatch):
    """The other side of a call moves with the headset, whether or not the microphone is to."""
    monkeypatch.setattr(PortAudioInput, "defaults_changed", lambda self: sound.default_index == 1)
    sound.inputs[0].name, sound.inputs[1].name = "BlackHole 2ch", "BlackHole 16ch"
    clock.at(2.0, lambda: setattr(sound, "default_index", 1))
    source = LiveSource(Capture(None, "system", system=PortAudio(), clock=clock))
    assert [news.device for news in news_in(heard(source, clock, 4.0))] == ["BlackHole 2ch", "BlackHole 16ch"]


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
