"""Linear layers in 8- or 4-bit weights, for processors: a half or nearly a quarter of what bfloat16 has to read.

Where the kernels are available every 64 inputs of a row share a scale, of weights and of activations, which are
rounded to 8 bits: 8-bit weights so lose less than with a scale for a whole row. Of weights in 4 bits 256 inputs share a
scale, of which each 32 have a multiple up to 15: multiplied by it they are weights of 8 bits, and as fast. They lose
far more than the activations, and much where they are far smaller than the largest of their 256.

Which token comes next is the largest of very many outputs. The upper halves of the weights' 8 bits are enough to tell
which outputs cannot be the largest, so of the output matrix, the largest matrix of all, half is read for a token.

Elsewhere, in torch, weights of 8 bits have one scale an output row. Activations are rounded to 15 bits with one scale a
row and split into two int8 halves, which the processor's integer units multiply:

    x ~ scale * (128 * high + low)        y = scale * row_scale * (128 * (high @ W) + low @ W)

so only the weights lose precision.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from live_canary.model import kernels

LARGEST = 127  # of an int8, kept symmetric
HALF = 128  # what one step of the high half is worth in steps of the low half
LARGEST_15_BIT = LARGEST * HALF
SMALLEST = torch.finfo(torch.float32).tiny  # a scale that may be divided by, for rows of zeros
ROWS_AT_ONCE = 128  # small enough to stay in the processor's cache


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight: (out, in) floating -> (out, in) int8 and the scale of each row (out,) float32."""
    quantized, scale = torch.empty(weight.shape, dtype=torch.int8), torch.empty(len(weight))
    for rows in range(0, len(weight), ROWS_AT_ONCE):
        block = slice(rows, rows + ROWS_AT_ONCE)
        exact = weight[block].float()
        scale[block] = (exact.abs().amax(dim=1) / LARGEST).clamp_(min=SMALLEST)
        quantized[block] = (exact / scale[block, None]).round_()
    return quantized, scale


def int8_matmul(x: Tensor, weight: Tensor, row_scale: Tensor) -> Tensor:
    """x: (n, in) float32, weight: (out, in) int8, row_scale: (out,) -> (n, out) float32."""
    if not torch.backends.mkldnn.is_available():  # as on Apple's processors, where torch multiplies int8 one by one
        return (x @ weight.float().t()).mul_(row_scale)
    scale = (x.abs().amax(dim=1, keepdim=True) / LARGEST_15_BIT).clamp_(min=SMALLEST)
    steps = (x / scale).round_()
    high = (steps / HALF).round_()
    halves = torch.cat([high, steps - high * HALF]).to(torch.int8)
    products = torch._int_mm(halves, weight.t())
    high_product, low_product = products.float().chunk(2)
    return high_product.mul_(HALF).add_(low_product).mul_(scale).mul_(row_scale)


class QuantizedLinear(nn.Module):
    """In place of an nn.Linear on a processor; in 4 bits only where the kernels are available."""

    weight: Tensor
    scales: Tensor
    bias: Tensor | None
    spread: Tensor | None

    def __init__(
        self,
        weight: Tensor,
        scales: Tensor,
        bias: Tensor | None,
        spread: Tensor | None,
        inputs: int,
        outputs: int,
        bits: int,
    ):
        """weight, scales, spread: as the kernels want them; without these weight and scales as `int8_matmul` does."""
        super().__init__()
        self.register_buffer("weight", weight)
        self.register_buffer("scales", scales)
        self.register_buffer("bias", bias)
        self.register_buffer("spread", spread)
        self.inputs, self.outputs, self.bits = inputs, outputs, bits
        self.matrix = kernels.available() and kernels.Matrix.of(weight, scales, bias, spread, inputs, outputs, bits)

    @classmethod
    def of(
        cls, weights: Sequence[Tensor], bias: Tensor | None, bits: int, only_largest: bool = False
    ) -> "QuantizedLinear":
        """weights: (out, in) each; several stand on top of each other, as one matrix.

        only_largest: of a single row it matters which output is the largest, and by how much about; where that saves
        reading, the others are computed from the upper half of each weight's 8 bits.
        """
        outputs, inputs = sum(map(len, weights)), weights[0].shape[1]
        if kernels.available():
            weight, scale, spread = kernels.pack(weights, bits, halves=bits == 8 and only_largest)
        else:
            parts = zip(*map(quantize_rows, weights), strict=True)
            (weight, scale), spread = map(torch.cat, parts), None
        return cls(weight, scale, None if bias is None else bias.detach().float(), spread, inputs, outputs, bits)

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(-1, self.inputs)
        if self.matrix:
            y = kernels.matmul(rows, self.matrix)
        else:
            y = int8_matmul(rows, self.weight, self.scales)
            if self.bias is not None:
                y += self.bias
        return y.view(*x.shape[:-1], self.outputs)


class Pointwise(nn.Module):
    """In place of an nn.Conv1d of kernel size 1: (B, in, T) -> (B, out, T)."""

    def __init__(self, linear: nn.Module):
        super().__init__()
        self.linear = linear

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x.transpose(1, 2))
        return y.transpose(1, 2)


class MakeQuantized(Protocol):
    """What becomes of weight matrices and of their biases."""

    def __call__(
        self,
        name: str,
        weights: Callable[[], Sequence[Tensor]],
        bias: Tensor | None = None,
        /,
        *,
        only_largest: bool = False,
    ) -> QuantizedLinear:
        """name: unique in the model; weights: gives (out, in) each, that stand on top of each other; only_largest: of
        the outputs of a single row only the largest has to be exact.
        """


def quantize_linears(
    name: str, module: nn.Module, make: MakeQuantized, after_each: Callable[[nn.Module], None]
) -> None:
    """Replace every linear layer and pointwise convolution inside `module`, called `name`, one after the other.

    after_each: called with each one that was replaced, to give back its memory.
    """
    for part, child in module.named_children():
        path = f"{name}.{part}"
        if isinstance(child, nn.Linear):
            setattr(module, part, make(path, lambda child=child: [child.weight], child.bias))  # type: ignore[misc]
            after_each(child)
        elif isinstance(child, nn.Conv1d) and child.kernel_size == (1,):
            linear = make(path, lambda child=child: [child.weight[:, :, 0]], child.bias)  # type: ignore[misc]
            setattr(module, part, Pointwise(linear))
            after_each(child)
        else:
            quantize_linears(path, child, make, after_each)
