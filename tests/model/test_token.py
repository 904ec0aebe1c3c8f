"""A GPU's kernels of our own, run on a processor: a token goes through the layers as in torch's."""

import ctypes
import shutil
import subprocess
import sys
from copy import copy
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch

from live_canary.model import token_kernels
from live_canary.model.canary import CanaryQwen
from live_canary.model.decoder import CACHE_STEP, LeanDecoder
from live_canary.model.fixed import FixedDecoder
from live_canary.model.matrices import fused
from live_canary.model.token_kernels import ADDED, GATED, LARGEST_ERROR, NORMED, PLAIN, THREADS, TokenKernels
from tests.conftest import DEMO, TINY

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("gcc") is None, reason="fibers and gcc run the kernels on a processor"
)
HOST = Path(__file__).parent / "gpu_on_a_processor.c"


class Kernels:
    """The kernels for one decoder's sizes, compiled by gcc."""

    def __init__(self, decoder: LeanDecoder, folder: Path):
        kernels, library = folder / "token.c", folder / "token.so"
        kernels.write_text(token_kernels.source(decoder))
        command = ["gcc", "-O1", "-Wall", "-Werror", "-Wno-unknown-pragmas", "-shared", "-fPIC"]
        subprocess.run([*command, f'-DKERNELS="{kernels}"', "-o", library, HOST, "-lm"], check=True)
        self._library = ctypes.CDLL(str(library))
        self.launched = 0

    def launcher(self, name: str):
        def launch(blocks, arguments):
            self.launched += 1
            assert all(one.is_contiguous() for one in arguments if isinstance(one, torch.Tensor))
            as_c = [token_kernels._as_c(argument) for argument in arguments]
            getattr(self._library, f"run_{name}")(ctypes.c_int(blocks), *as_c)

        return launch

    def all(self):
        return {name: self.launcher(name) for name in THREADS}


@pytest.fixture(scope="module", params=[TINY, DEMO], ids=["tiny", "demo"])
def decoder(request):
    return FixedDecoder(CanaryQwen.load(request.param, "cpu", "bfloat16").qwen, longest=CACHE_STEP)


@pytest.fixture
def kernels(decoder, tmp_path):
    return Kernels(decoder, tmp_path)


@pytest.mark.parametrize(("rows", "columns"), [(1, 8), (16, 192), (17, 160), (40, 64)])
def test_a_product_is_torchs(decoder, kernels, rows, columns):
    rng = torch.Generator().manual_seed(rows)
    weight, x, norm = (
        torch.randn(size, generator=rng).bfloat16() for size in ((rows, columns), (2 * columns,), (columns,))
    )
    before = torch.randn(rows, generator=rng).bfloat16()
    half, up = x[:columns].clone(), x[columns:]
    normed = torch.nn.functional.rms_norm(half, half.shape, norm, decoder.eps)
    faint = half * 1e-3  # its squares are about eps
    normed_faint = torch.nn.functional.rms_norm(faint, half.shape, norm, decoder.eps)
    gated = torch.nn.functional.silu(half) * up
    tokens = TokenKernels(decoder, kernels.all())
    for mode, taken, by, expected in (
        (PLAIN, half, None, weight.float() @ half.float()),
        (ADDED, half, None, before.float() + weight.float() @ half.float()),
        (NORMED, half, norm, weight.float() @ normed.float()),
        (NORMED, faint, norm, weight.float() @ normed_faint.float()),
        (GATED, x, None, before.float() + weight.float() @ gated.float()),
    ):
        found = tokens.product(fused("", lambda: [weight]), taken, before.clone(), mode, by)
        torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.02 * expected.abs().max().item())


@pytest.mark.parametrize("position", [0, 31, 128, CACHE_STEP - 1])
def test_a_token_goes_through_the_layers_as_in_torch(decoder, kernels, position):
    rng = torch.Generator().manual_seed(position)
    decoder.cache.copy_(torch.randn(decoder.cache.shape, generator=rng))
    decoder.cache[:, :, :, position:] = torch.nan  # nothing but what came before is looked at
    before = decoder.cache.clone()
    x = torch.randn(1, decoder.embeddings.shape[1], generator=rng).bfloat16()
    at = torch.tensor([position])
    expected = decoder.forward(x, at, position + 1)
    written, decoder.cache = decoder.cache, before
    found = TokenKernels(decoder, kernels.all()).forward(x.clone(), at)
    scale = expected.float().abs().max().item()
    torch.testing.assert_close(found.float(), expected.float(), rtol=0, atol=0.03 * scale)
    torch.testing.assert_close(before[..., position, :], written[..., position, :], rtol=0.05, atol=0.05)
    assert before[:, :, :, position + 1 :].isnan().all()
    assert kernels.launched == 5 * len(decoder.layers)
    decoder.cache.zero_()


