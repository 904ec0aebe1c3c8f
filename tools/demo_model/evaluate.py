"""How well a model hears held-out clips: word error rates and how often the casing and the final mark are right.

    python -m tools.demo_model.evaluate MODEL DATA [test_known test_new ...] [--show 10]
"""

import argparse
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
import torch

from live_canary.model.canary import CanaryQwen
from tools.demo_model.augment import SAMPLE_RATE, Wave
from tools.demo_model.clips import read_index, read_wave

EDGE_SAMPLES = 4800  # silence on both sides of a clip


@dataclass(frozen=True, slots=True)
class Measured:
    clips: int
    words: float
    """Word error rate without case and punctuation."""
    written: float
    """Word error rate with case and punctuation."""
    exact: float
    """Share of clips whose text is right to the letter."""
    cased: float
    """Share of clips where every word that was heard right has the right case."""
    ended: float
    """Share of clips with the right final mark."""
    real_time: float
    """Processing time over audio time."""


def plain(text: str) -> str:
    return " ".join(re.sub(r"[^a-z' ]", " ", text.lower()).split())


def same_case(wanted: str, got: str) -> bool:
    """Whether the words that both texts share, in order, are written with the same case."""
    a, b = (re.findall(r"[A-Za-z']+", text) for text in (wanted, got))
    aligned = jiwer.process_words(" ".join(a).lower() or "-", " ".join(b).lower() or "-").alignments[0]
    return all(a[i:j] == b[k:k + j - i] for i, j, k in
               ((c.ref_start_idx, c.ref_end_idx, c.hyp_start_idx) for c in aligned if c.type == "equal"))


def read_clips(data: Path, name: str) -> Iterator[tuple[Wave, str]]:
    for clip in read_index(data, name + "*"):
        yield np.pad(read_wave(clip), EDGE_SAMPLES), clip.text


def measure(canary: CanaryQwen, clips: Iterable[tuple[Wave, str]], show: int = 0) -> Measured:
    wanted, got, seconds, started = [], [], 0.0, time.time()
    for wave, text in clips:
        wanted.append(text)
        got.append(canary.transcribe(wave))
        seconds += len(wave) / SAMPLE_RATE
        if len(got) <= show:
            print(f"    {text}\n -> {got[-1]}", flush=True)
    pairs, spent = list(zip(wanted, got, strict=True)), time.time() - started
    return Measured(
        clips=len(pairs),
        words=jiwer.wer([plain(w) for w in wanted], [plain(g) for g in got]),
        written=jiwer.wer(wanted, got),
        exact=sum(w == g for w, g in pairs) / len(pairs),
        cased=sum(same_case(w, g) for w, g in pairs) / len(pairs),
        ended=sum(w[-1:] == g[-1:] for w, g in pairs) / len(pairs),
        real_time=spent / seconds,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("names", nargs="*", default=["test_known", "test_new"])
    parser.add_argument("--show", type=int, default=0)
    args = parser.parse_args()
    torch.set_num_threads(1)
    canary = CanaryQwen.load(args.model, "cpu", "float32")
    for name in args.names:
        m = measure(canary, read_clips(args.data, name), args.show)
        print(f"{name}: {m.clips} clips, word error rate {m.words:.1%}, with case and punctuation {m.written:.1%}, "
              f"exact {m.exact:.1%}, case right {m.cased:.1%}, final mark right {m.ended:.1%}, "
              f"real-time factor {m.real_time:.3f}")


if __name__ == "__main__":
    main()
