"""What `live-canary doctor` says of what computes: graphics card and processor."""

import sys
from collections.abc import Iterator
from pathlib import Path

from live_canary.commands.checks import Finding
from live_canary.model import hub
from live_canary.model.offers import gigabytes

CPU_FEATURES = ("avx2", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8", "amx_bf16", "asimddp", "i8mm")
FAST_INT8 = {"avx_vnni", "avx512_vnni", "amx_int8", "asimddp"}


def processors(threads: int | None = None) -> Iterator[Finding]:
    """threads: of a session; None for what torch takes."""
    import torch

    from live_canary.model import kernels

    if torch.cuda.is_available():
        yield graphics_card()
    elif driver := _nvidia_driver():
        text = f"an NVIDIA driver {driver} is here, but torch {torch.__version__} cannot use it"
        yield Finding("gpu", "warn", text, "install a torch with CUDA: https://pytorch.org/get-started/locally/")
    elif torch.backends.mps.is_available():
        yield Finding("gpu", "ok", "Apple's GPU (mps)")
    else:
        yield Finding("gpu", "ok", "none; the processor does it in 8 bits")
    yield processor(_cpu_flags(), threads or torch.get_num_threads(), compiled=kernels.available())


def graphics_card() -> Finding:
    """That of NVIDIA or AMD which torch takes."""
    import torch

    try:
        free, total = torch.cuda.mem_get_info()
        major, minor = torch.cuda.get_device_capability()
        name = torch.cuda.get_device_name()
    except RuntimeError as error:  # so full that it cannot be asked, or out of order
        why, _, _ = str(error).partition("\n")
        text = f"the graphics card gives no answer ({why})"
        return Finding("gpu", "warn", text, "close other programs that use it, or restart the computer")
    if torch.version.cuda:
        driver = _nvidia_driver() or "unknown"
        made_for = f"compute capability {major}.{minor}, CUDA {torch.version.cuda}, driver {driver}"
    else:
        made_for = f"ROCm {torch.version.hip}"
    text = f"{name}, {made_for}, {gigabytes(free)} of {gigabytes(total)} free"
    room = free > hub.MODEL_BYTES * 1.2
    return Finding("gpu", "ok" if room else "warn", text, "" if room else "close other programs that use the GPU")


def processor(flags: set[str], threads: int, *, compiled: bool) -> Finding:
    """flags: as /proc/cpuinfo names them, none where that is not known; compiled: whether the kernels are here."""
    found = [name for name in CPU_FEATURES if name in flags]
    text = f"{threads} threads, {', '.join(found) or 'features unknown'}"
    if not compiled and (not flags or {"avx2", "asimddp"} & flags):
        why = "the kernels for it are not compiled" + ("" if flags else ", or it is too old for them")
        step = "install live-canary again, if that does not help with a C compiler: words come several times as soon"
        return Finding("processor", "warn", f"{text}: {why}", step)
    if flags and not FAST_INT8 & flags:
        return Finding("processor", "warn", f"{text}: no fast 8-bit instructions", "expect several times the delay")
    return Finding("processor", "ok", text)


def _cpu_flags() -> set[str]:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    return next((set(line.split(":")[1].split()) for line in lines if line.startswith(("flags", "Features"))), set())


def _nvidia_driver() -> str | None:
    """The kernel module's version, where there is one."""
    version = Path("/sys/module/nvidia/version")
    return version.read_text("utf-8").strip() if sys.platform == "linux" and version.exists() else None
