"""Recordings that libsndfile does not know, through ffmpeg where it is installed."""

import io
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live_canary.audio import ffmpeg
from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import check_recording, count_channels, read_recording, stream_recording
from live_canary.audio.source import AudioBlock, SourceWarning
from live_canary.errors import RecordingBrokenOff, RecordingError

needs_ffmpeg = pytest.mark.skipif(not shutil.which(ffmpeg.PROGRAM), reason="ffmpeg is not installed")
RATE = 48_000


def convert(*arguments: str | Path) -> None:
    subprocess.run([ffmpeg.PROGRAM, "-nostdin", "-v", "error", "-y", *arguments], check=True)


@pytest.fixture
def tone(tmp_path) -> Path:
    """7 seconds: a second of 440 Hz, then a second of silence, and so on."""
    seconds = np.arange(7 * RATE) / RATE
    samples = 0.3 * np.sin(2 * np.pi * 440 * seconds) * (seconds % 2 < 1)
    soundfile.write(tmp_path / "tone.wav", np.stack([samples, samples], axis=1), RATE)
    return tmp_path / "tone.wav"


def loudness(samples: np.ndarray) -> np.ndarray:
    """Of each second but its first and last tenth."""
    whole = samples[: len(samples) // 16_000 * 16_000].reshape(-1, 16_000)
    return np.sqrt(np.mean(whole[:, 1600:-1600] ** 2, axis=1))


@needs_ffmpeg
@pytest.mark.parametrize("name", ["talk.m4a", "talk.mp4", "talk.webm", "talk.mka", "talk.wma", "-talk: 50%d.aac"])
def test_what_libsndfile_does_not_know_is_heard(tone, tmp_path, name):
    convert("-i", tone, f"file:{tmp_path / name}")
    assert check_recording(tmp_path / name) == pytest.approx(7, abs=0.2)
    samples = read_recording(tmp_path / name)
    assert len(samples) / 16_000 == pytest.approx(7, abs=0.2)
    np.testing.assert_allclose(loudness(samples)[:7], [0.212, 0] * 3 + [0.212], atol=0.02)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "codecs"),
    [("talk.ogv", "-c:v libtheora -c:a libvorbis"), ("talk.mxf", "-c:v mpeg2video -r 25 -c:a pcm_s16le -ar 48000")],
)
def test_the_sound_of_a_film_is_heard(tone, tmp_path, name, codecs):
    """An Ogg film is no Ogg recording for libsndfile."""
    film = ("-f", "lavfi", "-i", "testsrc=s=160x120:r=25:d=7", "-i", tone, *codecs.split())
    convert(*film, tmp_path / name)
    assert check_recording(tmp_path / name) == pytest.approx(7, abs=0.2)
    assert len(read_recording(tmp_path / name)) / 16_000 == pytest.approx(7, abs=0.2)


@needs_ffmpeg
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_it_is_as_loud_as_it_was_whatever_number_of_channels_it_has(tone, tmp_path, channels):
    """Of six, by default ffmpeg plays the front ones at 1 / (1 + 2 / sqrt 2) of their loudness."""
    where = "pan=5.1|FL=c0|FR=c0" if channels == 6 else "anull"
    convert("-i", tone, "-af", where, "-ac", str(channels), "-c:a", "alac", tmp_path / "talk.m4a")
    heard = loudness(read_recording(tmp_path / "talk.m4a"))[0]
    assert heard == pytest.approx(0.2121 / (1 + 2**0.5 if channels == 6 else 1), rel=0.01)


@needs_ffmpeg
@pytest.mark.parametrize("where", ["stereo|c0=c0|c1=-1*c0", "quad|FL=c0|FR=-1*c0|BL=0*c0|BR=0*c0"], ids=["two", "four"])
def test_channels_that_cancel_each_other_are_heard(tone, tmp_path, where):
    """As where one microphone is wired the wrong way round."""
    convert("-i", tone, "-af", f"pan={where}", "-c:a", "pcm_s16le", tmp_path / "talk.mov")
    assert loudness(read_recording(tmp_path / "talk.mov"))[0] > 0.1


