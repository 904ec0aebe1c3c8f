"""What a session is made of before it begins: its settings reach the source, the screen, the model and the files."""

import io
import logging
import os
import stat
import sys
from pathlib import Path

import pytest

from live_canary.commands import dictating, live
from live_canary.commands.model_choice import ModelChoice, choose_model, load_with
from live_canary.errors import CheckpointError, ModelMissing, SessionError
from live_canary.screen import plain_lines
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.settings import Settings
from live_canary.transcript.spelling import SpellingTranscriber
from tests.faults.sessions import recording
from tests.session.fakes import ScriptedSource

DEMO_CHOICE = ModelChoice(Path("/demo"), "demo model", demo=True, notice="Only the demonstration.")


class Made(Exception):
    """A session was about to be made."""


@pytest.fixture
def talk(tmp_path) -> Path:
    return recording(tmp_path / "talk.wav", "abc")


@pytest.fixture
def made(monkeypatch) -> list[dict]:
    """With what sessions were about to be made of two sides of a call, each then ended."""

    def make(settings, choice, sources, dictation, **how):
        calls.append({"choice": choice, "sources": sources, "dictation": dictation, **how})
        raise Made

    calls: list[dict] = []
    monkeypatch.setattr(live, "make_session", make)
    monkeypatch.setattr(live, "sources_of", lambda *_: [ScriptedSource(".", name=name) for name in ("Me", "Them")])
    return calls


@pytest.fixture
def screens(monkeypatch) -> list[tuple[str, SessionInfo]]:
    """Which screen was opened with what; the user leaves it at once."""

    def lines(session, info, *_):
        opened.append(("lines", info))
        return outcomes[0]

    def screen(session, info, *_, is_kept):
        opened.append(("screen", info))
        return outcomes[0]

    opened: list = []
    outcomes = [Outcome(None)]
    monkeypatch.setattr(live, "can_be_drawn_on", lambda: True)
    monkeypatch.setattr(live, "finish_when_the_terminal_closes", lambda on_screen: lambda: False)
    monkeypatch.setattr(live, "_log_bugs", lambda to_stderr: opened.append(("log", to_stderr)))
    monkeypatch.setattr(live, "_print_lines", lines)
    monkeypatch.setattr(live, "_open_screen", screen)
    monkeypatch.setattr(live, "terminal_question", lambda: None)
    opened.append(outcomes)
    return opened


@pytest.mark.parametrize(("how", "kind"), [({}, "screen"), ({"plain": True}, "lines"), ({"json_lines": True}, "lines")])
def test_a_terminal_has_a_screen_unless_lines_are_asked_for(talk, screens, how, kind):
    settings = Settings(recordings=(talk,), model="demo", spool=False, **how)
    assert live.run(settings, ()) == 130
    outcomes, log, (shown, _) = screens
    assert (shown, log) == (kind, ("log", kind == "lines"))
    outcomes[0] = Outcome(None, failure=SessionError("The detector broke."))
    if kind == "lines":  # which have told it
        assert live.run(settings, ()) == 1
    else:
        with pytest.raises(SessionError, match="The detector broke"):
            live.run(settings, ())


def test_a_screen_is_told_of_what_it_is_the_screen(talk, tmp_path, screens, monkeypatch):
    outputs = (tmp_path / "notes.txt",)
    live.run(Settings(recordings=(talk,), model="demo", spool=False, outputs=outputs), ())
    live.run(Settings(recordings=(talk,), model="demo", spool=False, speed=None, clipboard=True, light=True), ())
    monkeypatch.setattr(
        live, "sources_of", lambda *_: [ScriptedSource(".", name="Me"), ScriptedSource(".", name="You")]
    )
    live.run(Settings(model="demo", spool=False, paused=True, speed=None), ())
    told = [info for kind, info in screens[1:] if kind == "screen"]
    assert told == [
        SessionInfo("demo model", ("talk.wav",), outputs, demo=True),
        SessionInfo("demo model", ("talk.wav",), demo=True, clipboard=True, unpaced=True, light=True),
        SessionInfo("demo model", ("Me", "You"), demo=True, paused=True),
    ]


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"plain": True}, {"with_partials": False, "copies": False}),
        ({"plain": True, "partials": True, "clipboard": True}, {"with_partials": True, "copies": True}),
        ({"clipboard": True}, {"with_partials": True, "copies": False}),  # the screen copies by itself
    ],
)
def test_words_are_drafted_and_copied_only_for_whom_shows_them(made, screens, monkeypatch, how, expected):
    dictated = []
    monkeypatch.setattr(dictating, "dictation_of", lambda source, _, copies: dictated.append((source, copies)))
    with pytest.raises(Made):
        live.run(Settings(model="demo", **how), ())
    assert made[0]["with_partials"] == expected["with_partials"]
    assert dictated == [("Me", expected["copies"])], "only what the microphone hears is dictated"


