import signal
import threading
from dataclasses import replace
from functools import partialmethod
from itertools import count

import pytest
from textual.pilot import Pilot

from live_canary.audio.clock import Clock
from live_canary.commands import live
from live_canary.errors import DeviceError, SessionError
from live_canary.events import (
    GapMarked,
    InputOpened,
    ModelProgress,
    ModelWarned,
    PartialChanged,
    SourceLost,
    SourceOpened,
    SourceRecovered,
    StageFailed,
    UtteranceAmended,
)
from live_canary.screen.app import LiveCanaryApp
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.screen.transcript_view import TranscriptView
from live_canary.signals import HELD_KEY_SECONDS, PAUSING_SIGNALS, PauseKey, Presses
from live_canary.transcript.utterance import TranscriptGap
from tests.screen.fake_session import ENDED, FakeSession, said
from tests.screen.in_app import INFO, in_app, rows, until_shown

OPENED = (SourceOpened("USB Microphone"), ModelProgress("The demo model is ready", ready=True))
TWO = replace(INFO, sources=("USB Microphone", "System audio"))


def test_an_utterance_stands_on_the_screen_with_its_time():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert rows(pilot)[1] == " 00:01:02  Good morning."

    in_app(scenario, FakeSession(*OPENED, said("Good morning.", 62.5)))


def test_the_header_counts_the_seconds_of_the_lines_also_while_the_computer_sleeps(monkeypatch):
    now = 5.0
    monkeypatch.setattr(Clock, "now", lambda clock: now)
    app = LiveCanaryApp(FakeSession(), INFO)
    now += 3600
    assert app.state.elapsed_seconds == 3600


def test_the_header_goes_on_counting_while_nobody_speaks():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        pilot.app.state._clock.seconds = 61.0
        await until_shown(pilot, "00:01:01")

    in_app(scenario, FakeSession(*OPENED))


def test_what_is_being_spoken_stands_below_until_its_final_takes_its_place():
    session = FakeSession(*OPENED, said("First."), PartialChanged("USB Microphone", 4.0, "Let us", "begi"))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert rows(pilot)[1:4] == [" 00:00:00  First.", " 00:00:04  Let us begi", ""]
        session.tell(said("Let us begin.", 4.0))
        await pilot.pause()
        assert rows(pilot)[1:4] == [" 00:00:00  First.", " 00:00:04  Let us begin.", ""]

    in_app(scenario, session)


def test_what_may_still_change_and_what_was_perhaps_misheard_look_different():
    info = SessionInfo("demo model", ("USB Microphone", "System audio"))
    doubtful = said("Is it cold?")
    doubtful = replace(doubtful, utterance=replace(doubtful.utterance, confidences=(0.9, 0.3, 0.9)))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        segments = [segment for strip in pilot.app.screen._compositor.render_strips() for segment in strip]
        view = pilot.app.screen.query_one(TranscriptView)
        assert [one.text for one in segments if one.style and one.style.underline] == ["it"]
        for part, text, times in (("tentative", " begi", 1), ("source", "USB Microphone: ", 2)):
            colour = view.get_component_rich_style(f"transcript--{part}").color
            assert [one.text for one in segments if one.style and one.style.color == colour].count(text) == times

    partial = PartialChanged("USB Microphone", 4.0, "Let us", "begi")
    in_app(scenario, FakeSession(*OPENED, doubtful, partial), info=info)


def test_a_partial_that_held_no_words_disappears():
    session = FakeSession(*OPENED, said("First."), PartialChanged("USB Microphone", 4.0, "", "Hm"))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.tell(PartialChanged("USB Microphone", 4.0, "", ""))
        await pilot.pause()
        assert rows(pilot)[2] == ""

    in_app(scenario, session)


def test_an_utterance_that_turns_out_to_be_an_echo_leaves_the_partial_of_what_follows():
    session = FakeSession(*OPENED, PartialChanged("USB Microphone", 4.0, "", "And"))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.tell(PartialChanged("USB Microphone", 0.0, "", ""))
        await pilot.pause()
        assert rows(pilot)[1] == " 00:00:04  And"

    in_app(scenario, session)


def test_words_whose_final_waits_for_the_other_side_stay_while_more_is_said():
    session = FakeSession(
        *OPENED,
        PartialChanged("USB Microphone", 4.0, "", "I think so."),
        PartialChanged("USB Microphone", 9.0, "", "And then"),
    )

    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.tell(PartialChanged("USB Microphone", 9.0, "And", "then we"))
        await pilot.pause()
        assert rows(pilot)[1:3] == [" 00:00:04  I think so.", " 00:00:09  And then we"]
        session.tell(said("I think so.", 4.0))
        await pilot.pause()
        assert rows(pilot)[1:4] == [" 00:00:04  I think so.", " 00:00:09  And then we", ""]

    in_app(scenario, session)


