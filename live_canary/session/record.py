"""A journal read back: what is known of a session that may have been cut off at any moment.

The first line that cannot be read ends what is believed; everything before it counts. Nothing here trusts a number, a
name or a path further than its form: a spool lies inside the session's folder, whatever a line says.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from live_canary.audio.source import SAMPLE_RATE, AudioGap
from live_canary.errors import InputError, SessionError
from live_canary.segments.settings import SegmenterSettings
from live_canary.session.journal import VERSION
from live_canary.settings import Settings
from live_canary.transcript.hypothesis import Flag, Hypothesis
from live_canary.transcript.taking_back import Change
from live_canary.transcript.utterance import Entry, Revision, TranscriptGap, Utterance
from live_canary.transcript.voice_commands import VOICE_COMMANDS, VoiceCommand

LONGEST_LINE = 1 << 20  # bytes
LATEST_SAMPLE = 1 << 48  # five hundred years

SegmentKey = tuple[str, int, int]
"""Source, start and end in samples."""


@dataclass(frozen=True, slots=True)
class SourceRecord:
    name: str
    sound: str | None
    """The folder of its spool inside the session's; None for recordings."""
    recordings: tuple[Path, ...] = ()


@dataclass(slots=True)
class OutputRecord:
    """A transcript file, and how much of the session it is known to hold."""

    path: Path
    first_index: int
    continued: bool
    """Whether an earlier session stands before this one."""
    entries: int
    size: int
    """Bytes, when it held `entries` lines of this session."""
    begins: int = 0
    """Bytes of the earlier sessions."""
    becoming: str = ""
    """The SHA-256 of what a recovery was about to make of it."""
    becoming_entries: int = 0
    """How many lines of this session that would hold."""
    is_complete: bool = False
    """It has all that the session or a recovery could give it."""


