"""Who may speak next in the transcript: order across sources, as pure state."""

from dataclasses import replace

import pytest

from live_canary.session.conversation import Conversation, Finished
from live_canary.transcript.utterance import TranscriptGap, Utterance


def final(source: str, start: float, end: float, text: str = "words that nobody else says") -> Finished:
    return Finished(Utterance(-1, start, end, text, source), noted_at=0.0)


def spoken(conversation: Conversation, one: Finished) -> None:
    conversation.begun(one.entry.source, one.entry.start_seconds)
    conversation.finished(one.entry.source, one)


def test_with_one_source_nothing_waits():
    conversation = Conversation(["Me"])
    one = final("Me", 1.0, 2.0)
    spoken(conversation, one)
    assert conversation.released() == [one]
    assert not conversation.is_waiting


def test_a_final_waits_for_an_utterance_that_began_earlier():
    conversation = Conversation(["Me", "Them"])
    earlier, later = final("Them", 1.0, 9.0), final("Me", 3.0, 4.0)
    conversation.begun("Them", 1.0)
    spoken(conversation, later)
    conversation.heard("Me", 20.0)
    conversation.heard("Them", 20.0)
    assert conversation.released() == []
    assert conversation.is_waiting
    conversation.finished("Them", earlier)
    assert conversation.released() == [earlier, later]


def test_a_final_waits_until_the_other_source_has_been_heard_that_far():
    conversation = Conversation(["Me", "Them"])
    one = final("Me", 3.0, 4.0)
    spoken(conversation, one)
    conversation.heard("Them", 4.0)  # an utterance that began at 3.9 s would not be announced yet
    assert conversation.released() == []
    conversation.heard("Them", 4.6)
    assert conversation.released() == [one]


def test_the_next_words_of_a_source_begin_where_the_earliest_of_them_may():
    conversation = Conversation(["Me", "Them"])
    conversation.heard("Me", 5.0)
    assert conversation.next_start("Me") == 4.5  # what began just now is not announced yet
    conversation.begun("Them", 1.0)
    spoken(conversation, final("Me", 3.0, 4.0))
    assert conversation.next_start("Me") == 3.0  # it waits for Them
    conversation.finished("Them", None)
    conversation.ended("Them")
    conversation.released()
    conversation.begun("Me", 4.2)
    assert conversation.next_start("Me") == 4.2
    conversation.finished("Me", None)
    conversation.ended("Me")
    assert conversation.next_start("Me") == float("inf")


def test_a_source_that_has_ended_keeps_nobody_waiting():
    conversation = Conversation(["Me", "Them"])
    one = final("Me", 3.0, 4.0)
    spoken(conversation, one)
    conversation.ended("Them")
    assert conversation.released() == [one]


def test_an_utterance_without_words_keeps_nobody_waiting():
    conversation = Conversation(["Me", "Them"])
    conversation.begun("Them", 1.0)
    conversation.finished("Them", None)
    conversation.heard("Them", 9.0)
    one = final("Me", 3.0, 4.0)
    spoken(conversation, one)
    assert conversation.released() == [one]


def test_at_the_end_everything_is_released_in_order():
    conversation = Conversation(["Me", "Them"])
    second, first = final("Me", 3.0, 4.0), final("Them", 2.0, 6.0)
    spoken(conversation, second)
    spoken(conversation, first)
    assert conversation.released(all_of_it=True) == [first, second]


def test_a_gap_stands_where_it_began_also_when_the_final_before_it_has_to_wait():
    conversation = Conversation(["Me", "Them"])
    before, theirs = final("Me", 1.0, 3.0), final("Them", 0.5, 10.0)
    conversation.begun("Them", 0.5)
    spoken(conversation, before)
    gap = TranscriptGap(3.0, 4.0, "overflow", "Me")
    conversation.missed(gap)
    conversation.heard("Me", 11.0)
    conversation.heard("Them", 11.0)
    assert conversation.released() == []
    conversation.finished("Them", theirs)
    assert conversation.released() == [theirs, before, Finished(gap)]


def test_a_gap_does_not_wait_for_what_others_began_to_say_after_it():
    conversation = Conversation(["Me", "Them"])
    gap = TranscriptGap(3.0, 60.0, "microphone lost", "Me")
    conversation.missed(gap)
    conversation.heard("Them", 60.0)
    conversation.begun("Them", 59.0)
    assert conversation.released() == [Finished(gap)]


def test_what_the_other_side_said_is_dropped_from_the_microphone_and_never_the_other_way_round():
    conversation = Conversation(["Me", "Them"], echo_of="Them")
    words = "we will begin with the new house"
    echo, played = final("Me", 3.1, 5.1, words), final("Them", 3.0, 5.0, words)
    spoken(conversation, echo)
    spoken(conversation, played)
    assert conversation.released(all_of_it=True) == [played, replace(echo, is_echo=True)]


