"""A line is heard again with what was around it, and stays as it is where that gives nothing."""

import math
import threading
from dataclasses import replace

import numpy as np
import pytest

from live_canary.errors import RecordingError
from live_canary.events import ModelWarned, SessionEnded, StageFailed, UtteranceAmended, UtteranceFinal
from live_canary.session.rehearing import span_around
from live_canary.session.session import Session
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.utterance import Utterance
from tests.session.fakes import ENDPOINT, LetterModel, MemorySink, ScriptedSource, make_segmenter, sound_of
from tests.session.recorder import PATIENCE_SECONDS, Recorder, texts


def test_what_the_model_warns_of_is_also_told_when_a_line_is_heard_again_after_the_end():
    recorder, tells = Recorder(), []
    session = Session([ScriptedSource("abc")], make_segmenter, lambda tell: tells.append(tell) or LetterModel())
    session.start(recorder)
    recorder.wait_for(SessionEnded)
    tells[0]("The GPU is full; the CPU goes on.")
    assert recorder.of(ModelWarned) == [ModelWarned("The GPU is full; the CPU goes on.")]
    assert session.wait(PATIENCE_SECONDS)


class RehearableScript(ScriptedSource):
    """A script that can be played again from anywhere."""

    def hear_again(self, start_sample: int, end_sample: int) -> np.ndarray:
        return sound_of("".join(self._script))[start_sample:end_sample]


def heard_again(source: ScriptedSource, index: int, model: LetterModel, *, after_the_end: bool) -> Recorder:
    recorder = Recorder()
    session = Session([source], make_segmenter, lambda tell: model)
    session.start(recorder)
    recorder.wait_for(SessionEnded if after_the_end else UtteranceFinal)
    session.hear_again(index)
    recorder.wait_for(UtteranceAmended if isinstance(source, RehearableScript) else StageFailed)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    return recorder


@pytest.mark.parametrize("after_the_end", [False, True])
def test_an_utterance_is_heard_again_with_what_was_around_it(after_the_end):
    class Improving(LetterModel):
        """Overhears the first letter of what it hears first."""

        def transcribe(self, samples, draft=None):
            hypothesis = super().transcribe(samples, draft)
            return replace(hypothesis, text=hypothesis.text[1:]) if len(self.heard) == 1 else hypothesis

    source = RehearableScript("abc" + ENDPOINT, live=not after_the_end, endless=not after_the_end)
    recorder = heard_again(source, 0, Improving(), after_the_end=after_the_end)
    assert texts(recorder) == ["bc"]
    assert recorder.of(UtteranceAmended) == [UtteranceAmended(0, "abc")]


def test_what_is_being_said_is_not_heard_again_with_the_line_before():
    """It would stand in both lines."""
    source = RehearableScript("abc" + ENDPOINT + "def", live=True, endless=True)
    recorder, model = Recorder(), LetterModel()
    session = Session([source], make_segmenter, lambda tell: model)
    session.start(recorder)
    recorder.wait_for(UtteranceFinal)
    assert source.played.wait(PATIENCE_SECONDS)
    session.hear_again(0)
    recorder.wait_for(UtteranceAmended)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert recorder.of(UtteranceAmended) == [UtteranceAmended(0, "abc")]
    assert texts(recorder) == ["abc", "def"]


def test_a_line_that_a_voice_took_back_meanwhile_stays_away():
    class Slow(LetterModel):
        began, may_go_on = threading.Event(), threading.Event()

        def transcribe(self, samples, draft=None):
            hypothesis = super().transcribe(samples, draft)
            if hypothesis.text == "b":
                self.began.set()
                assert self.may_go_on.wait(PATIENCE_SECONDS)
                return replace(hypothesis, text="scratch that")
            return hypothesis

    source = RehearableScript("a" + ENDPOINT + "b" + ENDPOINT, live=True, endless=True)
    recorder, model, sink = Recorder(), Slow(), MemorySink()
    session = Session([source], make_segmenter, lambda tell: model, [sink], commands_from="talk")
    session.start(recorder)
    assert model.began.wait(PATIENCE_SECONDS)
    session.hear_again(0)
    model.may_go_on.set()
    recorder.wait_for(UtteranceAmended)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert sink.amendments == [(0, None)]


def test_a_line_whose_sound_is_not_kept_stays_and_says_so():
    source = ScriptedSource("abc" + ENDPOINT, live=True, endless=True)
    [failure] = heard_again(source, 0, LetterModel(), after_the_end=False).of(StageFailed)
    assert failure.message == "The line at 00:00:00 stays as it is: its sound is not kept (--no-spool)."


def test_a_line_in_which_the_model_hears_no_words_again_stays_and_says_so():
    class Forgetful(LetterModel):
        def transcribe(self, samples, draft=None):
            hypothesis = super().transcribe(samples, draft)
            return hypothesis if len(self.heard) == 1 else Hypothesis("")

    class NeverAgain(ScriptedSource):
        def hear_again(self, start_sample, end_sample):
            return sound_of("abc")

    recorder = heard_again(NeverAgain("abc" + ENDPOINT), 0, Forgetful(), after_the_end=True)
    [failure] = recorder.of(StageFailed)
    assert failure.message == "The line at 00:00:00 stays as it is: the model hears no words there now."
    assert recorder.of(UtteranceAmended) == []


def test_a_line_of_a_recording_that_has_gone_stays_and_says_so():
    class Gone(ScriptedSource):
        def hear_again(self, start_sample, end_sample):
            raise RecordingError("Recording 'talk.wav' cannot be read: Stale file handle; copy it again.")

    [failure] = heard_again(Gone("abc" + ENDPOINT), 0, LetterModel(), after_the_end=True).of(StageFailed)
    said = "The line at 00:00:00 stays as it is: Recording 'talk.wav' cannot be read: Stale file handle; copy it again."
    assert failure.message == said


def utterance(start_seconds: float, end_seconds: float, index: int, source: str = "talk") -> Utterance:
    return Utterance(index, start_seconds, end_seconds, "words", source)


@pytest.mark.parametrize(
    ("beside", "span"),
    [
        ([], (8.0, 17.0)),
        ([utterance(1, 9.5, 0), utterance(15.5, 20, 2)], (9.5, 15.5)),  # no word of the others
        ([utterance(9, 12, 0, source="other")], (8.0, 17.0)),
    ],
)
def test_as_much_is_heard_again_as_nobody_else_of_the_source_says(beside, span):
    assert span_around(utterance(10, 15, 1), beside, math.inf) == span


@pytest.mark.parametrize(("next_start", "end"), [(16.0, 16.0), (14.9, 15.0), (30.0, 17.0)])
def test_no_more_is_heard_again_than_up_to_what_has_no_line_yet(next_start, end):
    assert span_around(utterance(10, 15, 1), [], next_start) == (8.0, end)


def test_the_longest_utterance_is_heard_again_as_it_is():
    assert span_around(utterance(10, 48, 1), [], math.inf) == (10, 48)
