"""The compiled kernels multiply as torch does, bit by bit; without them everything still works."""

import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from unittest import mock

import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from live_canary.errors import InputError, LiveCanaryError
from live_canary.model import kernels, quantized_file
from live_canary.model.answer import Prompted
from live_canary.model.canary import CanaryQwen
from live_canary.model.compute import choose_dtype
from live_canary.model.decoder import LeanDecoder
from live_canary.model.encoder import InPieces
from live_canary.model.kernel_decoder import KernelDecoder
from live_canary.model.kernel_encoder import KernelConformer
from live_canary.model.quantize import QuantizedLinear
from live_canary.model.quantized_file import KEEPING, QuantizedFile, in_pieces, wait_until_kept
from tests.conftest import DEMO, ROOT, TINY

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


def rounded_by_groups(x):
    """To 8 bits, with a scale for every 64 inputs."""
    groups = torch.nn.functional.pad(x, (0, -x.shape[1] % 64)).view(len(x), -1, 64)
    step = (groups.abs().amax(dim=-1, keepdim=True) / 127).clamp(min=torch.finfo(torch.float32).tiny)
    return ((groups * (1 / step)).round() * step).flatten(1)[:, : x.shape[1]]


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


class threads_of_torch:  # noqa: N801 - reads as a word
    def __init__(self, count: int):
        self.count, self.before = count, torch.get_num_threads()

    def __enter__(self):
        torch.set_num_threads(self.count)

    def __exit__(self, *_):
        torch.set_num_threads(self.before)


def assert_close(a: torch.Tensor, b: torch.Tensor):
    """But for activations that lie between two steps: what is not the same to the last bit may round them apart."""
    assert (a - b).square().mean() < 1e-3 * b.square().mean()


@compiled
@pytest.mark.parametrize("lesser", kernels.VECTORS[:-1])
@pytest.mark.parametrize(("folder", "dtype"), [(DEMO, "int8"), (DEMO, "int4"), (TINY, "int8")])
def test_layers_are_the_same_in_every_vector(folder, dtype, lesser):
    """Bit by bit, whatever the lengths leave over of a vector."""
    model = CanaryQwen.load(folder, device="cpu", dtype=dtype)
    decoder, encoder = model.decoder, model.perception.encoder
    x = decoder.embed([index % 500 for index in range(75)])
    heard = [
        torch.randn(1, frames, encoder.config.hidden_size, generator=torch.Generator().manual_seed(frames))
        for frames in (1, 2, 17, 51, 130, 64)
    ]

    def results():
        parts = [slice(0, 50), slice(50, 51), slice(51, 75)]
        written = [decoder.forward(x[part], torch.arange(75)[part], part.stop) for part in parts]
        return [*written, *(encoder.layers[0](one, position_embeddings=encoder.encode_positions(one)) for one in heard)]

    best = results()
    with vectors(lesser):
        assert all(map(torch.equal, results(), best))


@compiled
@pytest.mark.parametrize("folder", [DEMO, TINY])
def test_the_layers_in_c_are_those_in_torch(folder):
    """Prompt, single tokens and a draft of several, against the same 8-bit matrices with torch between them."""
    model = CanaryQwen.load(folder, device="cpu", dtype="int8")
    assert type(model.decoder) is KernelDecoder
    x = model.decoder.embed([index % 500 for index in range(150)])
    positions = torch.arange(150)
    parts = [slice(0, 130), slice(130, 131), slice(131, 150)]
    in_c = [model.decoder.forward(x[part], positions[part], part.stop) for part in parts]
    in_torch = LeanDecoder.forward(model.decoder, x, positions, 150, positions <= positions[:, None])
    assert_close(torch.cat(in_c), in_torch)


