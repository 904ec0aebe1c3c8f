"""A model that is slower than people speak: all of it is transcribed in the end, and memory stays bounded."""

import os
import shutil
import threading
import tracemalloc

from live_canary.audio.source import AudioBlock
from live_canary.events import BacklogChanged, GapMarked, SourceWarned, StageFailed, UtteranceFinal
from live_canary.session.agenda import MOST_WAITING_SECONDS
from live_canary.session.folder import SessionFolder
from live_canary.session.session import Session
from tests.faults.sessions import PATIENCE_SECONDS, prepare
from tests.session.fakes import ENDPOINT, LetterModel, ScriptedSource, make_segmenter, sound_of

WORDS = ["abcdefghij" * 12 + letter * 2 for letter in "klmnopqrstuvwxyz" * 4]
"""64 utterances of 12.2 s, no two neighbours the same."""
SPOKEN_SECONDS = 64 * 12.2


class Talk(ScriptedSource):
    """All the words, as fast as anybody takes them; nobody keeps them in memory."""

    def __init__(self) -> None:
        super().__init__(name="Me", live=True, endless=True)

    def blocks(self):
        position = 0
        for word in WORDS:
            block = AudioBlock(sound_of(word + ENDPOINT), position)
            position = block.end_sample
            yield block
        self.played.set()
        self._stopped.wait()


class Slow(LetterModel):
    """Hears one utterance, and the next when it may."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()

    def transcribe(self, samples, draft=None):
        self.go_on.wait(PATIENCE_SECONDS)
        return super().transcribe(samples)


def hold(make_session, model: Slow | None = None) -> tuple[list, float]:
    """The events of a session whose model answers when everything has been said, and the most memory it took, in MB."""
    source, model, events = Talk(), model or Slow(), []
    session = make_session(source, lambda tell: model)
    tracemalloc.start()
    try:
        session.start(events.append)
        assert source.played.wait(PATIENCE_SECONDS)
        model.go_on.set()
        session.stop()
        assert session.wait(PATIENCE_SECONDS)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return events, most / 1e6


def texts(events) -> list[str]:
    return [event.utterance.text for event in events if isinstance(event, UtteranceFinal)]


def test_ten_minutes_of_backlog_are_shown_and_transcribed_and_wait_on_the_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    folder = SessionFolder.create(tmp_path)
    events, megabytes = hold(lambda source, load: prepare(folder, [source], load=load))
    assert texts(events) == WORDS
    assert not [event for event in events if isinstance(event, (StageFailed, SourceWarned))]
    backlog = [event.seconds for event in events if isinstance(event, BacklogChanged)]
    assert max(backlog) > 600
    assert backlog[-1] == 0
    in_memory = MOST_WAITING_SECONDS * 16_000 * 4 / 1e6
    assert in_memory < megabytes < 2.5 * in_memory
    assert 6 * in_memory < SPOKEN_SECONDS * 16_000 * 4 / 1e6  # what it would take without the disk


def test_without_a_spool_it_waits_in_memory_which_is_said(tmp_path):
    events, _ = hold(lambda source, load: Session([source], make_segmenter, load))
    assert texts(events) == WORDS
    [warning] = [event for event in events if isinstance(event, SourceWarned)]
    assert "10 minutes behind" in warning.message
    assert "39 MB of memory" in warning.message


def test_sound_that_is_no_longer_there_when_its_turn_comes_is_marked(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    folder = SessionFolder.create(tmp_path)

    class Thief(Slow):
        def transcribe(self, samples, draft=None):
            hypothesis = super().transcribe(samples)
            shutil.rmtree(folder.path / "0", ignore_errors=True)
            return hypothesis

    events, _ = hold(lambda source, load: prepare(folder, [source], load=load), Thief())
    marked = [event.gap.reason for event in events if isinstance(event, GapMarked)]
    assert texts(events) + marked == WORDS[: len(texts(events))] + ["could not be transcribed"] * len(marked)
    assert 8 < len(texts(events)) < 13  # what waited in memory
