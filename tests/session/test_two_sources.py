"""Two sources share one model: their lines are in order, an echo is said once, and neither holds the other up."""

import pytest

from live_canary.audio.source import AudioGap, DeviceLost
from live_canary.events import PartialChanged, UtteranceFinal
from live_canary.session.session import Session
from live_canary.transcript.hypothesis import Hypothesis
from tests.session.fakes import ENDPOINT, LETTER_SAMPLES, LetterModel, MemorySink, ScriptedSource, make_segmenter
from tests.session.recorder import PATIENCE_SECONDS, Recorder, run, texts


def test_two_sources_share_one_model_and_keep_their_names_in_the_order_in_which_they_began():
    recorder = run(
        ScriptedSource("abc" + ENDPOINT + "..fg" + ENDPOINT, name="Me"),
        ScriptedSource("....." + "d" * 9 + ENDPOINT, name="Them"),
    )
    said = [event.utterance for event in recorder.of(UtteranceFinal)]
    assert [(one.index, one.source, one.text) for one in said] == [
        (0, "Me", "abc"),
        (1, "Them", "d" * 9),
        (2, "Me", "fg"),
    ]


def test_lines_of_two_sources_and_their_gaps_are_in_order_of_start_time():
    gap = AudioGap(6 * LETTER_SAMPLES, 9 * LETTER_SAMPLES, "overflow")
    sink = MemorySink()
    run(
        ScriptedSource("..abcd", gap, "..ef" + ENDPOINT, name="Me"),
        ScriptedSource("g" * 30 + ENDPOINT, name="Them"),  # goes on while "Me" speaks and loses sound
        sinks=[sink],
    )
    assert [getattr(entry, "text", "gap") for entry in sink.entries] == ["g" * 30, "abcd", "gap", "ef"]


@pytest.mark.parametrize("no_line", ["hhh", "xx"])
def test_an_utterance_that_gives_no_line_holds_the_other_side_up_no_longer(no_line):
    """One without words, and one that the model fails on."""
    source = ScriptedSource(no_line + "." * 30, name="Me", live=True, endless=True)
    other = ScriptedSource("....abc" + "." * 30, name="Them", live=True, endless=True)
    recorder, model = Recorder(), LetterModel(fails_on="x", wordless="hhh")
    session = Session([source, other], make_segmenter, lambda tell: model)
    session.start(recorder)
    recorder.wait_for(UtteranceFinal)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert texts(recorder) == ["abc"]


class SentenceModel(LetterModel):
    """Says a sentence for a sound instead of its letters."""

    def transcribe(self, samples, draft=None):
        letters = super().transcribe(samples).text
        return Hypothesis({"ccc": "Shall we begin then?", "mmm": "I am here."}.get(letters, letters))


def test_what_the_microphone_hears_of_the_loudspeakers_is_said_once():
    recorder = Recorder()
    sources = [
        ScriptedSource(".ccc" + ENDPOINT + "mmm" + ENDPOINT, name="Me"),  # the echo comes 100 ms later
        ScriptedSource("ccc" + ENDPOINT * 3, name="Them"),
    ]
    session = Session(sources, make_segmenter, lambda tell: SentenceModel(), echo_of="Them")
    session.start(recorder)
    assert session.wait(PATIENCE_SECONDS)
    said = [(event.utterance.source, event.utterance.text) for event in recorder.of(UtteranceFinal)]
    assert said == [("Them", "Shall we begin then?"), ("Me", "I am here.")]
    assert session.echoes == {"Me": 1}
    assert PartialChanged("Me", 0.1, "", "") in recorder.events  # what was shown of it while it was heard goes


def test_a_lost_source_ends_what_was_being_said_and_holds_nobody_back():
    """Every final of the other side waited until the microphone was plugged in again."""
    sources = (
        ScriptedSource("...mmm", DeviceLost("USB", "it was unplugged"), name="Me", live=True, endless=True),
        ScriptedSource(ENDPOINT + "ttt" + ENDPOINT, name="Them", live=True, endless=True),
    )
    recorder = Recorder()
    session = Session(sources, make_segmenter, lambda tell: LetterModel())
    session.start(recorder)
    recorder.wait_for(UtteranceFinal, count=2)  # while both go on
    assert [(event.utterance.source, event.utterance.text) for event in recorder.of(UtteranceFinal)] == [
        ("Me", "mmm"),
        ("Them", "ttt"),
    ]
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
