"""Files as a session needs them: one process holds them, nobody else reads them, and no link leads elsewhere.

All that is different on Windows stands here. It has no permissions of the POSIX kind: a new file gets those of its
folder, and those of a user's profile keep other users out. And a file that is open cannot be deleted, renamed or
replaced.
"""

import errno
import ntpath
import os
import shutil
import sys
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path, PureWindowsPath

if sys.platform == "win32":
    import ctypes
    import msvcrt
else:
    import fcntl

NO_ROOM = errno.ENOSPC, errno.EDQUOT
"""What a full disk answers."""
OPEN_FILES_MAY_GO = sys.platform != "win32"
"""Whether a file that is open can be deleted or replaced; whoever has it open then keeps what was there."""

_CANNOT = errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM
"""What a file system answers that lacks something: shares of other machines, phones and FAT do."""

_HELD_SECONDS = 1.0 if sys.platform == "win32" else 0.0  # a virus scanner or an indexer reads what is new so long
_FAR_BEHIND_THE_END = 1 << 30  # times 4 GB: Windows lets nobody else read or write the bytes that one has locked
_HELD_BY_ANOTHER = 33  # ERROR_LOCK_VIOLATION


def expanded(path: str | Path) -> Path:
    """With a home folder for `~` or `~name`; as it stands where there is no user of that name."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def is_there(path: Path) -> bool:
    """False also where that cannot be known, as in a folder of somebody else or of too long a name.

    Path's raises there, up to Python 3.13.
    """
    return os.path.exists(path)  # noqa: PTH110


def is_gone(path: Path) -> bool:
    """Whether there is certainly no such file. Raises OSError where that cannot be known, as of a disk that fails."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # of the last: a name that no file can have
        return True
    return False


def is_link(path: Path) -> bool:
    """False also where that cannot be known, as of `is_there`."""
    return os.path.islink(path)  # noqa: PTH114


def is_folder(path: Path) -> bool:
    """False also where that cannot be known, as of `is_there`."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: Path) -> bool:
    """False also where that cannot be known, as of `is_there`."""
    return os.path.isfile(path)  # noqa: PTH113


def is_name_too_long(path: Path) -> bool:
    """Whether no file of that name can be in its folder, or in the one that this is to be made in."""
    folder = next((one for one in path.parents if is_folder(one)), Path())
    try:
        (folder / path.name).lstat()
    except OSError as error:
        return error.errno == errno.ENAMETOOLONG
    return False


def beside(path: Path, ending: str) -> Path:
    """The file in the same folder that has this instead of its suffix; always the same, and shorter where need be."""
    whole = path.with_name(path.stem + ending)
    return path.with_name(f"{path.stem[:20]}-{short_name(path.name)}{ending}") if is_name_too_long(whole) else whole


def short_name(name: str) -> str:
    """16 letters that stand for a file's name, however long that is, and are others for another."""
    return sha256(os.fsencode(name)).hexdigest()[:16]


def find_program(name: str) -> str | None:
    """Where PATH leads to a program.

    Windows itself looks in the folder that the user is in first, where a program may lie that came with a recording.
    """
    if sys.platform != "win32":
        return shutil.which(name)
    else:
        folders = (Path(folder.strip('"')) for folder in os.get_exec_path())
        found = (folder / f"{name}.exe" for folder in folders if folder.is_absolute())
        return next((str(one) for one in found if is_file(one)), None)


def place_of(path: Path) -> str:
    """The same for all names that the system takes for one: of one folder, in upper or lower case, say."""
    if sys.platform == "darwin":  # whose disks also make no difference between an accent within a letter and behind it
        return unicodedata.normalize("NFC", str(path)).casefold()
    return os.path.normcase(path)


def is_no_name(path: Path) -> bool:
    """Whether Windows would write what is meant for this file elsewhere: behind another one, or to a device."""
    return sys.platform == "win32" and (":" in path.name or _is_device(path))


def name_for_c(path: Path) -> Path | bytes:
    """As libraries in C are to be given it, which would refuse a name that is not UTF-8."""
    return path if sys.platform == "win32" else os.fsencode(path)


def open_file(path: Path, flags: int, *, private: bool = True, follow_links: bool = True) -> int:
    """A descriptor for bytes, which programs that this one starts do not get. Raises OSError.

    flags: those of `os.open` that all systems know. private: a file that is made is for its user alone.
    """
    mode = 0o600 if private else 0o666
    if sys.platform != "win32":
        return os.open(path, flags | (0 if follow_links else os.O_NOFOLLOW), mode)
    else:
        if not follow_links and path.is_symlink():  # making one takes an administrator
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
        return os.open(path, flags | os.O_BINARY, mode)


