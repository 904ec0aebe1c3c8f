import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from live_canary.errors import SessionError
from live_canary.events import (
    BacklogChanged,
    Event,
    GapMarked,
    LevelChanged,
    ModelProgress,
    ModelWarned,
    PartialChanged,
    SourceLost,
    SourceMuted,
    SourceOpened,
    SourceRecovered,
    SourceWarned,
    StageFailed,
    UtteranceAmended,
)
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.screen.plain import PlainScreen
from live_canary.screen.plain_lines import json_line, json_line_with_partials
from live_canary.signals import HELD_KEY_SECONDS, PAUSING_SIGNALS, PauseKey, Presses
from live_canary.transcript.utterance import TranscriptGap
from tests.conftest import needs_full_disk
from tests.screen.fake_session import ENDED, FakeSession, said

ONE = SessionInfo(model="demo model", sources=("USB Microphone",))
PATIENCE_SECONDS = 10
TWO = SessionInfo(model="demo model", sources=("USB Microphone", "System audio"))


def shown(*script: Event, info: SessionInfo = ONE) -> tuple[str, str, Outcome]:
    out, err = io.StringIO(), io.StringIO()
    outcome = PlainScreen(FakeSession(*script, ENDED), info, out, err).run()
    return out.getvalue(), err.getvalue(), outcome


def test_an_utterance_is_a_line_with_its_time_on_stdout():
    out, err, outcome = shown(said("Good morning.", 62.5), said("Let us begin.", 65.0))
    assert out == "[00:01:02] Good morning.\n[00:01:05] Let us begin.\n"
    assert err == ""
    assert outcome == Outcome(ended=ENDED)


def test_sources_are_named_when_there_are_several():
    out, _, _ = shown(said("Hello.", source="System audio"), info=TWO)
    assert out == "[00:00:00] System audio: Hello.\n"


def test_what_is_not_transcript_goes_to_stderr():
    gap = TranscriptGap(start_seconds=3.0, end_seconds=5.0, reason="unplugged", source="USB Microphone")
    out, err, outcome = shown(
        SourceOpened("USB Microphone"),
        ModelProgress("Loading the demo model"),
        ModelProgress("ready", ready=True),
        ModelWarned("The model is slow."),
        SourceWarned("USB Microphone", "It is very quiet."),
        SourceLost("USB Microphone", "unplugged"),
        GapMarked(gap),
        SourceRecovered("USB Microphone", 2.0),
        StageFailed("files", "'a.txt' cannot be written: disk full; 1 line is not saved yet.", fatal=False),
    )
    assert out == ""
    assert err.splitlines() == [
        "Listening to USB Microphone; Ctrl-C finishes.",
        "Loading the demo model",
        "The model is ready.",
        "The model is slow.",
        "USB Microphone: It is very quiet.",
        "USB Microphone was lost: unplugged",
        "[00:00:03] USB Microphone: [2.0 s not heard: unplugged]",
        "USB Microphone is back after 2.0 s",
        "'a.txt' cannot be written: disk full; 1 line is not saved yet.",
    ]
    assert outcome == Outcome(ended=ENDED)


def test_what_changes_many_times_a_second_is_not_printed():
    out, err, _ = shown(LevelChanged("USB Microphone", -30, -20), PartialChanged("USB Microphone", 0.0, "Good", "mor"))
    assert out + err == ""


def test_a_pipe_can_have_the_lines_of_a_jsonl_transcript():
    out = io.StringIO()
    gap = TranscriptGap(start_seconds=3.0, end_seconds=5.0, reason="unplugged", source="USB Microphone")
    session = FakeSession(said("Good morning.", 62.5), GapMarked(gap), PartialChanged("a", 0.0, "Good", "mor"), ENDED)
    PlainScreen(session, ONE, out, io.StringIO(), line_of=json_line).run()
    utterance, marked = (json.loads(line) for line in out.getvalue().splitlines())
    assert (utterance["type"], utterance["start"], utterance["text"]) == ("utterance", 62.5, "Good morning.")
    assert (marked["type"], marked["reason"]) == ("gap", "unplugged")


