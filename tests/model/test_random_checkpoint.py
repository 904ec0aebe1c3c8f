"""Random weights stand in for the published ones: as many, as large, and such that a model can be made of them."""

import json

import pytest
import torch
from safetensors.torch import load_file

from live_canary.model import random_checkpoint
from live_canary.model.canary import CanaryQwen
from live_canary.model.hub import CHECKPOINT_FILES, MODEL_BYTES
from tests.conftest import DEMO

SMALL_ENCODER = {"d_model": 64, "n_layers": 1, "n_heads": 2, "subsampling_conv_channels": 16}
SMALL_QWEN = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "layer_types": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of the published form, but small; of the tokenizer's vocabulary."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(random_checkpoint, "_ENCODER", SMALL_ENCODER)
        monkeypatch.setattr(random_checkpoint, "_QWEN", SMALL_QWEN)
        monkeypatch.setattr(random_checkpoint, "_LORA", {"r": 4, "lora_alpha": 8})
        written = tmp_path_factory.mktemp("random")
        for _ in range(2):  # the second time over the first, which may have been cut off
            random_checkpoint.write_random_checkpoint(written, like=DEMO)
    return written


def test_it_has_the_number_and_the_size_of_the_published_tensors(tmp_path, monkeypatch):
    written = {}
    monkeypatch.setattr(random_checkpoint, "_random", lambda name, like, generator: like)
    monkeypatch.setattr(random_checkpoint, "save_file", lambda tensors, path: written.update(tensors) or path.touch())
    random_checkpoint.write_random_checkpoint(tmp_path, like=DEMO)
    assert len(written) == 1718
    size = sum(like.numel() * (2 if like.is_floating_point() else 8) for like in written.values())
    assert size == pytest.approx(MODEL_BYTES, abs=300_000)  # which has names and places, too


def test_a_model_can_be_made_of_it_and_answers(folder):
    assert {path.name for path in folder.iterdir()} == {*CHECKPOINT_FILES, "llm_backbone"}
    model = CanaryQwen.load(folder, device="cpu", dtype="float32")
    assert isinstance(model.transcribe(torch.zeros(16_000).numpy()), str)
    [embedded] = model.perception([torch.full((16_000,), 0.1)])
    assert embedded.shape[1] == 32
    assert embedded.isfinite().all() and embedded.std() > 0


def test_norms_change_nothing_and_matrices_keep_the_size_of_what_they_multiply(folder):
    tensors = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16, torch.int64}
    assert not any(tensor.any() for tensor in tensors.values() if tensor.dtype == torch.int64)
    for name, tensor in tensors.items():
        if tensor.ndim == 1 and tensor.is_floating_point():
            kept = name.endswith(("weight", "running_var", "window"))
            assert (tensor == kept).all(), name
        if "featurizer" in name and tensor.ndim > 1:
            assert (tensor >= 0).all(), name
    matrix = tensors["perception.proj.weight"].float()
    assert matrix.square().mean().item() * matrix.shape[1] == pytest.approx(1, rel=0.2)
    assert (matrix < 0).any()
    embeddings = next(tensor for name, tensor in tensors.items() if "embed_tokens" in name)
    assert embeddings.abs().max().item() == pytest.approx(0.03, rel=0.02)


def test_it_is_the_same_every_time(tmp_path, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    monkeypatch.setattr(random_checkpoint, "_shapes", lambda folder: {"a": torch.zeros(8, 8, device="meta")})
    random_checkpoint.write_random_checkpoint(tmp_path, like=DEMO)
    expected = random_checkpoint._random("a", torch.zeros(8, 8, device="meta"), generator)
    assert load_file(tmp_path / "model.safetensors")["a"].equal(expected)
    config = json.loads((tmp_path / "config.json").read_text())
    assert (config["lora"]["r"], config["lora"]["lora_alpha"]) == (128, 256)