def test_an_echo_waits_for_all_that_was_played_while_it_was_heard_and_not_longer():
    conversation = Conversation(["Me", "Them"], echo_of="Them")
    first = final("Them", 0.0, 5.0, "We ship on Friday the ninth.")
    second = final("Them", 5.7, 9.0, "Please tell the others about it.")
    echo = final("Me", 0.2, 9.2, "We ship on Friday the ninth. Please tell the others about it.")
    spoken(conversation, first)
    conversation.begun("Them", 5.7)
    spoken(conversation, echo)
    conversation.heard("Me", 10.0)
    conversation.heard("Them", 9.8)
    assert conversation.released() == [first]
    conversation.finished("Them", second)
    assert conversation.released() == [replace(echo, is_echo=True), second]


def test_nobody_waits_for_a_loudspeaker_that_is_lost():
    conversation = Conversation(["Me", "Them"], echo_of="Them")
    played = final("Them", 0.0, 5.0, "We ship on Friday the ninth.")
    heard = final("Me", 0.2, 9.2, "We ship on Friday the ninth. Please tell the others about it.")
    spoken(conversation, played)
    conversation.away("Them")
    spoken(conversation, heard)
    conversation.heard("Me", 10.0)
    assert conversation.released() == [played, heard]


def test_an_echo_is_known_however_much_the_other_side_has_said_since():
    """A recovery hears as fast as it can, so that one source may be hours ahead; the last 50 lines were remembered."""
    conversation = Conversation(["Me", "Them"], echo_of="Them")
    words = "we will begin with the new house"
    played, echo = final("Them", 3.0, 5.0, words), final("Me", 3.1, 5.1, words)
    spoken(conversation, played)
    later = [final("Them", 10.0 * n, 10.0 * n + 5) for n in range(1, 1000)]
    for one in later:
        conversation.heard("Them", one.entry.end_seconds + 1)
        spoken(conversation, one)
    spoken(conversation, echo)
    assert conversation.released(all_of_it=True) == [played, replace(echo, is_echo=True), *later]


@pytest.mark.parametrize("is_away", [False, True])
def test_what_the_other_side_said_is_forgotten_when_nobody_can_repeat_it_any_more(is_away):
    conversation = Conversation(["Me", "Them"], echo_of="Them")
    if is_away:
        conversation.away("Me")
    for n in range(1000):
        conversation.heard("Them", 10.0 * n + 6)
        spoken(conversation, final("Them", 10.0 * n, 10.0 * n + 5))
        if not is_away:
            conversation.heard("Me", 10.0 * n + 6)
    assert len(conversation._played) <= 2


@pytest.mark.parametrize("louder", ["Ana", "Ben"])
@pytest.mark.parametrize("order", [1, -1])
def test_of_what_two_microphones_hear_at_one_table_the_louder_is_right(louder, order):
    """Whoever of the two said it, and whichever is decoded first."""
    conversation = Conversation(["Ana", "Ben"], crosstalk=True)
    words = "we will begin with the new house"
    both = [
        replace(final(name, start, start + 2, words), loudness=0.1 if name == louder else 0.01)
        for name, start in (("Ana", 3.0), ("Ben", 3.1))
    ]
    for one in both[::order]:
        spoken(conversation, one)
    released = conversation.released(all_of_it=True)
    assert {one.entry.source: one.is_echo for one in released} == {"Ana": louder != "Ana", "Ben": louder != "Ben"}


def test_with_crosstalk_what_only_one_said_stays_however_low_and_of_equals_the_first():
    conversation = Conversation(["Ana", "Ben"], crosstalk=True)
    low, loud = final("Ana", 3.0, 5.0), replace(final("Ben", 3.1, 5.1, "quite another sentence"), loudness=0.5)
    again = replace(final("Ana", 5.5, 7.0, "quite another sentence"), loudness=0.1)
    for one in (low, loud, again):
        spoken(conversation, one)
    assert not any(one.is_echo for one in conversation.released(all_of_it=True))
    first, same = final("Ana", 13.0, 15.0), final("Ben", 13.0, 15.0)  # as in two channels that are the same
    for one in (same, first):
        spoken(conversation, one)
    assert {one.entry.source: one.is_echo for one in conversation.released(all_of_it=True)} == {
        "Ana": False,
        "Ben": True,
    }


def test_with_crosstalk_one_source_may_be_hours_ahead_and_nothing_is_remembered_that_long():
    conversation = Conversation(["Ana", "Ben"], crosstalk=True)
    echoes = []
    for n in range(1, 1000):
        conversation.heard("Ana", 10.0 * n + 6)
        spoken(conversation, replace(final("Ana", 10.0 * n, 10.0 * n + 5, f"they say it {n} times over"), loudness=1.0))
    for n in range(1, 1000):
        conversation.heard("Ben", 10.0 * n + 6)
        spoken(conversation, final("Ben", 10.0 * n, 10.0 * n + 5, f"they say it {n} times over"))
        echoes += [one for one in conversation.released() if one.is_echo]
    assert len(echoes) == 999
    assert len(conversation._played) < 10
