"""A line is given another text, a bookmark or none, also after the end and on a disk that takes its time."""

import threading
from typing import Any

from live_canary.errors import OutputError
from live_canary.events import OutputWritten, SessionEnded, UtteranceAmended, UtteranceFinal
from live_canary.session.agenda import Agenda
from live_canary.session.journal import JournalFile
from live_canary.session.session import Session
from tests.session.fakes import ENDPOINT, LetterModel, MemorySink, ScriptedSource, make_segmenter
from tests.session.recorder import PATIENCE_SECONDS, Recorder


def ended(recorder: Recorder, sink: MemorySink, letters: str, **how: Any) -> Session:
    """A session that has heard all and can still be asked for corrections."""
    session = Session([ScriptedSource(letters)], make_segmenter, lambda tell: LetterModel(), [sink], **how)
    session.start(recorder)
    recorder.wait_for(SessionEnded)
    return session


def test_an_utterance_is_given_another_text_while_others_are_spoken():
    recorder, sink = Recorder(), MemorySink()
    source = ScriptedSource("abc" + ENDPOINT, live=True, endless=True)
    session = Session([source], make_segmenter, lambda tell: LetterModel(), [sink])
    session.start(recorder)
    recorder.wait_for(UtteranceFinal)
    session.amend(0, "ABC\x1b[2J\n")
    session.amend(1, "not said yet")
    session.amend(0, None)
    recorder.wait_for(UtteranceAmended, 2)
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    assert recorder.of(UtteranceAmended) == [UtteranceAmended(0, "ABC"), UtteranceAmended(0, None)]
    assert sink.amendments == [(0, "ABC"), (0, None)]


def test_a_transcript_can_be_corrected_after_its_end():
    recorder, sink = Recorder(), MemorySink()
    session = ended(recorder, sink, "abc")
    session.amend(0, "ABC")
    recorder.wait_for(UtteranceAmended)
    assert sink.amendments == [(0, "ABC")]
    assert session.wait(PATIENCE_SECONDS)


def test_a_bookmark_stays_with_a_line_that_is_corrected_and_goes_when_it_is_taken_away():
    recorder, sink = Recorder(), MemorySink()
    session = ended(recorder, sink, "abc" + ENDPOINT + "de")
    for index, is_set in ((0, True), (1, True), (0, True), (7, True), (1, False)):
        session.bookmark(index, is_set=is_set)
    session.amend(0, "ABC")
    assert session.wait(PATIENCE_SECONDS)
    assert sink.amendments == [(0, "abc"), (1, "de"), (1, "de"), (0, "ABC")]
    assert sink.bookmarks == {0}


def test_a_correction_that_cannot_be_saved_is_counted_like_a_line():
    class FullDisk(MemorySink):
        def amend(self, index, revision):
            self.uncorrected = 1
            raise OutputError("'notes.txt' cannot be corrected: no space left")

    recorder, sink = Recorder(), FullDisk()
    session = ended(recorder, sink, "abc")
    session.amend(0, "ABC")
    recorder.wait_for(UtteranceAmended)
    assert recorder.of(OutputWritten)[-1] == OutputWritten(sink.path, 1)
    assert session.wait(PATIENCE_SECONDS)


def corrected_after_the_end(sink: MemorySink, corrections: int, *, is_told: bool = False, **how: Any) -> int:
    """How many of them the sink has when a session that is left at once is over."""
    recorder = Recorder()
    session = ended(recorder, sink, "abc", **how)
    for number in range(corrections):
        session.amend(0, f"{number}")
    told: list[int] = []
    assert session.wait(PATIENCE_SECONDS, told.append)
    assert [0 < left < corrections for left in told] == [True] * is_told
    return len(sink.amendments)


def test_what_was_corrected_last_is_written_however_slow_the_disk_is(monkeypatch):
    """500 lines deleted after the end and q: a disk that needed more than three seconds for it lost the rest."""
    monkeypatch.setattr("live_canary.session.session.CLOSE_SOURCE_SECONDS", 0.0)
    assert corrected_after_the_end(MemorySink(), 500) == 500


class SlowSink(MemorySink):
    """A network drive that takes its time for a write."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.takes_it = threading.Event(), threading.Event()

    def amend(self, index, revision):
        self.is_asked.set()
        assert self.takes_it.wait(PATIENCE_SECONDS)
        super().amend(index, revision)


def test_the_last_correction_is_waited_for_while_it_is_being_written(monkeypatch):
    """It did not count as left any more: the session ended under the thread that wrote it, and its journal went."""
    monkeypatch.setattr("live_canary.session.session.CLOSE_SOURCE_SECONDS", 0.0)
    sink, recorder = SlowSink(), Recorder()
    session = ended(recorder, sink, "abc")
    session.amend(0, "ABC")
    assert sink.is_asked.wait(PATIENCE_SECONDS)
    threading.Timer(0.5, sink.takes_it.set).start()
    assert session.wait(PATIENCE_SECONDS)
    assert sink.amendments == [(0, "ABC")]


def test_a_correction_that_the_disk_does_not_take_is_left_to_recover(monkeypatch, tmp_path):
    monkeypatch.setattr("live_canary.session.session.CLOSE_SOURCE_SECONDS", 0.0)
    monkeypatch.setattr("live_canary.session.agenda.LOOK_SECONDS", 0.05)
    sink, journal = SlowSink(), JournalFile(tmp_path / "session.jsonl", new=True)
    assert corrected_after_the_end(sink, 1, journal=journal, patience_seconds=0.2) == 0
    assert not journal.is_settled
    sink.takes_it.set()


def test_corrections_are_waited_for_beyond_patience_as_long_as_the_disk_takes_them(monkeypatch):
    """Of 2,000 lines deleted after a long day each makes the file anew, and patience was for all of them."""
    looks, left = threading.Semaphore(0), Agenda.amendments_left.fget

    class OneALook(MemorySink):
        def amend(self, index, revision):
            assert looks.acquire(timeout=PATIENCE_SECONDS)
            super().amend(index, revision)

    monkeypatch.setattr(Agenda, "amendments_left", property(lambda agenda: looks.release() or left(agenda)))
    for name, seconds in (("session.CLOSE_SOURCE_SECONDS", 0.0), ("agenda.LOOK_SECONDS", 0.01)):
        monkeypatch.setattr(f"live_canary.session.{name}", seconds)
    assert (
        corrected_after_the_end(OneALook(), 120, is_told=True, patience_seconds=1.0) >= 119
    )  # the last may just be written