def test_the_final_of_a_cut_utterance_leaves_the_partial_of_what_follows():
    cut = said("The first half", 0.0)  # ends at 2 s
    session = FakeSession(*OPENED, PartialChanged("USB Microphone", 2.0, "and the", "second"), cut)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert rows(pilot)[1:3] == [" 00:00:00  The first half", " 00:00:02  and the second"]

    in_app(scenario, session)


def test_what_one_side_of_a_call_has_said_leaves_what_the_other_is_saying():
    session = FakeSession(*OPENED, PartialChanged("System audio", 0.0, "", "And"), said("Yes.", 1.0))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert rows(pilot)[1:3] == [" 00:00:01  USB Microphone: Yes.", " 00:00:00  System audio: And"]

    in_app(scenario, session, info=TWO)


def test_a_gap_is_marked_in_the_transcript():
    gap = TranscriptGap(start_seconds=3.0, end_seconds=5.0, reason="unplugged", source="USB Microphone")

    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert rows(pilot)[1] == " 00:00:03  [2.0 s not heard: unplugged]"

    in_app(scenario, FakeSession(*OPENED, GapMarked(gap)))


def test_before_anybody_speaks_the_screen_says_what_to_do():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        text = " ".join(" ".join(rows(pilot)).split())
        assert "Listening to USB Microphone. What is said appears here." in text
        assert "The model is still loading. What you say now is kept" in text

    in_app(scenario, FakeSession(SourceOpened("USB Microphone"), ModelProgress("Reading the demo model")))


def test_an_empty_screen_says_what_it_waits_for():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await until_shown(pilot, "Waiting for USB Microphone (Yeti: it was unplugged).")

    in_app(scenario, FakeSession(*OPENED, SourceLost("USB Microphone", "Yeti: it was unplugged")))


@pytest.mark.parametrize("device", ["HDA Intel [PCH]", "Yeti [/x]"])
def test_brackets_in_the_name_of_a_microphone_are_shown_as_they_are(device):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await until_shown(pilot, f"Listening to USB Microphone ({device}).")

    in_app(scenario, FakeSession(*OPENED, InputOpened("USB Microphone", device)))


def test_text_from_the_model_cannot_steer_the_terminal_or_the_markup():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert rows(pilot)[1] == " 00:00:00  [red]gone[/] here"

    in_app(scenario, FakeSession(*OPENED, said("\x1b[2J[red]gone[/]\nhere")))


def test_what_is_being_said_and_the_name_of_its_source_cannot_steer_the_terminal_either():
    name = "\x1b[2JUSB\nmic"

    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert rows(pilot)[1] == " 00:00:00  one two three four"
        assert rows(pilot)[21].startswith(" ● USB mic ─")

    script = (SourceOpened(name), PartialChanged(name, 0.0, "\x1b[2Jone\ntwo", "\x1b[2Jthree\nfour"))
    in_app(scenario, FakeSession(*script), info=replace(INFO, sources=(name,)))


def test_a_lost_source_is_told_where_the_reader_looks():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert any("USB Microphone" in row and "lost: unplugged" in row for row in rows(pilot))

    in_app(scenario, FakeSession(*OPENED, SourceLost("USB Microphone", "unplugged")))


def test_a_warning_is_told_until_it_has_been_read_and_good_news_for_a_moment():
    lost = SourceLost("USB Microphone", "Yeti [/x]\x1b[2J: unplugged")
    script = (lost, ModelWarned("The model is slow."), SourceRecovered("USB Microphone", 2.0))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        told = {notification.message: notification.timeout for notification in pilot.app._notifications}
        lost, slow, back = "USB Microphone: Yeti [/x]: unplugged", "The model is slow.", "USB Microphone is back."
        assert told == {lost: 12.0, slow: 12.0, back: 3.0}
        assert not any(notification.markup for notification in pilot.app._notifications)

    in_app(scenario, FakeSession(*OPENED, *script))


def test_events_of_other_threads_are_shown():
    session = FakeSession(*OPENED)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        thread = threading.Thread(target=session.tell, args=(said("From afar."),))
        thread.start()
        thread.join()
        await pilot.pause()
        assert rows(pilot)[1].endswith("From afar.")

    in_app(scenario, session)


