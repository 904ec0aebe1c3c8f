"""`live-canary`: hear a microphone, or recordings as if they were live, until the end or Ctrl-C."""

import logging
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

import platformdirs

from live_canary.audio.capture import Capture
from live_canary.audio.live import LiveSource
from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import check_recording
from live_canary.audio.source import Source
from live_canary.commands import dictating, keeping
from live_canary.commands.hangup import finish_when_the_terminal_closes
from live_canary.commands.model_choice import Ask, ModelChoice, choose_model, load_with, terminal_question
from live_canary.console import (
    ask_the_terminal_for_its_size,
    can_be_drawn_on,
    drop_typed_keys,
    has_every_letter,
    note,
)
from live_canary.dictation.dictation import Dictation
from live_canary.errors import InputError
from live_canary.files import keep_private
from live_canary.printable import one_line
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.vad import load_detector
from live_canary.session.completing import output_before
from live_canary.session.folder import SessionFolder
from live_canary.session.session import Session
from live_canary.settings import Settings
from live_canary.signals import CUT_OFF, PAUSING_SIGNALS, pausing_command, survive_pausing
from live_canary.transcript.lines import echo_notice
from live_canary.transcript.places import check_outputs
from live_canary.transcript.writer import TranscriptFile

SILENT_SECONDS = 3.0  # after which somebody would have said something


def run(settings: Settings, inputs: Sequence[Capture]) -> int:
    """The exit code: 0, 1 when the session could not go on or a transcript lacks some of it, 130 when it was cut off.

    inputs: being heard already; none where recordings are. Raises InputError for whatever can be seen to be wrong
    before anything starts.
    """
    check_outputs(settings.outputs, overwrite=settings.overwrite)
    sources = sources_of(settings, inputs)
    keyboards = dictating.keyboards_of(settings)
    ask = terminal_question()
    unheard = partial(ask_unheard, ask, inputs) if ask else None
    choice = choose_model(settings.model, demo_will_do=bool(settings.recordings), ask=unheard, plain=settings.plain)
    plain = settings.plain or settings.json_lines or not can_be_drawn_on()
    begins_paused = settings.paused and not settings.recordings
    if plain and begins_paused and not PAUSING_SIGNALS:
        raise InputError("--paused needs the screen here, whose key p ends the pause: Windows has no signal for it.")
    _log_bugs(to_stderr=plain)
    speaker = sources[0].name  # of several, the microphone
    dictation = dictating.dictation_of(speaker, keyboards, copies=settings.clipboard and plain)
    session, folder = make_session(settings, choice, sources, dictation, with_partials=settings.partials or not plain)
    is_shown = sys.stdout.isatty()  # by a terminal, which shows nothing more once it is closed
    was_hung_up = finish_when_the_terminal_closes(on_screen=not plain)
    info = SessionInfo(
        choice.name, tuple(source.name for source in sources), settings.outputs, choice.demo,
        clipboard=settings.clipboard, typing=keyboards[0].name if keyboards else "",
        unpaced=bool(settings.recordings) and settings.speed is None,
        paused=begins_paused,
        light=settings.light,
    )  # fmt: skip
    if plain:
        outcome = _print_lines(session, info, choice, settings)
    else:
        outcome = _open_screen(session, info, dictation, is_kept=folder is not None)
    if dictation and not outcome.ended:
        dictation.abandon()
    if keyboards:
        drop_typed_keys()  # what was dictated into this very terminal must not be run by the shell behind it
    if outcome.ended:
        _wait_for_corrections(session)
    is_complete = folder.journal.is_settled if folder else not session.unsaved
    if folder:
        _leave(folder, session, outcome, settings, was_hung_up=is_shown and was_hung_up())
    _tell_what_there_is(session, outcome, settings)
    if outcome.failure and not plain:
        raise outcome.failure  # the screen that showed it is gone
    if outcome.failure or (outcome.ended and not is_complete):
        return 1
    return 0 if outcome.ended else CUT_OFF


def _wait_for_corrections(session: Session) -> None:
    session.wait(tell_left=lambda corrections: note(f"{corrections:,} corrections are still to be written …"))


def _leave(folder: SessionFolder, session: Session, outcome: Outcome, settings: Settings, *, was_hung_up: bool) -> None:
    """Remove what nobody needs any more of the session's sound and journal.

    was_hung_up: the terminal that showed the lines has closed.
    """
    if outcome.ended and settings.recordings and not session.has_model:
        folder.remove()  # its sound is in the recordings, and no text was made of it
        return
    nobody_spoke = session.heard_in_order and not folder.journal.has_speech
    unread = was_hung_up or (outcome.unread and not settings.recordings)
    is_read = bool(settings.outputs) or nobody_spoke or not unread
    ended = is_read and is_whole(outcome, nobody_spoke=nobody_spoke)
    keeping.leave_folder(folder, ended=ended, keep_sound=settings.keep_audio)


def _tell_what_there_is(session: Session, outcome: Outcome, settings: Settings) -> None:
    heard_seconds = outcome.ended.heard_seconds if outcome.ended and not outcome.failure else 0.0
    if heard_seconds > SILENT_SECONDS and session.heard_no_words:
        note("No words were heard" + ("." if settings.recordings else "; live-canary devices lists what can be."))
    for source, lines in session.echoes.items():
        note(echo_notice(source, lines))
    for path in settings.outputs:
        count = session.unsaved.get(path, 0)
        lacking = f", without {count} {'line or correction' if count == 1 else 'lines or corrections'}" if count else ""
        note(f"Transcript: {one_line(str(path))}{lacking}")


