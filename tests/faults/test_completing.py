"""What recovery adds to a file that was cut off at any byte, with the corrections that were made."""

import json
import os
from contextlib import closing

import pytest

from live_canary.session.record import OutputRecord
from live_canary.transcript.formats import FORMATS
from live_canary.transcript.pieces import whole_transcript, with_amendments
from live_canary.transcript.utterance import Revision, Utterance
from live_canary.transcript.writer import TranscriptFile
from tests.faults.lines import CORRECTED, SAID
from tests.faults.sessions import STARTED, complete_file
from tests.transcript.cues import AT_LENGTH

AT_LENGTH_SAID = [
    Utterance(0, 0.1, 17.9, AT_LENGTH, "talk.wav"),
    Utterance(1, 18.1, 18.9, "Yes.", "talk.wav"),
    Utterance(2, 19.1, 37.9, f"No. {AT_LENGTH}", "talk.wav"),
    Utterance(3, 40.1, 40.9, "Yes.", "talk.wav"),
]
CUT_OTHERWISE = [
    (1, Revision(AT_LENGTH)),
    (2, Revision("Never mind.")),
    (0, Revision(None)),
    (2, Revision(f"Never mind. {AT_LENGTH}")),
]


@pytest.mark.parametrize("suffix", [".txt", ".md", ".srt", ".vtt", ".jsonl"])
@pytest.mark.parametrize("earlier", [b"", b"Earlier\n", b"Earlier"])
def test_a_file_cut_off_at_any_byte_is_completed_to_the_same_bytes(tmp_path, suffix, earlier):
    output = OutputRecord(tmp_path / f"talk{suffix}", 0, bool(earlier), 0, len(earlier), len(earlier))
    output.path.write_bytes(earlier)
    complete_file(output, SAID)
    whole = output.path.read_bytes()
    assert whole.startswith(earlier)
    for cut in range(len(earlier), len(whole) + 1):
        output.path.write_bytes(whole[:cut])
        complete_file(output, SAID)
        assert output.path.read_bytes() == whole
        assert complete_file(output, SAID) == 0


@pytest.mark.parametrize("suffix", [".txt", ".md", ".srt", ".vtt"])
@pytest.mark.parametrize("corrections", range(len(CORRECTED) + 1))
def test_a_file_cut_off_after_some_corrections_gets_the_rest_once(tmp_path, suffix, corrections):
    """Corrected lines were taken for another program's, and the session's were added once more."""
    output = OutputRecord(tmp_path / f"talk{suffix}", 0, False, 0, 0)
    complete_file(output, SAID, amended=CORRECTED)
    whole = output.path.read_bytes()
    output.path.unlink()
    complete_file(output, SAID, amended=CORRECTED[:corrections])
    made = output.path.read_bytes()
    for cut in range(1, len(made) + 1, 3):
        output.path.write_bytes(made[:cut])
        for _ in range(2):
            complete_file(output, SAID, amended=CORRECTED)
            assert output.path.read_bytes() == whole


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_subtitles_of_several_cues_an_utterance_are_completed_from_any_byte(tmp_path, suffix):
    """An utterance that lacks some of its cues gets them, whether it was cut off in one of them or between two."""
    output = OutputRecord(tmp_path / f"talk{suffix}", 0, False, 0, 0)
    whole = whole_transcript(FORMATS[suffix], AT_LENGTH_SAID, STARTED, with_source=False).encode()
    assert whole.count(b"-->") > 2 * len(AT_LENGTH_SAID)
    for cut in range(len(whole) + 1):
        output.path.write_bytes(whole[:cut])
        complete_file(output, AT_LENGTH_SAID)
        assert output.path.read_bytes() == whole


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
@pytest.mark.parametrize("corrections", range(len(CUT_OTHERWISE) + 1))
def test_subtitles_cut_off_after_some_corrections_get_more_and_fewer_cues_and_their_numbers(
    tmp_path, suffix, corrections
):
    output = OutputRecord(tmp_path / f"talk{suffix}", 0, False, 0, 0)
    corrected = with_amendments(AT_LENGTH_SAID, dict(CUT_OTHERWISE))
    whole = whole_transcript(FORMATS[suffix], corrected, STARTED, with_source=False).encode()
    so_far = with_amendments(AT_LENGTH_SAID, dict(CUT_OTHERWISE[:corrections]))
    made = whole_transcript(FORMATS[suffix], so_far, STARTED, with_source=False).encode()
    for cut in range(1, len(made) + 1, 5):
        output.path.write_bytes(made[:cut])
        for _ in range(2):
            complete_file(output, AT_LENGTH_SAID, amended=CUT_OTHERWISE)
            assert output.path.read_bytes() == whole


def test_amendments_between_the_lines_of_a_file_do_not_hide_those_behind_them(tmp_path):
    output = OutputRecord(tmp_path / "talk.jsonl", 0, False, 0, 0)
    with closing(TranscriptFile(output.path, started=STARTED)) as file:
        for utterance, amendment in zip(SAID, CORRECTED, strict=True):
            file.write(utterance)
            file.amend(*amendment)
    whole = output.path.read_bytes()
    for cut in range(1, len(whole) + 1, 7):
        output.path.write_bytes(whole[:cut])
        complete_file(output, SAID, amended=CORRECTED)
        completed = output.path.read_bytes()
        assert completed.count(b'"utterance"') == len(SAID)
        assert complete_file(output, SAID, amended=CORRECTED) == 0
        assert output.path.read_bytes() == completed


def test_what_recovery_adds_is_on_the_disk_before_its_session_is_deleted(tmp_path, monkeypatch):
    output, synced = OutputRecord(tmp_path / "talk.txt", 0, False, 0, 0), [0]
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    assert complete_file(output, SAID) == 3
    assert synced[-1] == output.path.stat().st_size


def test_a_line_that_was_cut_off_and_then_deleted_leaves_nothing(tmp_path):
    output = OutputRecord(tmp_path / "talk.txt", 0, False, 1, 5)
    output.path.write_bytes(b"Yes.\nYe")
    complete_file(output, SAID, amended=[(1, None), (2, None)])
    assert output.path.read_bytes() == b"Yes.\n"


def test_a_correction_that_was_taken_back_and_made_again_is_added_again(tmp_path):
    output, corrections = OutputRecord(tmp_path / "talk.jsonl", 0, False, 0, 0), [(0, "Yes?"), (0, "No?"), (0, "Yes?")]
    for count in range(1, 4):
        complete_file(output, SAID, amended=corrections[:count])
    said = [json.loads(line)["text"] for line in output.path.read_text().splitlines()]
    assert said == ["Yes.", "Yes.", "No.", "Yes?", "No?", "Yes?"]
