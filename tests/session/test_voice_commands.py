"""A session that obeys voice commands, and one that does not."""

import numpy as np
import pytest

from live_canary.events import UtteranceAmended, UtteranceFinal
from live_canary.session.folder import SessionFolder
from live_canary.session.session import Session
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.writer import TranscriptFile
from tests.faults.sessions import PATIENCE_SECONDS, STARTED, abort, recover
from tests.session.fakes import ENDPOINT, ScriptedSource, letters_in, make_segmenter

PHRASES = {"d": "Dear John.", "p": "New paragraph.", "t": "Thank you.", "o": "Oh no.", "s": "Scratch that."}
SCRIPT = "".join(letter * 4 + ENDPOINT for letter in "dptos")


class PhraseModel:
    """Hears the phrase that a letter stands for."""

    def transcribe(self, samples: np.ndarray, draft: Hypothesis | None = None) -> Hypothesis:
        return Hypothesis(PHRASES[letters_in(samples)[:1]])


def spoken(path, commands_from: str | None) -> list[object]:
    """The finals and amendments of a session that wrote `path`."""
    told: list[object] = []
    file = TranscriptFile(path, started=STARTED)
    session = Session(
        [ScriptedSource(SCRIPT)], make_segmenter, lambda tell: PhraseModel(), [file], commands_from=commands_from
    )
    session.start(told.append)
    assert session.wait(PATIENCE_SECONDS)
    return [event for event in told if isinstance(event, UtteranceFinal | UtteranceAmended)]


def test_commands_take_effect_in_the_file_and_are_told_as_such(tmp_path):
    told = spoken(tmp_path / "letter.txt", commands_from="talk")
    assert (tmp_path / "letter.txt").read_text() == "Dear John.\n\nThank you.\n"
    assert [event.utterance.command for event in told if isinstance(event, UtteranceFinal)] == [
        None, "new paragraph", None, None, "scratch that",
    ]  # fmt: skip
    assert told[-1] == UtteranceAmended(3, None)


def test_unasked_for_they_are_words(tmp_path):
    told = spoken(tmp_path / "letter.txt", commands_from=None)
    assert (tmp_path / "letter.txt").read_text() == "Dear John.\nNew paragraph.\nThank you.\nOh no.\nScratch that.\n"
    assert all(event.utterance.command is None for event in told)


@pytest.mark.parametrize("name", ["letter.txt", "letter.md", "letter.jsonl"])
def test_a_session_that_was_cut_off_gets_the_same_file_from_recovery(tmp_path, name):
    (tmp_path / "whole").mkdir()
    spoken(tmp_path / "whole" / name, commands_from="talk")
    abort(SessionFolder.create(tmp_path / "sessions"), SCRIPT, [tmp_path / name], voice_commands=True)
    recover(tmp_path / "sessions", load=lambda tell: PhraseModel())
    assert (tmp_path / name).read_text() == (tmp_path / "whole" / name).read_text()
