"""How often text that had settled on the screen was changed by its final, and how long words wait to settle.

    python benchmarks/stability.py --output benchmarks/results/stability.md      # the demo model, bundled recordings
    python benchmarks/stability.py nvidia/canary-qwen-2.5b --speech ../shared/speech

Every utterance is decoded as in a session whose model answers at once: again every 300 ms of sound, each time with the
last hypothesis as draft. The rules then judge the same hypotheses. With --speech also every eighth recording of people
reading, of at most 12 s, whom the model was not trained on. One minute of sound is some 200 hypotheses.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from wer import trained_speakers

from live_canary.audio.recording_file import read_recording
from live_canary.audio.source import SAMPLE_RATE
from live_canary.commands.bench_engine import machine_name
from live_canary.segments.segment import Segment
from live_canary.segments.segmenter import Segmenter, SpeechStarted, TailHeard
from live_canary.segments.vad import SileroDetector
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.stabilizer import Stabilizer, revised_words
from live_canary.transcript.transcriber import CanaryTranscriber

ROOT = Path(__file__).parent.parent
BUNDLED = ("dictation.wav", "meeting.wav", "noisy.wav", "long.wav")
BLOCK_SAMPLES = SAMPLE_RATE // 50
INTERVAL_SAMPLES = SAMPLE_RATE * 300 // 1000
EVERY, LONGEST_SECONDS = 8, 12.0

RULES: dict[str, Callable[[], Stabilizer]] = {
    "2 hypotheses agree": partial(Stabilizer, 0.2, 1, 0.0),
    "2 agree, 2 words follow": partial(Stabilizer, 0.2, 2, 0.0),
    "2 agree, 3 words follow": partial(Stabilizer, 0.2, 3, 0.0),
    "2 agree, sure (0.3)": partial(Stabilizer, 0.2, 1, 0.3),
    "2 agree, sure (0.5)": partial(Stabilizer, 0.2, 1, 0.5),
    "0.5 s agree": partial(Stabilizer, 0.5, 1, 0.0),
    "0.8 s agree": partial(Stabilizer, 0.8, 1, 0.0),
    "1.2 s agree": partial(Stabilizer, 1.2, 1, 0.0),
    "0.5 s agree, 2 words follow": partial(Stabilizer, 0.5, 2, 0.0),
    "0.5 s agree, sure (0.2)": partial(Stabilizer, 0.5, 1, 0.2),
    "0.5 s agree, sure (0.3)": partial(Stabilizer, 0.5, 1, 0.3),
    "0.5 s agree, sure (0.5)": partial(Stabilizer, 0.5, 1, 0.5),
    "0.5 s agree, sure (0.7)": partial(Stabilizer, 0.5, 1, 0.7),
    "0.8 s agree, sure (0.3)": partial(Stabilizer, 0.8, 1, 0.3),
    "the program's": Stabilizer,
}


@dataclass
class Spoken:
    """One utterance: what was heard of it, when, and what it was."""

    final: str = ""
    ended_seconds: float = 0.0
    hypotheses: list[tuple[float, float, Hypothesis]] = field(default_factory=list)
    """(moment, end of its sound, text), seconds."""


@dataclass
class Score:
    settled: int = 0
    revised: int = 0
    words: int = 0
    tentative: list[int] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)

    def cells(self) -> list[str]:
        rate = f"{self.revised / self.settled:.1%}" if self.settled else "-"
        lag = "{:.2f} / {:.2f}".format(*np.percentile(self.lags, [50, 95])) if self.lags else "-"
        return [f"{self.settled} of {self.words}", rate, f"{np.mean(self.tentative or [0]):.1f}", lag]


class Follower:
    """Decodes a recording as a session does whose model answers at once."""

    def __init__(self, transcriber: CanaryTranscriber):
        self._transcriber, self._segmenter = transcriber, Segmenter(SileroDetector())
        self._spoken, self._end, self._due = Spoken(), -1, 0

    def utterances(self, samples: NDArray[np.float32]) -> Iterator[Spoken]:
        for start in range(0, len(samples), BLOCK_SAMPLES):
            now = min(start + BLOCK_SAMPLES, len(samples))
            outputs = self._segmenter.feed(samples[start:now])
            yield from self._handle([*outputs, *(self._segmenter.flush() if now == len(samples) else [])], now)
            if now >= self._due and (segment := self._segmenter.open_segment()):
                self._due = now + INTERVAL_SAMPLES
                self._hear(segment, now)

    def _handle(self, outputs: Sequence[object], now: int) -> Iterator[Spoken]:
        for output in outputs:
            match output:
                case SpeechStarted():
                    self._due = now + INTERVAL_SAMPLES
                case TailHeard(segment):
                    self._hear(segment, now)
                case Segment():
                    spoken = self._spoken
                    spoken.final = self._text(output).text
                    spoken.ended_seconds = now / SAMPLE_RATE
                    yield spoken
                    self._spoken, self._end = Spoken(), -1

    def _hear(self, segment: Segment, now: int) -> None:
        if segment.end_sample != self._end:
            known = now / SAMPLE_RATE, segment.end_sample / SAMPLE_RATE, self._text(segment)
            self._spoken.hypotheses.append(known)
            self._end = segment.end_sample

    def _text(self, segment: Segment) -> Hypothesis:
        draft = self._spoken.hypotheses[-1][2] if self._spoken.hypotheses else None
        return self._transcriber.transcribe(segment.samples, draft)


def judge(make: Callable[[], Stabilizer], spoken: list[Spoken]) -> Score:
    score = Score()
    for one in spoken:
        stabilizer = make()
        appeared: dict[tuple[int, str], float] = {}
        settled: dict[tuple[int, str], float] = {}
        text = ""
        for moment, end, hypothesis in one.hypotheses:
            stable = stabilizer.feed(hypothesis, end)
            text = stable.settled
            score.tentative.append(len(stable.tentative.split()))
            for seen, words in ((appeared, hypothesis.text.split()), (settled, text.split())):
                for place in enumerate(words):
                    seen.setdefault(place, moment)
        final = list(enumerate(one.final.split()))
        score.settled += len(text.split())
        score.revised += revised_words(text, one.final)
        score.words += len(final)
        known = [place for place in final if place in appeared]
        score.lags += [settled.get(place, one.ended_seconds) - appeared[place] for place in known]
    return score


def table(sounds: dict[str, list[Spoken]]) -> str:
    heads = ["settle when", "sound", "settled words", "of them revised", "tentative words", "s to settle p50 / p95"]
    rows = [heads, ["---"] * len(heads)]
    for name, make in RULES.items():
        rows += [[name, sound, *judge(make, spoken).cells()] for sound, spoken in sounds.items()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def people(folder: Path, model: Path) -> list[Path]:
    """Recordings of people reading whom the model has never heard."""
    trained = trained_speakers(model)
    entries = [json.loads(line) for line in (folder / "manifest.jsonl").read_text("utf-8").splitlines()]
    unheard = [entry for entry in entries if entry["kind"] == "read" and entry["speaker"] not in trained]
    return [folder / entry["file"] for entry in unheard if entry["duration"] <= LONGEST_SECONDS][::EVERY]


def report(command: str, model: str, sounds: dict[str, list[Spoken]]) -> str:
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    return f"""# How often settled words change

