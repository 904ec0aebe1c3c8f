"""Which quantised weights are kept, for which checkpoint, and when they are made again."""

import json
import os
import shutil
import threading
from pathlib import Path

import pytest
import torch

from live_canary.model import kernels, quantized_file
from live_canary.model.canary import CanaryQwen
from live_canary.model.quantized_file import KEEPING, QuantizedFile, wait_until_kept
from tests.conftest import DEMO, TINY
from tests.model.multiplying import compiled


@pytest.fixture
def weights(tmp_path, monkeypatch) -> Path:
    """Those of a checkpoint that is large enough to be kept."""
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, appauthor: tmp_path / name)
    monkeypatch.setattr(quantized_file, "SMALLEST_CHECKPOINT_BYTES", 0)
    return shutil.copytree(TINY, tmp_path / "checkpoint") / "model.safetensors"


def keep(weights: Path, bits: int = 8) -> QuantizedFile:
    file = QuantizedFile.of(weights, bits)
    file.maker(8)("one", lambda: [torch.ones(3, 64)], torch.ones(3))
    file.keep()
    return file


def is_kept(weights: Path, bits: int = 8) -> bool:
    return QuantizedFile.of(weights, bits)._kept


def edit_config(weights: Path) -> None:
    config = weights.with_name("config.json")
    found = json.loads(config.read_text())
    found["lora"]["lora_alpha"] *= 2  # the adapter is merged into what is kept
    config.write_text(json.dumps(found))


def rename_a_tensor(weights: Path) -> None:
    """What no size and no time tells."""
    stat, content = weights.stat(), weights.read_bytes()
    weights.write_bytes(content.replace(b"perception.proj.bias", b"perception.proj.bios"))
    os.utime(weights, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def touch(weights: Path) -> None:
    os.utime(weights, (0, 0))


@pytest.mark.parametrize("change", [edit_config, rename_a_tensor, touch])
def test_a_checkpoint_that_changed_has_no_weights_kept(weights, change):
    keep(weights)
    assert is_kept(weights)
    change(weights)
    assert not is_kept(weights)


@compiled
def test_weights_packed_for_the_kernels_are_not_taken_where_there_are_none(weights, monkeypatch):
    keep(weights)
    assert is_kept(weights)
    monkeypatch.setattr(kernels, "available", lambda: False)
    assert not is_kept(weights)


def test_weights_of_4_and_of_8_bits_are_kept_beside_each_other(weights):
    keep(weights, 8)
    assert not is_kept(weights, 4)
    keep(weights, 4)
    assert is_kept(weights, 8) and is_kept(weights, 4)


def test_what_is_kept_is_not_written_again(weights):
    written = keep(weights)._path.stat()
    keep(weights)
    found = QuantizedFile.of(weights, 8)._path.stat()
    assert (found.st_ino, found.st_mtime_ns) == (written.st_ino, written.st_mtime_ns)


def test_a_program_that_ends_writes_what_it_keeps_first(weights, monkeypatch):
    """The thread of a daemon would be cut off, and the weights made again at every start."""
    ended = threading.Event()
    monkeypatch.setattr(QuantizedFile, "keep", lambda file: ended.wait())
    QuantizedFile.of(weights, 8).keep_meanwhile()
    [thread] = [thread for thread in threading.enumerate() if thread.name == KEEPING]
    assert not thread.daemon
    ended.set()
    wait_until_kept()
    assert not thread.is_alive()


@compiled
def test_in_4_bits_the_encoder_stays_in_8():
    """It is read once for an utterance, not for every token, and would lose words."""
    model = CanaryQwen.load(DEMO, "cpu", "int4")
    [conformer] = model.perception.encoder.layers
    assert conformer.layers[0].self_attn.q_proj.bits == 8
    assert model.decoder.layers[0].o.bits == 4


def test_what_was_kept_of_a_model_that_cannot_be_asked_for_stays(weights, tmp_path, monkeypatch):
    """As on a disk of the network that gives no answer for now."""
    other = shutil.copytree(TINY, tmp_path / "elsewhere") / "model.safetensors"
    kept, stat = keep(other), Path.stat

    def answer(path, **how):
        if path == other:
            raise OSError(112, "Host is down", str(path))
        return stat(path, **how)

    monkeypatch.setattr(Path, "stat", answer)
    keep(weights)
    assert kept._path.exists()


def test_of_a_file_that_is_damaged_further_on_nothing_is_written_again(weights):
    file = keep(weights)
    file.maker(8)("two", lambda: [torch.ones(3, 64)])
    file._kept = False
    file.keep()
    path = file._path
    path.write_bytes(path.read_bytes().replace(b'"two.scales": {"dtype": "', b'"two.scales": {"dtypo": "'))
    again = keep(weights)
    assert {name.partition(".")[0] for name in again._tensors} == {"one"}


def test_of_a_small_model_nothing_is_kept():
    """It is quantised sooner than a file is written."""
    assert QuantizedFile.of(TINY / "model.safetensors", 8)._path is None
