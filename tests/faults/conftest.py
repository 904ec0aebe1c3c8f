"""A disk that is full when a test wants it to be, and limits of memory and time."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """An empty file system of 256 KiB; only root can make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = (
        os.geteuid() == 0
        and not subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk], capture_output=True
        ).returncode
    )
    if not mounted:
        pytest.skip("mounting a small tmpfs needs root")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nobody may create or delete a file in the folder; root is bound by its immutable flag alone."""
    if os.geteuid():
        folder.chmod(0o500)
    elif subprocess.run(["chattr", "+i", folder], capture_output=True).returncode:
        pytest.skip("this file system has no immutable flag, and nothing else binds root")
    try:
        yield
    finally:
        folder.chmod(0o700) if os.geteuid() else subprocess.run(["chattr", "-i", folder], check=True)


GIGABYTE = 1_000_000_000
LONGEST_SECONDS = 60


@pytest.fixture
def limits() -> Iterator[None]:
    """The test may not ask the system for a gigabyte more than the process has, nor take a minute."""
    import resource  # which Windows lacks

    def hang(number, frame) -> None:
        raise AssertionError(f"no answer after {LONGEST_SECONDS} s")

    has = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    earlier = signal.signal(signal.SIGALRM, hang)
    resource.setrlimit(resource.RLIMIT_AS, (has + GIGABYTE, hard))
    signal.alarm(LONGEST_SECONDS)
    yield
    signal.alarm(0)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    signal.signal(signal.SIGALRM, earlier)


def fill(disk: Path) -> Path:
    """Leave no byte free; the file to delete when there should be room again."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 1024)
        except OSError:
            return ballast
