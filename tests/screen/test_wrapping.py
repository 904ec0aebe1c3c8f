import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from live_canary.screen import wrapping
from live_canary.screen.wrapping import NARROW, line_count, wrap


def broken(text: str, width: int) -> list[str]:
    return [text[start:end] for start, end in wrap(text, width)]


@pytest.mark.parametrize(
    ("text", "width", "lines"),
    [
        ("", 10, [""]),
        ("one two", 7, ["one two"]),
        ("one two", 6, ["one", "two"]),
        ("one two three", 7, ["one two", "three"]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("a abcdefgh b", 4, ["a", "abcd", "efgh", "b"]),
        ("日本語の文", 4, ["日本", "語の", "文"]),
        ("日本 語の", 5, ["日本", "語の"]),
        ("café au lait", 7, ["café au", "lait"]),
        ("a日", 2, ["a", "日"]),
        ("👩‍🚀👩‍🚀👩‍🚀", 5, ["👩‍🚀", "👩‍🚀", "👩‍🚀"]),
        ("❤️❤️❤️", 5, ["❤️❤️", "❤️"]),
        ("e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301"]),
    ],
)
def test_lines_break_at_spaces_and_within_a_word_only_if_it_is_wider_than_a_line(text, width, lines):
    assert broken(text, width) == lines


@settings(deadline=None)
@given(st.text(alphabet="ab 日é❤\ufe0f", max_size=60), st.integers(min_value=2, max_value=12))
def test_no_line_is_too_wide_and_no_letter_is_lost(text, width):
    lines = broken(text, width)
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@settings(deadline=None)
@given(st.text(alphabet="ab ", max_size=60), st.integers(min_value=2, max_value=12))
def test_the_fast_path_breaks_as_the_general_one(text, width):
    accented, plain = broken(text + " e\u0301", width), broken(text + " é", width)
    assert [line.replace("e\u0301", "é") for line in accented] == plain


def test_the_fast_path_measures_no_letter_of_what_is_written_in_europe(monkeypatch):
    """A day's lines are broken anew whenever the window is resized."""
    monkeypatch.setattr(wrapping, "cell_len", lambda letters: pytest.fail(f"{letters} was measured"))
    assert broken("José: “Čapek” – Ωραία, Чехов…", 12) == ["José:", "“Čapek” –", "Ωραία,", "Чехов…"]


def test_what_the_fast_path_takes_for_a_cell_is_one():
    taken = [chr(number) for number in range(sys.maxunicode) if NARROW.fullmatch(chr(number))]
    assert {cell_len(letter) for letter in taken} == {1}


@settings(deadline=None)
@given(st.text(alphabet="ab é日", max_size=60), st.integers(min_value=2, max_value=12))
def test_lines_are_counted_as_they_are_broken(text, width):
    assert line_count(text, width) == len(wrap(text, width))
