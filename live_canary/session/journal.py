"""What a session notes before it acts, a line of JSON each, so that another process can finish what it could not.

    session    how it was started           source, output    what it hears and writes
    segment    an utterance is over         gap               a stretch that was not heard
    text       what the model made of it    utterance, marked a line of the transcript, before it goes to the files
    amendment  what one of them says now, or nothing any more, and whether it is bookmarked
    saved      how much of that a file holds
    completing, completed, left: what recovery makes of a file, that it needs nothing more, and what speech it failed on

A line is handed to the system before whatever it announces is done; those that sound alone cannot bring back are
synced. `record.py` reads them.
"""

import json
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from live_canary import files
from live_canary.audio.source import AudioGap
from live_canary.errors import SessionError
from live_canary.segments.segment import Segment, WaitingSegment
from live_canary.settings import Settings
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.utterance import Entry, Revision, Utterance

VERSION = 1
NOT_TRANSCRIBED = "could not be transcribed"
"""Why an utterance is marked that the model failed on."""


class Journal:
    """Keeps nothing: the journal of a session that cannot be recovered."""

    can_be_recovered = False
    """Whether another process can finish the session from it."""
    unanswered = 0
    """How many of the user's amendments the session was left with, because the disk did not take them in time."""

    def segment(self, source: str, segment: Segment) -> None:
        """An utterance is over and waits for the model."""

    def gap(self, source: str, gap: AudioGap) -> None:
        """The source was not heard for a while, or for no time at all: what was being said ended there."""

    def recalled(self, source: str, segment: WaitingSegment) -> Hypothesis | None:
        """The text of an utterance, if an earlier process made it."""
        return None

    def text(self, source: str, segment: WaitingSegment, hypothesis: Hypothesis | None) -> None:
        """The model has heard the utterance; None when it failed."""

    def entry(self, entry: Entry) -> None:
        """A line of the transcript, about to be written to every file."""

    def amendment(self, index: int, revision: Revision, obeys: int | None = None) -> None:
        """Utterance `index` of the transcript is about to be changed in every file.

        obeys: the utterance whose voice command wants it.
        """

    def saved(self, path: Path, unsaved: int, uncorrected: int = 0) -> None:
        """The file at `path` holds every entry so far but the last `unsaved`, and lacks `uncorrected` amendments."""

    def when_it_fails(self, tell: Callable[[str], None]) -> None:
        """Have `tell` called with a sentence for the user when nothing can be noted any more, and when it can again."""


