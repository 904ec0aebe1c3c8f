import re
from dataclasses import replace
from itertools import accumulate

import pytest

from live_canary.screen.transcript_lines import TranscriptLines
from live_canary.transcript.utterance import TranscriptGap
from tests.screen.fake_session import said


def lines_of(*texts: str, width: int = 10, with_source: bool = False) -> TranscriptLines:
    lines = TranscriptLines(with_source=with_source)
    lines.width = width
    for text in texts:
        lines.append(said(text).utterance)
    return lines


def test_every_line_is_found_in_its_utterance():
    lines = lines_of("one two three four", "five", "six seven eight")
    assert lines.line_count == 2 + 1 + 2
    assert [lines.entry_at(line) for line in range(5)] == [(0, 0), (0, 1), (1, 0), (2, 0), (2, 1)]
    assert [(lines.first_line(number), lines.last_line(number)) for number in range(3)] == [(0, 1), (2, 2), (3, 4)]


@pytest.mark.parametrize("line", [-1, 1])
def test_there_is_no_entry_outside_the_transcript(line):
    with pytest.raises(IndexError):
        lines_of("one").entry_at(line)


def test_another_width_breaks_every_utterance_anew():
    lines = lines_of("one two three four", "five")
    lines.width = 80
    assert lines.line_count == 2
    assert lines.entry_at(1) == (1, 0)


@pytest.mark.parametrize("numbers", [range(400), reversed(range(400)), [7, 5, 300, 5, 301, 6]])
def test_every_line_is_found_after_corrections_in_any_order(numbers):
    lines = lines_of(*["one two three four", "five"] * 200)
    for number in numbers:
        lines.amend(number, None if number % 3 else "five six seven")
        lines.append(said("one").utterance)
    heights = [0 if number in lines.hidden else len(lines.lines(number)) for number in range(len(lines))]
    assert [lines.last_line(number) + 1 for number in range(len(lines))] == list(accumulate(heights))
    entries = [number for number, height in enumerate(heights) for _ in range(height)]
    assert [lines.entry_at(line)[0] for line in range(lines.line_count)] == entries


def test_of_many_lines_that_are_deleted_at_once_each_end_moves_once():
    """To delete 5,000 of 20,000 lines moved 60 million ends, and the screen stood still for three seconds."""
    moved = []

    class Counting(list):
        def __setitem__(self, place, ends):
            moved.extend(ends)
            super().__setitem__(place, ends)

    lines = lines_of(*["one"] * 400)
    lines._ends = Counting(lines._ends)
    for number in range(100, 200):
        lines.amend(number, None)
    assert lines.line_count == 300
    assert len(moved) < 2 * 400  # 100 times the rest before: 25,000


def test_sources_are_labelled_when_there_are_several():
    lines = lines_of("one", with_source=True)
    assert lines.texts == ["USB Microphone: one"]


def test_a_corrected_line_still_says_who_speaks():
    lines = lines_of("one", with_source=True)
    lines.amend(0, "two")
    assert lines.texts == ["USB Microphone: two"]


def test_of_the_commands_between_lines_those_are_saved_that_had_an_effect():
    lines = lines_of("one")
    for index, command in enumerate(("scratch that", "new line"), 1):
        lines.obey(replace(said(command, index=index).utterance, command=command))
    lines.append(said("two", index=3).utterance)
    assert [entry.text for entry in lines.to_save([0, 1])] == ["one", "new line", "two"]


def test_of_a_selection_only_the_commands_within_are_saved():
    lines = lines_of()
    for index, text in enumerate(("one", "new line", "two", "new paragraph", "three", "new line")):
        utterance = said(text, index=index).utterance
        if text.startswith("new"):
            lines.obey(replace(utterance, command=text))
        else:
            lines.append(utterance)
    assert [entry.text for entry in lines.to_save([1, 2])] == ["two", "new paragraph", "three"]
    assert [entry.text for entry in lines.to_save([0, 1])] == ["one", "new line", "two"]


def test_a_gap_is_an_entry_too():
    lines = lines_of("one", width=80)
    lines.append(TranscriptGap(start_seconds=1.0, end_seconds=3.0, reason="unplugged", source="USB Microphone"))
    assert lines.texts[1] == "[2.0 s not heard: unplugged]"


def test_matching_entries_are_found_in_their_order():
    lines = lines_of("The budget.", "Nothing.", "A Budget again.")
    assert lines.matching(re.compile("budget", re.IGNORECASE)) == [0, 2]


def test_who_speaks_is_not_searched():
    lines = lines_of("Nothing.", "That phone.", width=80, with_source=True)
    phone = re.compile("phone", re.IGNORECASE)
    assert lines.matching(phone) == [1]
    assert [lines.texts[1][start:end] for start, end in lines.matches(1, phone)] == ["phone"]
    assert [start for start, _ in lines.matches(1, phone)] == [len("USB Microphone: That ")]


def doubted(text: str, *confidences: float, flag=None, with_source: bool = False) -> list[str]:
    lines = TranscriptLines(with_source=with_source)
    lines.append(replace(said(text).utterance, confidences=confidences, flag=flag))
    return [lines.texts[0][start:end] for start, end in lines.doubtful(0)]


def test_words_that_the_model_is_not_sure_of_are_doubtful():
    assert doubted("Is it cold today?", 0.95, 0.4, 0.5, 0.49) == ["it", "today?"]
    assert doubted("Is it cold?", 0.95, 0.4, 1.0, with_source=True) == ["it"]


def test_all_of_an_utterance_in_which_the_model_repeated_itself_is_doubtful():
    assert doubted("Is it?", 1.0, 1.0, flag="loop", with_source=True) == ["Is it?"]


def test_nothing_is_doubtful_where_nobody_knows_or_the_user_has_spoken():
    assert doubted("Is it cold?") == []
    lines = TranscriptLines(with_source=False)
    lines.append(replace(said("Is it?").utterance, confidences=(0.1, 0.1)))
    lines.amend(0, "It is.")
    assert lines.doubtful(0) == []
