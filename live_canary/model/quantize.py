"""Linear layers in 8- or 4-bit weights, for processors: a half or nearly a quarter of what bfloat16 has to read.

Where the kernels are available every 64 inputs of a row share a scale, of weights and of activations, which are
rounded to 8 bits: 8-bit weights so lose less than with a scale for a whole row. Of weights in 4 bits 256 inputs share a
scale, of which each 32 have a multiple up to 15: multiplied by it they are weights of 8 bits, and as fast. They lose
far more than the activations, and much where they are far smaller than the largest of their 256.

Which token comes next is the largest of very many outputs. All that cannot be the largest are told from the upper
halves of their weights' 8 bits, so that of the output matrix, the largest matrix of all, half is read for a token.

Elsewhere, in torch, weights of 8 bits have one scale an output row. Activations are rounded to 15 bits with one scale a
row and split into two int8 halves, which the processor's integer units multiply:

    x ~ scale * (128 * high + low)        y = scale * row_scale * (128 * (high @ W) + low @ W)

so only the weights lose precision.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from live_canary.model import kernels

LARGEST = 127  # of an int8, kept symmetric
HALF = 128  # what one step of the high half is worth in steps of the low half
LARGEST_15_BIT = LARGEST * HALF
SMALLEST = torch.finfo(torch.float32).tiny  # a scale that may be divided by, for rows of zeros
ROWS_AT_ONCE = 128  # small enough to stay in the processor's cache
LARGEST_FACTOR = 15  # of 4-bit weights: times -8 it is a weight of 8 bits
STEPS_OF_THE_LARGEST = ((-8, 0), (-8, 1), (-8, -1), (7, 0), (7, 1))
"""So many steps the largest of 32 weights is worth, with the nearest factor or one more: what is tried."""


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight: (out, in) floating -> (out, in) int8 and the scale of each row (out,) float32."""
    quantized, scale = torch.empty(weight.shape, dtype=torch.int8), torch.empty(len(weight))
    for rows in range(0, len(weight), ROWS_AT_ONCE):
        block = slice(rows, rows + ROWS_AT_ONCE)
        exact = weight[block].float()
        scale[block] = (exact.abs().amax(dim=1) / LARGEST).clamp_(min=SMALLEST)
        quantized[block] = (exact / scale[block, None]).round_()
    return quantized, scale


def quantize8(weight: Tensor) -> tuple[Tensor, Tensor]:
    """weight: (out, in) floating -> (out, in) int8 in [-127, 127], and float16 scales (out, ceil(in / 64))."""
    quantized, scales = torch.empty(weight.shape, dtype=torch.int8), []
    for block, exact in _by_groups(weight, kernels.GROUP):
        scale = (exact.abs().amax(-1, keepdim=True) / LARGEST).half()
        steps = _steps(exact, scale.float()).clamp_(-LARGEST, LARGEST)
        quantized[block] = steps.flatten(1)[:, : weight.shape[1]]
        scales.append(scale[..., 0])
    return quantized, torch.cat(scales)


def quantize4(weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """weight: (out, in) floating -> (out, in) int8 in [-8, 7], int8 factors (out, ceil(in / 256) * 8) in [-15, 15], one
    for 32 inputs, and float16 scales (out, ceil(in / 256)): what is near the weight is all three multiplied.

    Which factor of each 32 has the smallest error is found by trying.
    """
    quantized = torch.empty(weight.shape, dtype=torch.int8)
    all_factors, scales = [], []
    for block, exact in _by_groups(weight, kernels.BLOCK):
        exact = exact.unflatten(2, (-1, kernels.FACTORED))
        largest = exact.gather(-1, exact.abs().argmax(-1, keepdim=True))
        scale = (largest.abs().amax(2, keepdim=True) / (LARGEST_FACTOR * 8)).half()
        least = torch.full(largest.shape, torch.inf)
        best, best_factors = torch.zeros_like(exact), torch.zeros_like(largest)
        for steps, more in STEPS_OF_THE_LARGEST:
            wanted = _steps(largest / steps, scale.float())
            factors = (wanted + more * wanted.sign()).clamp_(-LARGEST_FACTOR, LARGEST_FACTOR)
            step = factors * scale
            rounded = _steps(exact, step).clamp_(-8, 7)
            error = (rounded * step - exact).square_().sum(-1, keepdim=True)
            better = error < least
            best, best_factors = torch.where(better, rounded, best), torch.where(better, factors, best_factors)
            least = torch.minimum(error, least)
        quantized[block] = best.flatten(1)[:, : weight.shape[1]]
        all_factors.append(best_factors.flatten(1).to(torch.int8))
        scales.append(scale[..., 0, 0])
    return quantized, torch.cat(all_factors), torch.cat(scales)


def _by_groups(weight: Tensor, group: int) -> Iterator[tuple[slice, Tensor]]:
    """Some rows after the other: which, and their weights (rows, groups, group) in float32, filled up with zeros."""
    outputs, inputs = weight.shape
    for rows in range(0, outputs, ROWS_AT_ONCE):
        block = slice(rows, rows + ROWS_AT_ONCE)
        yield block, nn.functional.pad(weight[block].float(), (0, -inputs % group)).unflatten(1, (-1, group))


def _steps(exact: Tensor, scale: Tensor) -> Tensor:
    return (exact / torch.where(scale == 0, 1.0, scale)).round_()


def int8_matmul(x: Tensor, weight: Tensor, row_scale: Tensor) -> Tensor:
    """x: (n, in) float32, weight: (out, in) int8, row_scale: (out,) -> (n, out) float32."""
    scale = (x.abs().amax(dim=1, keepdim=True) / LARGEST_15_BIT).clamp_(min=SMALLEST)
    steps = (x / scale).round_()
    high = (steps / HALF).round_()
    halves = torch.cat([high, steps - high * HALF]).to(torch.int8)
    products = torch._int_mm(halves, weight.t())
    high_product, low_product = products.float().chunk(2)
    return high_product.mul_(HALF).add_(low_product).mul_(scale).mul_(row_scale)


def _stacked(parts: Iterable[tuple[Tensor, ...]]) -> Iterator[Tensor]:
    """The first tensors on top of each other, then the second ones, and so on."""
    return map(torch.cat, zip(*parts, strict=True))


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
        spread = None
        if not kernels.available():
            weight, scale = _stacked(map(quantize_rows, weights))
        elif bits == 8 and only_largest:
            weight, scale, spread = kernels.pack_halves(*_stacked(map(quantize8, weights)))
        elif bits == 8:
            weight, scale = kernels.pack8(*_stacked(map(quantize8, weights)))
        else:
            weight, scale = kernels.pack4(*_stacked(map(quantize4, weights)))
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