@needs_ffmpeg
@pytest.mark.parametrize("channels", [1, 2, 3, 6])
def test_each_channel_can_be_heard_by_itself(tone, tmp_path, channels):
    """Channel 0 has a second of the tone, channel 1 two of them, and so on."""
    expressions = "|".join(rf"if(lt(t\,{2 * n + 1})\,val(0)\,0)" for n in range(channels))
    convert("-i", tone, "-af", f"aeval={expressions}", "-c:a", "pcm_s16le", tmp_path / "call.mov")
    assert count_channels(tmp_path / "call.mov") == channels
    for channel in range(channels):
        heard = loudness(np.concatenate(list(stream_recording(tmp_path / "call.mov", channel))))
        np.testing.assert_allclose(heard, [0.212 * (n % 2 == 0 and n < 2 * channel + 1) for n in range(7)], atol=0.02)


@needs_ffmpeg
def test_what_is_no_sound_has_no_channels(tmp_path):
    (notes := tmp_path / "notes.txt").write_text("Not a sound.\n" * 100)
    with pytest.raises(RecordingError, match="it is no kind of sound"):
        count_channels(notes)


@needs_ffmpeg
def test_of_a_recording_that_does_not_tell_its_length_it_is_counted(tone, tmp_path):
    """As of what a browser records."""
    path = tmp_path / "talk.webm"
    path.write_bytes(subprocess.check_output([ffmpeg.PROGRAM, "-v", "error", "-i", tone, "-f", "webm", "-"]))
    assert check_recording(path) == pytest.approx(7, abs=0.1)


@needs_ffmpeg
def test_nothing_is_dropped_where_times_go_back(tone, tmp_path):
    """As where the parts that a browser has recorded were joined: each begins at 0."""
    convert("-i", tone, tmp_path / "part.webm")
    (tmp_path / "talk.webm").write_bytes((tmp_path / "part.webm").read_bytes() * 2)
    loud = loudness(np.concatenate(list(stream_recording(tmp_path / "talk.webm")))) > 0.1
    assert loud.sum() == 8


@needs_ffmpeg
def test_the_sound_of_a_film_stands_where_the_film_plays_it(tone, tmp_path):
    """Else its subtitles would come too early."""
    film = tmp_path / "film.mp4"
    picture = ("-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=12")
    convert(*picture, "-itsoffset", "2", "-i", tone, "-map", "0:v", "-map", "1:a", "-c:v", "mpeg4", film)
    items = list(RecordingSource([film], speed=None).blocks())
    samples = np.concatenate([item.samples for item in items if isinstance(item, AudioBlock)])
    np.testing.assert_allclose(loudness(samples)[:6], [0, 0, 0.212, 0, 0.212, 0], atol=0.02)
    assert not [item for item in items if isinstance(item, SourceWarning)], "its picture may well go on"


@needs_ffmpeg
def test_a_stretch_is_heard_again_as_it_was(tone, tmp_path):
    convert("-i", tone, tmp_path / "talk.m4a")
    source = RecordingSource([tmp_path / "talk.m4a", tone], speed=None)
    heard = np.concatenate([item.samples for item in source.blocks()])
    assert np.array_equal(source.hear_again(90_000, 150_000), heard[90_000:150_000])
    assert source.paths == [tmp_path / "talk.m4a", tone], "what recovery reads"


@needs_ffmpeg
@pytest.mark.parametrize("share", [0.5, 0.75])
def test_one_that_was_not_copied_completely_is_heard_as_far_as_it_goes(tone, tmp_path, share):
    path = tmp_path / "talk.webm"
    convert("-i", tone, path)
    path.write_bytes(path.read_bytes()[: round(path.stat().st_size * share)])
    *_, warning, last = RecordingSource([path], speed=None).blocks()
    assert "was not copied completely" in warning.message
    assert last.end_sample / 16_000 == pytest.approx(7 * share, abs=0.7)


def test_the_length_that_is_told_counts_in_hours_and_minutes():
    assert ffmpeg._told_seconds("[info]   Duration: 01:02:03.50, start: 0.000000\n") == 3723.5


