"""A checkpoint on disk: opened memory-mapped, checked key by key, poured into a tree of modules.

Only safetensors are read; nothing here can execute what a file says.
"""

import json
import struct
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from live_canary.errors import CheckpointError

MAX_HEADER_BYTES = 100_000_000  # the limit of the safetensors format
_FLOATS = {"BF16", "F16", "F32"}
_AGAIN = "copy or download it again"


@dataclass(frozen=True, slots=True)
class Destination:
    """Where one tensor of the checkpoint goes."""

    module: nn.Module
    key: str
    like: Tensor
    """Has the shape and the kind of dtype (floating or integer) that are expected."""


def destinations(module: nn.Module, checkpoint_key: Callable[[str], str]) -> dict[str, Destination]:
    """Checkpoint keys of everything in `module.state_dict()`."""
    return {checkpoint_key(key): Destination(module, key, like) for key, like in module.state_dict().items()}


def load_weights(path: Path, wanted: dict[str, Destination], device: torch.device, dtype: torch.dtype | None) -> None:
    """Pour every tensor of `path` into its destination, floating ones as `dtype` (None: as they are stored), but the
    buffers of the front end always as float32.

    On the CPU in the file's own dtype nothing is copied: parameters are views of the memory-mapped file.
    Raises CheckpointError naming the first tensor that is missing, unknown or of another shape or dtype.
    """
    with _opened(path) as file:
        _check(path, _header(path), wanted)
        by_module: dict[nn.Module, dict[str, Tensor]] = {}
        for name, target in wanted.items():
            tensor = file.get_tensor(name)
            kept = torch.float32 if "featurizer" in name else dtype if tensor.is_floating_point() else None
            tensor = tensor.to(device, kept)
            by_module.setdefault(target.module, {})[target.key] = tensor
    for module, state in by_module.items():
        module.load_state_dict(state, strict=False, assign=True)


def no_meta_tensors_left(modules: Iterable[nn.Module]) -> bool:
    """Whether every parameter and buffer has been given a value."""
    tensors = (tensor for module in modules for tensor in (*module.parameters(), *module.buffers()))
    return not any(tensor.is_meta for tensor in tensors)


@contextmanager
def _opened(path: Path) -> Iterator[safe_open]:
    _check_size(path)
    try:
        opened = safe_open(str(path), framework="pt", device="cpu")
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path} is not a safetensors file ({error}); {_AGAIN}") from None
    with opened as file:
        yield file


def _check_size(path: Path) -> None:
    """Tell a missing, truncated or foreign file apart before anything is mapped."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            first = file.read(8)
    except FileNotFoundError:
        raise CheckpointError(f"{path} is missing: a Canary-Qwen folder holds its weights there") from None
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}); check its permissions") from None
    header_bytes = struct.unpack("<Q", first)[0] if len(first) == 8 else 0
    if not 2 <= header_bytes <= MAX_HEADER_BYTES:
        raise CheckpointError(f"{path} is not a safetensors file (it starts with {first!r}); {_AGAIN}")
    promised = 8 + header_bytes
    if size >= promised:
        promised += max((entry["data_offsets"][1] for entry in _header(path).values()), default=0)
    if size < promised:
        raise CheckpointError(f"{path} is cut off: {size:,} of at least {promised:,} bytes are there; {_AGAIN}")


def _header(path: Path) -> dict[str, dict[str, Any]]:
    """The file's own table: name -> dtype, shape and place of each tensor."""
    try:
        with path.open("rb") as file:
            header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        header.pop("__metadata__", None)
        for entry in header.values():
            begin, end = entry["data_offsets"]
            if not (isinstance(entry["shape"], list) and isinstance(entry["dtype"], str) and 0 <= begin <= end):
                raise ValueError("a tensor without shape, dtype or place")
        return header
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(f"{path} has a broken header ({error}); {_AGAIN}") from None


def _check(path: Path, header: dict[str, dict[str, Any]], wanted: dict[str, Destination]) -> None:
    for name, target in wanted.items():
        if name not in header:
            raise CheckpointError(
                f"{path} lacks the tensor {name}, which its config.json calls for; {_AGAIN}, together with its config"
            )
        dtype, shape = header[name]["dtype"], header[name]["shape"]
        if shape != list(target.like.shape):
            raise CheckpointError(
                f"{path}: {name} has shape {shape}, but its config.json calls for {list(target.like.shape)}; "
                "config and weights must come from the same model"
            )
        if dtype not in (_FLOATS if target.like.is_floating_point() else {"I64"}):
            raise CheckpointError(f"{path}: {name} is stored as {dtype}; convert it to BF16, F16 or F32")
    for name in header:
        if name not in wanted:
            raise CheckpointError(
                f"{path} holds the tensor {name}, which Canary-Qwen does not have; "
                "use a checkpoint of nvidia/canary-qwen-2.5b's form"
            )
