"""Small files that ask for much: each reader answers in a sentence, soon, and with less than a gigabyte."""

import io
import json
import shutil
import struct
from pathlib import Path

import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import check_recording, read_recording
from live_canary.audio.spooled import SpooledSource
from live_canary.cli.app import live
from live_canary.cli.options import check_setting
from live_canary.commands import config_file
from live_canary.errors import CheckpointError, InputError, RecordingError
from live_canary.model.canary import CanaryQwen
from tests.conftest import ROOT

pytestmark = pytest.mark.usefixtures("limits", "without_ffmpeg")

TINY = ROOT / "tests" / "reference" / "tiny"


def wav(rate: int = 16_000, channels: int = 1, bits: int = 16, claimed: int = 200, form: int = 1) -> bytes:
    """100 samples of silence whose header says something else."""
    align = channels * bits // 8
    fmt = struct.pack("<HHIIHH", form, channels, rate, rate * align % 2**32, align % 2**16, bits)
    return (
        b"RIFF" + struct.pack("<I", (claimed + 36) % 2**32) + b"WAVEfmt " + struct.pack("<I", 16) + fmt
        + b"data" + struct.pack("<I", claimed) + bytes(200)
    )  # fmt: skip


def flac(position: int, value: bytes) -> bytes:
    """100 samples with other bytes in STREAMINFO."""
    contents = io.BytesIO()
    soundfile.write(contents, [0.1] * 100, 16_000, format="FLAC")
    whole = contents.getvalue()
    return whole[:position] + value + whole[position + len(value) :]


