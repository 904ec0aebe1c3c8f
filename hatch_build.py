"""Compiles the kernels while a wheel is built, with this machine's C compiler or with Zig; without them torch computes.

The library calls nothing of Python's and little of the C library's: one wheel serves every Python.
"""

import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("live_canary", "model", "kernels")
FOR = "LIVE_CANARY_FOR"
FLAGS = (
    *("-O3", "-fPIC", "-Wall", "-Wextra", "-fno-math-errno"),
    "-ffp-contract=off",  # every rounding is written out: the results are torch's, bit by bit
)
AVX2 = ("-mavx2", "-mfma", "-mf16c")
AVX512 = ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni", "-mfma", "-mf16c")
DOT_PRODUCTS = "-march=armv8.2-a+dotprod"
Objects = dict[str, tuple[str, ...]]
X86: Objects = {  # each made of a source for processors that are asked what they can before it is used
    "start": ("start.c",),
    "team": ("team.c",),
    "avx2": ("kernels.c", *AVX2),
    "avxvnni": ("kernels.c", *AVX2, "-mavxvnni"),
    "avx512": ("kernels.c", *AVX512),
    "amx": ("kernels.c", *AVX512, "-mamx-tile", "-mamx-int8"),
}
ARM: Objects = {"start": ("start.c",), "team": ("team.c",), "neon": ("kernels.c", DOT_PRODUCTS)}
YOUNG = {"avxvnni", "amx"}  # left out where a compiler does not know it yet: gcc before 11
# Where there is no compiler: clang for every system, with the libraries to link with, which pip fetches for the build
# alone.
ZIG = "ziglang==0.15.2"
ZIG_FLAGS = {DOT_PRODUCTS: ("-mcpu=baseline+dotprod",), "-mavx512f": ("-mavx512f", "-mevex512")}  # as it calls them
# Windows' own; MinGW's, which has to be compiled first, takes Zig most of a minute.
WINDOWS_LIBRARIES = ("-nostdlib", "-lucrtbase", "-lapi-ms-win-core-synch-l1-2-0")


class Machine(NamedTuple):
    objects: Objects
    wheel: str
    """On which machines its wheel runs."""
    zig: str
    """What Zig calls it."""
    flags: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    library: str = "kernels.so"


MACHINES = {  # as sysconfig calls those of the Python that will load the library
    "linux-x86_64": Machine(X86, "manylinux_2_17_x86_64", "x86_64-linux-gnu.2.17", libraries=("-lm",)),
    "linux-aarch64": Machine(ARM, "manylinux_2_17_aarch64", "aarch64-linux-gnu.2.17", libraries=("-lm",)),
    "macosx-arm64": Machine(ARM, "macosx_11_0_arm64", "aarch64-macos.11.0", ("-mmacosx-version-min=11.0",)),
    "win-amd64": Machine(X86, "win_amd64", "x86_64-windows-gnu", libraries=WINDOWS_LIBRARIES, library="kernels.dll"),
}


def this_machine() -> Machine | None:
    """None where there are no kernels for it."""
    if sys.platform == "darwin":  # whose Python may be for both kinds of processor
        return MACHINES.get(f"macosx-{platform.machine()}")
    return MACHINES.get(sysconfig.get_platform())


def built_for() -> Machine | None:
    """The machine that `make dist` builds a wheel for, from the published sources; else this one.

    In a checkout, its library would take the place of this machine's.
    """
    named = os.environ.get(FOR)
    if named and named not in MACHINES:
        sys.exit(f"{FOR}={named} is not one of {', '.join(MACHINES)}.")
    return MACHINES[named] if named else this_machine()


class KernelsBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def dependencies(self) -> list[str]:
        return [ZIG] if self.target_name == "wheel" and built_for() and not compiler() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        machine = built_for()
        if self.target_name != "wheel" or machine is None or not compiled(Path(self.root)):
            return
        build_data["artifacts"].append(str(FOLDER / machine.library))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{machine.wheel}"


def compiler() -> list[str]:
    """This machine's: what CC says, such as "ccache gcc", which need not be there; empty if Zig is to do it."""
    if os.environ.get(FOR):
        return []
    if os.environ.get("CC"):
        return shlex.split(os.environ["CC"])
    if sys.platform == "win32":  # Microsoft's does not know C's atomics, and MinGW's gcc may misalign vectors
        return []
    if sys.platform == "darwin" and subprocess.run(["xcode-select", "-p"], capture_output=True).returncode:
        return []  # there is a `cc`, but it only offers to install a compiler
    return ["cc"] if shutil.which("cc") else []


def compiled(root: Path) -> bool:
    """Whether the library is there, made of the sources as they are."""
    folder, machine = root / FOLDER, built_for()
    if machine is None:
        return False
    library = folder / machine.library
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as objects:  # a virus scanner may hold one on Windows
        made = Path(objects) / machine.library
        refused = compile_library(machine, folder, made)
        if refused and os.environ.get(FOR):
            sys.exit(f"There are no kernels for {os.environ[FOR]}: {refused}")
        clear_away(library)
        if refused is None:
            shutil.move(made, library)
            return True
    print(f"live-canary: no kernels, torch will compute instead: {refused}", file=sys.stderr)
    return False


def clear_away(library: Path) -> None:
    """A running program keeps the library that it has opened; on Windows it can be renamed, but not deleted."""
    with suppress(FileNotFoundError):
        try:
            library.unlink()
        except PermissionError:
            library.replace(library.with_suffix(".old"))


def sources_digest(folder: Path) -> str:
    """As `live_canary.model.kernels` computes it: one of other sources than lie beside it would misread weights."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.[ch]")))).hexdigest()


def compile_library(machine: Machine, sources: Path, library: Path) -> str | None:
    """What is against it; None when the library was made. Its folder is for whatever is needed meanwhile."""
    own = compiler()
    if (shutil.which(own[0]) if own else importlib.util.find_spec("ziglang")) is None:
        return "there is no C compiler"
    command = own or [sys.executable, "-m", "ziglang", "cc", "-target", machine.zig]
    linked, digest = [], f'-DSOURCES="{sources_digest(sources)}"'
    for name, (source, *given) in machine.objects.items():
        made = library.with_name(f"{name}.o")
        flags = [*FLAGS, *machine.flags, *given] if own else [*FLAGS, *zig_flags(given)]
        refused = complaint([*command, *flags, digest, "-c", str(sources / source), "-o", str(made)], library.parent)
        if refused is None:
            linked.append(str(made))
        elif name not in YOUNG:
            return refused
    return complaint([*command, "-O3", "-shared", *linked, "-o", str(library), *machine.libraries], library.parent)


def zig_flags(flags: Sequence[str]) -> list[str]:
    return [its for flag in flags for its in ZIG_FLAGS.get(flag, (flag,))]


def complaint(command: Sequence[str], folder: Path) -> str | None:
    """What it says if it fails; what it keeps for later goes into the folder."""
    caches = {f"ZIG_{which}_CACHE_DIR": str(folder / "cache") for which in ("GLOBAL", "LOCAL")}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=os.environ | caches)
    return (done.stderr or f"exit status {done.returncode}") if done.returncode else None


if __name__ == "__main__":
    sys.exit(not compiled(Path(__file__).parent))
