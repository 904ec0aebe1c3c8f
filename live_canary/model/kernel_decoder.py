"""The lean decoder with all its layers in one call of the kernels: no Python between them."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor

from live_canary.model import kernels
from live_canary.model.answer import Answer, Prompted
from live_canary.model.decoder import LeanDecoder
from live_canary.model.quantize import QuantizedLinear


class KernelDecoder(LeanDecoder):
    """A LeanDecoder in float32 whose matrices are QuantizedLinear, where the kernels are available."""

    most_at_once = 8  # rows of a product that the fastest kernels compute in half as much time again as one
    _structure: kernels.Decoder
    _pointed: Tensor | None = None
    """The cache that the structure points to."""
    _start = torch.empty(0)
    """Inputs (n, hidden) whose keys and values stand at the beginning of the cache."""

    @torch.inference_mode()
    def generate_several(self, prompts: Sequence[Prompted], end_id: int, same: int = 0) -> list[Answer]:
        """The weights are read once for a token of every utterance: what takes longest for an utterance alone."""
        sizes = [len(prompted.embeddings) + prompted.max_new_tokens + 1 for prompted in prompts]
        *begins, end = accumulate((-(-size // kernels.LANES) * kernels.LANES for size in sizes), initial=0)
        self._reserve(end)
        growing = []
        for prompted, begin in zip(prompts, begins, strict=True):
            hidden = self._prefill(self._inputs_of(prompted), len(prompted.embeddings) - 1, same, begin)
            growing.append(self._begun(prompted, hidden, end_id))
        while rows := [k for k, one in enumerate(growing) if not one.is_whole]:
            x = self.embed([growing[k].token for k in rows])
            positions = [len(prompts[k].embeddings) + len(growing[k].ids) - 1 for k in rows]
            kernels.decode(
                self._structure, x, torch.tensor([begins[k] for k in rows]), torch.tensor(positions), len(rows)
            )
            for k, token, probability in zip(rows, *self._choose(x), strict=True):
                self._take(growing[k], token, probability)
        return [one.answer for one in growing]

    def _prefill(self, inputs: Tensor, first: int, same: int, begin: int = 0) -> Tensor:
        """What every prompt begins with is not computed again. begin: where in the cache the utterance begins."""
        known = same if torch.equal(self._start, inputs[:same]) else 0
        if begin:
            self.cache[:, :, :, begin : begin + known] = self.cache[:, :, :, :known]
        else:
            self._start = torch.empty(0)  # a pass may fail half-way
        x = inputs[known:].clone(memory_format=torch.contiguous_format)
        positions = torch.arange(known, len(inputs))
        kernels.decode(self._structure, x, torch.full_like(positions, begin), positions, len(inputs) - first)
        if not begin:
            self._start = inputs[:same].clone()
        return x[first - known :]

    def _read_on(self, inputs: Tensor, start: int) -> Tensor:
        self._start = torch.empty(0)  # the cache begins with something else now
        return super()._read_on(inputs, start)

    def forward(self, x: Tensor, positions: Tensor, end: int, visible: Tensor | None = None) -> Tensor:
        """As in torch, for the last positions before `end`, each of which sees what is not later."""
        x = x.clone(memory_format=torch.contiguous_format)
        kernels.decode(self._structure, x, torch.zeros_like(positions), positions, len(x))
        return x

    def _reserve(self, positions: int) -> None:
        super()._reserve(positions)
        if self._pointed is not self.cache:
            self._structure, self._start = self._as_structure(), torch.empty(0)
            self._pointed = self.cache  # last: where memory ended before, the pointers are made again

    def _as_structure(self) -> kernels.Decoder:
        """Pointers to the weights, the cache and the rotary tables as they lie now."""
        layers = []
        for layer, (keys, values) in zip(self.layers, self.cache, strict=True):
            matrices = [_matrix(part) for part in (layer.qkv, layer.o, layer.gate_up, layer.down)]
            q_norm, k_norm = layer.qk_norm[0], layer.qk_norm[-1]
            tensors = (layer.input_norm, q_norm, k_norm, layer.post_norm, keys, values)
            layers.append(kernels.Layer(*matrices, *(tensor.data_ptr() for tensor in tensors)))
        cos, sin = self.rotary
        hidden, inner = self.embeddings.shape[1], _matrix(self.layers[0].down).inputs
        return kernels.Decoder(
            layers=(kernels.Layer * len(layers))(*layers),
            cos=cos.data_ptr(),
            sin=sin[:, self.head_dim // 2 :].data_ptr(),  # the half of a row without the minus
            layer_count=len(layers),
            hidden=hidden,
            inner=inner,
            heads=self.heads,
            kv_heads=self.kv_heads,
            head_dim=self.head_dim,
            positions=self.cache.shape[3],
            eps=self.eps,
        )


def _matrix(linear: Any) -> kernels.Matrix:
    assert isinstance(linear, QuantizedLinear) and linear.matrix
    return linear.matrix
