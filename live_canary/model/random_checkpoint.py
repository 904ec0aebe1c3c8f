"""A checkpoint of the published size with random weights: for timing and memory, where the words do not matter."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from live_canary.model import encoder, llm
from live_canary.model.checkpoint import destinations
from live_canary.model.config import read_config, read_qwen_config
from live_canary.model.encoder import Perception
from live_canary.model.llm import Qwen

# Sizes of nvidia/canary-qwen-2.5b and Qwen/Qwen3-1.7B.
_ENCODER = {"d_model": 1024, "n_layers": 32, "n_heads": 8, "subsampling_conv_channels": 256}
_QWEN = {
    "hidden_size": 2048,
    "intermediate_size": 6144,
    "num_hidden_layers": 28,
    "num_attention_heads": 16,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "vocab_size": 151936,
    "layer_types": None,
}
_LORA = {"r": 128, "lora_alpha": 256}


def write_random_checkpoint(folder: Path, like: Path) -> None:
    """Write 1,718 tensors, 5.1 GB, to `folder`; `like` is a small checkpoint whose tokenizer and settings are used."""
    (folder / "llm_backbone").mkdir(parents=True, exist_ok=True)
    shutil.copy(like / "llm_backbone" / "tokenizer.json", folder / "llm_backbone")
    qwen = json.loads((like / "llm_backbone" / "config.json").read_text("utf-8"))
    _write_json(folder / "llm_backbone" / "config.json", qwen | _QWEN)
    config = json.loads((like / "config.json").read_text("utf-8"))
    config["lora"].update(_LORA)
    config["perception"]["output_dim"] = _QWEN["hidden_size"]
    config["perception"]["encoder"].update(_ENCODER)
    _write_json(folder / "config.json", config)
    generator = torch.Generator().manual_seed(0)
    tensors = {name: _random(name, shape, generator) for name, shape in _shapes(folder).items()}
    unfinished = folder / "model.unfinished"
    save_file(tensors, unfinished)
    unfinished.replace(folder / "model.safetensors")


def _shapes(folder: Path) -> dict[str, Tensor]:
    """Every key of the checkpoint with a meta tensor of its shape and dtype."""
    config = read_config(folder / "config.json")
    with torch.device("meta"):
        perception = Perception(config)
        qwen = Qwen(read_qwen_config(folder / "llm_backbone" / "config.json"), config.lora)
    wanted = destinations(perception, encoder.checkpoint_key) | destinations(qwen, llm.checkpoint_key)
    return {name: target.like for name, target in wanted.items()}


def _random(name: str, like: Tensor, generator: torch.Generator) -> Tensor:
    """Matrices that keep the size of what they are multiplied with; norms and biases that change nothing."""
    if not like.is_floating_point():
        return torch.zeros(like.shape, dtype=like.dtype)
    if like.ndim < 2:
        neutral = float(name.endswith(("weight", "running_var", "window")))
        return torch.full(like.shape, neutral, dtype=torch.bfloat16)
    largest = 0.03 if "embed" in name else math.sqrt(3 / math.prod(like.shape[1:]))
    values = torch.empty(like.shape, dtype=torch.bfloat16).uniform_(-largest, largest, generator=generator)
    return values.abs_() if "featurizer" in name else values


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