class Heard:
    """An input that is being heard."""

    def __init__(self) -> None:
        self.forgotten = False

    def forget(self) -> None:
        self.forgotten = True


def test_live_sound_is_not_heard_by_the_demonstration_model_unless_somebody_wants_that(
    cache, home, made, screens, monkeypatch
):
    """And nothing is heard of what was said before the answer, which may be a download away."""
    microphone, asked = Heard(), []

    def answer(question: str) -> str:
        assert not asked
        asked.append(microphone.forgotten)
        return "demo"

    with pytest.raises(ModelMissing):
        live.run(Settings(plain=True), [microphone])
    assert not microphone.forgotten
    monkeypatch.setattr(live, "terminal_question", lambda: answer)
    with pytest.raises(Made):
        live.run(Settings(plain=True), [microphone])
    assert (asked, made[0]["choice"].demo) == ([True], True)


def test_a_download_that_a_session_begins_with_shows_no_more_progress_than_the_session(cache, home, made, monkeypatch):
    asked, answers = [], iter("yy")
    monkeypatch.setattr("live_canary.commands.download.run", lambda *_, plain: asked.append(plain) or 130)
    monkeypatch.setattr(live, "terminal_question", lambda: lambda question: next(answers))
    for plain in (True, False):
        with pytest.raises(ModelMissing):
            live.run(Settings(plain=plain), ())
    assert asked == [True, False]


def test_a_model_is_found_again_from_any_folder(tmp_path, monkeypatch):
    for name in ("mine", "auto", "demo"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path)
    mine = ModelChoice(Path("mine"), "mine", demo=False)
    assert live.lasting_name(mine, "mine") == str(tmp_path / "mine")
    assert live.lasting_name(mine, "somebody/canary") == "somebody/canary"
    assert live.lasting_name(mine, "auto") == "auto"
    assert live.lasting_name(DEMO_CHOICE, "auto") == "demo"


@pytest.fixture
def printed(monkeypatch) -> list:
    """How lines would have been made."""

    class Screen:
        def __init__(self, session, info, stdout, stderr, *, line_of):
            lines.append(line_of)

        def run(self) -> Outcome:
            return Outcome(None)

    lines: list = []
    monkeypatch.setattr("live_canary.screen.plain.PlainScreen", Screen)
    return lines


def test_lines_begin_with_what_a_screen_would_show(printed, capsys):
    info = SessionInfo("demo model", ("Me",), typing="wtype", paused=True)
    live._print_lines(None, info, DEMO_CHOICE, Settings())
    typing, notice, paused = capsys.readouterr().err.splitlines()
    assert typing == "Typing with wtype into the window in use."
    assert notice == "Only the demonstration."
    assert paused.startswith("Paused until the signal SIGUSR1: ")
    live._print_lines(None, SessionInfo("mine", ("Me",)), ModelChoice(Path("/m"), "mine", demo=False), Settings())
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("how", "line_of"),
    [
        ({}, plain_lines.text_line),
        ({"json_lines": True}, plain_lines.json_line),
        ({"json_lines": True, "partials": True}, plain_lines.json_line_with_partials),
    ],
)
def test_lines_are_text_or_json_with_partials_where_they_are_wanted(printed, monkeypatch, how, line_of):
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), "utf-8"))
    live._print_lines(None, SessionInfo("mine", ("Me",)), DEMO_CHOICE, Settings(**how))
    assert printed == [line_of]


