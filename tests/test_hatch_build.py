"""Which kernels a wheel brings, and with whose compiler they are compiled."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import hatch_build
from tests.conftest import ROOT


def hook_for(root: Path) -> hatch_build.KernelsBuildHook:
    return hatch_build.KernelsBuildHook(str(root), {}, None, None, str(root), "wheel")


@pytest.fixture
def hook() -> hatch_build.KernelsBuildHook:
    return hook_for(ROOT)


@pytest.mark.parametrize(
    ("system", "own", "fetched"),
    [("linux", "cc", []), ("linux", None, [hatch_build.ZIG]), ("win32", "cc", [hatch_build.ZIG])],
)
def test_pip_fetches_a_compiler_only_where_there_is_none(system, own, fetched, hook, monkeypatch):
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(hatch_build, "this_machine", lambda: hatch_build.MACHINES["win-amd64"])
    monkeypatch.setattr(hatch_build.sys, "platform", system)
    monkeypatch.setattr(hatch_build.shutil, "which", lambda name: own)
    assert hook.dependencies() == fetched
    monkeypatch.setenv("CC", "none")
    assert hook.dependencies() == []


def test_what_is_fetched_is_what_the_tests_compile_with():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert hatch_build.ZIG in project["optional-dependencies"]["dev"]


def test_nothing_is_fetched_for_a_machine_that_has_no_kernels(hook, monkeypatch):
    monkeypatch.setattr(hatch_build, "this_machine", lambda: None)
    monkeypatch.setattr(hatch_build, "compiler", list)
    assert hook.dependencies() == []


@pytest.mark.parametrize(
    ("platform", "processor", "machine"),
    [("macosx-10.9-universal2", "arm64", "macosx-arm64"), ("macosx-10.9-universal2", "x86_64", None)],
)
def test_a_macs_processor_says_which_kernels_it_gets(platform, processor, machine, monkeypatch):
    """A Python of both kinds of processor does not."""
    monkeypatch.setattr(hatch_build.sys, "platform", "darwin")
    monkeypatch.setattr(hatch_build.sysconfig, "get_platform", lambda: platform)
    monkeypatch.setattr(hatch_build.platform, "machine", lambda: processor)
    assert hatch_build.this_machine() == (hatch_build.MACHINES[machine] if machine else None)


@pytest.mark.skipif(hatch_build.this_machine() is None, reason="no kernels here anyway")
def test_a_compiler_may_be_a_command_of_several_words(tmp_path):
    (tmp_path / "hatch_build.py").write_text((ROOT / "hatch_build.py").read_text())
    library = tmp_path / "live_canary" / "model" / "kernels" / "kernels.so"
    library.parent.mkdir(parents=True)
    compiler = tmp_path / "compiler.sh"
    compiler.write_text('while [ "$1" != -o ]; do shift; done; : > "$2"\n')
    command = [sys.executable, str(tmp_path / "hatch_build.py")]
    subprocess.run(command, check=True, env=os.environ | {"CC": f"sh {compiler}"}, timeout=60)
    assert library.exists()


class Compilation:
    """Instead of a compiler: what is asked of it, and what it says."""

    def __init__(self, refused: str | None = None):
        self.refused = refused
        self.machines: list[hatch_build.Machine] = []

    def __call__(self, machine: hatch_build.Machine, sources: Path, library: Path) -> str | None:
        self.machines.append(machine)
        library.write_bytes(b"")
        return self.refused


@pytest.fixture
def folder(tmp_path) -> Path:
    (folder := tmp_path / hatch_build.FOLDER).mkdir(parents=True)
    return folder


@pytest.mark.parametrize("name", hatch_build.MACHINES)
def test_a_wheel_can_be_built_for_every_other_machine(name, tmp_path, folder, monkeypatch):
    monkeypatch.setattr(hatch_build, "compile_library", compilation := Compilation())
    monkeypatch.setattr(hatch_build.shutil, "which", lambda name: "cc")
    monkeypatch.setenv("LIVE_CANARY_FOR", name)
    hook, told = hook_for(tmp_path), {"artifacts": []}
    hook.initialize("standard", told)
    machine = hatch_build.MACHINES[name]
    assert compilation.machines == [machine]
    assert told["artifacts"] == [str(hatch_build.FOLDER / machine.library)]
    assert told["tag"] == f"py3-none-{machine.wheel}"
    assert (folder / machine.library).exists()
    assert hook.dependencies() == [hatch_build.ZIG]  # this machine's compiler knows only this machine


def test_what_makes_it_wheels_for_all_machines_names_each_of_them():
    [line] = [line for line in (ROOT / "Makefile").read_text().splitlines() if "for machine in" in line]
    assert line.split(" in ")[1].removesuffix("; do \\").split() == list(hatch_build.MACHINES)


@pytest.mark.parametrize(
    ("name", "refused"), [("win-amd64", "no such compiler"), ("amiga", "not one of linux-x86_64,")]
)
def test_no_wheel_without_kernels_is_built_for_another_machine(name, refused, tmp_path, folder, monkeypatch):
    """It would be published, and be slow on all of them."""
    monkeypatch.setattr(hatch_build, "compile_library", Compilation("no such compiler"))
    monkeypatch.setenv("LIVE_CANARY_FOR", name)
    (folder / "kernels.so").touch()
    with pytest.raises(SystemExit, match=refused):
        hatch_build.compiled(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["kernels.so"]  # this machine's own
