"""The lines of a transcript as they were left: without what was deleted, with what was corrected and bookmarked."""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from live_canary.transcript.formats import Format
from live_canary.transcript.utterance import Entry, Revision, Utterance


def whole_transcript(
    known: Format,
    entries: Sequence[Entry],
    started: datetime,
    *,
    with_source: bool,
    bookmarked: Container[int] = (),
) -> str:
    """A complete file in one piece, for an export; bookmarked: the utterances that the user has marked, by index."""
    marks = {
        entry.index: Revision(entry.text, is_bookmarked=True)
        for entry in entries
        if isinstance(entry, Utterance) and entry.index in bookmarked
    }
    return known.header(started) + "".join(pieces(known, entries, with_source=with_source, amendments=marks))


def pieces(
    known: Format,
    entries: Sequence[Entry],
    *,
    with_source: bool,
    first_index: int = 0,
    amendments: Mapping[int, Revision] | None = None,
) -> list[str]:
    """Each entry as a file holds it; "" for one that was deleted or obeyed, which takes no number either.

    amendments: what became of utterances, by their index; first_index: what the file adds to an index.
    """
    number, written, changed = 1, [], amendments or {}
    for entry in entries:
        piece, final = "", amended(entry, changed)
        if isinstance(final, Utterance):
            piece = known.entry(number, replace(final, index=first_index + final.index), with_source=with_source)
            revision = changed.get(final.index)
            if piece and revision and revision.is_bookmarked:
                piece = known.bookmarked(piece)
        elif final:
            piece = known.entry(number, final, with_source=with_source)
        written.append(piece)
        number += known.numbers_in(piece)
    return written


def with_amendments(entries: Iterable[Entry], amendments: Mapping[int, Revision]) -> list[Entry]:
    """The entries as they were left, without the deleted ones."""
    return [final for entry in entries if (final := amended(entry, amendments))]


def amended(entry: Entry, amendments: Mapping[int, Revision]) -> Entry | None:
    """The entry with the text that it was given last; None if it was deleted."""
    if not isinstance(entry, Utterance) or entry.index not in amendments:
        return entry
    text = amendments[entry.index].text
    if text is None or text == entry.text:
        return entry if text else None
    return replace(entry, text=text, flag=None, confidences=())
