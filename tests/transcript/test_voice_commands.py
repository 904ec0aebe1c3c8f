import json
from dataclasses import replace
from datetime import datetime

import pytest

from live_canary.transcript.formats import FORMATS
from live_canary.transcript.pieces import whole_transcript
from live_canary.transcript.taking_back import Change, TakingBack, taken_back
from live_canary.transcript.utterance import TranscriptGap, Utterance
from live_canary.transcript.voice_commands import command_in
from live_canary.transcript.writer import TranscriptFile

STARTED = datetime(2026, 3, 4, 9, 30)


def said(index: int, text: str, source: str = "Me") -> Utterance:
    return Utterance(index, 2.0 * index, 2.0 * index + 1, text, source, command=command_in(text))


LETTER = [
    said(0, "Dear John."),
    said(1, "New paragraph."),
    said(2, "Thank you for your letter."),
    said(3, "New line."),
    said(4, "Yours."),
    said(5, "Sincerely."),
    said(6, "Scratch that."),
]


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("New line.", "new line"),
        ("newline", "new line"),
        ("NEW-LINE!", "new line"),
        ("New paragraph", "new paragraph"),
        ("New, paragraph.", "new paragraph"),
        ("Scratch that.", "scratch that"),
    ],
)
def test_a_command_is_a_whole_utterance_whatever_its_case_and_punctuation(text, command):
    assert command_in(text) == command


@pytest.mark.parametrize(
    "text",
    ["I begin a new line of work.", "New line, please.", "Scratch that itch.", "A new paragraph.", "Scratch.", "", "…"],
)
def test_words_of_a_command_within_a_sentence_are_dictated(text):
    assert command_in(text) is None


def test_scratch_that_means_the_latest_of_its_speaker_that_still_stands():
    taking = TakingBack()
    entries = [said(0, "One."), said(1, "Two."), said(2, "Theirs.", "Them"), said(3, "Scratch that.")]
    assert [taking.heed(one) for one in entries] == [None, None, None, 1]
    assert taking.heed(said(4, "Scratch that.")) == 0
    assert taking.heed(said(5, "Scratch that.")) is None


def test_scratch_that_means_what_the_user_has_brought_back_and_not_what_was_deleted():
    """Said again after u, it deleted an earlier line that nobody meant."""
    taking, one, two = TakingBack(), said(0, "One."), said(1, "Two.")
    assert [taking.heed(entry) for entry in (one, two, said(2, "Scratch that."))] == [None, None, 1]
    taking.revised(two, None)
    taking.revised(two, "Two.")
    assert taking.heed(said(3, "Scratch that.")) == 1
    taking.revised(one, None)
    assert taking.heed(said(4, "Scratch that.")) is None


TAKEN_TWICE = [said(0, "One."), said(1, "Two."), said(2, "Scratch that."), said(3, "Scratch that.")]
"""Each is spoken for a second, from twice its index on."""
OBEYED = Change(1, None, 5.0, obeys=2)


@pytest.mark.parametrize(
    ("changes", "taken"),
    [
        ([], {0, 1}),
        ([OBEYED], {0}),
        ([OBEYED, Change(1, "Two.", 5.0)], {1}),  # said again after u
        ([OBEYED, Change(1, "Two.", 7.0)], {0}),
        ([Change(1, None, 3.0)], {0}),
        ([Change(1, None, 3.0), Change(0, "The first.", 3.0)], {0}),
        ([Change(1, None, 5.0)], {0}),  # by hand what the first one did not do
        ([Change(1, "Two.", 7.0)], {0, 1}),  # a bookmark
        ([Change(1, "The second.", 7.0)], {0}),
        ([Change(1, None, 7.0), Change(1, "Two.", 7.0)], {0}),  # deleted by hand, and brought back
        ([Change(0, None, 3.0), Change(1, None, 3.0, obeys=2), Change(9, None, 7.0)], set[int]()),
    ],
)
def test_what_nobody_has_obeyed_yet_means_what_stood_when_it_was_spoken(changes, taken):
    assert taken_back(TAKEN_TWICE, changes) == taken


def test_what_was_obeyed_late_stays_what_it_was_obeyed_for():
    """The model was seconds behind, and the user brought the line back after saying the second one."""
    changes = [OBEYED, Change(1, "Two.", 7.0), Change(1, None, 7.0, obeys=3)]
    assert taken_back(TAKEN_TWICE, changes) == set()


def test_what_was_taken_back_is_known_from_the_transcript_alone():
    gap = TranscriptGap(1.0, 2.0, "unplugged", "Me")
    assert taken_back([*LETTER, gap]) == {5}


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        (".txt", "Dear John.\n\nThank you for your letter.\nYours.\nSincerely.\n"),
        (
            ".md",
            "# Transcript of 2026-03-04 09:30\n\n**00:00:00** Dear John.\n\n**00:00:04** Thank you for your letter.\n\n"
            "**00:00:08** Yours.\n\n**00:00:10** Sincerely.\n\n",
        ),
    ],
)
def test_what_people_read_has_the_effect_of_a_command_and_not_its_words(extension, expected):
    assert whole_transcript(FORMATS[extension], LETTER, STARTED, with_source=False) == expected


def test_subtitles_leave_commands_out_of_their_count(tmp_path):
    exported = whole_transcript(FORMATS[".srt"], LETTER, STARTED, with_source=False)
    assert [cue.split("\n")[0] for cue in exported.strip().split("\n\n")] == ["1", "2", "3", "4"]
    file = TranscriptFile(tmp_path / "live.srt", started=STARTED)
    for utterance in LETTER:
        file.write(utterance)
    file.close()
    assert (tmp_path / "live.srt").read_text() == exported


def test_json_lines_keep_what_was_said_and_mark_it_as_a_command():
    lines = whole_transcript(FORMATS[".jsonl"], LETTER, STARTED, with_source=False).splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["text"] for entry in entries] == [utterance.text for utterance in LETTER]
    assert [entry.get("command") for entry in entries] == [utterance.command for utterance in LETTER]
    assert "command" not in entries[0]


def test_a_line_that_is_deleted_is_not_looked_for_among_all_of_a_day():
    """To delete 5,000 of 20,000 lines took two seconds for each that follows what stands, the screen among them."""
    compared = []

    class Counted(int):
        __hash__ = int.__hash__

        def __eq__(self, other):
            compared.append(other)
            return int(self) == int(other)

    taking, lines = TakingBack(), [replace(said(0, "Yes."), index=Counted(index)) for index in range(400)]
    for line in lines:
        taking.heed(line)
    for index in range(100, 200):
        taking.revised(replace(lines[index], index=Counted(index)), None)
    assert len(compared) <= 100  # each of those before it and itself, twice, before: 20,200
    assert taking.heed(said(400, "Scratch that.")) == 399
