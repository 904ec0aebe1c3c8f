"""Loops of a stuck model are cut to one saying; what people repeat stays."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_canary.transcript.loops import lines_until_loop, without_loops


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


def test_lines_are_given_as_soon_as_they_are_whole():
    given = []
    pieces = iter(["# No", "tes\n", "\n- one\n- t", "wo"])
    lines = lines_until_loop(given.append(piece) or piece for piece in pieces)
    assert next(lines) == "# Notes" and given == ["# No", "tes\n"]
    assert list(lines) == ["", "- one", "- two"]


def test_empty_lines_at_the_ends_are_left_out_and_others_become_one():
    assert list(lines_until_loop(iter(["\n\n  \nOne\n\n\n", "Two\n\n"]))) == ["One", "", "Two"]


def test_indented_points_stay_so_and_nothing_reaches_the_terminal_but_text():
    assert list(lines_until_loop(iter(["- a\n  - b\x1b[2Jc\n"]))) == ["- a", "  - bc"]


def test_an_answer_ends_where_it_says_the_same_line_for_the_third_time():
    forever = itertools.chain(["Points:\n"], itertools.cycle(["- the budget is fixed\n", "- the letters go out\n"]))
    assert list(lines_until_loop(forever)) == ["Points:", *["- the budget is fixed", "- the letters go out"] * 2]


def test_an_answer_ends_at_a_line_that_loops():
    pieces = ["It was about money and money and money and money and money and money and money.\n", "More.\n"]
    [line] = lines_until_loop(iter(pieces))
    assert line.startswith("It was about money and") and line.count("money") <= 2
