"""Quantised weights are made once and kept in a file beside the caches of other programs: the next start maps it.

A file belongs to one checkpoint as it is, one form and one layout; one that does not fit, or is cut off, is made again,
and one whose checkpoint is gone is deleted when the next is written.
It is a safetensors file with the sizes of the matrices and what it belongs to in its metadata.

Mapped, a file in the system's cache is there at once and takes no memory a second time. Reading it into memory of the
process would take seconds where memory is given slowly, as in a virtual machine.
"""

import hashlib
import json
import os
import secrets
import struct
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from live_canary import files
from live_canary.model import kernels
from live_canary.model.checkpoint import MAX_HEADER_BYTES
from live_canary.model.decoder import LeanDecoder
from live_canary.model.encoder import Perception
from live_canary.model.kernel_decoder import KernelDecoder
from live_canary.model.llm import Qwen
from live_canary.model.memory import HUGE_PAGE, map_file, release_pages
from live_canary.model.quantize import MakeQuantized, QuantizedLinear
from live_canary.signals import DEAF_SECONDS

LAYOUT = 6  # to be raised whenever the same checkpoint would be quantised or laid out differently
ALIGNMENT = 64  # bytes, in the file as in the processor's cache
ABANDONED_SECONDS = 3600  # after which an unfinished file is nobody's any more
KEEPING = "keeping quantised weights"
WAIT_TOLD_AFTER_SECONDS = 0.3
SMALLEST_CHECKPOINT_BYTES = 500_000_000  # a smaller one is quantised sooner than a file is written
UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, struct.error, RuntimeError)  # a damaged file
_DTYPES = {"U8": torch.uint8, "I8": torch.int8, "I16": torch.int16, "F32": torch.float32}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}


class QuantizedFile:
    """Makes quantised layers: out of the file if it is there and fits, else out of the weights."""

    def __init__(self, path: Path | None, belongs_to: str, checkpoint: Path | None = None):
        """path: None for no file; checkpoint: the file with which this one has lost its use, once that is gone."""
        self._path, self._belongs_to, self._checkpoint = path, belongs_to, checkpoint
        self._sizes: dict[str, list[int]] = {}
        self._tensors: dict[str, Tensor] = {}
        self._kept = path is not None and self._read(path)

    @classmethod
    def of(cls, checkpoint: Path, bits: int) -> "QuantizedFile":
        """The one of a checkpoint's `model.safetensors`; LIVE_CANARY_WEIGHT_CACHE=off for none."""
        stat = checkpoint.stat()
        if stat.st_size < SMALLEST_CHECKPOINT_BYTES or os.environ.get("LIVE_CANARY_WEIGHT_CACHE") == "off":
            return cls(None, "")
        import platformdirs  # a machine that only computes needs none

        with checkpoint.open("rb") as file:
            header = hashlib.sha256(file.read(struct.unpack("<Q", file.read(8))[0]))
        header.update(checkpoint.with_name("config.json").read_bytes())
        place = hashlib.sha256(str(checkpoint.resolve()).encode()).hexdigest()[:16]
        packed = "packed" if kernels.available() else "plain"
        return cls(
            platformdirs.user_cache_path("live-canary", appauthor=False) / "weights" / f"{place}-int{bits}.safetensors",
            f"{LAYOUT} {packed} {stat.st_size} {stat.st_mtime_ns} {header.hexdigest()}",
            checkpoint.resolve(),
        )

    def maker(self, bits: int) -> MakeQuantized:
        return partial(self._make, bits)

    def keep_meanwhile(self) -> None:
        """`keep` in a thread called `KEEPING`: the model is ready before the file is."""
        threading.Thread(target=self.keep, name=KEEPING).start()

    def keep(self) -> None:
        """Write the file if there was none that fits, in place of those whose checkpoint is gone; without room on the
        disk there will be none.
        """
        if self._path is None or self._kept:
            return
        unfinished = self._path.with_suffix(f".{secrets.randbits(64)}")  # containers that share a folder share numbers
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            for left in self._path.parent.glob("*-int[48].[0-9]*"):
                with suppress(OSError):  # another program deletes it too, or finishes it, or it is another user's
                    if time.time() - left.stat().st_mtime > ABANDONED_SECONDS:
                        left.unlink()
            for other in self._path.parent.glob("*.safetensors"):
                if _checkpoint_is_gone(other):
                    with suppress(OSError):  # another program deletes it too, or, on Windows, still reads it
                        other.unlink()
            self._write(unfinished)
            files.take_place(unfinished, self._path)
        except OSError:
            with suppress(OSError):
                unfinished.unlink(missing_ok=True)

    def _make(
        self,
        bits: int,
        name: str,
        weights: Callable[[], Sequence[Tensor]],
        bias: Tensor | None = None,
        only_largest: bool = False,
    ) -> QuantizedLinear:
        if not self._kept:
            made = QuantizedLinear.of(weights(), bias, bits, only_largest)
            if self._path is not None:
                self._sizes[name] = [made.inputs, made.outputs, made.bits]
                self._tensors |= {f"{name}.{part}": tensor for part, tensor in made.named_buffers()}
            return made
        parts = (self._tensors.get(f"{name}.{part}") for part in ("weight", "scales", "bias", "spread"))
        return QuantizedLinear(*parts, *self._sizes[name])  # type: ignore[arg-type]

    def _read(self, path: Path) -> bool:
        """Whether the file was there, belonged to the checkpoint and was whole."""
        try:
            header, begin = _read_header(path)
            metadata: dict[str, str] = header.pop("__metadata__")
            if metadata["belongs_to"] != self._belongs_to or path.stat().st_size != begin + _end(header):
                return False
            data = map_file(path)[begin:]
            self._sizes = json.loads(metadata["sizes"])
            for name, entry in header.items():
                begin, end = entry["data_offsets"]
                self._tensors[name] = data[begin:end].view(_DTYPES[entry["dtype"]]).view(entry["shape"])
        except UNREADABLE:
            self._sizes, self._tensors = {}, {}
            return False
        return True

    def _write(self, path: Path) -> None:
        header: dict[str, Any] = {
            "__metadata__": {"belongs_to": self._belongs_to, "sizes": json.dumps(self._sizes)},
        }
        if self._checkpoint:
            header["__metadata__"]["checkpoint"] = str(self._checkpoint)
        uneven_last = sorted(self._tensors.items(), key=lambda named: named[1].nbytes % ALIGNMENT > 0)
        end = 0
        for name, tensor in uneven_last:
            offsets = [end, end := end + tensor.nbytes]
            header[name] = {"dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": offsets}
        text = json.dumps(header).encode()
        text += b" " * (-(len(text) + 8) % ALIGNMENT)
        parts: list[bytes | memoryview] = [struct.pack("<Q", len(text)) + text]
        parts += [tensor.numpy().data.cast("B") for _, tensor in uneven_last]
        with path.open("wb") as file:
            for piece in in_pieces(parts, HUGE_PAGE):
                file.write(piece)
            file.flush()
            files.sync(file.fileno())


