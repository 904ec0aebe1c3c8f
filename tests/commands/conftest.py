"""A home and a cache folder of its own, and a small hub that may be reached."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import close_session, constants

from tests.commands.small_hub import SmallHub


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """The hub's cache folder, empty."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return tmp_path / "hub"


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Where a user keeps things; empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path


@pytest.fixture
def hub(cache) -> Iterator[SmallHub]:
    """With a file of 300 kB and a small one."""
    small = SmallHub(
        {"somebody/canary/model.safetensors": bytes(range(250)) * 1200, "somebody/canary/config.json": b"{}"}
    )
    yield small
    close_session()
    small.close()
