"""A token through the decoder's layers in kernels of our own, for GPUs in bfloat16: five a layer instead of eighteen.

Their source is `kernels/token.cu`, which NVRTC, a part of torch's CUDA builds, compiles when a model is loaded. Where
it does not, or what comes out is not what torch computes, torch's own kernels go on: slower, and with the same answer.
They have yet to run on a GPU, so that only LIVE_CANARY_GPU_KERNELS=on takes them.
"""

import ctypes
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from live_canary.model.decoder import LeanDecoder

SOURCE = Path(__file__).parent / "kernels" / "token.cu"
THREADS = {"product": 256, "attend": 512}  # of a block: as its source has it
ROWS = 16  # of a product, that a block computes
PLAIN, ADDED, NORMED, GATED = range(4)  # what a product takes its input for
MOST_COLUMNS = 16_384  # which a block keeps beside it, in 32 KB
MOST_HEAD_NUMBERS = 512  # of the queries that share keys
TRIED_AT = (0, 1, 130)  # positions: with nothing before, with little, and with more than is read at once
LARGEST_ERROR = 0.05  # of what torch computes in a layer; 0.009 by rounding alone, 0.058 with one of 131 keys left out

Launch = Callable[[int, Sequence[Any]], None]
"""Runs a kernel in so many blocks with its arguments, on the current stream."""


class TokenKernels:
    """What `LeanDecoder.forward` does with a single input, in place."""

    def __init__(self, decoder: LeanDecoder, launch: dict[str, Launch]):
        self._decoder, self._product, self._attend = decoder, launch["product"], launch["attend"]
        layer: Any = decoder.layers[0]
        head: Any = decoder.head
        hidden = decoder.heads * decoder.head_dim
        self._qkv, self._gate_up, self._logits, self._attended = (
            torch.full((1, size), torch.nan, dtype=torch.bfloat16, device=decoder.device)  # what is not written shows
            for size in (*(len(one.weights[0]) for one in (layer.qkv, layer.gate_up, head)), hidden)
        )

    def forward(self, x: Tensor, position: Tensor) -> Tensor:
        """(1, hidden) at a position (1,) -> the same tensor, become what the last layer makes of it."""
        decoder = self._decoder
        for layer, (keys, values) in zip(decoder.layers, decoder.cache, strict=True):
            self.product(layer.qkv, x, self._qkv, NORMED, layer.input_norm)
            self._attend(
                decoder.kv_heads,
                (
                    *(self._qkv, layer.qk_norm, decoder.rotary, position, keys, values, self._attended),
                    *(keys.shape[1], decoder.eps),
                ),
            )
            self.product(layer.o, self._attended, x, ADDED)
            self.product(layer.gate_up, x, self._gate_up, NORMED, layer.post_norm)
            self.product(layer.down, self._gate_up, x, GATED)
        return x

    def logits(self, hidden: Tensor) -> Tensor:
        """Of every token after (1, hidden): (1, vocabulary), valid until the next call."""
        return self.product(self._decoder.head, hidden, self._logits, NORMED, self._decoder.final_norm)

    def right(self) -> bool:
        """Whether a token becomes what torch's kernels make of it; afterwards the cache is empty."""
        return all(error <= LARGEST_ERROR for error in self.errors())  # which no number is not

    @torch.inference_mode()
    def errors(self) -> list[float]:
        """How far each layer, the keys and values it writes, and the logits are from torch's, as a part of these;
        afterwards the cache is empty.
        """
        decoder, errors = self._decoder, list[Tensor]()
        rng = torch.Generator().manual_seed(0)
        earlier, x = (
            torch.randn(shape, generator=rng).to(decoder.device, decoder.dtype)
            for shape in ((2, decoder.kv_heads, max(TRIED_AT), decoder.head_dim), (1, decoder.embeddings.shape[1]))
        )
        try:
            for number in range(len(decoder.layers)):
                for at in TRIED_AT:
                    errors += self._errors_of_layer(number, at, earlier[:, :, :at])
            normed = F.rms_norm(x, x.shape[-1:], decoder.final_norm, decoder.eps)
            errors.append(_error(self.logits(x), decoder.head(normed)))
            told: list[float] = torch.stack(errors).tolist()
            return told
        finally:
            decoder.cache.zero_()

    def _errors_of_layer(self, number: int, at: int, earlier: Tensor) -> list[Tensor]:
        """Alone, since errors add up from layer to layer. What torch has written is taken away before ours comes, and
        what nobody has written is no number, so that whatever is left out or read too much shows.
        """
        alone = copy(self._decoder)
        alone.layers, alone.cache = alone.layers[number : number + 1], alone.cache[number : number + 1]
        cache = alone.cache[0]
        cache[:, :, :at] = earlier
        x, position = alone.embed([at % len(alone.embeddings)]), torch.tensor([at], device=alone.device)
        expected = alone.forward(x, position, at + 1).float()
        written = cache[:, :, at].clone()
        cache[:, :, at:] = torch.nan
        ours = copy(self)
        ours._decoder = alone
        found = ours.forward(x.clone(), position).float()
        return [_error(found - x.float(), expected - x.float()), *map(_error, cache[:, :, at], written)]

    def product(self, linear: Any, x: Tensor, output: Tensor, mode: int, norm: Tensor | None = None) -> Tensor:
        """`output`, to which the product of a matrix and (columns,) numbers is written or, by the mode, added."""
        [weight] = linear.weights
        rows, columns = weight.shape
        self._product(
            -(-rows // ROWS), (weight, x, x if norm is None else norm, output, rows, columns, mode, self._decoder.eps)
        )
        return output


def token_kernels(decoder: LeanDecoder) -> TokenKernels | None:
    """Kernels for a decoder on a GPU; None where torch's are to be used."""
    wanted = os.environ.get("LIVE_CANARY_GPU_KERNELS") == "on"
    nvidia = decoder.device.type == "cuda" and torch.version.cuda is not None  # AMD's are called cuda too
    if not wanted or not nvidia or not fits(decoder):
        return None
    try:
        kernels = TokenKernels(decoder, compiled(source(decoder)))
        return kernels if kernels.right() else None
    except (AttributeError, ImportError, OSError, RuntimeError) as error:  # no NVRTC, or one that refuses
        if isinstance(error, torch.OutOfMemoryError):
            raise
        return None


def _error(found: Tensor, expected: Tensor) -> Tensor:
    return (found.float() - expected.float()).norm() / expected.float().norm()


def fits(decoder: LeanDecoder) -> bool:
    """Whether the decoder is of a form that the kernels are written for."""
    shared_by = decoder.heads // decoder.kv_heads
    head: Any = decoder.head
    read = [decoder.rotary, decoder.cache, decoder.final_norm, *head.weights]
    for layer in decoder.layers:
        read += [*_weights(layer), layer.input_norm, layer.post_norm, layer.qk_norm]
    widths = {weight.shape[1] for layer in decoder.layers for weight in _weights(layer)}
    return (
        decoder.dtype == torch.bfloat16
        and decoder.head_dim % 8 == 0
        and decoder.head_dim <= 128
        and shared_by * decoder.head_dim <= MOST_HEAD_NUMBERS
        and shared_by + 2 <= THREADS["attend"] // 32
        and max(widths) <= MOST_COLUMNS
        and all(width % 8 == 0 for width in widths)
        # else a load of 16 bytes fails, and with it all that the process asks of the GPU from then on
        and all(tensor.is_contiguous() and tensor.data_ptr() % 16 == 0 for tensor in read)
    )


def source(decoder: LeanDecoder) -> str:
    """The kernels' source for the sizes of a decoder."""
    widest = max(weight.shape[1] for weight in _weights(decoder.layers[0]))
    sizes = {
        "DIM": decoder.head_dim,
        "SHARED_BY": decoder.heads // decoder.kv_heads,
        "MOST_COLUMNS": widest,
    }
    return "".join(f"#define {name} {size}\n" for name, size in sizes.items()) + SOURCE.read_text("utf-8")


def _weights(layer: Any) -> list[Tensor]:
    return [linear.weights[0] for linear in (layer.qkv, layer.o, layer.gate_up, layer.down)]


def compiled(text: str) -> dict[str, Launch]:
    """The kernels of a source, for the GPU that is used. Raises OSError without NVRTC, RuntimeError if it refuses."""
    nvrtc, driver = _libraries()
    program, module, size = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
    whole = f'extern "C" {{\n{text}\n}}\n'.encode()  # so that their names stay as they are
    architecture = ctypes.c_char_p("--gpu-architecture=sm_{}{}".format(*torch.cuda.get_device_capability()).encode())
    _done(nvrtc.nvrtcCreateProgram(ctypes.byref(program), whole, SOURCE.name.encode(), 0, None, None))
    if nvrtc.nvrtcCompileProgram(program, 1, ctypes.byref(architecture)):
        _done(nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size)))
        log = ctypes.create_string_buffer(size.value)
        _done(nvrtc.nvrtcGetProgramLog(program, log))
        raise RuntimeError(log.value.decode(errors="replace"))
    _done(nvrtc.nvrtcGetCUBINSize(program, ctypes.byref(size)))
    code = ctypes.create_string_buffer(size.value)
    _done(nvrtc.nvrtcGetCUBIN(program, code))
    _done(nvrtc.nvrtcDestroyProgram(ctypes.byref(program)))
    torch.cuda.synchronize()  # the driver wants what torch makes at its first call
    _done(driver.cuModuleLoadData(ctypes.byref(module), code))

    def launcher(name: str) -> Launch:
        function = ctypes.c_void_p()
        _done(driver.cuModuleGetFunction(ctypes.byref(function), module, name.encode()))

        def launch(blocks: int, arguments: Sequence[Any]) -> None:
            values = [_as_c(argument) for argument in arguments]
            places = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
            stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
            _done(driver.cuLaunchKernel(function, blocks, 1, 1, THREADS[name], 1, 1, 0, stream, places, None))

        return launch

    return {name: launcher(name) for name in THREADS}


