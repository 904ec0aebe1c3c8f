"""A machine with two inputs, in a world whose time passes only while somebody waits."""

import sys

import pytest

from tests.audio.fake_clock import FakeClock
from tests.audio.fake_sounddevice import FakeInput, FakeSoundDevice


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def sound(clock, monkeypatch):
    """A machine with two inputs."""
    machine = FakeSoundDevice(clock, [FakeInput("Built-in", 48_000, 2), FakeInput("USB", 44_100, 1)])
    monkeypatch.setitem(sys.modules, "sounddevice", machine)
    return machine
