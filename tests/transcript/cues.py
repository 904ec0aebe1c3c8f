"""Subtitles as a player reads them from a file, and what somebody said that is too long for one of them."""

import re
from dataclasses import dataclass

AT_LENGTH = (
    "Mr. Smith went to Washington, and then he came back because the weather, which had been fine in the morning, "
    "turned out to be rather bad in the end. I do not know whether that is the reason, but everybody says so. When it "
    "is done, we can talk about it again."
)


@dataclass(frozen=True)
class Shown:
    number: int | None
    start_ms: int
    end_ms: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        return " ".join(self.lines)


def shown(contents: str) -> list[Shown]:
    """What a player reads from a file."""
    blocks = contents.removeprefix("WEBVTT\n\n").split("\n\n")
    assert blocks.pop() == ""
    return [_cue(block.split("\n")) for block in blocks]


def _cue(lines: list[str]) -> Shown:
    number = int(lines.pop(0)) if "-->" not in lines[0] else None
    times = re.fullmatch(r"(\d+):(\d\d):(\d\d)[.,](\d{3}) --> (\d+):(\d\d):(\d\d)[.,](\d{3})", lines[0])
    hours, minutes, seconds, ms = ([int(times[one]), int(times[one + 4])] for one in range(1, 5))
    start, end = (((hours[one] * 60 + minutes[one]) * 60 + seconds[one]) * 1000 + ms[one] for one in (0, 1))
    return Shown(number, start, end, tuple(lines[1:]))
