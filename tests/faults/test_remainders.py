"""What recovery still has to hear: every word once, none that is known, and no echo."""

import re
import threading
from contextlib import closing

import pytest

from live_canary.audio.source import DeviceLost
from live_canary.events import SourceWarned
from live_canary.session.folder import JOURNAL, SessionFolder, open_session
from live_canary.session.journal import NOT_TRANSCRIBED
from live_canary.session.record import SessionRecord
from live_canary.session.recovery import RecallingJournal, hold_again, merged
from live_canary.session.remainders import remainders
from live_canary.session.session import Session
from live_canary.settings import Settings
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.utterance import TranscriptGap, Utterance
from tests.faults.sessions import PATIENCE_SECONDS, STARTED, abort, model, prepare, recover
from tests.session.fakes import ENDPOINT, LetterModel, ScriptedSource, make_segmenter, sound_of


def test_a_text_that_is_known_is_not_asked_for_again(tmp_path):
    folder = SessionFolder.create(tmp_path)
    session = prepare(folder, [ScriptedSource("abc" + ENDPOINT + "hhh" + ENDPOINT + "de")])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    asked = LetterModel()
    recover(tmp_path, load=lambda tell: asked)
    assert asked.heard == []


BROKEN_OFF = ("..abc", DeviceLost("USB", "its sample rate has changed"), "ghi" + ENDPOINT)
"""A device that is back at once: two utterances without a sample between them."""


def test_an_utterance_ends_again_where_a_device_was_lost_for_no_time_at_all(tmp_path):
    """The two were heard as one."""
    output = tmp_path / "talk.txt"
    abort(SessionFolder.create(tmp_path / "sessions"), BROKEN_OFF, [output])
    assert recover(tmp_path / "sessions") == 2
    assert output.read_text() == "abc\nghi\n"


@pytest.mark.parametrize("forgotten", ["gap", "gap|segment"])
@pytest.mark.parametrize("known", ["nothing", "the first text", "the first line"])
def test_no_word_is_lost_where_an_utterance_has_other_bounds_now(tmp_path, forgotten, known):
    """What reached beyond a known line was dropped with the whole utterance."""
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.txt"
    session = prepare(folder, [ScriptedSource(*BROKEN_OFF, name="Me", live=True)], [output])
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    journal = folder.path / JOURNAL
    lost = [rf'{{"type": "({forgotten})".*"start": (?!0,)', '{"type": "saved"', '.*"ghi"']
    if known != "the first line":
        lost.append('{"type": "utterance"')
    if known == "nothing":
        lost.append('{"type": "text"')
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(line for line in lines if not re.match("|".join(lost), line)))
    output.write_text("abc\n" if known == "the first line" else "")
    recover(tmp_path / "sessions")
    assert "".join(output.read_text().split()) == "abcghi"


def test_what_has_no_words_is_asked_for_once(tmp_path):
    abort(SessionFolder.create(tmp_path), "abc" + ENDPOINT + "hhh" + ENDPOINT + "de")
    asked = model()
    recover(tmp_path, load=lambda tell: asked)
    assert sorted(set(asked.heard)) == sorted(asked.heard)


def test_an_utterance_without_a_length_lost_no_word():
    record = SessionRecord(Settings(), STARTED, None, False, segments={("Me", 0, 100): (50, 50)})
    assert list(remainders(record, set(), [], [])) == []


def test_what_is_too_short_for_a_word_is_not_asked_for():
    """Bounds differ by as much where the detector is another one; a model makes up words for nothing."""
    record = SessionRecord(Settings(), STARTED, None, False, segments={("Me", 0, 32_000): (0, 32_000)})
    assert list(remainders(record, set(), [], [Utterance(0, 0.09, 1.91, "as it was", "Me")])) == []
    [rest] = remainders(record, set(), [], [Utterance(0, 0.1, 1.91, "as it was", "Me")])
    assert rest.speech == (0, 1600)


def test_what_the_model_failed_on_is_asked_for_until_it_has_a_line_of_its_own():
    rest, others = (80_000, 112_000), Utterance(0, 0.0, 5.0, "as", "Me")
    record = SessionRecord(Settings(), STARTED, None, False, segments={("Me", 0, 112_000): (0, 112_000)})
    record.texts[("Me", 0, 112_000)] = Hypothesis("as it was")
    record.left.append(("Me", *rest))
    mark, line = TranscriptGap(5.0, 7.0, NOT_TRANSCRIBED, "Me"), Utterance(1, 5.0, 7.0, "it was", "Me")
    assert [one.speech for one in remainders(record, set(), [], [others])] == [rest]
    assert [one.speech for one in remainders(record, set(), [], [others, mark])] == [rest]
    assert list(remainders(record, set(), [], [others, mark, line])) == []


