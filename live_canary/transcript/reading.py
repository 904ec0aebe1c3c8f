"""A transcript read back, whichever program wrote it: who says what, from when on."""

import html
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from live_canary.printable import one_line
from live_canary.transcript.formats import BOOKMARK
from live_canary.transcript.lines import label

_MARKDOWN = re.compile(rf"(?:{BOOKMARK} )?\*\*(\d+):(\d\d):(\d\d)(?: (.*?))?\*\* (.*)")
_HEADING = "# Transcript of "
_CUE = re.compile(r"(?:(\d+):)?(\d\d):(\d\d)[,.]\d+ +--> ")
_VOICE = re.compile(r"<v(?:\.[^ >]*)? ([^>]*)>")
_TAG = re.compile(r"</?[^>]*>|\{\\[^}]*\}")


@dataclass(frozen=True, slots=True)
class Spoken:
    text: str
    """One line, with its speaker in front where the transcript names one."""
    start_seconds: float | None = None
    """None where the transcript holds no times."""


def read_transcript(contents: str, extension: str) -> list[Spoken]:
    """What is said in the contents of a file; of one whose extension is not known each line is something said."""
    readers = {".md": _markdown, ".srt": _subtitles, ".vtt": _subtitles, ".jsonl": _json_lines}
    lines = contents.lstrip("\ufeff").splitlines()
    return [spoken for spoken in readers.get(extension.lower(), _text)(lines) if spoken.text]


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
    words = spoken.text.split()
    if tokens(spoken.text + "\n") <= most or len(words) < 2:
        yield spoken
        return
    for half in (words[: len(words) // 2], words[len(words) // 2 :]):
        yield from _short_enough(Spoken(" ".join(half), spoken.start_seconds), tokens, most)


def _text(lines: list[str]) -> Iterator[Spoken]:
    for line in lines:
        yield Spoken(one_line(line))


def _markdown(lines: list[str]) -> Iterator[Spoken]:
    """Also what the user, or another program, has written between the paragraphs; not the program's own headings."""
    for line in lines:
        if line.startswith(_HEADING):
            continue
        found = _MARKDOWN.fullmatch(line.rstrip())
        text = re.sub(r"\\([\\`*_\[\]<>~])", r"\1", found[5] if found else line)
        speaker = label(re.sub(r"\\(.)", r"\1", found[4]), True) if found and found[4] else ""
        yield Spoken(speaker + one_line(text), _seconds(*found.groups()[:3]) if found else None)


def _subtitles(lines: list[str]) -> Iterator[Spoken]:
    """Each cue; what stands outside of them, such as their numbers, is nothing that was said."""
    start: float | None = None
    said: list[str] = []
    for line in [*lines, ""]:
        if found := _CUE.match(line):
            start, said = _seconds(*found.groups()), []
        elif line.strip():
            said.append(line.strip())
        elif start is not None:
            text = _VOICE.sub(lambda voice: label(voice[1], True), " ".join(said))
            yield Spoken(one_line(html.unescape(_TAG.sub("", text))), start)
            start = None


def _json_lines(lines: list[str]) -> Iterator[Spoken]:
    """As it was amended last. A line that is cut off, or another program's, is left out."""
    said: dict[object, dict[str, object]] = {}
    for line in lines:
        with suppress(ValueError):
            found = json.loads(line)
            if not isinstance(found, dict) or "text" not in found or found.get("command"):
                continue
            if found.get("type") == "amendment":
                if found.get("index") in said:
                    said[found["index"]]["text"] = found["text"] or ""
            else:
                said[found.get("index", len(said))] = found
    with_source = len({one["source"] for one in said.values() if one.get("source")}) > 1
    for one in said.values():
        start = one.get("start")
        speaker = label(str(one["source"]), with_source) if one.get("source") else ""
        text = one_line(str(one["text"]))
        yield Spoken(speaker + text if text else "", float(start) if isinstance(start, int | float) else None)


def _seconds(hours: str | None, minutes: str, seconds: str) -> float:
    return int(hours or 0) * 3600.0 + int(minutes) * 60 + int(seconds)
