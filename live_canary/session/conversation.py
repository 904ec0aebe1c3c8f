"""Several sources, one transcript: finals in the order in which people began to speak, echoes said once.

A final waits until no other source can still bring one that began before this one ended; a gap, until none can that
began before the gap. With one source nothing waits. A gap is known when it is over, and nobody waits for that: its line
comes after what others said meanwhile.
"""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from live_canary.transcript.echo import is_echo
from live_canary.transcript.utterance import Entry, TranscriptGap, Utterance

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
    """A final or a gap that waits for its turn."""

    entry: Entry
    noted_at: float = 0.0
    """When the end of an utterance was recognised, in seconds of the session's clock."""
    loudness: float = 0.0
    """Of an utterance, where there is crosstalk."""
    is_echo: bool = False
    """Whether the other side said it, so that it is not to be written."""


class Conversation:
    """Who has said what, who is still speaking. Listening threads report, the transcribing thread asks."""

    def __init__(self, sources: Iterable[str], echo_of: str | None = None, *, crosstalk: bool = False):
        """echo_of: the source that plays what other sources may hear again; None where nothing echoes.

        crosstalk: any source may hear what another one does, as microphones at one table do; the loudest is right.
        """
        self._lock = threading.Lock()
        self._voices = {source: _Voice() for source in sources}
        self._waiting: list[Finished] = []
        self._echo_of = echo_of
        self.crosstalk = crosstalk
        self._played: list[tuple[Utterance, float]] = []
        """Those that another source may still bring an echo of, and their loudness."""

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
            self._wait(final)
            if (self.crosstalk or source == self._echo_of) and isinstance(final.entry, Utterance):
                self._played.append((final.entry, final.loudness))
                self._forget_played()

    def missed(self, gap: TranscriptGap) -> None:
        """A stretch that was not heard, or could not be transcribed."""
        with self._lock:
            self._wait(Finished(gap))

    def released(self, *, all_of_it: bool = False) -> list[Finished]:
        """The finals and gaps whose turn it is, in order; at the end, all of them."""
        with self._lock:
            ready: list[Finished] = []
            while self._waiting and (all_of_it or self._may_go(self._waiting[0].entry)):
                final = self._waiting.pop(0)
                ready.append(replace(final, is_echo=self._is_echo(final)))
            return ready

    def next_start(self, source: str) -> float:
        """Seconds before which the source says nothing that has not been released."""
        with self._lock:
            waiting = [one.entry.start_seconds for one in self._waiting if one.entry.source == source]
            return min([*waiting, self._voices[source].next_start()])

    def _wait(self, final: Finished) -> None:
        self._waiting.append(final)
        self._waiting.sort(key=lambda waiting: waiting.entry.start_seconds)

    def _may_go(self, entry: Entry) -> bool:
        others = [voice for source, voice in self._voices.items() if source != entry.source]
        until = entry.end_seconds if isinstance(entry, Utterance) else entry.start_seconds
        return all(voice.next_start() > until for voice in others)

    def _is_echo(self, final: Finished) -> bool:
        entry = final.entry
        if isinstance(entry, TranscriptGap):
            return False
        played = (
            one
            for one, loudness in self._played
            if one.source != entry.source and (not self.crosstalk or self._is_louder(one, loudness, final))
        )
        return is_echo(entry, played)  # all that was played meanwhile is known: the entry has waited for it

    def _is_louder(self, one: Utterance, loudness: float, final: Finished) -> bool:
        """Of two as loud, as in two channels that are the same, the source that was named first."""
        order = list(self._voices)
        return (loudness, -order.index(one.source)) > (final.loudness, -order.index(final.entry.source))

    def _forget_played(self) -> None:
        """By time and not by number: while a session is recovered, one source may be hours ahead of another."""
        others = [voice.next_start() for source, voice in self._voices.items() if source != self._echo_of]
        waiting = [one.entry.start_seconds for one in self._waiting if one.entry.source != self._echo_of]
        now = self._voices[self._played[-1][0].source].heard_seconds  # one that is away comes back no earlier
        earliest = min([*others, *waiting, now])
        self._played = [one for one in self._played if one[0].end_seconds >= earliest]
