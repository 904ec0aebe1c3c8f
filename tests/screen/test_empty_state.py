"""What an empty screen says about a session."""

from dataclasses import replace

import pytest

from live_canary.events import (
    Event,
    InputOpened,
    ModelProgress,
    SessionEnded,
    SourceLost,
    SourceMuted,
    SourceOpened,
    StageFailed,
)
from live_canary.screen.empty_state import first_sentence, invitation
from tests.screen.test_status_line import MICROPHONE, OPENED, state_after

ENDED = SessionEnded(0, 5.0)
LISTENING = "What is said appears here."


@pytest.mark.parametrize(
    ("events", "sentence"),
    [
        ((), f"Opening {MICROPHONE}…"),
        (OPENED, f"Listening to {MICROPHONE}. {LISTENING}"),
        ((*OPENED, InputOpened(MICROPHONE, "Blue Yeti")), f"Listening to {MICROPHONE} (Blue Yeti). {LISTENING}"),
        ((*OPENED, InputOpened(MICROPHONE, MICROPHONE)), f"Listening to {MICROPHONE}. {LISTENING}"),
        ((*OPENED, SourceMuted(MICROPHONE, True)), "Paused: nothing is heard. Press p to go on."),
        ((*OPENED, SourceLost("System audio", "silent")), f"Listening to {MICROPHONE}. {LISTENING}"),
        ((*OPENED, ENDED), "Nothing was said. Press q to leave."),
        ((*OPENED, StageFailed("model", "Out of memory.", fatal=True), ENDED), "Out of memory. Press q to leave."),
    ],
)
def test_it_says_what_happens_and_what_can_be_done(events: tuple[Event, ...], sentence: str):
    assert first_sentence(state_after(*events)) == sentence


def test_it_says_that_what_was_heard_is_still_transcribed():
    state = state_after(*OPENED)
    state.finish()
    assert first_sentence(state) == "Finishing what was heard…"


def test_while_nothing_is_heard_it_does_not_say_that_it_is_kept():
    loading = (SourceOpened(MICROPHONE), ModelProgress("Loading the model"))
    assert len(invitation(state_after(*loading))) == 2
    assert len(invitation(state_after(*loading, SourceMuted(MICROPHONE, True)))) == 1


def test_several_sources_are_named():
    state = state_after(*OPENED, SourceOpened("System audio"))
    assert first_sentence(state) == f"Listening to {MICROPHONE} and System audio. {LISTENING}"
    state = state_after()
    state.info = replace(state.info, sources=(MICROPHONE, "System audio"))
    assert first_sentence(state) == f"Opening {MICROPHONE} and System audio…"
