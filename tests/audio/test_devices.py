import sys

import pytest
from fake_clock import FakeClock
from fake_sounddevice import FakeInput, FakeSoundDevice

from live_canary.audio.devices import Input, find_input, list_inputs, load_portaudio
from live_canary.errors import DeviceError

INPUTS = [
    Input(0, "Built-in Microphone", 2, 48_000, is_default=False),
    Input(2, "USB Audio: Blue Yeti", 2, 44_100, is_default=True),
    Input(3, "USB Audio: Webcam", 1, 16_000, is_default=False),
    Input(12, "Yeti", 1, 16_000, is_default=False),
]


@pytest.mark.parametrize(
    "wanted,index", [(None, 2), (3, 3), ("12", 12), ("webcam", 3), ("built-in", 0), ("YETI", 12), (" blue ", 2)]
)
def test_an_input_is_chosen_by_index_or_part_of_its_name(wanted, index):
    assert find_input(wanted, INPUTS).index == index


def test_an_ambiguous_name_lists_what_it_may_mean():
    with pytest.raises(DeviceError, match="'usb' may be one of: 2 USB Audio: Blue Yeti, 3 USB Audio: Webcam;"):
        find_input("usb", INPUTS)


@pytest.mark.parametrize("wanted", ["headset", "1", 7])
def test_an_unknown_input_lists_all(wanted):
    with pytest.raises(DeviceError, match=f"no input '{wanted}'; there is: 0 Built-in Microphone, 2 USB.*12 Yeti"):
        find_input(wanted, INPUTS)


def test_the_first_input_serves_where_the_system_names_no_default():
    assert find_input(None, [INPUTS[0], INPUTS[2]]).index == 0


def test_a_machine_without_inputs_says_so():
    with pytest.raises(DeviceError, match="no input to listen to"):
        find_input(None, [])


def test_inputs_are_listed_with_their_own_rate_and_channels(monkeypatch):
    inputs = [FakeInput("Built-in", 48_000, 2), FakeInput("Speakers", 48_000, channels=0), FakeInput("USB", 44_100, 1)]
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSoundDevice(FakeClock(), inputs, default_index=2))
    assert list_inputs() == [Input(0, "Built-in", 2, 48_000, False), Input(2, "USB", 1, 44_100, True)]


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
