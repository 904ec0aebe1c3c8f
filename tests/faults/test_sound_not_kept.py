"""Sound that found no room on the disk: what is recovered of the words in it, and what is marked."""

import errno
import os
import re
import threading

import pytest

from live_canary.audio import spool
from live_canary.audio.spool import Spool
from live_canary.audio.spooled import NOT_KEPT
from live_canary.session.folder import JOURNAL, SessionFolder
from live_canary.session.remainders import Remainder, transcribed
from live_canary.transcript.utterance import TranscriptGap
from tests.faults.sessions import PATIENCE_SECONDS, prepare, recover
from tests.session.fakes import ENDPOINT, LetterModel, ScriptedSource, sound_of

HOLE = "..abc" + ENDPOINT + "de" + ENDPOINT + "fgh" + ENDPOINT + "ij" + ENDPOINT + "klm" + ENDPOINT
"""The words begin at letter 2, 13, 23, 34 and 44."""


def recovered_with_a_hole(
    tmp_path, monkeypatch, hole: tuple[int, int], journaled: str, script: str = HOLE, *, voice_commands: bool = False
) -> list[str]:
    """The lines after a crash of a session whose disk was full during some letters.

    journaled: of what the model made, "nothing", the "texts", or also the "lines" that were in the file.
    """
    write = Spool.write

    def write_if_there_is_room(self, pcm, start_sample):
        if hole[0] <= start_sample // 1600 < hole[1]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(self, pcm, start_sample)

    monkeypatch.setattr(Spool, "write", write_if_there_is_room)
    monkeypatch.setattr(spool, "RETRY_SAMPLES", 1600)
    folder, output = SessionFolder.create(tmp_path / "sessions"), tmp_path / "talk.txt"
    source, never = ScriptedSource(script, name="Me", live=True, endless=True), threading.Event()
    load = (lambda tell: never.wait(PATIENCE_SECONDS)) if journaled == "nothing" else (lambda tell: LetterModel())
    session = prepare(folder, [source], [output], load, voice_commands)
    session.start(lambda event: None)
    assert source.played.wait(PATIENCE_SECONDS)
    session.abort() if journaled == "nothing" else session.stop()
    assert session.wait(PATIENCE_SECONDS)
    never.set()
    folder.journal.close()
    output.unlink()
    if journaled == "texts":
        journal = folder.path / JOURNAL
        lines = journal.read_bytes().splitlines(keepends=True)
        journal.write_bytes(b"".join(line for line in lines if not re.match(rb'{"type": "(utterance|saved)', line)))
    recover(tmp_path / "sessions", load=lambda tell: LetterModel())
    return output.read_text().splitlines()


@pytest.mark.parametrize("hole", [(12, 20), (14, 20), (3, 15), (23, 45), (34, 99), (0, 99)])
@pytest.mark.parametrize("journaled", ["texts", "lines"])
def test_what_the_model_had_heard_is_there_though_its_sound_was_not_kept(tmp_path, monkeypatch, hole, journaled):
    lines = recovered_with_a_hole(tmp_path, monkeypatch, hole, journaled)
    assert lines == ["abc", "de", "fgh", "ij", "klm"]


def test_what_was_said_from_the_very_first_sample_on_is_there_though_its_sound_was_not_kept(tmp_path, monkeypatch):
    lines = recovered_with_a_hole(tmp_path, monkeypatch, (0, 99), "texts", HOLE.removeprefix(".."))
    assert lines == ["abc", "de", "fgh", "ij", "klm"]


@pytest.mark.parametrize(
    ("hole", "expected"),
    [
        ((5, 12), ["abc", "de", "fgh", "ij", "klm"]),  # between two utterances
        ((12, 20), ["abc", "0.2 s", "fgh", "ij", "klm"]),
        ((14, 20), ["abc", "d", "0.1 s", "fgh", "ij", "klm"]),
        ((24, 45), ["abc", "de", "f", "0.2 s", "0.2 s", "0.1 s", "lm"]),
        ((34, 99), ["abc", "de", "fgh", "0.2 s", "0.3 s"]),  # never any room again
    ],
)
def test_what_was_neither_kept_nor_transcribed_is_marked(tmp_path, monkeypatch, hole, expected):
    lines = recovered_with_a_hole(tmp_path, monkeypatch, hole, "nothing")
    marked = [f"[{said} not heard: its sound was not kept]" if said.endswith(" s") else said for said in expected]
    assert lines == marked


def test_a_voice_command_is_still_one_though_its_sound_was_not_kept(tmp_path, monkeypatch):
    script = "abc" + ENDPOINT + "scratchthat" + ENDPOINT + "de" + ENDPOINT
    assert recovered_with_a_hole(tmp_path, monkeypatch, (10, 26), "texts", script, voice_commands=True) == ["de"]


def test_the_model_is_not_asked_for_words_where_no_sound_was_kept():
    rest, asked = Remainder("Me", (1600, 3200), (0, 4800)), LetterModel()
    entry = transcribed(rest, lambda start, end: sound_of("..."), asked, obey_commands=False)
    assert entry == TranscriptGap(0.1, 0.2, NOT_KEPT, "Me")
    assert asked.heard == []