def is_whole(outcome: Outcome, *, nobody_spoke: bool) -> bool:
    """Whether a session got as far as it could: what was heard before a failure may not even be cut into utterances."""
    ended = outcome.ended
    return ended is not None and (outcome.failure is None or nobody_spoke or not ended.heard_seconds)


def make_session(
    settings: Settings,
    choice: ModelChoice,
    sources: Sequence[Source],
    dictation: Dictation | None,
    *,
    with_partials: bool,
) -> tuple[Session, SessionFolder | None]:
    """Not begun yet; and what it could be recovered from, if it is kept. Raises OutputError."""
    several = len(sources) > 1
    speaker = sources[0].name
    echo_of = sources[-1].name if several else None  # what the computer plays
    started = datetime.now()
    before = [output_before(path, overwrite=settings.overwrite) for path in settings.outputs]
    files = [
        TranscriptFile(path, overwrite=settings.overwrite, with_source=several, started=started)
        for path in settings.outputs
    ]
    keeping.remind()
    folder = keeping.make_folder() if settings.spool else None
    if folder:
        lasting = replace(settings, model=lasting_name(choice, settings.model))
        sources = folder.begin(lasting, started, sources, before, echo_of=echo_of, with_source=several)
    session = Session(
        sources,
        lambda: Segmenter(load_detector(settings.vad), settings.segmenter),
        load_with(choice, settings),
        files,
        partial_interval_ms=settings.partial_interval_ms if with_partials else None,
        echo_of=echo_of,
        journal=folder.journal if folder else None,
        commands_from=speaker if settings.voice_commands else None,
        wrap_listener=dictation.between if dictation else None,
    )
    return session, folder


def lasting_name(choice: ModelChoice, wanted: str) -> str:
    """What leads to the chosen model from any folder and at any time."""
    if choice.demo:
        return "demo"
    if wanted == "auto":  # a folder of that name is no model
        return wanted
    return str(Path(wanted).resolve()) if Path(wanted).is_dir() else wanted


def sources_of(settings: Settings, inputs: Sequence[Capture]) -> list[Source]:
    """What is to be heard; of two inputs each has a name of its own.

    Raises RecordingError for a recording that is not there, and InputError for names that do not tell two sides apart.
    """
    if settings.recordings:
        for path in settings.recordings:
            check_recording(path)
        return [RecordingSource(settings.recordings, settings.speed)]
    names = {"microphone": one_line(settings.microphone_name), "system": one_line(settings.system_name)}
    if len(inputs) > 1 and (not all(names.values()) or len(set(names.values())) < len(names)):
        raise InputError(
            f"With --mic and --system each side needs a name of its own, not '{names['microphone']}' and "
            f"'{names['system']}'; change --mic-name or --system-name."
        )
    if len(inputs) == 1:
        return [LiveSource(inputs[0], paused=settings.paused)]
    return [LiveSource(one, names[one.hears], together=inputs, paused=settings.paused) for one in inputs]


def ask_unheard(ask: Ask, inputs: Sequence[Capture], question: str) -> str:
    """The user's answer; nothing is heard before it: the download that may follow takes long, and nobody dictates."""
    for one in inputs:
        one.forget()
    return ask(question)


def _print_lines(session: Session, info: SessionInfo, choice: ModelChoice, settings: Settings) -> Outcome:
    from live_canary.screen import plain_lines
    from live_canary.screen.plain import PlainScreen

    if info.typing:
        note(f"Typing with {info.typing} into the window in use.")
    if choice.notice:
        note(choice.notice)
    if info.paused:
        note(f"Paused until the signal SIGUSR1: {pausing_command()}")
    line_of: plain_lines.LineOf = plain_lines.text_line
    if settings.json_lines:
        line_of = plain_lines.json_line_with_partials if settings.partials else plain_lines.json_line
        if not has_every_letter(sys.stdout):
            line_of = plain_lines.in_ascii(line_of)
    return PlainScreen(session, info, sys.stdout, sys.stderr, line_of=line_of).run()


def _open_screen(session: Session, info: SessionInfo, dictation: Dictation | None, *, is_kept: bool) -> Outcome:
    """is_kept: what a file lacks at the end can be recovered; else it is printed, like what is for no file."""
    from live_canary.screen.app import LiveCanaryApp

    ask_the_terminal_for_its_size()
    is_typing = dictation.is_typing if dictation else lambda: False
    app = LiveCanaryApp(session, info, is_typing=is_typing)
    outcome = app.run() or Outcome(None)
    survive_pausing()  # the screen's loop has ended, and with it what it did about the signal
    if outcome.ended:
        _wait_for_corrections(session)  # it may still have to tell of one
    if not info.outputs or (not is_kept and session.unsaved):
        for line in app.printed():
            print(line)  # noqa: T201
    for message in app.unread():
        note(one_line(message))
    return outcome


def _log_bugs(*, to_stderr: bool) -> None:
    """Tracebacks of bugs go to stderr, or where the screen would hide them, to a file, if one can be written."""
    if to_stderr:
        logging.basicConfig(level=logging.WARNING, format="%(message)s")
        return
    kept: logging.Handler = logging.NullHandler()
    with suppress(OSError):
        log = platformdirs.user_log_path("live-canary", appauthor=False, ensure_exists=True) / "live-canary.log"
        keep_private(log)  # a traceback may quote what was said
        kept = logging.FileHandler(log, errors="backslashreplace")
    logging.basicConfig(handlers=[kept], level=logging.WARNING, format="%(asctime)s %(message)s")
