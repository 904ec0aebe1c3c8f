"""Microphones and speakers of a real PulseAudio."""

import subprocess

import numpy as np
import pytest

from live_canary.audio.capture import Capture
from live_canary.audio.devices import find_input, list_inputs, sound_system
from live_canary.audio.live import LiveSource
from live_canary.audio.portaudio import PortAudio, load_portaudio
from live_canary.audio.pulse import Pulse
from live_canary.audio.recording_file import read_recording
from live_canary.audio.source import (
    AudioGap,
    DeviceHeard,
    DeviceLost,
    DeviceOpened,
    DeviceRecovered,
    DeviceSilent,
)
from live_canary.errors import DeviceError
from tests.microphone.conftest import position_in, share_in

pytestmark = [pytest.mark.microphone]

SECOND = 16_000


def test_inputs_have_human_names_and_what_the_computer_plays_is_among_them(sound):
    assert isinstance(sound_system(), Pulse)
    inputs = list_inputs()
    assert [(one.name, one.hears, one.is_default) for one in inputs] == [
        ("Desk_Microphone", "microphone", True),
        ("Monitor of Microphone_Feed", "system", False),
        ("Monitor of Speakers", "system", True),
        ("Monitor of Headset", "system", False),
    ]
    assert {(one.rate, one.channels) for one in inputs} == {(44_100, 2)}
    assert find_input("desk", inputs) == inputs[0]
    assert find_input("headset", inputs, hears="system") == inputs[3]
    with pytest.raises(DeviceError, match=r"no input 'Yeti'; there is: \d Desk_Microphone"):
        find_input("Yeti", inputs)


def test_all_that_is_played_into_the_microphone_is_heard(sound, listen, noise, tmp_path):
    listener = listen(LiveSource(Capture()))
    recorder = sound.record("virtmic", tmp_path / "recorded.wav")
    assert sound.play(noise(1, 3.0), into="mic_feed").wait() == 0
    recorder.terminate(), recorder.wait()
    heard = listener.until_heard(0.5).stop().samples
    assert share_in(heard, read_recording(noise(1, 3.0))) > 0.9
    recorded = read_recording(tmp_path / "recorded.wav")
    start, likeness = position_in(heard, recorded)
    assert likeness > 0.98
    for second in range(3):  # nothing lost or repeated in between
        at, _ = position_in(heard, recorded[second * SECOND : (second + 1) * SECOND])
        assert abs(at - start - second * SECOND) <= 8


def test_portaudio_hears_the_same_microphone(sound, listen, noise):
    try:
        load_portaudio()._terminate()  # it may have started before there was a server
        load_portaudio()._initialize()
    except DeviceError as error:
        pytest.skip(str(error))
    listener = listen(LiveSource(Capture("default", system=PortAudio())))
    sound.play(noise(2, 1.0), into="mic_feed").wait()
    heard = listener.until_heard(0.5).stop().samples
    assert share_in(heard, read_recording(noise(2, 1.0))) > 0.8


def test_an_unplugged_microphone_comes_back_and_what_follows_stands_at_its_time(sound, listen, noise, tmp_path):
    recorder = sound.record("mic_feed.monitor", tmp_path / "recorded.wav")  # of what the microphone hears; it stays
    sound.play(noise(3, 15.0), into="mic_feed")
    listener = listen(LiveSource(Capture("desk"))).until_heard(2.0)
    sound.do("unplug")
    listener.until_news(DeviceLost)
    sound.do("plug")
    listener.until_news(DeviceRecovered).until_heard(2.0).stop()
    recorder.terminate(), recorder.wait()

    assert [type(one) for one in listener.news] == [DeviceOpened, DeviceLost, DeviceRecovered]
    assert listener.news[1] == DeviceLost("Desk_Microphone", "it was unplugged")
    (gap,) = (item for item in listener.items if isinstance(item, AudioGap))
    assert listener.news[2].gap_seconds == pytest.approx((gap.end_sample - gap.start_sample) / SECOND, abs=0.001)
    heard, recorded = listener.samples, read_recording(tmp_path / "recorded.wav")
    before, _ = position_in(recorded, heard[SECOND : 2 * SECOND])
    after, _ = position_in(recorded, heard[gap.end_sample + 8_000 : gap.end_sample + 24_000])
    assert (after - before) / SECOND == pytest.approx((gap.end_sample + 8_000 - SECOND) / SECOND, abs=0.1)


def test_an_unplugged_microphone_is_never_replaced_by_what_the_computer_plays(sound, listen, noise):
    """The server would move the stream to the monitor of the speakers; the other side of a call became "me"."""
    listener = listen(LiveSource(Capture(follow_default=True))).until_heard(0.5)
    sound.do("unplug")
    listener.until_news(DeviceLost)
    sound.play(noise(4, 1.0), into="speakers").wait()
    listener.stop()
    sound.do("plug")
    assert np.abs(listener.samples).max() < 0.01


def test_both_sides_of_a_call_are_heard_apart(sound, listen, noise, tmp_path):
    mine, theirs = noise(5, 2.0), noise(6, 2.0)
    me, them = listen(LiveSource(Capture())), listen(LiveSource(Capture(hears="system")))
    assert them.news[0].device == "Monitor of Speakers"
    sources = {"virtmic": me, "speakers.monitor": them}
    recorders = [sound.record(source, tmp_path / f"{source}.wav") for source in sources]
    players = sound.play(mine, into="mic_feed"), sound.play(theirs, into="speakers")
    assert [player.wait() for player in players] == [0, 0]
    for recorder in recorders:
        recorder.terminate(), recorder.wait()
    me.until_heard(0.5).stop(), them.until_heard(0.5).stop()
    for source, own, other in (("virtmic", mine, theirs), ("speakers.monitor", theirs, mine)):
        heard = sources[source].samples
        assert position_in(heard, read_recording(tmp_path / f"{source}.wav"))[1] > 0.98
        assert share_in(heard, read_recording(own)) > 0.9
        assert share_in(heard, read_recording(other)) == 0


def test_what_the_computer_plays_is_followed_to_the_headset(sound, listen, noise):
    listener = listen(LiveSource(Capture(hears="system"))).until_heard(0.2)
    sound.do("default", "headset")
    listener.until(lambda self: self.news[-1] == DeviceOpened("Monitor of Headset", 44_100, 2))
    listener.until_heard(0.2)
    gaps = [item for item in listener.items if isinstance(item, AudioGap)]
    assert {gap.reason for gap in gaps} <= {"change of device"}
    assert sum(gap.end_sample - gap.start_sample for gap in gaps) < SECOND
    sound.play(noise(7, 1.0), into="headset").wait()
    listener.until_heard(0.5).stop()
    assert share_in(listener.samples, read_recording(noise(7, 1.0))) > 0.8


def test_a_restarted_sound_server_is_a_gap(sound, listen):
    listener = listen(LiveSource(Capture())).until_heard(0.5)
    sound.do("restart")
    listener.until_news(DeviceRecovered).until_heard(0.5)


def test_a_muted_microphone_is_noticed(sound, listen, noise, monkeypatch):
    monkeypatch.setattr("live_canary.audio.silence.SILENT_SECONDS", 0.5)
    player = sound.play(noise(8, 15.0), into="mic_feed")
    listener = listen(LiveSource(Capture())).until_heard(0.5)
    subprocess.run(["pactl", "set-source-mute", "virtmic", "1"], check=True)
    listener.until_news(DeviceSilent)
    subprocess.run(["pactl", "set-source-mute", "virtmic", "0"], check=True)
    listener.until_news(DeviceHeard).stop()
    assert player.poll() is None
