"""Finals that wait are heard together where that is sooner, and the transcript is the same as one by one."""

import threading

import pytest

from live_canary.events import StageFailed, UtteranceFinal
from live_canary.segments.segment import Segment
from live_canary.session.agenda import Agenda, Kind, Work
from live_canary.session.hearing import Hearing
from live_canary.session.journal import Journal
from live_canary.session.session import Session
from live_canary.session.watchdog import WatchedTranscriber
from live_canary.transcript.hypothesis import Hypothesis, Sound
from live_canary.transcript.spelling import Speller, Spelling, SpellingTranscriber
from live_canary.transcript.utterance import TranscriptGap
from tests.session.fakes import ENDPOINT, LetterModel, MemorySink, ScriptedSource, make_segmenter, sound_of
from tests.session.recorder import PATIENCE_SECONDS, Recorder, texts


class Choir(LetterModel):
    """A LetterModel for several at once; remembers which those were."""

    def __init__(self, fails_on: str = "", most_at_once: int = 3):
        super().__init__(fails_on)
        self.most_at_once = most_at_once
        self.together: list[list[str]] = []

    def transcribe_several(self, sounds: list[Sound]) -> list[Hypothesis]:
        hypotheses = [self.transcribe(sound.samples, sound.draft) for sound in sounds]
        self.together.append([one.text for one in hypotheses])
        return hypotheses


class Remembering(Journal):
    """Knows what an earlier process has heard."""

    def __init__(self, *words: str):
        self.words = words

    def recalled(self, source, segment):
        [text] = {one.text for one in [LetterModel().transcribe(segment.samples)]}
        return Hypothesis(text, flag="loop") if text in self.words else None


def work(text: str, start: int, kind: Kind = Kind.FINAL, source: str = "Me") -> Work:
    samples = sound_of(text)
    return Work(kind, source, Segment(samples, start, start, start + len(samples), "pause"), noted_at=0.0)


def finals(*spoken: str) -> list[Work]:
    return [work(text, 10_000_000 * number) for number, text in enumerate(spoken)]


def heard(works: list[Work], model: Choir, journal: Journal | None = None, begin: list[Work] = ()) -> list[str]:
    """What comes of finals that wait behind each other, after works that were done before; failures as "!"."""
    agenda = Agenda()
    hearing, answers = Hearing(agenda, journal or Journal()), []
    for one in begin:
        hearing.hypothesis(one, model)
    for one in works:
        agenda.put_final(one, wait=False)
    agenda.close()
    while one := agenda.next():
        try:
            answers.append(hearing.hypothesis(one, model).text)
        except RuntimeError:
            answers.append("!")
    return answers


def test_finals_that_wait_are_heard_together_and_each_once():
    model = Choir()
    assert heard(finals("ab", "cd", "ef", "gh", "ij"), model) == ["ab", "cd", "ef", "gh", "ij"]
    assert model.together == [["ab", "cd", "ef"], ["gh", "ij"]]
    assert model.heard == ["ab", "cd", "ef", "gh", "ij"]


@pytest.mark.parametrize("model", [Choir(most_at_once=1), LetterModel()])
def test_a_model_that_gains_nothing_by_it_hears_one_after_the_other(model):
    assert heard(finals("ab", "cd"), model) == ["ab", "cd"]
    assert model.heard == ["ab", "cd"]
    assert not getattr(model, "together", [])


def test_one_that_fails_takes_no_other_with_it():
    model = Choir(fails_on="x")
    assert heard(finals("ab", "xx", "cd", "ef", "gh"), model) == ["ab", "!", "cd", "ef", "gh"]
    assert model.together == [["ef", "gh"]]
    assert model.heard.count("xx") == 2  # with the others, and then alone


def test_no_more_than_a_minute_is_heard_together():
    long, longer, brief = "a" * 280, "b" * 330, "c" * 260
    model = Choir()
    assert heard(finals(long, longer, brief, "de", "fg"), model) == [long, longer, brief, "de", "fg"]
    assert model.together == [[longer, brief, "de"]]


def test_a_partial_is_the_draft_of_its_final_and_makes_that_of_the_same_sound():
    model = Choir()
    tail, partial = work("ab", 0, Kind.TAIL), work("c", 0, Kind.PARTIAL, "Them")
    works = [work("yy", 0, source="Other"), work("ab", 0), work("cd", 0, source="Them")]
    assert heard(works, model, begin=[tail, partial]) == ["yy", "ab", "cd"]
    assert model.together == [["yy", "cd"]]
    assert model.drafts == [None, None, None, "c"]


def test_what_an_earlier_process_has_heard_is_not_heard_again():
    model = Choir()
    assert heard(finals("ab", "cd", "ef", "gh"), model, Remembering("cd", "gh")) == ["ab", "cd", "ef", "gh"]
    assert model.together == [["ab", "ef"]]


def test_a_partial_is_heard_alone():
    model, agenda = Choir(), Agenda()
    for one in finals("ab", "cd"):
        agenda.put_final(one, wait=False)
    assert Hearing(agenda, Journal()).hypothesis(work("xy", 0, Kind.PARTIAL, "Them"), model).text == "xy"
    assert model.heard == ["xy"]


def test_a_session_that_was_behind_tells_and_writes_every_final_in_order():
    """Through all that stands around a model: it hears together, and names are written as they are wanted."""
    loaded, recorder, sink = threading.Event(), Recorder(), MemorySink()
    model = Choir("x")

    def load(tell):
        loaded.wait(PATIENCE_SECONDS)
        return SpellingTranscriber(model, Speller([Spelling.parse("CD")]))

    source = ScriptedSource(ENDPOINT.join(["ab", "cd", "ef", "xx", "gh", "ij", ""]))
    session = Session([source], make_segmenter, load, [sink])
    session.start(recorder)
    assert source.played.wait(PATIENCE_SECONDS)
    loaded.set()
    assert session.wait(PATIENCE_SECONDS)
    assert texts(recorder) == ["ab", "CD", "ef", "gh", "ij"]
    assert [event.utterance.index for event in recorder.of(UtteranceFinal)] == [0, 1, 2, 3, 4]
    assert [type(entry) for entry in sink.entries].index(TranscriptGap) == 3
    assert len(recorder.of(StageFailed)) == 1
    assert model.together == [["ab", "cd", "ef"]]


def test_several_utterances_may_take_as_much_longer_as_there_is_more_of_them():
    """Three of half a minute: the longest that may be has 38 s."""
    told, now = [], [0.0]
    watched = None

    class Late(Choir):
        def transcribe(self, samples, draft=None):
            now[0] += 90
            watched.check()
            return super().transcribe(samples, draft)

    watched = WatchedTranscriber(Late(), told.append, lambda: now[0], patience_seconds=100)
    for _ in range(3):
        watched.transcribe(sound_of("a" * 300))
    watched.transcribe_several([Sound(sound_of("a" * 190))] * 2)
    assert told == [100]
    watched.transcribe_several([Sound(sound_of("a" * 304))] * 3)
    assert told == [100, pytest.approx(240)]
