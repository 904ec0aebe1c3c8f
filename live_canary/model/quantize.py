"""Linear layers in 8-bit weights, for processors: half the memory of bfloat16 and two to three times its speed.

Weights are int8 with one scale an output row. Activations are rounded to 15 bits with one scale a row and split into
two int8 halves, which the processor's integer units multiply in one call:

    x ~ scale * (128 * high + low)        y = scale * row_scale * (128 * (high @ W) + low @ W)

so only the weights lose precision: what the literature calls weight-only quantisation, where ggml's Q8_0 and most W8A8
schemes also round activations to 8 bits. (The rounding of activations is finer than bfloat16's own.)
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

LARGEST = 127  # of an int8, kept symmetric
HALF = 128  # what one step of the high half is worth in steps of the low half
LARGEST_15_BIT = LARGEST * HALF
SMALLEST = torch.finfo(torch.float32).tiny  # a scale that may be divided by, for rows of zeros
ROWS_AT_ONCE = 128


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight: (out, in) floating -> (out, in) int8 and the scale of each row (out,) float32."""
    quantized, scale = torch.empty(weight.shape, dtype=torch.int8), torch.empty(len(weight))
    for rows in range(0, len(weight), ROWS_AT_ONCE):  # small enough to stay in the processor's cache
        block = slice(rows, rows + ROWS_AT_ONCE)
        exact = weight[block].float()
        scale[block] = (exact.abs().amax(dim=1) / LARGEST).clamp_(min=SMALLEST)
        quantized[block] = (exact / scale[block, None]).round_()
    return quantized, scale


def int8_matmul(x: Tensor, weight: Tensor, row_scale: Tensor) -> Tensor:
    """x: (n, in) float32, weight: (out, in) int8, row_scale: (out,) -> (n, out) float32."""
    scale = (x.abs().amax(dim=1, keepdim=True) / LARGEST_15_BIT).clamp_(min=SMALLEST)
    steps = (x / scale).round_()
    high = (steps / HALF).round_()
    halves = torch.cat([high, steps - high * HALF]).to(torch.int8)
    products = torch._int_mm(halves, weight.t())
    high_product, low_product = products.float().chunk(2)
    return high_product.mul_(HALF).add_(low_product).mul_(scale).mul_(row_scale)


class Int8Linear(nn.Module):
    """In place of an nn.Linear on a processor."""

    weight: Tensor
    row_scale: Tensor

    def __init__(self, *weights: Tensor, bias: Tensor | None = None):
        """weights: (out, in) each; several stand on top of each other, as one matrix."""
        super().__init__()
        quantized, row_scales = zip(*map(quantize_rows, weights), strict=True)
        self.register_buffer("weight", torch.cat(quantized))
        self.register_buffer("row_scale", torch.cat(row_scales))
        self.bias = None if bias is None else nn.Parameter(bias.float(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        y = int8_matmul(x.reshape(-1, x.shape[-1]), self.weight, self.row_scale)
        if self.bias is not None:
            y += self.bias
        return y.view(*x.shape[:-1], -1)


class Int8Pointwise(nn.Module):
    """In place of an nn.Conv1d of kernel size 1: (B, in, T) -> (B, out, T)."""

    def __init__(self, convolution: nn.Conv1d):
        super().__init__()
        self.linear = Int8Linear(convolution.weight[:, :, 0], bias=convolution.bias)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x.transpose(1, 2))
        return y.transpose(1, 2)


def quantize_linears(module: nn.Module, after_each: Callable[[nn.Module], None]) -> None:
    """Replace every linear layer and pointwise convolution inside `module`, one after the other.

    after_each: called with each one that was replaced, to give back its memory.
    """
    for name, child in module.named_children():
        if isinstance(child, nn.Linear):
            setattr(module, name, Int8Linear(child.weight, bias=child.bias))
            after_each(child)
        elif isinstance(child, nn.Conv1d) and child.kernel_size == (1,):
            setattr(module, name, Int8Pointwise(child))
            after_each(child)
        else:
            quantize_linears(child, after_each)
