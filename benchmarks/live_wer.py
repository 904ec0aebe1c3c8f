"""Whether live text is as good as offline text: word error rates of a replay, and of the same sound in large pieces.

    python benchmarks/live_wer.py --output benchmarks/results/live_wer.md       # the demo model, bundled recordings
    python benchmarks/live_wer.py MODEL --speech ../shared/speech               # also chapters read by people

A replay goes through a whole session, as fast as it can, with partials whose text is the draft of the next. "Offline"
is each of its utterances decoded by itself. "Large pieces" know the whole recording: a piece is at most 38 s, and ends
in the middle of the longest silence of its last 18 s. Texts are compared after Whisper's English normaliser.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import jiwer
import numpy as np
import torch
from numpy.typing import NDArray
from transformers.models.whisper.english_normalizer import EnglishTextNormalizer
from wer import trained_speakers

from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import read_recording
from live_canary.audio.source import SAMPLE_RATE
from live_canary.events import Event, UtteranceFinal
from live_canary.segments.segment import Segment
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.vad import SileroDetector
from live_canary.session.session import Session
from live_canary.transcript.transcriber import CanaryTranscriber

ROOT = Path(__file__).parent.parent
BUNDLED = ("dictation.wav", "meeting.wav", "noisy.wav", "long.wav")
LONG_SECONDS = 120.0
PIECE_SAMPLES, SHORTEST_SAMPLES = 38 * SAMPLE_RATE, 20 * SAMPLE_RATE
HEADS = ("recording", "minutes", "words", "utterances", "texts unlike offline", "replay", "large pieces", "points more")

normalise = EnglishTextNormalizer({})


def recordings(speech: Path | None, trained: set[str]) -> Iterator[tuple[Path, str, str]]:
    """(sound, what is said in it, its name: with a star where the model was trained on the speaker)"""
    for name in BUNDLED:
        path = ROOT / "assets" / name
        yield path, path.with_suffix(".txt").read_text("utf-8"), path.stem
    lines = (speech / "manifest.jsonl").read_text("utf-8").splitlines() if speech else []
    for entry in map(json.loads, lines):
        if speech and entry["transcript"] and entry["duration"] >= LONG_SECONDS:
            star = " *" if entry["speaker"] in trained else ""
            yield speech / entry["file"], entry["transcript"], entry["id"] + star


def replayed(path: Path, transcriber: CanaryTranscriber) -> list[str]:
    texts = []

    def follow(event: Event) -> None:
        if isinstance(event, UtteranceFinal):
            texts.append(event.utterance.text)

    source = RecordingSource([path], speed=None)
    session = Session([source], lambda: Segmenter(SileroDetector()), lambda tell: transcriber, partial_interval_ms=300)
    session.start(follow)
    session.wait()
    return texts


def offline(samples: NDArray[np.float32], transcriber: CanaryTranscriber) -> list[str]:
    segmenter = Segmenter(SileroDetector())
    outputs = [*segmenter.feed(samples), *segmenter.flush()]
    texts = [transcriber.transcribe(output.samples).text for output in outputs if isinstance(output, Segment)]
    return [text for text in texts if text]


def large_pieces(samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    while len(samples) > PIECE_SAMPLES:
        cut = SHORTEST_SAMPLES + middle_of_longest_silence(samples[SHORTEST_SAMPLES:PIECE_SAMPLES])
        yield samples[:cut]
        samples = samples[cut:]
    yield samples


def middle_of_longest_silence(samples: NDArray[np.float32]) -> int:
    """Silence is what is 30 dB below the loudest 10 ms."""
    hop = SAMPLE_RATE // 100
    power = (samples[: len(samples) // hop * hop].reshape(-1, hop) ** 2).mean(axis=1)
    edges = np.flatnonzero(np.diff([False, *(power < power.max() / 1000), False]))
    runs = edges.reshape(-1, 2)
    start, end = max(runs, key=lambda run: run[1] - run[0]) if len(runs) else (power.argmin(), power.argmin() + 1)
    return int(start + end) * hop // 2


def error_rate(said: str, texts: list[str]) -> float:
    return float(jiwer.wer(normalise(said), normalise(" ".join(texts))))


def row(path: Path, said: str, name: str, transcriber: CanaryTranscriber) -> list[str]:
    samples = read_recording(path)
    live, same = replayed(path, transcriber), offline(samples, transcriber)
    whole = [transcriber.transcribe(piece).text for piece in large_pieces(samples)]
    unlike = sum(one != other for one, other in zip(live, same, strict=True)) if len(live) == len(same) else "all"
    live_rate, whole_rate = error_rate(said, live), error_rate(said, whole)
    minutes, words = len(samples) / SAMPLE_RATE / 60, len(normalise(said).split())
    rates = f"{live_rate:.1%}", f"{whole_rate:.1%}", f"{100 * (live_rate - whole_rate):+.1f}"
    return [name, f"{minutes:.1f}", str(words), str(len(live)), str(unlike), *rates]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default=str(ROOT / "assets" / "demo-model"))
    parser.add_argument("--speech", type=Path, help="folder of recordings with a manifest.jsonl")
    parser.add_argument("--output", type=Path, help="write the report there too")
    args = parser.parse_args()
    torch.set_num_threads(1)
    transcriber = CanaryTranscriber.load(Path(args.model))
    sounds = recordings(args.speech, trained_speakers(Path(args.model)))
    rows = [row(path, said, name, transcriber) for path, said, name in sounds]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in (HEADS, ["---"] * len(HEADS), *rows))
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True).stdout
    command = "python benchmarks/live_wer.py" + (" --speech FOLDER" if args.speech else "")
    text = f"""# Live text against offline text

`{command}`, {Path(args.model).name}, {datetime.now(UTC):%Y-%m-%d}, commit {commit.strip()}.

Word error rates of a replay, which the program cuts into utterances, and of large pieces (at most 38 s), which are
cut with knowledge of the whole recording. "Points more" is the difference, negative where the replay is better.
"Texts unlike offline" counts utterances whose live text differs from that of the same sound decoded by itself.
* The model was trained on this reader, perhaps on parts of this recording.

{table}
"""
    sys.stdout.write(text)
    if args.output:
        args.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
