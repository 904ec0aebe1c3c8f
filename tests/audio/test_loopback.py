import queue
import sys
import tomllib

import numpy as np
import pytest
from packaging.requirements import Requirement

from live_canary.audio.loopback import Loopback, LoopbackInput
from live_canary.audio.soundsystem import Input
from live_canary.errors import DeviceError
from tests.audio.fake_soundcard import FakeSoundCard
from tests.conftest import ROOT

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
    opened = Loopback().open(SPEAKERS, lambda sound, channels: heard.put((sound, channels)))
    yield opened
    soundcard.asked.release(2)
    opened.close()


def test_what_the_output_plays_is_delivered_in_order(speakers: LoopbackInput, soundcard, heard):
    soundcard.asked.release(3)
    delivered = [heard.get(timeout=10) for _ in range(3)]
    assert {channels for _, channels in delivered} == {2}
    frames = np.frombuffer(b"".join(sound for sound, _ in delivered), np.float32).reshape(-1, 2)
    assert len(frames) == 3 * 960
    np.testing.assert_allclose(frames[:, 0], np.arange(3 * 960) / 1e6, atol=1e-9)
    assert speakers.alive()


def test_no_soundcard_is_installed_that_calls_what_numpy_has_no_more():
    """Up to 0.4.5 it calls numpy.fromstring, which raises ValueError: the thread that listens ended in a traceback."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    [soundcard] = [one for one in map(Requirement, wanted) if one.name == "soundcard"]
    assert [version for version in ("0.4.3", "0.4.5", "0.4.6") if version in soundcard.specifier] == ["0.4.6"]


def test_a_soundcard_that_com_refuses_when_it_is_imported_is_told_in_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "soundcard.py").write_text("raise RuntimeError('Error 0x80070005')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DeviceError, match="What this computer plays cannot be heard: Error 0x80070005; close what"):
        Loopback().inputs()


def test_an_output_that_goes_away_ends_the_stream(speakers: LoopbackInput, soundcard):
    soundcard.gone = True
    soundcard.asked.release()
    speakers._thread.join(10)
    assert not speakers.alive()


def test_an_output_that_refuses_says_which_and_why(soundcard):
    soundcard.gone = True
    with pytest.raises(DeviceError, match="'Speakers' cannot be listened to: Error 0x88890004"):
        Loopback().open(SPEAKERS, lambda sound, channels: None)


def test_an_output_that_was_unplugged_meanwhile_is_refused_with_its_name(soundcard):
    soundcard.outputs = []
    with pytest.raises(DeviceError, match="'Speakers' cannot be listened to: no device with id"):
        Loopback().open(SPEAKERS, lambda sound, channels: None)


def test_a_machine_without_an_output_has_none_that_could_be_listened_to(soundcard):
    soundcard.outputs = []
    assert Loopback().inputs() == []


@pytest.mark.parametrize("refusal", [RuntimeError, OSError, TypeError])
def test_a_sound_service_that_does_not_run_is_told_in_a_sentence(soundcard, refusal):
    soundcard.refuses = refusal
    with pytest.raises(DeviceError, match="What this computer plays cannot be heard: Error 0x8007045b; close what"):
        Loopback().inputs()
