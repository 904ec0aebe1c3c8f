"""What a session tells of its inputs: their levels and troubles, and how another one is chosen."""

import itertools
import math
import threading

import pytest

from live_canary.audio.capture import Capture
from live_canary.audio.live import LiveSource
from live_canary.audio.soundsystem import Input
from live_canary.audio.source import DeviceLost, DeviceRecovered, DeviceSilent
from live_canary.audio.spool import SpoolingSource
from live_canary.errors import DeviceError
from live_canary.events import InputOpened, LevelChanged, SourceOpened, SourceWarned
from live_canary.session.session import Session
from tests.session.fakes import LetterModel, ScriptedSource, make_segmenter, sound_of
from tests.session.recorder import PATIENCE_SECONDS, Recorder, run


def test_a_recording_says_that_it_cannot_be_muted():
    source, recorder = ScriptedSource("..", endless=True), Recorder()
    session = Session([source], make_segmenter, lambda tell: LetterModel())
    session.start(recorder)
    recorder.wait_for(SourceOpened)
    session.mute("talk", muted=True)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert recorder.of(SourceWarned) == [SourceWarned("talk", "a recording cannot be muted")]


def test_a_level_is_told_when_it_changes_and_not_while_it_stays():
    assert levels_told("." * 8 + "mm" + "." * 8) == [-120, pytest.approx(20 * math.log10(0.34), abs=0.1), -120]


def test_silence_is_told_each_second_so_that_the_mark_of_what_was_loud_goes():
    assert levels_told("." * 40, clock_step=0.09)[1:] in ([-120] * few for few in range(2, 12))


def levels_told(script: str, clock_step: float = 0.01) -> list[float]:
    """Peaks in dBFS, while a clock goes on so many seconds whenever somebody looks."""
    recorder, looks = Recorder(), itertools.count()
    session = Session(
        [ScriptedSource(script)], make_segmenter, lambda tell: LetterModel(), clock=lambda: next(looks) * clock_step
    )
    session.start(recorder)
    assert session.wait(PATIENCE_SECONDS)
    return [event.peak_dbfs for event in recorder.of(LevelChanged)]


class TwoInputs(ScriptedSource):
    """A live source of two inputs: the second can be tried out, and both can be heard."""

    def __init__(self, *, name: str) -> None:
        super().__init__(name=name, live=True, endless=True)
        first, second = (Input(n, f"Input {n}", 1, 16_000, n == 0, "microphone", f"id-{n}") for n in range(2))
        self.all_inputs, self.input, self.deliver, self.closed = [first, second], first, None, threading.Event()

    def inputs(self) -> list[Input]:
        return self.all_inputs

    def try_out(self, chosen: Input, deliver) -> "TwoInputs":
        if chosen.index == 2:
            raise DeviceError("Input 2 is busy.")
        deliver(sound_of("a").tobytes(), 1)
        return self

    def switch(self, chosen: Input, is_free=lambda: True) -> None:
        self.input = chosen

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("spooled", [False, True])
def test_the_inputs_of_a_live_source_are_listened_to_until_one_is_chosen(tmp_path, spooled):
    source = TwoInputs(name="Me")
    source.all_inputs.append(Input(2, "Input 2", 1, 16_000, False, "microphone", "id-2"))
    heard = SpoolingSource(source, tmp_path) if spooled else source
    session = Session([heard, ScriptedSource(name="talk")], make_segmenter, lambda tell: LetterModel())
    session.start(lambda event: None)
    [(name, audition)] = session.auditions().items()
    first, second, third = source.all_inputs
    while not audition.obstacle(third):
        assert not source.closed.is_set()
    assert (name, audition.heard, audition.inputs) == ("Me", first, [first, second, third])
    assert audition.level(first) is None  # the session itself tells it
    assert audition.level(second).peak_dbfs == pytest.approx(-20.0)  # an "a" has an amplitude of 0.1
    session.switch_input(name, second)
    audition.close()
    assert source.closed.wait(PATIENCE_SECONDS)
    assert audition.heard == second
    session.stop()
    assert session.wait(PATIENCE_SECONDS)


