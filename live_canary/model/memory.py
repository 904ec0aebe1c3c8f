"""Advice to the system, to oneDNN and to cuFFT about memory; where it is not taken, nothing happens."""

import ctypes
import mmap
import os
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

HUGE_PAGE = 2 << 20  # bytes, on most processors
_DONTNEED, _HUGEPAGE = (getattr(mmap, name, None) for name in ("MADV_DONTNEED", "MADV_HUGEPAGE"))
_POPULATE_READ = 22 if _HUGEPAGE is not None else None  # of Linux 5.14; earlier ones refuse it, which does no harm
_KERNELS_KEPT = "32"
_PLANS_KEPT = 32


def keep_few_kernels() -> None:
    """Bound how many kernels oneDNN keeps compiled, unless the user has; before the process computes anything.

    It compiles them anew for every length of sound and by itself keeps 1024: 130 to 200 MB after 240 utterances of the
    demonstration model, and no faster (benchmarks/results/soak.md).
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KERNELS_KEPT)


def keep_few_plans(device: torch.device) -> None:
    """Bound how many plans cuFFT keeps on a graphics card: features want a new one for every length of sound.

    torch keeps 4096 of them, which may take half a megabyte each and are not among what its allocator counts (its
    issue 94893); to make one takes half a millisecond (CuPy's issue 3588).
    """
    if device.type == "cuda":
        torch.backends.cuda.cufft_plan_cache[device].max_size = _PLANS_KEPT


def release_pages(module: nn.Module) -> None:
    """Give back the memory of weights that are views of the file; they are read again if they are ever used.

    Only for modules loaded as stored, on the CPU: what is not a view of a file would be wiped.
    """
    for weight in module.parameters():
        _advise(weight, _DONTNEED, mmap.PAGESIZE)


def return_free_memory() -> None:
    """Give the system what the C library keeps of the memory that was freed, where it can: in 2 ms after an utterance.

    Between blocks that stay, tensors of ever changing lengths leave holes, which hold some tens of megabytes.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):  # glibc's; musl has none
        libc.malloc_trim(0)


def use_huge_pages(new: Tensor) -> Tensor:
    """The same tensor, not yet written: in pages of 2 MB it is read faster than in those of 4 KB."""
    _advise(new, _HUGEPAGE, HUGE_PAGE)
    return new


def map_file(path: Path) -> Tensor:
    """The bytes of a file, not empty, where the system keeps them anyway: (n,) uint8. Writing does not reach the file.

    All of it is fetched at once: page by page, as it is first used, would take longer.
    """
    mapped = torch.from_file(str(path), size=path.stat().st_size, dtype=torch.uint8)
    _advise(mapped, _POPULATE_READ, mmap.PAGESIZE)
    return mapped


def _advise(tensor: Tensor, advice: int | None, page: int) -> None:
    """For the whole pages inside the tensor."""
    if advice is None:
        return
    first = -(-tensor.data_ptr() // page) * page
    length = (tensor.data_ptr() + tensor.nbytes - first) // page * page
    if length > 0:
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), advice)
