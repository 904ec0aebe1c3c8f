"""The kernels beside torch's 8-bit product, one after the other in one process, on a layer of Qwen3-1.7B.

    python benchmarks/kernels.py [--runs 15] [--threads N]

One row reads 600 MB of weights, more than a cache holds: what counts is GB/s. 152 rows are the prompt of 11 s of sound:
what counts is how many 8-bit products a second, two for each weight and row.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from datetime import date

import torch
from torch import Tensor

from live_canary.commands.bench_engine import machine_name, timed
from live_canary.model.quantize import QuantizedLinear, int8_matmul, quantize_rows

OUTPUTS, INPUTS, LAYERS, PROMPT = 12288, 2048, 24, 152


def row(name: str, products: Sequence[Callable[[Tensor], Tensor]], weight_bytes: int, runs: int) -> str:
    one, many = torch.randn(1, INPUTS), torch.randn(PROMPT, INPUTS)
    reading = [weight_bytes * len(products) / 1e9 / s for s in timed(lambda: [f(one) for f in products], runs)]
    work = OUTPUTS * INPUTS * PROMPT * 2 / 1e9
    computing = [work / s for s in timed(lambda: products[0](many), runs)]
    figures = " | ".join(f"{statistics.median(f):.1f} ({min(f):.1f} to {max(f):.1f})" for f in (reading, computing))
    return f"| {name} | {figures} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    weight = torch.randn(OUTPUTS, INPUTS)
    print(f"{date.today()}, {machine_name()}, medians (least to most) of {args.runs} runs\n")
    print("| | one row, GB/s | 152 rows, G products/s |\n|---|---|---|")
    quantized, scale = quantize_rows(weight)
    copies = [quantized.clone() for _ in range(LAYERS)]
    in_torch = [lambda x, copy=copy: int8_matmul(x, copy, scale) for copy in copies]
    print(row("int8 in torch", in_torch, weight.numel(), args.runs))
    del copies, in_torch
    int8 = [QuantizedLinear.of([weight], None, 8) for _ in range(LAYERS)]
    print(row("int8 kernels", int8, weight.numel(), args.runs))
    del int8
    int4 = [QuantizedLinear.of([weight], None, 4) for _ in range(LAYERS)]
    print(row("int4 kernels", int4, int4[0].weight.nbytes + int4[0].scales.nbytes, args.runs))


if __name__ == "__main__":
    main()
