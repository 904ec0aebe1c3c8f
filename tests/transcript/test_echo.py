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
    ],
)
def test_the_same_words_at_the_same_time_are_an_echo(heard):
    assert is_echo(heard, PLAYED)


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