def test_an_answer_is_the_same_with_the_kernels(decoder, kernels, monkeypatch):
    rng = torch.Generator().manual_seed(1)
    prompt = (torch.randn(20, decoder.embeddings.shape[1], generator=rng) * 0.02).bfloat16()
    expected = decoder.generate(prompt, 4, end_id=-1)
    monkeypatch.setattr(decoder, "_kernels", TokenKernels(decoder, kernels.all()))
    found = decoder.generate(prompt, 4, end_id=-1)
    assert kernels.launched == 3 * (5 * len(decoder.layers) + 1)
    for ours, theirs, likely, as_likely in zip(
        found.ids, expected.ids, found.probabilities, expected.probabilities, strict=True
    ):
        assert likely == pytest.approx(as_likely, rel=0.1)
        if ours != theirs:  # as likely, but for rounding: from here on they answer differently
            break


def test_right_kernels_are_used(decoder, kernels):
    assert max(TokenKernels(decoder, kernels.all()).errors()) < LARGEST_ERROR / 4
    assert not decoder.cache.any()


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("if (warp == SHARED_BY) keys[", "if (warp > SHARED_BY) keys["),  # writes no key
        ("= from[d];", "= from[0];"),  # nor the value
        ("(long long)now * DIM;", "(long long)(now + 1) * DIM;"),  # rotates as at the next position
        ("at <= now;", "at < now;"),  # does not see itself
        ("for (int from = 0;", "for (int from = GROUPS * AT_ONCE;"),  # nor what is furthest
        ("attended[(head * SHARED_BY + q)", "attended[(head * SHARED_BY + (q + 1) % SHARED_BY)"),  # mixes heads up
        ("expf(-gate)", "expf(-1.702f * gate)"),  # opens as another gate does
        ("first + r < rows)", "first + r < rows - 1)"),  # leaves the last row out
    ],
)
def test_wrong_kernels_are_not_used(tmp_path, monkeypatch, right, wrong):
    decoder = FixedDecoder(CanaryQwen.load(TINY, "cpu", "bfloat16").qwen, longest=CACHE_STEP)
    text = token_kernels.source(decoder)
    assert right in text
    monkeypatch.setattr(token_kernels, "source", lambda decoder: text.replace(right, wrong))
    assert not TokenKernels(decoder, Kernels(decoder, tmp_path).all()).right()


def test_weights_that_cannot_be_read_16_bytes_at_a_time_are_left_to_torch(monkeypatch):
    decoder = FixedDecoder(CanaryQwen.load(TINY, "cpu", "bfloat16").qwen, longest=CACHE_STEP)
    assert token_kernels.fits(decoder)
    norm = decoder.final_norm
    monkeypatch.setattr(decoder, "final_norm", torch.cat([norm[:1], norm])[1:])
    assert not token_kernels.fits(decoder)


@pytest.mark.parametrize(
    "unlike",
    [
        {"dtype": torch.float16},
        {"dtype": torch.float32},
        {"head_dim": 12},
        {"head_dim": 136},
        {"heads": 20, "kv_heads": 4, "head_dim": 128},  # more numbers of queries than a block keeps
        {"heads": 64, "kv_heads": 4},  # of which more would share keys than a block has warps for
    ],
)
def test_a_decoder_that_the_kernels_are_not_written_for_is_left_to_torch(decoder, unlike):
    assert token_kernels.fits(decoder)
    other = copy(decoder)
    for name, value in unlike.items():
        setattr(other, name, value)
    assert not token_kernels.fits(other)