@pytest.mark.parametrize("key", ["q", "ctrl+c", "ctrl+q"])
def test_leaving_waits_for_the_last_words(key):
    session = FakeSession(*OPENED, said("First."), ends=False)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press(key)
        assert session.asked == ["start", "stop"]
        assert "finishing" in rows(pilot)[0]
        session.tell(said("And the last words.", 4.0))
        await pilot.pause()
        assert rows(pilot)[2] == " 00:00:04  And the last words."
        session.tell(ENDED)
        await pilot.pause()

    assert in_app(scenario, session).return_value == Outcome(ENDED)


def test_what_the_screen_showed_can_be_printed_when_it_is_gone():
    """As it was left: corrected, and without what was deleted."""
    session = FakeSession(*OPENED, said("First."), said("Second."), said("Third."))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.tell(UtteranceAmended(0, "The first."))
        session.tell(UtteranceAmended(1, None))
        await pilot.press("q")

    app = in_app(scenario, session)
    session.tell(UtteranceAmended(2, "The third."))  # as of a line that is heard again, when the screen has closed
    assert app.printed() == ["[00:00:00] The first.", "[00:00:00] The third."]


def test_what_is_printed_of_a_call_says_who_speaks():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("q")

    app = in_app(scenario, FakeSession(*OPENED, said("Hello.", source="System audio")), info=TWO)
    assert app.printed() == ["[00:00:00] System audio: Hello."]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_polite_kill_finishes_too(number):
    session = FakeSession(*OPENED)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        signal.raise_signal(number)
        await pilot.pause()

    assert in_app(scenario, session).return_value == Outcome(ENDED)
    assert session.asked == ["start", "stop"]


@pytest.mark.skipif(not PAUSING_SIGNALS, reason="Windows has no signal for it")
def test_a_signal_pauses_from_any_other_window(monkeypatch):
    monkeypatch.setattr("live_canary.screen.app.PAUSE_KEY", PauseKey(count(step=HELD_KEY_SECONDS).__next__))
    session = FakeSession(*OPENED)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        for _ in range(2):
            signal.raise_signal(signal.SIGUSR1)
            await pilot.pause()
        await pilot.press("q")

    in_app(scenario, session)
    assert session.asked == ["start", "mute USB Microphone", "unmute USB Microphone", "stop"]


@pytest.mark.skipif(not PAUSING_SIGNALS, reason="Windows has no signal for it")
def test_a_pause_that_is_asked_for_before_anything_is_heard_begins_with_the_hearing(monkeypatch):
    monkeypatch.setattr("live_canary.screen.app.PAUSE_KEY", PauseKey(count(step=HELD_KEY_SECONDS).__next__))
    session = FakeSession()

    async def scenario(pilot: Pilot[Outcome]) -> None:
        signal.raise_signal(signal.SIGUSR1)
        await pilot.pause()
        session.tell(SourceOpened("USB Microphone"))
        await pilot.pause()
        assert session.asked == ["start"]
        session.tell(SourceOpened("System audio"))
        await pilot.pause()
        await pilot.press("q")

    in_app(scenario, session, info=TWO)
    assert session.asked == ["start", "mute USB Microphone", "mute System audio", "stop"]


@pytest.mark.skipif(not PAUSING_SIGNALS, reason="Windows has no signal for it")
def test_a_key_that_repeats_while_it_is_held_pauses_once(monkeypatch):
    monkeypatch.setattr("live_canary.screen.app.PAUSE_KEY", PauseKey(count(step=0.04).__next__))
    session = FakeSession(*OPENED)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        for _ in range(3):
            signal.raise_signal(signal.SIGUSR1)
            await pilot.pause()

    in_app(scenario, session)
    assert session.asked == ["start", "mute USB Microphone"]


@pytest.mark.parametrize(("apart_seconds", "asked"), [(0.6, ["stop", "abort"]), (0.4, ["stop"])])
def test_a_second_ctrl_c_stops_at_once_unless_it_is_the_first_once_more(monkeypatch, apart_seconds, asked):
    session, moments = FakeSession(*OPENED, ends=False), iter([0.0, apart_seconds])
    monkeypatch.setattr("live_canary.screen.app.Presses", lambda: Presses(lambda: next(moments)))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("ctrl+c", "ctrl+c")
        pilot.app.exit(Outcome(None))

    assert in_app(scenario, session).return_value == Outcome(None)
    assert session.asked == ["start", *asked]


