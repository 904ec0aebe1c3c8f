"""Whole sessions with a folder, on sound and a model that behave as told; and their recovery."""

import threading
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import soundfile

from live_canary.audio.recording import RecordingSource
from live_canary.audio.source import SAMPLE_RATE, DeviceLost, Source
from live_canary.session import completing
from live_canary.session.comparing import Comparison
from live_canary.session.completing import complete_files, output_before
from live_canary.session.folder import SessionFolder, open_session, unfinished_sessions
from live_canary.session.recovery import hold_again
from live_canary.session.session import Session
from live_canary.settings import Settings
from live_canary.transcript.utterance import Revision
from live_canary.transcript.writer import TranscriptFile
from tests.session.fakes import ENDPOINT, LetterModel, ScriptedSource, make_segmenter, sound_of

PATIENCE_SECONDS = 60
STARTED = datetime(2026, 3, 1, 14, 2, 59)
SCRIPT = "..abc" + ENDPOINT + "de" + ENDPOINT + "abc" + ENDPOINT + "hhh" + ENDPOINT + "xy" + ENDPOINT + "fghij"
"""Two utterances with the same words, one without any ("hhh") and one the model fails on ("x")."""


def model() -> LetterModel:
    return LetterModel(fails_on="x", wordless="hhh")


def recording(path: Path, script: str = SCRIPT) -> Path:
    soundfile.write(path, sound_of(script), SAMPLE_RATE, subtype="PCM_16")
    return path


def complete_file(output, entries, *, amended=(), **told) -> int:
    """Of a session that was begun when all are; amended: the texts, or all, that became of utterances."""
    revised = [(index, new if isinstance(new, Revision) else Revision(new)) for index, new in amended]
    return completing.complete_file(Comparison(output, entries, STARTED, False, revised), **told)


def prepare(
    folder: SessionFolder,
    sources: Sequence[Source],
    outputs: Sequence[Path] = (),
    load=lambda tell: model(),
    voice_commands: bool = False,
) -> Session:
    """A session as the command line makes one."""
    before = [output_before(path, overwrite=False) for path in outputs]
    files = [TranscriptFile(path, started=STARTED) for path in outputs]
    heard = folder.begin(Settings(model="demo", voice_commands=voice_commands), STARTED, sources, before)
    commands_from = heard[0].name if voice_commands else None
    return Session(heard, make_segmenter, load, files, journal=folder.journal, commands_from=commands_from)


def hold(folder: SessionFolder, sources: Sequence[Source], outputs: Sequence[Path] = ()) -> None:
    """A session from start to end; its folder goes as the command line would have it go."""
    session = prepare(folder, sources, outputs)
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    if folder.journal.is_settled:
        folder.remove()


def abort(
    folder: SessionFolder,
    script: str | tuple[str | DeviceLost, ...],
    outputs: Sequence[Path] = (),
    *,
    voice_commands: bool = False,
) -> None:
    """A session that is stopped at once, as by two Ctrl-C, when all was heard and nothing transcribed."""
    items = (script,) if isinstance(script, str) else script
    source, never = ScriptedSource(*items, endless=True), threading.Event()
    session = prepare(folder, [source], outputs, lambda tell: never.wait(PATIENCE_SECONDS), voice_commands)
    session.start(lambda event: None)
    assert source.played.wait(PATIENCE_SECONDS)
    session.abort()
    assert session.wait(PATIENCE_SECONDS)
    never.set()
    folder.journal.close()


def replay(path: Path, *outputs: Path, sessions: Path) -> None:
    hold(SessionFolder.create(sessions), [RecordingSource([path], speed=None)], outputs)


def recover(sessions: Path, load=lambda tell: model(), tell=lambda text: None) -> int:
    """Finish all that was cut off; how many lines the files got."""
    added = 0
    for path in unfinished_sessions(sessions):
        folder, record = open_session(path)
        with closing(folder.journal):
            transcript = hold_again(folder, record, make_segmenter, load)
            added += sum(lines for _, lines in complete_files(record, transcript, folder.journal, tell))
            folder.remove()
    return added


def undisturbed(tmp_path, script: str) -> bytes:
    """What a session that is not cut off writes into its file."""
    output = tmp_path / "undisturbed.jsonl"
    hold(SessionFolder.create(tmp_path / "undisturbed"), [ScriptedSource(script)], [output])
    return output.read_bytes()
