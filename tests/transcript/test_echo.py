"""An echo is told by its words and its time."""

import pytest

from live_canary.transcript.echo import is_echo
from live_canary.transcript.utterance import Utterance


def said(text: str, start: float = 10.0, seconds: float = 2.0) -> Utterance:
    return Utterance(0, start, start + seconds, text, "somebody")


PLAYED = said("Shall we begin with the new house, or with the garden?")


@pytest.mark.parametrize(
    "heard",
    [
        said("Shall we begin with the new house, or with the garden?", start=10.2),
        said("shall we begin with the new mouse or with a garden", start=10.3),
        said("with the new house", start=10.8, seconds=0.8),
        said("with the new mouse", start=10.8, seconds=0.8),  # three of four
    ],
)
def test_the_same_words_at_the_same_time_are_an_echo(heard):
    assert is_echo(heard, [PLAYED])


LONG = said(
    "What I wanted to say about the release is that we are going to have to move it by at least two weeks, because the "
    "team has not been able to finish the tests, and I think that the best thing for all of us would be to tell the "
    "customers now and not on the last day, so that they can plan for it. Is Thursday at ten good for you?",
    seconds=25.0,
)


@pytest.mark.parametrize(
    "heard",
    [
        said("Is Thursday at ten good for you?", start=33.6, seconds=1.9),
        said("the team was not able to finish tests and I think the best thing for us", start=18.6, seconds=7.0),
    ],
)
def test_a_part_of_something_long_is_an_echo(heard):
    assert is_echo(heard, [LONG])


@pytest.mark.parametrize(
    "words", ["I think so.", "What is it?", "We have not finished the tests.", "So we have to move the release."]
)
def test_an_answer_of_words_that_are_here_and_there_in_something_long_is_real_speech(words):
    assert not is_echo(said(words, start=25.0), [LONG])


SHIPPING = said("We ship on Friday the ninth.", start=0.0, seconds=5.0)
TELLING = said("Please tell the others about it.", start=5.7, seconds=3.3)


@pytest.mark.parametrize("delay", [0.0, 0.2, 0.5])
@pytest.mark.parametrize(
    "heard",
    [
        said("We ship on Friday the 9th. Please tell the others about it.", start=0.0, seconds=9.0),
        said("Friday the ninth please tell the others", start=2.1, seconds=5.4),
    ],
)
def test_an_echo_that_is_cut_elsewhere_is_one_of_all_that_is_played_meanwhile(heard, delay):
    """The reverberation of a room fills the pause between two utterances: 9 s were in no single one of them."""
    later = said(heard.text, heard.start_seconds + delay, heard.end_seconds - heard.start_seconds)
    assert is_echo(later, [TELLING, SHIPPING])
    assert not is_echo(later, [TELLING])


def test_an_echo_that_the_microphone_cuts_in_two_is_one_of_what_is_played_in_one_piece():
    played = said("We ship on Friday the ninth. Please tell the others about it.", start=0.0, seconds=9.0)
    assert is_echo(said("We ship on Friday the ninth.", start=0.2, seconds=4.4), [played])
    assert is_echo(said("Please tell the others about it.", start=5.0, seconds=4.3), [played])


@pytest.mark.parametrize(
    ("answer", "played"),
    [
        (said("Thursday at ten?", start=35.6, seconds=1.2), [LONG]),
        (said("Friday the ninth?", start=5.1, seconds=0.7), [SHIPPING]),
        (said("Friday the ninth?", start=5.3, seconds=1.2), [SHIPPING, TELLING]),
        (said("On Friday the ninth?", start=5.9, seconds=1.4), [SHIPPING, TELLING]),
        (said("Friday the ninth?", start=4.4, seconds=1.2), [said(SHIPPING.text + " And then we rest.", 0.0, 6.2)]),
    ],
)
def test_an_answer_that_repeats_the_last_words_is_real_speech(answer, played):
    """What ended at most 1.5 s after them was left out, and was in no file."""
    assert not is_echo(answer, played)


def test_a_question_that_the_other_side_repeats_while_it_is_asked_is_real_speech():
    played = said("Friday the ninth, exactly.", start=6.4, seconds=1.6)
    assert not is_echo(said("Friday the ninth?", start=5.3, seconds=1.2), [played])


@pytest.mark.parametrize(
    ("before", "after"), [("", "No, I can't."), ("Well, no.", ""), ("", "That's late."), ("But who tells them?", "")]
)
def test_words_between_which_nothing_is_played_are_not_lost_in_a_long_echo(before, after):
    """A quarter of what was heard could be other words: of half a minute ten seconds."""
    own = 0.3 * (before + after).count(" ")
    heard = said(f"{before} {LONG.text} {after}", start=10.2 - own * bool(before), seconds=25.0 + own)
    assert not is_echo(heard, [LONG])


@pytest.mark.parametrize(
    "heard",
    [
        said("No, I would like to see the garden first.", start=10.5),
        said("Shall we begin with the new house, or with the garden?", start=20.0),
        said("Shall we begin with the new house, or with the garden? I would say that we do both today.", start=10.2),
    ],
)
def test_other_words_or_another_time_are_real_speech(heard):
    assert not is_echo(heard, [PLAYED])


def test_a_short_answer_is_an_echo_only_if_it_comes_at_the_same_moment():
    assert is_echo(said("Yes.", 10.1, 0.3), [said("Yes.", 10.0, 0.3)])
    assert not is_echo(said("Yes.", 10.8, 0.3), [said("Yes.", 10.0, 0.3)])


def test_no_words_are_no_echo():
    assert not is_echo(said("..."), [PLAYED])