def test_what_is_logged_behind_a_screen_is_dated_and_may_hold_any_name(tmp_path, monkeypatch):
    configured: dict = {}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr(logging, "basicConfig", lambda **how: configured.update(how))
    live._log_bugs(to_stderr=False)
    [handler] = configured["handlers"]
    handler.setFormatter(logging.Formatter(configured["format"]))
    handler.emit(logging.makeLogRecord({"msg": "talk\udcff.wav is broken"}))
    handler.close()
    [log] = tmp_path.rglob("*.log")
    assert log.read_text().startswith("20")
    assert log.read_text().endswith("talk\\udcff.wav is broken\n")
    assert configured["level"] == logging.WARNING
    live._log_bugs(to_stderr=True)
    assert (configured["level"], configured["format"]) == (logging.WARNING, "%(message)s")


@pytest.mark.skipif(os.name == "nt", reason="there a user's profile keeps others out")
@pytest.mark.parametrize("is_there", [False, True])
def test_what_is_logged_behind_a_screen_is_for_its_user_alone(tmp_path, monkeypatch, is_there):
    """A traceback may quote what was said, and every user of the machine could read it."""
    configured: dict = {}
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(logging, "basicConfig", lambda **how: configured.update(how))
    log = tmp_path / "live-canary" / "log" / "live-canary.log"
    if is_there:
        log.parent.mkdir(parents=True)
        log.write_text("earlier\n")
        log.chmod(0o644)
    live._log_bugs(to_stderr=False)
    [handler] = configured["handlers"]
    handler.close()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert log.read_text() == ("earlier\n" if is_there else "")


@pytest.mark.parametrize(
    ("answers", "demo"), [(["D"], True), ([" demo "], True), (["what?", "Demo"], True), (["No"], None), (["n"], None)]
)
def test_an_answer_may_be_short_long_and_in_capitals(cache, home, answers, demo):
    given = iter(answers)
    if demo:
        assert choose_model("auto", ask=lambda _: next(given)).demo
    else:
        with pytest.raises(ModelMissing, match="There is no model to go on with"):
            choose_model("auto", ask=lambda _: next(given))


@pytest.mark.parametrize("leaving", [EOFError, KeyboardInterrupt])
def test_whoever_leaves_the_question_leaves_the_program_with_the_command(cache, home, leaving):
    def leave(question: str) -> str:
        raise leaving

    with pytest.raises(ModelMissing, match="There is no model to go on with: run live-canary download"):
        choose_model("auto", ask=leave)


@pytest.mark.parametrize("answer", ["", "y", "Yes"])
@pytest.mark.parametrize("plain", [True, False])
def test_a_download_that_broke_off_is_no_model_and_shows_progress_as_the_session_would(
    cache, home, monkeypatch, answer, plain
):
    asked, answers = [], iter([answer])
    monkeypatch.setattr("live_canary.commands.download.run", lambda *_, plain: asked.append(plain) or 130)
    with pytest.raises(ModelMissing):
        choose_model("auto", ask=lambda _: next(answers), plain=plain)
    assert asked == [plain]


def test_a_model_without_a_name_is_none_and_the_users_own_is_no_demonstration(tmp_path):
    with pytest.raises(CheckpointError, match="The model has no name"):
        choose_model("  ")
    choice = choose_model(str(tmp_path))
    assert (choice.folder, choice.name, choice.demo) == (tmp_path, str(tmp_path), False)
    assert choose_model("demo").demo


@pytest.mark.parametrize("spelling", [(), ("Canary-Qwen",)])
def test_the_model_is_loaded_with_all_that_the_settings_say_of_it(monkeypatch, spelling):
    class Loading:
        @classmethod
        def load(cls, *given):
            loaded.append(given)
            return cls()

    loaded, told = [], []
    monkeypatch.setattr("live_canary.commands.model_choice.import_transcriber", lambda: Loading)
    settings = Settings(compute_device="cpu", compute="int8", threads=3, spelling=spelling)
    transcriber = load_with(DEMO_CHOICE, settings)(told.append)
    assert loaded[0][:4] == (Path("/demo"), "cpu", "int8", 3)
    assert told == ["Loading demo model …"]
    assert isinstance(transcriber, SpellingTranscriber) == bool(spelling)
