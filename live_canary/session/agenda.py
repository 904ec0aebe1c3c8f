"""What the model has to do next: finals before heard tails before partials, and no final is ever dropped."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from itertools import islice

from live_canary.segments.segment import WaitingSegment
from live_canary.transcript.utterance import TranscriptGap

MOST_WAITING_SECONDS = 120.0  # of sound, 7.7 MB; what comes then waits in its source or on the disk
LOOK_SECONDS = 1.0  # how often a slow disk is asked, at the end, what it has taken
LOOKS_WITHOUT_A_WORD = 5  # then the user hears what is waited for


class Kind(Enum):
    FINAL = "final"
    """The utterance is over."""
    TAIL = "tail"
    """It is over unless somebody goes on speaking before the hangover ends."""
    PARTIAL = "partial"
    """Somebody is speaking it."""


class Nothing(Enum):
    YET = "nothing to do for now"


@dataclass(frozen=True, slots=True)
class Work:
    kind: Kind
    source: str
    segment: WaitingSegment
    noted_at: float
    """When it was put on the agenda, in seconds of the session's clock."""


@dataclass(frozen=True, slots=True)
class Amendment:
    """The user gives an utterance another text; None deletes it."""

    index: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Bookmarking:
    """The user marks an utterance, or takes the mark away."""

    index: int
    is_set: bool


@dataclass(frozen=True, slots=True)
class Rehearing:
    """The user wants the model to hear an utterance again."""

    index: int


Request = Amendment | Bookmarking | Rehearing
Item = Work | TranscriptGap | Request


