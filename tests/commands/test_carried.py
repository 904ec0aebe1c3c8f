"""A copy of the model that was carried by hand, and downloads that end before their time."""

import errno
import hashlib
import os
import shutil
from pathlib import Path

import pytest
from rich.console import Console

from live_canary.commands import download
from live_canary.errors import DownloadError, InputError
from live_canary.model import hub as found
from live_canary.model import offers
from live_canary.signals import CUT_OFF
from tests.commands.machine import DiskUsage
from tests.commands.small_hub import CHECKPOINT, LLM, URLS
from tests.conftest import TINY

NAMES = ("config.json", "model.safetensors", "llm_backbone/config.json", "llm_backbone/tokenizer.json")


@pytest.fixture(autouse=True)
def unpinned(cache, home, monkeypatch) -> None:
    """Any file is right."""
    monkeypatch.setattr(found, "PINNED", {})


def take_over(carried: Path) -> Path:
    return download.take_over(found.CANARY_QWEN, carried, Console(quiet=True))


def is_whole(folder: Path) -> bool:
    return all((folder / name).read_bytes() == (TINY / name).read_bytes() for name in NAMES)


def test_a_copy_made_of_links_is_taken_over_without_them(tmp_path):
    """As the hub's cache is, whose folder somebody may have copied to a stick or name as it is."""
    for name in NAMES:
        (link := tmp_path / "snapshot" / name).parent.mkdir(parents=True, exist_ok=True)
        blob = tmp_path / "blobs" / hashlib.sha256(name.encode()).hexdigest()
        blob.parent.mkdir(exist_ok=True)
        shutil.copy(TINY / name, blob)
        link.symlink_to(os.path.relpath(blob, link.parent))
    folder = take_over(tmp_path / "snapshot")
    assert is_whole(folder)
    assert not any((folder / name).is_symlink() for name in NAMES)


def test_a_copy_on_another_disk_is_copied(monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refuse)
    folder = take_over(TINY)
    assert is_whole(folder)
    assert (folder / "model.safetensors").stat().st_nlink == 1


def test_what_a_killed_attempt_left_does_not_stand_in_the_way(tmp_path, monkeypatch):
    """It may be another name of the very file that is to be taken over, which nothing can be copied onto."""
    carried = shutil.copytree(TINY, tmp_path / "carried")
    folder = found.carried_folder(found.CANARY_QWEN)
    folder.mkdir(parents=True)
    os.link(carried / "model.safetensors", folder / "model.safetensors.incomplete")
    assert is_whole(take_over(carried))
    assert not list(folder.rglob("*.incomplete"))


def test_a_copy_needs_no_file_that_some_do_not_have(tmp_path):
    carried = shutil.copytree(TINY, tmp_path / "carried")
    for path in (carried / "llm_backbone").iterdir():
        if f"llm_backbone/{path.name}" not in NAMES:
            path.unlink()
    assert is_whole(take_over(carried))
    with pytest.raises(InputError, match=r"lacks model\.safetensors; it must hold"):
        (carried / "model.safetensors").unlink()
        take_over(carried)


def test_ctrl_c_keeps_what_has_arrived_and_says_so(monkeypatch, capsys):
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "look_up", interrupted)
    assert download.run("somebody/canary", None) == CUT_OFF
    assert " ".join(capsys.readouterr().err.split()) == download.STOPPED


@pytest.fixture
def somebodys(hub, monkeypatch):
    """A hub with a model of somebody's, whose tokenizer is another's."""
    config = CHECKPOINT["somebody/canary/config.json"].replace(b"Qwen/Qwen3-1.7B", b"somebody/llm")
    hub.files = CHECKPOINT | {name.replace(found.QWEN, "somebody/llm"): content for name, content in LLM.items()}
    hub.files |= {"somebody/canary/config.json": config, "somebody/llm/generation_config.json": b"{}"}
    monkeypatch.setattr(URLS, hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    return hub


def test_another_model_is_told_how_to_use_and_has_its_own_tokenizer(somebodys, capsys):
    assert download.run("somebody/canary", None) == 0
    told = capsys.readouterr().err
    assert "`live-canary --model somebody/canary` uses it, also without a network." in " ".join(told.split())
    assert download.LICENCES[:20] not in told
    folder = found.find_checkpoint("somebody/canary")
    tokenizer = found.find_backbone_file(folder, "somebody/llm", "tokenizer.json")
    assert tokenizer.read_bytes() == LLM[f"{found.QWEN}/tokenizer.json"]


def test_a_model_for_which_there_is_no_room_is_not_begun(somebodys, monkeypatch):
    """Its tokenizer would fit, and its weights would not."""
    free = offers.SPARE_BYTES + sum(map(len, LLM.values())) + 1000
    assert free < offers.SPARE_BYTES + len(CHECKPOINT["somebody/canary/model.safetensors"])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(10**9, 10**9 - free, free))
    with pytest.raises(DownloadError, match=r"are to come and .* has room for"):
        download.run("somebody/canary", None)
    assert len(somebodys.ranges) == 1, "more than its configuration was fetched"


@pytest.mark.parametrize("config", [b"<html>", b"[]", b"[" * 200_000], ids=["a page", "a list", "very deep"])
def test_what_is_no_configuration_is_told(somebodys, config):
    somebodys.files["somebody/canary/config.json"] = config
    with pytest.raises(DownloadError, match=r"config\.json is not Canary-Qwen's config\.json; check the name"):
        download.run("somebody/canary", None)