def wait_until_kept(tell_of_waiting: Callable[[], None] = lambda: None) -> None:
    """Return when no thread writes quantised weights any more: they disturb whoever measures, and hold up an exit."""
    for thread in threading.enumerate():
        if thread.name == KEEPING:
            thread.join(WAIT_TOLD_AFTER_SECONDS)
            if thread.is_alive():
                tell_of_waiting()
            while thread.is_alive():
                thread.join(DEAF_SECONDS)


def in_pieces(parts: Iterable[bytes | memoryview], size: int) -> Iterator[bytearray]:
    """The bytes of the parts, so many at a time and the rest at the end.

    What a system such as Linux is given a huge page at a time, it keeps in huge pages: mapped, it is read faster. Given
    otherwise it lies in small ones until it is next read from the disk.
    """
    piece = bytearray()
    for part in parts:
        while part:
            left = size - len(piece)
            piece += part[:left]
            part = part[left:]
            if len(piece) == size:
                yield piece
                piece = bytearray()
    if piece:
        yield piece


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """And where what it describes begins. Raises one of UNREADABLE."""
    with path.open("rb") as file:
        length = struct.unpack("<Q", file.read(8))[0]
        if length > MAX_HEADER_BYTES:
            raise ValueError(length)
        header: dict[str, Any] = json.loads(file.read(length))
        return header, file.tell()


def _checkpoint_is_gone(path: Path) -> bool:
    """Whether a file of this kind says what it was made of, and that is there no more."""
    try:
        checkpoint = Path(_read_header(path)[0]["__metadata__"]["checkpoint"])
    except UNREADABLE:
        return False
    try:
        checkpoint.stat()
    except FileNotFoundError:
        return True
    except OSError:  # it cannot be asked
        pass
    return False


def _end(header: dict[str, Any]) -> int:
    """Where the last tensor ends."""
    return max((entry["data_offsets"][1] for entry in header.values() if "data_offsets" in entry), default=0)


def quantized(perception: Perception, qwen: Qwen, weights: Path, bits: int) -> LeanDecoder:
    """The decoder in int8 or int4 weights; the encoder, which is not read again for every token, in int8.

    Trees as stored, on the CPU; the pages of what has been quantised are given back.
    """
    file = QuantizedFile.of(weights, bits)
    decoder = quantized_decoder(qwen, file.maker(bits))
    perception.quantize(file.maker(8), after_each=release_pages)
    file.keep_meanwhile()
    return decoder


def quantized_decoder(qwen: Qwen, make_linear: MakeQuantized, *, adapter: bool = True) -> LeanDecoder:
    """Of a tree as stored, on the CPU, whose pages are given back."""
    make_decoder = KernelDecoder if kernels.available() else LeanDecoder
    return make_decoder(qwen, make_linear, torch.float32, after_each=release_pages, adapter=adapter)
