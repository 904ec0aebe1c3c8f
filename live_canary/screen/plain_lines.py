"""What a pipe gets: the line that an event is worth on stdout, as text or as JSON.

JSON lines are those of a .jsonl transcript; with partials there is also, several times for each utterance,
`{"type": "partial", "start", "settled", "tentative", "source"}`, both texts empty when nothing was said after all.
"""

import json
from collections.abc import Callable

from live_canary.events import Event, GapMarked, PartialChanged, UtteranceAmended, UtteranceFinal
from live_canary.printable import one_line
from live_canary.screen.contract import SessionInfo
from live_canary.transcript.formats import FORMATS
from live_canary.transcript.lines import printed_line
from live_canary.transcript.utterance import Revision

LineOf = Callable[[Event, SessionInfo], str | None]
"""The line for an event, without its end; None for an event that is not worth one."""


def text_line(event: Event, info: SessionInfo) -> str | None:
    """`[00:01:02] text` for a finished utterance, with its source if there are several."""
    if not isinstance(event, UtteranceFinal) or event.utterance.command:
        return None
    return printed_line(event.utterance, with_source=info.with_source)


def json_line(event: Event, info: SessionInfo) -> str | None:
    """What a .jsonl transcript would get: utterances, gaps and amendments."""
    match event:
        case UtteranceAmended(index, text):
            return FORMATS[".jsonl"].amendment(index, Revision(text)).rstrip("\n")
        case UtteranceFinal(entry) | GapMarked(entry):
            return FORMATS[".jsonl"].entry(0, entry, with_source=info.with_source).rstrip("\n")
    return None


def json_line_with_partials(event: Event, info: SessionInfo) -> str | None:
    """The same, and what is being said."""
    match event:
        case PartialChanged(source, start_seconds, settled, tentative):
            partial = {
                "type": "partial",
                "start": round(start_seconds, 3),
                "settled": one_line(settled),
                "tentative": one_line(tentative),
                "source": one_line(source),
            }
            return json.dumps(partial, ensure_ascii=False)
    return json_line(event, info)


def in_ascii(line_of: LineOf) -> LineOf:
    """The same JSON, with all other letters as numbers: for a stdout that may lack some."""

    def line(event: Event, info: SessionInfo) -> str | None:
        said = line_of(event, info)
        return None if said is None else json.dumps(json.loads(said))

    return line
