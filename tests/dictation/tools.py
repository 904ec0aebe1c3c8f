"""Programs of the same names as the real ones, which write down what they get and do as told."""

import stat
from pathlib import Path

import pytest

HANGS = "exec /bin/sleep 600"
FAILS = "echo 'no such display' >&2; exit 1"


class Tools:
    """The only programs on PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch):
        self._folder = folder
        monkeypatch.setenv("PATH", str(folder))

    def put(self, name: str, then: str = "") -> None:
        """then: what the program does when it has taken its input, in shell."""
        script = self._folder / name
        record = f'for each; do printf "%s " "$each"; done >> {script}.asked; echo >> {script}.asked'
        script.write_text(f"#!/bin/sh\n{record}\n/bin/cat >> {script}.took\n{then}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)

    def took(self, name: str) -> str:
        """All that it ever got on stdin."""
        return self._read(f"{name}.took")

    def asked(self, name: str) -> list[str]:
        """The arguments of each call."""
        return [line.strip() for line in self._read(f"{name}.asked").splitlines()]

    def _read(self, name: str) -> str:
        path = self._folder / name
        return path.read_text() if path.exists() else ""
