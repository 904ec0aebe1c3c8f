"""Word error rate of a model per kind of speech, and the words it invents where nobody speaks.

    python benchmarks/wer.py                                   # the demo model on ../shared/speech and assets/
    python benchmarks/wer.py nvidia/canary-qwen-2.5b --kinds read short
    python benchmarks/wer.py MODEL --folder FOLDER             # NAME.wav or .flac beside NAME.txt, or a manifest.jsonl

MODEL is a folder in the published layout or a hub id. Texts are compared after Whisper's English normaliser (case,
punctuation, fillers, contractions, numbers); the rate is all errors over all words of a kind. Recordings longer than
38 s go through the program's own voice detection and cutting. Speakers whom the model was trained on, listed in
MODEL/trained_speakers.txt, are left out and counted. A folder that is absent is skipped.
"""

import live_canary  # noqa: F401 - before torch, whose threads it tells how long to wait

# isort: split
import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import jiwer
import numpy as np
import soundfile as sf
import soxr
import torch
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

from live_canary.audio.source import SAMPLE_RATE
from live_canary.model.canary import CanaryQwen
from live_canary.segments.segment import Segment
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.vad import SileroDetector

ROOT = Path(__file__).parent.parent
WHOLE_SECONDS = 38.0  # up to here a recording is one utterance
WORDLESS = ("noise", "music", "silence")

normalise = EnglishTextNormalizer({})


@dataclass(frozen=True, slots=True)
class Recording:
    path: Path
    kind: str
    text: str
    """"" where nobody speaks."""
    speaker: str | None


@dataclass(frozen=True, slots=True)
class Heard:
    recording: Recording
    text: str
    audio_seconds: float
    processing_seconds: float


def read_folder(folder: Path) -> Iterator[Recording]:
    """Recordings of a manifest.jsonl, or of sound files with transcripts of the same name. Unknown text is left out."""
    if (folder / "manifest.jsonl").exists():
        for entry in map(json.loads, (folder / "manifest.jsonl").read_text("utf-8").splitlines()):
            if entry["transcript"] is not None or entry["kind"] in WORDLESS:
                yield Recording(folder / entry["file"], entry["kind"], entry["transcript"] or "", entry["speaker"])
        return
    for path in sorted([*folder.glob("*.wav"), *folder.glob("*.flac")]):
        transcript = path.with_suffix(".txt")
        if transcript.exists():
            yield Recording(path, f"{folder.name}/{path.stem}", " ".join(transcript.read_text("utf-8").split()), None)


def first_of_each_kind(recordings: list[Recording], limit: int) -> list[Recording]:
    kinds = defaultdict(list)
    for recording in recordings:
        kinds[recording.kind].append(recording)
    return [recording for group in kinds.values() for recording in group[:limit]]


def read_samples(path: Path) -> np.ndarray:
    samples, rate = sf.read(path, dtype="float32", always_2d=True)
    resampled: np.ndarray = soxr.resample(samples.mean(1), rate, SAMPLE_RATE)
    return resampled


def transcribe(model: CanaryQwen, samples: np.ndarray) -> str:
    if len(samples) <= WHOLE_SECONDS * SAMPLE_RATE:
        return model.transcribe(samples)
    segmenter = Segmenter(SileroDetector())
    outputs = [*segmenter.feed(samples), *segmenter.flush()]
    return " ".join(model.transcribe(output.samples) for output in outputs if isinstance(output, Segment))


def hear(model: CanaryQwen, recordings: list[Recording]) -> Iterator[Heard]:
    for recording in recordings:
        samples, started = read_samples(recording.path), time.perf_counter()
        text = transcribe(model, samples)
        yield Heard(recording, text, len(samples) / SAMPLE_RATE, time.perf_counter() - started)


def table(heard: list[Heard]) -> str:
    """A Markdown table, a row for each kind."""
    kinds = defaultdict(list)
    for one in heard:
        kinds[one.recording.kind].append(one)
    heads = (
        "kind",
        "recordings",
        "minutes",
        "words",
        "word error rate",
        "exact",
        "words where nobody speaks",
        "real-time factor",
    )
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for kind, group in kinds.items():
        spoken = [(normalise(one.recording.text).strip(), normalise(one.text).strip()) for one in group]
        wordless = [got for wanted, got in spoken if not wanted]
        spoken = [(wanted, got) for wanted, got in spoken if wanted]
        rate = exact = "-"
        if spoken:
            rate = f"{jiwer.wer(*map(list, zip(*spoken, strict=True))):.1%}"
            exact = f"{sum(wanted == got for wanted, got in spoken)} of {len(spoken)}"
        words = sum(len(wanted.split()) for wanted, _ in spoken)
        invented = str(sum(len(got.split()) for got in wordless)) if wordless else "-"
        seconds = sum(one.audio_seconds for one in group)
        factor = sum(one.processing_seconds for one in group) / seconds
        row = (kind, str(len(group)), f"{seconds / 60:.1f}", str(words), rate, exact, invented, f"{factor:.3f}")
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines)


def trained_speakers(model: Path) -> set[str]:
    """Speakers of a manifest.jsonl that the model was trained on, if it says so."""
    listed = model / "trained_speakers.txt"
    return set(listed.read_text().splitlines()) if listed.exists() else set()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=str(ROOT / "assets" / "demo-model"))
    parser.add_argument("--folder", type=Path, nargs="*", default=[ROOT.parent / "shared" / "speech", ROOT / "assets"])
    parser.add_argument("--kinds", nargs="*", help="only these")
    parser.add_argument("--limit", type=int, help="recordings of each kind")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--show", action="store_true", help="print each transcript above what was heard")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    recordings = [recording for folder in args.folder for recording in read_folder(folder)]
    for folder in args.folder:
        if not folder.is_dir():
            print(f"{folder} is absent and was skipped.")
    if args.kinds:
        recordings = [recording for recording in recordings if recording.kind in args.kinds]
    trained = trained_speakers(Path(args.model))
    unheard = [recording for recording in recordings if recording.speaker not in trained]
    kept = first_of_each_kind(unheard, args.limit) if args.limit else unheard
    if not kept:
        print("There is nothing to measure here: name a --folder with recordings and transcripts.")
        return
    heard = []
    for one in hear(CanaryQwen.load(args.model), kept):
        heard.append(one)
        if args.show:
            print(f"{one.recording.path.name}\n    {one.recording.text}\n -> {one.text}", flush=True)
    print(f"{args.model}, {args.threads} thread(s)\n\n{table(heard)}")
    if len(unheard) < len(recordings):
        print(f"\n{len(recordings) - len(unheard)} recordings of speakers it was trained on were left out.")


if __name__ == "__main__":
    main()