@needs_ffmpeg
@pytest.mark.parametrize("name", ["talk.m4a", "talk.webm", "talk.wma", "talk.mka"])
def test_one_that_lost_its_middle_is_heard_around_it_and_the_loss_told(tmp_path, name):
    """As a bad sector leaves it: it is as long as it was, and ffmpeg puts silence there."""
    path, seconds = tmp_path / name, np.arange(30 * RATE) / RATE
    soundfile.write(tmp_path / "tone.wav", 0.3 * np.sin(2 * np.pi * 440 * seconds), RATE)
    convert("-i", tmp_path / "tone.wav", path)
    contents = bytearray(path.read_bytes())
    start, end = len(contents) // 3, len(contents) // 2
    contents[start:end] = bytes(end - start)
    path.write_bytes(contents)
    items = list(RecordingSource([path], speed=None).blocks())
    [warning] = [item for item in items if isinstance(item, SourceWarning)]
    assert f"Parts of recording '{path}' cannot be read and are left out or silence (ffmpeg: " in warning.message
    samples = np.concatenate([item.samples for item in items if isinstance(item, AudioBlock)])
    assert len(samples) / 16_000 == pytest.approx(30, abs=0.2)
    heard = loudness(samples)
    assert heard[5] > 0.1 and heard[12] < 0.01 and heard[28] > 0.1


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options", "part"),
    [
        ("tagged.aac", "", lambda whole: b"ID3\4\0\0\0\0\0\4abcd" + whole + b"TAG" + bytes(125)),
        ("radio.aac", "", lambda whole: whole[10_007:-10_007]),
        ("radio.ts", "-c:a aac", lambda whole: whole[30_007:-10_007]),
        ("film.ts", "-f lavfi -i testsrc=s=160x120:r=25:d=7 -c:v mpeg2video -c:a mp2", lambda whole: whole[99_999:]),
        ("film.vob", "-f lavfi -i testsrc=s=160x120:r=25:d=7 -c:v mpeg2video -c:a mp2", lambda whole: whole[99_999:]),
        ("browser.webm", "-f webm -live 1", lambda whole: whole),
        ("crashed.webm", "-f webm -live 1", lambda whole: whole[:-5_007]),
        ("muted.webm", "-af aselect=not(between(t\\,2\\,4))", lambda whole: whole),
        ("cut.webm", r"-f webm -live 1 -af aselect=not(between(t\,2\,4))", lambda whole: whole[:-5_007]),
        ("late.wma", "-c:a wmav2", lambda whole: whole),
        (
            "cover.m4a",
            "-f lavfi -i testsrc=s=64x64:r=1:d=1 -c:v mjpeg -disposition:v attached_pic",
            lambda whole: whole,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value and " " not in value else "",
)
def test_an_ordinary_one_is_not_called_damaged(tone, tmp_path, name, options, part):
    """As players play it, though ffmpeg complains of a frame at either end, or of a picture."""
    convert("-i", tone, *options.split(), tmp_path / name)
    (tmp_path / name).write_bytes(part((tmp_path / name).read_bytes()))
    assert len(read_recording(tmp_path / name)) / 16_000 > 3


def test_an_hour_of_muted_sound_leaves_room_for_what_ffmpeg_complains_of():
    hole = b"[Parsed_aresample_1 @ 0x1] [verbose] adding 16384 audio samples of silence\n"
    log = io.BytesIO(
        b"[info] Stream mapping:\n" + hole * 20_000 + b"[opus @ 0x2] [error] Error parsing\n" + hole * 20_000
    )
    said = ffmpeg._said(log)
    assert (said.count("silence"), said.count("[error]")) == (2, 1)
    assert ffmpeg._lacks_parts(said)


@needs_ffmpeg
def test_one_that_goes_on_with_other_channels_is_not_called_damaged(tone, tmp_path):
    """As television between the news and a film."""
    for channels in ("1", "2"):
        convert("-i", tone, "-ac", channels, "-c:a", "aac", tmp_path / f"{channels}.ts")
    (tmp_path / "talk.ts").write_bytes((tmp_path / "1.ts").read_bytes() + (tmp_path / "2.ts").read_bytes())
    assert (loudness(read_recording(tmp_path / "talk.ts")) > 0.1).sum() == 8


@needs_ffmpeg
def test_one_that_goes_away_meanwhile_is_not_called_damaged(tone, tmp_path):
    path = tmp_path / "talk.webm"
    convert("-i", tone, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])  # what it looks like to ffmpeg
    pieces = stream_recording(path)
    next(pieces)
    path.unlink()
    with pytest.raises(RecordingError, match="cannot be read: No such file"):
        list(pieces)


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "contents", "reason"),
    [
        ("notes.txt", b"Not a sound.\n" * 100, "nor by ffmpeg: it is no kind of sound or film that is known"),
        ("talk.m3u8", b"#EXTM3U\n#EXTINF:7,\ntalk.aac\n#EXT-X-ENDLIST\n", "nor by ffmpeg: "),
        ("talk.ffconcat", b"ffconcat version 1.0\nfile talk.aac\n", "nor by ffmpeg: "),
    ],
)
def test_what_is_no_sound_or_names_other_files_is_refused_in_a_sentence(tone, tmp_path, name, contents, reason):
    convert("-i", tone, tmp_path / "talk.aac")
    (tmp_path / name).write_bytes(contents)
    for read in (check_recording, read_recording):
        with pytest.raises(RecordingError, match=reason) as refused:
            read(tmp_path / name)
        assert str(refused.value).count("\n") == 0
        assert str(refused.value).endswith(".")


