"""The lines of what is being said, below the last utterance."""

from dataclasses import dataclass

from live_canary.events import PartialChanged
from live_canary.printable import clock, one_line
from live_canary.screen.wrapping import Slice, wrap


@dataclass(frozen=True, slots=True)
class TailLine:
    text: str
    line: Slice
    settled_characters: int
    """From the start, that will not change any more."""
    label_characters: int
    """Of the source's label, with which it begins."""
    time: str
    """Empty on all but the first line."""


def tail_lines(partial: PartialChanged, label: str, width: int) -> list[TailLine]:
    """label: what stands before the text of this source; width: cells of a line."""
    settled_text = one_line(partial.settled)
    text = label + " ".join(filter(None, (settled_text, one_line(partial.tentative))))
    settled = len(label) + len(settled_text)
    time = clock(partial.start_seconds)
    return [
        TailLine(text, line, settled, len(label), "" if number else time)
        for number, line in enumerate(wrap(text, width))
    ]
