"""How well a model hears held-out clips: word error rates and how often the casing and the final mark are right.

python -m tools.demo_model.evaluate MODEL DATA [test_known test_new ...] [--show 10]
python -m tools.demo_model.evaluate MODEL DATA --long      # clips of test_known joined to utterances of up to 30 s
python -m tools.demo_model.evaluate MODEL DATA train-010 --passages  # sentences of one voice, without pauses, for 31 s
python -m tools.demo_model.evaluate MODEL DATA --cut       # pieces cut anywhere, and how many are said endlessly
python -m tools.demo_model.evaluate MODEL DATA --rarity    # errors by how often training heard the word
python -m tools.demo_model.evaluate MODEL DATA --wordless  # a minute of each sound without words, and test_noise
"""

import argparse
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import jiwer
import numpy as np
import torch

from live_canary.model.canary import CanaryQwen
from tools.demo_model.augment import SAMPLE_RATE, Wave, clicks, coloured_noise, hum, music
from tools.demo_model.clips import Clip, read_index, read_wave

RARITIES = (0, 1, 3, 10, 30, 100, 1000, math.inf)
EDGE_SAMPLES = 4800  # silence on both sides of a clip
PASSAGE_SECONDS, PASSAGES = 31, 3  # of each voice
BREATH_SAMPLES = 1600  # between the sentences of a passage
CUT_SECONDS, CUT_PIECES = (7, 10, 16), 40  # of each length at most
MOST_TOKENS_A_SECOND = 10  # more than anybody says
LOST_WORDS = 5  # more that are left out of a passage, or added, are a place that was lost


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
    return all(
        a[i:j] == b[k : k + j - i]
        for i, j, k in ((c.ref_start_idx, c.ref_end_idx, c.hyp_start_idx) for c in aligned if c.type == "equal")
    )


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


def joined(clips: Iterable[tuple[Wave, str]], seconds: float) -> Iterator[tuple[Wave, str]]:
    """Utterances of at most so many seconds, of as many clips in a row as fit; their edges are the pauses."""
    waves: list[Wave] = []
    texts: list[str] = []
    for wave, text in clips:
        if waves and sum(map(len, waves)) + len(wave) > seconds * SAMPLE_RATE:
            yield np.concatenate(waves), " ".join(texts)
            waves, texts = [], []
        waves.append(wave)
        texts.append(text)


def passages(clips: Iterable[Clip]) -> Iterator[tuple[Wave, str]]:
    """Some of each voice: its sentences in a row with hardly a pause, until PASSAGE_SECONDS are full."""
    breath = np.zeros(BREATH_SAMPLES, np.float32)
    for _, of_voice in groupby(sorted(clips, key=lambda clip: clip.voice), lambda clip: clip.voice):
        for _ in range(PASSAGES):
            waves, texts = [], []
            for clip in of_voice:
                waves += [read_wave(clip), breath]
                texts.append(clip.text)
                if sum(map(len, waves)) >= PASSAGE_SECONDS * SAMPLE_RATE:
                    yield np.pad(np.concatenate(waves), EDGE_SAMPLES), " ".join(texts)
                    break


def print_passages(canary: CanaryQwen, clips: Iterable[Clip]) -> None:
    """How many words are wrong in them, how many of these are left out or added, and where many are in one passage."""
    found = [jiwer.process_words(plain(text), plain(canary.transcribe(wave))) for wave, text in passages(clips)]
    words = sum(len(one.references[0]) for one in found)
    left_out, added, replaced = (sum(getattr(one, kind) for one in found)
                                 for kind in ("deletions", "insertions", "substitutions"))  # fmt: skip
    lost = sum(max(one.deletions, one.insertions) > LOST_WORDS for one in found)
    print(
        f"{len(found)} passages of {PASSAGE_SECONDS} s: {(left_out + added + replaced) / words:.1%} of {words} words "
        f"wrong, {left_out / words:.1%} left out, {added / words:.1%} added; the place is lost in {lost} passages"
    )


