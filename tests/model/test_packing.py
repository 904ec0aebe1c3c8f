"""Weights are rounded and laid out in C as the kernels read them."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from live_canary.model import kernels
from live_canary.model.quantize import QuantizedLinear
from tests.model.multiplying import (
    SIZES,
    compiled,
    every_vector,
    steps_and_what_one_is_worth,
    threads_of_torch,
    vectors,
)


def rounded8(weight):
    """(out, in) -> what each weight becomes, to a float16 scale for 64 inputs."""
    groups = torch.nn.functional.pad(weight.float(), (0, -weight.shape[1] % 64)).unflatten(1, (-1, 64))
    scale = (groups.abs().amax(-1, keepdim=True) / 127).half().float()
    steps = (groups / torch.where(scale == 0, 1.0, scale)).round().clamp(-127, 127)
    return steps.flatten(1)[:, : weight.shape[1]].double(), scale.expand_as(groups).flatten(1)[
        :, : weight.shape[1]
    ].double()


def random_weight(inputs: int, outputs: int, dtype: torch.dtype, seed: int):
    """Rows of very different sizes, one of zeros."""
    rng = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, inputs, generator=rng) * torch.exp(2 * torch.randn(outputs, 1, generator=rng))
    weight[outputs // 2] = 0
    return weight.to(dtype)


DTYPES = st.sampled_from([torch.float32, torch.bfloat16, torch.float16])
FORMS = pytest.mark.parametrize(("bits", "halves"), [(8, False), (8, True), (4, False)])


@compiled
@pytest.mark.parametrize("halves", [False, True])
@settings(max_examples=60, deadline=None)
@given(inputs=SIZES["inputs"], outputs=SIZES["outputs"], dtype=DTYPES, seed=st.integers(0, 1 << 30))
def test_every_64_inputs_share_a_scale_and_each_is_the_nearest_step(halves, inputs, outputs, dtype, seed):
    weight = random_weight(inputs, outputs, dtype, seed)
    linear = QuantizedLinear.of([weight], None, 8, only_largest=halves)
    assert (linear.spread is not None) == halves
    assert all(map(torch.equal, steps_and_what_one_is_worth(linear), rounded8(weight)))


@compiled
@FORMS
@settings(max_examples=30, deadline=None)
@given(
    **SIZES | {"rows": st.integers(0, 100)}, dtype=DTYPES, threads=st.sampled_from([1, 3]), seed=st.integers(0, 1 << 30)
)
def test_parts_make_what_the_whole_makes_in_every_vector(bits, halves, rows, inputs, outputs, dtype, threads, seed):
    """Bit by bit: a file of packed weights may be read on another processor."""
    weight = random_weight(inputs, outputs, dtype, seed)
    whole = dict(QuantizedLinear.of([weight], None, bits, halves).named_buffers())
    for vector in kernels.VECTORS:
        with vectors(vector), threads_of_torch(threads):
            parts = QuantizedLinear.of([weight[:rows], weight[rows:]], None, bits, halves)
        assert all(torch.equal(tensor, whole[name]) for name, tensor in parts.named_buffers())


@compiled
@every_vector
@FORMS
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
@pytest.mark.parametrize("at", [0, 99])
def test_a_weight_that_is_no_number_makes_its_output_none_and_no_other(vector, bits, halves, wrong, at):
    weight = random_weight(100, 40, torch.bfloat16, 0)
    weight[3, at] = wrong
    with vectors(vector):
        y = QuantizedLinear.of([weight], None, bits, halves)(torch.ones(2, 100))
    assert not y[:, 3].isfinite().any()
    assert y[:, :3].isfinite().all() and y[:, 4:].isfinite().all()


@compiled
def test_of_the_five_that_are_tried_for_32_weights_in_4_bits_the_best_is_taken():
    weight = torch.randn(50, 256, generator=torch.Generator().manual_seed(1))
    steps, worth = steps_and_what_one_is_worth(QuantizedLinear.of([weight], None, 4))
    groups = weight.double().view(50, 8, 32)
    largest = groups.gather(-1, groups.abs().argmax(-1, keepdim=True))
    scale = (largest.abs().amax(1, keepdim=True) / 120).half().double()
    tried = []
    for of_largest, more in ((-8, 0), (-8, 1), (-8, -1), (7, 0), (7, 1)):
        nearest = (largest / of_largest / scale).round()
        step = (nearest + more * nearest.sign()).clamp(-15, 15) * scale
        rounded = (groups / torch.where(step == 0, 1.0, step)).round().clamp(-8, 7)
        tried.append((rounded * step - groups).square().sum(-1))
    assert torch.allclose(
        (steps * worth - weight).square().view(50, 8, 32).sum(-1), torch.stack(tried).amin(0), rtol=1e-5
    )


@compiled
@pytest.mark.parametrize(("bits", "most"), [(8, 127), (4, 8)])
def test_weights_are_within_half_a_step_but_for_the_largest(bits, most):
    weight = torch.randn(300, 300, generator=torch.Generator().manual_seed(0))
    weight[7] = 0
    steps, step = steps_and_what_one_is_worth(QuantizedLinear.of([weight], None, bits))
    assert steps.min() >= -most and steps.max() <= most - (bits == 4)
    error = (steps * step - weight).abs()
    assert (error <= 0.51 * step.abs()).double().mean() > 0.97
    assert (error <= (1.5 if bits == 4 else 1.01) * step.abs()).all()


@compiled
@pytest.mark.parametrize("unlike", [1, 10])
def test_weights_in_4_bits_lose_no_more_than_with_a_scale_for_every_32(unlike):
    """Found among three; of weights much alike, and where some inputs weigh ten times as much."""
    rng = torch.Generator().manual_seed(0)
    weight = torch.randn(200, 1024, generator=rng) * unlike ** torch.rand(1024, generator=rng)
    steps, step = steps_and_what_one_is_worth(QuantizedLinear.of([weight], None, 4))
    groups = weight.view(200, -1, 32)
    largest = groups.gather(-1, groups.abs().argmax(-1, keepdim=True))
    scales = [(largest / of_largest).half().float() for of_largest in (-8.0, -7.5, 7.0)]
    tried = [((groups / scale).round().clamp(-8, 7) * scale - groups).square().sum(-1) for scale in scales]
    assert (steps * step - weight).square().sum() < torch.stack(tried).amin(0).sum()
