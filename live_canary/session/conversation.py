"""Several sources, one transcript: finals in the order in which people began to speak, echoes said once.

A final waits until no other source can still bring one that began before this one ended. With one source nothing waits.
"""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from live_canary.transcript.echo import WINDOW_SECONDS, is_echo
from live_canary.transcript.utterance import Utterance

ONSET_SECONDS = 0.5  # an utterance is announced at most so long after its first sound


@dataclass(slots=True)
class _Voice:
    """What is known of one source."""

    heard_seconds: float = 0.0
    ended: bool = False
    unfinished: deque[float] = field(default_factory=deque)
    """Starts of the utterances that are being spoken or wait for the model."""

    def next_start(self) -> float:
        """No final of this source that is still to come begins before this."""
        if self.unfinished:
            return self.unfinished[0]
        return float("inf") if self.ended else self.heard_seconds - ONSET_SECONDS


@dataclass(frozen=True, slots=True)
class Finished:
    """A final that waits for its turn."""

    utterance: Utterance
    noted_at: float
    """When its end was recognised, in seconds of the session's clock."""


class Conversation:
    """Who has said what, who is still speaking. Listening threads report, the transcribing thread asks."""

    def __init__(self, sources: Iterable[str], echo_of: str | None = None):
        """echo_of: the source that plays what other sources may hear again; None where nothing echoes."""
        self._lock = threading.Lock()
        self._voices = {source: _Voice() for source in sources}
        self._waiting: list[Finished] = []
        self._echo_of = echo_of
        self._played: deque[Utterance] = deque(maxlen=50)

    @property
    def is_waiting(self) -> bool:
        """Whether finals wait that only the passing of time may release."""
        with self._lock:
            return bool(self._waiting)

    def heard(self, source: str, seconds: float) -> None:
        with self._lock:
            self._voices[source].heard_seconds = seconds

    def away(self, source: str) -> None:
        """Nothing is heard of the source for a while, so that nobody waits for it until it is heard again."""
        with self._lock:
            self._voices[source].heard_seconds = float("inf")

    def begun(self, source: str, start_seconds: float) -> None:
        with self._lock:
            self._voices[source].unfinished.append(start_seconds)

    def ended(self, source: str) -> None:
        with self._lock:
            self._voices[source].ended = True

    def finished(self, source: str, final: Finished | None) -> None:
        """The source's earliest unfinished utterance has its text, or has none."""
        with self._lock:
            if self._voices[source].unfinished:
                self._voices[source].unfinished.popleft()
            if final is None:
                return
            self._waiting.append(final)
            self._waiting.sort(key=lambda waiting: waiting.utterance.start_seconds)
            if source == self._echo_of:
                self._played.append(final.utterance)

    def released(self, *, all_of_it: bool = False) -> list[Finished]:
        """The finals whose turn it is, in order, without echoes; at the end, all of them."""
        with self._lock:
            ready: list[Finished] = []
            while self._waiting and (all_of_it or self._may_go(self._waiting[0].utterance)):
                final = self._waiting.pop(0)
                if not self._is_echo(final.utterance):
                    ready.append(final)
            return ready

    def _may_go(self, utterance: Utterance) -> bool:
        others = [voice for source, voice in self._voices.items() if source != utterance.source]
        return all(voice.next_start() > utterance.end_seconds for voice in others)

    def _is_echo(self, utterance: Utterance) -> bool:
        if self._echo_of is None or utterance.source == self._echo_of:
            return False
        recent = (played for played in self._played if played.end_seconds + WINDOW_SECONDS >= utterance.start_seconds)
        return any(is_echo(utterance, played) for played in recent)
