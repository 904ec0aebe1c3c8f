"""Collects what a session tells, and runs whole ones for it."""

import threading

from live_canary.events import UtteranceFinal
from live_canary.session.session import Session
from tests.session.fakes import LetterModel, make_segmenter

PATIENCE_SECONDS = 20


class Recorder:
    """Collects events and wakes whoever waits for one."""

    def __init__(self) -> None:
        self.events: list[object] = []
        self._changed = threading.Condition()

    def __call__(self, event: object) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    def wait_for(self, kind: type, count: int = 1) -> None:
        with self._changed:
            enough = self._changed.wait_for(lambda: len(self.of(kind)) >= count, PATIENCE_SECONDS)
            assert enough, f"no {kind.__name__}"


def run(*sources, model=None, sinks=(), load=None, partial_interval_ms=None) -> Recorder:
    """A whole session, from start to end."""
    recorder = Recorder()
    model = model or LetterModel()
    session = Session(
        sources, make_segmenter, load or (lambda tell: model), sinks, partial_interval_ms=partial_interval_ms
    )
    session.start(recorder)
    assert session.wait(PATIENCE_SECONDS), recorder.events
    return recorder


def texts(recorder: Recorder) -> list[str]:
    return [event.utterance.text for event in recorder.of(UtteranceFinal)]