@dataclass(slots=True)
class SessionRecord:
    settings: Settings
    started: datetime
    echo_of: str | None
    with_source: bool
    sources: list[SourceRecord] = field(default_factory=list)
    outputs: list[OutputRecord] = field(default_factory=list)
    segments: dict[SegmentKey, tuple[int, int]] = field(default_factory=dict)
    """First and last sample of each one's speech."""
    texts: dict[SegmentKey, Hypothesis | None] = field(default_factory=dict)
    """None for one that the model failed on."""
    left: list[SegmentKey] = field(default_factory=list)
    """Speech that has no text, though it is part of an utterance that has one."""
    gaps: dict[str, list[AudioGap]] = field(default_factory=dict)
    breaks: dict[str, list[AudioGap]] = field(default_factory=dict)
    """Gaps without a length: what was being said ended there."""
    entries: list[Entry] = field(default_factory=list)
    """The transcript, as far as it was released to the files."""
    amended: list[tuple[int, Revision]] = field(default_factory=list)
    """Each change of an utterance, by its index, in their order."""
    changes: list[Change] = field(default_factory=list)
    """The same, for what a voice command means."""
    heard_seconds: float = 0.0
    """Where the speech of all utterances ended."""
    believed_bytes: int = 0
    """Length of the journal up to the first line that cannot be read."""

    @property
    def amendments(self) -> dict[int, Revision]:
        """What became of each utterance that was changed."""
        return dict(self.amended)

    def known_until(self, source: str) -> int:
        """The last sample of the source that an utterance or a gap reaches to."""
        ends = [end for name, _, end in self.segments if name == source]
        return max([*ends, *(gap.end_sample for gap in self.gaps.get(source, ()))], default=0)

    def not_transcribed(self, source: str, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Where between the two positions somebody spoke, or may have spoken, whose text is not known."""
        for (name, segment_start, segment_end), (speech_start, speech_end) in sorted(self.segments.items()):
            lost = (max(start, speech_start), min(end, speech_end))
            if name == source and (name, segment_start, segment_end) not in self.texts and lost[0] < lost[1]:
                yield lost
        if end > max(start, self.known_until(source)):
            yield max(start, self.known_until(source)), end


def read_journal(path: Path) -> SessionRecord:
    """Raises SessionError when not even its first line can be read, or is of another version."""
    record: SessionRecord | None = None
    try:
        for line, end in _lines(path):
            try:
                record = _begin(line) if record is None else _add(record, line)
            except (KeyError, IndexError, ValueError, TypeError, OverflowError, InputError):
                break
            record.believed_bytes = end
    except FileNotFoundError:
        raise SessionError(f"Session {path.parent.name} is gone: it was finished or deleted meanwhile.") from None
    except OSError as error:
        raise SessionError(f"The journal '{path}' cannot be read: {error.strerror}; check its permissions.") from None
    if record is None:
        raise SessionError(
            f"The journal '{path}' does not say how its session was started; live-canary recover --discard deletes it."
        )
    return record


def _lines(path: Path) -> Iterator[tuple[dict[str, Any], int]]:
    """Each complete line with where it ends in the file, up to the first that is no JSON object."""
    end = 0
    with path.open("rb") as file:
        while (line := file.readline(LONGEST_LINE)).endswith(b"\n"):
            end += len(line)
            try:
                value = json.loads(line)
            except (ValueError, RecursionError):
                return
            if not isinstance(value, dict):
                return
            yield value, end


def _begin(line: dict[str, Any]) -> SessionRecord:
    match line:
        case {
            "type": "session", "version": int(version), "started": str(started), "with_source": bool(with_source),
            "echo_of": None | str() as echo_of,
            "settings": {
                "model": str(model), "compute_device": str(device), "compute": str(compute), "vad": str(vad),
                "segmenter": dict(segmenter),
            },
        } if version == VERSION:  # fmt: skip
            settings = Settings(
                model=model, compute_device=device, compute=compute, vad=vad, segmenter=SegmenterSettings(**segmenter),
                spelling=tuple(map(str, line["settings"].get("spelling", ()))),
                voice_commands=line["settings"].get("voice_commands") is True,
                keep_audio=line["settings"].get("keep_audio") is True,
            )  # fmt: skip
            return SessionRecord(settings, datetime.fromisoformat(started), echo_of, with_source)
        case {"type": "session", "version": int(version)} if version != VERSION:
            raise SessionError(
                f"Another version of live-canary kept this session (form {version}; this one reads {VERSION}): "
                "recover it with that version."
            )
    raise ValueError("no session")


def _add(record: SessionRecord, line: dict[str, Any]) -> SessionRecord:
    match line:
        case {"type": "source", "name": str(name), "sound": str(sound)}:
            record.sources.append(SourceRecord(name, _inside(sound)))
        case {"type": "source", "name": str(name), "recordings": list(paths)}:
            record.sources.append(SourceRecord(name, None, tuple(_absolute(path) for path in paths)))
        case {"type": "output", "path": path, "first_index": first, "continued": bool(continued), "size": size}:
            record.outputs.append(
                OutputRecord(_absolute(path), _count(first), continued, 0, _count(size), _count(size))
            )
        case {"type": "saved", "output": output, "entries": entries, "size": size}:
            saved = record.outputs[_count(output)]
            if _count(entries):  # what begins a file counts as part of its first line
                saved.entries, saved.size = _count(entries), _count(size)
        case {"type": "completing", "output": output, "sha256": digest}:
            completing = record.outputs[_count(output)]
            completing.becoming, completing.becoming_entries = _text(digest), _count(line.get("entries", LATEST_SAMPLE))
        case {"type": "completed", "output": output}:
            record.outputs[_count(output)].is_complete = True
        case {
            "type": "segment", "source": str(source), "start": start, "end": end,
            "speech_start": speech_start, "speech_end": speech_end,
        }:  # fmt: skip
            record.segments[(source, *_span(start, end))] = _span(speech_start, speech_end)
            record.heard_seconds = max(record.heard_seconds, speech_end / SAMPLE_RATE)
        case {"type": "text", "source": str(source), "start": start, "end": end, "text": text, "flag": flag}:
            record.texts[(source, *_span(start, end))] = (
                None if text is None else Hypothesis(_text(text), (), _flag(flag), _confidences(line, text))
            )
        case {"type": "left", "source": str(source), "start": start, "end": end}:
            record.left.append((source, *_span(start, end)))
        case {"type": "gap", "source": str(source), "start": start, "end": end, "reason": str(reason)}:
            gap = AudioGap(*_span(start, end), reason)
            if gap.start_sample == gap.end_sample:
                record.breaks.setdefault(source, []).append(gap)
            else:
                record.gaps.setdefault(source, []).append(gap)
        case {"type": "amendment", "index": index, "text": text}:
            revision = Revision(None if text is None else _text(text), line.get("bookmark") is True)
            record.amended.append((_count(index), revision))
            obeys = line.get("obeys")
            record.changes.append(
                Change(index, revision.text, record.heard_seconds, None if obeys is None else _count(obeys))
            )
        case {"type": "utterance" | "marked"}:
            record.entries.append(_entry(line))
        case _:
            raise ValueError("no line of a journal")
    return record


def _entry(line: dict[str, Any]) -> Entry:
    start, end, source = _not_negative(line["start_seconds"]), _not_negative(line["end_seconds"]), _text(line["source"])
    if line["type"] == "marked":
        return TranscriptGap(start, end, _text(line["reason"]), source)
    return Utterance(_count(line["index"]), start, end, _text(line["text"]), source, _flag(line["flag"]),
                     _confidences(line, line["text"]), _command(line.get("command")))  # fmt: skip


def _inside(folder: str) -> str:
    if not re.fullmatch(r"[0-9]{1,3}", folder):
        raise ValueError("no folder of a session")
    return folder


def _absolute(path: object) -> Path:
    if not isinstance(path, str) or not Path(path).is_absolute() or "\0" in path:
        raise ValueError("no absolute path")
    return Path(path)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= LATEST_SAMPLE:
        raise ValueError("no count")
    return value


def _span(start: object, end: object) -> tuple[int, int]:
    if _count(start) > _count(end):
        raise ValueError("ends before it starts")
    return _count(start), _count(end)


def _not_negative(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError("no time")
    return float(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _confidences(line: dict[str, Any], text: str) -> tuple[float, ...]:
    """Earlier versions noted none."""
    values = tuple(_not_negative(value) for value in line.get("confidences", ()))
    if values and (len(values) != len(text.split()) or max(values) > 1):
        raise ValueError("no confidences")
    return values


def _command(value: object) -> VoiceCommand | None:
    if value is not None and value not in VOICE_COMMANDS:
        raise ValueError("no voice command")
    return next((command for command in VOICE_COMMANDS if command == value), None)


def _flag(value: object) -> Flag | None:
    if value is None or value == "loop":
        return "loop" if value else None
    raise ValueError("no flag")
