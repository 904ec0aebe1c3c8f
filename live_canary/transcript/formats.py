"""How a transcript is written down: one class per file format, each an extension and a few pure methods.

    .txt    the text alone, one utterance a line: to read, paste and compare
    .md     a dated heading, then a paragraph with its time for each utterance: minutes of a meeting
    .srt    subtitles, in cues of two lines (`cues.py`); .vtt the same for the web
    .jsonl  one JSON object a line, for other programs

Nothing here touches a file; `writer.py` does. Times are seconds from the start of the source.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from live_canary.printable import clock, one_line
from live_canary.transcript.cues import Cue, cues, one_cue
from live_canary.transcript.lines import gap_notice, label
from live_canary.transcript.utterance import Entry, Revision, TranscriptGap, Utterance

BOOKMARK = "◆"


class Format:
    """One way of writing a transcript down; `number` counts what is written to a file from 1, gaps included.

    An entry takes as many numbers as `numbers_in` finds in what was written of it.
    """

    extension: ClassVar[str]
    can_continue: ClassVar[bool] = True
    """Whether another session may be appended to a file of this format."""
    shows_bookmarks: ClassVar[bool] = False
    is_numbered: ClassVar[bool] = False
    """Whether what was written of an entry holds its number."""
    ends_blank: ClassVar[bool] = False
    """Whether what stands in a file ends in an empty line, which separates it from what follows."""
    any_seam: ClassVar[re.Pattern[bytes] | None] = None
    """Every `seam` of the format; None if sessions are not told apart."""

    def header(self, started: datetime, recording: str = "") -> str:
        """The beginning of a new file: of what was said from then on, or of a recording, which may be of any day."""
        return ""

    def seam(self, started: datetime) -> str:
        """What separates an earlier session in the same file from this one."""
        return ""

    def next_index(self, earlier: str) -> int:
        """The index that the first utterance gets after the earlier contents of the file."""
        return 0

    def amendment(self, index: int, revision: Revision) -> str:
        """What follows in the file when utterance `index` was changed.

        Empty for files to be read by people: they hold each utterance once, and are made anew when they are complete.
        """
        return ""

    def break_before(self, before: bytes, piece: bytes) -> bytes:
        """What a piece needs in front of it to stand by itself behind a file, of which the last four bytes do."""
        if not (before and piece):
            return b""
        end = before[-4:].replace(b"\r\n", b"\n")
        wanted = 2 if self.ends_blank and not piece.startswith(b"\n") else 1
        return b"\n" * (wanted - min(wanted, len(end) - len(end.rstrip(b"\n"))))

    def numbers_in(self, piece: str) -> int:
        """How many numbers an entry takes that was written so."""
        return int(bool(piece))

    def bookmarked(self, piece: str) -> str:
        """What is written instead of an utterance that the user has marked, where that shows."""
        return piece

    def entry(self, number: int, entry: Entry, *, with_source: bool) -> str:
        if isinstance(entry, Utterance):
            if entry.command:
                return self.command(number, entry, with_source=with_source)
            return self.utterance(number, entry, with_source=with_source)
        return self.gap(number, entry, with_source=with_source)

    def command(self, number: int, utterance: Utterance, *, with_source: bool) -> str:
        """What an utterance leaves that was a voice command: nothing, where each utterance stands by itself anyway."""
        return ""

    def utterance(self, number: int, utterance: Utterance, *, with_source: bool) -> str:
        raise NotImplementedError

    def gap(self, number: int, gap: TranscriptGap, *, with_source: bool) -> str:
        raise NotImplementedError


class TextFormat(Format):
    extension = ".txt"
    any_seam = re.compile(rb"\n--- \d{4}-\d\d-\d\d \d\d:\d\d ---\n\n")

    def seam(self, started: datetime) -> str:
        return f"\n--- {started:%Y-%m-%d %H:%M} ---\n\n"

    def command(self, number: int, utterance: Utterance, *, with_source: bool) -> str:
        return "\n" if utterance.command == "new paragraph" else ""

    def utterance(self, number: int, utterance: Utterance, *, with_source: bool) -> str:
        return label(utterance.source, with_source) + one_line(utterance.text) + "\n"

    def gap(self, number: int, gap: TranscriptGap, *, with_source: bool) -> str:
        return label(gap.source, with_source) + gap_notice(gap) + "\n"


class MarkdownFormat(Format):
    extension = ".md"
    shows_bookmarks = True
    ends_blank = True
    any_seam = re.compile(rb"\n# Transcript of \d{4}-\d\d-\d\d \d\d:\d\d\n\n")

    def header(self, started: datetime, recording: str = "") -> str:
        return f"# Transcript of {self._escaped(one_line(recording)) or f'{started:%Y-%m-%d %H:%M}'}\n\n"

    def seam(self, started: datetime) -> str:
        return "\n" + self.header(started)

    def bookmarked(self, piece: str) -> str:
        return BOOKMARK + " " + piece

    def utterance(self, number: int, utterance: Utterance, *, with_source: bool) -> str:
        return self._paragraph(utterance.start_seconds, utterance.source, one_line(utterance.text), with_source)

    def gap(self, number: int, gap: TranscriptGap, *, with_source: bool) -> str:
        return self._paragraph(gap.start_seconds, gap.source, gap_notice(gap), with_source)

    def _paragraph(self, seconds: float, source: str, text: str, with_source: bool) -> str:
        label = f" {self._escaped(one_line(source))}" if with_source else ""
        return f"**{clock(seconds)}{label}** {self._escaped(text)}\n\n"

    @staticmethod
    def _escaped(text: str) -> str:
        return re.sub(r"([\\`*_\[\]<>~])", r"\\\1", text)


class SrtFormat(Format):
    extension = ".srt"
    can_continue = False
    is_numbered = True
    ends_blank = True

    def numbers_in(self, piece: str) -> int:
        return piece.count("-->")

    def utterance(self, number: int, utterance: Utterance, *, with_source: bool) -> str:
        text, speaker = self._harmless(one_line(utterance.text)), self._harmless(label(utterance.source, with_source))
        return self._written(number, cues(text, utterance.start_seconds, utterance.end_seconds, speaker))

    def gap(self, number: int, gap: TranscriptGap, *, with_source: bool) -> str:
        text, speaker = self._harmless(gap_notice(gap)), self._harmless(label(gap.source, with_source))
        return self._written(number, [one_cue(text, gap.start_seconds, gap.end_seconds, speaker)])

    @staticmethod
    def _harmless(text: str) -> str:
        return re.sub("-{2,}>", "->", text)  # readers take any line with the arrow for a cue's timing

    @staticmethod
    def _written(first_number: int, cues: Sequence[Cue]) -> str:
        return "".join(
            f"{number}\n{cue.timing(decimal_mark=',')}\n{cue.text}\n\n" for number, cue in enumerate(cues, first_number)
        )


class VttFormat(Format):
    extension = ".vtt"
    can_continue = False
    ends_blank = True

    def header(self, started: datetime, recording: str = "") -> str:
        return "WEBVTT\n\n"

    def utterance(self, number: int, utterance: Utterance, *, with_source: bool) -> str:
        spoken = cues(one_line(utterance.text), utterance.start_seconds, utterance.end_seconds)
        return self._written(spoken, utterance.source, with_source)

    def gap(self, number: int, gap: TranscriptGap, *, with_source: bool) -> str:
        notice = one_cue(gap_notice(gap), gap.start_seconds, gap.end_seconds)
        return self._written([notice], gap.source, with_source)

    def _written(self, cues: Sequence[Cue], source: str, with_source: bool) -> str:
        voice = f"<v {self._escaped(one_line(source))}>" if with_source else ""
        return "".join(f"{cue.timing(decimal_mark='.')}\n{voice}{self._escaped(cue.text)}\n\n" for cue in cues)

    @staticmethod
    def _escaped(text: str) -> str:
        return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class JsonlFormat(Format):
    extension = ".jsonl"
    shows_bookmarks = True

    def next_index(self, earlier: str) -> int:
        return max((_utterance_index(line) for line in earlier.split("\n")), default=-1) + 1

    def bookmarked(self, piece: str) -> str:
        return self._line(**json.loads(piece), **self._bookmark(True))

    def command(self, number: int, utterance: Utterance, *, with_source: bool) -> str:
        return self.utterance(number, utterance, with_source=with_source)

    def utterance(self, number: int, utterance: Utterance, *, with_source: bool) -> str:
        return self._line(
            type="utterance",
            index=utterance.index,
            start=round(utterance.start_seconds, 3),
            end=round(utterance.end_seconds, 3),
            text=one_line(utterance.text),
            source=one_line(utterance.source),
            **({"flag": utterance.flag} if utterance.flag else {}),
            **self._confidence(utterance),
            **({"command": utterance.command} if utterance.command else {}),
        )

    def gap(self, number: int, gap: TranscriptGap, *, with_source: bool) -> str:
        return self._line(
            type="gap",
            start=round(gap.start_seconds, 3),
            end=round(gap.end_seconds, 3),
            reason=one_line(gap.reason),
            source=one_line(gap.source),
        )

    def amendment(self, index: int, revision: Revision) -> str:
        text = None if revision.text is None else one_line(revision.text)
        return self._line(type="amendment", index=index, text=text, **self._bookmark(revision.is_bookmarked))

    @staticmethod
    def _bookmark(is_set: bool) -> dict[str, bool]:
        return {"bookmark": True} if is_set else {}

    @staticmethod
    def _confidence(utterance: Utterance) -> dict[str, float | list[float]]:
        if utterance.confidence is None:
            return {}
        return {"confidence": round(utterance.confidence, 2), "word_confidences": list(utterance.confidences)}

    @staticmethod
    def _line(**values: str | int | float | list[float] | None) -> str:
        return json.dumps(values, ensure_ascii=False) + "\n"


FORMATS: dict[str, Format] = {
    known.extension: known for known in (TextFormat(), MarkdownFormat(), SrtFormat(), VttFormat(), JsonlFormat())
}
"""Every format by its extension, `.txt` first."""


def _utterance_index(line: str) -> int:
    """The index that a line of JSON holds; -1 when it holds none (a gap, a line cut short, another program's)."""
    try:
        index = json.loads(line)["index"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return -1
    return index if isinstance(index, int) else -1
