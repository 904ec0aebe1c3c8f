"""The mouth: Qwen3 with its LoRA adapter, in transformers and peft; the canonical tree of the tests.

With the adapter on it transcribes; with it off the same weights are plain Qwen3 and answer text (LLM mode).
"""

import warnings
from pathlib import Path
from typing import Any

import torch
from huggingface_hub.errors import StrictDataclassError
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import GenerationConfig
from transformers.models.qwen3.configuration_qwen3 import Qwen3Config
from transformers.models.qwen3.modeling_qwen3 import Qwen3ForCausalLM, Qwen3RotaryEmbedding

from live_canary.errors import CheckpointError
from live_canary.model.config import MAX_LAYERS, MAX_SIZE, LoraSettings, read_json

_EMBEDDINGS = "base_model.model.model.embed_tokens.weight"
_TIED_HEAD = "base_model.model.lm_head.weight"
_LIMITS = {
    "num_hidden_layers": MAX_LAYERS,
    "hidden_size": MAX_SIZE,
    "intermediate_size": MAX_SIZE,
    "vocab_size": MAX_SIZE,
    "num_attention_heads": MAX_SIZE,
    "num_key_value_heads": MAX_SIZE,
    "head_dim": MAX_SIZE,
    "max_position_embeddings": MAX_SIZE,
}


class QwenWrapper(nn.Module):
    """Qwen3 for causal language modelling behind peft's LoRA, decoded greedily."""

    def __init__(self, config: Qwen3Config, lora: LoraSettings):
        super().__init__()
        adapter = LoraConfig(
            task_type="CAUSAL_LM",
            r=lora.rank,
            lora_alpha=lora.alpha,
            lora_dropout=0.0,
            target_modules=list(lora.target_modules),
        )
        with warnings.catch_warnings():  # peft 0.21 asks transformers 5.23 for a property by its old name
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            self.tree = get_peft_model(Qwen3ForCausalLM(config), adapter, autocast_adapter_dtype=False)

    @property
    def causal_lm(self) -> Any:
        """transformers' Qwen3ForCausalLM, its projections wrapped by peft."""
        return self.tree.base_model.model

    def materialise_buffers(self) -> None:
        """Compute what no checkpoint holds and tie the head; needed after building on torch's meta device."""
        self.causal_lm.model.rotary_emb = Qwen3RotaryEmbedding(self.causal_lm.config)
        self.causal_lm.lm_head.weight = self.causal_lm.model.embed_tokens.weight

    def embed(self, ids: list[int]) -> Tensor:
        """Token ids -> their embeddings (tokens, hidden)."""
        table = self.causal_lm.model.embed_tokens
        return table(torch.tensor(ids, device=table.weight.device))

    @torch.no_grad()
    def first_logits(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, vocabulary) of the first new token after embeddings (B, L, hidden) with their mask (B, L)."""
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        output = self.causal_lm(
            inputs_embeds=embeddings, attention_mask=mask, position_ids=positions, logits_to_keep=1, use_cache=False
        )
        return output.logits[:, -1]

    @torch.no_grad()
    def generate(self, embeddings: Tensor, mask: Tensor, max_new_tokens: int, end_id: int) -> list[list[int]]:
        """Greedy continuation of each row, without the end token.

        embeddings: (B, L, hidden), padded on the left; mask: (B, L).
        """
        greedy = GenerationConfig(
            max_new_tokens=max_new_tokens, do_sample=False, eos_token_id=end_id, pad_token_id=end_id
        )
        rows = self.causal_lm.generate(inputs_embeds=embeddings, attention_mask=mask, generation_config=greedy)
        return [_until(row, end_id) for row in rows.tolist()]

    def without_adapter(self) -> Any:
        """A context in which the LLM is plain Qwen3."""
        return self.tree.disable_adapter()


def _until(ids: list[int], end_id: int) -> list[int]:
    return ids[: ids.index(end_id)] if end_id in ids else ids


def checkpoint_key(key: str) -> str | None:
    """The checkpoint's name for a key of `QwenWrapper.tree.state_dict()`; None for the head, tied to the embeddings."""
    if key == _TIED_HEAD:
        return None
    return "embed_tokens.weight" if key == _EMBEDDINGS else "llm." + key


def read_qwen_config(path: Path) -> Qwen3Config:
    """The sizes of the LLM, from Qwen3's own `config.json`. Raises CheckpointError."""
    found = read_json(path)
    if found.get("model_type") != "qwen3":
        raise CheckpointError(
            f"{path}: model_type is {found.get('model_type')!r}, not 'qwen3'; copy the config.json of Qwen/Qwen3-1.7B"
        )
    if not found.get("tie_word_embeddings", False):
        raise CheckpointError(f"{path}: tie_word_embeddings must be true; copy the config.json of Qwen/Qwen3-1.7B")
    for key, limit in _LIMITS.items():
        size = found.get(key, 1)
        if not isinstance(size, int) or not 0 < size <= limit:
            raise CheckpointError(
                f"{path}: {key} must be a whole number from 1 to {limit}; copy the config.json of Qwen/Qwen3-1.7B"
            )
    try:
        config = Qwen3Config.from_dict(found)
    except (TypeError, ValueError, KeyError, AttributeError, ArithmeticError, StrictDataclassError) as error:
        raise CheckpointError(
            f"{path} does not describe a Qwen3 model ({error}); copy the config.json of Qwen/Qwen3-1.7B"
        ) from None
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    if heads % kv_heads:
        raise CheckpointError(
            f"{path}: {heads} num_attention_heads cannot share {kv_heads} num_key_value_heads equally; "
            "copy the config.json of Qwen/Qwen3-1.7B"
        )
    for key, found_kind, kind in (
        ("hidden_act", config.hidden_act, "silu"),
        ("rope_type", config.rope_parameters["rope_type"], "default"),
        *(("layer_types", layer_type, "full_attention") for layer_type in config.layer_types),
    ):
        if found_kind != kind:
            raise CheckpointError(
                f"{path}: {key} is {found_kind!r}, but only {kind!r} is supported; "
                "copy the config.json of Qwen/Qwen3-1.7B"
            )
    return config
