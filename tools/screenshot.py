"""assets/screenshot.svg, exported by the application itself from a scripted moment of a session.

python tools/screenshot.py [--theme canary-light] [--output FILE] [--size 92x20]
"""

import argparse
import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from live_canary.events import (
    Event,
    GapMarked,
    LevelChanged,
    ModelProgress,
    OutputWritten,
    PartialChanged,
    SourceOpened,
    SpeechStarted,
    UtteranceFinal,
)
from live_canary.screen.app import LiveCanaryApp
from live_canary.screen.contract import SessionInfo
from live_canary.transcript.utterance import TranscriptGap, Utterance

MICROPHONE = "USB Microphone"
MODEL = "Canary-Qwen 2.5B on cuda"
OUTPUT = Path("meeting.md")
SAID = [
    (2.1, 5.4, "All right, I think everybody is here, so let's get started."),
    (6.2, 14.8, "First point for today: the release. We moved it to Thursday because the two last fixes came in late, "
                "and nobody wants to ship on a Friday."),
    (16.0, 18.3, "Does that work for everyone?"),
    (19.1, 20.2, "Works for me."),
    (21.5, 29.9, "Good. Then the microphone question. Marta tried the cheap one from the drawer, and it is fine as "
                 "long as you keep it away from the fan."),
    (34.6, 39.0, "Sorry, I pulled the cable. Can you hear me again?"),
    (40.2, 41.1, "Yes, loud and clear."),
    (43.0, 51.7, "The budget for the summer is approved, with one change: travel goes down by ten percent and the "
                 "rest stays as it was in March."),
]  # fmt: skip
UNPLUGGED = TranscriptGap(30.4, 33.1, "microphone unplugged", MICROPHONE)
SETTLED = "So the open question is who writes the summary for"
TENTATIVE = "the steering"
CELL_WIDTH = 12.2  # of a character in the SVG, as Rich draws it


def moment() -> Iterator[Event]:
    """What was told until the picture is taken: 57 seconds into a meeting, in the middle of a sentence."""
    yield SourceOpened(MICROPHONE)
    yield ModelProgress("ready", ready=True)
    for index, (start, end, text) in enumerate(SAID):
        if UNPLUGGED.end_seconds < start and UNPLUGGED.end_seconds > SAID[index - 1][0]:
            yield GapMarked(UNPLUGGED)
        yield UtteranceFinal(Utterance(index, start, end, text, MICROPHONE), 0.041 + index % 5 * 0.011)
    yield OutputWritten(OUTPUT, unsaved=0)
    yield SpeechStarted(MICROPHONE, 53.2)
    yield PartialChanged(MICROPHONE, 53.2, SETTLED, TENTATIVE)
    yield LevelChanged(MICROPHONE, rms_dbfs=-15.5, peak_dbfs=-6.0)


class ScriptedSession:
    def start(self, on_event: Callable[[Event], None]) -> None:
        for event in moment():
            on_event(event)

    def mute(self, source_name: str, *, muted: bool) -> None:
        pass

    def stop(self) -> None:
        pass

    def abort(self) -> None:
        pass


class MeetingClock:
    """Zero when the application begins, 57 seconds later from then on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        now, self.seconds = self.seconds, 57.0
        return now


def placed(svg: str) -> str:
    """The SVG with text where it belongs in every renderer, and no font from the network.

    Rich pads with no-break spaces, which librsvg drops at the beginning of a text.
    """
    svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)
    return re.sub(
        r'x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"([^>]*)>((?:&#160;)*)(.*?)((?:&#160;)*)<', _placed, svg
    )


def _placed(text: re.Match[str]) -> str:
    x, y, length, rest, before, words, after = text.groups()
    left, right = (blanks.count("&") * CELL_WIDTH for blanks in (before, after))
    width = float(length) - left - right
    return f'x="{float(x) + left:g}" y="{y}" textLength="{width:g}"{rest}>{words}<'


async def picture(theme: str, size: tuple[int, int]) -> str:
    """The SVG of the screen at that moment."""
    info = SessionInfo(MODEL, (MICROPHONE,), (OUTPUT,))
    app = LiveCanaryApp(ScriptedSession(), info, clock=MeetingClock(), started=datetime(2026, 3, 4, 9, 30))
    async with app.run_test(size=size) as pilot:
        app.theme = theme
        await pilot.pause()
        return placed(app.export_screenshot(title=f"live-canary --output {OUTPUT}   (a scripted session)"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--theme", default="canary-dark")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent.parent / "assets" / "screenshot.svg")
    parser.add_argument("--size", default="92x20", help="columns x rows")
    arguments = parser.parse_args()
    columns, _, lines = arguments.size.partition("x")
    arguments.output.write_text(asyncio.run(picture(arguments.theme, (int(columns), int(lines)))), encoding="utf-8")


if __name__ == "__main__":
    main()
