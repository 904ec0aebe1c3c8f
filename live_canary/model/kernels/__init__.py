"""Matrices in 8- or 4-bit weights, and the layers around them, in C where it was compiled for this processor.

Every set of vectors gives the same results, bit by bit, and a row the same alone and among others: for processors with
AVX2, faster ones with AVX-VNNI, faster still with AVX-512 VNNI, on Linux the fastest with AMX besides, and ARM's with
dot products. LIVE_CANARY_KERNELS=avx2, avxvnni, avx512 or off (everything in torch) is for comparisons. As many threads
compute as torch has, but others: its OpenMP waits for each of its threads after every step, also where another program
keeps it from its core.
"""

import ctypes
import hashlib
import os
import sys
import sysconfig
import threading
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from live_canary.model.memory import use_huge_pages

LANES = 16  # outputs of a panel
GROUP = 64  # inputs whose activations share a scale, and so do weights of 8 bits
BLOCK, FACTORED = 256, 32  # inputs whose weights of 4 bits share a scale, and a factor of it
_PANELS = 2  # multiplied together
_KINDS = {torch.float32: 0, torch.bfloat16: 1, torch.float16: 2}  # of weights that become a matrix
_IS_ARM = sys.platform == "darwin" or sysconfig.get_platform() == "linux-aarch64"
VECTORS = ("neon",) if _IS_ARM else ("avx2", "avxvnni", "avx512", "amx")  # each a bit of what live_canary_can gives
_LIBRARY = Path(__file__).with_name("kernels.dll" if sys.platform == "win32" else "kernels.so")
_team: list[threading.Thread] = []


class Matrix(ctypes.Structure):
    """A packed matrix, as C sees it; its tensors must outlive it."""

    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("weights", "scales", "bias", "spread")),
        *((name, ctypes.c_int64) for name in ("inputs", "outputs", "bits")),
    )

    @classmethod
    def of(
        cls,
        packed: Tensor,
        scales: Tensor,
        bias: Tensor | None,
        spread: Tensor | None,
        inputs: int,
        outputs: int,
        bits: int,
    ) -> "Matrix":
        assert packed.is_contiguous() and scales.is_contiguous()
        tensors = (packed, scales, bias, spread)
        return cls(*(tensor if tensor is None else tensor.data_ptr() for tensor in tensors), inputs, outputs, bits)


class Layer(ctypes.Structure):
    """One layer of Qwen3, as C sees it."""

    _fields_ = (
        *((name, Matrix) for name in ("qkv", "o", "gate_up", "down")),
        *((name, ctypes.c_void_p) for name in ("input_norm", "q_norm", "k_norm", "post_norm", "keys", "values")),
    )


class Decoder(ctypes.Structure):
    """All layers, as C sees them."""

    _fields_ = (
        ("layers", ctypes.POINTER(Layer)),
        *((name, ctypes.c_void_p) for name in ("cos", "sin")),
        *(
            (name, ctypes.c_int64)
            for name in ("layer_count", "hidden", "inner", "heads", "kv_heads", "head_dim", "positions")
        ),
        ("eps", ctypes.c_float),
    )


class ConformerLayer(ctypes.Structure):
    """One layer of the FastConformer, as C sees it."""

    _fields_ = (
        *((name, Matrix) for name in ("ff1_in", "ff1_out", "q", "k", "v", "o")),
        *((name, Matrix) for name in ("pointwise1", "pointwise2", "ff2_in", "ff2_out")),
        *(
            (f"norm_{name}_{part}", ctypes.c_void_p)
            for name in ("ff1", "attention", "conv", "ff2", "out")
            for part in ("weight", "bias")
        ),
        *((name, ctypes.c_void_p) for name in ("bias_u", "bias_v", "taps", "taps_bias", "relative")),
    )


class Conformer(ctypes.Structure):
    """All its layers, as C sees them."""

    _fields_ = (
        ("layers", ctypes.POINTER(ConformerLayer)),
        *((name, ctypes.c_int64) for name in ("layer_count", "width", "inner", "heads", "taps", "longest")),
        ("eps", ctypes.c_float),
    )


class _Packing(ctypes.Structure):
    """Matrices that become one, as C sees them."""

    _fields_ = (
        ("parts", ctypes.POINTER(ctypes.c_void_p)),
        ("ends", ctypes.POINTER(ctypes.c_int64)),
        *((name, ctypes.c_void_p) for name in ("weights", "scales", "spread")),
        *((name, ctypes.c_int64) for name in ("inputs", "outputs", "bits", "kind")),
    )


class _Kernels(NamedTuple):
    """What this processor can run; each gives 0, or -1 where there is no memory."""

    matmul: Any
    decode: Any
    encode: Any
    pack: Any
    join: Any
    """What a thread of the team does; never comes back."""


@cache
def _kernels() -> _Kernels | None:
    """None where there are no compiled kernels of these sources, or none that this processor and torch can run."""
    wanted = os.environ.get("LIVE_CANARY_KERNELS", VECTORS[-1])
    if wanted not in VECTORS:
        return None
    pointer, int64 = ctypes.c_void_p, ctypes.c_int64
    arguments: dict[str, list[Any]] = {
        "matmul": [ctypes.POINTER(Matrix), pointer, pointer, int64],
        "decode": [ctypes.POINTER(Decoder), pointer, int64, pointer, pointer, int64],
        "encode": [ctypes.POINTER(Conformer), pointer, int64],
        "pack": [ctypes.POINTER(_Packing)],
    }
    try:
        library = ctypes.CDLL(str(_LIBRARY))
        library.live_canary_sources.restype = ctypes.c_char_p
        if library.live_canary_sources().decode() != _sources_digest():
            return None
        can = library.live_canary_can()
    except (OSError, AttributeError):
        return None
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=_team.clear)  # none of it is in a process that was forked
        os.register_at_fork(after_in_child=library.live_canary_forked)
    for level in reversed(range(VECTORS.index(wanted) + 1)):
        functions: list[Any] = [getattr(library, f"live_canary_{name}_{VECTORS[level]}", None) for name in arguments]
        if can >> level & 1 and all(functions):
            for function, given in zip(functions, arguments.values(), strict=True):
                function.argtypes = [*given, ctypes.c_int]
            matmul, decode, encode, pack = functions
            return _Kernels(matmul, decode, encode, pack, library.live_canary_join)
    return None


