import queue
import sys

import numpy as np
import pytest

from live_canary.audio.loopback import Loopback, LoopbackInput
from live_canary.audio.soundsystem import Input
from live_canary.errors import DeviceError
from tests.audio.fake_soundcard import FakeSoundCard

SPEAKERS = Input(100, "Speakers", 2, 48_000, True, "system", "{Speakers}")


@pytest.fixture
def soundcard(monkeypatch):
    fake = FakeSoundCard(["Speakers"], default="Speakers")
    monkeypatch.setitem(sys.modules, "soundcard", fake)
    return fake


@pytest.fixture
def heard():
    """A queue of what is delivered."""
    return queue.Queue()


@pytest.fixture
def speakers(soundcard, heard):
    opened = Loopback().open(SPEAKERS, lambda frames, overflowed=False: heard.put(frames))
    yield opened
    soundcard.asked.release(2)
    opened.close()


def test_what_the_output_plays_is_delivered_in_order(speakers: LoopbackInput, soundcard, heard):
    soundcard.asked.release(3)
    frames = np.concatenate([heard.get(timeout=10) for _ in range(3)])
    assert frames.shape == (3 * 960, 2)
    np.testing.assert_allclose(frames[:, 0], np.arange(3 * 960) / 1e6, atol=1e-9)
    assert speakers.alive()


def test_an_output_that_goes_away_ends_the_stream(speakers: LoopbackInput, soundcard):
    soundcard.gone = True
    soundcard.asked.release()
    speakers._thread.join(10)
    assert not speakers.alive()


def test_an_output_that_refuses_says_which_and_why(soundcard):
    soundcard.gone = True
    with pytest.raises(DeviceError, match="'Speakers' cannot be listened to: Error 0x88890004"):
        Loopback().open(SPEAKERS, lambda frames, overflowed=False: None)