`{command}`, {Path(model).name}, {datetime.now(UTC):%Y-%m-%d}, commit {commit.strip()},
{machine_name()}. The figures are counts, which do not depend on the machine.

The first column says when a word settles. That many hypotheses, or all hypotheses of that much sound, must agree on it
and on every word before it. That many words must follow it. In a row with "sure", the model must also give it and
every word before it at least that probability.

- **revised**: words that a reader sees change when the final text comes: replaced, left out, or inserted before the
  last one
- **tentative words**: words that are shown but not settled, on average over all hypotheses
- **s to settle**: from a word's first appearance at its place until it settles, or until the final text

{table(sounds)}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=str(ROOT / "assets" / "demo-model"))
    parser.add_argument("--speech", type=Path, help="folder of recordings with a manifest.jsonl")
    parser.add_argument("--output", type=Path, help="write the report there too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    transcriber = CanaryTranscriber.load(Path(args.model))
    groups = {
        "utterances under 10 s": [ROOT / "assets" / name for name in BUNDLED[:3]],
        "utterances of 15 to 30 s": [ROOT / "assets" / BUNDLED[3]],
    }
    if args.speech:
        groups["people reading"] = people(args.speech, Path(args.model))
    sounds = {
        name: [one for path in paths for one in Follower(transcriber).utterances(read_recording(path))]
        for name, paths in groups.items()
    }
    command = "python benchmarks/stability.py" + (" --speech FOLDER" if args.speech else "")
    text = report(command, args.model, sounds)
    sys.stdout.write(text)
    if args.output:
        args.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