class Agenda:
    """Hands work from the listening threads to the transcribing one."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._changed = threading.Condition()
        self._finals: deque[Work | TranscriptGap] = deque()
        self._tails: dict[str, Work] = {}
        self._partials: dict[str, Work] = {}
        self._partials_not_before = 0.0
        self._amendments: deque[Amendment | Bookmarking] = deque()
        self._rehearings: deque[Rehearing] = deque()
        self._in_hand = 0
        """Amendments that were handed out last: whoever asks for more has answered them."""
        self.amendments_given_up = 0
        """How many were taken to be left to a recovery."""
        self._left_before, self._stood_still_seconds = 0, 0.0
        self._closed = self._abandoned = False
        self._dismissed = False

    @property
    def backlog_seconds(self) -> float:
        """Sound of finished utterances that nobody has begun to transcribe."""
        with self._changed:
            return self._backlog_seconds()

    @property
    def amendments_left(self) -> int:
        """How many are not answered yet, the one that is just being written among them."""
        with self._changed:
            return len(self._amendments) + self._in_hand

    @property
    def has_amendments(self) -> bool:
        """Whether some wait that nobody has begun."""
        with self._changed:
            return bool(self._amendments)

    def finals_waiting(self, most: int) -> list[Work]:
        """The finished utterances that come next, at most so many, which stay where they are."""
        with self._changed:
            return list(islice((item for item in self._finals if isinstance(item, Work)), most))

    def put_final(self, work: Work, *, wait: bool) -> None:
        """Add a finished utterance; with `wait`, not before there is room."""
        with self._changed:
            if wait:
                self._changed.wait_for(lambda: self._closed or self._backlog_seconds() < MOST_WAITING_SECONDS)
            self._tails.pop(work.source, None)
            self._partials.pop(work.source, None)
            self._add(work)

    def put_gap(self, gap: TranscriptGap) -> None:
        """Add a stretch that was not heard, to be noted between the finals before and after it."""
        with self._changed:
            self._add(gap)

    def put_request(self, request: Request) -> None:
        """Add an amendment or a bookmark, done at once, or a rehearing, after all finals; also after the end.

        A rehearing that an amendment finds waiting is not done any more: the user's later word is the last.
        """
        with self._changed:
            match request:
                case Rehearing():
                    self._rehearings.append(request)
                case Bookmarking():
                    self._amendments.append(request)
                case Amendment(index):
                    self._amendments.append(request)
                    self._rehearings = deque(one for one in self._rehearings if one.index != index)
            self._changed.notify_all()

    def offer(self, work: Work) -> None:
        """Suggest a tail or a partial; it replaces an earlier one of its source that nobody has begun."""
        with self._changed:
            if work.kind is Kind.TAIL:
                self._tails[work.source] = work
                self._partials.pop(work.source, None)
            else:
                self._partials[work.source] = work
            self._changed.notify_all()

    def no_partial_before(self, moment: float) -> None:
        with self._changed:
            self._partials_not_before = moment

    def close(self) -> None:
        """No more will come; what is there is still handed out."""
        with self._changed:
            self._closed = True
            self._tails.clear()
            self._partials.clear()
            self._changed.notify_all()

    def abandon(self) -> None:
        """Nothing that is there matters, nor what listening threads still bring while they end."""
        with self._changed:
            self._abandoned = True
            self._finals.clear()
        self.close()

    def dismiss(self) -> None:
        """Nobody will ask for anything any more."""
        with self._changed:
            self._dismissed = True
            self._changed.notify_all()

    def wait_for_amendments(
        self, pause: Callable[[float], object], patience_seconds: float, tell_left: Callable[[int], None]
    ) -> None:
        """What the user corrected last may wait for the disk, or for a line that the model hears again.

        A disk that takes nothing for as long as patience lasts is left, also by whoever waits once more; one that is
        slow is waited for. pause: returns after so many seconds, or when nobody writes any more; tell_left: is told
        once, if it takes long, how many there are.
        """
        looks = 0
        while left := self.amendments_left:
            stands_still = left == self._left_before
            self._stood_still_seconds = self._stood_still_seconds + LOOK_SECONDS if stands_still else 0.0
            self._left_before, looks = left, looks + 1
            if self._stood_still_seconds >= patience_seconds:
                return
            if looks == LOOKS_WITHOUT_A_WORD:
                tell_left(left)
            pause(LOOK_SECONDS)

    def take_amendments(self) -> list[Amendment | Bookmarking]:
        """All that nobody has begun, which nobody else gets then."""
        with self._changed:
            taken = list(self._amendments)
            self._amendments.clear()
            self.amendments_given_up += len(taken)
        return taken

    def has_become_amendment(self) -> None:
        """From now on the rehearing that was handed out last counts as an amendment that is being written."""
        with self._changed:
            self._in_hand = 1

    def next_request(self) -> Request | None:
        """What is wanted after the end, as soon as it is; None once nobody can want anything."""
        with self._changed:
            self._in_hand = 0
            self._changed.wait_for(lambda: self._dismissed or self._amendments or self._rehearings)
            if self._amendments:
                return self._take_amendment()
            return self._rehearings.popleft() if self._rehearings and not self._dismissed else None

    def wait_for_any(self) -> bool:
        """True once there is work; False if there never will be."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._finals or self._tails or self._partials)
            return bool(self._finals or self._tails or self._partials)

    def next(self, patience: Callable[[], float | None] = lambda: None) -> Item | Nothing | None:
        """The most urgent work, as soon as there is some; Nothing.YET after `patience()` seconds; None at the end."""
        with self._changed:
            self._in_hand = 0
            waited = False
            while True:
                if work := self._take():
                    self._changed.notify_all()
                    return work
                if self._closed:
                    return None
                limit = patience()
                if waited and limit is not None:
                    return Nothing.YET
                partial = self._seconds_to_partial()
                waits = [seconds for seconds in (limit, partial) if seconds is not None]
                waited = not self._changed.wait(timeout=min(waits) if waits else None)

    def _add(self, item: Work | TranscriptGap) -> None:
        if not self._abandoned:
            self._finals.append(item)
            self._changed.notify_all()

    def _take(self) -> Item | None:
        if self._amendments:
            return self._take_amendment()
        if self._finals:
            return self._finals.popleft()
        if self._tails:
            return self._tails.pop(next(iter(self._tails)))
        if self._rehearings:
            return self._rehearings.popleft()
        if self._partials and self._clock() >= self._partials_not_before:
            return self._partials.pop(next(iter(self._partials)))
        return None

    def _take_amendment(self) -> Amendment | Bookmarking:
        self._in_hand = 1
        return self._amendments.popleft()

    def _seconds_to_partial(self) -> float | None:
        return max(self._partials_not_before - self._clock(), 0.001) if self._partials else None

    def _backlog_seconds(self) -> float:
        return sum(item.segment.seconds for item in self._finals if isinstance(item, Work))
