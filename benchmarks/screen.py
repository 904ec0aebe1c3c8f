"""How long the screen takes for what a reader does, with 10,000 utterances on it, and what it costs meanwhile.

python benchmarks/screen.py [--utterances 10000] [--idle-seconds 20] [--output benchmarks/results/screen.md]

Each action is done in the real application on Textual's headless driver, 80x24, and timed until every widget is drawn:
on the clock, and as processor time, which other programs on the machine disturb less.
"""

import argparse
import asyncio
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import cast

from textual.pilot import Pilot

from live_canary.audio.soundsystem import Input
from live_canary.events import Event, LevelChanged, ModelProgress, PartialChanged, SourceOpened, UtteranceFinal
from live_canary.screen.app import LiveCanaryApp
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.screen.transcript_view import TranscriptView
from live_canary.session.session import Session
from live_canary.transcript.utterance import Utterance

NAME = "USB Microphone"
TEXT = "The budget for the summer is approved, with one change, and the rest stays as it was in March"
REPEATS = 9
Step = Callable[[], Awaitable[None]]


class Silent:
    """A session that says only what it is told to."""

    def start(self, on_event: Callable[[Event], None]) -> None:
        self.tell = on_event

    def stop(self) -> None: ...
    def abort(self) -> None: ...
    def mute(self, source_name: str, *, muted: bool) -> None: ...
    def auditions(self) -> dict[str, object]:
        return {}

    def switch_input(self, source_name: str, chosen: Input) -> None: ...
    def amend(self, index: int, text: str | None) -> None: ...
    def bookmark(self, index: int, *, is_set: bool) -> None: ...
    def hear_again(self, index: int) -> None: ...


def final(index: int) -> UtteranceFinal:
    return UtteranceFinal(Utterance(index, index * 4.0, index * 4.0 + 3, f"{TEXT} {index}.", NAME), 0.05)


class Table:
    """Rows of Markdown, one for each thing that was timed."""

    def __init__(self) -> None:
        self.rows = ["| | median (ms) | worst (ms) | processor, median (ms) |", "|---|---|---|---|"]

    async def time(self, pilot: Pilot[Outcome], what: str, *steps: Step) -> None:
        """Each step until its consequences are drawn."""
        self.add(what, [await seconds(pilot, step) for step in steps])

    def add(self, what: str, spent: list[tuple[float, float]]) -> None:
        walls, cpus = ([1000 * one for one in column] for column in zip(*spent, strict=True))
        row = f"| {what} | {statistics.median(walls):.1f} | {max(walls):.1f} | {statistics.median(cpus):.1f} |"
        print(row, flush=True)
        self.rows.append(row)


async def seconds(pilot: Pilot[Outcome], step: Step) -> tuple[float, float]:
    """Until the step's consequences are drawn: on the clock, and of the processor."""
    begun, cpu = time.perf_counter(), time.process_time()
    await step()
    await pilot.pause(0)
    return time.perf_counter() - begun, time.process_time() - cpu


@asynccontextmanager
async def running(session: Silent) -> AsyncIterator[tuple[LiveCanaryApp, Pilot[Outcome]]]:
    """The application with one source and a model that is ready."""
    app = LiveCanaryApp(cast(Session, session), SessionInfo("demo model", (NAME,)), started=datetime(2026, 3, 4, 9, 30))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        session.tell(SourceOpened(NAME))
        session.tell(ModelProgress("ready", ready=True))
        await pilot.pause()
        yield app, pilot


async def opening(utterances: int) -> list[tuple[float, float]]:
    """What it takes, in one new application after another, to show a whole transcript that is there at once."""
    spent = []
    for _ in range(REPEATS):
        session = Silent()
        async with running(session) as (_, pilot):
            for index in range(utterances):
                session.tell(final(index))
            spent.append(await seconds(pilot, nothing))
    return spent


