"""Loops of a stuck model are cut to one saying; what people repeat stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_canary.transcript.loops import without_loops


def cut(text: str) -> str:
    words = text.split()
    return " ".join(words[position] for position in without_loops(words))


@pytest.mark.parametrize(
    ("text", "once"),
    [
        ("he said " * 6 + "goodbye", "he said goodbye"),
        ("and " * 40, "and"),
        ("He knew the sea, he knew the sea. He knew the sea and went home.", "He knew the sea, and went home."),
        ("well " + "you are not here " * 9 + "then", "well you are not here then"),
    ],
)
def test_a_loop_is_reduced_to_its_phrase(text, once):
    assert cut(text) == once


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No, no, no, no!",
        "It was very, very, very, very good.",
        "Bye bye, bye bye.",
        "Ha ha ha ha ha.",
        "One two one two one two, testing.",
        "You are right. You are right.",
    ],
)
def test_what_people_repeat_stays(text):
    assert cut(text) == text


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=60).map(" ".join))
def test_cutting_only_removes_words(text):
    kept = without_loops(text.split())
    assert kept == sorted(set(kept))
    assert set(kept) <= set(range(len(text.split())))