@needs_ffmpeg
def test_a_film_without_sound_is_refused_in_a_sentence(tmp_path):
    convert("-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=1", "-c:v", "mpeg4", tmp_path / "film.mp4")
    with pytest.raises(RecordingError, match="nor by ffmpeg: there is no sound in it"):
        check_recording(tmp_path / "film.mp4")


@pytest.fixture
def programs(monkeypatch) -> list[subprocess.Popen[bytes]]:
    """Those that were started."""

    def started(*arguments):
        begun.append(start(*arguments))
        return begun[-1]

    start, begun = ffmpeg._started, []
    monkeypatch.setattr(ffmpeg, "_started", started)
    return begun


@needs_ffmpeg
def test_the_program_ends_with_whoever_reads_it(tone, tmp_path, programs):
    convert("-i", tone, tmp_path / "talk.m4a")
    before = set(tmp_path.iterdir())
    pieces = stream_recording(tmp_path / "talk.m4a")
    next(pieces)
    pieces.close()
    check_recording(tmp_path / "talk.m4a")
    assert [program.returncode is not None for program in programs] == [True, True]
    assert set(tmp_path.iterdir()) == before


@needs_ffmpeg
def test_a_program_that_is_killed_is_not_taken_for_the_end_of_the_recording(tone, tmp_path, programs):
    """As where memory runs out: it says nothing of it."""
    convert("-i", tone, tmp_path / "talk.m4a")
    pieces = stream_recording(tmp_path / "talk.m4a")
    next(pieces)
    programs[0].kill()
    with pytest.raises(
        RecordingBrokenOff, match=r"only up to \d.* ffmpeg was killed, perhaps for want of memory; close"
    ):
        list(pieces)


@needs_ffmpeg
@pytest.mark.skipif(os.name == "nt", reason="there Ctrl-C goes to groups of another kind")
def test_ctrl_c_does_not_reach_the_program(tone):
    """It would end in the middle of a recording, which would then be called damaged."""
    with ffmpeg._running(tone, "") as (program, _):
        assert os.getpgid(program.pid) != os.getpgid(0)


@needs_ffmpeg
def test_of_a_film_with_several_tracks_the_first_is_heard(tone, tmp_path):
    """Not the one with most channels, which may be in another language or for the blind."""
    silence = ("-f", "lavfi", "-i", "anullsrc=channel_layout=5.1:sample_rate=48000")
    convert("-i", tone, *silence, "-map", "0:a", "-map", "1:a", "-t", "7", "-c:a", "flac", tmp_path / "film.mka")
    assert loudness(read_recording(tmp_path / "film.mka"))[0] > 0.2
    assert count_channels(tmp_path / "film.mka") == 2


def test_without_ffmpeg_it_is_said_what_it_would_do(tmp_path, without_ffmpeg):
    (tmp_path / "talk.m4a").write_bytes(b"\0\0\0\x1cftypM4A " + bytes(1000))
    with pytest.raises(RecordingError, match=r"\(WAV, FLAC, MP3, OGG\); with ffmpeg installed live-canary reads most"):
        check_recording(tmp_path / "talk.m4a")


def test_an_ffmpeg_that_cannot_be_started_is_told_in_a_sentence(tmp_path, monkeypatch):
    (program := tmp_path / "ffmpeg").write_bytes(b"\0")
    program.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "PROGRAM", str(program))
    (tmp_path / "talk.m4a").write_bytes(bytes(1000))
    with pytest.raises(RecordingError, match=r"cannot be run: Exec format error\."):
        check_recording(tmp_path / "talk.m4a")
