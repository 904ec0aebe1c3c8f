"""The compiled kernels multiply as torch does, bit by bit; without them everything still works."""

import shutil
import subprocess
import sys
import threading

import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from live_canary.errors import InputError, LiveCanaryError
from live_canary.model import kernels
from live_canary.model.canary import CanaryQwen
from live_canary.model.compute import choose_dtype
from live_canary.model.quantize import QuantizedLinear
from tests.conftest import DEMO, ROOT, TINY
from tests.model.multiplying import (
    SIZES,
    compiled,
    every_vector,
    random_linear,
    steps_and_what_one_is_worth,
    threads_of_torch,
    vectors,
)


def rounded_by_groups(x):
    """To 8 bits, with a scale for every 64 inputs."""
    groups = torch.nn.functional.pad(x, (0, -x.shape[1] % 64)).view(len(x), -1, 64)
    step = (groups.abs().amax(dim=-1, keepdim=True) / 127).clamp(min=torch.finfo(torch.float32).tiny)
    return ((groups * (1 / step)).round() * step).flatten(1)[:, : x.shape[1]]


@compiled
@every_vector
@pytest.mark.parametrize("bits", [8, 4])
@settings(max_examples=30, deadline=None)
@given(**SIZES, seed=st.integers(0, 1 << 30))
def test_products_are_exact_sums_of_groups_times_their_scales(vector, bits, rows, inputs, outputs, seed):
    x, weight, bias = random_linear(rows, inputs, outputs, seed)
    with vectors(vector):
        linear = QuantizedLinear.of([weight], bias, bits)
        y = linear(x)
    steps, step = steps_and_what_one_is_worth(linear)
    exact = rounded_by_groups(x).double() @ (steps * step).T + bias
    error = (y - exact).abs().amax(dim=1)
    assert (error <= 1e-5 * x.abs().amax(dim=1) * inputs + 1e-6).all()


@compiled
@every_vector
@pytest.mark.parametrize("bits", [8, 4])
@settings(max_examples=30, deadline=None)
@given(**SIZES, threads=st.sampled_from([1, 2, 5]), seed=st.integers(0, 1 << 30))
def test_a_row_is_the_same_alone_among_others_and_in_every_vector(vector, bits, rows, inputs, outputs, threads, seed):
    """So that a draft is verified by what decoding would choose, on any number of cores."""
    x, weight, bias = random_linear(rows, inputs, outputs, seed)
    linear = QuantizedLinear.of([weight], bias, bits)
    with threads_of_torch(1):
        alone = torch.cat([linear(row) for row in x.split(1)])
    with vectors(vector), threads_of_torch(threads):
        assert torch.equal(linear(x), alone)


@compiled
@every_vector
def test_threads_that_multiply_at_the_same_time_do_each_others_work_no_harm(vector):
    """A team takes part in one loop at a time, and may come to it when it is all but done."""
    x, weight, _ = random_linear(7, 512, 600, 0)
    linear = QuantizedLinear.of([weight], None, 8)
    expected, wrong = linear(x), []

    def multiply_again_and_again():
        torch.set_num_threads(4)  # OpenMP has a number for each thread
        wrong.extend(i for i in range(500) if not torch.equal(linear(x[i % 7 :]), expected[i % 7 :]))

    with vectors(vector), threads_of_torch(4):
        callers = [threading.Thread(target=multiply_again_and_again) for _ in range(3)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    assert not wrong


FORKED = """
import os, threading, torch
from live_canary.model.quantize import QuantizedLinear

torch.set_num_threads(3)
x, weight = torch.randn(50, 512), torch.randn(6000, 512)
linear = QuantizedLinear.of([weight], None, 8)
expected, ended = linear(x), threading.Event()

def multiply():
    torch.set_num_threads(3)
    while not ended.is_set():
        linear(x)

threading.Thread(target=multiply).start()
for _ in range(10):
    if not os.fork():
        os._exit(int((linear(x).numpy() != expected.numpy()).any()))  # OpenMP's threads are not there to help torch
codes = [os.waitstatus_to_exitcode(os.wait()[1]) for _ in range(10)]
ended.set()
print(codes)
"""


@compiled
@pytest.mark.skipif(sys.platform == "win32", reason="no process is forked there")
def test_a_process_that_is_forked_in_the_middle_of_a_product_multiplies_too():
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == f"{[0] * 10}\n", done.stderr


@compiled
@every_vector
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("bits", "largest"), [(8, 127 / 128), (4, 120 / 128)])  # of which a step is exact in float16
def test_rows_of_zeros_and_the_largest_of_all_activations_overflow_nothing(vector, bits, largest, sign):
    weight = torch.full((40, 6144), sign * largest)
    x = torch.stack([torch.zeros(6144), torch.full((6144,), -3.0), torch.full((6144,), 3e30)])
    sums = torch.tensor([0, -3.0 * 6144, 3e30 * 6144]) * sign * largest
    with vectors(vector):
        y = QuantizedLinear.of([weight], None, bits)(x)
    assert torch.allclose(y[:, 0], sums)


