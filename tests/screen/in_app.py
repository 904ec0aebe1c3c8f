"""Runs the application without a terminal, with a session that the test scripts."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path

from textual import events
from textual.pilot import Pilot

from live_canary.screen.app import LiveCanaryApp
from live_canary.screen.contract import Outcome, SessionInfo
from tests.screen.fake_session import FakeSession

INFO = SessionInfo(model="demo model on cpu", sources=("USB Microphone",), outputs=(Path("notes.md"),))
STARTED = datetime(2026, 3, 4, 9, 30)
PATIENCE_SECONDS = 20
Scenario = Callable[[Pilot[Outcome]], Awaitable[None]]


class FrozenClock:
    """Stands still until the test moves it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def in_app(
    scenario: Scenario,
    session: FakeSession,
    *,
    info: SessionInfo = INFO,
    size: tuple[int, int] = (80, 24),
    is_typing: Callable[[], bool] = lambda: False,
) -> LiveCanaryApp:
    """The application after `scenario`, which begins when all events of the script are on the screen."""
    app = LiveCanaryApp(session, info, clock=FrozenClock(), started=STARTED, is_typing=is_typing)

    async def run() -> None:
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await scenario(pilot)

    asyncio.run(run())
    return app


async def at_once(pilot: Pilot[Outcome], *keys: str) -> None:
    """Presses them as a macro or a slow line does: all are there before the first is heeded."""
    driver = pilot.app._driver
    assert driver
    for key in keys:
        pressed = events.Key(key, key if len(key) == 1 else None)
        pressed.set_sender(pilot.app)
        driver.send_message(pressed)
    await pilot.pause()
    await pilot.pause()


async def until_shown(pilot: Pilot[Outcome], text: str) -> None:
    """Lets the application work until `text` stands on the screen, wherever its words are broken into rows."""

    def is_shown() -> bool:
        return text in " ".join(" ".join(rows(pilot)).replace("│", "").split())

    if not await becomes_true(pilot, is_shown):
        raise AssertionError(f"{text!r} did not appear:\n" + "\n".join(rows(pilot)))


async def until_true(pilot: Pilot[Outcome], happened: Callable[[], object]) -> None:
    """Lets the application work until something outside of it has happened."""
    assert await becomes_true(pilot, happened), "it did not happen in time"


async def becomes_true(pilot: Pilot[Outcome], happened: Callable[[], object]) -> bool:
    """Whether it does while the application works, for as long as a machine under load can take."""
    ends = time.monotonic() + PATIENCE_SECONDS
    while not happened():
        if time.monotonic() > ends:
            return False
        await pilot.pause(0.002)
    return True


async def look_for(pilot: Pilot[Outcome], words: str) -> None:
    """Types a search and goes back to the transcript."""
    await pilot.press("slash", *words)
    await accept_search(pilot)


async def accept_search(pilot: Pilot[Outcome]) -> None:
    """Goes back to the transcript, whose keys the footer then shows again."""
    await pilot.press("enter")
    await until_shown(pilot, "Bookmark")


def rows(pilot: Pilot[Outcome]) -> list[str]:
    """What stands on the screen, a string a row, without the blanks at the right."""
    return [strip.text.rstrip() for strip in pilot.app.screen._compositor.render_strips()]