def test_what_goes_wrong_while_the_user_leaves_is_told_when_the_screen_is_gone(monkeypatch, capsys):
    """A file that could not be corrected was told on a screen that closed at once."""

    class Leaving(FakeSession):
        def stop(self) -> None:
            self.tell(StageFailed("file", "'a.md' was changed by another program.", fatal=False))
            super().stop()

        def wait(self, tell_left: object) -> None:
            for number in PAUSING_SIGNALS:
                signal.raise_signal(number)  # by a key of the desktop, which must not end what still has to be written
            self.tell(StageFailed("file", "'b.md' cannot be corrected.", fatal=False))

    async def leave(pilot: Pilot[Outcome]) -> None:
        await until_shown(pilot, "That could be read.")
        await pilot.press("q")

    run = partialmethod(LiveCanaryApp.run, headless=True, auto_pilot=leave)
    monkeypatch.setattr(LiveCanaryApp, "run", run)
    monkeypatch.setattr("live_canary.signals.PAUSE_KEY", PauseKey())
    session = Leaving(*OPENED, StageFailed("dictation", "That could be read.", fatal=False))
    assert live._open_screen(session, INFO, None, is_kept=True) == Outcome(ENDED)
    assert capsys.readouterr().err == "'a.md' was changed by another program.\n'b.md' cannot be corrected.\n"


def test_a_second_q_is_patient():
    session = FakeSession(*OPENED, ends=False)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("q", "q")

    in_app(scenario, session)
    assert session.asked == ["start", "stop"]


def test_a_recording_that_has_ended_stays_readable_until_the_user_leaves():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert "ended" in rows(pilot)[0]
        assert rows(pilot)[1].endswith("First.")
        await pilot.press("q")

    session = FakeSession(*OPENED, said("First."), ENDED)
    assert in_app(scenario, session).return_value == Outcome(ENDED)
    assert session.asked == ["start"]


def test_a_failure_that_ends_the_session_is_shown_and_handed_on():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert any("ran out of memory" in row for row in rows(pilot))
        await pilot.press("q")

    app = in_app(scenario, FakeSession(*OPENED, StageFailed("model", "The model ran out of memory.", fatal=True)))
    assert app.return_value is not None
    assert isinstance(app.return_value.failure, SessionError)


@pytest.mark.parametrize("at_once", [False, True])
def test_a_failure_while_the_user_leaves_is_handed_on(at_once):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("q")
        session.tell(StageFailed("model", "The model ran out of memory.", fatal=True))
        await pilot.pause()
        if at_once:
            await pilot.press("ctrl+c")
        else:
            session.tell(ENDED)
            await pilot.pause()

    session = FakeSession(*OPENED, ends=False)
    outcome = in_app(scenario, session).return_value
    assert outcome is not None
    assert outcome.ended == (None if at_once else ENDED)
    assert str(outcome.failure) == "The model ran out of memory."


def test_a_failure_is_told_whole_also_when_it_is_longer_than_a_row():
    message = "The model cannot be loaded: model.safetensors lacks perception.encoder.pre_encode.out.weight; fetch it"

    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert [notification.message for notification in pilot.app._notifications] == [message]

    in_app(scenario, FakeSession(*OPENED, said("Yes."), StageFailed("model", message, fatal=True)))


class NoMicrophone(FakeSession):
    def start(self, on_event: object) -> None:
        raise DeviceError("There is no microphone.")


def test_a_session_that_cannot_begin_ends_the_application_with_its_reason():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.pause()

    app = in_app(scenario, NoMicrophone())
    assert app.return_value is not None
    assert isinstance(app.return_value.failure, DeviceError)


class LeftAtOnce(LiveCanaryApp):
    CSS_PATH = None

    def on_mount(self) -> None:
        self.action_finish()


def test_who_leaves_before_the_first_paint_opens_no_microphone(monkeypatch):
    monkeypatch.setattr("tests.screen.in_app.LiveCanaryApp", LeftAtOnce)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.pause()

    session = FakeSession(*OPENED, ends=False)
    assert in_app(scenario, session).return_value == Outcome(None)
    assert session.asked == ["stop"]


def test_what_is_told_after_the_end_of_the_application_is_dropped_without_complaint():
    session = FakeSession(*OPENED)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        pass

    in_app(scenario, session)
    thread = threading.Thread(target=session.tell, args=(said("Too late."),))
    thread.start()
    thread.join()


def test_sources_are_named_when_there_are_several():
    info = SessionInfo(model="demo model", sources=("USB Microphone", "System audio"))

    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert rows(pilot)[1] == " 00:00:00  System audio: Hello."

    in_app(scenario, FakeSession(*OPENED, said("Hello.", source="System audio")), info=info)
