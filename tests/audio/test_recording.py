"""A recording is heard as if it were live, at every speed the same."""

import os
import threading

import numpy as np
import pytest
import soundfile

from live_canary.audio.clock import Clock
from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import check_recording, count_channels, read_recording
from tests.audio.fake_clock import FakeClock
from tests.audio.recordings import samples_of, seconds_of, tone


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("rate,channels", [(16_000, 1), (44_100, 2), (48_000, 1)])
def test_every_format_rate_and_channel_count_gives_the_same_tone(recording, name, rate, channels):
    samples = samples_of(RecordingSource([recording(name, 1.0, rate, channels)], speed=None))
    assert len(samples) == 16_000
    np.testing.assert_allclose(samples[800:-800], tone(1.0)[800:-800, 0], atol=0.05)


def test_recordings_follow_each_other_without_a_pause(recording):
    paths = [recording("first.wav", 0.51), recording("second.wav", 0.3, 48_000), recording("third.wav", 0.001)]
    source = RecordingSource(paths, speed=None)
    assert source.name == "first.wav and 2 more"
    assert len(samples_of(source)) == round((0.51 + 0.3 + 0.001) * 16_000)


def test_the_samples_are_the_same_at_every_speed(recording):
    path = recording("talk.flac", 2.0, 44_100, 2)
    fast = samples_of(RecordingSource([path], speed=None))
    for speed in (1.0, 4.0, 0.5):
        np.testing.assert_array_equal(samples_of(RecordingSource([path], speed, FakeClock())), fast)
    np.testing.assert_array_equal(read_recording(path), fast)


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_no_block_is_heard_before_its_time_and_the_time_does_not_drift(recording, speed):
    clock = FakeClock()
    start = clock.now()
    for block in RecordingSource([recording("hour.flac", 60.0, 8_000)], speed, clock).blocks():
        assert clock.now() - start == pytest.approx(block.end_sample / 16_000 / speed, abs=1e-6)


def test_a_late_reader_catches_up(recording):
    clock = FakeClock()
    start = clock.now()
    for block in RecordingSource([recording("talk.wav", 2.0)], 1.0, clock).blocks():
        if block.start_sample == 0:
            clock.jump(1.0)  # the reader is busy for a second
    assert clock.now() - start == pytest.approx(2.0)


def test_stop_ends_a_wait_at_once(recording):
    source = RecordingSource([recording("talk.wav", 1.0)], speed=1e-6, clock=Clock())  # the first block in 5.6 hours
    reader = threading.Thread(target=lambda: list(source.blocks()))
    reader.start()
    source.stop()
    reader.join(timeout=10)
    assert not reader.is_alive()


def test_a_stopped_source_gives_nothing_more(recording):
    source = RecordingSource([recording("talk.wav", 1.0)], speed=None)
    blocks = source.blocks()
    next(blocks)
    source.stop()
    assert list(blocks) == []


def test_samples_that_are_not_numbers_become_silence(tmp_path):
    path = tmp_path / "broken.wav"
    soundfile.write(path, np.array([np.nan, np.inf, 0.25, -3.0] * 4), 16_000, subtype="FLOAT")
    np.testing.assert_array_equal(read_recording(path)[:4], np.float32([0.0, 1.0, 0.25, -1.0]))


def test_sound_that_only_its_name_makes_known_is_heard(tmp_path):
    (tmp_path / "phone.vox").write_bytes(bytes(4000))  # 4 bits for each of 8000 samples a second
    assert check_recording(tmp_path / "phone.vox") == seconds_of(tmp_path / "phone.vox") == 1.0


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_a_name_need_not_be_utf_8(recording, tmp_path):
    named = tmp_path / os.fsdecode(b"caf\xe9.wav")
    recording("cafe.wav").rename(named)
    assert len(read_recording(named)) == 16_000


def test_check_tells_how_long_a_recording_is(recording):
    assert check_recording(recording("talk.wav", 1.5, 44_100)) == pytest.approx(1.5)


def test_a_stretch_of_a_recording_is_heard_again_as_it_was(tmp_path):
    path = tmp_path / "talk.wav"
    soundfile.write(path, np.random.default_rng(1).uniform(-0.5, 0.5, 2 * 44_100), 44_100)
    source = RecordingSource([path, path], speed=None)
    heard = np.concatenate([block.samples for block in source.blocks()])
    assert np.array_equal(source.hear_again(30_000, 34_000), heard[30_000:34_000])
    assert np.array_equal(source.hear_again(60_000, 90_000), heard[60_000:])


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_one_channel_is_heard_as_a_recording_of_it_alone(tmp_path, rate):
    both = np.random.default_rng(1).uniform(-0.5, 0.5, (2 * rate, 2)).astype(np.float32)
    soundfile.write(tmp_path / "call.wav", both, rate, subtype="FLOAT")
    assert count_channels(tmp_path / "call.wav") == 2
    for channel in (0, 1):
        soundfile.write(tmp_path / "alone.wav", both[:, channel], rate, subtype="FLOAT")
        alone = read_recording(tmp_path / "alone.wav")
        source = RecordingSource([tmp_path / "call.wav"], speed=None, name="Them", channel=channel)
        assert source.name == "Them"
        np.testing.assert_array_equal(samples_of(source), alone)
        np.testing.assert_array_equal(source.hear_again(3_000, 9_000), alone[3_000:9_000])