async def measure(utterances: int, idle_seconds: float) -> list[str]:
    session, table = Silent(), Table()
    table.add(f"opening {utterances:,} utterances that are all there at once", await opening(utterances))
    async with running(session) as (app, pilot):
        indices = iter(range(utterances * 2))
        transcript = app.screen.query_one(TranscriptView)

        async def new_line() -> None:
            session.tell(final(next(indices)))

        async def partial() -> None:
            session.tell(PartialChanged(NAME, 4.0 * utterances, TEXT, f"and {time.monotonic()}"))

        def press(key: str) -> Step:
            async def pressed() -> None:
                app.simulate_key(key)

            return pressed

        def scroll_to(share: float) -> Step:
            async def scrolled() -> None:
                transcript.scroll_to(y=transcript.max_scroll_y * share, animate=False)

            return scrolled

        for _ in range(utterances):
            await new_line()
        await pilot.pause(0)
        await table.time(pilot, "(nothing: contained in every figure)", *[nothing] * REPEATS)
        await table.time(pilot, "a new line, while following the end", *[new_line] * REPEATS)
        await table.time(pilot, "a partial", *[partial] * REPEATS)
        await table.time(pilot, "scrolling to anywhere", *[scroll_to(share / 10) for share in range(1, 10)])
        await table.time(pilot, "a page up", *[press("pageup")] * REPEATS)
        await table.time(pilot, "a new line, while reading further up", *[new_line] * REPEATS)
        await table.time(pilot, "selecting the line above", *[press("up")] * REPEATS)
        await table.time(pilot, "back to the end", press("end"))
        await table.time(pilot, "opening the search", press("slash"))
        await table.time(
            pilot, "a letter of a search that every line matches", *[press(letter) for letter in "therest"]
        )
        await table.time(pilot, "a letter of a search that one line matches", *[press(digit) for digit in "97"])
        await pilot.press("enter")
        await table.time(pilot, "the next match", *[press("n")] * REPEATS)
        await pilot.press("escape", "end")
        await table.time(pilot, "editing a line: the dialog", press("e"))
        await pilot.press("escape")
        for width in (60, 80):
            await table.time(pilot, f"resizing to {width} columns", partial_of(pilot.resize_terminal, width, 24))
        rows = [*table.rows, "", "| while the transcript stands still | share of a core |", "|---|---|"]
        quiet = [LevelChanged(NAME, -60.0 + 2 * (n % 2), -50.0) for n in range(2)]
        speech = [LevelChanged(NAME, -60.0 + 5 * (n % 10), -50.0 + 5 * (n % 10)) for n in range(10)]
        for what, events in {
            "nothing is heard": [],
            "noise: the meter moves twice a second": quiet,
            "the meter moves ten times a second, as while somebody speaks": speech,
        }.items():
            rows.append(f"| {what} | {await share_of_core(session, idle_seconds, events):.1%} |")
            print(rows[-1], flush=True)
    return rows


async def nothing() -> None:
    pass


def partial_of(action: Callable[..., Awaitable[None]], *arguments: int) -> Step:
    async def acted() -> None:
        await action(*arguments)

    return acted


async def share_of_core(session: Silent, seconds: float, each_second: Sequence[Event]) -> float:
    """Of the whole process, while `each_second` is told again and again."""
    cpu, begun, told = time.process_time(), time.monotonic(), 0
    while (passed := time.monotonic() - begun) < seconds:
        if each_second:
            session.tell(each_second[told % len(each_second)])
            told += 1
        await asyncio.sleep(1 / len(each_second) if each_second else seconds - passed)
    return (time.process_time() - cpu) / (time.monotonic() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--utterances", type=int, default=10_000)
    parser.add_argument("--idle-seconds", type=float, default=20.0)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    rows = asyncio.run(measure(arguments.utterances, arguments.idle_seconds))
    if arguments.output:
        commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
        where = f"{os.cpu_count()} cores ({platform.machine()}), load {os.getloadavg()[0]:.1f} before the end"
        head = [
            "# The screen with ten thousand utterances", "", f"    python {' '.join(sys.argv)}", "",
            f"Commit {commit}, {datetime.now():%Y-%m-%d}, Python {platform.python_version()}, {where}.", "",
        ]  # fmt: skip
        arguments.output.write_text("\n".join([*head, *rows]) + "\n")


if __name__ == "__main__":
    main()
