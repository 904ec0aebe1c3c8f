"""A checkpoint as trees of modules, strictly loaded: what every use of the model begins with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

from live_canary.errors import CheckpointError, InputError
from live_canary.model import encoder, llm
from live_canary.model.checkpoint import destinations, load_weights, no_meta_tensors_left
from live_canary.model.compute import DType, choose_device, choose_dtype, let_go, refusal_of, use_threads
from live_canary.model.config import CanaryConfig, read_config, read_qwen_config
from live_canary.model.encoder import Perception
from live_canary.model.hub import find_backbone_file, find_checkpoint
from live_canary.model.llm import Qwen
from live_canary.model.memory import keep_few_kernels, release_pages
from live_canary.model.prompt import Prompt

BITS = {"int8": 8, "int4": 4}

Model = TypeVar("Model")


@dataclass(frozen=True, slots=True)
class Trees:
    """What a checkpoint's folder describes, with its weights."""

    config: CanaryConfig
    perception: Perception
    qwen: Qwen
    prompt: Prompt
    weights: Path
    """The file that they are of."""
    device: torch.device
    form: str
    """What to compute in: a dtype's name, which the weights have, or one of BITS, for which they are as stored."""


def load_trees(folder: Path, device: str, dtype: DType) -> Trees:
    """Every tensor of the file is used exactly once and none is missing. Raises CheckpointError and InputError."""
    config = read_config(folder / "config.json")
    qwen_config = read_qwen_config(find_backbone_file(folder, config.pretrained_llm, "config.json"))
    if qwen_config.hidden_size != config.encoder.output_width:
        raise CheckpointError(
            f"{folder / 'config.json'}: perception.output_dim is {config.encoder.output_width}, but the LLM's "
            f"hidden_size is {qwen_config.hidden_size}; config and llm_backbone must come from the same model"
        )
    tokenizer = find_backbone_file(folder, config.pretrained_llm, "tokenizer.json")
    prompt = Prompt.load(tokenizer)
    largest = max(token for token in prompt.ids() if token != prompt.placeholder_id)
    if largest >= qwen_config.vocab_size:
        raise CheckpointError(
            f"{tokenizer} has the token {largest}, but the LLM's vocab_size is {qwen_config.vocab_size}; "
            "tokenizer.json and config.json must come from the same model"
        )
    try:
        with torch.device("meta"):
            perception, qwen = Perception(config).eval(), Qwen(qwen_config, config.lora).eval()
    except (RuntimeError, ValueError, TypeError, LookupError, ArithmeticError) as error:  # sizes that do not fit
        raise CheckpointError(
            f"{folder} describes a model that cannot be built ({error}); copy config.json and llm_backbone again"
        ) from None
    weights = folder / "model.safetensors"
    wanted = destinations(perception, encoder.checkpoint_key) | destinations(qwen, llm.checkpoint_key)
    chosen = choose_device(device)
    form = choose_dtype(dtype, chosen, weights)
    load_weights(weights, wanted, chosen, None if form in BITS else getattr(torch, form))
    assert no_meta_tensors_left([perception, qwen])
    perception.to(chosen).requires_grad_(False)
    qwen.to(chosen).requires_grad_(False)
    if form in BITS:
        for tree in (perception, qwen):  # opening the file has touched every tensor, and each may have brought 2 MB
            release_pages(tree)
    return Trees(config, perception, qwen, prompt, weights, chosen, form)


def load_where_it_fits(
    load: Callable[[Path, str, DType], Model],
    path_or_id: str | Path,
    device: str,
    dtype: DType,
    threads: int | None,
    tell: Callable[[str], None],
) -> Model:
    """What `load` makes of the checkpoint's folder, a device and a dtype; of the processor if "auto" allows no better.

    The rest as `CanaryQwen.load` has it, which this is the common part of.
    """
    keep_few_kernels()
    torch.backends.cudnn.allow_tf32 = False  # who computes in float32 wants all of it; convolutions had 10 bits
    torch.backends.cuda.enable_cudnn_sdp(False)  # on Hopper, 0.4 s for every length's plan (FunASR's issue 3704)
    folder = find_checkpoint(path_or_id)
    use_threads(threads, folder / "model.safetensors")
    try:
        return load(folder, device, dtype)
    except RuntimeError as error:
        if not (refusal := refusal_of(error)):
            raise
    let_go()  # of what the attempt took, which its error has held until here
    reason, remedy = refusal(folder / "model.safetensors")
    if device != "auto":
        raise InputError(f"{reason}; {remedy}, or choose --compute-device cpu")
    tell(f"{reason}: using the processor, which is slower")
    return load(folder, "cpu", "auto")