@pytest.mark.parametrize("released", [1, 2])
@pytest.mark.parametrize("texts", [{}, {("Me", 1600, 6400): Hypothesis("abc")}])
def test_an_echo_that_is_not_heard_once_more_does_not_become_a_line(tmp_path, texts, released):
    """Where its sound was not kept there is its text; where its bounds are others now, the model hears it by itself."""
    entries = [Utterance(0, 0.0, 0.4, "abc", "Them"), Utterance(1, 2.0, 2.3, "de", "Them")][:released]
    record = SessionRecord(Settings(), STARTED, "Them", True, entries=list(entries), texts=texts)
    record.segments["Me", 1600, 6400] = (1600, 6400)
    source = ScriptedSource(name="Me")
    source.hear_again = lambda start, end: sound_of(".abc")
    with closing(SessionFolder.create(tmp_path).journal) as journal:
        recalling = RecallingJournal(record, journal)
        recalling.hear_the_rest([source], LetterModel)
    assert recalling.transcript == entries


class Says:
    def __init__(self, text: str):
        self._text = text

    def transcribe(self, samples, draft=None):
        return Hypothesis(self._text)


@pytest.mark.parametrize(
    ("seconds", "text", "echoes"),
    [
        ((0.25, 9.25), "We ship on Friday the ninth. Please tell the others about it.", {"Me": 1}),
        ((9.25, 10.5), "Tell the others about it?", {}),
    ],
)
def test_a_recovery_tells_an_echo_from_an_answer_by_the_same_rule(tmp_path, seconds, text, echoes):
    entries = [
        Utterance(0, 0.0, 5.0, "We ship on Friday the ninth.", "Them"),
        Utterance(1, 5.75, 9.0, "Please tell the others about it.", "Them"),
    ]
    record = SessionRecord(Settings(), STARTED, "Them", True, entries=list(entries))
    speech = tuple(round(second * 16_000) for second in seconds)
    record.segments[("Me", *speech)] = speech
    source = ScriptedSource(name="Me")
    source.hear_again = lambda start, end: sound_of("abc")
    with closing(SessionFolder.create(tmp_path).journal) as journal:
        recalling = RecallingJournal(record, journal)
        recalling.hear_the_rest([source], lambda: Says(text))
    assert [one.text for one in recalling.transcript[2:]] == ([] if echoes else [text])
    assert recalling.echoes == echoes


def test_a_recovery_tells_what_it_leaves_out_as_an_echo(tmp_path):
    folder, told = SessionFolder.create(tmp_path), []
    scripts = {"Me": ".abc" + ENDPOINT, "Them": "abc" + ENDPOINT * 2}
    sources = [ScriptedSource(script, name=name, live=True, endless=True) for name, script in scripts.items()]
    heard = folder.begin(Settings(model="demo"), STARTED, sources, [], echo_of="Them", with_source=True)
    never = threading.Event()
    session = Session(heard, make_segmenter, lambda tell: never.wait(PATIENCE_SECONDS), journal=folder.journal)
    session.start(lambda event: None)
    assert all(source.played.wait(PATIENCE_SECONDS) for source in sources)
    session.abort()
    assert session.wait(PATIENCE_SECONDS)
    never.set()
    folder.journal.close()
    reopened, record = open_session(folder.path)
    with closing(reopened.journal):
        transcript = hold_again(reopened, record, make_segmenter, lambda tell: model(), told.append)
    assert [one.source for one in transcript] == ["Them"]
    assert SourceWarned("Me", "Left out as echoes of the other side: 1 line of Me.") in told


def test_entries_of_the_same_time_are_the_same_whatever_their_text():
    known = [Utterance(0, 1.0, 2.0, "As it was.", "Me"), TranscriptGap(2.0, 3.0, "unplugged", "Me")]
    again = [Utterance(0, 1.1, 2.0, "Another text.", "Me"), Utterance(1, 1.5, 2.5, "Mine too.", "Them")]
    assert merged(known, again) == [*known, Utterance(1, 1.5, 2.5, "Mine too.", "Them")]


class Moment(float):
    """A position or a time, all of which count how often they are compared."""

    compared = 0

    def __lt__(self, other):
        Moment.compared += 1
        return float(self) < float(other)

    def __le__(self, other):
        Moment.compared += 1
        return float(self) <= float(other)

    def __gt__(self, other):
        Moment.compared += 1
        return float(self) > float(other)

    def __ge__(self, other):
        Moment.compared += 1
        return float(self) >= float(other)


def test_a_day_is_recovered_without_comparing_each_of_its_utterances_with_all_others(monkeypatch):
    """5,000 took four seconds, and more by its square."""
    monkeypatch.setattr(Moment, "compared", 0)
    day = [Utterance(n, Moment(5 * n), Moment(5 * n + 3), "said", "Me") for n in range(1000)]
    spans = [(Moment(80_000 * n), Moment(80_000 * n + 48_000)) for n in range(1000)]
    record = SessionRecord(Settings(), STARTED, None, False, segments={("Me", *span): span for span in spans})
    record.texts |= dict.fromkeys(list(record.segments)[:990], Hypothesis("said"))
    assert merged(day[:990], day) == day
    assert [rest.speech for rest in remainders(record, set(), day, day[:990])] == spans[990:]
    assert Moment.compared < 100 * len(day)
