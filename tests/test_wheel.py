"""The wheel is complete: installed without the checkout it brings its model and recordings and runs the demo."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

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
    """In a new environment that sees only the dependencies of this one, not the checkout."""
    environment = tmp_path / "venv"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    packages = next((environment / "lib").glob("python3*")) / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(packages)
    dependencies = next(Path(path) for path in sys.path if path.endswith("site-packages"))
    (packages / "zz-dependencies.pth").write_text(f"import sys; sys.path.append({str(dependencies)!r})\n")
    script = "from live_canary.bundled import assets_folder; print(assets_folder())"
    found = subprocess.run([python, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True)
    assets = Path(found.stdout.strip())
    assert packages in assets.parents
    command = [python, "-m", "live_canary", "--replay", assets / "noisy.wav", "--model", "demo", "--speed", "max"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[00:00:0")
