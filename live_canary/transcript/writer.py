"""Transcript files: each utterance is on the disk as soon as it exists, whatever happens afterwards.

Every append is flushed and synced, complete or not there at all. A write that fails raises OutputError but loses
nothing: the lines wait and go out with the next ones. A file that an editor replaced while it was written to is
opened anew, and lines that it has lost by that are written again (`standing.py`). What is corrected stands in a .jsonl
file at once, as a line of its own; other files are only appended to while they grow, and put in order when they are
closed (`amending.py`).
"""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from live_canary import files
from live_canary.errors import OutputError
from live_canary.transcript.amending import left_alone, put_in_order
from live_canary.transcript.pieces import pieces
from live_canary.transcript.places import (
    check_output,
    format_of,
    named,
    not_writable,
    open_and_lock,
    open_locked,
    sync_folder,
)
from live_canary.transcript.standing import first_missing
from live_canary.transcript.utterance import Entry, Revision, Utterance


@dataclass(frozen=True, slots=True)
class _Piece:
    text: str
    is_entry: bool
    """Not an amendment."""


_State = tuple[int, int, int, int]
"""What tells whether a file is still as it was: it changes when another program saves it."""


class TranscriptFile:
    """A transcript file that grows by one utterance or gap at a time; no other program may write it meanwhile.

    Used from one thread. Raises OutputError if `check_output` does, or if the file is being written already.
    """

    def __init__(
        self,
        path: Path,
        *,
        overwrite: bool = False,
        with_source: bool = False,
        started: datetime | None = None,
        recording: str = "",
    ) -> None:
        """with_source: label each line with its source; started: dates the session (default: now); recording: the name
        of what is transcribed, instead of the date.
        """
        check_output(path, overwrite=overwrite)
        self.path = path
        self._format = format_of(path)
        self._with_source = with_source
        self._entries: list[Entry] = []
        self._counted = 0
        """The numbers that they have taken in the file."""
        self._heard: dict[int, Revision] = {}
        self._amendments: dict[int, Revision] = {}
        self._written: dict[int, Revision] = {}
        """Those that the file holds, if it is made anew for them."""
        self._in_order = True
        self._unsaved: list[_Piece] = []
        self._saved: list[_Piece] = []
        self._gone: list[_Piece] = []
        """The last of those that were saved: another program has saved the file without them."""
        self._left: _State | None = None
        """How the file was after the last write; None if that is not known, or the file is complete."""
        self._head = ""
        self._descriptor = open_locked(path)
        self._started, self._recording = started or datetime.now(), recording
        try:
            self._begin(overwrite)
        except OSError as error:
            os.close(self._descriptor)
            raise not_writable(path, error) from error

    def _begin(self, overwrite: bool) -> None:
        earlier = "" if overwrite else self.path.read_text(encoding="utf-8", errors="replace")
        self._first_index = self._format.next_index(earlier)
        self._seam = self._head = self._format.seam(self._started) if earlier else ""
        if not earlier:
            os.ftruncate(self._descriptor, 0)
            self._write_header()
            with suppress(OSError):  # not every file system can sync a folder
                sync_folder(self.path.parent)
        self._before = earlier or self._format.header(self._started, self._recording)
        self._left = _state(os.fstat(self._descriptor))

    @property
    def unsaved(self) -> int:
        """Utterances and gaps that are not on the disk: the last write failed, or another program removed them."""
        return sum(piece.is_entry for piece in (*self._gone, *self._unsaved))

    @property
    def uncorrected(self) -> int:
        """Amendments that could not be saved when it was time to."""
        return sum(not piece.is_entry for piece in self._unsaved) + (self._closed and not self._in_order)

    def write(self, entry: Entry) -> None:
        """Raises OutputError if it could not be saved now; it then waits for the next write."""
        self._entries.append(entry)
        if isinstance(entry, Utterance):
            self._heard[entry.index] = Revision(entry.text)
            entry = replace(entry, index=self._first_index + entry.index)
        line = self._format.entry(self._counted + 1, entry, with_source=self._with_source)
        self._counted += self._format.numbers_in(line)
        self._unsaved.append(_Piece(self._seam + line, is_entry=True))
        self._seam = ""
        self._save()

    def amend(self, index: int, revision: Revision) -> None:
        """Utterance `index` of this session was changed; may be called after `close` too.

        Raises OutputError if it could not be saved now; it then waits for the next write, or for `close`.
        """
        if not self._format.shows_bookmarks:
            revision = replace(revision, is_bookmarked=False)
        if revision == self._amendments.get(index, self._heard.get(index)):
            return
        self._amendments[index] = revision
        line = self._format.amendment(self._first_index + index, revision)
        if line:
            self._unsaved.append(_Piece(line, is_entry=False))
        else:
            self._in_order = False
        if self._closed:
            self.reopen()
            self.close()
        elif line:
            self._save()

    def reopen(self) -> None:
        """Before several amendments after `close`, which is to be called again: the file is made anew once for all.

        Raises OutputError.
        """
        if not self._closed:
            return
        if not self.path.exists():
            raise OutputError(f"{named(self.path)} is not there any more, so it lacks what was changed last.")
        self._descriptor = open_locked(self.path)

    def close(self) -> None:
        """Lets go of the file. Raises OutputError if lines or amendments are left that could not be saved."""
        if self._closed:
            return
        try:
            if self._unsaved or self._is_lacking():
                self._save()
            self._left = None
            if not self._in_order:
                if not files.OPEN_FILES_MAY_GO:
                    self._let_go()
                self._put_in_order()
        finally:
            self._let_go()

    def _let_go(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    @property
    def _closed(self) -> bool:
        return self._descriptor < 0

    def _save(self) -> None:
        try:
            if not files.is_in_place(self._descriptor, self.path):  # editors save by renaming a new file over it
                self._reopen()
            self._look_for_losses()
            if not os.fstat(self._descriptor).st_size:  # another program has emptied it, or taken it away
                self._write_header()
            self._append("".join(piece.text for piece in (*self._gone, *self._unsaved)))
            self._left = _state(os.fstat(self._descriptor))
        except OSError as error:
            waiting = _lines_are(len(self._gone) + len(self._unsaved))
            raise OutputError(
                f"{named(self.path)} cannot be written: {error.strerror}; {waiting} not saved yet."
            ) from error
        self._saved += self._unsaved
        self._unsaved, self._gone = [], []

    def _is_lacking(self) -> bool:
        """Whether lines are gone that can be written again. Raises OutputError as `_look_for_losses`."""
        with suppress(OSError):  # it is not there any more
            self._look_for_losses()
        return bool(self._gone)

    def _look_for_losses(self) -> None:
        """Finds what is gone; of a file that was emptied nothing new. Raises OutputError if that cannot be told, and
        OSError.
        """
        now = self.path.stat()
        if self._left in (None, _state(now)) or not now.st_size:
            return
        contents = self.path.read_text(encoding="utf-8-sig", errors="replace")
        first = first_missing([self._before, *(piece.text for piece in self._saved)], contents)
        self._gone = self._saved[max((first or 0) - 1, 0) :]
        if first is None and self._gone:
            raise OutputError(
                f"{named(self.path)} was changed by another program: {_lines_are(len(self._gone))} not in it any "
                "more, nor anything else that was written; what is said waits until the file is moved away."
            )

    def _put_in_order(self) -> None:
        def told(amendments: dict[int, Revision]) -> list[str]:
            lines = pieces(self._format, self._entries, with_source=self._with_source, amendments=amendments)
            return [self._head + lines[0], *lines[1:]]

        try:
            header = "" if self._head else self._format.header(self._started, self._recording)
            missed = put_in_order(self.path, told(self._written), told(self._amendments), self._head, header)
        except OSError as error:
            raise OutputError(
                f"{named(self.path)} cannot be made anew: {error.strerror}; it lacks what was changed last."
            ) from error
        self._in_order, self._written = True, dict(self._amendments)
        if missed:
            raise OutputError(left_alone(self.path))

    def _reopen(self) -> None:
        replacement = open_and_lock(self.path)
        os.close(self._descriptor)
        self._descriptor = replacement

    def _write_header(self) -> None:
        self._append(self._format.header(self._started, self._recording))

    def _append(self, text: str) -> None:
        """Puts it on the disk on a line of its own, or raises OSError with the file as long as it was before."""
        data, size = text.encode(), os.fstat(self._descriptor).st_size
        data = self._format.break_before(_last_bytes(self._descriptor, size), data) + data
        files.append(self._descriptor, data)


def _state(status: os.stat_result) -> _State:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _lines_are(count: int) -> str:
    return "1 line is" if count == 1 else f"{count} lines are"


def _last_bytes(descriptor: int, size: int) -> bytes:
    """The last four, if there are as many."""
    os.lseek(descriptor, max(size - 4, 0), os.SEEK_SET)  # what is appended goes to the end nevertheless
    return os.read(descriptor, 4)