def test_a_pipe_can_have_partials_too():
    out = io.StringIO()
    session = FakeSession(PartialChanged("USB Microphone", 1.0, "Good", "mor"), said("Good morning.", 1.0), ENDED)
    PlainScreen(session, ONE, out, io.StringIO(), line_of=json_line_with_partials).run()
    partial, utterance = (json.loads(line) for line in out.getvalue().splitlines())
    assert partial == {
        "type": "partial",
        "start": 1.0,
        "settled": "Good",
        "tentative": "mor",
        "source": "USB Microphone",
    }
    assert utterance["type"] == "utterance"


def test_a_pipe_is_told_what_was_corrected_and_what_was_deleted():
    out = io.StringIO()
    session = FakeSession(said("First."), UtteranceAmended(0, "The first."), UtteranceAmended(0, None), ENDED)
    PlainScreen(session, ONE, out, io.StringIO(), line_of=json_line).run()
    _, corrected, deleted = (json.loads(line) for line in out.getvalue().splitlines())
    assert corrected == {"type": "amendment", "index": 0, "text": "The first."}
    assert deleted == {"type": "amendment", "index": 0, "text": None}


def test_falling_behind_and_catching_up_are_told_once():
    _, err, _ = shown(*(BacklogChanged(seconds) for seconds in (1, 4, 6, 9, 7, 5, 0.5, 0)))
    assert err == "The model is 6 s behind; nothing is lost.\nThe model has caught up.\n"


def test_a_recording_that_nobody_waits_for_is_never_behind():
    _, err, _ = shown(BacklogChanged(48), BacklogChanged(0), info=replace(ONE, unpaced=True))
    assert err == ""


def test_a_line_cannot_steer_the_terminal():
    out, _, _ = shown(said("\x1b[2Jgone\n[00:00:09] forged", source="\x1b]0;title\x07mic"), info=TWO)
    assert out == "[00:00:00] mic: gone [00:00:09] forged\n"


@pytest.mark.parametrize(
    "event",
    [
        SourceOpened("\x1b[2Ja\nb"),
        SourceLost("\x1b[2Ja\nb", "\x1b[2Ja\nb"),
        SourceRecovered("\x1b[2Ja\nb", 2.0),
        SourceWarned("\x1b[2Ja\nb", "\x1b[2Ja\nb"),
        SourceMuted("\x1b[2Ja\nb", True),
        GapMarked(TranscriptGap(0.0, 1.0, "\x1b[2Ja\nb", "\x1b[2Ja\nb")),
        ModelProgress("\x1b[2Ja\nb"),
        ModelWarned("\x1b[2Ja\nb"),
        StageFailed("files", "\x1b[2Ja\nb", fatal=False),
    ],
    ids=lambda event: type(event).__name__,
)
def test_what_is_told_cannot_steer_the_terminal(event):
    """Devices and files have names that other people chose."""
    _, err, _ = shown(event)
    assert "a b" in err
    assert "\x1b" not in err
    assert err.count("\n") == 1


def test_a_failure_that_ends_the_session_is_the_outcome():
    session = FakeSession(StageFailed("model", "The model ran out of memory.", fatal=True))
    outcome = PlainScreen(session, ONE, io.StringIO(), io.StringIO()).run()
    assert outcome.ended == ENDED
    assert isinstance(outcome.failure, SessionError)
    assert str(outcome.failure) == "The model ran out of memory."
    assert session.asked == ["start", "stop"]


def test_a_failure_is_the_outcome_also_where_the_user_stops_at_once(monkeypatch):
    moments = count()
    monkeypatch.setattr("live_canary.screen.plain.Presses", lambda: Presses(moments.__next__))
    failed = StageFailed("model", "The model ran out of memory.", fatal=True)
    session = FakeSession(failed, said("First."), said("Second."), ends=False)
    outcome = PlainScreen(session, ONE, Interrupting("First.", "Second."), io.StringIO()).run()
    assert outcome.ended is None
    assert str(outcome.failure) == "The model ran out of memory."


class Interrupting(io.StringIO):
    """A terminal whose user presses Ctrl-C when certain text appears."""

    def __init__(self, *texts: str) -> None:
        super().__init__()
        self.texts = list(texts)

    def write(self, text: str) -> int:
        written = super().write(text)
        if self.texts and self.texts[0] in text:
            self.texts.pop(0)
            signal.raise_signal(signal.SIGINT)
        return written


