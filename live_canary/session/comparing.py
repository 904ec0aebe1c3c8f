"""What a transcript file holds of a session, and what it is to hold.

It is compared with every form that the session or an earlier recovery may have left: with none of the corrections, with
some, with all. Only a file that somebody else has changed is completed by what the journal says of it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import islice

from live_canary.session.record import OutputRecord
from live_canary.transcript.amending import replaced
from live_canary.transcript.pieces import pieces
from live_canary.transcript.places import format_of
from live_canary.transcript.utterance import Entry, Revision, Utterance

Amended = Sequence[tuple[int, Revision]]
"""Each change of an utterance, by its index, in the order in which they were made."""


def digest_of(contents: bytes) -> str:
    return sha256(contents).hexdigest()


@dataclass(frozen=True, slots=True)
class Completed:
    contents: bytes
    added: int
    uncorrected: int
    """Corrections that found no place, where somebody else has changed the file."""
    kept: int | None
    """So many bytes stay, and what follows may be written in its place, as a part of it would be known again; None
    where all has to become so at once."""


@dataclass(frozen=True, slots=True)
class _Found:
    """The session's lines in a file, as far as they stand there."""

    lines: list[bytes]
    there: int
    end: int
    rest: bytes
    """What follows, but for a line that was cut off."""