def print_cut(canary: CanaryQwen, data: Path, name: str) -> None:
    """Of clips without the pauses between them, cut where a word may be going on."""
    sound = np.concatenate([read_wave(clip) for clip in read_index(data, name + "*")])
    for seconds in CUT_SECONDS:
        size = seconds * SAMPLE_RATE
        starts = range(SAMPLE_RATE // 5, len(sound) - size, size)[:CUT_PIECES]
        lengths = [len(canary.generate_ids(sound[start : start + size])) for start in starts]
        endless = sum(length > MOST_TOKENS_A_SECOND * seconds for length in lengths)
        print(
            f"{name}: {endless} of {len(starts)} pieces of {seconds} s make over {MOST_TOKENS_A_SECOND} tokens a second"
        )


def wordless(data: Path) -> Iterator[tuple[str, Wave]]:
    """Names and samples: a minute of each synthetic sound at three levels, in halves; every recording of test_noise."""
    rng, half = np.random.default_rng(2026), 30 * SAMPLE_RATE
    makers: dict[str, Callable[[], Wave]] = {
        "white": lambda: coloured_noise(0, rng, half),
        "pink": lambda: coloured_noise(0.5, rng, half),
        "brown": lambda: coloured_noise(1.0, rng, half),
        "hum": lambda: hum(rng, half),
        "clicks": lambda: clicks(rng, half),
        "plucked chords": lambda: music(rng, half),
    }
    yield "zeros", np.zeros(half, np.float32)
    for name, make in makers.items():
        for level in (0.3, 0.03, 0.003):
            for _ in range(2):
                wave = make()
                yield name, np.clip(wave * (level / wave.std()), -1, 1)
    for clip in read_index(data, "test_noise*"):
        wave = read_wave(clip)
        for start in range(0, len(wave), half):
            yield f"recorded {clip.voice}", wave[start : start + half]


def print_wordless(canary: CanaryQwen, data: Path, show: int) -> None:
    found: dict[str, list[tuple[float, str]]] = {}
    for name, wave in wordless(data):
        found.setdefault(name, []).append((len(wave) / SAMPLE_RATE, canary.transcribe(wave)))
    for name, heard in found.items():
        texts = [text for _, text in heard if text]
        words = sum(len(text.split()) for text in texts)
        print(
            f"{name}: {sum(seconds for seconds, _ in heard):.0f} s in {len(heard)} pieces, {len(texts)} of them with "
            f"words, {words} words",
            *texts[:show],
            sep="\n    ",
        )


def print_rarity(canary: CanaryQwen, data: Path, names: list[str]) -> None:
    """For words so often in the clips of train*: their share of all, and how many were left out or replaced."""
    heard = Counter(word for clip in read_index(data, "train*") for word in plain(clip.text).split())
    words, errors = Counter[float](), Counter[float]()
    for wave, text in (clip for name in names for clip in read_clips(data, name)):
        wanted = plain(text)
        found = jiwer.process_words(wanted, plain(canary.transcribe(wave)))
        for chunk in found.alignments[0]:
            for word in wanted.split()[chunk.ref_start_idx : chunk.ref_end_idx]:
                most = next(most for most in RARITIES if heard[word] <= most)
                words[most] += 1
                errors[most] += chunk.type != "equal"
    for most in sorted(words):
        often = f"at most {most} times" if most < math.inf else "more often"
        print(
            f"heard {often}: {words[most] / words.total():.1%} of the words, {errors[most] / words[most]:.1%} of them "
            f"wrong, {errors[most] / max(1, errors.total()):.1%} of the errors"
        )


def describe(m: Measured) -> str:
    return (
        f"{m.clips} clips, word error rate {m.words:.1%}, with case and punctuation {m.written:.1%}, "
        f"exact {m.exact:.1%}, case right {m.cased:.1%}, final mark right {m.ended:.1%}, "
        f"real-time factor {m.real_time:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("names", nargs="*", default=["test_known", "test_new"])
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--passages", action="store_true")
    parser.add_argument("--cut", action="store_true")
    parser.add_argument("--rarity", action="store_true")
    parser.add_argument("--wordless", action="store_true")
    parser.add_argument("--show", type=int, default=0, help="so many transcripts")
    args = parser.parse_args()
    for name in () if args.wordless or args.long else args.names:
        if not any(args.data.glob(name + "*.jsonl")):
            raise SystemExit(f"{args.data} holds no clips called {name}: make them with tools.demo_model.synthesise")
    torch.set_num_threads(1)
    canary = CanaryQwen.load(args.model, "cpu", "float32")
    if args.wordless:
        print_wordless(canary, args.data, args.show)
    elif args.passages:
        print_passages(canary, [clip for name in args.names for clip in read_index(args.data, name + "*")])
    elif args.cut:
        for name in args.names:
            print_cut(canary, args.data, name)
    elif args.rarity:
        print_rarity(canary, args.data, args.names)
    elif args.long:
        for seconds in (10, 20, 30):
            clips = joined(read_clips(args.data, "test_known"), seconds)
            print(f"up to {seconds} s: {describe(measure(canary, clips, args.show))}")
    else:
        for name in args.names:
            print(f"{name}: {describe(measure(canary, read_clips(args.data, name), args.show))}")


if __name__ == "__main__":
    main()