@compiled
@pytest.mark.parametrize(("owner", "name"), [(torch, "stack"), (KernelDecoder, "_as_structure")])
def test_memory_that_ends_while_the_cache_grows_leaves_a_decoder_that_works(owner, name, monkeypatch):
    decoder, fresh = (CanaryQwen.load(DEMO, device="cpu", dtype="int8").decoder for _ in range(2))
    prompt = decoder.embed([index % 500 for index in range(400)])
    with monkeypatch.context() as full:
        full.setattr(owner, name, mock.Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            decoder.generate(prompt, 5, end_id=-1)
    assert decoder.generate(prompt, 5, end_id=-1) == fresh.generate(prompt, 5, end_id=-1)


@compiled
def test_memory_that_ends_while_the_distances_grow_leaves_an_encoder_that_works(monkeypatch):
    perception, fresh = (CanaryQwen.load(DEMO, device="cpu", dtype="int8").perception for _ in range(2))
    first, longer, longest = (torch.randn(seconds * 16_000) for seconds in (1, 9, 10))
    perception([first])
    with monkeypatch.context() as full:
        full.setattr("live_canary.model.kernel_encoder._normed_taps", mock.Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            perception([longest])
    for samples in (first, longer, longest):
        assert torch.equal(perception([samples])[0], fresh([samples])[0])


@compiled
@pytest.mark.parametrize("dtype", ["int8", "int4"])
def test_what_every_prompt_begins_with_is_computed_once(dtype, monkeypatch):
    decoder = CanaryQwen.load(DEMO, device="cpu", dtype=dtype).decoder
    one, other, elsewhere = (decoder.embed(ids) for ids in ([7, 8, *range(20)], [7, 8, *range(30, 60)], [5] * 22))
    whole = [decoder.forward(x, torch.arange(len(x)), len(x))[9:] for x in (one, other, other, elsewhere, one)]
    computed = []
    in_c = kernels.decode

    def counted(structure, x, *numbers):
        computed.append(len(x))
        in_c(structure, x, *numbers)

    monkeypatch.setattr(kernels, "decode", counted)
    parts = [decoder._prefill(x, 9, same) for x, same in ((one, 2), (other, 2), (other, 0), (elsewhere, 2), (one, 2))]
    assert all(map(torch.equal, parts, whole))
    assert computed == [22, 30, 32, 22, 22]


@compiled
@pytest.mark.parametrize("vector", kernels.VECTORS)
@pytest.mark.parametrize(("folder", "dtype"), [(DEMO, "int8"), (DEMO, "int4"), (TINY, "int8")])
def test_several_utterances_at_once_have_the_answers_that_each_has_alone(folder, dtype, vector):
    """Of all lengths, with right, wrong and no drafts, one that ends at once and one that may have no token."""
    decoder, alone = (CanaryQwen.load(folder, device="cpu", dtype=dtype).decoder for _ in range(2))
    rng = torch.Generator().manual_seed(1)
    spoken = [torch.randint(500, (length,), generator=rng).tolist() for length in (9, 40, 17, 16, 130, 3, 64, 33, 21)]
    starts = [decoder.embed([7, 8, *ids]) for ids in spoken]
    most = [12, 3, 20, 0, 5, 1, 9, 15, 12]
    with vectors(vector):
        free = [alone.generate(start, count, -1).ids for start, count in zip(starts, most, strict=True)]
        end = free[1][0]
        drafts = [[], free[1], [*free[2][:6], 3], free[4], free[4][:2], [], [5, 6], [], free[8]]
        prompts = [Prompted(*each) for each in zip(starts, most, drafts, strict=True)]
        expected = [alone.generate(one.embeddings, one.max_new_tokens, end, one.draft, same=2) for one in prompts]
        for _ in range(2):  # again where the cache has been written
            found = decoder.generate_several(prompts, end, same=2)
            assert [one.ids for one in found] == [one.ids for one in expected]
            for one, other in zip(found, expected, strict=True):
                assert one.probabilities == pytest.approx(other.probabilities, abs=0.02)
    assert not expected[1].ids
    assert len({len(one.ids) for one in expected}) > 4


@compiled
def test_a_token_of_several_utterances_takes_one_pass(monkeypatch):
    decoder = CanaryQwen.load(DEMO, device="cpu", dtype="int8").decoder
    prompts = [Prompted(decoder.embed([*range(length)]), most) for length, most in ((20, 5), (30, 9), (10, 2))]
    computed = []
    in_c = kernels.decode

    def counted(structure, x, *places):
        computed.append(len(x))
        in_c(structure, x, *places)

    monkeypatch.setattr(kernels, "decode", counted)
    decoder.generate_several(prompts, end_id=-1)
    assert computed == [20, 30, 10, 3, 2, 2, 2, 1, 1, 1, 1]


@compiled
@pytest.mark.parametrize("folder", [DEMO, TINY])
def test_the_encoders_layers_in_c_are_those_in_torch(folder):
    """Several lengths, growing and shrinking, against the same 8-bit matrices with torch between them."""
    encoder = CanaryQwen.load(folder, device="cpu", dtype="int8").perception.encoder
    [conformer] = encoder.layers
    assert type(conformer) is KernelConformer
    for frames in (1, 2, 17, 51, 130, 64):
        x = torch.randn(1, frames, encoder.config.hidden_size, generator=torch.Generator().manual_seed(frames))
        before = x.clone()
        positions = encoder.encode_positions(x)
        in_c = conformer(x, position_embeddings=positions)
        everywhere = torch.ones(1, 1, frames, frames, dtype=torch.bool)
        in_torch = conformer(x, attention_mask=everywhere, position_embeddings=positions)
        assert_close(in_c, in_torch)
        assert torch.equal(x, before)


@pytest.mark.parametrize("frames", [1, 8, 255, 256, 257, 700])
def test_an_utterance_is_subsampled_in_pieces_as_at_once(frames):
    perception = CanaryQwen.load(TINY, device="cpu", dtype="float32").perception
    mel = torch.randn(1, frames, 128, generator=torch.Generator().manual_seed(frames))
    with torch.no_grad():
        whole, pieces = (
            part(mel) for part in (perception.encoder.subsampling, InPieces(perception.encoder.subsampling))
        )
    torch.testing.assert_close(pieces, whole)


@compiled
@pytest.mark.parametrize("folder", [DEMO, TINY])
def test_a_pass_does_not_change_its_input(folder):
    decoder = CanaryQwen.load(folder, device="cpu", dtype="int8").decoder
    x = decoder.embed([1, 2, 3])
    before = x.clone()
    decoder.forward(x, torch.arange(3), 3)
    assert torch.equal(x, before)


@pytest.mark.parametrize("lesser", ["off", *kernels.VECTORS[:-1]])
def test_a_lesser_processor_writes_the_same_text(lesser):
    script = (
        "import soundfile; from live_canary.model.canary import CanaryQwen;"
        f"samples, _ = soundfile.read({str(ROOT / 'assets' / 'dictation.wav')!r}, dtype='float32', frames=48000);"
        f"print(CanaryQwen.load({str(DEMO)!r}, 'cpu', 'int8').transcribe(samples))"
    )
    command = [sys.executable, "-c", script]
    environment = os.environ | {"LIVE_CANARY_KERNELS": lesser, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=120)
    samples, _ = soundfile.read(ROOT / "assets" / "dictation.wav", dtype="float32", frames=48000)
    assert done.stdout.strip() == CanaryQwen.load(DEMO, "cpu", "int8").transcribe(samples)


def test_four_bits_are_refused_without_kernels(monkeypatch):
    monkeypatch.setattr(kernels, "available", lambda: False)
    with pytest.raises(InputError, match="int4 needs live-canary's compiled kernels"):
        choose_dtype("int4", torch.device("cpu"), TINY / "model.safetensors")


@pytest.fixture
def kept(tmp_path):
    """A file with one matrix, and what makes it."""
    path = tmp_path / "weights" / "some.safetensors"
    weight, bias = torch.randn(40, 64, generator=torch.Generator().manual_seed(0)), torch.ones(40)
    file = QuantizedFile(path, "this checkpoint")
    made = file.maker(8)("one", lambda: [weight], bias)
    file.keep()
    return path, made


def test_what_is_read_lies_as_the_processor_reads_it(kept):
    path, _ = kept
    file = QuantizedFile(path, "this checkpoint")
    assert [tensor.data_ptr() % 64 for name, tensor in file._tensors.items() if name.endswith("weight")] == [0]


def unneeded():
    raise AssertionError("what is in the file is not made again")


def test_quantised_weights_are_read_from_their_file_the_second_time(kept):
    path, made = kept
    again = QuantizedFile(path, "this checkpoint").maker(8)("one", unneeded, torch.ones(40))
    x = torch.randn(3, 64)
    assert torch.equal(again(x), made(x))
    assert [file.name for file in path.parent.iterdir()] == ["some.safetensors"]


@given(parts=st.lists(st.binary(max_size=20)), size=st.integers(1, 16))
def test_the_file_is_written_in_pieces_of_one_size(parts, size):
    pieces = list(in_pieces(parts, size))
    assert b"".join(pieces) == b"".join(parts)
    assert all(len(piece) == size for piece in pieces[:-1])
    assert all(0 < len(piece) <= size for piece in pieces[-1:])


@pytest.mark.parametrize("harm", ["cut off", "emptied", "garbage", "endless header", "another checkpoint", "missing"])
def test_a_file_that_does_not_fit_is_made_again(kept, harm):
    path, made = kept
    whole = path.read_bytes()
    belongs_to = "this checkpoint"
    if harm == "cut off":
        path.write_bytes(whole[:-1])
    elif harm == "emptied":
        path.write_bytes(b"")
    elif harm == "garbage":
        path.write_bytes(b"\x20\0\0\0\0\0\0\0{nonsense" + whole[20:])
    elif harm == "endless header":
        path.write_bytes(b"\xff" * len(whole))
    elif harm == "missing":
        path.unlink()
    else:
        belongs_to = "another checkpoint"
    weight = torch.randn(40, 64, generator=torch.Generator().manual_seed(0))
    file = QuantizedFile(path, belongs_to)
    assert torch.equal(file.maker(8)("one", lambda: [weight], torch.ones(40)).weight, made.weight)
    file.keep()
    QuantizedFile(path, belongs_to).maker(8)("one", unneeded)


def test_what_a_killed_program_left_unfinished_is_cleared_away(kept):
    path, _ = kept
    path = path.rename(path.with_name("this-int8.safetensors"))
    path.unlink()
    left, under_way = path.with_suffix(".123"), path.with_suffix(".456")
    of_a_model_that_is_gone = path.with_name("another-int4.789")
    path.with_name("another-int4.0").mkdir()  # cannot be deleted so
    os.utime(path.with_name("another-int4.0"), (0, 0))
    for unfinished in (left, under_way, of_a_model_that_is_gone):
        unfinished.touch()
    for unfinished in (left, of_a_model_that_is_gone):
        os.utime(unfinished, (0, 0))
    file = QuantizedFile(path, "this checkpoint")
    file.maker(8)("one", lambda: [torch.ones(3, 4)])
    file.keep()
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, under_way.name, "another-int4.0"}


def test_what_was_kept_of_a_model_that_is_gone_makes_room_for_the_next(tmp_path):
    there, gone = tmp_path / "there", tmp_path / "gone"
    there.touch()
    gone.touch()
    for checkpoint in (there, gone):
        file = QuantizedFile(tmp_path / f"{checkpoint.name}-int8.safetensors", "it", checkpoint)
        file.maker(8)("one", lambda: [torch.ones(3, 4)])
        file.keep()
    damaged, foreign = tmp_path / "damaged.safetensors", tmp_path / "foreign.safetensors"
    damaged.write_bytes(b"nothing")
    save_file({"one": torch.ones(3)}, foreign)
    gone.unlink()
    file = QuantizedFile(tmp_path / "next-int8.safetensors", "it", there)
    file.maker(8)("one", lambda: [torch.ones(3, 4)])
    file.keep()
    kept = {"there-int8.safetensors", "next-int8.safetensors", damaged.name, foreign.name}
    assert {path.name for path in tmp_path.glob("*.safetensors")} == kept


def test_what_cannot_be_deleted_of_a_model_that_is_gone_does_not_stop_the_next(kept, monkeypatch):
    path, _ = kept
    (path.parent / "gone.safetensors").touch()

    def deleted_meanwhile(other):
        if other.name == "gone.safetensors":
            other.unlink()
        return other.name == "gone.safetensors"

    monkeypatch.setattr(quantized_file, "_checkpoint_is_gone", deleted_meanwhile)
    file = QuantizedFile(path, "another checkpoint")
    file.maker(8)("one", lambda: [torch.ones(3, 4)])
    file.keep()
    QuantizedFile(path, "another checkpoint").maker(8)("one", unneeded)


def test_two_programs_that_keep_the_same_weights_at_once_do_not_write_into_one_file(kept, monkeypatch):
    path, _ = kept
    path.unlink()
    one, other = (QuantizedFile(path, "this checkpoint") for _ in range(2))
    for file in (one, other):
        file.maker(8)("one", lambda: [torch.ones(3, 4)])
    files_under_way = []

    def fsync(_):
        files_under_way.append(len(list(path.parent.iterdir())))
        if len(files_under_way) == 1:
            other.keep()

    monkeypatch.setattr(quantized_file.os, "fsync", fsync)
    one.keep()
    assert files_under_way == [1, 2]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    QuantizedFile(path, "this checkpoint").maker(8)("one", unneeded)


def test_whoever_waits_for_the_file_hears_of_it():
    told = threading.Event()
    writing = threading.Thread(target=told.wait, name=KEEPING)
    writing.start()
    wait_until_kept(told.set)
    assert told.is_set() and not writing.is_alive()


def test_a_disk_without_room_costs_only_the_file(kept, monkeypatch):
    path, _ = kept

    def full(*_):
        raise OSError(28, "No space left on device")

    file = QuantizedFile(path.with_name("other.safetensors"), "this checkpoint")
    file.maker(8)("one", lambda: [torch.ones(3, 4)])
    monkeypatch.setattr(quantized_file.os, "fsync", full)
    file.keep()
    assert [entry.name for entry in path.parent.iterdir()] == ["some.safetensors"]


def test_a_cache_folder_that_cannot_be_costs_only_the_file(tmp_path):
    (tmp_path / "live-canary").touch()
    file = QuantizedFile(tmp_path / "live-canary" / "weights" / "some.safetensors", "this checkpoint")
    file.maker(8)("one", lambda: [torch.ones(3, 4)])
    file.keep()


def test_a_checkpoint_keeps_its_quantised_weights_and_a_changed_one_makes_them_again(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, appauthor: tmp_path / name)
    monkeypatch.setattr(quantized_file, "SMALLEST_CHECKPOINT_BYTES", 0)
    weights = TINY / "model.safetensors"
    first = CanaryQwen.load(TINY, device="cpu", dtype="int8")
    wait_until_kept()
    [path] = (tmp_path / "live-canary" / "weights").iterdir()
    assert QuantizedFile.of(weights, 8)._kept
    assert torch.equal(CanaryQwen.load(TINY, "cpu", "int8").decoder.head.weight, first.decoder.head.weight)
    present = f'"belongs_to": "{quantized_file.LAYOUT} '.encode()
    path.write_bytes(path.read_bytes().replace(present, b'"belongs_to": "0 '))
    assert not QuantizedFile.of(weights, 8)._kept
    monkeypatch.setenv("LIVE_CANARY_WEIGHT_CACHE", "off")
    assert QuantizedFile.of(weights, 8)._path is None
