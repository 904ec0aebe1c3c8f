"""Files that somebody else wrote, or nobody meant: every reader ends in what it could read or in one sentence."""

import io
import json
import struct

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_canary.audio.recording_file import check_recording, read_recording
from live_canary.audio.source import SAMPLE_RATE
from live_canary.audio.spooled import SpooledSource
from live_canary.errors import CheckpointError, RecordingError, SessionError
from live_canary.model.checkpoint import destinations, load_weights
from live_canary.session.folder import JOURNAL, SessionFolder
from live_canary.session.record import SessionRecord, read_journal
from tests.faults.sessions import abort
from tests.session.fakes import ENDPOINT

pytestmark = pytest.mark.usefixtures("limits", "without_ffmpeg")
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def journal_lines(tmp_path_factory) -> list[dict]:
    """Every kind of line there is."""
    tmp_path = tmp_path_factory.mktemp("journal")
    folder = SessionFolder.create(tmp_path)
    abort(folder, "abc" + ENDPOINT, [tmp_path / "talk.txt"])
    lines = [json.loads(line) for line in (folder.path / JOURNAL).read_bytes().splitlines()]
    span = {"source": "talk", "start": 0, "end": 1600}
    seconds = {"start_seconds": 0.0, "end_seconds": 0.1, "source": "talk"}
    return [
        *lines,
        {"type": "source", "name": "talk.wav", "recordings": ["/talk.wav"]},
        {"type": "text", **span, "text": "abc", "flag": None},
        {"type": "gap", **span, "reason": "unplugged"},
        {"type": "utterance", "index": 0, **seconds, "text": "abc", "flag": "loop", "confidences": [0.5]},
        {"type": "marked", **seconds, "reason": "unplugged"},
        {"type": "saved", "output": 0, "entries": 1, "size": 4},
    ]


def read(path, contents: bytes) -> SessionRecord | None:
    path.write_bytes(contents)
    try:
        record = read_journal(path)
    except SessionError:
        return None
    assert record.believed_bytes <= len(contents)
    assert all(source.sound is None or source.sound.isdigit() for source in record.sources)
    assert all(output.path.is_absolute() for output in record.outputs)
    return record


def written(lines) -> bytes:
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


def test_every_line_that_a_session_writes_can_be_read(tmp_path, journal_lines):
    contents = written(journal_lines)
    record = read(tmp_path / JOURNAL, contents)
    assert record
    assert record.believed_bytes == len(contents)


def test_a_line_that_lacks_only_its_end_is_not_believed(tmp_path, journal_lines):
    """What recovery notes behind it would be one line with it, which the next could not read."""
    record = read(tmp_path / JOURNAL, written(journal_lines)[:-1])
    assert record
    assert record.believed_bytes == len(written(journal_lines[:-1]))


def test_a_journal_of_another_version_is_not_guessed_at(tmp_path, journal_lines):
    assert read(tmp_path / JOURNAL, written([{**journal_lines[0], "version": 2}, *journal_lines[1:]])) is None


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1.0])
def test_a_journal_cannot_name_a_time_that_there_is_not(tmp_path, journal_lines, seconds):
    *_, marked, _ = journal_lines
    record = read(tmp_path / JOURNAL, written([journal_lines[0], marked, {**marked, "end_seconds": seconds}]))
    assert record
    assert len(record.entries) == 1


@pytest.mark.parametrize("path", ["talk.txt", "/talk\0.txt", 7])
def test_a_journal_cannot_name_a_file_that_there_cannot_be(tmp_path, journal_lines, path):
    output = {"type": "output", "path": path, "first_index": 0, "continued": False, "size": 0}
    record = read(tmp_path / JOURNAL, written([journal_lines[0], output]))
    assert record
    assert record.outputs == []


@quick
@given(contents=st.binary(max_size=200))
def test_a_journal_may_be_any_bytes(tmp_path, contents):
    read(tmp_path / JOURNAL, contents)


@quick
@given(data=st.data())
def test_a_journal_may_hold_any_value_anywhere(tmp_path, journal_lines, data):
    lines = [dict(line) for line in journal_lines]
    changed = data.draw(st.integers(0, len(lines) - 1))
    key = data.draw(st.sampled_from(sorted(lines[changed])))
    lines[changed][key] = data.draw(ANYTHING)
    record = read(tmp_path / JOURNAL, written(lines))
    assert (record is not None) or changed == 0


@quick
@given(setting=st.sampled_from(["on_threshold", "min_silence_ms", "tail_ms", "unknown"]), value=ANYTHING)
def test_a_journal_may_ask_for_any_segmenter(tmp_path, journal_lines, setting, value):
    first = json.loads(json.dumps(journal_lines[0]))
    first["settings"]["segmenter"][setting] = value
    read(tmp_path / JOURNAL, written([first]))