def test_ctrl_c_finishes_the_session_and_prints_what_was_still_to_come():
    session = FakeSession(said("First."), said("Second."))
    out, err = Interrupting("First."), io.StringIO()
    outcome = PlainScreen(session, ONE, out, err).run()
    assert session.asked == ["start", "stop"]
    assert out.getvalue().splitlines() == ["[00:00:00] First.", "[00:00:00] Second."]
    assert "Ctrl-C again stops at once" in err.getvalue()
    assert outcome.ended == ENDED


@pytest.mark.parametrize(("apart_seconds", "asked", "ended"), [(0.6, "abort", None), (0.4, "stop", ENDED)])
def test_a_second_ctrl_c_aborts_unless_it_is_the_first_once_more(monkeypatch, apart_seconds, asked, ended):
    """`timeout -s INT` sends it to the program, and to its group."""
    moments, session = iter([0.0, apart_seconds]), FakeSession(said("First."), said("Second."))
    monkeypatch.setattr("live_canary.screen.plain.Presses", lambda: Presses(lambda: next(moments)))
    outcome = PlainScreen(session, ONE, Interrupting("First.", "Second."), io.StringIO()).run()
    assert (session.asked[-1], outcome.ended) == (asked, ended)


class Pausing(io.StringIO):
    """A terminal whose user presses the key for pausing at every text."""

    def write(self, text: str) -> int:
        written = super().write(text)
        if text.strip():
            signal.raise_signal(signal.SIGUSR1)
        return written


@pytest.mark.skipif(not PAUSING_SIGNALS, reason="Windows has no signal for it")
@pytest.mark.parametrize(("begins_paused", "asked"), [(False, ["mute", "unmute"]), (True, ["unmute"])])
def test_a_signal_pauses_and_goes_on(monkeypatch, begins_paused, asked):
    monkeypatch.setattr("live_canary.screen.plain.PAUSE_KEY", PauseKey(count(step=HELD_KEY_SECONDS).__next__))

    class Ending(FakeSession):
        def mute(self, source_name: str, *, muted: bool) -> None:
            super().mute(source_name, muted=muted)
            if not muted:
                self.tell(ENDED)

    session, err = Ending(*(said(f"{number}.") for number, _ in enumerate(asked))), io.StringIO()
    PlainScreen(session, replace(ONE, paused=begins_paused), Pausing(), err).run()
    assert session.asked == ["start", *(f"{one} USB Microphone" for one in asked)]
    told = {"mute": "USB Microphone is paused.\n", "unmute": "USB Microphone is heard again.\n"}
    assert err.getvalue() == "".join(told[one] for one in asked)


