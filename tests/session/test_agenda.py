"""Finals before tails before partials; partials only in their share of the time; no final is ever dropped."""

import threading

import numpy as np
import pytest

from live_canary.segments.segment import Segment
from live_canary.session.agenda import (
    LOOK_SECONDS,
    MOST_WAITING_SECONDS,
    Agenda,
    Amendment,
    Bookmarking,
    Kind,
    Nothing,
    Rehearing,
    Work,
)
from live_canary.transcript.utterance import TranscriptGap

RATE = 16_000


def work(kind: Kind, seconds: float = 1.0, source: str = "talk") -> Work:
    samples = np.zeros(round(seconds * RATE), np.float32)
    return Work(kind, source, Segment(samples, 0, 0, len(samples), "pause"), noted_at=0.0)


class HandClock:
    """Seconds that pass when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_finals_come_first_then_tails_then_partials():
    agenda = Agenda()
    partial, tail, final = work(Kind.PARTIAL, source="a"), work(Kind.TAIL, source="b"), work(Kind.FINAL, source="c")
    agenda.offer(partial)
    agenda.offer(tail)
    agenda.put_final(final, wait=False)
    assert [agenda.next(), agenda.next(), agenda.next()] == [final, tail, partial]


def test_a_final_makes_tail_and_partial_of_its_source_pointless():
    agenda = Agenda()
    agenda.offer(work(Kind.PARTIAL))
    agenda.offer(work(Kind.TAIL))
    final = work(Kind.FINAL)
    agenda.put_final(final, wait=False)
    assert [agenda.next(), agenda.next(lambda: 0.0)] == [final, Nothing.YET]


def test_a_closed_agenda_hands_out_what_is_said_no_more():
    """Its end has been heard, and waits for nothing that is only shown."""
    agenda = Agenda()
    agenda.offer(work(Kind.PARTIAL, source="a"))
    agenda.offer(work(Kind.TAIL, source="b"))
    agenda.close()
    assert agenda.next() is None


def test_a_newer_partial_replaces_one_that_nobody_has_begun():
    agenda = Agenda()
    agenda.offer(work(Kind.PARTIAL, 1.0))
    newer = work(Kind.PARTIAL, 2.0)
    agenda.offer(newer)
    assert agenda.next() == newer


def test_partials_wait_for_their_share_of_the_time_and_finals_do_not():
    clock = HandClock()
    agenda = Agenda(clock)
    agenda.no_partial_before(5.0)
    partial, final = work(Kind.PARTIAL, source="a"), work(Kind.FINAL, source="b")
    agenda.offer(partial)
    agenda.put_final(final, wait=False)
    assert agenda.next() == final
    clock.now = 5.0
    assert agenda.next() == partial


def test_what_the_user_types_is_not_replaced_by_what_was_asked_for_before():
    agenda = Agenda()
    for request in (Rehearing(0), Rehearing(1), Amendment(0, "typed"), Rehearing(2), Bookmarking(1, True)):
        agenda.put_request(request)
    agenda.close()
    assert [agenda.next() for _ in range(5)] == [
        Amendment(0, "typed"),
        Bookmarking(1, True),  # a line that is marked may still be heard again
        Rehearing(1),
        Rehearing(2),
        None,
    ]


def test_a_closed_agenda_still_hands_out_every_final_and_gap():
    agenda = Agenda()
    finals = [work(Kind.FINAL, seconds) for seconds in (1.0, 2.0)]
    gap = TranscriptGap(1.0, 2.0, "unplugged", "talk")
    agenda.put_final(finals[0], wait=False)
    agenda.put_gap(gap)
    agenda.put_final(finals[1], wait=False)
    agenda.close()
    assert [agenda.next() for _ in range(4)] == [finals[0], gap, finals[1], None]


def test_what_is_being_written_is_left_until_somebody_asks_for_more():
    agenda = Agenda()
    for request in (Amendment(0, "typed"), Bookmarking(0, True), Rehearing(1)):
        agenda.put_request(request)
    agenda.close()
    left = [agenda.amendments_left for _ in iter(agenda.next, None)]
    assert [*left, agenda.amendments_left] == [2, 1, 0, 0]


def test_a_rehearing_counts_once_it_has_become_an_amendment():
    agenda = Agenda()
    agenda.put_request(Rehearing(1))
    agenda.next_request()
    agenda.has_become_amendment()
    assert agenda.amendments_left == 1
    agenda.dismiss()
    assert agenda.next_request() is None
    assert agenda.amendments_left == 0


def test_patience_that_a_disk_has_used_up_is_not_had_again():
    """Whoever leaves waits twice, once while the screen closes."""
    agenda, paused = Agenda(), []
    agenda.put_request(Amendment(0, "typed"))
    for _ in range(2):
        agenda.wait_for_amendments(paused.append, 5 * LOOK_SECONDS, lambda left: None)
    assert sum(paused) == 5 * LOOK_SECONDS


def test_the_backlog_counts_the_seconds_of_finals_only():
    agenda = Agenda()
    agenda.offer(work(Kind.PARTIAL, 9.0))
    agenda.put_final(work(Kind.FINAL, 1.5), wait=False)
    agenda.put_final(work(Kind.FINAL, 2.5), wait=False)
    assert agenda.backlog_seconds == 4.0


def test_a_source_that_can_wait_does_so_while_the_agenda_is_full():
    class Looked(Agenda):
        looked = threading.Event()

        def _backlog_seconds(self) -> float:  # under the lock, which the thread lets go of only to wait
            if threading.current_thread() is thread:
                self.looked.set()
            return super()._backlog_seconds()

    def put() -> None:
        agenda.put_final(work(Kind.FINAL, 1.0), wait=True)
        taken.append(True)

    agenda, taken, thread = Looked(), [], threading.Thread(target=put, daemon=True)
    for _ in range(int(MOST_WAITING_SECONDS // 30)):
        agenda.put_final(work(Kind.FINAL, 30.0), wait=True)
    thread.start()
    assert agenda.looked.wait(20)
    assert not taken  # it cannot have been put: there is no room
    agenda.next()
    thread.join(20)
    assert taken


def test_a_live_source_never_waits():
    agenda = Agenda()
    for _ in range(10):
        agenda.put_final(work(Kind.FINAL, 30.0), wait=False)
    assert agenda.backlog_seconds == 300.0


@pytest.mark.parametrize("kind", list(Kind))
def test_waiting_for_any_work_ends_with_the_first(kind):
    agenda = Agenda()
    (agenda.offer if kind is not Kind.FINAL else lambda item: agenda.put_final(item, wait=False))(work(kind))
    assert agenda.wait_for_any()


def test_waiting_for_any_work_ends_when_there_never_will_be():
    agenda = Agenda()
    agenda.close()
    assert not agenda.wait_for_any()


def test_nothing_is_handed_out_that_comes_after_all_was_given_up():
    """Ctrl-C went on waiting for what the listening threads brought while they ended."""
    agenda = Agenda()
    agenda.abandon()
    agenda.put_final(work(Kind.FINAL), wait=True)
    agenda.put_gap(TranscriptGap(0.0, 1.0, "lost", "talk"))
    assert agenda.next() is None
