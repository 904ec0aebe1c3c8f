"""A token's time beside what reading its weights from memory takes at least, in 8 and in 4 bits, as a table and a plot.

    python benchmarks/bandwidth.py MODEL [--runs 24] [--plot benchmarks/results/engine.svg]

The memory's speed is that of torch adding up 1 GB of float32 on all threads, the best of its runs. MODEL is a folder.
"""

import argparse
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch

from live_canary.commands.bench_engine import NEVER, machine_name, timed
from live_canary.model.canary import CanaryQwen, wait_until_kept
from live_canary.model.memory import use_huge_pages

PROMPT = 152  # positions, of 11 s of sound
BYTES = 1 << 30
WIDTH, LEFT, BAR = 640, 150, 22


@dataclass(frozen=True, slots=True)
class Form:
    name: str
    read_bytes: int
    token_s: list[float]
    """Of each run: the tokens after a prompt."""


def memory_speed(runs: int) -> float:
    """Bytes a second."""
    numbers = use_huge_pages(torch.empty(BYTES // 4)).fill_(1)
    return BYTES / min(timed(numbers.sum, runs))


def measured(folder: Path, form: str, runs: int) -> Form:
    decoder = CanaryQwen.load(folder, "cpu", form).decoder
    wait_until_kept()
    matrices = [decoder._head, *(getattr(layer, part) for layer in decoder._layers for part in layer.__slots__)]
    read = sum(part.nbytes for matrix in matrices if hasattr(matrix, "buffers") for part in matrix.buffers())
    with torch.inference_mode():
        decoder.generate(decoder.embed(range(PROMPT)), 1, NEVER)
        following = decoder._continue(0, PROMPT)
        return Form(form, read, timed(lambda: next(following), runs))


def plot(forms: Sequence[Form], speed: float) -> str:
    """Two bars a form, as SVG: its median time, and the limit."""
    bars = [
        bar
        for form in forms
        for bar in (
            (f"{form.name}, a token", statistics.median(form.token_s), "#3a7d5a"),
            ("its weights, read", form.read_bytes / speed, "#b8c4bd"),
        )
    ]
    scale = (WIDTH - LEFT - 80) / max(value for _, value, _ in bars)
    drawn = "".join(
        f'<text x="{LEFT - 8}" y="{row * BAR + 46}" text-anchor="end">{name}</text>'
        f'<rect x="{LEFT}" y="{row * BAR + 33}" width="{value * scale:.1f}" height="{BAR - 4}" fill="{colour}"/>'
        f'<text x="{LEFT + value * scale + 6:.1f}" y="{row * BAR + 46}">{value * 1000:.0f} ms</text>'
        for row, (name, value, colour) in enumerate(bars)
    )
    title = f'<text x="10" y="20">Time of a token beside the memory\'s limit, {speed / 1e9:.1f} GB/s</text>'
    style = "font-family:sans-serif;font-size:12px;fill:#444"
    size = f'width="{WIDTH}" height="{len(bars) * BAR + 50}"'
    white = '<rect width="100%" height="100%" fill="white"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{style}">{white}{title}{drawn}</svg>\n'


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", type=int, default=24)
    parser.add_argument("--plot", type=Path)
    args = parser.parse_args()
    speed = memory_speed(args.runs)
    forms = [measured(args.model, form, args.runs) for form in ("int8", "int4")]
    print(f"{date.today()}, {machine_name()}, medians (least to most) of {args.runs} runs; {speed / 1e9:.1f} GB/s\n")
    print("| | a token, ms | its weights, GB | read in, ms |\n|---|---|---|---|")
    for form in forms:
        least, middle, most = (f(form.token_s) * 1000 for f in (min, statistics.median, max))
        limit = form.read_bytes / speed * 1000
        print(f"| {form.name} | {middle:.0f} ({least:.0f} to {most:.0f}) | {form.read_bytes / 1e9:.2f} | {limit:.0f} |")
    if args.plot:
        args.plot.write_text(plot(forms, speed), "utf-8")


if __name__ == "__main__":
    main()
