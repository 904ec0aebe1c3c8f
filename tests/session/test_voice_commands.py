"""A session that obeys voice commands, and one that does not."""

import threading

import numpy as np
import pytest

from live_canary.errors import CheckpointError
from live_canary.events import UtteranceAmended, UtteranceFinal
from live_canary.session.folder import SessionFolder
from live_canary.session.session import Session
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.writer import TranscriptFile
from tests.faults.sessions import PATIENCE_SECONDS, STARTED, abort, prepare, recover
from tests.session.fakes import ENDPOINT, LETTER_SAMPLES, ScriptedSource, letters_in, make_segmenter

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


class Broken(PhraseModel):
    """Fails on "scratch that", or gives no answer to it until it may."""

    def __init__(self, *, hangs: bool) -> None:
        self._hangs = hangs
        self.asked, self.may_answer = threading.Event(), threading.Event()

    def transcribe(self, samples: np.ndarray, draft: Hypothesis | None = None) -> Hypothesis:
        heard = super().transcribe(samples, draft)
        if heard.text == "Scratch that.":
            self.asked.set()
            if not self._hangs:
                raise CheckpointError("the model broke")
            assert self.may_answer.wait(PATIENCE_SECONDS)
        return heard


@pytest.mark.parametrize("hangs", [False, True])
def test_what_the_user_deleted_because_the_model_did_not_hear_scratch_that_is_all_that_goes(tmp_path, hangs):
    """Recovery, which heard it, took what was deleted by a key for deleted before, and an earlier line besides."""
    folder, output, model = SessionFolder.create(tmp_path / "sessions"), tmp_path / "letter.txt", Broken(hangs=hangs)
    source = ScriptedSource(SCRIPT, live=True, endless=True)
    session = prepare(folder, [source], [output], lambda tell: model, voice_commands=True)
    session.start(lambda event: None)
    assert model.asked.wait(PATIENCE_SECONDS)
    assert source.played.wait(PATIENCE_SECONDS)  # else its tail alone may have been heard, and not all of the command
    session.amend(3, None)
    (session.abort if hangs else session.stop)()
    folder.journal.close() if hangs else None  # as the process ends
    model.may_answer.set()
    assert session.wait(PATIENCE_SECONDS)
    folder.journal.close()
    recover(tmp_path / "sessions", load=lambda tell: PhraseModel())
    assert "Thank you." in output.read_text()
    assert "Oh no." not in output.read_text()


def test_scratch_that_after_an_undo_means_the_line_that_was_brought_back(tmp_path):
    """It took an earlier one, which nobody meant."""
    told: list[object] = []
    undone = threading.Event()

    class Waiting(ScriptedSource):
        """Says it once more when it was undone."""

        def blocks(self):
            for block in super().blocks():
                if block.start_sample == len(SCRIPT) * LETTER_SAMPLES:
                    assert undone.wait(PATIENCE_SECONDS)
                yield block

    def follow(event: object) -> None:
        match event:
            case UtteranceAmended(index, None) if not undone.is_set():
                session.amend(index, "Oh no.")
            case UtteranceAmended(_, "Oh no."):
                undone.set()
        told.append(event)

    again = SCRIPT + "ssss" + ENDPOINT
    session = Session([Waiting(again)], make_segmenter, lambda tell: PhraseModel(), commands_from="talk")
    session.start(follow)
    assert session.wait(PATIENCE_SECONDS)
    changes = [event for event in told if isinstance(event, UtteranceAmended)]
    assert changes == [UtteranceAmended(3, None), UtteranceAmended(3, "Oh no."), UtteranceAmended(3, None)]