def _libraries() -> tuple[ctypes.CDLL, ctypes.CDLL]:
    """NVRTC as it came with torch, and the driver."""
    torchs, major = Path(torch.__file__).parent, (torch.version.cuda or "").partition(".")[0]
    places: list[Path | str]
    if sys.platform == "win32":
        driver, places = "nvcuda.dll", [torchs / "lib" / f"nvrtc64_{major}0_0.dll"]
    else:
        driver, name = "libcuda.so.1", f"libnvrtc.so.{major}"
        packaged = (torchs.parent / "nvidia").glob(f"*/lib/{name}")
        # the first loads NVRTC from where torch would
        places = [torchs / "lib" / "libcaffe2_nvrtc.so", *packaged, name]
    for place in places:
        with suppress(OSError):
            nvrtc = ctypes.CDLL(str(place))
            if hasattr(nvrtc, "nvrtcCreateProgram"):
                return nvrtc, ctypes.CDLL(driver)
    raise OSError("NVRTC is not here")


def _as_c(argument: Tensor | int | float) -> Any:
    if isinstance(argument, Tensor):
        return ctypes.c_void_p(argument.data_ptr())
    return ctypes.c_int(argument) if isinstance(argument, int) else ctypes.c_double(argument)


def _done(result: int) -> None:
    if result:
        raise RuntimeError(f"CUDA gave the error {result}")
