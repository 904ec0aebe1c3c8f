import sys

import pytest

from live_canary.audio.devices import find_input, list_inputs, sound_system
from live_canary.audio.loopback import Loopback
from live_canary.audio.portaudio import PortAudio, load_portaudio
from live_canary.audio.soundsystem import Input
from live_canary.errors import DeviceError
from tests.audio.fake_clock import FakeClock
from tests.audio.fake_soundcard import FakeSoundCard
from tests.audio.fake_sounddevice import FakeInput, FakeSoundDevice


def microphone(index, name, channels=2, rate=48_000, default=False):
    return Input(index, name, channels, rate, default, "microphone", identity=f"id-{index}")


INPUTS = [
    microphone(0, "Built-in Microphone"),
    Input(1, "Monitor of USB Audio", 2, 48_000, False, "system", "sink.monitor"),
    microphone(2, "USB Audio: Blue Yeti", default=True),
    microphone(3, "USB Audio: Webcam"),
    microphone(12, "Yeti"),
    Input(13, "Monitor of Speakers", 2, 48_000, True, "system", "speakers.monitor"),
]


@pytest.mark.parametrize(
    "wanted,index",
    [(None, 2), (3, 3), ("12", 12), ("webcam", 3), ("built-in", 0), ("YETI", 12), (" blue ", 2), ("id-2", 2)],
)
def test_an_input_is_chosen_by_index_or_part_of_its_name(wanted, index):
    assert find_input(wanted, INPUTS).index == index


def test_an_ambiguous_name_lists_what_it_may_mean():
    with pytest.raises(DeviceError, match="'usb' may be one of: 2 USB Audio: Blue Yeti, 3 USB Audio: Webcam;"):
        find_input("usb", INPUTS)


@pytest.mark.parametrize("wanted", ["headset", 7])
def test_an_unknown_input_lists_all(wanted):
    with pytest.raises(DeviceError, match=f"no input '{wanted}'; there is: 0 Built-in Microphone, 2 USB.*12 Yeti"):
        find_input(wanted, INPUTS)


@pytest.mark.parametrize("wanted,meant", [("1", "1 Monitor of USB Audio"), ("Speakers", "13 Monitor of Speakers")])
def test_what_the_computer_plays_is_no_microphone_and_is_told_how_it_is_heard(wanted, meant):
    """`live-canary devices` lists it among the others, by a number."""
    told = rf"'{wanted}' \({meant}\) is what the computer plays, which --system hears, without --mic; else there is: 0"
    with pytest.raises(DeviceError, match=told):
        find_input(wanted, INPUTS)


def test_a_microphone_is_nothing_that_the_computer_plays():
    with pytest.raises(DeviceError, match=r"'12' \(12 Yeti\) is a microphone, which is heard without --system; else"):
        find_input("12", INPUTS, hears="system")


def test_the_first_input_serves_where_the_system_names_no_default():
    assert find_input(None, [INPUTS[0], INPUTS[3]]).index == 0


def test_a_machine_without_inputs_says_so():
    with pytest.raises(DeviceError, match="has no microphone"):
        find_input(None, [])


@pytest.mark.parametrize("wanted,index", [(None, 13), ("usb", 1), (13, 13)])
def test_what_the_computer_plays_is_chosen_in_the_same_way(wanted, index):
    assert find_input(wanted, INPUTS, hears="system").index == index


def test_a_machine_that_cannot_hear_itself_says_what_would_help():
    with pytest.raises(DeviceError, match=r"PipeWire.*blackhole-2ch"):
        find_input(None, INPUTS[2:4], hears="system")


def test_portaudio_lists_inputs_with_their_own_rate_and_channels(monkeypatch):
    inputs = [FakeInput("Built-in", 48_000, 2), FakeInput("Speakers", 48_000, channels=0), FakeInput("USB", 44_100, 1)]
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice(FakeClock(), inputs, default_index=2))
    assert PortAudio().inputs() == [
        Input(0, "Built-in", 2, 48_000, False, "microphone", "Built-in"),
        Input(2, "USB", 1, 44_100, True, "microphone", "USB"),
    ]


@pytest.mark.parametrize("name", ["BlackHole 2ch", "VB-Cable", "Loopback: PCM (hw:1,1)"])
def test_virtual_devices_count_as_what_the_computer_plays(monkeypatch, name):
    sound = FakeSoundDevice(FakeClock(), [FakeInput("Built-in"), FakeInput(name)])
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    assert find_input(None, PortAudio().inputs(), hears="system").name == name


def test_windows_devices_are_listed_once_by_their_full_name(monkeypatch):
    inputs = [
        FakeInput("Microphone (Blue Ye", host_api="MME"),
        FakeInput("Microphone (Blue Yeti)", host_api="Windows WASAPI"),
    ]
    sound = FakeSoundDevice(FakeClock(), inputs, default_index=1, host_apis=("MME", "Windows WASAPI"))
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    assert [(one.name, one.is_default) for one in PortAudio().inputs()] == [("Microphone (Blue Yeti)", True)]


def test_what_windows_gives_as_an_input_can_be_heard_as_one(monkeypatch):
    """Also what is played, and arrays of microphones, of which it gives all channels or converts them."""
    names = ["Stereo Mix (Realtek Audio)", "CABLE Output (VB-Audio)", "Microphone Array"]
    inputs = [FakeInput(name, channels=4, host_api="Windows WASAPI") for name in names]
    sound = FakeSoundDevice(FakeClock(), inputs, default_index=1, host_apis=("Windows WASAPI",))
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    monkeypatch.setattr("live_canary.audio.portaudio.let_every_thread_use_com", lambda: None)
    monkeypatch.setattr("sys.platform", "win32")
    assert find_input(None, PortAudio().inputs()).name == names[1]
    for name in names:
        opened = PortAudio().open(find_input(name, PortAudio().inputs()), lambda *_: None)
        assert opened.channels == 2 and opened.alive()
        opened.close()


def test_windows_hears_its_outputs_by_loopback(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice(FakeClock(), [FakeInput("Microphone")]))
    monkeypatch.setitem(sys.modules, "soundcard", FakeSoundCard(["Speakers", "Headset"], default="Headset"))
    inputs = list_inputs(platform="win32")
    assert [(one.index, one.name, one.hears) for one in inputs] == [
        (0, "Microphone", "microphone"),
        (100, "Speakers", "system"),
        (101, "Headset", "system"),
    ]
    assert find_input(None, inputs, hears="system").name == "Headset"


def test_windows_without_soundcard_still_lists_its_microphones(monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice(FakeClock(), [FakeInput("Microphone")]))
    monkeypatch.setitem(sys.modules, "soundcard", None)
    assert [one.name for one in list_inputs(platform="win32")] == ["Microphone"]
    with pytest.raises(DeviceError, match="pip install soundcard"):
        Loopback().inputs()


def test_without_a_sound_server_portaudio_is_used(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PULSE_SERVER", f"unix:{tmp_path}/nobody")
    assert isinstance(sound_system(), PortAudio)


def test_without_portaudio_one_sentence_names_the_packages(monkeypatch):
    class MissingLibrary:
        def find_spec(self, name, path=None, target=None):
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [MissingLibrary(), *sys.meta_path])
    with pytest.raises(DeviceError) as caught:
        load_portaudio()
    for command in ("apt install libportaudio2", "dnf install portaudio", "pacman -S portaudio", "brew install"):
        assert command in str(caught.value)
