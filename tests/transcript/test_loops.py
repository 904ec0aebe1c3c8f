"""Loops of a stuck model are cut to one saying; what people repeat stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_canary.transcript.loops import cut_loops


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("he said " * 6 + "goodbye", "he said goodbye"),
        ("and " * 40, "and"),
        ("He knew the sea, he knew the sea. He knew the sea and went home.", "He knew the sea, and went home."),
        ("well " + "you are not here " * 9 + "then", "well you are not here then"),
    ],
)
def test_a_loop_is_reduced_to_its_phrase(text, cut):
    assert cut_loops(text) == (cut, True)


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
    assert cut_loops(text) == (text, False)


@given(st.lists(st.sampled_from(["a", "b", "c"]), max_size=60).map(" ".join))
def test_cutting_only_removes_words_and_tells_so(text):
    cut, looped = cut_loops(text)
    assert looped == (cut != text)
    remaining = iter(text.split())
    assert all(word in remaining for word in cut.split())
