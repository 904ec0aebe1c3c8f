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

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    source = tmp_path_factory.mktemp("source")
    for name in ("live_canary", "assets"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source / name)
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(source / "dist"), str(source)]
    subprocess.run(build, check=True, capture_output=True, timeout=120)
    [path] = (source / "dist").glob("*.whl")
    return path


def test_the_wheel_holds_model_recordings_and_style_sheet_and_is_small(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "live_canary/assets/demo-model/model.safetensors",
        "live_canary/assets/demo-model/llm_backbone/tokenizer.json",
        "live_canary/assets/meeting.wav",
        "live_canary/screen/app.tcss",
    } <= names
    assert not [name for name in names if name.startswith(("tests", "tools"))]
    assert wheel.stat().st_size < 40_000_000


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
