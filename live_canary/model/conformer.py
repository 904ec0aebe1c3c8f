"""NeMo's FastConformer in plain torch: what every layer of the encoder computes, and where its weights are.

Attributes have the names of transformers' ParakeetEncoder, which `tests/model/test_conformer.py` holds it to.
"""

from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from live_canary.model.config import EncoderConfig

SUBSAMPLING = 8  # mel frames that become one
# Less than any score, so that nothing is left of it beside one, and a number in float16 too. Of a row with nothing but
# minus infinity, as those of padding have, some of a GPU's kernels make NaN, which the next layer's keys would spread.
MASKED = -10_000.0
Frames = TypeVar("Frames", int, Tensor)


class FastConformer(nn.Module):
    """Log-mel features -> what the layers make of them, one for every 8 frames."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config = config
        self.subsampling: Any = Subsampling(config)
        self.layers = nn.ModuleList(ConformerLayer(config) for _ in range(config.layers))

    def forward(self, mels: Tensor, frames: Tensor | None = None) -> Tensor:
        """(B, longest, mel_bins), of which the first `frames` (B,) count -> (B, ceil(longest / 8), width)."""
        x = self.subsampling(mels, frames)
        heard = None
        if frames is not None:
            heard = torch.arange(x.shape[1], device=x.device) < encoded_frames(frames)[:, None]
        distances = encode_distances(x.shape[1], x)
        for layer in self.layers:
            x = layer(x, distances, heard)
        return x


class Subsampling(nn.Module):
    """Three halvings of the frames by convolutions, the later two separable."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        channels = config.subsampling_channels
        self.layers = nn.ModuleList([nn.Conv2d(1, channels, 3, stride=2, padding=1), nn.ReLU()])
        for _ in range(2):
            depthwise = nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels)
            self.layers.extend([depthwise, nn.Conv2d(channels, channels, 1), nn.ReLU()])
        self.linear = nn.Linear(channels * (config.mel_bins // SUBSAMPLING), config.width)

    def forward(self, mels: Tensor, frames: Tensor | None = None) -> Tensor:
        """(B, longest, mel_bins), of which the first `frames` (B,) count -> (B, ceil(longest / 8), width)."""
        x = mels[:, None]
        for layer in self.layers:
            x = layer(x)
            if frames is not None and isinstance(layer, nn.Conv2d):
                frames = -(-frames // layer.stride[0])
                x = x * (torch.arange(x.shape[2], device=x.device) < frames[:, None])[:, None, :, None]
        projected: Tensor = self.linear(x.transpose(1, 2).flatten(2))
        return projected


class ConformerLayer(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        width = config.width
        self.feed_forward1, self.feed_forward2 = FeedForward(config), FeedForward(config)
        self.self_attn = RelativeAttention(config)
        self.conv = Convolution(config)
        self.norm_feed_forward1, self.norm_feed_forward2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.norm_self_att, self.norm_conv, self.norm_out = (nn.LayerNorm(width) for _ in range(3))

    def forward(self, x: Tensor, distances: Tensor, heard: Tensor | None) -> Tensor:
        """(B, T, width), of which the frames `heard` (B, T) count, all if None -> the same shape.

        distances: (2 T - 1, width), as of `encode_distances`.
        """
        x = x + 0.5 * self.feed_forward1(self.norm_feed_forward1(x))
        x = x + self.self_attn(self.norm_self_att(x), distances, heard)
        x = x + self.conv(self.norm_conv(x), heard)
        x = x + 0.5 * self.feed_forward2(self.norm_feed_forward2(x))
        whole: Tensor = self.norm_out(x)
        return whole


class FeedForward(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.linear1 = nn.Linear(config.width, config.feed_forward_width)
        self.linear2 = nn.Linear(config.feed_forward_width, config.width)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear2(F.silu(self.linear1(x)))
        return y


class RelativeAttention(nn.Module):
    """Attention by content and by distance, after Transformer-XL (https://arxiv.org/abs/1901.02860, section 3.3)."""

    def __init__(self, config: EncoderConfig):
        super().__init__()
        width = config.width
        self.heads, self.head_dim = config.heads, width // config.heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(width, width) for _ in range(4))
        self.relative_k_proj = nn.Linear(width, width, bias=False)
        self.bias_u = nn.Parameter(torch.zeros(self.heads, self.head_dim))  # of content
        self.bias_v = nn.Parameter(torch.zeros(self.heads, self.head_dim))  # of distance

    def forward(self, x: Tensor, distances: Tensor, heard: Tensor | None) -> Tensor:
        """As of `ConformerLayer`."""
        batch, length, width = x.shape
        q, k, v = (
            project(x).view(batch, length, self.heads, self.head_dim).transpose(1, 2)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        scale = self.head_dim**-0.5
        keys: Any = self.relative_k_proj(distances).view(-1, self.heads, self.head_dim).permute(1, 2, 0)
        by_distance = _by_key((q + self.bias_v[:, None]) @ keys) * scale
        if heard is not None:
            both = heard[:, None, :, None] & heard[:, None, None, :]
            by_distance.masked_fill_(~both, MASKED)
        attended = F.scaled_dot_product_attention(q + self.bias_u[:, None], k, v, by_distance, scale=scale)
        y: Tensor = self.o_proj(attended.transpose(1, 2).reshape(batch, length, width))
        return y


class Convolution(nn.Module):
    def __init__(self, config: EncoderConfig):
        super().__init__()
        width, taps = config.width, config.conv_kernel_size
        self.pointwise_conv1 = nn.Conv1d(width, 2 * width, 1)
        self.depthwise_conv = nn.Conv1d(width, width, taps, padding=taps // 2, groups=width)
        self.norm = nn.BatchNorm1d(width)
        self.pointwise_conv2 = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, heard: Tensor | None) -> Tensor:
        """As of `ConformerLayer`."""
        y = F.glu(self.pointwise_conv1(x.transpose(1, 2)), dim=1)
        if heard is not None:
            y = y.masked_fill(~heard[:, None], 0.0)
        y = self.pointwise_conv2(F.silu(self.norm(self.depthwise_conv(y))))
        return y.transpose(1, 2)


def encode_distances(frames: int, like: Tensor) -> Tensor:
    """Every distance between so many frames, from the farthest later one to the farthest earlier one.

    Returns (2 frames - 1, width) in the dtype and on the device of `like` (..., width): sine and cosine of each
    frequency side by side.
    """
    width = like.shape[-1]
    distances = torch.arange(frames - 1, -frames, -1, dtype=torch.float32, device=like.device)
    frequencies = 1.0 / 10_000.0 ** (torch.arange(0, width, 2, dtype=torch.float32, device=like.device) / width)
    angles = distances[:, None] * frequencies
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).to(like.dtype)


def encoded_frames(mel_frames: Frames) -> Frames:
    """Number of audio embeddings of so many 10 ms feature frames: three halvings, each rounded up."""
    return -(-mel_frames // SUBSAMPLING)


def _by_key(scores: Tensor) -> Tensor:
    """(B, heads, T, 2 T - 1) by distance -> (B, heads, T, T) by key: each row begins one after the next row."""
    batch, heads, length, distances = scores.shape
    shifted = F.pad(scores, (1, 0)).view(batch, heads, distances + 1, length)[:, :, 1:]
    return shifted.reshape(batch, heads, length, distances)[..., :length]