@compiled
def test_a_library_of_other_sources_is_left_alone(tmp_path, monkeypatch):
    """After an update that did not compile them, say: it would take what it reads for other weights."""
    copy = shutil.copytree(kernels._LIBRARY.parent, tmp_path / "kernels")
    monkeypatch.setattr(kernels, "_LIBRARY", copy / kernels._LIBRARY.name)
    with vectors(kernels.VECTORS[-1]):
        assert kernels.available()
    (copy / "common.h").write_text((copy / "common.h").read_text() + "\n")
    with vectors(kernels.VECTORS[-1]):
        assert not kernels.available()


@compiled
@every_vector
@pytest.mark.parametrize("bits", [8, 4])
def test_no_rows_are_no_products(vector, bits):
    with vectors(vector):
        assert QuantizedLinear.of([torch.ones(40, 70)], None, bits)(torch.empty(0, 70)).shape == (0, 40)


@compiled
@every_vector
@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("wrong", [torch.nan, torch.inf])
@pytest.mark.parametrize("at", [0, 33, 69])
def test_one_input_that_is_no_number_leaves_none_in_its_row_and_others_alone(vector, bits, wrong, at):
    x, weight, bias = random_linear(3, 70, 40, seed=at)
    with vectors(vector):
        linear = QuantizedLinear.of([weight], bias, bits)
        whole = linear(x)
        x[1, at] = wrong
        y = linear(x)
    assert not y[1].isfinite().any()
    assert torch.equal(y[[0, 2]], whole[[0, 2]])


@compiled
@pytest.mark.parametrize("dtype", ["int8", "int4"])
@pytest.mark.parametrize(
    "name",
    [
        "llm.base_model.model.model.norm.weight",
        "llm.base_model.model.model.layers.0.mlp.gate_proj.weight",
        "perception.encoder.layers.0.norm_out.bias",
        "perception.encoder.layers.0.conv.pointwise_conv1.bias",
    ],
)
def test_a_weight_that_is_no_number_is_told_instead_of_becoming_nonsense(dtype, name, tmp_path):
    checkpoint = shutil.copytree(TINY, tmp_path / "checkpoint")
    tensors = load_file(TINY / "model.safetensors")
    tensors[name].view(-1)[-1] = torch.nan
    save_file(tensors, checkpoint / "model.safetensors")
    model = CanaryQwen.load(checkpoint, "cpu", dtype)
    with pytest.raises(
        LiveCanaryError, match="no valid numbers in float32; choose --compute fp32, or get the model again"
    ):
        model.generate_ids(torch.randn(16_000, generator=torch.Generator().manual_seed(0)).numpy(), 2)


@pytest.mark.parametrize("lesser", ["off", *kernels.VECTORS[:-1]])
def test_a_lesser_processor_writes_the_same_text(lesser):
    samples, _ = soundfile.read(ROOT / "assets" / "dictation.wav", dtype="float32", frames=48000)
    with vectors(lesser):
        written = CanaryQwen.load(DEMO, "cpu", "int8").transcribe(samples)
    assert written == CanaryQwen.load(DEMO, "cpu", "int8").transcribe(samples)


def test_four_bits_are_refused_without_kernels(monkeypatch):
    monkeypatch.setattr(kernels, "available", lambda: False)
    with pytest.raises(InputError, match="int4 needs live-canary's compiled kernels"):
        choose_dtype("int4", torch.device("cpu"), TINY / "model.safetensors")