class OneStreamEach:
    """A sound system whose inputs have one stream at a time, as ALSA's without a sound server."""

    def __init__(self) -> None:
        self.all_inputs = [Input(n, f"hw:{n}", 1, 16_000, n == 0, "microphone", f"hw:{n}") for n in range(3)]
        self.streams: dict[str, OnlyStream] = {}
        self.may_close = {f"hw:{n}": threading.Event() for n in range(3)}
        self.may_close["hw:0"].set()

    def inputs(self) -> list[Input]:
        return self.all_inputs

    def refresh(self) -> None:
        pass

    def open(self, chosen: Input, deliver) -> "OnlyStream":
        if chosen.identity in self.streams:
            raise DeviceError(f"Input '{chosen.name}' cannot be opened: Device unavailable;")
        self.streams[chosen.identity] = OnlyStream(self, chosen, deliver)
        return self.streams[chosen.identity]


class OnlyStream:
    rate, channels = 16_000, 1

    def __init__(self, system: OneStreamEach, chosen: Input, deliver) -> None:
        self._system, self._chosen, self._deliver = system, chosen, deliver
        self.hear("..")

    def hear(self, letters: str) -> None:
        self._deliver(sound_of(letters).tobytes(), 1)

    def alive(self) -> bool:
        return True

    def defaults_changed(self) -> bool:
        return False

    def close(self) -> None:
        self._system.may_close[self._chosen.identity].wait(PATIENCE_SECONDS)
        del self._system.streams[self._chosen.identity]


@pytest.fixture
def patient(monkeypatch):
    """Sources that do not take a slow test for an input that was lost."""
    monkeypatch.setattr("live_canary.audio.live.STALLED_SECONDS", PATIENCE_SECONDS)


def choosing(system: OneStreamEach, told: Recorder) -> Session:
    """A session that hears the first input, and shows the levels of the others."""
    source = LiveSource(Capture(system=system))
    session = Session([source], make_segmenter, lambda tell: LetterModel(), clock=itertools.count().__next__)
    session.start(told)
    told.wait_for(LevelChanged)
    session.auditions()
    while len(system.streams) < len(system.all_inputs):
        pass
    return session


def test_an_input_that_only_one_can_open_is_heard_after_what_showed_its_level_is_closed(patient):
    """It was opened while its level was still being shown, so it refused, each time anew."""
    system, told = OneStreamEach(), Recorder()
    session = choosing(system, told)
    session.switch_input("Microphone", system.all_inputs[2])
    for count in (2, 3):  # the listening thread goes on, and looks each time what it is to hear
        system.streams["hw:0"].hear("a")
        told.wait_for(LevelChanged, count)
    assert told.of(SourceWarned) == []
    for closing in system.may_close.values():
        closing.set()
    told.wait_for(InputOpened, 2)
    assert [opened.input for opened in told.of(InputOpened)] == ["hw:0", "hw:2"]
    session.stop()
    assert session.wait(PATIENCE_SECONDS)


def test_an_input_that_hangs_in_its_close_keeps_nobody_from_another(patient, monkeypatch):
    monkeypatch.setattr("live_canary.audio.capture.CLOSE_SECONDS", 0.05)
    system, told = OneStreamEach(), Recorder()
    session = choosing(system, told)
    system.may_close["hw:2"].set()
    session.switch_input("Microphone", system.all_inputs[2])
    told.wait_for(InputOpened, 2)
    assert (told.of(InputOpened)[-1].input, told.of(SourceWarned)) == ("hw:2", [])
    system.may_close["hw:1"].set()
    session.stop()
    assert session.wait(PATIENCE_SECONDS)


def test_a_silent_microphone_may_also_be_one_that_the_system_lets_no_program_hear():
    """macOS gives zeros to a terminal that may not hear; nobody found the mute key that was asked for."""
    told = run(ScriptedSource("..", DeviceSilent("USB", 10.0), ".."))
    question = "is it muted, or do the system's settings keep it from programs?"
    assert told.of(SourceWarned) == [SourceWarned("talk", f"USB has been completely silent for 10 s: {question}")]


def test_what_a_lost_source_hears_when_it_is_back_is_told():
    """A microphone that was chosen in the place of a lost one was not named."""
    told = run(ScriptedSource("..", DeviceLost("Built-in", "unplugged"), DeviceRecovered("USB", 1.0), ".."))
    assert told.of(InputOpened) == [InputOpened("talk", "USB")]
