"""Advice to the system about the memory of tensors; where it takes none, nothing happens."""

import ctypes
import mmap

from torch import Tensor, nn

_HUGE_PAGE = 2 << 20


def release_pages(module: nn.Module) -> None:
    """Give back the memory of weights that are views of the file; they are read again if they are ever used.

    Only for modules loaded as stored, on the CPU: what is not a view of a file would be wiped.
    """
    for weight in module.parameters():
        _advise(weight, "MADV_DONTNEED", mmap.PAGESIZE)


def use_huge_pages(new: Tensor) -> Tensor:
    """The same tensor, not yet written: in pages of 2 MB it is read faster than in those of 4 KB."""
    _advise(new, "MADV_HUGEPAGE", _HUGE_PAGE)
    return new


def _advise(tensor: Tensor, advice: str, page: int) -> None:
    """For the whole pages inside the tensor."""
    if not hasattr(mmap, advice):
        return
    first = -(-tensor.data_ptr() // page) * page
    length = (tensor.data_ptr() + tensor.nbytes - first) // page * page
    if length > 0:
        madvise = ctypes.CDLL(None, use_errno=True).madvise
        madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), getattr(mmap, advice))
