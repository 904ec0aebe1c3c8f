"""Weights in halves: the largest output of a row is found from about half of what the whole would have to read."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from live_canary.model.canary import CanaryQwen
from live_canary.model.quantize import QuantizedLinear
from tests.conftest import DEMO
from tests.model.multiplying import SIZES, compiled, every_vector, random_linear, threads_of_torch, vectors


def in_halves_and_whole(weight, bias=None):
    halves = QuantizedLinear.of([weight], bias, 8, only_largest=True)
    assert halves.spread is not None and halves.weight.nbytes == QuantizedLinear.of([weight], bias, 8).weight.nbytes
    return halves, QuantizedLinear.of([weight], bias, 8)


@compiled
@every_vector
@settings(max_examples=30, deadline=None)
@given(**SIZES, threads=st.sampled_from([1, 2, 5]), seed=st.integers(0, 1 << 30))
def test_rows_among_others_are_as_of_the_whole(vector, rows, inputs, outputs, threads, seed):
    x, weight, bias = random_linear(rows + 1, inputs, outputs, seed)
    halves, whole = in_halves_and_whole(weight, bias)
    with vectors(vector), threads_of_torch(threads):
        assert torch.equal(halves(x), whole(x))


@compiled
@every_vector
@settings(max_examples=30, deadline=None)
@given(
    inputs=st.integers(1, 600),
    outputs=st.integers(1, 3000),
    uneven=st.integers(0, 4),
    group_of_all=st.floats(1, 100),
    threads=st.sampled_from([1, 2, 5]),
    seed=st.integers(0, 1 << 30),
)
def test_of_a_single_row_the_largest_is_exact_and_no_other_reaches_it(
    vector, inputs, outputs, uneven, group_of_all, threads, seed
):
    """Also where some inputs are far larger than others, as a language model's are, or they and their weights are."""
    x, weight, bias = random_linear(1, inputs, outputs, seed)
    x *= torch.exp(uneven * torch.randn(inputs, generator=torch.Generator().manual_seed(seed)))
    x[:, :64] *= group_of_all
    weight[:, :64] *= group_of_all
    halves, whole = in_halves_and_whole(weight, bias)
    with vectors(vector), threads_of_torch(threads):
        found, exact = halves(x)[0], whole(x)[0]
    assert found.argmax() == exact.argmax() and found.max() == exact.max()
    off = (found - exact).abs()
    assert (off <= halves.spread * x.norm() * 8.1).all()


@compiled
@every_vector
def test_a_single_row_is_the_same_in_every_vector_and_with_any_number_of_threads(vector):
    x, weight, bias = random_linear(1, 320, 5000, 1)
    halves, _ = in_halves_and_whole(weight, bias)
    with threads_of_torch(1):
        alone = halves(x)
    with vectors(vector), threads_of_torch(3):
        assert torch.equal(halves(x), alone)


@compiled
@every_vector
def test_most_is_not_read_twice(vector):
    """Else nothing is gained: only what comes near the largest is exact."""
    x, weight, _ = random_linear(1, 512, 20000, 2)
    halves, whole = in_halves_and_whole(weight)
    with vectors(vector):
        exact = halves(x) == whole(x)
    assert exact.sum() < 2000


@compiled
@every_vector
def test_of_equals_the_first_is_the_largest(vector):
    """As of the whole, whose choice a draft is verified by."""
    x, weight, _ = random_linear(1, 256, 4000, 3)
    x, weight = x.sign(), weight.sign()
    weight[1234] = weight[77] = weight[3999] = x[0]
    halves, whole = in_halves_and_whole(weight)
    with vectors(vector):
        assert halves(x).argmax() == whole(x).argmax() == 77


@compiled
@every_vector
@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_an_input_that_is_no_number_leaves_none(vector, wrong):
    x, weight, _ = random_linear(1, 256, 400, 4)
    x[0, 100] = wrong
    halves, _ = in_halves_and_whole(weight)
    with vectors(vector):
        assert not halves(x).isfinite().any()


@compiled
def test_of_a_model_the_output_matrix_alone_is_in_halves():
    """It is the largest, and of no other it matters only which output is the largest."""
    model = CanaryQwen.load(DEMO, "cpu", "int8")
    [conformer] = model.perception.encoder.layers
    assert model.decoder.head.spread is not None
    others = [part for layer in model.decoder.layers for part in (layer.qkv, layer.o, layer.gate_up, layer.down)]
    others += [part for part in conformer.modules() if isinstance(part, QuantizedLinear)]
    assert all(linear.spread is None for linear in others)
