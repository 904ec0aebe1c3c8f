"""The kernels give the same results on every kind of processor, bit by bit, and can be compiled for every system."""

import ctypes
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import hatch_build
from live_canary.model import kernels
from tests.conftest import ROOT

SOURCES = ROOT / hatch_build.FOLDER
PROGRAM = Path(__file__).with_name("every_processor.c")
QEMU = ["qemu-aarch64-static", "-cpu", "max"]
EXECUTABLE_FORMATS = {"win-amd64": b"MZ", "macosx-arm64": b"\xcf\xfa\xed\xfe"}

here = hatch_build.this_machine()
every_kind = [name for name in here.objects if name in kernels.VECTORS] if here else []


def results(folder: Path, compiler: str, for_it: tuple[str, ...], run: Sequence[str] = ()) -> str:
    """The digest of what the kernels, compiled so, make of the program's numbers."""
    program = folder / "program"
    sources = [str(PROGRAM), str(SOURCES / "start.c"), str(SOURCES / "team.c"), "-I", str(SOURCES), '-DSOURCES=""']
    linked = [*(["-static"] if run else []), "-pthread", "-lm", "-o", str(program)]  # an emulator may lack libraries
    subprocess.run([compiler, *hatch_build.FLAGS, *for_it, *sources, *linked], check=True, timeout=120)
    told = subprocess.run([*run, str(program)], check=True, capture_output=True, timeout=120).stdout
    assert len(told) > 2_000_000
    return hashlib.sha256(told).hexdigest()


def runs_here(vector: str) -> bool:
    try:
        can: int = ctypes.CDLL(str(kernels._LIBRARY)).live_canary_can()
    except OSError:  # it was not compiled
        return False
    return bool(can >> kernels.VECTORS.index(vector) & 1)


def flags(kind: str) -> tuple[str, ...]:
    assert here
    return here.objects[kind][1:]


@pytest.fixture(scope="module")
def least() -> str:
    """The least kind of processor whose kernels run here."""
    kind = next((name for name in every_kind if runs_here(name)), None)
    if kind is None or shutil.which("cc") is None or sys.platform == "win32":  # whose program would write line ends
        pytest.skip("no compiler, or no kernels for this processor")
    return kind


@pytest.fixture(scope="module")
def of_this_processor(least, tmp_path_factory) -> str:
    return results(tmp_path_factory.mktemp("first"), "cc", flags(least))


@pytest.mark.parametrize("kind", every_kind[1:])
def test_a_faster_processor_computes_the_same(kind, of_this_processor, tmp_path):
    if not runs_here(kind):
        pytest.skip("not on this processor")
    assert results(tmp_path, "cc", flags(kind)) == of_this_processor


def test_tiles_multiply_the_same_where_the_processor_has_none(of_this_processor, tmp_path):
    if "avx512" not in every_kind or not runs_here("avx512"):
        pytest.skip("not on this processor")
    in_vectors = "-include", str(PROGRAM.with_name("tiles_on_any_processor.h"))
    assert results(tmp_path, "cc", (*flags("avx512"), *in_vectors)) == of_this_processor


@pytest.mark.skipif(shutil.which("cc") is None or sys.platform == "win32", reason="no compiler")
@pytest.mark.parametrize("system", [(), ("-U__linux__",)], ids=["this", "macos"])
def test_no_thread_of_the_team_sleeps_on_or_does_work_twice(system, tmp_path):
    program = tmp_path / "program"
    sources = [str(PROGRAM.with_name("team_of_threads.c")), str(SOURCES / "team.c")]
    command = ["cc", *hatch_build.FLAGS, "-DSPINS=1", *system, *sources, "-pthread", "-o", str(program)]
    subprocess.run(command, check=True, timeout=60)
    subprocess.run([program], check=True, timeout=60)


@pytest.mark.skipif(shutil.which("aarch64-linux-gnu-gcc") is None, reason="no compiler for ARM")
@pytest.mark.skipif(shutil.which(QEMU[0]) is None, reason="no emulator of an ARM processor")
def test_an_arm_processor_computes_the_same(of_this_processor, tmp_path):
    assert results(tmp_path, "aarch64-linux-gnu-gcc", hatch_build.ARM["neon"][1:], QEMU) == of_this_processor


@pytest.mark.slow
@pytest.mark.parametrize("machine", EXECUTABLE_FORMATS)
def test_zig_compiles_them_for_other_systems(machine, monkeypatch, tmp_path):
    pytest.importorskip("ziglang", reason="which is fetched where there is no compiler")
    monkeypatch.setattr(hatch_build, "compiler", list)
    monkeypatch.setattr(hatch_build, "FLAGS", ["-O1" if flag == "-O3" else flag for flag in hatch_build.FLAGS])  # quick
    made = hatch_build.MACHINES[machine]
    library = tmp_path / made.library
    assert hatch_build.compile_library(made, SOURCES, library) is None
    content = library.read_bytes()
    assert content.startswith(EXECUTABLE_FORMATS[machine])
    kinds = [name for name in made.objects if name not in ("start", "team")]
    for name in [f"live_canary_encode_{kind}" for kind in kinds] + ["live_canary_can", "live_canary_join"]:
        assert name.encode() in content