RECORDINGS = {
    "rate.wav": wav(rate=2**31 - 1),
    "rate-beyond.wav": wav(rate=2**32 - 1),
    "no-rate.wav": wav(rate=0),
    "channels.wav": wav(channels=1024, rate=2**31 - 1),
    "channels-beyond.wav": wav(channels=65_535),
    "no-channels.wav": wav(channels=0),
    "claims-four-gigabytes.wav": wav(claimed=2**32 - 1),
    "no-bits.wav": wav(bits=0),
    "bits.wav": wav(bits=65_535),
    "adpcm.wav": wav(form=2, bits=4),
    "samples.flac": flac(21, b"\xff" * 5),
    "rate.flac": flac(18, b"\xff\xff\xff"),
    "block.flac": flac(8, b"\xff" * 10),
    "tag.mp3": b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + bytes(300),
    "chunk.wav": b"RIFF\xff\xff\xff\xffWAVELIST\xff\xff\xff\x7f" + bytes(300),
    "RF64.wav": b"RF64\xff\xff\xff\xffWAVEds64" + struct.pack("<IQQQI", 28, 2**63, 2**63, 2**63, 2**31) + wav()[12:],
}


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_recording_that_claims_much_is_read_or_refused(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(RECORDINGS[name])
    try:
        check_recording(path)
        list(RecordingSource([path], speed=None).blocks())
        read_recording(path)
    except RecordingError as error:
        assert name in str(error)
    shutil.copy(path, tmp_path / f"00000000000000{path.suffix}")
    list(SpooledSource("Me", tmp_path).blocks())


def model_with(folder: Path, file: str, change: dict[str, object] | bytes) -> Path:
    """The tiny checkpoint with another value at some dotted keys of a file, or with another file."""
    shutil.copytree(TINY, folder)
    path = folder / file
    if isinstance(change, bytes):
        path.write_bytes(change)
        return folder
    values = json.loads(path.read_text())
    for keys, value in change.items():
        place = values
        *sections, last = keys.split(".")
        for section in sections:
            place = place[section]
        place[last] = value
    path.write_text(json.dumps(values))
    return folder


CONFIGS = [
    {"perception.encoder.n_layers": 2**24 - 1},
    {"perception.encoder.d_model": 2**24 - 16},
    {"perception.encoder.ff_expansion_factor": 2**24 - 1},
    {"perception.encoder.n_heads": 3},
    {"perception.encoder.conv_kernel_size": 2**24 - 1},
    {"perception.encoder.conv_kernel_size": 8},
    {"perception.encoder.subsampling_conv_channels": 2**24 - 1},
    {"perception.preprocessor.n_fft": 2**24 - 1},
    {"perception.preprocessor.features": 2**24 - 1},
    {"perception.preprocessor.window_size": 1e6},
    {"perception.preprocessor.window_stride": 1e-9},
    {"lora.r": 2**24 - 1},
    {"lora.target_modules": ["(a+)+$", "no such module"]},
    {"lora.target_modules": ["all-linear"]},
    b"[" * 100_000,
    b'{"lora":' * 50_000,
    b'{"a": ' + b"9" * 10_000 + b"}",
    b"\xff\xfe",
]
BACKBONES = [
    {"num_hidden_layers": 10**9},
    {"num_hidden_layers": -1},
    {"num_hidden_layers": "many"},
    {"vocab_size": 2**62},
    {"vocab_size": 0},
    {"intermediate_size": 2**40},
    {"num_attention_heads": 0},
    {"num_key_value_heads": 3},
    {"head_dim": 2**40},
    {"max_position_embeddings": 2**62},
    {"layer_types": ["full_attention"] * 100_000},
    {"rope_parameters": {"rope_type": "none such"}},
    {"rope_scaling": {"rope_type": "dynamic", "factor": "x"}},
    {"hidden_act": "os.system"},
    {"dtype": "no_such_type"},
    {"torch_dtype": ["float8"]},
    b"[" * 100_000,
]
TOKENIZERS = [b"{}", b"[" * 100_000, b'{"version": "1.0", "model": {"type": "BPE", "vocab": {}, "merges": []}}']


@pytest.mark.parametrize(
    ("file", "change"),
    [
        *(("config.json", change) for change in CONFIGS),
        *(("llm_backbone/config.json", change) for change in BACKBONES),
        *(("llm_backbone/tokenizer.json", change) for change in TOKENIZERS),
    ],
    ids=lambda value: str(value)[:60],
)
def test_a_model_that_describes_itself_wrongly_is_refused(tmp_path, file, change):
    folder = model_with(tmp_path / "model", file, change)
    with pytest.raises(CheckpointError) as caught:
        CanaryQwen.load(folder, device="cpu")
    assert len(str(caught.value)) < 1000


SETTINGS_FILES = [
    b"mode = " + b"[" * 4000,
    b"mode = " + b"[" * 100_000,
    b"mode = " + b"{a=" * 1000,
    b".".join([b"profile"] * 20_000) + b" = 1",
    b"".join(b"a" + b".a" * 2030 + b"%d = 1\n" % number for number in range(16)),
    b"min_silence_ms = " + b"9" * 4050,
    b"min_silence_ms = " + b"9" * 10_000,
    b"speed = 0x" + b"f" * 4000,
    b"vad_threshold = 0x" + b"f" * 1_000,
    b"vad_threshold = -" + b"9" * 1_000,
    b"vad_threshold = nan",
    b"speed = -inf",
    b"min_silence_ms = 0x" + b"f" * 4000,
    b"mode = 1979-05-27T07:32:00Z",
    b'output = ["~nobody/x", "\\u0000"]',
    b"[profile.a]\n[profile.a]",
    b"[[profile]]",
    b"profile = 1",
    b"\xff\xfe",
    b"\0",
    b'"\\u001b[2J" = 1',
]
KEYS = config_file.keys_of(live)
VALUES = ["true", "1", "-1", "1e999", "nan", "0x" + "f" * 300, '"x"', '"""\n"""', "[]", "[[1]]", "{}", '["a.txt"]']
LINES = st.one_of(
    st.builds(
        "{} = {}".format, st.sampled_from([*KEYS, "profile", "unknown", "profile.a.vad"]), st.sampled_from(VALUES)
    ),
    st.sampled_from(["[profile]", "[profile.a]", "[[profile]]", "[mode]", "#", ""]),
    st.text(max_size=10),
)
quick = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_settings(file: Path, contents: bytes, profile: str | None = None) -> None:
    file.write_bytes(contents)
    try:
        config_file.from_file(file, KEYS, profile, check_setting)
    except InputError as error:
        assert str(file) in str(error)


@pytest.mark.parametrize("contents", SETTINGS_FILES, ids=lambda contents: repr(contents[:40]))
def test_a_settings_file_that_nobody_meant_is_read_or_refused(tmp_path, contents):
    read_settings(tmp_path / "config.toml", contents)


@quick
@given(lines=st.lists(LINES, max_size=5), profile=st.none() | st.just("a"))
def test_a_settings_file_may_say_anything(tmp_path, lines, profile):
    read_settings(tmp_path / "config.toml", "\n".join(lines).encode(), profile)


@quick
@given(contents=st.binary(max_size=100))
def test_a_settings_file_may_be_any_bytes(tmp_path, contents):
    read_settings(tmp_path / "config.toml", contents)
