"""Compiles the kernels while a wheel is built, on x86-64 Linux with a C compiler; without them torch computes.

The library calls nothing of Python's and little of the C library's: one wheel serves every Python.
"""

import os
import platform
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
    "avx2": ("avx2.c", *AVX2),
    "avxvnni": ("avx2.c", *AVX2, "-mavxvnni"),
    "avx512": ("kernels.c", "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni", "-mfma", "-mf16c"),
}
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
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if sys.platform != "linux" or platform.machine() != "x86_64" or compiler is None:
        library.unlink(missing_ok=True)  # of other sources, perhaps
        return False
    made = library.with_suffix(".new")  # a running program keeps the library that it has opened
    with tempfile.TemporaryDirectory() as objects:
        steps = [
            [*FLAGS, *flags, "-c", str(folder / source), "-o", f"{objects}/{name}.o"]
            for name, (source, *flags) in OBJECTS.items()
        ]
        steps.append(["-shared", *(f"{objects}/{name}.o" for name in OBJECTS), "-o", str(made), "-lm"])
        for step in steps:
            done = subprocess.run([compiler, *step], capture_output=True, text=True)
            if done.returncode:
                library.unlink(missing_ok=True)
                print(f"live-canary: no kernels, torch will compute instead:\n{done.stderr}", file=sys.stderr)
                return False
    made.replace(library)
    return True


if __name__ == "__main__":
    sys.exit(not compiled(Path(__file__).parent))
