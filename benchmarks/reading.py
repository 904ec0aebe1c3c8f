"""How long `live-canary notes` takes: a text of so many tokens is read, and an answer written, by the plain LLM.

    python benchmarks/reading.py MODEL [--compute int8] [--tokens 1000 2500 5000] [--answer 100]

MODEL may have random weights (`benchmarks/engine.py` says how): the time is the same. Of the answer all tokens are
written, whether it would have ended or not.
"""

import argparse
import os
import time
from pathlib import Path

import torch

from live_canary.commands.bench_engine import peak_rss_mb
from live_canary.model.plain_qwen import PlainQwen
from live_canary.settings import COMPUTE


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--compute", default="int8", choices=COMPUTE)
    parser.add_argument("--tokens", type=int, nargs="+", default=[1000, 2500, 5000])
    parser.add_argument("--answer", type=int, default=100)
    arguments = parser.parse_args()
    decoder = PlainQwen.load(arguments.model, dtype=COMPUTE[arguments.compute]).decoder
    print(f"{arguments.compute}, {torch.get_num_threads()} threads of {os.cpu_count()}")
    for tokens in arguments.tokens:
        ids = torch.randint(0, 1000, (tokens,), generator=torch.Generator().manual_seed(0)).tolist()
        started = time.perf_counter()
        answer = decoder.stream(ids, arguments.answer, end_id=-1)
        next(answer)
        read = time.perf_counter()
        rest = sum(1 for _ in answer)
        each = (time.perf_counter() - read) / rest
        print(f"{tokens} tokens read in {read - started:.1f} s, then {each:.3f} s a token")
    print(f"at most {peak_rss_mb() / 1000:.2f} GB of memory")


if __name__ == "__main__":
    main()