class JournalFile(Journal):
    """A journal on the disk, locked while its session lives. From any thread.

    What a full disk refuses waits in memory, and is tried again with each line that follows.
    """

    can_be_recovered = True

    def __init__(self, path: Path, *, new: bool = False):
        """Continues the file, which must be there unless it is `new`.

        Raises OSError, and SessionError when its session is still running.
        """
        flags = os.O_RDWR | os.O_APPEND | (os.O_CREAT if new else 0)
        self._descriptor = files.open_file(path, flags, follow_links=False)
        try:
            files.lock(self._descriptor)
        except OSError as error:
            os.close(self._descriptor)
            if isinstance(error, BlockingIOError):
                raise SessionError(
                    f"Session {path.parent.name} is still running, or another recover is finishing it."
                ) from None
            raise
        self._path = path
        self._lock = threading.Lock()
        self._unwritten = b""
        self._tell: Callable[[str], None] = lambda message: None
        self._failure_told = False
        self._outputs: list[Path] = []
        self._entries = 0
        self._undecoded = 0
        self.failures = 0
        """How many utterances the model has failed on."""
        self.has_speech = False
        """Whether an utterance was heard, with words or without."""
        self._unsaved: dict[Path, int] = {}

    @property
    def is_settled(self) -> bool:
        """Whether the model has made its text of every utterance and every file holds every line and amendment."""
        is_written = not self.unanswered and not any(self._unsaved.values())
        return self._undecoded <= 0 and not self.failures and is_written

    def begin(self, settings: Settings, started: datetime, *, echo_of: str | None, with_source: bool) -> None:
        kept = asdict(settings)
        names = ("model", "compute_device", "compute", "vad", "segmenter", "spelling", "voice_commands", "keep_audio")
        wanted = {name: kept[name] for name in names}
        self._note(
            "session", sync=True, version=VERSION, started=started.isoformat(), echo_of=echo_of,
            with_source=with_source, settings=wanted,
        )  # fmt: skip

    def source(self, name: str, *, sound: str | None = None, recordings: Sequence[Path] = ()) -> None:
        """sound: the folder of its spool inside the session's; or else the recordings it plays."""
        where = {"sound": sound} if sound is not None else {"recordings": [str(path.resolve()) for path in recordings]}
        self._note("source", sync=True, name=name, **where)

    def output(self, path: Path, *, first_index: int, continued: bool, size: int) -> None:
        """A transcript file: the index of its first utterance, and the bytes of the earlier session it continues."""
        self._outputs.append(path)
        path = path.resolve()
        self._note("output", sync=True, path=str(path), first_index=first_index, continued=continued, size=size)

    def segment(self, source: str, segment: Segment) -> None:
        self.has_speech = True
        self._count_undecoded(+1)
        self._note("segment", source=source, start=segment.start_sample, end=segment.end_sample,
                   speech_start=segment.speech_start_sample, speech_end=segment.speech_end_sample,
                   ended_by=segment.ended_by)  # fmt: skip

    def gap(self, source: str, gap: AudioGap) -> None:
        self._note("gap", sync=True, source=source, start=gap.start_sample, end=gap.end_sample, reason=gap.reason)

    def text(self, source: str, segment: WaitingSegment, hypothesis: Hypothesis | None) -> None:
        self._count_undecoded(-1)
        self.failures += hypothesis is None
        known = hypothesis or Hypothesis("")
        self._note("text", source=source, start=segment.start_sample, end=segment.end_sample,
                   text=hypothesis and known.text, flag=known.flag, confidences=known.confidences)  # fmt: skip

    def left(self, source: str, start: int, end: int) -> None:
        """Speech between two samples that the model failed on, though an utterance around it has a text."""
        self.failures += 1
        self._note("left", source=source, start=start, end=end)

    def entry(self, entry: Entry) -> None:
        self._entries += 1
        self._note_entry(entry, sync=bool(self._outputs))  # a file must not be ahead after a power cut

    def released(self, entries: Sequence[Entry]) -> None:
        """What a recovery is about to give the files though the model failed on some of it: the next goes on there."""
        for entry in entries:
            self._note_entry(entry, sync=entry is entries[-1])

    def _note_entry(self, entry: Entry, *, sync: bool) -> None:
        self._note("utterance" if isinstance(entry, Utterance) else "marked", sync=sync, **asdict(entry))

    def amendment(self, index: int, revision: Revision, obeys: int | None = None) -> None:
        mark = {"bookmark": True} if revision.is_bookmarked else {}
        why = {} if obeys is None else {"obeys": obeys}
        self._note("amendment", sync=True, index=index, text=revision.text, **mark, **why)

    def saved(self, path: Path, unsaved: int, uncorrected: int = 0) -> None:
        if path not in self._outputs:
            return
        self._unsaved[path] = unsaved + uncorrected
        try:
            size = path.stat().st_size
        except OSError:
            return
        self._note("saved", output=self._outputs.index(path), entries=self._entries - unsaved, size=size)

    def completing(self, output: int, entries: int, digest: str) -> None:
        """The output of that number is about to hold so many entries; digest: the SHA-256 of all of it, in hex."""
        self._note("completing", sync=True, output=output, entries=entries, sha256=digest)

    def completed(self, output: int) -> None:
        """The output of that number has all that the session or its recovery can give it."""
        self._note("completed", sync=True, output=output)

    def all_completed(self) -> None:
        """Of the session that this process held: recovery has nothing to add, whatever is deleted from now on."""
        for output in range(len(self._outputs)):
            self.completed(output)

    def when_it_fails(self, tell: Callable[[str], None]) -> None:
        self._tell, self._failure_told = tell, False

    def close(self) -> None:
        with self._lock:
            descriptor, self._descriptor = self._descriptor, -1
            if descriptor >= 0:
                with suppress(OSError):  # over a network; it is closed all the same
                    os.close(descriptor)

    def cut(self, size: int) -> None:
        """Keep its first `size` bytes. Raises OSError."""
        os.ftruncate(self._descriptor, size)

    def delete(self) -> None:
        """Take it from the disk while it is held, where the system can, and close it. Raises OSError."""
        if not files.OPEN_FILES_MAY_GO:
            self.close()
        try:
            self._path.unlink()
        finally:
            self.close()

    def _count_undecoded(self, change: int) -> None:
        with self._lock:
            self._undecoded += change

    def _note(self, kind: str, *, sync: bool = False, **values: object) -> None:
        line = json.dumps({"type": kind, **values}) + "\n"
        with self._lock:
            if self._descriptor < 0:
                return
            sync = sync or bool(self._unwritten)
            self._unwritten += line.encode()
            failure = self._write(sync=sync)
            is_news, self._failure_told = bool(failure) != self._failure_told, bool(failure)
        if failure and is_news:
            self._tell(
                f"The session's journal cannot be written ({failure.strerror}); transcribing goes on, "
                "but what is said from here on could not be recovered after a crash."
            )
        elif is_news:
            self._tell("The session's journal is written again, and lacks nothing.")

    def _write(self, *, sync: bool) -> OSError | None:
        """All that is not written, or nothing: what follows a line that is cut off would not be believed."""
        try:
            files.append(self._descriptor, self._unwritten, synced=sync)
        except OSError as error:
            return error
        self._unwritten = b""
        return None
