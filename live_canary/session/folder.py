"""Where a session keeps what it may be recovered from: a folder of its own, for its user alone.

~/.local/state/live-canary/sessions/2026-03-01-140259-4711/    0700
    session.jsonl      the journal, locked while the session lives
    0/ 1/ ...          the sound of each source
"""

import os
import shutil
import stat
import sys
import unicodedata
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import platformdirs

from live_canary import files
from live_canary.audio.recording import RecordingSource
from live_canary.audio.source import Source
from live_canary.audio.spool import SpoolingSource
from live_canary.audio.spooled import join
from live_canary.errors import InputError, SessionError
from live_canary.session.journal import JournalFile
from live_canary.session.record import OutputRecord, SessionRecord, SourceRecord, read_journal
from live_canary.settings import Settings

JOURNAL = "session.jsonl"
MOST_LETTERS = 60  # of a speaker in a file's name, which may have 255 bytes


def sessions_folder() -> Path:
    """Of this user; it need not exist."""
    return platformdirs.user_state_path("live-canary", appauthor=False) / "sessions"


class SessionFolder:
    """One session's folder, held by this process."""

    def __init__(self, path: Path, *, new: bool = False):
        """Takes hold of the folder at `path`. Raises OSError, and SessionError while another process holds it."""
        self.path = path
        self.journal = JournalFile(path / JOURNAL, new=new)
        self._sounds: dict[str, str] = {}
        """Whose sound each folder holds."""

    @classmethod
    def create(cls, parent: Path | None = None) -> "SessionFolder":
        """A new one. Raises OSError."""
        parent = parent or sessions_folder()
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = parent / f"{datetime.now():%Y-%m-%d-%H%M%S}-{os.getpid()}"
        path.mkdir(mode=0o700)
        try:
            return cls(path, new=True)
        except OSError:
            shutil.rmtree(path, ignore_errors=True)
            raise

    def begin(
        self,
        settings: Settings,
        started: datetime,
        sources: Sequence[Source],
        outputs: Sequence[OutputRecord] = (),
        *,
        echo_of: str | None = None,
        with_source: bool = False,
    ) -> list[Source]:
        """Note how the session is started; the sources it has to hear, whose sound is kept here.

        outputs: the files as they were before the session opened them.
        """
        self.journal.begin(settings, started, echo_of=echo_of, with_source=with_source)
        for output in outputs:
            self.journal.output(
                output.path, first_index=output.first_index, continued=output.continued, size=output.size
            )
        return [self._kept(source) for source in sources]

    def _kept(self, source: Source) -> Source:
        """Recordings hold their sound already."""
        if isinstance(source, RecordingSource):
            self.journal.source(source.name, recordings=source.paths)
            return source
        sound = str(len(self._sounds))
        self._sounds[sound] = source.name
        self.journal.source(source.name, sound=sound)
        return SpoolingSource(source, self.path / sound)

    def find_sounds(self, record: SessionRecord) -> None:
        """Of a session that was cut off; the record gets those whose line in the journal was lost. Raises OSError."""
        known = {source.sound for source in record.sources}
        with os.scandir(self.path) as entries:
            sounds = sorted(entry.name for entry in entries if entry.is_dir())
        record.sources += [SourceRecord(f"sound {sound}", sound) for sound in sounds if sound not in known]
        self._sounds = {source.sound: source.name for source in record.sources if source.sound in sounds}

    def keep_sound(self) -> list[Path]:
        """Leave one recording of each live source instead of all the rest. Raises OSError; it can be done again.

        Nothing is left of a session without any.
        """
        recordings = {
            sound: self.path / f"{sound}-{_in_file_name(name) or sound}.flac" for sound, name in self._sounds.items()
        }
        for sound, recording in recordings.items():
            if files.is_gone(recording):  # else of its sound an earlier end, which was cut off, may have deleted a part
                _join(self.path / sound, recording)
        self.journal.all_completed()
        for sound in self._sounds:
            shutil.rmtree(self.path / sound, ignore_errors=True)
        self.journal.delete()
        with suppress(OSError):  # recordings are there
            self.path.rmdir()
        return list(recordings.values())

    def remove(self) -> bool:
        """Everything of it, from the disk; whether all has gone but perhaps a folder with nothing in it.

        The journal goes last, so that the rest can be found.
        """
        self.journal.all_completed()
        with suppress(OSError):
            for one in list(self.path.iterdir()):
                if one.is_dir():
                    shutil.rmtree(one)
                elif one.name != JOURNAL:
                    one.unlink()
            self.journal.delete()
            with suppress(OSError):  # on Windows, while another program has it open or looks at what was in it
                self.path.rmdir()
            return True
        with suppress(OSError):  # of a disk that fails, nothing is known
            return files.is_gone(self.path)
        return False