@pytest.mark.parametrize("line", [b"[" * 100_000, b"9" * 10_000, b'{"type":' * 10_000, b"x" * 2_000_000])
def test_a_journal_cannot_exhaust_its_reader(tmp_path, journal_lines, line):
    contents = written(journal_lines)
    record = read(tmp_path / JOURNAL, contents + line + b"\n")
    assert record
    assert record.believed_bytes == len(contents)


@pytest.mark.parametrize("sound", ["..", "../../etc", "/etc", "", "1/../..", "１"])
def test_a_journal_cannot_lead_out_of_its_folder(tmp_path, journal_lines, sound):
    lines = [journal_lines[0], {"type": "source", "name": "Me", "sound": sound}]
    record = read(tmp_path / JOURNAL, written(lines))
    assert record
    assert record.sources == []


def sound_file(kind: str, subtype: str) -> bytes:
    contents = io.BytesIO()
    samples = np.random.default_rng(8).normal(0, 0.1, SAMPLE_RATE // 10).astype(np.float32)
    soundfile.write(contents, samples, SAMPLE_RATE, format=kind, subtype=subtype)
    return contents.getvalue()


FORMS = [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")]
SOUND_FILES = [sound_file(*form) * number for form in FORMS for number in (1, 2)]


@st.composite
def damaged_sound(draw) -> bytes:
    """A sound file with some bytes changed, mostly in its header, and perhaps its end cut off."""
    contents = bytearray(draw(st.sampled_from(SOUND_FILES)))
    header = st.tuples(st.integers(0, 99), st.integers(0, 255))
    anywhere = st.tuples(st.integers(0, len(contents) - 1), st.integers(0, 255))
    for position, value in draw(st.lists(header | anywhere, max_size=6)):
        contents[position] = value
    return bytes(contents[: draw(st.just(len(contents)) | st.integers(0, len(contents)))])


@quick
@given(contents=damaged_sound() | st.binary(max_size=100))
def test_a_recording_may_be_any_bytes(tmp_path, contents):
    path = tmp_path / "talk.wav"
    path.write_bytes(contents)
    try:
        check_recording(path)
        samples = read_recording(path)
    except RecordingError as error:
        assert "talk.wav" in str(error)
    else:
        assert np.abs(samples).max(initial=0) <= 1


@quick
@given(
    contents=damaged_sound() | st.binary(max_size=100),
    name=st.sampled_from(["00000000000000.flac", "00000000003200.wav"]),
)
def test_a_spool_may_be_any_bytes(tmp_path, contents, name):
    for earlier in tmp_path.iterdir():
        earlier.unlink()
    (tmp_path / name).write_bytes(contents)
    position = 0
    for item in SpooledSource("Me", tmp_path).blocks():
        assert item.start_sample == position
        position = item.end_sample


TENSOR = st.fixed_dictionaries(
    {},
    optional={
        "dtype": st.sampled_from(["F32", "BF16", "I64", "F8"]) | ANYTHING,
        "shape": st.just([2, 3]) | st.lists(st.integers(-1, 2**62), max_size=3) | ANYTHING,
        "data_offsets": st.just([0, 24]) | st.lists(st.integers(-1, 2**62), max_size=3) | ANYTHING,
    },
)


def refused(path, contents: bytes) -> None:
    path.write_bytes(contents)
    layer = torch.nn.Linear(3, 2, bias=False, device="meta")
    try:
        load_weights(path, destinations(layer, lambda key: key), torch.device("cpu"), None)
    except CheckpointError as error:
        assert "model.safetensors" in str(error)
    else:
        assert layer.weight.shape == (2, 3)


@quick
@given(header=st.dictionaries(st.sampled_from(["weight", "bias", "__metadata__"]), TENSOR | ANYTHING) | ANYTHING)
def test_a_checkpoint_may_claim_anything(tmp_path, header):
    table = json.dumps(header).encode()
    refused(tmp_path / "model.safetensors", struct.pack("<Q", len(table)) + table + bytes(24))


@quick
@given(length=st.integers(0, 2**64 - 1) | st.integers(0, 100), rest=st.binary(max_size=100))
def test_a_checkpoint_may_be_any_bytes(tmp_path, length, rest):
    refused(tmp_path / "model.safetensors", struct.pack("<Q", length) + rest)


def test_a_checkpoint_that_names_a_tensor_twice_is_refused(tmp_path):
    tensor = '"weight": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}'
    table = f"{{{tensor}, {tensor}}}".encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(table)) + table + bytes(24))
    refused(path, path.read_bytes())
