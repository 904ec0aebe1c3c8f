"""Files as a session needs them, each promise by itself."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

import pytest

from live_canary import files

pytestmark = pytest.mark.skipif(os.name == "nt", reason="tests/on_windows.py has what is different there")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def write(path: Path, data: bytes) -> int:
    """A descriptor of a file that holds them."""
    descriptor = files.open_file(path, os.O_RDWR | os.O_CREAT)
    os.write(descriptor, data)
    return descriptor


def test_what_a_user_named_may_be_read_by_others_and_what_the_program_keeps_by_nobody_else(tmp_path):
    before = os.umask(0o022)
    try:
        for name, how in (("notes.txt", {"private": False}), ("journal", {}), ("sound", {"private": True})):
            os.close(files.open_file(tmp_path / name, os.O_WRONLY | os.O_CREAT, **how))
    finally:
        os.umask(before)
    assert [mode_of(tmp_path / name) for name in ("notes.txt", "journal", "sound")] == [0o644, 0o600, 0o600]


def test_a_link_leads_elsewhere_only_where_it_may(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        files.open_file(tmp_path / "link", os.O_WRONLY | os.O_CREAT, follow_links=False)
    assert not (tmp_path / "elsewhere").exists()
    os.close(files.open_file(tmp_path / "link", os.O_WRONLY | os.O_CREAT))
    assert (tmp_path / "elsewhere").exists()


def test_programs_that_are_started_get_no_open_file(tmp_path):
    descriptor = write(tmp_path / "journal", b"")
    assert not os.get_inheritable(descriptor)
    os.close(descriptor)


def test_what_the_system_takes_a_part_at_a_time_is_written_whole(tmp_path, monkeypatch):
    descriptor, put = write(tmp_path / "notes.txt", b"First. "), os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: put(descriptor, data[:3]))
    files.write_all(descriptor, b"Second.")
    os.close(descriptor)
    assert (tmp_path / "notes.txt").read_bytes() == b"First. Second."


@pytest.mark.parametrize("synced", [True, False])
def test_what_is_appended_goes_to_the_end_and_to_the_disk_where_that_is_asked(tmp_path, monkeypatch, synced):
    sizes: list[int] = []
    descriptor = write(tmp_path / "notes.txt", b"First. ")
    monkeypatch.setattr(os, "fsync", lambda descriptor: sizes.append(os.fstat(descriptor).st_size))
    os.lseek(descriptor, 0, os.SEEK_SET)
    files.append(descriptor, b"Second.", synced=synced)
    os.close(descriptor)
    assert (tmp_path / "notes.txt").read_bytes() == b"First. Second."
    assert sizes == ([14] if synced else [])


@pytest.mark.parametrize("undo_fails", [False, True])
def test_half_of_what_was_to_be_appended_is_taken_back(tmp_path, monkeypatch, undo_fails):
    def refuse(why: int):
        def refusing(*_: object) -> None:
            raise OSError(why, os.strerror(why))

        return refusing

    descriptor = write(tmp_path / "notes.txt", b"First. ")
    monkeypatch.setattr(os, "fsync", refuse(errno.ENOSPC))
    if undo_fails:
        monkeypatch.setattr(os, "ftruncate", refuse(errno.EIO))
    with pytest.raises(OSError, match="No space left on device"):
        files.append(descriptor, b"Second.")
    os.close(descriptor)
    assert (tmp_path / "notes.txt").read_bytes() == (b"First. Second." if undo_fails else b"First. ")


def test_a_file_is_replaced_by_one_that_is_whole_on_the_disk_and_has_its_permissions(tmp_path, monkeypatch):
    path, synced = tmp_path / "notes.txt", []
    path.write_bytes(b"earlier, and longer")
    path.chmod(0o640)
    monkeypatch.setattr(files, "sync", lambda descriptor: synced.append((os.fstat(descriptor).st_size, path.exists())))
    files.replace(path, b"later")
    assert synced == [(5, True)]
    assert (path.read_bytes(), mode_of(path)) == (b"later", 0o640)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("why", [errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM])
def test_a_file_system_that_can_neither_sync_nor_change_permissions_is_written_to(tmp_path, monkeypatch, why):
    """As a share of another machine or a phone that GNOME shows as a folder: each line was taken back again."""

    def cannot(*_: object) -> None:
        raise OSError(why, os.strerror(why))

    path = tmp_path / "notes.txt"
    monkeypatch.setattr(os, "fsync", cannot)
    monkeypatch.setattr(os, "fchmod", cannot)
    descriptor = write(path, b"First. ")
    files.append(descriptor, b"Second.")
    os.close(descriptor)
    assert path.read_bytes() == b"First. Second."
    files.replace(path, b"Corrected.")
    assert path.read_bytes() == b"Corrected."
    files.keep_private(tmp_path / "log")
    assert (tmp_path / "log").exists()


def test_a_replacement_that_was_killed_leaves_nothing_of_itself_in_the_next(tmp_path, monkeypatch):
    def kill(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "notes.txt"
    path.write_bytes(b"earlier")
    with monkeypatch.context() as killed, suppress(KeyboardInterrupt):
        killed.setattr(files, "take_place", kill)
        files.replace(path, b"much longer than what comes next")
    assert len(list(tmp_path.iterdir())) == 2
    files.replace(path, b"short")
    assert path.read_bytes() == b"short"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("left", ["nothing", "a link"])
def test_a_file_that_cannot_be_replaced_stays_with_nothing_beside_it(tmp_path, monkeypatch, left):
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path, elsewhere = tmp_path / "notes.txt", tmp_path / "elsewhere"
    path.write_bytes(b"earlier")
    if left == "a link":
        elsewhere.write_bytes(b"of somebody else")
        files._unfinished_beside(path).symlink_to(elsewhere)
    else:
        monkeypatch.setattr(files, "sync", refuse)
    with pytest.raises(OSError, match=r"No space left|symbolic links"):
        files.replace(path, b"later")
    assert path.read_bytes() == b"earlier"
    assert {one.name for one in tmp_path.iterdir()} == {"notes.txt"} | ({"elsewhere"} if left == "a link" else set())
    assert not elsewhere.exists() or elsewhere.read_bytes() == b"of somebody else"


def test_where_even_the_unfinished_file_is_gone_the_first_reason_is_told(tmp_path, monkeypatch):
    def vanish(unfinished: Path, path: Path) -> None:
        unfinished.unlink()
        raise OSError(errno.EIO, "Input/output error")

    (tmp_path / "notes.txt").write_bytes(b"earlier")
    monkeypatch.setattr(files, "take_place", vanish)
    with pytest.raises(OSError, match="Input/output error"):
        files.replace(tmp_path / "notes.txt", b"later")


def test_a_file_that_is_gone_or_another_by_now_is_not_in_its_place(tmp_path):
    descriptor = write(path := tmp_path / "notes.txt", b"")
    assert files.is_in_place(descriptor, path)
    path.rename(tmp_path / "moved.txt")
    assert not files.is_in_place(descriptor, path)
    path.write_bytes(b"")
    assert not files.is_in_place(descriptor, path)
    with pytest.raises(NotADirectoryError):  # which is told: nobody knows what is there
        files.is_in_place(descriptor, path / "no" / "folder")
    os.close(descriptor)


def test_names_that_are_too_long_get_others_that_stay_apart(tmp_path):
    long, other = (tmp_path / f"{'a' * 250}{ending}.wav" for ending in "xy")
    places = {files.beside(one, ".unfinished.txt") for one in (long, other)}
    assert len(places) == 2
    assert not any(map(files.is_name_too_long, places))
    assert files.beside(tmp_path / "talk.wav", ".unfinished.txt") == tmp_path / "talk.unfinished.txt"


def test_a_name_that_is_not_utf_8_has_a_short_one_too():
    assert len({files.short_name(name) for name in ("talk", "talk\udcff", "talk\udcfe")}) == 3


def test_only_a_name_that_is_too_long_is_called_so(tmp_path):
    (tmp_path / "file").touch()
    assert files.is_name_too_long(tmp_path / "not" / "yet" / ("a" * 256))
    assert not files.is_name_too_long(tmp_path / "not" / "yet" / "a")
    assert not files.is_name_too_long(tmp_path / "file" / "a")


@pytest.mark.parametrize("is_what", ["is_there", "is_link", "is_folder", "is_file"])
def test_what_cannot_be_known_of_a_place_is_no(tmp_path, is_what):
    (tmp_path / "file").touch()
    for path in (tmp_path / ("a" * 300), tmp_path / "file" / "a", Path("nul\0byte")):
        assert not getattr(files, is_what)(path)


def test_a_file_is_no_folder_and_a_link_is_what_it_leads_to(tmp_path):
    file, link = tmp_path / "file", tmp_path / "link"
    file.touch()
    link.symlink_to(tmp_path)
    assert [files.is_file(one) for one in (file, tmp_path, link)] == [True, False, False]
    assert [files.is_folder(one) for one in (file, tmp_path, link)] == [False, True, True]
    assert [files.is_link(one) for one in (file, tmp_path, link)] == [False, False, True]


def test_only_what_is_certainly_not_there_is_gone(tmp_path):
    (tmp_path / "file").touch()
    assert [files.is_gone(tmp_path / one) for one in ("file", "nothing", "file/a", "a\0b")] == [False, True, True, True]
    with pytest.raises(OSError, match="name too long"):
        files.is_gone(tmp_path / ("a" * 300))
