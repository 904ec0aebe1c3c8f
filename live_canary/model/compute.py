"""Where a model computes, and in what form of its weights."""

import gc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import torch

from live_canary import files
from live_canary.errors import InputError
from live_canary.model import kernels

DType = Literal["auto", "float32", "bfloat16", "float16", "int8", "int4"]

SMALL_CHECKPOINT_BYTES = 500_000_000  # below it float32 costs nothing and is exact
# What torch tells of a card without room; the last two come of libraries that could not begin (its issue 119420).
_FULL = ("out of memory", "ALLOC_FAILED", "STATUS_NOT_INITIALIZED", "CUFFT_INTERNAL_ERROR")
# And of one whose kernels it lacks, which it finds available all the same.
_UNKNOWN = ("no kernel image is available", "invalid device function")


def choose_device(name: str) -> torch.device:
    """The device called `name`, or for "auto" the fastest one here. Raises InputError for one that is not here."""
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind, available in here.items() if available))
    device = torch.device(name)
    if not here.get(device.type, False):
        raise InputError(
            f"This machine, or the installed torch {torch.__version__}, has no device '{name}'; choose auto or cpu"
        )
    return device


def choose_dtype(name: DType, device: torch.device, weights: Path) -> str:
    """What "auto" means, else `name`: the smallest that keeps the text, unless the model is small anyway.

    Raises InputError for one that is of no use on the device.
    """
    if name in ("int8", "int4") and device.type != "cpu":
        raise InputError(
            f"{name} is for processors: with it choose --compute-device cpu, or bf16 or fp16 on '{device.type}'"
        )
    if name == "int4" and not kernels.available():
        raise InputError("int4 needs live-canary's compiled kernels and a processor for them; choose int8")
    if name != "auto":
        return name
    if files.is_file(weights) and weights.stat().st_size < SMALL_CHECKPOINT_BYTES:
        return "float32"
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    if device.type == "mps":
        return "bfloat16"  # as the model was trained; what passes the largest float16, 65504, would be lost in that
    return "int8"


def use_threads(wanted: int | None, weights: Path) -> None:
    """Of torch, in the whole process; None for a single one for a small model, else for torch's own choice.

    Several share so little work slowly, and hold up the threads that hear meanwhile (benchmarks/results/live.md).
    """
    if wanted is None and files.is_file(weights) and weights.stat().st_size < SMALL_CHECKPOINT_BYTES:
        wanted = 1
    if wanted is not None:
        torch.set_num_threads(wanted)


def is_memory_full(error: RuntimeError) -> bool:
    """Whether a graphics card refused for want of memory: not only torch's allocator asks it for some."""
    return isinstance(error, torch.OutOfMemoryError) or any(told in str(error) for told in _FULL)


def trouble_of(error: RuntimeError) -> str | None:
    """What is wrong with the graphics card, for people; None if the error is not the card's.

    One that fails, as after a laptop has slept (CuPy's issue 7774), gives this process no answer ever again.
    """
    if is_memory_full(error):
        return "The graphics card's memory is full"
    if isinstance(error, torch.AcceleratorError):
        why, _, _ = str(error).partition("\n")
        return f"The graphics card fails ({why})"
    return None


def empty_cache() -> None:
    """Give the graphics card's memory that nothing uses any more back to the system, where the card can."""
    with suppress(RuntimeError):  # the card fails, or torch is still in a recording that failed (its PR 180395)
        if torch.backends.mps.is_available():
            torch.mps.empty_cache()  # torch.accelerator's raises there before torch 2.13 (its issue 186430)
        elif torch.accelerator.is_available():
            torch.accelerator.empty_cache()


def let_go() -> None:
    """Give back what a model had of it that is used no more; every thread waits for that, for 0.3 s.

    It is garbage first, since its parts refer to each other; also where a session has frozen it.
    """
    frozen = gc.get_freeze_count()
    gc.unfreeze()
    gc.collect()
    if frozen > gc.get_freeze_count():  # Python 3.12 sets aside what never goes, 375 objects, by itself
        gc.freeze()
    empty_cache()


def refusal_of(error: RuntimeError) -> Callable[[Path], tuple[str, str]] | None:
    """What tells, given its weights, why a graphics card has just refused a model and what to do; None if it is not
    the card that does.
    """
    if is_memory_full(error):
        return memory_full
    if any(told in str(error) for told in _UNKNOWN):
        return not_built_for
    trouble = trouble_of(error)
    return None if trouble is None else lambda weights: (trouble, "close what else uses it or restart the computer")


def not_built_for(weights: Path) -> tuple[str, str]:
    reason = f"torch {torch.__version__} was not built for the {torch.cuda.get_device_name()}"
    return reason, "install one that was (https://pytorch.org/get-started/locally/)"


def memory_full(weights: Path) -> tuple[str, str]:
    needed = f"the model needs {weights.stat().st_size / 1e9:.1f} GB and room to compute"
    remedy = "close what else uses it"
    try:
        free, total = torch.cuda.mem_get_info()
    except (RuntimeError, AssertionError):  # so full that it cannot be asked, or no card of CUDA's
        return f"The graphics card's memory is full: {needed}", remedy
    return f"The graphics card has {free / 1e9:.1f} of {total / 1e9:.1f} GB free, but {needed}", remedy