def _sources_digest() -> str:
    """Of the C files: a library made of others, such as those before an update, would misread the weights."""
    files = sorted(_LIBRARY.parent.glob("*.[ch]"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def available() -> bool:
    """Whether products and whole layers can be computed here."""
    return _kernels() is not None


def _threads(kernels: _Kernels) -> int:
    """As many as torch has: the caller's and the team, whose threads are started when they are first needed."""
    wanted = torch.get_num_threads()
    while len(_team) < wanted - 1:
        member = threading.Thread(target=kernels.join, name="kernels", daemon=True)
        try:
            member.start()
        except RuntimeError:  # the system gives no more; fewer do it too
            break
        _team.append(member)
    return wanted


def matmul(x: Tensor, matrix: Matrix) -> Tensor:
    """x: (n, in) float32 -> (n, out); of a single row and weights in halves exact only where the largest is."""
    x = x.contiguous()
    y = torch.empty(len(x), matrix.outputs)
    kernels = _kernels()
    assert kernels and x.dtype == torch.float32
    _done(kernels.matmul(matrix, x.data_ptr(), y.data_ptr(), len(x), _threads(kernels)))
    return y


def decode(decoder: Decoder, x: Tensor, begins: Tensor, positions: Tensor, needed: int) -> None:
    """x: (n, hidden) float32, contiguous; becomes what the layers make of it, though only its last `needed` rows to the
    end.

    begins: (n,) int64, where in the cache the keys and values of each row's utterance begin, multiples of `LANES`;
    positions: (n,) int64, that the rows have in their utterances; they see all up to their own.
    """
    kernels = _kernels()
    assert kernels and x.is_contiguous() and x.dtype == torch.float32
    assert begins.dtype == positions.dtype == torch.int64 and len(begins) == len(positions) == len(x)
    assert not (begins % LANES).any() and int((begins + positions).max()) < decoder.positions
    places = begins.contiguous(), positions.contiguous()
    _done(kernels.decode(decoder, x.data_ptr(), len(x), *(one.data_ptr() for one in places), needed, _threads(kernels)))


def encode(conformer: Conformer, x: Tensor) -> None:
    """x: (frames, width) float32, contiguous, of one utterance; becomes what the layers make of it."""
    kernels = _kernels()
    assert kernels and x.is_contiguous() and x.dtype == torch.float32
    assert len(x) <= conformer.longest
    _done(kernels.encode(conformer, x.data_ptr(), len(x), _threads(kernels)))


def _done(code: int) -> None:
    if code:
        raise MemoryError("no memory for the activations of a layer")


def pack(parts: Sequence[Tensor], bits: int, halves: bool = False) -> tuple[Tensor, Tensor, Tensor | None]:
    """Matrices (out, in) on top of each other -> rounded weights as products read them, their scales, and a spread.

    In 8 bits: uint8 (panels, in / 4, 16, 4), 128 more, and the bits of float16 (panels, groups, 16). In 4 bits: uint8
    (panels, in / 32, 4, 64), 8 more, two to a byte (the fours of 32 inputs and those 16 inputs later), and int16
    (panels, blocks, 80): the bits of 16 outputs' float16, and eight times as many factors. Both sides are filled up
    with zeros.

    halves: of 8 bits, uint8 (2, panels, in / 32, 4, 64): the upper four of each, then the lower ones, laid out as those
    in 4 bits; and for each output what the weights of its worst group would lose without the lower ones: the root of
    the mean square, (out,) float32. Else that is None.
    """
    kinds = {part.dtype for part in parts}
    kind = kinds.pop() if len(kinds) == 1 and kinds <= _KINDS.keys() else torch.float32
    parts = [part.to(kind).contiguous() for part in parts]
    inputs, ends = parts[0].shape[1], list(accumulate(map(len, parts)))
    assert all(part.shape[1] == inputs for part in parts)
    panels = -(-ends[-1] // (LANES * _PANELS)) * _PANELS
    groups, blocks = -(-inputs // GROUP), -(-inputs // BLOCK)
    in_fours = (panels, groups * GROUP // FACTORED, 4, 64)
    shape = (2, *in_fours) if halves else in_fours if bits == 4 else (panels, groups * GROUP // 4, LANES, 4)
    weights = use_huge_pages(torch.empty(shape, dtype=torch.uint8))
    scales = torch.empty((panels, groups, LANES) if bits == 8 else (panels, blocks, 5 * LANES), dtype=torch.int16)
    spread = torch.empty(ends[-1]) if halves else None
    packing = _Packing(
        (ctypes.c_void_p * len(parts))(*(part.data_ptr() for part in parts)),
        (ctypes.c_int64 * len(parts))(*ends),
        *(tensor if tensor is None else tensor.data_ptr() for tensor in (weights, scales, spread)),
        *(inputs, ends[-1], bits, _KINDS[kind]),
    )
    kernels = _kernels()
    assert kernels
    _done(kernels.pack(packing, _threads(kernels)))
    return weights, scales, spread
