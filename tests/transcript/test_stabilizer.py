"""Settled words are agreed for half a second of sound, sure, followed by another, and only added to."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.stabilizer import Stabilizer, StableText, revised_words


def feed_all(*texts: str, every_seconds: float = 0.3) -> list[StableText]:
    stabilizer = Stabilizer()
    return [stabilizer.feed(Hypothesis(text), k * every_seconds) for k, text in enumerate(texts)]


def test_the_first_hypothesis_is_all_tentative():
    assert feed_all("I think we") == [StableText("", "I think we")]


def test_words_settle_when_the_hypotheses_of_half_a_second_agree_and_go_on():
    hypotheses = ("I think", "I think we should leaf", "I think we should leave it", "I think we should leave it to")
    assert feed_all(*hypotheses) == [
        StableText("", "I think"),
        StableText("", "I think we should leaf"),
        StableText("I think", "we should leave it"),
        StableText("I think we should", "leave it to"),
    ]


def test_two_hypotheses_are_enough_when_they_come_seldom():
    assert feed_all("I think we", "I think we should", every_seconds=4.0)[-1] == StableText("I think we", "should")


def test_a_change_of_mind_and_back_again_begins_anew():
    *_, last = feed_all("the old tree", "the old three", "the old tree is", "the old tree is green")
    assert last == StableText("the old", "tree is green")


def test_a_hypothesis_older_than_half_a_second_has_no_say():
    *_, last = feed_all("he", "we go", "we go home", every_seconds=0.5)
    assert last == StableText("we go", "home")


def test_the_last_word_does_not_settle_since_it_may_still_grow():
    assert feed_all("the car", "the car", "the car")[-1] == StableText("the", "car")


@pytest.mark.parametrize(("confidence", "settled"), [(0.59, "we"), (0.6, "we met Jo")])
def test_nothing_settles_from_a_word_on_of_which_the_model_is_not_sure(confidence, settled):
    stabilizer = Stabilizer()
    hypothesis = Hypothesis("we met Jo there", confidences=(0.9, confidence, 0.9, 0.9))
    stabilizer.feed(hypothesis, 0.0)
    assert stabilizer.feed(hypothesis, 0.5).settled == settled


def test_a_hypothesis_that_contradicts_settled_text_changes_only_what_follows():
    *_, last = feed_all("we will go", "we will go home", "we will go home", "he will go home now")
    assert last == StableText("we will go", "home now")


def test_settled_text_stays_however_long_later_hypotheses_contradict_it():
    *_, last = feed_all("we will go", "we will go home", "we will go home", *["he will go home now"] * 4)
    assert last == StableText("we will go", "home now")


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=6).map(" ".join), max_size=12))
def test_settled_text_only_grows(texts):
    settled = [stable.settled.split() for stable in feed_all(*texts)]
    for earlier, later in itertools.pairwise(settled):
        assert later[: len(earlier)] == earlier


@pytest.mark.parametrize(
    ("settled", "final", "revised"),
    [
        ("", "we go", 0),
        ("we go", "we go home", 0),
        ("we go", "he goes home", 2),
        ("we go home", "we now go home", 1),
        ("we go go home", "we go home", 1),
        ("we go", "", 2),
    ],
)
def test_revised_are_the_words_that_a_reader_sees_change(settled, final, revised):
    assert revised_words(settled, final) == revised