@dataclass(frozen=True, slots=True)
class Comparison:
    output: OutputRecord
    entries: Sequence[Entry]
    started: datetime
    with_source: bool
    amended: Amended

    def completed(self, contents: bytes) -> Completed:
        """What becomes of a file that holds `contents`."""
        begin = self._begin(contents)
        final = self._lines(self.amended)
        found = self._found(contents, begin) if contents else _Found([], 0, 0, b"")
        is_known = digest_of(contents) == self.output.becoming
        if is_known and (found is None or found.there < self.output.becoming_entries):
            found = _Found(final, self.output.becoming_entries, len(contents), b"")
        missed = 0
        if found is None:
            there, whole, missed = self._corrected(contents, final)
        else:
            there, whole = found.there, contents[: found.end] + found.rest
            if found.lines[:there] != final[:there]:
                written = b"".join(final[:there])
                whole = contents[:begin] + self._break_before(contents[:begin], written) + written + found.rest
        first_index = self._first_index(whole, there)
        missing = b"".join(self._lines(self.amended, first_index)[there:])
        at = self._end(whole, found, final[:there])
        whole = whole[:at] + self._break_before(whole[:at], missing) + missing + whole[at:]
        amendments = self._missing_amendments(whole, there, first_index)
        whole += self._break_before(whole, amendments) + amendments
        kept = None
        is_made_again = not contents and self.output.entries  # a part of it would not be known
        if found and not found.rest and not is_made_again and whole.startswith(contents[: found.end]):
            kept = found.end
        return Completed(whole, len(self.entries) - there, missed, kept)

    def is_of_others(self, contents: bytes) -> bool:
        """Whether a file that has something in it holds so little of the session that it is not the session's any more.

        As when the next session replaced it, or the user moved the old one away.
        """
        is_known = not contents or digest_of(contents) == self.output.becoming
        if is_known or (self.output.continued and self._head and self._head.encode() in contents):
            return False
        saved = min(self.output.entries, len(self.entries))
        found = self._found(contents, self._begin(contents))
        if not saved:
            return not self.output.continued and bool(found and found.rest and not found.there)
        if found:
            return False
        heard, final = (self._own_lines(self._lines(amended))[:saved] for amended in ((), self.amended))
        forms = [{one, other} - {b""} for one, other in zip(heard, final, strict=True)]
        contents = b"\n" + contents
        standing = sum(any(b"\n" + line in contents for line in lines) for lines in forms)
        return 2 * standing < sum(map(bool, forms))

    def _begin(self, contents: bytes) -> int:
        """Where the session begins: what a recovery gave to one before it has moved it."""
        head, begin = self._head.encode() * self.output.continued, min(self.output.begins, len(contents))
        moved = head and not contents.startswith(self._break_before(contents[:begin], head) + head, begin)
        return contents.index(head) if moved and contents.count(head) == 1 else begin

    def _end(self, contents: bytes, found: _Found | None, lines: list[bytes]) -> int:
        """Where these lines of the session end: before a later one in the same file, where that is known."""
        if found and found.rest and lines:
            return self._next_session(contents, len(contents) - len(found.rest))
        head = self._head.encode() * self.output.continued  # else it begins the file, whatever others made of it
        if head and contents.count(head) != 1:
            return len(contents)
        begin = contents.find(head) + len(head)
        end = self._next_session(contents, begin)
        last = next((line for line in reversed(self._own_lines(lines)) if line), None)
        return end if last and b"\n" + last in b"\n" + contents[begin:end] else len(contents)

    def _next_session(self, contents: bytes, position: int) -> int:
        """Where from `position` on a session begins that the same file was given to later; else the end."""
        seam = format_of(self.output.path).any_seam
        found = seam.search(contents, position) if seam else None
        return found.start() if found else len(contents)

    def _own_lines(self, lines: list[bytes]) -> list[bytes]:
        """Without what begins the file or the session."""
        return [lines[0].removeprefix(self._head.encode()), *lines[1:]] if lines else []

    def _found(self, contents: bytes, begin: int) -> _Found | None:
        """The lines in that of their forms which the file has most of; None if it lacks any that were saved."""
        best: _Found | None = None
        if not self._may_stand(contents, begin):
            return None
        for lines in self._forms():
            found = self._compared(contents, begin, lines)
            if found.there >= min(self.output.entries, len(lines)):
                if not found.rest:
                    return found
                if self.output.entries and found.end == begin:
                    continue  # lines that were all deleted stand everywhere
                best = found if best is None or found.end > best.end else best
        return best

    def _may_stand(self, contents: bytes, begin: int) -> bool:
        """False if the saved lines do not stand there, whichever of its texts each of them has.

        Where others have changed a file, its forms, one for each correction of a day, would all be tried in vain.
        """
        if not self.amended or self._keeps_amendments or format_of(self.output.path).is_numbered:
            return True
        revisions: dict[int, list[Revision]] = {}
        for index, revision in self.amended:
            revisions.setdefault(index, []).append(revision)
        ends, head = {begin}, self._head.encode()
        for entry, heard in islice(zip(self.entries, self._lines(()), strict=True), self.output.entries):
            lines = {heard}
            if isinstance(entry, Utterance):
                lines |= {head + self._line(entry, revision) for revision in revisions.get(entry.index, ())}
            head, before = b"", ends
            ends = {end + len(line) for end in before for line in self._standing_at(contents, begin, end, lines)}
            if not ends:
                return False
        return True

    def _standing_at(self, contents: bytes, begin: int, end: int, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Which of the lines stand there, with the break before the first of all."""
        for line in lines:
            expected = self._break_before(contents[:begin], line) + line if end == begin else line
            if contents.startswith(expected, end):
                yield expected

    def _line(self, utterance: Utterance, revision: Revision) -> bytes:
        """As a file whose lines are not numbered holds it."""
        known, amendments = format_of(self.output.path), {utterance.index: revision}
        return pieces(known, [utterance], with_source=self.with_source, amendments=amendments)[0].encode()

    def _forms(self) -> Iterator[list[bytes]]:
        """As they are to be, as they were heard, and as they were after each of the corrections."""
        yield self._lines(self.amended)
        if self.amended and not self._keeps_amendments:
            shown = self._shown()
            for count in (0, *range(len(shown) - 1, 0, -1)):
                yield self._lines(shown[:count])

    def _shown(self) -> Amended:
        """Those changes that make a difference in the file."""
        if format_of(self.output.path).shows_bookmarks:
            return self.amended
        texts: dict[int, str | None] = {e.index: e.text for e in self.entries if isinstance(e, Utterance)}
        shown = []
        for index, revision in self.amended:
            if revision.text != texts.get(index):
                texts[index] = revision.text
                shown.append((index, revision))
        return shown

    def _compared(self, contents: bytes, position: int, lines: list[bytes]) -> _Found:
        """How much of the lines stands from `position` on, amendments between them."""
        amendments, there, end = self._amendment_lines(), 0, position
        for line in lines:
            end = _behind(amendments, contents, end)
            expected = self._break_before(contents[:end], line) + line if end == position else line
            heads_the_next = line == b"\n" and self._next_session(contents, end) == end  # it is no paragraph's
            if heads_the_next or not contents.startswith(expected, end):
                break
            there, end = there + 1, end + len(expected)
        end = _behind(amendments, contents, end)
        rest = contents[end:]
        is_torn = any((self._break_before(contents[:end], line) + line).startswith(rest)
                      for line in (*lines[there : there + 1], *amendments))  # fmt: skip
        return _Found(lines, there, end, b"" if is_torn else rest)

    def _corrected(self, contents: bytes, final: list[bytes]) -> tuple[int, bytes, int]:
        """How many lines a file has that was changed by others, what it holds with those corrected that are found, and
        how many are not.

        The journal says up to where it was known to be written; what follows there is compared with the lines to come.
        """
        lines = self._lines(())
        saved = min(self.output.entries, len(lines))
        found = self._compared(contents, min(self.output.size, len(contents)), lines[saved:])
        there = saved + found.there
        head, header = self._head.encode(), b""
        if not self.output.continued:
            lines, final, head, header = self._own_lines(lines), self._own_lines(final), b"", head
        return there, *replaced(contents[: found.end] + found.rest, lines[:there], final[:there], head, header)

    def _break_before(self, before: bytes, line: bytes) -> bytes:
        return format_of(self.output.path).break_before(before, line)

    @property
    def _head(self) -> str:
        """What begins the file, or the session in it."""
        known = format_of(self.output.path)
        return known.seam(self.started) if self.output.continued else known.header(self.started)

    def _lines(self, amended: Amended, first_index: int | None = None) -> list[bytes]:
        """Each entry as a file holds it after these corrections, the first with what begins the file or the session."""
        if not self.entries:
            return []
        first, *others = pieces(
            format_of(self.output.path),
            self.entries,
            with_source=self.with_source,
            first_index=self.output.first_index if first_index is None else first_index,
            amendments={} if self._keeps_amendments else dict(amended),
        )
        return [text.encode() for text in (self._head + first, *others)]

    @property
    def _keeps_amendments(self) -> bool:
        """Whether the file holds each text that was given, instead of the last."""
        return bool(format_of(self.output.path).amendment(0, Revision(None)))

    def _amendment_lines(self) -> set[bytes]:
        known = format_of(self.output.path)
        lines = (known.amendment(self.output.first_index + index, revision) for index, revision in self.amended)
        return {line.encode() for line in lines if line}

    def _missing_amendments(self, contents: bytes, there: int, first_index: int) -> bytes:
        known, missing = format_of(self.output.path), self._first_missing(there)
        lines = [
            known.amendment(index + (self.output.first_index if index < missing else first_index), revision).encode()
            for index, revision in dict(self.amended).items()
        ]
        return b"".join(line for line in lines if line and not _is_last_word(contents, line))

    def _first_index(self, contents: bytes, there: int) -> int:
        """What the file adds to the index of the lines that it lacks: another session may have counted on meanwhile."""
        next_index = format_of(self.output.path).next_index(contents.decode("utf-8", "replace"))
        return max(self.output.first_index, next_index - self._first_missing(there))

    def _first_missing(self, there: int) -> int:
        return sum(isinstance(entry, Utterance) for entry in self.entries[:there])


def _is_last_word(contents: bytes, amendment: bytes) -> bool:
    """Whether the file holds this amendment, and no later one of the same utterance."""
    subject = amendment[: amendment.index(b'"text"')]
    return contents.rfind(subject) == contents.rfind(amendment) >= 0


def _behind(lines: set[bytes], contents: bytes, position: int) -> int:
    """The position after those of the lines that stand there."""
    while lines and contents[position : contents.find(b"\n", position) + 1] in lines:
        position = contents.find(b"\n", position) + 1
    return position
