"""Recordings of people -> shards: some speakers to train on, others kept for testing; and sound without words.

    python -m tools.demo_model.real_speech SPEECH OUT TRAIN.txt MODEL

SPEECH is a folder of recordings with a manifest.jsonl: id, file, transcript, speaker, kind, licence, corpus. OUT gets
train_real-000, test_real_clean-000 and test_real_hard-000 (read speech of speakers never trained on; hard are those
that LibriSpeech put aside as such), noise-000, test_noise-000 and the list trained_speakers.txt. MODEL, trained on
synthetic speech with its training.pt, cuts long recordings to train on into utterances and finds where the others may
be cut. Transcripts in capitals get their case back from TRAIN.txt (sentences a line): a word is written as it is mostly
written there.
"""

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import soxr

from tools.demo_model.align import LONGEST_SECONDS, Aligner
from tools.demo_model.augment import SAMPLE_RATE, Wave

TRAIN_CORPORA = ("LibriSpeech train-clean-100", "LJSpeech", "CMU ARCTIC")
TRAIN_SPEAKERS = (
    "vctk:p225",
    "vctk:p226",
    "librivox:sense_and_sensibility reader (unnamed)",
    "librivox:sonnets reader (unnamed)",
    "librivox:Jenny Lundak",
    "librispeech:196",
)
HARD_CORPUS = "LibriSpeech test-other"


def trained_on(recording: dict[str, Any]) -> bool:
    """Whether a recording is for training. Speakers of such recordings are not tested with any other."""
    return recording["kind"] == "read" and (
        (recording.get("corpus") or "").startswith(TRAIN_CORPORA) or recording["speaker"] in TRAIN_SPEAKERS
    )


def for_training_noise(recording: dict[str, Any]) -> bool:
    """Every second sound without words, by its checksum."""
    return int(recording["sha256"][:8], 16) % 2 == 0


class Casing:
    """Case and a final stop for text without them."""

    def __init__(self, sentences: list[str]):
        counts: dict[str, Counter[str]] = {}
        for sentence in sentences:
            for word in re.findall(r"[A-Za-z']+", sentence)[1:]:
                counts.setdefault(word.lower(), Counter())[word] += 1
        self.usual = {word: found.most_common(1)[0][0] for word, found in counts.items()}

    def __call__(self, text: str) -> str:
        if not text.isupper():
            return text
        text = " ".join(self.usual.get(word, word) for word in text.lower().split())
        return text[0].upper() + text[1:] + "."


def clean(text: str) -> str | None:
    """The transcript in the demo model's alphabet; None where it holds digits or anything unspeakable."""
    text = text.translate({0x2019: "'", 0x2018: "'", 0x201C: None, 0x201D: None, 0x22: None})
    text = re.sub(r"\s*[;:\u2013\u2014]\s*|\s+-+\s+|--", ", ", text).replace("-", " ")
    text = re.sub(r"\s+", " ", text).strip(" ,")
    text = re.sub(r"(?<![A-Za-z])'|'(?![A-Za-z])", "", text)  # quotation marks, not apostrophes
    return text if re.fullmatch(r"[A-Za-z .,?!']+", text) else None


def read(path: Path) -> Wave:
    wave, rate = sf.read(path, dtype="float32", always_2d=True)
    resampled: Wave = soxr.resample(wave.mean(1), rate, SAMPLE_RATE)
    return resampled


@dataclass(frozen=True, slots=True)
class Recording:
    wave: Wave
    voice: str
    text: str
    cuts: list[tuple[int, int]]


def write_shard(prefix: Path, recordings: list[Recording]) -> None:
    offset, lines = 0, []
    with prefix.with_suffix(".raw").open("wb") as raw:
        for recording in recordings:
            wave = recording.wave
            raw.write((wave * (0.5 / max(np.abs(wave).max(), 1e-3)) * 32767).astype(np.int16).tobytes())
            entry = {"offset": offset, "n": len(wave), "voice": recording.voice, "text": recording.text}
            lines.append(json.dumps(entry | {"cuts": recording.cuts}))
            offset += len(wave)
    prefix.with_suffix(".jsonl").write_text("\n".join(lines) + "\n")
    print(f"{prefix.name}: {len(lines)} clips, {offset / SAMPLE_RATE / 60:.1f} min")


def main(speech: str, out_dir: str, sentences: str, model: str) -> None:
    folder, out = Path(speech), Path(out_dir)
    casing, aligner = Casing(Path(sentences).read_text().splitlines()), Aligner(Path(model))
    names = ("train_real", "test_real_clean", "test_real_hard", "noise", "test_noise")
    sets: dict[str, list[Recording]] = {name: [] for name in names}
    entries = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    heard = {entry["speaker"] for entry in entries if trained_on(entry)}
    for entry in entries:
        wave, voice, kind = read(folder / entry["file"]), entry["speaker"], entry["kind"]
        text = clean(entry["transcript"] or "")
        if kind in ("noise", "music", "silence"):
            name = "noise" if for_training_noise(entry) else "test_noise"
            sets[name].append(Recording(wave, kind, "", []))
        elif kind == "read" and text and trained_on(entry):
            whole = len(wave) < LONGEST_SECONDS * SAMPLE_RATE
            for piece, said in [(wave, text)] if whole else aligner.utterances(wave, text):
                written = casing(said)
                sets["train_real"].append(Recording(piece, voice, written, aligner.cuts(piece, written)))
        elif kind == "read" and text and voice not in heard and len(wave) < LONGEST_SECONDS * SAMPLE_RATE:
            hard = (entry.get("corpus") or "").startswith(HARD_CORPUS)
            sets["test_real_hard" if hard else "test_real_clean"].append(Recording(wave, voice, casing(text), []))
    (out / "trained_speakers.txt").write_text("\n".join(sorted(heard)) + "\n")
    for name, recordings in sets.items():
        write_shard(out / f"{name}-000", recordings)


if __name__ == "__main__":
    main(*sys.argv[1:])