def _in_file_name(name: str) -> str:
    """Its letters, of every script that names of files can be in here; `transcribe --together` names speakers so."""
    encoding = sys.getfilesystemencoding()
    known = name.encode(encoding, "replace").decode(encoding)
    kept = "".join(letter if letter.isalnum() or unicodedata.category(letter)[0] == "M" else " " for letter in known)
    return "-".join(kept.split())[:MOST_LETTERS]


def _join(sounds: Path, recording: Path) -> None:
    """A recording that is there is whole. Raises OSError."""
    unfinished = recording.with_suffix(".part")
    try:
        join(sounds, unfinished)
        files.take_place(unfinished, recording)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def unfinished_sessions(parent: Path | None = None) -> list[Path]:
    """Folders of sessions that were cut off, oldest first; not of those that are running.

    One that this user may not enter, as after `sudo`, is among them. Raises SessionError where none can be looked for.
    """
    parent = parent or sessions_folder()
    try:
        return [folder for folder in sorted(parent.iterdir()) if _is_unfinished(folder)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise SessionError(f"Sessions in '{parent}' cannot be looked for: {error.strerror}; check its owner.") from None


def find_session(name: str, parent: Path | None = None) -> Path:
    """The folder of the unfinished session called so. Raises InputError, listing those there are, and SessionError."""
    known = unfinished_sessions(parent)
    for folder in known:
        if folder.name == name:
            return folder
    listed = ", ".join(folder.name for folder in known) or "none"
    raise InputError(f"There is no unfinished session '{name}'; there are: {listed}.")


def hold_session(path: Path) -> SessionFolder:
    """A session that was cut off, held by this process from now on. Raises SessionError."""
    try:
        return SessionFolder(path)
    except FileNotFoundError:
        raise SessionError(f"Session {path.name} is gone: it was finished or deleted meanwhile.") from None
    except OSError as error:
        raise SessionError(f"Session {path.name} cannot be opened: {error.strerror}; check its permissions.") from None


def open_session(path: Path) -> tuple[SessionFolder, SessionRecord]:
    """The same, and what its journal says; what stands there after the first unreadable line is cut off.

    Raises SessionError.
    """
    folder = hold_session(path)
    try:
        record = read_journal(path / JOURNAL)
        folder.journal.cut(record.believed_bytes)
        folder.find_sounds(record)
    except SessionError:
        folder.journal.close()
        raise
    except OSError as error:
        folder.journal.close()
        raise SessionError(f"Session {path.name} cannot be opened: {error.strerror}; check its permissions.") from None
    return folder, record


def _is_unfinished(folder: Path) -> bool:
    """Another session may end, and its folder go, at any moment."""
    try:
        journal = (folder / JOURNAL).lstat()
    except PermissionError:
        return True
    except OSError:
        return False
    return stat.S_ISREG(journal.st_mode) and journal.st_size > 0 and not _is_held(folder)


def _is_held(folder: Path) -> bool:
    try:
        JournalFile(folder / JOURNAL).close()
    except (SessionError, FileNotFoundError):
        return True
    except OSError:  # whoever wants to finish it is told
        return False
    return False
