"""One glance: does it hear me, how loud, how far behind, and where does the text go?

The functions give parts, (text, style) pairs that together fill a row of a given width; the widget only draws them.
"""

from rich.cells import cell_len, set_cell_size
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from live_canary.printable import one_line
from live_canary.screen.state import SILENCE_DBFS, SessionState, SourceState

Parts = list[tuple[str, str]]
"""Pieces of a row, each with its style in Textual's notation."""

SOURCES_SHOWN = 3
LOUD_DBFS, TOO_LOUD_DBFS = -12.0, -3.0  # where the meter turns yellow and red
BACKLOG_SHOWN_SECONDS = 0.5
BACKLOG_WORRIES_SECONDS = 5.0
SEPARATOR = " · "


class StatusLine(Widget):
    """A row for each source and one for the session; drawn anew only when a character of it changes."""

    def __init__(self, state: SessionState, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = state
        self._below = 0
        self._drawn: list[Parts] = []

    def show_below(self, utterances: int) -> None:
        """Tells the reader how many stand below the last row."""
        self._below = utterances
        self.update()

    def update(self) -> None:
        rows = self._rows()
        if rows != self._drawn:
            self.refresh(layout=len(rows) != len(self._drawn))
            self._drawn = rows

    def on_resize(self) -> None:
        self.update()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """A row is a row: at another width it is composed anew, never broken."""
        return len(self._rows())

    def render(self) -> Content:
        return Content("\n").join(Content.assemble(*parts) for parts in self._rows())

    def _rows(self) -> list[Parts]:
        width = self.size.width
        sources = list(self._state.sources.values())[:SOURCES_SHOWN]
        names = [one_line(source.name) for source in sources]
        if len(names) > 1:
            names = [f"{number} {name}" for number, name in enumerate(names, start=1)]  # the keys that mute them
        name_cells = min(max(map(cell_len, names), default=0), width // 3)
        rows = [source_row(source, name, name_cells, width) for source, name in zip(sources, names, strict=True)]
        return [*rows, session_row(self._state, width, self._below)]


def source_row(source: SourceState, name: str, name_cells: int, width: int) -> Parts:
    """Name, level and doing of one source."""
    name = set_cell_size(_shortened(name, name_cells), name_cells)
    doing, colour = doing_of(source)
    doing = _shortened(doing, max(width - name_cells - 5, 1))
    meter_cells = min(width - name_cells - cell_len(doing) - 6, 40)
    return [
        (f" {'○' if source.lost or source.muted or source.stopped else '●'} ", colour),
        (f"{name} ", ""),
        *(meter(source, meter_cells) if meter_cells >= 4 else []),
        (f" {doing}", colour),
    ]


def doing_of(source: SourceState) -> tuple[str, str]:
    """What the source is doing, in words, and its colour."""
    if source.stopped:
        return "stopped", "$text-muted"
    if source.muted:
        return "muted", "$text-warning"
    if source.lost:
        return f"lost: {one_line(source.lost)}", "$text-error"
    if source.clipped:
        return "too loud", "$text-error"
    return ("speaking", "$text-accent") if source.speaking else ("listening", "$text-success")


def meter(source: SourceState, cells: int) -> Parts:
    """A bar up to the present level with a mark at the latest peak, from -60 dBFS to 0."""
    level, peak = _position(source.rms_dbfs, cells), _position(source.peak_dbfs, cells)
    peak = max(peak, level)
    loud, too_loud = _position(LOUD_DBFS, cells), _position(TOO_LOUD_DBFS, cells)
    bar = [
        ("━" * min(level, loud), "$success"),
        ("━" * (min(level, too_loud) - loud), "$warning"),
        ("━" * (level - too_loud), "$error"),
        ("─" * (peak - level), "$foreground 30%"),
    ]
    if 0 < peak < cells:
        return [*bar, ("┃", "$foreground 70%"), ("─" * (cells - peak - 1), "$foreground 30%")]
    return [*bar, ("─" * (cells - peak), "$foreground 30%")]


def session_row(state: SessionState, width: int, below: int = 0) -> Parts:
    """Backlog, latency, model and files; where the row is narrow the first is cut and the others are left out."""
    row: Parts = []
    room = width - 1
    for text, style in [*_reading_facts(below), *session_facts(state)]:
        separator = SEPARATOR if row else " "
        text = text if row else _shortened(text, max(room - 1, 1))
        needed = cell_len(separator + text)
        if needed > room:
            continue
        row += [(separator, "$text-muted"), (text, style)]
        room -= needed
    return row


def session_facts(state: SessionState) -> Parts:
    """What there is to say about the session, the most urgent first."""
    facts: Parts = []
    if state.failure:
        facts.append((one_line(state.failure), "bold $text-error"))
    if state.finishing and not state.ended:
        facts.append(("finishing what was heard, Ctrl-C stops at once", "bold $text-warning"))
    if state.ended is None and not state.model_ready:
        facts.append((one_line(state.model_step) or "loading the model", "$text-warning"))
    if state.backlog_seconds >= BACKLOG_SHOWN_SECONDS:
        worrying = state.backlog_seconds >= BACKLOG_WORRIES_SECONDS
        facts.append((f"{state.backlog_seconds:.1f} s behind", "$text-warning" if worrying else "$text-muted"))
    for path, count in state.unsaved.items():
        if count:
            facts.append((f"{count} not saved in {one_line(path.name)}", "$text-warning"))
    median, slowest = state.latency(50), state.latency(95)
    if median is not None and slowest is not None:
        facts.append((f"text after {_duration(median)}, 95% within {_duration(slowest)}", "$text-muted"))
    if state.info.typing:
        facts.append((f"typing with {one_line(state.info.typing)}", "$text-muted"))
    if state.copying:
        facts.append(("copying each", "$text-muted"))
    facts.append((_files(state), "$text-muted"))
    facts.append((one_line(state.info.model), "$text-muted"))
    return facts


def _reading_facts(below: int) -> Parts:
    return [(f"↓ {below:,} below, End shows the newest", "bold $primary")] if below else []


def _files(state: SessionState) -> str:
    if not state.info.outputs:
        return "not written to a file"
    names = ", ".join(one_line(path.name) for path in state.info.outputs)
    saved = len(state.unsaved) == len(state.info.outputs) and not any(state.unsaved.values())
    return f"✓ {names}" if saved else names


def _position(dbfs: float, cells: int) -> int:
    """How many of `cells` a level fills."""
    return min(max(round((1 - dbfs / SILENCE_DBFS) * cells), 0), cells)


def _duration(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _shortened(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + "…"
