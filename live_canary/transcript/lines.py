"""How an entry of a transcript reads in a line: on the screen, on a terminal and in the files."""

from live_canary.printable import clock, one_line
from live_canary.transcript.utterance import Entry, TranscriptGap, Utterance


def gap_notice(gap: TranscriptGap) -> str:
    """What a reader sees where nothing was heard: `[2.5 s not heard: microphone lost]`."""
    return f"[{gap.end_seconds - gap.start_seconds:.1f} s not heard: {one_line(gap.reason)}]"


def echo_notice(source: str, lines: int) -> str:
    """What is told at the end of what was left out of the transcript."""
    return f"Left out as echoes of the other side: {lines} {'line' if lines == 1 else 'lines'} of {one_line(source)}."


def spoken_text(entry: Entry) -> str:
    """What the entry says, safe to print."""
    return one_line(entry.text) if isinstance(entry, Utterance) else gap_notice(entry)


def label(source: str, with_source: bool) -> str:
    """What stands before the text of `source`: nothing when only one is heard."""
    return f"{one_line(source)}: " if with_source else ""


def printed_line(entry: Entry, *, with_source: bool) -> str:
    """As it is printed on a terminal, without its end: `[00:01:02] Me: text`."""
    return f"[{clock(entry.start_seconds)}] {label(entry.source, with_source)}{spoken_text(entry)}"
