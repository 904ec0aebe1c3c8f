"""The wheel is complete: installed without the checkout it brings its model and recordings and runs the demo."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from functools import partial
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import hatch_build
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in ("live_canary", "assets"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    return source


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory) -> Path:
    return build(source, tmp_path_factory.mktemp("dist"))


def build(source: Path, folder: Path, **environment: str) -> Path:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(source)]
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=os.environ | environment)
    [path] = folder.glob("*.whl")
    return path


def test_the_wheel_holds_model_recordings_and_style_sheet_and_is_small(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "live_canary/assets/demo-model/model.safetensors",
        "live_canary/assets/demo-model/llm_backbone/tokenizer.json",
        "live_canary/assets/meeting.wav",
        "live_canary/model/kernels/token.cu",
        "live_canary/screen/app.tcss",
    } <= names
    assert not [name for name in names if name.startswith(("tests", "tools"))]
    assert wheel.stat().st_size < 40_000_000


def test_the_wheel_brings_kernels_where_they_can_be_compiled(wheel):
    machine = hatch_build.this_machine()
    brought = [name for name in zipfile.ZipFile(wheel).namelist() if name.endswith((".so", ".dll"))]
    assert brought == ([f"live_canary/model/kernels/{machine.library}"] if machine else [])
    assert wheel.name.endswith(f"-py3-none-{machine.wheel if machine else 'any'}.whl")


def test_without_a_compiler_the_wheel_is_built_all_the_same(source, tmp_path):
    path = build(source, tmp_path, CC="no-such-compiler")
    assert path.name.endswith("-py3-none-any.whl")
    assert not [name for name in zipfile.ZipFile(path).namelist() if name.endswith(".so")]


@pytest.mark.slow
def test_the_installed_wheel_replays_its_bundled_recording(wheel, tmp_path):
    """Installed by pip into a new environment, which sees only the dependencies of this one, not the checkout."""
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True, capture_output=True, timeout=120)
    packages = next((environment / "lib").glob("python3*")) / "site-packages"
    dependencies = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    (packages / "zz-dependencies.pth").write_text(f"import sys; sys.path.append({str(dependencies)!r})\n")
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run = partial(subprocess.run, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=120)
    script = "from live_canary.bundled import assets_folder; print(assets_folder())"
    assets = Path(run([python, "-c", script], check=True).stdout.strip())
    assert packages in assets.parents
    command = [environment / "bin" / "live-canary", "--replay", assets / "noisy.wav", "--model", "demo"]
    done = run([*command, "--speed", "max"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[00:00:0")


def test_the_constraints_name_a_version_that_will_do_of_every_dependency():
    pinned = {
        canonicalize_name(name): version
        for name, version in re.findall(r"(?m)^([^#=]+)==(.+)$", (ROOT / "constraints.txt").read_text())
    }
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        needed = Requirement(line)
        if needed.marker is None or needed.marker.evaluate():
            assert pinned[canonicalize_name(needed.name)] in needed.specifier, line
