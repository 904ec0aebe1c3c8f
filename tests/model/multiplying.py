"""What the kernels multiply in tests: on which processor, with how many threads, and what its weights are worth."""

import os
from contextlib import contextmanager
from unittest import mock

import pytest
import torch
from hypothesis import strategies as st

from live_canary.model import kernels

compiled = pytest.mark.skipif(not kernels.available(), reason="no compiled kernels, or not for this processor")
every_vector = pytest.mark.parametrize("vector", kernels.VECTORS)  # those that the processor lacks: the best it has
SIZES = {"rows": st.integers(1, 20), "inputs": st.integers(1, 600), "outputs": st.integers(1, 100)}


@contextmanager
def vectors(name):
    """The kernels of a lesser processor, or of none."""
    with mock.patch.dict(os.environ, {"LIVE_CANARY_KERNELS": name}):
        kernels._kernels.cache_clear()
        yield
    kernels._kernels.cache_clear()


def random_linear(rows: int, inputs: int, outputs: int, seed: int):
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, inputs, generator=rng) * 10.0 ** torch.randint(-3, 4, (rows, 1), generator=rng)
    return x, torch.randn(outputs, inputs, generator=rng), torch.randn(outputs, generator=rng)


def laid_open(packed):
    """Weights of 8 bits (panels, in / 4, 16, 4), or of 4 bits (panels, in / 32, 4, 64), as they lie -> (out, in)."""
    if packed.shape[2] == 16:
        return packed.permute(0, 2, 1, 3).flatten(2).flatten(0, 1).int()
    both = torch.stack([packed & 15, packed >> 4], dim=2).unflatten(-1, (16, 4))
    return both.permute(0, 4, 1, 2, 3, 5).flatten(2).flatten(0, 1).int()


def steps_and_what_one_is_worth(linear):
    """(out, in) float64 both: in 8 bits every 64 inputs have a scale, in 4 every 256, and 32 a factor of it."""
    if linear.spread is not None:
        upper, lower = map(laid_open, linear.weight)
        steps = upper * 16 + lower - 128
    else:
        steps = laid_open(linear.weight) - (128 if linear.bits == 8 else 8)
    scales = linear.scales[..., :16].view(torch.float16).double()
    worth = scales.transpose(1, 2).flatten(0, 1)
    if linear.bits == 8:
        worth = worth.repeat_interleave(64, dim=1)
    else:
        factors = linear.scales[..., 16:].contiguous().view(torch.int8).unflatten(-1, (8, 16)).flatten(1, 2)
        worth = worth.repeat_interleave(8, dim=1) * factors.transpose(1, 2).flatten(0, 1)
        worth = worth.repeat_interleave(32, dim=1)
    rows, inputs = slice(linear.outputs), slice(linear.inputs)
    return steps[rows, inputs].double(), worth[rows, inputs]


class threads_of_torch:  # noqa: N801 - reads as a word
    def __init__(self, count: int):
        self.count, self.before = count, torch.get_num_threads()

    def __enter__(self):
        torch.set_num_threads(self.count)

    def __exit__(self, *_):
        torch.set_num_threads(self.before)
