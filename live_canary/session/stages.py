"""The parts of a session that run in threads of their own, of which none dies without a word."""

import logging
import threading
from collections.abc import Callable

from live_canary.errors import LiveCanaryError
from live_canary.events import Event, StageFailed

LOADING, TRANSCRIBING = "load model", "transcribe"
"""Those in which the model is at work."""

log = logging.getLogger(__name__)


class Stages:
    """tell: is told how a stage failed; `fatal` when the session cannot go on without it."""

    def __init__(self, tell: Callable[[Event], None]):
        self._tell = tell

    def begin(self, stage: str, body: Callable[[], None], *, fatal: bool = True) -> threading.Thread:
        """Run it in a thread."""
        thread = threading.Thread(target=self.run, args=(stage, body), kwargs={"fatal": fatal}, name=stage, daemon=True)
        thread.start()
        return thread

    def run(self, stage: str, body: Callable[[], None], *, fatal: bool = True) -> None:
        """Expected failures are told in their own words, bugs leave a traceback."""
        try:
            body()
        except LiveCanaryError as error:
            self._tell(StageFailed(stage, str(error), fatal=fatal))
        except BaseException as error:  # not only Exception: a SystemExit would end the thread without a word
            log.exception("stage '%s' failed", stage)
            self._tell(StageFailed(stage, f"Internal error in '{stage}': {error!r}; please report it", fatal=fatal))
