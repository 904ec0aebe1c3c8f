"""Sound on the disk: whatever is cut off or damaged, the rest is heard again as it was."""

import errno
import os
import stat
from itertools import pairwise

import numpy as np
import pytest
import soundfile

from live_canary.audio import spooled
from live_canary.audio.source import SAMPLE_RATE, AudioBlock, AudioGap, PausableSource, SourceWarning
from live_canary.audio.spool import Spool, SpoolingSource, compress
from live_canary.audio.spooled import (
    CHUNK_SAMPLES,
    NOT_KEPT,
    SpooledSource,
    from_pcm,
    join,
    read_spool,
    spooled_seconds,
    to_pcm,
)
from live_canary.errors import SessionError
from tests.faults.conftest import fill
from tests.session.fakes import ScriptedSource, sound_of

GAP = AudioGap(3200, 8000, "unplugged")


class Blocks:
    """A source of just these blocks."""

    name, live = "Me", True

    def __init__(self, blocks: list[AudioBlock]):
        self._blocks = blocks

    def blocks(self):
        yield from self._blocks

    def stop(self): ...


def noise(seconds: float) -> np.ndarray:
    return np.random.default_rng(8).normal(0, 0.1, round(seconds * SAMPLE_RATE)).astype(np.float32)


def spool_of(folder, samples: np.ndarray) -> None:
    """As a microphone would fill it, a tenth of a second at a time."""
    spool = Spool(folder)
    for start in range(0, len(samples), 1600):
        spool.write(to_pcm(samples[start : start + 1600]), start)
    spool.close()


def heard(folder, *gaps: AudioGap) -> list:
    """Blocks joined to arrays, and the gaps between them."""
    items: list = []
    position = 0
    for item in SpooledSource("Me", folder, gaps).blocks():
        assert item.start_sample == position
        position = item.end_sample
        if isinstance(item, AudioBlock) and items and isinstance(items[-1], np.ndarray):
            items[-1] = np.concatenate([items[-1], item.samples])
        else:
            items.append(item.samples if isinstance(item, AudioBlock) else item)
    return items


def test_what_is_handed_on_is_exactly_what_is_on_the_disk_with_its_gaps(tmp_path):
    source = SpoolingSource(ScriptedSource("ab", GAP, "cd", name="Me"), tmp_path / "0")
    passed = list(source.blocks())
    assert [item for item in passed if isinstance(item, AudioGap)] == [GAP]
    first, gap, second = heard(tmp_path / "0", GAP)
    blocks = [item.samples for item in passed if isinstance(item, AudioBlock)]
    np.testing.assert_array_equal(first, np.concatenate(blocks[:2]))
    assert gap == GAP
    np.testing.assert_array_equal(second, np.concatenate(blocks[2:]))


def test_sixteen_bits_come_through_unchanged():
    pcm = np.arange(-32768, 32768).astype(np.int16)
    np.testing.assert_array_equal(to_pcm(from_pcm(pcm)), pcm)
    assert to_pcm(np.array([1.0, -1.0, np.nan, np.inf], np.float32)).tolist() == [32767, -32768, 0, 32767]


@pytest.mark.parametrize("loudness", [0.1, 1.0])
def test_an_hour_of_noise_takes_60_mb(tmp_path, loudness):
    noise = np.random.default_rng(3).normal(0, loudness, 3 * CHUNK_SAMPLES + 1600).clip(-1, 1).astype(np.float32)
    blocks = [AudioBlock(noise[start : start + 1600], start) for start in range(0, len(noise), 1600)]
    passed = np.concatenate([block.samples for block in SpoolingSource(Blocks(blocks), tmp_path / "0").blocks()])
    assert np.array_equal(heard(tmp_path / "0")[0], passed)
    first, *later = sorted((tmp_path / "0").glob("*.flac"))
    assert first.stat().st_size > 1_500_000
    assert all(chunk.stat().st_size <= 1_000_000 for chunk in later)
    assert np.std(passed - noise) < 0.01 * np.std(noise)  # 40 dB


