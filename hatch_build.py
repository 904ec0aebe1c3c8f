"""Compiles the kernels while a wheel is built, on x86-64 Linux with a C compiler; without them torch computes.

The library calls nothing of Python's and little of the C library's: one wheel serves every Python.
"""

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = Path("live_canary", "model", "kernels")
FLAGS = (
    *("-O3", "-fPIC", "-Wall", "-Wextra", "-fno-math-errno"),
    "-ffp-contract=off",  # every rounding is written out: the results are torch's, bit by bit
)
AVX2 = ("-mavx2", "-mfma", "-mf16c")
OBJECTS = {  # each made of a source for processors that are asked what they can before it is used
    "start": ("start.c",),
    "team": ("team.c",),
    "avx2": ("kernels.c", *AVX2),
    "avxvnni": ("kernels.c", *AVX2, "-mavxvnni"),
    "avx512": ("kernels.c", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni", "-mfma", "-mf16c"),
}
YOUNG = {"avxvnni"}  # left out where a compiler does not know it yet: gcc before 11
PLATFORM = "manylinux_2_17_x86_64"  # aligned_alloc is the youngest that it asks of the C library


class KernelsBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or not compiled(Path(self.root)):
            return
        build_data["artifacts"].append(str(FOLDER / "kernels.so"))
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{PLATFORM}"


def compiled(root: Path) -> bool:
    """Whether `kernels.so` is there, made of the sources as they are."""
    folder = root / FOLDER
    library = folder / "kernels.so"
    compiler = shlex.split(os.environ.get("CC") or "cc")  # such as "ccache gcc"
    if sys.platform != "linux" or platform.machine() != "x86_64" or shutil.which(compiler[0]) is None:
        library.unlink(missing_ok=True)  # of other sources, perhaps
        return False
    made = library.with_suffix(".new")  # a running program keeps the library that it has opened
    with tempfile.TemporaryDirectory() as objects:
        refused = compile_library(compiler, folder, Path(objects), made)
    if refused:
        library.unlink(missing_ok=True)
        print(f"live-canary: no kernels, torch will compute instead:\n{refused}", file=sys.stderr)
        return False
    made.replace(library)
    return True


def sources_digest(folder: Path) -> str:
    """As `live_canary.model.kernels` computes it: one of other sources than lie beside it would misread weights."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in sorted(folder.glob("*.[ch]")))).hexdigest()


def compile_library(compiler: list[str], sources: Path, objects: Path, library: Path) -> str:
    """What the compiler has against it; "" when the library was made."""
    linked, digest = [], f'-DSOURCES="{sources_digest(sources)}"'
    for name, (source, *flags) in OBJECTS.items():
        made = objects / f"{name}.o"
        refused = complaint([*compiler, *FLAGS, *flags, digest, "-c", str(sources / source), "-o", str(made)])
        if not refused:
            linked.append(str(made))
        elif name not in YOUNG:
            return refused
    return complaint([*compiler, "-shared", *linked, "-o", str(library), "-lm"])


def complaint(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True)
    return (done.stderr or f"exit status {done.returncode}") if done.returncode else ""


if __name__ == "__main__":
    sys.exit(not compiled(Path(__file__).parent))
