"""Where a transcript may be written, in which format, and by one session at a time."""

import codecs
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from live_canary import files
from live_canary.errors import OutputError
from live_canary.printable import one_line
from live_canary.transcript.formats import FORMATS, Format


def check_outputs(paths: Iterable[Path], *, overwrite: bool) -> None:
    """Raises OutputError for a file that cannot be written or is named twice, before one of them is emptied."""
    places: set[str] = set()
    for path in paths:
        check_output(path, overwrite=overwrite)
        check_free(path)
        try:
            place = files.place_of(path.resolve())
        except OSError:
            raise OutputError(f"{named(path)} cannot be written: this folder was deleted; change to another.") from None
        if place in places:
            raise OutputError(f"{named(path)} is given twice as --output; name each file once.")
        places.add(place)


def check_output(path: Path, *, overwrite: bool = False) -> None:
    """Raises OutputError if a transcript cannot be written to `path`; opens and changes nothing."""
    known = format_of(path)
    try:
        obstacle = _obstacle(path, known, overwrite)
    except OSError as error:  # a name that is too long, a folder that cannot be entered
        obstacle = f"cannot be written: {error.strerror}."
    if obstacle:
        raise OutputError(f"{named(path)} {obstacle}")


def check_free(path: Path) -> None:
    """Raises OutputError if the file is being written already. No file is made, and none changed."""
    if path.exists():
        os.close(open_locked(path))


def _obstacle(path: Path, known: Format, overwrite: bool) -> str | None:
    if files.is_no_name(path):
        return "is no name for a file on Windows; give one without ':' that is no device, as NUL is."
    with suppress(FileNotFoundError, NotADirectoryError):
        path.stat()  # raises what the questions below take for a file that is not there: a link that leads to itself
    if path.is_dir():
        return "is a folder; give the name of a file in it."
    if not path.parent.is_dir():
        return f"cannot be written: there is no folder {named(path.parent)}; create it first."
    if path.exists() and not path.is_file():
        return "is not a regular file; give the name of one."
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        return "cannot be written: permission denied; choose another folder."
    if not overwrite and path.exists() and _is_utf_16(path):
        return "is in UTF-16; save it as UTF-8 in an editor, or give another name, or --overwrite."
    if path.exists() and path.stat().st_size and not (overwrite or known.can_continue):
        return f"exists, and {known.extension} files cannot be continued; give another name, or --overwrite."
    return None


def _is_utf_16(path: Path) -> bool:
    """As Windows PowerShell writes what a program prints. Raises OSError."""
    with path.open("rb") as file:
        return file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def format_of(path: Path) -> Format:
    """The format that the suffix of `path` chooses. Raises OutputError for one that is not known."""
    try:
        return FORMATS[path.suffix.lower()]
    except KeyError:
        name = named(path) if path.name else "The name of a transcript"
        raise OutputError(f"{name} must end in one of {', '.join(FORMATS)}, which chooses its format.") from None


def open_locked(path: Path) -> int:
    """A descriptor that appends to `path`. Raises OutputError if it cannot be opened or is being written already."""
    try:
        return open_and_lock(path)
    except BlockingIOError:
        raise OutputError(f"{named(path)} is already being written by a running session; give another name.") from None
    except OSError as error:
        raise not_writable(path, error) from error


def not_writable(path: Path, error: OSError) -> OutputError:
    """What to say when a transcript cannot be begun."""
    room = "make room, or " if error.errno in files.NO_ROOM else ""
    return OutputError(f"{named(path)} cannot be written: {error.strerror}; {room}give another folder or name.")


def write_whole(path: Path, text: str) -> None:
    """Let a file, which may be a new one, hold the text, all at once. Raises OutputError, and leaves it as it was."""
    is_new = not files.is_there(path)
    try:
        path.touch()
        files.replace(path.resolve(), text.encode())
    except OSError as error:
        if is_new:
            with suppress(OSError):
                path.unlink()
        raise not_writable(path, error) from error


def open_and_lock(path: Path) -> int:
    """The same; raises OSError, and BlockingIOError while another session writes the file."""
    descriptor = files.open_file(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, private=False)
    try:
        files.lock(descriptor)
    except BlockingIOError as error:
        os.close(descriptor)
        raise BlockingIOError(error.errno, "another session writes it") from None
    except OSError:  # a network file system without locks is no reason to refuse a transcript
        pass
    return descriptor


def sync_folder(folder: Path) -> None:
    """A new file survives a power cut only once its folder is on the disk too."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        files.sync(descriptor)
    finally:
        os.close(descriptor)


def named(path: Path) -> str:
    return f"'{one_line(str(path))}'"
