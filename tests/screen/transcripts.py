"""A screen with a short transcript, and what a test reads off it."""

from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Input

from live_canary.events import ModelProgress, SourceOpened
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.screen.transcript_view import TranscriptView
from tests.screen.fake_session import FakeSession, said
from tests.screen.in_app import Scenario, in_app, rows, until_shown

OPENED = (SourceOpened("USB Microphone"), ModelProgress("ready", ready=True))
TEXTS = ("The budget first.", "Then the release.", "Another budget line.", "Any questions?")


def with_transcript(scenario: Scenario, *texts: str, info: SessionInfo | None = None, height: int = 24) -> FakeSession:
    texts = texts or TEXTS
    session = FakeSession(*OPENED, *(said(text, 4.0 * index, index=index) for index, text in enumerate(texts)))
    if info:
        in_app(scenario, session, info=info, size=(80, height))
    else:
        in_app(scenario, session, size=(80, height))
    return session


def transcript(pilot: Pilot[Outcome]) -> TranscriptView:
    return pilot.app.screen_stack[0].query_one(TranscriptView)


def readable(pilot: Pilot[Outcome]) -> list[str]:
    """The rows of the transcript without the scrollbar."""
    return [row[:79].rstrip() for row in rows(pilot)[1:21]]


def notices(pilot: Pilot[Outcome]) -> list[str]:
    return [notification.message for notification in pilot.app._notifications]


def many(count: int) -> list[str]:
    return [f"Utterance number {number}." for number in range(count)]


async def type_path(pilot: Pilot[Outcome], path: Path) -> None:
    await pilot.press("s")
    await until_shown(pilot, "Enter saves")
    await correct_path(pilot, path)


async def correct_path(pilot: Pilot[Outcome], path: Path) -> None:
    pilot.app.screen.query_one("#export-path", Input).value = str(path)
    await pilot.press("enter")
