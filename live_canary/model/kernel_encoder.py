"""The FastConformer's layers in one call of the kernels: no Python between them, and no memory that comes and goes."""

from typing import Any

import torch
from torch import Tensor, nn

from live_canary.model import kernels
from live_canary.model.conformer import FastConformer, encode_distances
from live_canary.model.graphs import round_up

FRAMES_STEP = 64  # by which the longest utterance grows, whose distances between frames are kept


class KernelConformer(nn.Module):
    """In place of the layers of a quantised FastConformer, in float32, where the kernels are available.

    An utterance alone goes through C; several, some of them padded, through the layers themselves.
    """

    def __init__(self, encoder: FastConformer):
        super().__init__()
        self.layers = encoder.layers
        self._heads = encoder.config.heads
        self._kept: list[Tensor] = []
        self._longest = 0

    def forward(self, x: Tensor, distances: Tensor, heard: Tensor | None) -> Tensor:
        """As of `ConformerLayer`."""
        if len(x) == 1 and heard is None:
            return self._alone(x[0])[None]
        for layer in self.layers:
            x = layer(x, distances, heard)
        return x

    def _alone(self, x: Tensor) -> Tensor:
        frames, width = x.shape
        if frames > self._longest:
            longest = round_up(frames, FRAMES_STEP)
            self._longest, self._kept = 0, []  # where memory ends before all is made, it is made again
            self._structure = self._as_structure(width, longest)
            self._longest = longest
        x = x.clone(memory_format=torch.contiguous_format)
        kernels.encode(self._structure, x)
        return x

    def _as_structure(self, width: int, longest: int) -> kernels.Conformer:
        """Pointers to the weights and to the keys of all distances up to the longest utterance so far."""
        distances = encode_distances(longest, torch.empty(width))
        layers = [self._layer(layer, distances) for layer in self.layers]
        first: Any = self.layers[0]
        return kernels.Conformer(
            layers=(kernels.ConformerLayer * len(layers))(*layers),
            layer_count=len(layers),
            width=width,
            inner=first.feed_forward1.linear1.outputs,
            heads=self._heads,
            taps=first.conv.depthwise_conv.kernel_size[0],
            longest=longest,
            eps=first.norm_out.eps,
        )

    def _layer(self, layer: Any, distances: Tensor) -> kernels.ConformerLayer:
        attention, conv = layer.self_attn, layer.conv
        matrices = (
            *(layer.feed_forward1.linear1, layer.feed_forward1.linear2),
            *(attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj),
            *(conv.pointwise_conv1.linear, conv.pointwise_conv2.linear),
            *(layer.feed_forward2.linear1, layer.feed_forward2.linear2),
        )
        norms = (
            layer.norm_feed_forward1,
            layer.norm_self_att,
            layer.norm_conv,
            layer.norm_feed_forward2,
            layer.norm_out,
        )
        taps, taps_bias = _normed_taps(conv)
        relative = attention.relative_k_proj(distances).T.contiguous()
        tensors = (
            *(part for norm in norms for part in (norm.weight, norm.bias)),
            *(attention.bias_u, attention.bias_v, taps, taps_bias, relative),
        )
        self._kept += [taps, taps_bias, relative]
        return kernels.ConformerLayer(
            *(matrix.matrix for matrix in matrices), *(tensor.data_ptr() for tensor in tensors)
        )


def _normed_taps(conv: Any) -> tuple[Tensor, Tensor]:
    """The depthwise convolution with the batch norm behind it: (taps, width) and (width,)."""
    norm, depthwise = conv.norm, conv.depthwise_conv
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    bias = norm.bias - norm.running_mean * scale
    if depthwise.bias is not None:
        bias = bias + depthwise.bias * scale
    return (depthwise.weight[:, 0] * scale[:, None]).T.contiguous(), bias
