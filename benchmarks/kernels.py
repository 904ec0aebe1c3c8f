"""The kernels beside torch's 8-bit product, one after the other in one process, on a layer of Qwen3-1.7B.

    python benchmarks/kernels.py [--runs 15] [--threads N]

One row reads 600 MB of weights, more than a cache holds: what counts is GB/s. 152 rows are the prompt of 11 s of sound:
what counts is how many operations a second, a multiplication and an addition for each weight and row. Kernels of lesser
processors than this one are measured too; what torch does on those says ONEDNN_MAX_CPU_ISA=AVX2 or AVX2_VNNI before the
command, in its row.
"""

import live_canary  # noqa: F401 - before torch, whose threads it tells how long to wait

# isort: split
import argparse
import os
import statistics
from collections.abc import Callable, Sequence
from datetime import date

import torch
from torch import Tensor

from live_canary.commands.bench_engine import machine_name, timed
from live_canary.model import kernels
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
    print("| | one row, GB/s | 152 rows, G operations/s |\n|---|---|---|")
    quantized, scale = quantize_rows(weight)
    copies = [quantized.clone() for _ in range(LAYERS)]
    in_torch = [lambda x, copy=copy: int8_matmul(x, copy, scale) for copy in copies]
    print(row("int8 in torch", in_torch, weight.numel(), args.runs))
    del copies, in_torch
    for vector in reversed(kernels.VECTORS):
        os.environ["LIVE_CANARY_KERNELS"] = vector
        kernels._kernels.cache_clear()
        here = kernels._kernels()
        if here is None or not here.matmul.__name__.endswith(vector):
            continue  # this processor computes with those of a lesser one instead
        for bits in (8, 4):
            matrices = [QuantizedLinear.of([weight], None, bits) for _ in range(LAYERS)]
            bytes_read = matrices[0].weight.nbytes + matrices[0].scales.nbytes
            print(row(f"int{bits} kernels, {vector}", matrices, bytes_read, args.runs))
            del matrices


if __name__ == "__main__":
    main()
