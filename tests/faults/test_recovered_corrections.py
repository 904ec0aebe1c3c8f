"""What the user corrected, bookmarked or took back by voice before the end is so after recovery."""

import json
import queue
import threading

import pytest

from live_canary.events import SessionEnded, UtteranceAmended, UtteranceFinal
from live_canary.session.folder import JOURNAL, SessionFolder
from live_canary.session.record import read_journal
from live_canary.transcript.hypothesis import Hypothesis
from tests.faults.sessions import PATIENCE_SECONDS, complete_file, prepare, recover
from tests.session.fakes import ENDPOINT, LetterModel, ScriptedSource
from tests.transcript.cues import AT_LENGTH


class Hanging(LetterModel):
    """Gives no answer to the second utterance."""

    def __init__(self) -> None:
        super().__init__()
        self.hangs, self.may_end = threading.Event(), threading.Event()

    def transcribe(self, samples, draft=None):
        hypothesis = super().transcribe(samples, draft)
        if hypothesis.text == "de":
            self.hangs.set()
            assert self.may_end.wait(PATIENCE_SECONDS)
        return hypothesis


def test_what_was_corrected_while_the_model_hangs_is_recovered(tmp_path):
    """The screen showed it at once; it waited for the model, and two Ctrl-C gave it up."""
    source, output = ScriptedSource("abc" + ENDPOINT + "de" + ENDPOINT, live=True, endless=True), tmp_path / "talk.txt"
    folder, hanging = SessionFolder.create(tmp_path / "sessions"), Hanging()
    session = prepare(folder, [source], [output], lambda tell: hanging)
    told: queue.SimpleQueue = queue.SimpleQueue()
    session.start(lambda event: told.put(event) if isinstance(event, UtteranceFinal) else None)
    told.get(timeout=PATIENCE_SECONDS)
    assert hanging.hangs.wait(PATIENCE_SECONDS)
    session.amend(0, "By hand.")
    session.abort()
    journal, written = (folder.path / JOURNAL).read_bytes(), output.read_bytes()
    hanging.may_end.set()
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    (folder.path / JOURNAL).write_bytes(journal)  # as where the process ended while the model hung
    output.write_bytes(written)
    recover(tmp_path / "sessions")
    assert output.read_text().splitlines() == ["By hand.", "de"]


def test_what_was_corrected_and_then_bookmarked_while_the_model_hangs_keeps_both(tmp_path):
    """A bookmark must not bring back the words that were corrected just before."""
    source, output = ScriptedSource("abc" + ENDPOINT + "de" + ENDPOINT, live=True, endless=True), tmp_path / "talk.md"
    folder, hanging = SessionFolder.create(tmp_path / "sessions"), Hanging()
    session = prepare(folder, [source], [output], lambda tell: hanging)
    session.start(lambda event: None)
    assert hanging.hangs.wait(PATIENCE_SECONDS)
    session.amend(0, "By hand.")
    session.bookmark(0, is_set=True)
    session.abort()
    hanging.may_end.set()
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    recover(tmp_path / "sessions")
    assert "◆ **00:00:00** By hand." in output.read_text()


@pytest.mark.parametrize("suffix", [".txt", ".md", ".srt", ".vtt", ".jsonl"])
@pytest.mark.parametrize("text", ["DE", AT_LENGTH])
def test_what_was_corrected_before_a_crash_stays_corrected(tmp_path, suffix, text):
    script = "abc" + ENDPOINT + "de" + ENDPOINT + "abc" + ENDPOINT
    source, output = ScriptedSource(script, live=True, endless=True), tmp_path / f"talk{suffix}"
    folder = SessionFolder.create(tmp_path / "sessions")
    session = prepare(folder, [source], [output])
    told: queue.SimpleQueue = queue.SimpleQueue()
    session.start(lambda event: told.put(event) if isinstance(event, UtteranceFinal | UtteranceAmended) else None)
    for _ in range(3):
        told.get(timeout=PATIENCE_SECONDS)
    session.amend(2, None)
    session.bookmark(1, is_set=True)
    session.bookmark(0, is_set=True)
    session.amend(1, text)
    session.bookmark(0, is_set=False)
    session.amend(0, "ABC")
    for _ in range(3):
        told.get(timeout=PATIENCE_SECONDS)
    journal, before = (folder.path / JOURNAL).read_bytes(), output.read_bytes()
    session.stop()
    assert session.wait(PATIENCE_SECONDS)
    corrected = output.read_bytes()
    assert corrected.count("◆".encode()) == (suffix == ".md")
    assert corrected.count(b'"bookmark": true') == 3 * (suffix == ".jsonl")  # set twice, and said with the new text
    for crashed in (before, corrected):  # before and after the file was put in order
        (folder.path / JOURNAL).write_bytes(journal)
        folder.journal.close()
        output.write_bytes(crashed)
        record = read_journal(folder.path / JOURNAL)
        for _ in range(2):
            for known in record.outputs:
                complete_file(known, record.entries, amended=record.amended)
            assert output.read_bytes() == corrected


class ScratchesThat(LetterModel):
    """Hears a voice command in "xy", which others fail on."""

    def transcribe(self, samples, draft=None):
        heard = super().transcribe(samples, draft)
        return Hypothesis("Scratch that.", confidences=(0.9, 0.9)) if heard.text == "xy" else heard


def test_a_scratch_that_which_is_heard_at_the_second_attempt_means_what_was_said_before_it(tmp_path):
    """It stands at the end of the transcript, behind what was said after it."""
    said, output = "ab" + ENDPOINT + "xy" + ENDPOINT + "de" + ENDPOINT, tmp_path / "talk.txt"
    folder = SessionFolder.create(tmp_path / "sessions")
    session = prepare(folder, [ScriptedSource(said, name="Me", live=True)], [output], voice_commands=True)
    session.start(lambda event: None)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    recover(tmp_path / "sessions", load=lambda tell: ScratchesThat())
    assert output.read_text() == "[0.2 s not heard: could not be transcribed]\nde\n"


@pytest.mark.parametrize("suffix", [".txt", ".md", ".jsonl"])
def test_a_scratch_that_which_is_heard_late_also_means_what_was_bookmarked(tmp_path, suffix):
    """A bookmark was taken for the user's own later word on the line."""
    said, output = "ab" + ENDPOINT + "de" + ENDPOINT + "xy" + ENDPOINT, tmp_path / f"talk{suffix}"
    folder = SessionFolder.create(tmp_path / "sessions")
    session = prepare(folder, [ScriptedSource(said, name="Me", live=True)], [output], voice_commands=True)
    ended = threading.Event()
    session.start(lambda event: ended.set() if isinstance(event, SessionEnded) else None)
    assert ended.wait(PATIENCE_SECONDS)
    for index in (0, 1):
        session.bookmark(index, is_set=True)
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    told: list[str] = []
    recover(tmp_path / "sessions", load=lambda tell: ScratchesThat(), tell=told.append)
    assert told == []
    text = output.read_text()
    if suffix == ".jsonl":
        last = {line.get("index"): line for line in map(json.loads, text.splitlines())}
        assert last[0] == {"type": "amendment", "index": 0, "text": "ab", "bookmark": True}
        assert last[1]["text"] is None
    else:
        assert ("◆ **00:00:00** ab" if suffix == ".md" else "ab\n") in text
        assert "de" not in text