def test_what_takes_less_is_not_rounded(tmp_path):
    pcm = np.concatenate([to_pcm(noise(60) / 100), to_pcm(noise(10) * 3)])
    blocks = [AudioBlock(from_pcm(pcm[start : start + 1600]), start) for start in range(0, len(pcm), 1600)]
    list(SpoolingSource(Blocks(blocks), tmp_path / "0").blocks())
    np.testing.assert_array_equal(to_pcm(heard(tmp_path / "0")[0]), pcm)


@pytest.mark.parametrize("size", [1, 85])
def test_short_stretches_between_gaps_do_not_coarsen_what_follows(tmp_path, size):
    """A few samples and the header of a FLAC are many bits a sample."""
    pieces = [to_pcm(noise(size / SAMPLE_RATE) * 3) for _ in range(12)] + [to_pcm(noise(1) / 100)]
    blocks = [AudioBlock(from_pcm(pcm), k * SAMPLE_RATE) for k, pcm in enumerate(pieces)]
    passed = [block.samples for block in SpoolingSource(Blocks(blocks), tmp_path / "0").blocks()]
    np.testing.assert_array_equal(to_pcm(np.concatenate(passed)), np.concatenate(pieces))


def test_every_block_is_with_the_system_before_it_is_handed_on(tmp_path):
    for block in SpoolingSource(ScriptedSource("abc", name="Me"), tmp_path / "0").blocks():
        assert spooled_seconds(tmp_path / "0") == block.end_sample / SAMPLE_RATE


def test_at_most_a_second_waits_for_the_disk(tmp_path, monkeypatch):
    written, synced = [0], [0]
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(written[-1]))
    spool = Spool(tmp_path / "0")
    for start in range(0, 5 * SAMPLE_RATE, 320):
        written.append(start + 320)
        spool.write(np.zeros(320, np.int16), start)
    spool.close()
    assert max(later - earlier for earlier, later in pairwise(synced)) <= SAMPLE_RATE


def test_a_full_minute_is_compressed_without_loss(tmp_path):
    samples = np.tile(noise(1.0), 62)
    spool_of(tmp_path / "0", samples)
    assert sorted(path.name for path in (tmp_path / "0").iterdir()) == [
        "00000000000000.flac",
        f"{CHUNK_SAMPLES:014}.wav",
    ]
    np.testing.assert_array_equal(heard(tmp_path / "0")[0], from_pcm(to_pcm(samples)))


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_the_name_of_a_users_folder_need_not_be_utf_8(tmp_path):
    """After the first minute, when it was to be compressed, nothing was heard any more."""
    folder = tmp_path / os.fsdecode(b"jos\xe9")
    spool_of(folder, noise(62.0))
    assert sorted(path.suffix for path in folder.iterdir()) == [".flac", ".wav"]
    assert len(np.concatenate(heard(folder))) == len(read_spool(folder, 0, 62 * SAMPLE_RATE)[0]) == 62 * SAMPLE_RATE
    join(folder, folder / "whole.flac")


def test_sound_is_for_its_user_alone(tmp_path):
    spool_of(tmp_path / "0", np.zeros(CHUNK_SAMPLES + 1600, np.float32))
    assert stat.S_IMODE((tmp_path / "0").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "0").iterdir()} == {0o600}


