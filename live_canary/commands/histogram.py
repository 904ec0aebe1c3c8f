"""A histogram of latencies as a small SVG that needs nothing to be drawn with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np

from live_canary.errors import OutputError

BINS = 30
WIDTH, PANEL_HEIGHT, MARGIN = 640, 150, 40


def write_histogram(path: Path, series: Mapping[str, Sequence[float]]) -> None:
    """One panel a series of seconds, with its median and 95th percentile. Raises OutputError."""
    panels = [_panel(name, values, row) for row, (name, values) in enumerate(series.items())]
    height = PANEL_HEIGHT * len(panels)
    style = "font-family:sans-serif;font-size:12px;fill:#444"
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" style="{style}">'
    try:
        path.write_text(svg + '<rect width="100%" height="100%" fill="white"/>' + "".join(panels) + "</svg>\n", "utf-8")
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror}; give another name.") from None


def _panel(name: str, values: Sequence[float], row: int) -> str:
    top, bottom = row * PANEL_HEIGHT + 30, (row + 1) * PANEL_HEIGHT - 25
    title = f'<text x="{MARGIN}" y="{top - 10}">{escape(name)}: '
    if not values:
        return title + "none</text>"
    p50, p95 = np.percentile(values, [50, 95])
    counts, edges = np.histogram(np.array(values) * 1000, bins=BINS)
    step = (WIDTH - 2 * MARGIN) / BINS
    bars = [
        f'<rect x="{MARGIN + k * step:.1f}" y="{bottom - tall:.1f}" width="{step - 1:.1f}" height="{tall:.1f}" '
        'fill="#3a7d5a"/>'
        for k, tall in enumerate(counts / counts.max() * (bottom - top))
    ]
    ends = (
        f'<text x="{MARGIN}" y="{bottom + 15}">{edges[0]:.0f} ms</text>'
        f'<text x="{WIDTH - MARGIN}" y="{bottom + 15}" text-anchor="end">{edges[-1]:.0f} ms</text>'
    )
    figures = f"median {p50 * 1000:.0f} ms, 95 % within {p95 * 1000:.0f} ms, {len(values)} utterances</text>"
    return title + figures + "".join(bars) + ends
