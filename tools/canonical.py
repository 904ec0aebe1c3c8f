"""The model in transformers' and peft's own code, on the weights of a loaded one; both come with `pip install .[dev]`.

Tests and benchmarks hold live-canary's own code to it, and the demonstration model's LLM is trained in it.
"""

import warnings
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from torch import Tensor, nn
from transformers import GenerationConfig
from transformers.models.parakeet.configuration_parakeet import ParakeetEncoderConfig
from transformers.models.parakeet.modeling_parakeet import ParakeetEncoder, ParakeetEncoderRelPositionalEncoding
from transformers.models.qwen3.configuration_qwen3 import Qwen3Config
from transformers.models.qwen3.modeling_qwen3 import Qwen3ForCausalLM, Qwen3RotaryEmbedding

from live_canary.model.config import EncoderConfig, QwenConfig
from live_canary.model.conformer import FastConformer
from live_canary.model.llm import Qwen, checkpoint_key

_TIED = ("base_model.model.model.embed_tokens.weight", "base_model.model.lm_head.weight")


class CanonicalQwen(nn.Module):
    """Qwen3 for causal language modelling behind peft's LoRA, decoded greedily.

    With the adapter on it transcribes; with it off the same weights are plain Qwen3.
    """

    def __init__(self, qwen: Qwen):
        """It has the very parameters of `qwen`: what becomes of them becomes of both."""
        super().__init__()
        adapter = LoraConfig(
            task_type="CAUSAL_LM",
            r=qwen.lora.rank,
            lora_alpha=qwen.lora.alpha,
            lora_dropout=0.0,
            target_modules=list(qwen.lora.target_modules),
        )
        with torch.device("meta"), warnings.catch_warnings():
            # peft 0.21 asks transformers 5.23 for a property by its old name
            warnings.filterwarnings("ignore", "`is_gradient_checkpointing`", FutureWarning)
            self.tree = get_peft_model(
                Qwen3ForCausalLM(_qwen3_config(qwen.config)), adapter, autocast_adapter_dtype=False
            )
        names = {key: "embed_tokens.weight" if key in _TIED else "llm." + key for key in self.tree.state_dict()}
        named = {checkpoint_key(key): value for key, value in qwen.state_dict(keep_vars=True).items()}
        assert named.keys() == set(names.values()), f"only one has {sorted(named.keys() ^ set(names.values()))}"
        _share({key: named[name] for key, name in names.items()}, self.tree)
        device = qwen.embed_tokens.weight.device
        self.causal_lm.model.rotary_emb = Qwen3RotaryEmbedding(self.causal_lm.config).to(device)
        self.eval()

    @property
    def causal_lm(self) -> Any:
        """transformers' Qwen3ForCausalLM, its projections wrapped by peft."""
        return self.tree.base_model.model

    @torch.no_grad()
    def first_logits(self, embeddings: Tensor, mask: Tensor) -> Tensor:
        """Scores (B, vocabulary) of the first new token after embeddings (B, L, hidden) with their mask (B, L)."""
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        output: Any = self.causal_lm(
            inputs_embeds=embeddings, attention_mask=mask, position_ids=positions, logits_to_keep=1, use_cache=False
        )
        scores: Tensor = output.logits[:, -1]
        return scores

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


def canonical_encoder(encoder: FastConformer) -> ParakeetEncoder:
    """transformers' encoder with the very parameters of a FastConformer in floating-point weights."""
    with torch.device("meta"):
        canonical = ParakeetEncoder(_parakeet_config(encoder.config))
    _share(encoder.state_dict(keep_vars=True), canonical)
    positions = ParakeetEncoderRelPositionalEncoding(canonical.config)
    canonical.encode_positions = positions.to(encoder.subsampling.linear.weight.device)
    return canonical.eval()


def _share(state: dict[str, Tensor], module: nn.Module) -> None:
    """Give a module these very parameters, which learn if they did: torch would ask the module's own."""
    learn = {key: tensor.requires_grad for key, tensor in state.items()}
    module.load_state_dict(state, assign=True)
    for key, tensor in state.items():
        tensor.requires_grad_(learn[key])


def _qwen3_config(config: QwenConfig) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_hidden_layers,
        num_attention_heads=config.num_attention_heads,
        num_key_value_heads=config.num_key_value_heads,
        head_dim=config.head_dim,
        rms_norm_eps=config.rms_norm_eps,
        rope_parameters={"rope_type": "default", "rope_theta": config.rope_theta},
        tie_word_embeddings=True,
    )


def _parakeet_config(config: EncoderConfig) -> ParakeetEncoderConfig:
    """With which transformers' ParakeetEncoder equals NeMo's FastConformer."""
    return ParakeetEncoderConfig(
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.feed_forward_width,
        num_mel_bins=config.mel_bins,
        subsampling_conv_channels=config.subsampling_channels,
        conv_kernel_size=config.conv_kernel_size,
        scale_input=False,
        attention_bias=True,
        convolution_bias=True,
        layerdrop=0.0,
        dropout=0.0,
        activation_dropout=0.0,
        attention_dropout=0.0,
    )
