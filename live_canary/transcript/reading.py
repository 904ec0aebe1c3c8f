"""A transcript read back, whichever program wrote it: who says what, from when on."""

import html
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from live_canary.printable import one_line
from live_canary.transcript.formats import BOOKMARK
from live_canary.transcript.lines import label

_MARKDOWN = re.compile(rf"(?:{BOOKMARK} )?\*\*(\d{{1,4}}):(\d\d):(\d\d)(?: (.*?))?\*\* (.*)")
_HEADING = re.compile(r"# Transcript of \d{4}-\d\d-\d\d \d\d:\d\d")
_CUE = re.compile(r"\s*(?:(\d{1,4}):)?(\d{1,2}):(\d\d)(?:[,.]\d+)?\s*-->")
_VOICE = re.compile(r"<v(?:\.[^<> ]*)? ([^<>]*)>")
_PRINTED = re.compile(r"\[(\d{2,4}):(\d\d):(\d\d)\] (.*)")  # lines.printed_line
_TAG = re.compile(r"</?(?:[cvibus]|font|lang|ruby|rt)\b[^<>]*>|<[\d:.]+>|\{\\[^{}]*\}")
_LATEST_SECONDS = 1e9  # what begins later is no time


@dataclass(frozen=True, slots=True)
class Spoken:
    text: str
    """One line, with its speaker in front where the transcript names one."""
    start_seconds: float | None = None
    """None where the transcript holds no times."""


def read_transcript(contents: str, extension: str) -> list[Spoken]:
    """What is said in the contents of a file; where its extension says nothing, as of a pipe, its first lines tell.

    Of a file that is none of the formats each line is something said.
    """
    contents = contents.lstrip("\ufeff")
    readers = {".txt": _text, ".md": _markdown, ".srt": _subtitles, ".vtt": _subtitles, ".jsonl": _json_lines}
    read = readers.get(extension.lower()) or _reader_of(contents)
    return [spoken for spoken in read(contents) if spoken.text]


def _reader_of(contents: str) -> Callable[[str], Iterator[Spoken]]:
    first, second, *_ = (line.rstrip() for line in [*contents.lstrip().split("\n", 2), ""])
    if first.startswith("WEBVTT") or _CUE.match(first) or (first.isdecimal() and _CUE.match(second)):
        return _subtitles
    if first.startswith("# Transcript of ") or _MARKDOWN.fullmatch(first):
        return _markdown
    with suppress(ValueError, RecursionError):
        if isinstance(json.loads(first), dict):
            return _json_lines
    return _text


def in_parts(spoken: Sequence[Spoken], tokens: Callable[[str], int], most: int) -> list[list[Spoken]]:
    """The transcript in parts of about the same length, of at most so many tokens each."""
    lines = [short for one in spoken for short in _short_enough(one, tokens, most)]
    counts = [tokens(line.text + "\n") for line in lines]
    wanted = math.ceil(sum(counts) / most)
    while True:  # whole lines may need a part more
        parts = _divided(lines, counts, sum(counts) / wanted, most)
        if len(parts) <= wanted:
            return parts
        wanted += 1


def _divided(lines: Sequence[Spoken], counts: Sequence[int], wanted: float, most: int) -> list[list[Spoken]]:
    parts: list[list[Spoken]] = [[]]
    inside, before = 0, 0
    for line, count in zip(lines, counts, strict=True):
        if parts[-1] and (inside + count > most or before + count / 2 > wanted * len(parts)):
            parts.append([])
            inside = 0
        parts[-1].append(line)
        inside += count
        before += count
    return parts


def _short_enough(spoken: Spoken, tokens: Callable[[str], int], most: int) -> Iterator[Spoken]:
    """The line itself, or, where it is longer than a part, such as a whole text without line breaks, pieces of it."""
    text = spoken.text
    if tokens(text + "\n") <= most or len(text) < 2:
        yield spoken
        return
    middle = text.find(" ", len(text) // 2) + 1 or text.rfind(" ") + 1 or len(text) // 2
    for half in (text[:middle], text[middle:]):
        yield from _short_enough(Spoken(half.strip(), spoken.start_seconds), tokens, most)


def _text(contents: str) -> Iterator[Spoken]:
    """Also what was printed for a pipe."""
    for line in contents.splitlines():
        found = _PRINTED.fullmatch(line)
        yield Spoken(one_line(found[4]), _seconds(*found.groups()[:3])) if found else Spoken(one_line(line))


def _markdown(contents: str) -> Iterator[Spoken]:
    """Also what the user, or another program, has written between the paragraphs; not the program's own headings."""
    for number, line in enumerate(contents.splitlines()):
        if _HEADING.fullmatch(line) or (number == 0 and line.startswith("# Transcript of ")):
            continue
        found = _MARKDOWN.fullmatch(line.rstrip())
        text = re.sub(r"\\([\\`*_\[\]<>~])", r"\1", found[5] if found else line)
        speaker = label(re.sub(r"\\(.)", r"\1", found[4]), True) if found and found[4] else ""
        yield Spoken(speaker + one_line(text), _seconds(*found.groups()[:3]) if found else None)


def _subtitles(contents: str) -> Iterator[Spoken]:
    """Each cue until the next; nobody says what names a cue, such as its number, or what is noted between them."""
    start: float | None = None
    said: list[str] = []
    for line in contents.splitlines():
        if found := _CUE.match(line):
            if said and (said[-1].isdecimal() or said[-2:-1] == [""]):
                said.pop()
            if start is not None:
                yield _cue(said, start)
            start, said = _seconds(*found.groups()), []
        else:
            said.append(line.strip())
    if start is not None:
        yield _cue(said, start)


def _cue(lines: Sequence[str], start_seconds: float) -> Spoken:
    said, is_note = [], False
    for before, line in pairwise(["-", *lines]):
        is_note = bool(line) and (is_note or (not before and re.match(r"(NOTE|STYLE|REGION)( |$)", line) is not None))
        if line and not is_note:
            said.append(line)
    text = _VOICE.sub(lambda voice: label(voice[1], True), " ".join(said))
    return Spoken(one_line(html.unescape(_TAG.sub("", text))), start_seconds)


def _json_lines(contents: str) -> Iterator[Spoken]:
    """As it was amended last. A line that is cut off, or another program's, is left out."""
    said: list[dict[str, Any]] = []
    by_index: dict[int, dict[str, Any]] = {}
    for line in contents.split("\n"):
        with suppress(ValueError, RecursionError):
            found = json.loads(line)
            if not isinstance(found, dict) or found.get("command"):
                continue
            index, is_text = found.get("index"), isinstance(found.get("text"), str)
            if found.get("type") == "amendment":
                if isinstance(index, int) and index in by_index:
                    by_index[index]["text"] = found["text"] if is_text else ""
            elif is_text:
                said.append(found)
                if isinstance(index, int):
                    by_index[index] = found
    sources = [source if isinstance(source := one.get("source"), str) else "" for one in said]
    with_source = len({source for source in sources if source}) > 1
    for one, source in zip(said, sources, strict=True):
        text, start = one_line(one["text"]), one.get("start")
        is_time = isinstance(start, int | float) and 0 <= start < _LATEST_SECONDS
        speaker = label(source, with_source) if source else ""
        yield Spoken(speaker + text if text else "", float(one["start"]) if is_time else None)


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    return int(hours or 0) * 3600.0 + int(minutes) * 60 + int(seconds)
