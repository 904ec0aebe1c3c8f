"""The mouth: the weights of Qwen3 with its LoRA adapter, as a checkpoint has them.

With the adapter they transcribe; without it they are plain Qwen3 and answer text (LLM mode). What computes with them is
`decoder.py`; transformers' and peft's own code, to which it is held, is in `tools/canonical.py`.
"""

import torch
from torch import Tensor, nn

from live_canary.model.config import LoraSettings, QwenConfig

_EMBEDDINGS = "embed_tokens.weight"
_PREFIX = "llm.base_model.model.model."  # of all other tensors


class Lora(nn.Module):
    """A projection with an adapter: weights (out, in), (rank, in) and (out, rank)."""

    def __init__(self, inputs: int, outputs: int, settings: LoraSettings):
        super().__init__()
        self.base_layer = _linear(inputs, outputs)
        self.lora_A, self.lora_B = _linear(inputs, settings.rank), _linear(settings.rank, outputs)
        self.scale = settings.alpha / settings.rank

    def merged(self) -> Tensor:
        """The weight with the adapter in it, added in float32; its product is rounded before, as by peft."""
        weight, down, up = (one.weight.detach() for one in (self.base_layer, self.lora_A, self.lora_B))
        if weight.device.type == "cpu":
            down, up = down.float(), up.float()
        added = ((up @ down) * self.scale).to(weight.dtype)
        return (weight.float() + added.float()).to(weight.dtype)


class _Attention(nn.Module):
    def __init__(self, config: QwenConfig, lora: LoraSettings):
        super().__init__()
        inner, shared = (heads * config.head_dim for heads in (config.num_attention_heads, config.num_key_value_heads))
        self.q_proj = _projection("q_proj", config.hidden_size, inner, lora)
        self.k_proj = _projection("k_proj", config.hidden_size, shared, lora)
        self.v_proj = _projection("v_proj", config.hidden_size, shared, lora)
        self.o_proj = _projection("o_proj", inner, config.hidden_size, lora)
        self.q_norm, self.k_norm = nn.RMSNorm(config.head_dim), nn.RMSNorm(config.head_dim)


class _Mlp(nn.Module):
    def __init__(self, config: QwenConfig, lora: LoraSettings):
        super().__init__()
        self.gate_proj = _projection("gate_proj", config.hidden_size, config.intermediate_size, lora)
        self.up_proj = _projection("up_proj", config.hidden_size, config.intermediate_size, lora)
        self.down_proj = _projection("down_proj", config.intermediate_size, config.hidden_size, lora)


class _Layer(nn.Module):
    def __init__(self, config: QwenConfig, lora: LoraSettings):
        super().__init__()
        self.self_attn, self.mlp = _Attention(config, lora), _Mlp(config, lora)
        self.input_layernorm = nn.RMSNorm(config.hidden_size)
        self.post_attention_layernorm = nn.RMSNorm(config.hidden_size)


class Qwen(nn.Module):
    """Qwen3's weights under its own names. The head is the embeddings."""

    def __init__(self, config: QwenConfig, lora: LoraSettings):
        """Raises ValueError for an adapter of what is no projection."""
        super().__init__()
        self.config, self.lora = config, lora
        # not initialised: on torch's meta device that would import its compiler, for a second
        self.embed_tokens = nn.Embedding.from_pretrained(torch.empty(config.vocab_size, config.hidden_size))
        self.layers = nn.ModuleList(_Layer(config, lora) for _ in range(config.num_hidden_layers))
        self.norm = nn.RMSNorm(config.hidden_size)
        named = {name.rpartition(".")[2] for name, _ in self.named_modules()}
        if unknown := [name for name in lora.target_modules if not (name.endswith("_proj") and name in named)]:
            raise ValueError(f"lora.target_modules names no projections: {', '.join(unknown)[:100]}")

    def embed(self, ids: list[int]) -> Tensor:
        """Token ids -> their embeddings (tokens, hidden)."""
        embeddings: Tensor = self.embed_tokens(torch.tensor(ids, device=self.embed_tokens.weight.device))
        return embeddings

    def inverse_frequencies(self) -> Tensor:
        """Of the rotary positions: (head_dim / 2,) float32, by how much a position turns each pair of a head.

        Computed on the processor: others round powers otherwise, and tens of thousands of positions multiply it.
        """
        turns = torch.arange(0, self.config.head_dim, 2, dtype=torch.float32) / self.config.head_dim
        return (1.0 / self.config.rope_theta**turns).to(self.embed_tokens.weight.device)


def checkpoint_key(key: str) -> str:
    """The checkpoint's name for a key of `Qwen.state_dict()`."""
    if key == _EMBEDDINGS:
        return key
    return _PREFIX + key.replace(".lora_A.", ".lora_A.default.").replace(".lora_B.", ".lora_B.default.")


def _projection(name: str, inputs: int, outputs: int, lora: LoraSettings) -> nn.Module:
    return Lora(inputs, outputs, lora) if name in lora.target_modules else _linear(inputs, outputs)


def _linear(inputs: int, outputs: int) -> nn.Linear:
    return nn.Linear(inputs, outputs, bias=False)
