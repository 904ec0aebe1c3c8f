"""The ear: log-mel features through a FastConformer and a projection into the LLM's embedding space."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from live_canary.model import kernels
from live_canary.model.config import CanaryConfig
from live_canary.model.conformer import SUBSAMPLING, FastConformer, encoded_frames
from live_canary.model.features import LogMel
from live_canary.model.kernel_encoder import KernelConformer
from live_canary.model.quantize import MakeQuantized, quantize_linears

PIECE_FRAMES = 256  # a multiple of SUBSAMPLING

# The FastConformer's names for its parts, and the checkpoint's; applied in this order.
_CHECKPOINT_NAMES = (
    ("subsampling.layers.", "pre_encode.conv."),
    ("subsampling.linear.", "pre_encode.out."),
    ("conv.norm.", "conv.batch_norm."),
    ("self_attn.relative_k_proj.", "self_attn.linear_pos."),
    ("self_attn.q_proj.", "self_attn.linear_q."),
    ("self_attn.k_proj.", "self_attn.linear_k."),
    ("self_attn.v_proj.", "self_attn.linear_v."),
    ("self_attn.o_proj.", "self_attn.linear_out."),
    ("self_attn.bias_u", "self_attn.pos_bias_u"),
    ("self_attn.bias_v", "self_attn.pos_bias_v"),
)


class Perception(nn.Module):
    """Samples of utterances -> audio embeddings, one for every 80 ms.

    Attribute names are the checkpoint's (`perception.preprocessor`, `.encoder`, `.proj`).
    """

    def __init__(self, config: CanaryConfig):
        super().__init__()
        self.preprocessor = LogMel(config.features)
        self.encoder = FastConformer(config.encoder)
        self.proj = nn.Linear(config.encoder.width, config.encoder.output_width)

    def quantize(self, make: MakeQuantized, after_each: Callable[[nn.Module], None]) -> None:
        """Quantise the large matrices of the encoder; everything else becomes float32."""
        quantize_linears("encoder", self.encoder, make, after_each)
        self.float()
        for layer in self.encoder.subsampling.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = True  # what comes and goes is large
            else:
                layer.to(memory_format=torch.channels_last)  # twice as fast
        self.encoder.subsampling = InPieces(self.encoder.subsampling)
        if kernels.available():
            self.encoder.layers = nn.ModuleList([KernelConformer(self.encoder)])

    @torch.no_grad()
    def forward(self, utterances: list[Tensor]) -> list[Tensor]:
        """Utterances (n,) float32 -> one (frames, llm_width) each, in the encoder's dtype."""
        return self.encode([self.preprocessor(samples) for samples in utterances])

    @torch.no_grad()
    def encode(self, mels: list[Tensor]) -> list[Tensor]:
        """Features (mel_bins, frames) of each utterance -> (ceil(frames / 8), llm_width) of each."""
        dtype = self.proj.weight.dtype
        frames = [mel.shape[1] for mel in mels]
        batch = pad_sequence([mel.T.to(dtype) for mel in mels], batch_first=True)
        limits = torch.tensor(frames, device=batch.device) if len(mels) > 1 else None  # an utterance alone needs none
        audio = self.encode_padded(batch, limits)
        return [row[: encoded_frames(length)] for row, length in zip(audio, frames, strict=True)]

    @torch.no_grad()
    def encode_padded(self, batch: Tensor, frames: Tensor | None) -> Tensor:
        """Features (B, longest, mel_bins), of which the first `frames` (B,) count -> (B, longest / 8, llm_width)."""
        audio: Tensor = self.proj(self.encoder(batch, frames))
        return audio


class InPieces(nn.Module):
    """The subsampling of an utterance alone, some seconds at a time, with the same result.

    At once 11 s would need 36 MB, fresh from the system for every utterance, which takes longer than the computation.
    """

    def __init__(self, subsampling: nn.Module):
        super().__init__()
        self.whole = subsampling

    def forward(self, mels: Tensor, frames: Tensor | None = None) -> Tensor:
        """As of `Subsampling`."""
        if len(mels) > 1 or frames is not None:
            whole: Tensor = self.whole(mels, frames)
            return whole
        pieces = []
        for start in range(0, mels.shape[1], PIECE_FRAMES):
            before = min(start, SUBSAMPLING)  # what the first of a piece sees of the piece before
            piece = self.whole(mels[:, start - before : start + PIECE_FRAMES])
            pieces.append(piece[:, before // SUBSAMPLING :])
        return torch.cat(pieces, dim=1)


def checkpoint_key(key: str) -> str:
    """The checkpoint's name for a key of `Perception.state_dict()`."""
    if key.startswith("encoder."):
        for ours, theirs in _CHECKPOINT_NAMES:
            key = key.replace(ours, theirs)
    return "perception." + key