@pytest.mark.parametrize("cut", [0, 1, 44, 45, 1001])
def test_a_chunk_that_was_cut_off_gives_all_before_the_cut(tmp_path, cut):
    samples = noise(0.5)
    spool_of(tmp_path / "0", samples)
    chunk = tmp_path / "0" / "00000000000000.wav"
    os.truncate(chunk, chunk.stat().st_size - cut)
    np.testing.assert_array_equal(heard(tmp_path / "0")[0], from_pcm(to_pcm(samples))[: (16000 - cut) // 2])


def test_any_player_reads_a_chunk_that_is_still_being_written(tmp_path):
    spool = Spool(tmp_path)
    spool.write(to_pcm(noise(0.3)), 0)
    samples, rate = soundfile.read(tmp_path / "00000000000000.wav")
    assert (len(samples), rate) == (4800, SAMPLE_RATE)
    spool.close()


def test_a_damaged_chunk_becomes_a_gap_and_the_next_one_is_heard(tmp_path):
    samples = np.tile(noise(1.0), 61)
    spool_of(tmp_path / "0", samples)
    chunk = tmp_path / "0" / "00000000000000.flac"
    chunk.write_bytes(b"nonsense")
    assert heard(tmp_path / "0")[0] == AudioGap(0, CHUNK_SAMPLES, NOT_KEPT)
    np.testing.assert_array_equal(heard(tmp_path / "0")[1], from_pcm(to_pcm(samples[CHUNK_SAMPLES:])))


def test_a_damaged_place_in_a_finished_chunk_takes_nothing_before_it(tmp_path):
    samples = np.tile(noise(1.0), 61)
    spool_of(tmp_path / "0", samples)
    with (tmp_path / "0" / "00000000000000.flac").open("r+b") as chunk:
        chunk.seek(chunk.seek(0, os.SEEK_END) // 2)
        chunk.write(bytes(10_000))
    sound, gap, _ = heard(tmp_path / "0")
    assert len(sound) > 29 * SAMPLE_RATE
    np.testing.assert_array_equal(sound, from_pcm(to_pcm(samples[: len(sound)])))
    assert gap == AudioGap(len(sound), CHUNK_SAMPLES, NOT_KEPT)


def test_a_crash_between_compressing_and_deleting_repeats_nothing(tmp_path):
    samples = np.tile(noise(1.0), 61)
    spool_of(tmp_path / "0", samples)
    soundfile.write(tmp_path / "0" / "00000000000000.wav", to_pcm(samples[:CHUNK_SAMPLES]), SAMPLE_RATE)
    (tmp_path / "0" / "00000000960000.part").write_bytes(b"half a file")
    np.testing.assert_array_equal(heard(tmp_path / "0")[0], from_pcm(to_pcm(samples)))


def test_a_stretch_that_is_not_wholly_there_is_refused(tmp_path):
    source = SpoolingSource(ScriptedSource("abcde", name="Me"), tmp_path / "0")
    list(source.blocks())
    np.testing.assert_array_equal(source.read(1000, 8000), from_pcm(to_pcm(sound_of("abcde")))[1000:8000])
    with pytest.raises(SessionError, match="no longer in"):
        source.read(1000, 8001)


def test_a_stretch_whose_chunk_is_compressed_while_it_is_read_is_heard_all_the_same(tmp_path, monkeypatch):
    """What waits for the model is read by one thread while another one hears on."""
    source = SpoolingSource(ScriptedSource("abcde", name="Me"), tmp_path / "0")
    list(source.blocks())
    [chunk] = (tmp_path / "0").iterdir()
    really_listed = spooled._chunks

    def listed(folder):
        chunks = really_listed(folder)
        if chunk.exists():
            compress(chunk)
        return chunks

    monkeypatch.setattr(spooled, "_chunks", listed)
    np.testing.assert_array_equal(source.read(0, 8000), from_pcm(to_pcm(sound_of("abcde"))))


def test_a_spool_knows_what_it_holds(tmp_path):
    spool = Spool(tmp_path / "0")
    for start in (0, 1600, 8000):
        spool.write(np.zeros(1600, np.int16), start)
    spool.close()
    assert spool.holds(100, 3200)
    assert not spool.holds(100, 8100)
    assert spool.holds(8000, 9600)


def test_a_disk_that_has_room_again_is_used_again_and_what_was_not_kept_is_a_gap(small_disk):
    ballast = [fill(small_disk)]
    source = SpoolingSource(ScriptedSource("a" * 170, name="Me", live=True), small_disk / "0")
    warnings = []
    for item in source.blocks():
        if isinstance(item, SourceWarning):
            warnings.append(item.message)
        elif item.start_sample == 7 * SAMPLE_RATE:
            ballast.pop().unlink()
    assert "No space left on device" in warnings[0]
    assert warnings[1:] == ["The sound is kept on the disk again; 10 s of it were not."]
    gap, sound = heard(small_disk / "0")
    assert gap == AudioGap(0, 10 * SAMPLE_RATE, NOT_KEPT)
    assert len(sound) == 7 * SAMPLE_RATE
    assert not source.keeps(9 * SAMPLE_RATE, 11 * SAMPLE_RATE)
    assert source.keeps(10 * SAMPLE_RATE, 17 * SAMPLE_RATE)


def test_a_chunk_that_finds_no_room_for_its_compressed_form_stays_as_it_is(tmp_path, monkeypatch):
    samples = np.tile(noise(1.0), 61)
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)

    def no_room(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(soundfile, "write", no_room)
        spool_of(tmp_path / "0", samples)
    assert {path.suffix for path in (tmp_path / "0").iterdir()} == {".wav"}
    np.testing.assert_array_equal(heard(tmp_path / "0")[0], from_pcm(to_pcm(samples)))


def test_a_compressed_form_that_finds_no_room_leaves_nothing_of_itself(tmp_path, monkeypatch):
    def no_room(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    spool_of(tmp_path / "0", noise(0.1))
    [chunk] = (tmp_path / "0").iterdir()
    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(OSError, match="No space left"):
        compress(chunk)
    assert list((tmp_path / "0").iterdir()) == [chunk]


def test_all_of_a_compressed_form_is_on_the_disk_before_the_chunk_goes(tmp_path, monkeypatch):
    spool_of(tmp_path / "0", noise(0.1))
    [chunk] = (tmp_path / "0").iterdir()
    synced: list[tuple[int, bool]] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append((os.fstat(descriptor).st_size, chunk.exists())))
    compress(chunk)
    assert synced == [(chunk.with_suffix(".flac").stat().st_size, True)]


def test_a_disk_that_refuses_only_when_a_file_is_closed_ends_nothing(tmp_path, monkeypatch):
    """As over NFS. The file is closed all the same; closing it twice could close another one."""
    really_close, closed = os.close, []

    def close(descriptor: int) -> None:
        really_close(descriptor)
        closed.append(descriptor)
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with monkeypatch.context() as patched:
        patched.setattr(os, "close", close)
        list(SpoolingSource(ScriptedSource("ab", GAP, "cd", name="Me"), tmp_path / "0").blocks())
    assert len(closed) == 2
    assert [len(item) for item in heard(tmp_path / "0", GAP)[::2]] == [3200, 3200]


def test_a_full_disk_ends_the_spool_and_not_the_source(small_disk):
    script = "a" * 300  # 940 KiB
    items = list(SpoolingSource(ScriptedSource(script, name="Me", live=True), small_disk / "0").blocks())
    [warning] = [item for item in items if isinstance(item, SourceWarning)]
    assert "No space left on device" in warning.message
    blocks = [item for item in items if isinstance(item, AudioBlock)]
    np.testing.assert_array_equal(
        np.concatenate([block.samples for block in blocks]), from_pcm(to_pcm(sound_of(script)))
    )
    assert 5 < spooled_seconds(small_disk / "0") < 9  # what fitted can be recovered


def test_a_disk_that_is_full_from_the_start_is_told_once(small_disk):
    fill(small_disk)
    items = list(SpoolingSource(ScriptedSource("abc", name="Me"), small_disk / "0").blocks())
    assert len([item for item in items if isinstance(item, SourceWarning)]) == 1
    assert len([item for item in items if isinstance(item, AudioBlock)]) == 3


def test_the_sound_that_is_kept_is_one_recording_that_is_silent_where_nothing_was_heard(tmp_path):
    list(SpoolingSource(ScriptedSource("ab", GAP, "cd", name="Me"), tmp_path / "0").blocks())
    join(tmp_path / "0", tmp_path / "Me.flac")
    samples, rate = soundfile.read(tmp_path / "Me.flac", dtype="float32")
    assert rate == SAMPLE_RATE
    np.testing.assert_array_equal(samples, from_pcm(to_pcm(sound_of("ab...cd"))))


def test_a_gap_of_minutes_is_as_long_in_the_sound_that_is_kept(tmp_path):
    """As of a pause; what was said after it would stand too early, and beside the other side's at another time."""
    spool, heard_at = Spool(tmp_path / "0"), (0, 3 * CHUNK_SAMPLES)
    expected = np.zeros(heard_at[-1] + 1600, np.int16)
    for start in heard_at:
        expected[start : start + 1600] = 1000
        spool.write(expected[start : start + 1600], start)
    spool.close()
    join(tmp_path / "0", tmp_path / "Me.flac")
    np.testing.assert_array_equal(soundfile.read(tmp_path / "Me.flac", dtype="int16")[0], expected)


def test_all_of_a_kept_recording_is_on_the_disk_before_what_it_was_made_of_goes(tmp_path, monkeypatch):
    list(SpoolingSource(ScriptedSource("ab", name="Me"), tmp_path / "0").blocks())
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    join(tmp_path / "0", tmp_path / "Me.flac")
    assert synced == [(tmp_path / "Me.flac").stat().st_size]


def test_a_microphone_can_still_be_paused():
    class Pausable(ScriptedSource):
        paused = None

        def pause(self) -> None:
            self.paused = True

        def resume(self) -> None:
            self.paused = False

    microphone = Pausable()
    source = SpoolingSource(microphone, None)
    assert isinstance(source, PausableSource)
    source.pause()
    assert microphone.paused is True
    source.resume()
    assert microphone.paused is False


@pytest.mark.parametrize(("start", "end"), [(0, 10), (59, 61), (61, 61.5), (0.05, 0.06)])
def test_any_stretch_is_heard_again_from_finished_chunks_and_the_one_being_written(tmp_path, start, end):
    sound = from_pcm(to_pcm(noise(62)))
    source = SpoolingSource(ScriptedSource(), tmp_path)
    spool = source._spool
    for position in range(0, len(sound), 1600):
        spool.write(to_pcm(sound[position : position + 1600]), position)
    first, last = round(start * SAMPLE_RATE), round(end * SAMPLE_RATE)
    assert np.array_equal(source.hear_again(first, last), sound[first:last])
    spool.close()


def test_a_stretch_is_silent_where_nothing_was_heard_and_ends_where_the_sound_does(tmp_path):
    sound = from_pcm(to_pcm(noise(0.3)))
    spool = Spool(tmp_path)
    spool.write(to_pcm(sound[:1600]), 0)
    spool.write(to_pcm(sound[1600:3200]), 8000)
    spool.close()
    samples, found = read_spool(tmp_path, 800, 20_000)
    assert np.array_equal(samples, np.concatenate([sound[800:1600], np.zeros(6400, np.float32), sound[1600:3200]]))
    assert found == 800 + 1600
    samples, found = read_spool(tmp_path, 20_000, 30_000)
    assert (len(samples), found) == (0, 0)


def test_the_gaps_of_a_day_are_looked_through_where_sound_is_missing_and_not_at_each_piece(tmp_path):
    """Each tenth of a second looked at all of them: with 500 pauses of eight hours 144 million times."""
    looked_through = []

    class Counting(list):
        def __iter__(self):
            looked_through.append(len(self))
            return super().__iter__()

    spool_of(tmp_path, noise(5.0))
    source = SpooledSource("Me", tmp_path, [GAP])
    source._gaps = Counting(source._gaps)
    assert sum(len(item.samples) for item in source.blocks() if isinstance(item, AudioBlock)) == 5 * SAMPLE_RATE
    assert len(looked_through) < 5
