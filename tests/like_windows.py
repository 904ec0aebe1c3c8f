"""`pytest -p tests.like_windows`: the program finds what Windows has and lacks, and is forbidden what Windows forbids.

A stand-in on Linux: it shows that the program asks for nothing that only POSIX has and leaves alone what is open. How
Windows itself behaves it cannot show.
"""

import asyncio
import ctypes
import fcntl
import os
import signal
import struct
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from types import ModuleType

PROGRAM = Path(__file__).parent.parent / "live_canary"
NOT_IMPORTED = ("live_canary.model.", "live_canary.transcript.transcriber", "live_canary.__main__")  # torch; a start
POSIX_MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty")
LACKING = {
    sys: "getdlopenflags setdlopenflags",
    os: "O_CLOEXEC O_DIRECTORY O_NOFOLLOW chown fchmod fork geteuid getuid killpg openpty posix_fadvise pread pwrite",
    signal: "SIGALRM SIGCONT SIGHUP SIGKILL SIGUSR1 SIGUSR2 SIGWINCH alarm",
    ctypes: "",
    subprocess: "",
    time: "CLOCK_BOOTTIME CLOCK_MONOTONIC clock_gettime",
}
BINARY = 1 << 30
REGION = "hhqqi"  # struct flock


class Lacking(ModuleType):
    """A module of the standard library as Windows has it."""

    def __init__(self, real: ModuleType, lacks: str, **has: object):
        super().__init__(real.__name__)
        self.__dict__.update(has)
        self._real, self._lacks = real, lacks.split()

    def __getattr__(self, name: str) -> object:
        if name in self._lacks:
            raise AttributeError(f"Windows has no {self.__name__}.{name}", name=name, obj=self)
        return getattr(self._real, name)


def pytest_configure() -> None:
    _import_all()  # with whatever other libraries may use here
    _let_nothing_open_go()
    asyncio.SelectorEventLoop.add_signal_handler = asyncio.AbstractEventLoop.add_signal_handler
    sys.modules.update(dict.fromkeys(POSIX_MODULES) | {"msvcrt": _msvcrt()})
    has = {
        sys: {"platform": "win32"},
        os: {"O_BINARY": BINARY, "open": _open},
        signal: {"SIGBREAK": signal.SIGUSR1},
        time: {},
        subprocess: {"CREATE_NEW_PROCESS_GROUP": 0x200, "CREATE_NO_WINDOW": 0x8000000, "Popen": Popen},
        ctypes: {"WinDLL": Kernel32, "get_last_error": lambda: 33, "WinError": WinError},
    }
    for name in [name for name in sys.modules if name.split(".")[0] == "live_canary"]:
        del sys.modules[name]
    sys.modules.update({real.__name__: Lacking(real, lacks, **has[real]) for real, lacks in LACKING.items()})
    try:
        _import_all()
    finally:
        sys.modules.update({real.__name__: real for real in LACKING})


def _import_all() -> None:
    import_module("textual.drivers.linux_driver")  # later it would find no termios
    for path in sorted(PROGRAM.rglob("*.py")):
        name = ".".join(path.relative_to(PROGRAM.parent).with_suffix("").parts)
        if not name.startswith(NOT_IMPORTED):
            import_module(name.removesuffix(".__init__"))


def _open(path, flags: int, *others, **more) -> int:
    """In any other way Windows would change the ends of lines."""
    assert flags & BINARY or Path(path).is_dir(), f"{path} is opened as text"
    return os.open(path, flags & ~BINARY, *others, **more)


def _msvcrt() -> ModuleType:
    module = ModuleType("msvcrt")
    module.get_osfhandle, module.kbhit = lambda descriptor: descriptor, lambda: False
    return module


class Kernel32:
    """Locks as Windows has them: of bytes, held by a descriptor and refused to every other one."""

    def __init__(self, *_: object, **__: object):
        pass

    def LockFile(self, handle, low: int, high: int, count: int, _: int) -> bool:  # noqa: N802
        at = low + (high << 32)
        assert at >= os.fstat(handle.value).st_size, "Windows would let nobody else read this"
        try:
            fcntl.fcntl(handle.value, fcntl.F_OFD_SETLK, struct.pack(REGION, fcntl.F_WRLCK, os.SEEK_SET, at, count, 0))
        except BlockingIOError:
            return False
        return True


class Popen(subprocess.Popen):
    """Takes the flags of a new process that there are only on Windows."""

    def __init__(self, command, *, creationflags: int = 0, **more):
        super().__init__(command, **more)


class WinError(PermissionError):
    winerror = 33


def _let_nothing_open_go() -> None:
    """What this process has open cannot be deleted, renamed or replaced."""

    def refuse(path, dir_fd=None) -> None:
        try:
            wanted = os.stat(path, dir_fd=dir_fd, follow_symlinks=False)
        except FileNotFoundError:
            return
        for descriptor in Path("/proc/self/fd").iterdir():
            try:
                if os.path.samestat(wanted, descriptor.stat()):
                    raise PermissionError(13, "The process cannot access the file because it is in use", str(path))
            except FileNotFoundError:  # it was the one that lists them
                continue

    def careful(call, ends: int):
        def guarded(*paths, dir_fd=None):
            for path in paths[:ends]:
                refuse(path, dir_fd)
            return call(*paths) if dir_fd is None else call(*paths, dir_fd=dir_fd)

        return guarded

    os.unlink, os.remove = careful(os.unlink, 1), careful(os.remove, 1)
    os.replace, os.rename = careful(os.replace, 2), careful(os.rename, 2)
