"""What a journal says of its session, and when that is on the disk."""

import errno
import os
from contextlib import closing

import numpy as np
import pytest

from live_canary.audio.source import SAMPLE_RATE, AudioGap
from live_canary.segments.segment import Segment
from live_canary.session.completing import output_before
from live_canary.session.folder import JOURNAL, SessionFolder
from live_canary.session.record import SessionRecord, read_journal
from live_canary.settings import Settings
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.utterance import Revision, Utterance
from tests.faults.sessions import STARTED, abort
from tests.session.fakes import ENDPOINT


def test_a_journal_says_what_is_left_to_do(tmp_path):
    abort(folder := SessionFolder.create(tmp_path), "abc" + ENDPOINT + "de")
    record = read_journal(folder.path / JOURNAL)
    assert len(record.segments) == 2
    left = [end - start for _, start, end in record.segments.keys() - record.texts.keys()]
    assert sum(left) / SAMPLE_RATE == pytest.approx(0.8 + 0.5)


def test_a_change_was_made_when_the_source_that_is_ahead_had_been_heard_so_far(tmp_path):
    """What a "scratch that" of another source means depends on it."""
    folder, sound = SessionFolder.create(tmp_path), np.zeros(SAMPLE_RATE, np.float32)
    folder.begin(Settings(), STARTED, [])
    with closing(folder.journal) as journal:
        for source, start_seconds in (("Them", 20), ("Me", 5)):
            start = start_seconds * SAMPLE_RATE
            journal.segment(source, Segment(sound, start, start, start + SAMPLE_RATE, "pause"))
        journal.amendment(0, Revision("corrected"))
    [change] = read_journal(folder.path / JOURNAL).changes
    assert change.at_seconds == 21.0


def test_only_what_has_no_text_or_was_never_known_is_marked_where_no_sound_was_kept():
    """A text may have no words; behind all that is known, somebody may have spoken."""
    record = SessionRecord(Settings(), STARTED, None, False, segments={("Me", 0, 100): (20, 80)})
    assert list(record.not_transcribed("Me", 50, 300)) == [(50, 80), (100, 300)]
    record.texts[("Me", 0, 100)] = Hypothesis("")
    assert list(record.not_transcribed("Me", 50, 300)) == [(100, 300)]


def test_what_sound_cannot_bring_back_is_on_the_disk_before_it_is_done(tmp_path, monkeypatch):
    """A text can be made again; lines, corrections, gaps and what recovery makes of a file cannot."""
    folder, said = SessionFolder.create(tmp_path / "sessions"), Utterance(0, 0.0, 1.0, "abc", "Me")
    folder.begin(Settings(), STARTED, [], [output_before(tmp_path / "talk.txt", overwrite=False)])
    journal, synced = folder.journal, [0]
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
    for note in (
        lambda: journal.entry(said), lambda: journal.amendment(0, Revision(None)),
        lambda: journal.released([said, said]),
        lambda: journal.gap("Me", AudioGap(0, 1600, "unplugged")), lambda: journal.completing(0, 1, "of that"),
        lambda: journal.completed(0),
    ):  # fmt: skip
        note()
        assert synced[-1] == (folder.path / JOURNAL).stat().st_size
    journal.close()


def test_what_a_full_disk_refused_is_on_the_disk_with_whatever_line_finds_room_again(tmp_path, monkeypatch):
    """That line alone need not be; the correction that waited before it must."""

    def refuse(descriptor, data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    folder, synced = SessionFolder.create(tmp_path / "sessions"), [0]
    folder.begin(Settings(), STARTED, [])
    with closing(folder.journal) as journal:
        with monkeypatch.context() as full:
            full.setattr(os, "write", refuse)
            journal.amendment(0, Revision("corrected"))
        monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor).st_size))
        journal.left("Me", 0, 1600)
    assert b"corrected" in (folder.path / JOURNAL).read_bytes()
    assert synced[-1] == (folder.path / JOURNAL).stat().st_size


def test_a_session_is_not_settled_while_a_file_lacks_a_correction(tmp_path):
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.txt"
    folder.begin(Settings(), STARTED, [], [output_before(output, overwrite=False)])
    with closing(folder.journal) as journal:
        journal.saved(output, unsaved=0, uncorrected=1)
        assert not journal.is_settled
        journal.saved(output, unsaved=0)
        assert journal.is_settled


def test_a_journal_knows_how_much_of_the_session_a_file_holds(tmp_path):
    """What begins a file counts as part of its first line."""
    folder, output, held = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.md", []
    folder.begin(Settings(), STARTED, [], [output_before(output, overwrite=False)])
    with closing(folder.journal) as journal:
        for contents in ("# Talk\n\n", "# Talk\n\nabc\n\n"):
            journal.entry(Utterance(0, 0.0, 1.0, "abc", "Me"))
            output.write_text(contents)
            journal.saved(output, unsaved=1)
            [known] = read_journal(folder.path / JOURNAL).outputs
            held.append((known.entries, known.size))
    assert held == [(0, 0), (1, 13)]
