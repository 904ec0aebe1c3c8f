"""assets/screenshot.svg, exported by the application while it replays the bundled meeting with the bundled model.

python tools/screenshot.py [--theme canary-light] [--output FILE] [--size 92x20]

Takes as long as the meeting. Everything in the picture is what happened: the text, the times, the latencies.
"""

import argparse
import asyncio
import re
import tempfile
from pathlib import Path

from live_canary.audio.recording import RecordingSource
from live_canary.bundled import assets_folder, demo_model_folder
from live_canary.events import Event, PartialChanged, UtteranceFinal
from live_canary.screen.app import LiveCanaryApp
from live_canary.screen.contract import SessionInfo
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.vad import load_detector
from live_canary.session.session import Session
from live_canary.transcript.transcriber import CanaryTranscriber
from live_canary.transcript.writer import TranscriptFile

RECORDING = assets_folder() / "meeting.wav"
UTTERANCES = 9  # finished ones in the picture
SETTLED_WORDS = 3  # of the one being spoken
CELL_WIDTH = 12.2  # of a character in the SVG, as Rich draws it
PATIENCE_SECONDS = 120


class WatchedSession(Session):
    """Knows how many words of the utterance being spoken are settled, and whether some are not."""

    settled_words = 0
    tentative = False

    def _tell(self, event: Event) -> None:
        if isinstance(event, PartialChanged):
            self.settled_words, self.tentative = len(event.settled.split()), bool(event.tentative)
        elif isinstance(event, UtteranceFinal):
            self.settled_words, self.tentative = 0, False
        super()._tell(event)


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
    """The SVG of the screen in the middle of the meeting, while somebody speaks."""
    transcriber = CanaryTranscriber.load(demo_model_folder())
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "meeting.md"
        session = WatchedSession(
            [RecordingSource([RECORDING])],
            lambda: Segmenter(load_detector("silero")),
            lambda tell: transcriber,
            [TranscriptFile(output)],
            partial_interval_ms=300,
        )
        app = LiveCanaryApp(session, SessionInfo("demo model", (RECORDING.name,), (output,), demo=True))
        async with app.run_test(size=size) as pilot:
            app.theme = theme
            for _ in range(PATIENCE_SECONDS * 20):
                await asyncio.sleep(0.05)
                enough = app.state.utterances >= UTTERANCES and session.settled_words >= SETTLED_WORDS
                if enough and session.tentative:
                    break
            await pilot.pause()
            title = f"live-canary --replay {RECORDING.name} --output {output.name}"
            svg = placed(app.export_screenshot(title=title))
            session.abort()
            session.wait(PATIENCE_SECONDS)
    return svg


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
