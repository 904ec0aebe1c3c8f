"""The model of a session, loaded in a thread of its own while the others already listen."""

import gc
import threading
from collections.abc import Callable

from live_canary.events import Event, ModelProgress, ModelWarned
from live_canary.session.stages import LOADING, Stages
from live_canary.transcript.hypothesis import Transcriber

LoadTranscriber = Callable[[Callable[[str], None]], Transcriber]
"""Makes the model ready; is given a function that tells the user what it is doing."""


class AwaitedModel:
    """From any thread."""

    def __init__(self, load: LoadTranscriber, stages: Stages, tell: Callable[[Event], None]):
        self.transcriber: Transcriber | None = None
        """None until it is loaded."""
        self._load, self._stages, self._tell = load, stages, tell
        self._settled = threading.Event()  # loaded, failed, or no longer wanted

    def begin(self) -> None:
        """Load it; returns at once. What goes wrong is told as a stage's failure."""
        self._stages.begin(LOADING, self._settle)

    def give_up(self) -> None:
        """Nobody is to wait for it any more."""
        self._settled.set()

    def wait(self) -> Transcriber | None:
        """The transcriber as soon as it is loaded; None if that failed or was given up."""
        self._settled.wait()
        return self.transcriber

    def _settle(self) -> None:
        """What came of it is told before the session, which may end of it, goes on."""
        self._stages.run(LOADING, self._make_ready)
        self._settled.set()

    def _make_ready(self) -> None:
        self.transcriber = self._load(self._pass_on)
        gc.freeze()  # it stays: looking through it for garbage would hold up every thread for 0.2 s
        self._tell(ModelProgress("ready", ready=True))

    def _pass_on(self, text: str) -> None:
        self._tell(ModelProgress(text) if self.transcriber is None else ModelWarned(text))
