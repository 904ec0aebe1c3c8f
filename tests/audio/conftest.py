"""A machine with two inputs, in a world whose time passes only while somebody waits; and recordings of a tone."""

import sys

import pytest
import soundfile

from tests.audio.fake_clock import FakeClock
from tests.audio.fake_sounddevice import FakeInput, FakeSoundDevice
from tests.audio.recordings import tone


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def sound(clock, monkeypatch):
    """A machine with two inputs."""
    machine = FakeSoundDevice(clock, [FakeInput("Built-in", 48_000, 2), FakeInput("USB", 44_100, 1)])
    monkeypatch.setitem(sys.modules, "sounddevice", machine)
    return machine


@pytest.fixture
def recording(tmp_path):
    """write(name, seconds, ...) -> path of a 100 Hz tone."""

    def write(name: str, seconds: float = 1.0, rate: int = 16_000, channels: int = 1, **options):
        path = tmp_path / name
        soundfile.write(path, tone(seconds, rate, channels), rate, **options)
        return path

    return write
