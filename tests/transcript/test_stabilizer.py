"""Settled words are agreed by two consecutive hypotheses and are only added to."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from live_canary.transcript.stabilizer import Stabilizer, StableText


def feed_all(*texts: str) -> list[StableText]:
    stabilizer = Stabilizer()
    return [stabilizer.feed(text) for text in texts]


def test_the_first_hypothesis_is_all_tentative():
    assert feed_all("I think we") == [StableText("", "I think we")]


def test_words_settle_when_the_next_hypothesis_agrees_and_goes_on():
    assert feed_all("I think we", "I think we should leaf", "I think we should leave now")[1:] == [
        StableText("I think we", "should leaf"),
        StableText("I think we should", "leave now"),
    ]


def test_the_last_word_does_not_settle_since_it_may_still_grow():
    assert feed_all("the car", "the car")[-1] == StableText("the", "car")


def test_a_hypothesis_that_contradicts_settled_text_changes_only_what_follows():
    *_, last = feed_all("we will go", "we will go home", "he will go home now")
    assert last == StableText("we will go", "home now")


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c"]), max_size=6).map(" ".join), max_size=12))
def test_settled_text_only_grows(texts):
    settled = [stable.settled.split() for stable in feed_all(*texts)]
    for earlier, later in itertools.pairwise(settled):
        assert later[: len(earlier)] == earlier