class Stuck(io.StringIO):
    """A pipe whose reader takes nothing before the session has been asked for something by a signal."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number, self.taken = number, threading.Event()

    def write(self, text: str) -> int:
        if not self.getvalue():
            signal.raise_signal(self.number)
            assert self.taken.wait(PATIENCE_SECONDS)
        return super().write(text)


@pytest.mark.parametrize(
    ("number", "asked"),
    [(signal.SIGINT, "stop"), (signal.SIGTERM, "stop"), *((one, "mute USB Microphone") for one in PAUSING_SIGNALS)],
)
def test_a_reader_that_takes_nothing_keeps_no_microphone_open(number, asked):
    """Ctrl-C and the key for pausing waited until the pipe had room again: what was said meanwhile was heard."""

    class Asked(FakeSession):
        def stop(self) -> None:
            super().stop()
            out.taken.set()

        def mute(self, source_name: str, *, muted: bool) -> None:
            super().mute(source_name, muted=muted)
            self.tell(ENDED)
            out.taken.set()

    out, session = Stuck(number), Asked(said("First."))
    assert PlainScreen(session, ONE, out, io.StringIO()).run().ended == ENDED
    assert session.asked == ["start", asked]
    assert out.getvalue() == "[00:00:00] First.\n"


@pytest.mark.skipif(not PAUSING_SIGNALS, reason="Windows has no signal for it")
def test_a_key_that_repeats_while_it_is_held_pauses_once(monkeypatch):
    class Ending(FakeSession):
        def mute(self, source_name: str, *, muted: bool) -> None:
            super().mute(source_name, muted=muted)
            self.tell(ENDED)

    monkeypatch.setattr("live_canary.screen.plain.PAUSE_KEY", PauseKey(count(step=0.04).__next__))
    session = Ending(said("1."), said("2."), said("3."))
    PlainScreen(session, ONE, Pausing(), io.StringIO()).run()
    assert session.asked == ["start", "mute USB Microphone"]


@pytest.mark.parametrize(("presses", "asked"), [(0, []), (1, ["mute USB Microphone"]), (2, [])])
def test_a_pause_that_is_asked_for_while_the_program_starts_is_heeded(monkeypatch, presses, asked):
    key = PauseKey(count(step=HELD_KEY_SECONDS).__next__)
    monkeypatch.setattr("live_canary.screen.plain.PAUSE_KEY", key)
    for _ in range(presses):
        key.note()
    session = FakeSession(ENDED)
    PlainScreen(session, ONE, io.StringIO(), io.StringIO()).run()
    assert session.asked == ["start", *asked]


class Interrupted(Interrupting):
    """The same terminal, asked to go by the system at the second text, as when its window is closed."""

    def write(self, text: str) -> int:
        if len(self.texts) == 1 and self.texts[0] in text:
            self.texts.pop()
            signal.raise_signal(signal.SIGTERM)
        return super().write(text)


def test_a_terminal_that_closes_after_ctrl_c_does_not_abort():
    session = FakeSession(said("First."), said("Second."))
    out = Interrupted("First.", "Second.")
    outcome = PlainScreen(session, ONE, out, io.StringIO()).run()
    assert session.asked == ["start", "stop"]
    assert (outcome.ended, out.texts) == (ENDED, [])


def test_ctrl_c_means_again_what_it_meant_before_once_the_session_has_ended():
    shown(said("First."))
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


class FromAThread(FakeSession):
    """Tells its script from another thread, as a session does."""

    def start(self, on_event: Callable[[Event], None]) -> None:
        self.thread = threading.Thread(target=super().start, args=(on_event,))
        self.thread.start()


def test_events_from_another_thread_are_printed_in_their_order():
    out = io.StringIO()
    session = FromAThread(*(said(str(number)) for number in range(100)), ENDED)
    PlainScreen(session, ONE, out, io.StringIO()).run()
    session.thread.join()
    assert [line.split()[-1] for line in out.getvalue().splitlines()] == [str(number) for number in range(100)]


def test_a_reader_that_leaves_finishes_the_session_quietly():
    program = (
        "import sys\n"
        "from live_canary.screen.plain import PlainScreen\n"
        "from tests.screen.fake_session import FakeSession, said\n"
        "from tests.screen.test_plain import ONE\n"
        "session = FakeSession(said('First.'), said('Second.'))\n"
        "outcome = PlainScreen(session, ONE, sys.stdout, sys.stderr).run()\n"
        "print(session.asked, outcome.unread, outcome.ended.utterances, file=sys.stderr)\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed_pipe:
        ended = subprocess.run([sys.executable, "-c", program], stdout=closed_pipe, stderr=subprocess.PIPE, text=True)
    assert ended.returncode == 0
    assert ended.stderr.startswith("['start', 'stop'")
    assert ended.stderr.endswith(" True 2\n")


@needs_full_disk
def test_a_full_disk_behind_stdout_finishes_the_session_with_one_sentence():
    session, err = FakeSession(said("First."), said("Second.")), io.StringIO()
    with Path("/dev/full").open("w") as full:
        outcome = PlainScreen(session, ONE, full, err).run()
    assert session.asked == ["start", "stop"]
    assert outcome.ended == ENDED
    sentence = "No more lines can be printed (No space left on device); finishing what was heard."
    assert (err.getvalue(), str(outcome.failure)) == (sentence + "\n", sentence)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])
def test_letters_that_the_terminal_lacks_are_printed_as_numbers_instead_of_ending_the_session(encoding, errors):
    out = io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors=errors)
    PlainScreen(FakeSession(said("日本"), ENDED), ONE, out, io.StringIO()).run()
    assert out.buffer.getvalue() == b"[00:00:00] \\u65e5\\u672c\n"
