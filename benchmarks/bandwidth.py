"""A token's time beside what reading its weights from memory takes at least, in 8 and in 4 bits, as a table and a plot.

    python benchmarks/bandwidth.py MODEL [--runs 24] [--plot benchmarks/results/engine.svg]

What reading takes is measured by torch adding up the very weights on all threads, between one token and the next: in a
virtual machine memory is not everywhere, nor always, equally fast. MODEL is a folder.
"""

import live_canary  # noqa: F401 - before torch, whose threads it tells how long to wait

# isort: split
import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from torch import Tensor

from live_canary.commands.bench_engine import NEVER, machine_name, timed
from live_canary.model.canary import CanaryQwen
from live_canary.model.compute import DType
from live_canary.model.quantize import QuantizedLinear
from live_canary.model.quantized_file import wait_until_kept

PROMPT = 152  # positions, of 11 s of sound
WIDTH, LEFT, BAR = 640, 150, 22


@dataclass(frozen=True, slots=True)
class Form:
    name: str
    read_bytes: int
    token_s: list[float]
    """Of each run: the tokens after a prompt."""
    read_s: list[float]
    """Of each run: what they read, added up."""


def measured(folder: Path, form: DType, runs: int) -> Form:
    decoder = CanaryQwen.load(folder, "cpu", form).decoder
    wait_until_kept()
    matrices = [decoder.head, *(getattr(layer, part) for layer in decoder.layers for part in layer.__slots__)]
    parts = [part for matrix in matrices if isinstance(matrix, QuantizedLinear) for part in read_for_a_token(matrix)]
    numbers = [part.view(-1).view(torch.int64) for part in parts]
    with torch.inference_mode():
        decoder._reserve(PROMPT + 2 * runs)  # a token that warms up goes before each that is measured
        decoder.generate(decoder.embed(range(PROMPT)), 1, NEVER)
        following = decoder._continue(0, PROMPT, 2 * runs)
        token_s, read_s = [], []
        for _ in range(runs):
            token_s += timed(lambda: next(following), 1)
            read_s += timed(lambda: [part.sum() for part in numbers], 1)
    return Form(form, sum(part.nbytes for part in parts), token_s, read_s)


def read_for_a_token(matrix: QuantizedLinear) -> list[Tensor]:
    """Of one in halves the upper ones, and next to nothing of the others."""
    upper = matrix.weight if matrix.spread is None else matrix.weight[0]
    return [upper, *(part for name, part in matrix.named_buffers() if name != "weight")]


def plot(forms: Sequence[Form]) -> str:
    """Two bars a form, as SVG: its median time, and the limit."""
    bars = [
        bar
        for form in forms
        for bar in (
            (f"{form.name}, a token", statistics.median(form.token_s), "#3a7d5a"),
            ("its weights, read", statistics.median(form.read_s), "#b8c4bd"),
        )
    ]
    scale = (WIDTH - LEFT - 80) / max(value for _, value, _ in bars)
    drawn = "".join(
        f'<text x="{LEFT - 8}" y="{row * BAR + 46}" text-anchor="end">{name}</text>'
        f'<rect x="{LEFT}" y="{row * BAR + 33}" width="{value * scale:.1f}" height="{BAR - 4}" fill="{colour}"/>'
        f'<text x="{LEFT + value * scale + 6:.1f}" y="{row * BAR + 46}">{value * 1000:.0f} ms</text>'
        for row, (name, value, colour) in enumerate(bars)
    )
    title = '<text x="10" y="20">Time of a token beside what reading its weights takes</text>'
    style = "font-family:sans-serif;font-size:12px;fill:#444"
    size = f'width="{WIDTH}" height="{len(bars) * BAR + 50}"'
    white = '<rect width="100%" height="100%" fill="white"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{style}">{white}{title}{drawn}</svg>\n'


def spread(seconds: Sequence[float]) -> str:
    """Median, least and most, in ms."""
    least, middle, most = (f(seconds) * 1000 for f in (min, statistics.median, max))
    return f"{middle:.0f} ({least:.0f} to {most:.0f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    forms = [measured(args.model, form, args.runs) for form in ("int8", "int4")]
    print(f"{date.today()}, {machine_name()}, medians (least to most) of {args.runs} runs\n")
    print("| | a token, ms | its weights, GB | read in, ms | at, GB/s |\n|---|---|---|---|---|")
    for form in forms:
        token, read = map(spread, (form.token_s, form.read_s))
        speed = form.read_bytes / 1e9 / statistics.median(form.read_s)
        print(f"| {form.name} | {token} | {form.read_bytes / 1e9:.2f} | {read} | {speed:.1f} |")
    if args.plot:
        args.plot.write_text(plot(forms), "utf-8")


if __name__ == "__main__":
    main()
