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
    assert is_echo(heard, PLAYED)


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
        said("the team was not able to finish tests and I think the best thing for us", start=18.0, seconds=5.0),
    ],
)
def test_a_part_of_something_long_is_an_echo(heard):
    assert is_echo(heard, LONG)


@pytest.mark.parametrize(
    "words", ["I think so.", "What is it?", "We have not finished the tests.", "So we have to move the release."]
)
def test_an_answer_of_words_that_are_here_and_there_in_something_long_is_real_speech(words):
    assert not is_echo(said(words, start=25.0), LONG)


def test_an_answer_that_repeats_the_last_words_is_real_speech():
    assert not is_echo(said("Thursday at ten?", start=35.6, seconds=1.2), LONG)


@pytest.mark.parametrize(
    "heard",
    [
        said("No, I would like to see the garden first.", start=10.5),
        said("Shall we begin with the new house, or with the garden?", start=20.0),
        said("Shall we begin with the new house, or with the garden? I would say that we do both today.", start=10.2),
    ],
)
def test_other_words_or_another_time_are_real_speech(heard):
    assert not is_echo(heard, PLAYED)


def test_a_short_answer_is_an_echo_only_if_it_comes_at_the_same_moment():
    assert is_echo(said("Yes.", 10.1, 0.3), said("Yes.", 10.0, 0.3))
    assert not is_echo(said("Yes.", 10.8, 0.3), said("Yes.", 10.0, 0.3))


def test_no_words_are_no_echo():
    assert not is_echo(said("..."), PLAYED)