@pytest.mark.parametrize(
    ("value", "cuda", "asked"), [(None, "13.0", 0), ("off", "13.0", 0), ("on", "13.0", 1), ("on", None, 0)]
)
def test_kernels_are_taken_only_where_they_are_asked_for_and_of_nvidia(monkeypatch, value, cuda, asked):
    told = []
    decoder = SimpleNamespace(device=torch.device("cuda"))
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(token_kernels, "fits", told.append)
    monkeypatch.delenv("LIVE_CANARY_GPU_KERNELS", raising=False)
    if value:
        monkeypatch.setenv("LIVE_CANARY_GPU_KERNELS", value)
    assert token_kernels.token_kernels(decoder) is None
    assert len(told) == asked


@pytest.fixture
def refused(monkeypatch):
    """Tells which error compiling ends in, where the kernels are asked for; gives what is used instead."""
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setenv("LIVE_CANARY_GPU_KERNELS", "on")
    monkeypatch.setattr(token_kernels, "fits", lambda decoder: True)
    monkeypatch.setattr(token_kernels, "source", lambda decoder: "")

    def used(error):
        monkeypatch.setattr(token_kernels, "compiled", Mock(side_effect=error))
        return token_kernels.token_kernels(SimpleNamespace(device=torch.device("cuda")))

    return used


@pytest.mark.parametrize(
    "error",
    [OSError("NVRTC is not here"), RuntimeError("error: identifier is undefined"), AttributeError("nvrtcGetCUBIN")],
)
def test_where_no_kernels_can_be_compiled_torchs_go_on(refused, error):
    assert refused(error) is None


def test_a_card_that_is_full_is_told_also_where_kernels_are_compiled(refused):
    with pytest.raises(torch.OutOfMemoryError):
        refused(torch.OutOfMemoryError("CUDA out of memory."))


class Library:
    """Notes how it is called, and finds everything well."""

    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, arguments)) or 0


def test_a_kernel_gets_the_places_of_its_arguments(monkeypatch):
    nvrtc, driver = Library(), Library()
    monkeypatch.setattr(token_kernels, "_libraries", lambda: (nvrtc, driver))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda: SimpleNamespace(cuda_stream=5))
    launch = token_kernels.compiled("void kernel;")["attend"]
    [(_, (_, source, *_)), *_] = nvrtc.calls
    assert source.split(b"\n") == [b'extern "C" {', b"void kernel;", b"}", b""]

    def launched(function, blocks, y, z, threads, *rest):
        shared, stream, places = rest[2:5]
        pointer = ctypes.cast(places[0], ctypes.POINTER(ctypes.c_void_p))[0]
        number = ctypes.cast(places[1], ctypes.POINTER(ctypes.c_int))[0]
        real = ctypes.cast(places[2], ctypes.POINTER(ctypes.c_double))[0]
        seen.append((blocks, y, z, threads, *rest[:2], shared, stream.value, pointer, number, real))
        return 0

    seen, tensor = [], torch.zeros(3)
    driver.cuLaunchKernel = launched
    launch(8, (tensor, 7, 1e-6))
    assert seen == [(8, 1, 1, THREADS["attend"], 1, 1, 0, 5, tensor.data_ptr(), 7, 1e-6)]


def test_what_cuda_refuses_is_not_taken_for_done(monkeypatch):
    nvrtc, driver = Library(), Library()
    monkeypatch.setattr(token_kernels, "_libraries", lambda: (nvrtc, driver))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: None)
    driver.cuModuleLoadData = lambda *_: 218
    with pytest.raises(RuntimeError, match="CUDA gave the error 218"):
        token_kernels.compiled("void kernel;")
    nvrtc.nvrtcCompileProgram = lambda *_: 6
    nvrtc.nvrtcGetProgramLogSize = lambda program, size: setattr(size._obj, "value", 30) or 0
    nvrtc.nvrtcGetProgramLog = lambda program, log: setattr(log, "value", b"token.cu(3): error: ...") or 0
    with pytest.raises(RuntimeError, match=r"token\.cu\(3\): error"):
        token_kernels.compiled("void kernel;")


@pytest.mark.skipif(shutil.which("nvcc") is None, reason="CUDA's own compiler is not here")
def test_cuda_compiles_the_kernels(decoder, tmp_path):
    source = tmp_path / "token.cu"
    source.write_text(f'extern "C" {{\n{token_kernels.source(decoder)}\n}}\n')
    subprocess.run(
        ["nvcc", "-arch=sm_90", "-cubin", "-Werror=all-warnings", "-o", tmp_path / "token", source], check=True
    )
