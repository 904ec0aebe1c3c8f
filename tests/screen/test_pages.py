"""Whole screens as text, beside this file in pages/, to be read in a review like any other change.

UPDATE_PAGES=1 pytest tests/screen/test_pages.py     writes them anew
"""

import os
from pathlib import Path

from textual.pilot import Pilot

from live_canary.events import (
    BacklogChanged,
    GapMarked,
    LevelChanged,
    ModelProgress,
    OutputWritten,
    PartialChanged,
    SourceLost,
    SourceOpened,
    SpeechStarted,
)
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.transcript.utterance import TranscriptGap
from tests.screen.fake_session import FakeAudition, FakeSession, said
from tests.screen.in_app import INFO, in_app, look_for, rows, until_shown

PAGES = Path(__file__).parent / "pages"
MICROPHONE, SYSTEM = "USB Microphone", "System audio"
MEETING = (
    said("All right, I think everybody is here, so let's get started.", 2.1),
    said("First point for today: the release. We moved it to Thursday because the last two fixes came in late.", 6.2),
    GapMarked(TranscriptGap(30.4, 33.1, "microphone unplugged", MICROPHONE)),
    said("Sorry, I pulled the cable. Is the release still on?", 34.6),
)
READY = ModelProgress("ready", ready=True)
SAVED = OutputWritten(INFO.outputs[0], unsaved=0)


async def assert_page(pilot: Pilot[Outcome], name: str) -> None:
    """The screen is this page, or becomes it while the application works.

    Redrawn each time: what a dialog shows of the page behind it is as old as the dialog until something there changes.
    """
    path = PAGES / f"{name}.txt"
    expected = path.read_text() if path.exists() else ""
    for _ in range(100):
        page = "\n".join(rows(pilot)) + "\n"
        if page == expected:
            return
        pilot.app.screen.refresh()
        await pilot.pause()
    if os.environ.get("UPDATE_PAGES"):
        path.write_text(page)
    else:
        assert page == expected


def test_the_model_loads_while_the_microphone_is_heard():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await assert_page(pilot, "loading")

    info = SessionInfo("demo model on cpu", (MICROPHONE,), INFO.outputs, demo=True)
    script = (SourceOpened(MICROPHONE), ModelProgress("Loading the demo model"), LevelChanged(MICROPHONE, -40, -30))
    in_app(scenario, FakeSession(*script), info=info)


def test_somebody_speaks():
    speaking = (
        SpeechStarted(MICROPHONE, 41.0),
        PartialChanged(MICROPHONE, 41.0, "So the open question is who writes the summary", "for the"),
        LevelChanged(MICROPHONE, -15, -6),
    )

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await assert_page(pilot, "speaking")

    in_app(scenario, FakeSession(SourceOpened(MICROPHONE), READY, *MEETING, SAVED, *speaking))


def test_a_word_is_looked_for():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await look_for(pilot, "release")
        await pilot.press("N", "b")
        await assert_page(pilot, "search")

    in_app(scenario, FakeSession(SourceOpened(MICROPHONE), READY, *MEETING, SAVED))


def test_a_call_with_two_sources_of_which_one_is_lost_and_the_model_is_behind():
    script = (
        SourceOpened(MICROPHONE),
        SourceOpened(SYSTEM),
        READY,
        *MEETING,
        said("Yes, it is.", 38.0, source=SYSTEM),
        LevelChanged(SYSTEM, -25, -12),
        SourceLost(MICROPHONE, "unplugged"),
        BacklogChanged(7.3),
        OutputWritten(INFO.outputs[0], unsaved=2),
    )

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await assert_page(pilot, "trouble")

    info = SessionInfo("Canary-Qwen 2.5B on cpu", (MICROPHONE, SYSTEM), INFO.outputs)
    in_app(scenario, FakeSession(*script), info=info, size=(100, 20))


def test_a_narrow_terminal_that_is_paused():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("p")
        await assert_page(pilot, "narrow")

    in_app(scenario, FakeSession(SourceOpened(MICROPHONE), READY, *MEETING, SAVED), size=(40, 20))


def test_help_fits_on_a_small_terminal():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("question_mark")
        await until_shown(pilot, "Mouse:")
        await assert_page(pilot, "help")

    in_app(scenario, FakeSession(SourceOpened(MICROPHONE), READY, *MEETING))


def test_the_transcript_is_saved_under_a_name():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "shift+up", "s")
        await until_shown(pilot, "Enter saves")
        await assert_page(pilot, "save")

    in_app(scenario, FakeSession(SourceOpened(MICROPHONE), READY, *MEETING))


def test_a_line_is_edited():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("g", "down", "down", "e")
        await until_shown(pilot, "Enter keeps it")
        await assert_page(pilot, "edit")

    in_app(scenario, FakeSession(SourceOpened(MICROPHONE), READY, *MEETING))


def test_another_input_is_chosen():
    session = FakeSession(SourceOpened(MICROPHONE), READY, *MEETING, LevelChanged(MICROPHONE, -40, -20))
    session.audition_of = {MICROPHONE: FakeAudition()}

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("i")
        await until_shown(pilot, "Blue Yeti")
        await assert_page(pilot, "inputs")

    in_app(scenario, session)