def keep_private(path: Path) -> None:
    """Let the file, which is made if it is not there, be its user's alone, as `open_file` has it. Raises OSError."""
    descriptor = open_file(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        if sys.platform != "win32":
            with _as_far_as_it_can():
                os.fchmod(descriptor, 0o600)  # an earlier version let others read it
    finally:
        os.close(descriptor)


def _is_device(path: Path) -> bool:
    """Such as NUL, or nul.txt."""
    if sys.version_info >= (3, 13):
        return ntpath.isreserved(path.name)  # the path's own is deprecated
    else:
        return PureWindowsPath(path.name).is_reserved()


def lock(descriptor: int) -> None:
    """Hold the file until the descriptor is closed or the process ends, however it ends.

    Raises BlockingIOError while another descriptor holds it, and OSError where the file system has no locks.
    """
    if sys.platform != "win32":
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)
        handle = ctypes.c_void_p(msvcrt.get_osfhandle(descriptor))
        if not kernel.LockFile(handle, 0, _FAR_BEHIND_THE_END, 1, 0):
            error = ctypes.WinError(ctypes.get_last_error())
            if error.winerror == _HELD_BY_ANOTHER:
                raise BlockingIOError(errno.EAGAIN, error.strerror)
            raise error


def sync(descriptor: int) -> None:
    """Return when what was written would survive a power cut, where files can be synced. Raises OSError."""
    if sys.platform == "darwin":
        with suppress(OSError):  # not every file system can
            fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)  # there fsync leaves it to the disk, which keeps it for a while
            return
    with _as_far_as_it_can():
        os.fsync(descriptor)


def take_permissions(descriptor: int, like: Path) -> None:
    """Of another file; nothing on Windows, nor where files have none of their own. Raises OSError."""
    if sys.platform != "win32":
        with _as_far_as_it_can():
            os.fchmod(descriptor, like.stat().st_mode & 0o7777)


@contextmanager
def _as_far_as_it_can() -> Iterator[None]:
    """A file system that lacks something is no reason to write nothing to it."""
    try:
        yield
    except OSError as error:
        if error.errno not in _CANNOT:
            raise


def is_in_place(descriptor: int, path: Path) -> bool:
    """False when the path no longer leads to the open file. Raises OSError."""
    if not OPEN_FILES_MAY_GO:
        return True
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def write_all(descriptor: int, data: bytes) -> None:
    """Also where the system takes a part at a time. Raises OSError, with a part written."""
    while data:
        data = data[os.write(descriptor, data) :]


def append(descriptor: int, data: bytes, *, synced: bool = True) -> None:
    """Put `data` behind the file, on the disk itself if `synced`. Raises OSError, and leaves the file as it was."""
    size = os.lseek(descriptor, 0, os.SEEK_END)
    try:
        write_all(descriptor, data)
        if synced:
            sync(descriptor)
    except OSError:
        with suppress(OSError):
            os.ftruncate(descriptor, size)
        raise


def replace(path: Path, contents: bytes) -> None:
    """Let the file, which nobody else writes meanwhile, hold `contents`, all at once.

    Raises OSError and then leaves it as it was.
    """
    unfinished = _unfinished_beside(path)
    try:
        descriptor = open_file(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, follow_links=False)
        with os.fdopen(descriptor, "wb") as file:
            take_permissions(descriptor, path)
            file.write(contents)
            file.flush()
            sync(descriptor)
        take_place(unfinished, path)
    except OSError:
        with suppress(OSError):
            unfinished.unlink()
        raise


def take_place(unfinished: Path, path: Path) -> None:
    """Give a whole file the name `path`. Raises OSError, on Windows a second later if another has it open."""
    until = time.monotonic() + _HELD_SECONDS
    while True:
        try:
            unfinished.replace(path)
            return
        except PermissionError:
            if time.monotonic() >= until:
                raise
            time.sleep(_HELD_SECONDS / 20)


def _unfinished_beside(path: Path) -> Path:
    """Where the next contents of a file grow. One place for each file: the next attempt takes what a killed one left.

    The name is short, however long the file's own is.
    """
    return path.with_name(f".live-canary-{short_name(path.name)}.part")
