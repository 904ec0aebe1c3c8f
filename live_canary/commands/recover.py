"""`live-canary recover`: finish the transcripts of sessions that were cut off."""

import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from live_canary.audio.spooled import spooled_seconds
from live_canary.commands import keeping
from live_canary.commands.model_choice import choose_model, load_with
from live_canary.console import discard, note
from live_canary.errors import LiveCanaryError, OutputError, SessionError
from live_canary.events import Event, ModelProgress, ModelWarned, SourceWarned, StageFailed
from live_canary.printable import clock, one_line
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.vad import load_detector
from live_canary.session.completing import complete_files
from live_canary.session.folder import JOURNAL, find_session, hold_session, open_session, unfinished_sessions
from live_canary.session.journal import JournalFile
from live_canary.session.record import SessionRecord, read_journal
from live_canary.session.recovery import hold_again
from live_canary.transcript.lines import printed_line
from live_canary.transcript.pieces import with_amendments
from live_canary.transcript.utterance import Entry, Utterance


def run(
    name: str | None, instead: Mapping[str, Any] | None = None, *, only_list: bool = False, discard: bool = False
) -> int:
    """Finish the session called `name`, or all that were cut off; 1 when one of them could not be.

    instead: fields of Settings that are to be other than the session's, such as its model, which may be gone.
    only_list: say what there is; discard: delete instead of finishing.
    Raises InputError for a name that is unknown, and SessionError where none can be looked for.
    """
    folders = [find_session(name)] if name else unfinished_sessions()
    if not folders:
        note("There is nothing to recover: no session was cut off.")
    failures = 0
    for path in folders:
        try:
            if discard:
                _discard(path)
                continue
            if only_list:
                print(describe(path), flush=True)  # noqa: T201
                continue
            note(describe(path))
            _recover(path, instead or {})
        except LiveCanaryError as error:
            failures += 1
            note(f"{path.name}: {one_line(str(error))}")
    return 1 if failures else 0


def describe(path: Path) -> str:
    """ "2026-03-01-140259-4711: Microphone, 00:12:30 of sound, 211 lines so far -> notes.txt"."""
    record = read_journal(path / JOURNAL)
    names = ", ".join(one_line(source.name) for source in record.sources) or "no source"
    heard = max((spooled_seconds(path / source.sound) for source in record.sources if source.sound), default=0.0)
    length = f", {clock(heard)} of sound" if heard else ""
    outputs = ", ".join(one_line(str(output.path)) for output in record.outputs) or "no file"
    return f"{path.name}: {names}{length}, {len(record.entries)} lines so far -> {outputs}"


def _recover(path: Path, instead: Mapping[str, Any]) -> None:
    folder, record = open_session(path)
    with closing(folder.journal):
        settings = replace(record.settings, **instead)
        settings.check()  # a newer version may have more to choose from
        transcript = hold_again(
            folder,
            record,
            lambda: Segmenter(load_detector(settings.vad), settings.segmenter),
            load_with(choose_model(settings.model, demo_will_do=False), settings),  # only where it was used before
            _tell,
        )
        _deliver(transcript, record, folder.journal)
        if folder.journal.failures:
            raise SessionError(
                "What the model failed on is kept: run recover again, perhaps with --compute-device cpu, or delete it "
                f"with live-canary recover --discard {path.name}."
            )
        keeping.clear(folder, keep_sound=settings.keep_audio)


def _deliver(transcript: list[Entry], record: SessionRecord, journal: JournalFile) -> None:
    """To the files the user named, or else to stdout. Raises OutputError."""
    for path, added in complete_files(record, transcript, journal, note):
        note(f"{one_line(str(path))}: {added} {'line' if added == 1 else 'lines'} added.")
    if record.outputs:
        return
    try:
        for entry in with_amendments(transcript, record.amendments):
            if not (isinstance(entry, Utterance) and entry.command):
                print(printed_line(entry, with_source=record.with_source), flush=True)  # noqa: T201
    except OSError as error:
        discard(sys.stdout)
        raise OutputError(
            f"No more lines can be printed ({error.strerror}); run recover again when they can."
        ) from None


def _discard(path: Path) -> None:
    """Also a session whose journal says nothing, for which there is no other way. Raises SessionError."""
    with suppress(SessionError):
        note(describe(path))
    folder = hold_session(path)
    with closing(folder.journal):
        if not folder.remove():
            raise SessionError(f"Not all of it could be deleted; check the permissions of '{path}'.")
    note(f"{path.name}: deleted.")


def _tell(event: Event) -> None:
    match event:
        case ModelProgress(text, ready=False):
            note(one_line(text))
        case StageFailed(_, message, fatal=False) | SourceWarned(_, message) | ModelWarned(message):
            note(one_line(message))
