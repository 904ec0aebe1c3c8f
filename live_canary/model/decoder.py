"""Qwen3 decoded greedily with as little around the weights as possible: one utterance, one preallocated cache.

It shares the weights of the tree (`llm.py`), except those it has to merge: LoRA goes into q and v, and q, k, v and
gate, up become one matrix each. `tests/model/test_decoder.py` holds it to transformers' and peft's own code token for
token.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from live_canary.errors import LiveCanaryError
from live_canary.model.answer import Answer, Growing, Prompted
from live_canary.model.llm import Qwen
from live_canary.model.matrices import MakeLinear, dense, fused, merged, plain

CACHE_STEP = 256  # positions by which the cache grows
READ_AT_ONCE = 512  # tokens of a long text: its attention takes so many times its length in memory


@dataclass(frozen=True, slots=True)
class _Layer:
    input_norm: Tensor
    qkv: Callable[[Tensor], Tensor]
    qk_norm: Tensor
    """(heads + kv_heads, 1, head_dim): of every query's and key's head."""
    o: Callable[[Tensor], Tensor]
    post_norm: Tensor
    gate_up: Callable[[Tensor], Tensor]
    down: Callable[[Tensor], Tensor]


class LeanDecoder:
    """Greedy decoding of one prompt, with or without a draft of the answer.

    Its weights and its cache are open to what computes them in other ways (`token_kernels.py`) or measures them.
    """

    most_at_once = 1
    """How many utterances `generate_several` decodes sooner than one after the other."""

    def __init__(
        self,
        qwen: Qwen,
        make_linear: MakeLinear | None = None,
        dtype: torch.dtype | None = None,
        after_each: Callable[[nn.Module], None] = lambda module: None,
        *,
        adapter: bool = True,
    ):
        """make_linear: what becomes of the weight matrices, by default what suits the device; dtype: of everything
        between them, by default the tree's; after_each: called with each layer of the tree once its weights have been
        taken over; adapter: whether it transcribes, or is plain Qwen3.
        """
        config = qwen.config
        self.embeddings: Tensor = qwen.embed_tokens.weight
        self.dtype = dtype or self.embeddings.dtype
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.head_dim, self.eps = config.head_dim, config.rms_norm_eps
        self._weight_of = merged if adapter else plain
        make_linear = make_linear or (dense if self.device.type == "cpu" else fused)
        # first, being the largest: memory is still free
        self.head = make_linear("head", lambda: [self.embeddings], only_largest=True)
        after_each(qwen.embed_tokens)
        self.layers = []
        for number, layer in enumerate(qwen.layers):
            self.layers.append(self._lean_layer(f"layers.{number}.", layer, make_linear))
            after_each(layer)
        self.final_norm = self._norm_weight(qwen.norm)
        self._inverse_frequencies = qwen.inverse_frequencies()
        self.rotary = self.cache = torch.empty(0)
        self._reserve(CACHE_STEP)

    @property
    def device(self) -> torch.device:
        return self.embeddings.device

    def embed(self, ids: Sequence[int]) -> Tensor:
        """Token ids -> (tokens, hidden) in the decoder's dtype."""
        return self.embeddings[torch.tensor(ids, dtype=torch.long, device=self.device)].to(self.dtype)

    @torch.inference_mode()
    def generate(
        self, prompt: Tensor, max_new_tokens: int, end_id: int, draft: Sequence[int] = (), same: int = 0
    ) -> Answer:
        """Greedy continuation of prompt embeddings (n, hidden), the first `same` < n of which every prompt begins with.

        `draft` is a guess of the answer. It rides along in the pass over the prompt; the tokens that greedy decoding
        would choose again are kept and decoding goes on after them, so the result does not depend on it.
        Raises LiveCanaryError where the model's numbers overflow, as in float16 they may.
        """
        prompted, n = Prompted(prompt, max_new_tokens, draft), len(prompt)
        self._reserve(n + max_new_tokens + 1)
        growing = self._begun(prompted, self._prefill(self._inputs_of(prompted), n - 1, same), end_id)
        following = self._continue(growing.token, n + len(growing.ids) - 1, growing.tokens_left)
        while not growing.is_whole:
            self._take(growing, *next(following))
        return growing.answer

    def generate_several(self, prompts: Sequence[Prompted], end_id: int, same: int = 0) -> list[Answer]:
        """The same ids for several utterances; the probabilities may differ by a few hundredths in 8-bit weights."""
        return [
            self.generate(prompted.embeddings, prompted.max_new_tokens, end_id, prompted.draft, same)
            for prompted in prompts
        ]

    @torch.inference_mode()
    def stream(
        self, ids: Sequence[int], max_new_tokens: int, end_id: int, read: Callable[[int], None] = lambda tokens: None
    ) -> Iterator[int]:
        """Greedy continuation of a prompt of tokens, however long, each token as soon as it is known.

        read: called with how many of the prompt's tokens have been read, after each READ_AT_ONCE.
        """
        self._reserve(len(ids) + max_new_tokens + 1)
        hidden = torch.empty(0)
        for start in range(0, len(ids), READ_AT_ONCE):
            inputs = self.embed(ids[start : start + READ_AT_ONCE])
            hidden = self._read_on(inputs, start)
            read(start + len(inputs))
        growing = self._begun(Prompted(hidden, max_new_tokens), hidden[-1:], end_id)
        following = self._continue(growing.token, len(ids), growing.tokens_left)
        while growing.token != end_id:
            yield growing.token
            if growing.is_whole:
                return
            self._take(growing, *next(following))

    def _read_on(self, inputs: Tensor, start: int) -> Tensor:
        """(n, hidden) inputs of which `start` are cached already -> what those become (n, hidden)."""
        end = start + len(inputs)
        positions = torch.arange(start, end, device=self.device)
        return self.forward(inputs, positions, end, torch.arange(end, device=self.device) <= positions[:, None])

    def _inputs_of(self, prompted: Prompted) -> Tensor:
        """(n + drafted, hidden)"""
        prompt, draft = prompted.embeddings.to(self.dtype), prompted.draft[: prompted.max_new_tokens]
        return torch.cat([prompt, self.embed(draft)]) if draft else prompt

    def _begun(self, prompted: Prompted, hidden: Tensor, end_id: int) -> Growing:
        """hidden: what the last input of the prompt and those of its draft have become (1 + drafted, hidden)."""
        return self._checked(Growing(prompted, *self._choose(hidden), end_id))

    def _take(self, growing: Growing, token: int, probability: float) -> None:
        growing.take(token, probability)
        self._checked(growing)

    def _checked(self, growing: Growing) -> Growing:
        """An answer whose last token, also if that is its first, was chosen among numbers."""
        if growing.ids and math.isnan(growing.probabilities[-1]):  # more would be decoded in vain
            self._forget()
            kind = str(self.dtype).removeprefix("torch.")
            raise LiveCanaryError(
                f"The model computes no valid numbers in {kind}; choose --compute fp32, or get the model again"
            )
        return growing

    def _forget(self) -> None:
        """Lets nothing of numbers that are none be read again; here only what the utterance itself has written is."""

    def _prefill(self, inputs: Tensor, first: int, same: int) -> Tensor:
        """(n, hidden) inputs of an empty cache -> what those from `first` on become (n - first, hidden).

        The first `same` <= `first` of them are those of every prompt.
        """
        n = len(inputs)
        positions = torch.arange(n, device=self.device)
        return self.forward(inputs, positions, n, positions <= positions[:, None])[first:]

    def _continue(self, token: int, position: int, most: int) -> Iterator[tuple[int, float]]:
        """What greedy decoding chooses after a token at a position and so on, `most` times, with its probability."""
        for _ in range(most):
            hidden = self.forward(self.embed([token]), torch.tensor([position], device=self.device), position + 1)
            [token], [probability] = self._choose(hidden)
            yield token, probability
            position += 1

    def _choose(self, hidden: Tensor) -> tuple[list[int], list[float]]:
        """The best next token after each of (n, hidden), and its probability."""
        ids, probabilities = self._best(hidden)
        return ids.tolist(), probabilities.tolist()

    def _best(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """(n, hidden) -> the best next tokens (n,) int64 and their probabilities (n,) float32."""
        return best_of(self.head(F.rms_norm(hidden, hidden.shape[-1:], self.final_norm, self.eps)))

    def forward(self, x: Tensor, positions: Tensor, end: int, visible: Tensor | None = None) -> Tensor:
        """(n, hidden) inputs at `positions` (n,), all below `end` -> (n, hidden); their keys and values are cached.

        visible: (n, end), which positions each input may look at; all of them if None.
        """
        n = len(x)
        cos, sin = self.rotary[:, positions]
        queries_a_head = self.heads // self.kv_heads
        bias = None
        if visible is not None:  # in numbers, which every layer would else make of the truth values
            bias = torch.zeros_like(visible, dtype=self.dtype).masked_fill_(~visible, -torch.inf)
            bias = bias.repeat(queries_a_head, 1)
        for layer, (keys, values) in zip(self.layers, self.cache, strict=True):
            qkv = layer.qkv(F.rms_norm(x, x.shape[-1:], layer.input_norm, self.eps))
            heads = qkv.view(n, self.heads + 2 * self.kv_heads, self.head_dim).transpose(0, 1)
            qk, v = heads.split([self.heads + self.kv_heads, self.kv_heads])
            qk = F.rms_norm(qk, qk.shape[-1:], eps=self.eps) * layer.qk_norm
            qk = torch.addcmul(qk * cos, qk.roll(self.head_dim // 2, -1), sin)
            q, k = qk.split([self.heads, self.kv_heads])
            keys.index_copy_(1, positions, k)
            values.index_copy_(1, positions, v)
            grouped = q.reshape(self.kv_heads, queries_a_head * n, self.head_dim)  # the heads that share keys
            attended = F.scaled_dot_product_attention(
                grouped[None], keys[None, :, :end], values[None, :, :end], attn_mask=bias
            )
            # views only if the kernel leaves them in the queries' order, as not all of a GPU's do
            x = x + layer.o(attended.reshape(self.heads, n, self.head_dim).transpose(0, 1).reshape(n, -1))
            gate, up = layer.gate_up(F.rms_norm(x, x.shape[-1:], layer.post_norm, self.eps)).chunk(2, dim=-1)
            x = x + layer.down(F.silu(gate) * up)
        return x

    def _reserve(self, positions: int) -> None:
        """Make the cache (layers, 2, kv_heads, positions, head_dim) and the rotary tables long enough.

        These are (2, positions, head_dim): each angle's cosine for the value itself, and its sine, with its sign, for
        the value half a head away.
        """
        if self.cache.ndim == 5 and self.cache.shape[3] >= positions:
            return
        length = -(-positions // CACHE_STEP) * CACHE_STEP
        shape = (len(self.layers), 2, self.kv_heads, length, self.head_dim)
        cache = torch.empty(shape, dtype=self.dtype, device=self.device)
        angles = torch.arange(length, device=self.device)[:, None] * self._inverse_frequencies
        cos, sin = angles.cos(), angles.sin()
        rotary = torch.stack([torch.cat([cos, cos], -1), torch.cat([-sin, sin], -1)]).to(self.dtype)
        self.cache, self.rotary = cache, rotary  # both or, where memory ends, neither

    def _lean_layer(self, name: str, layer: Any, make_linear: MakeLinear) -> _Layer:
        attention, mlp = layer.self_attn, layer.mlp
        q_norm, k_norm = self._norm_weight(attention.q_norm), self._norm_weight(attention.k_norm)

        def stacked(part: str, *projections: Any) -> Callable[[Tensor], Tensor]:
            return make_linear(name + part, lambda: [self._weight_of(projection) for projection in projections])

        return _Layer(
            input_norm=self._norm_weight(layer.input_layernorm),
            qkv=stacked("qkv", attention.q_proj, attention.k_proj, attention.v_proj),
            qk_norm=torch.cat([q_norm.expand(self.heads, 1, -1), k_norm.expand(self.kv_heads, 1, -1)]),
            o=stacked("o", attention.o_proj),
            post_norm=self._norm_weight(layer.post_attention_layernorm),
            gate_up=stacked("gate_up", mlp.gate_proj, mlp.up_proj),
            down=stacked("down", mlp.down_proj),
        )

    def _norm_weight(self, norm: Any) -> Tensor:
        return norm.weight.detach().to(self.dtype)


def best_of(logits: Tensor) -> tuple[Tensor, Tensor]:
    """(n, vocabulary) -> the best tokens (n,) int64 and their probabilities (n,) float32."""
    best, ids = logits.max(-1, keepdim=True)
    return ids[:, 0], (logits - best).exp().sum(-1, dtype=torch.float32).reciprocal()
