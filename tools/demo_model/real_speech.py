"""Recordings of people -> shards: some speakers to train on, others kept for testing; and sound without words.

    python -m tools.demo_model.real_speech SPEECH OUT TRAIN.txt

SPEECH is a folder of recordings with a manifest.jsonl: id, file, transcript, speaker, kind, licence, corpus. OUT gets
train_real-000, test_real-000 (read speech of speakers never trained on), noise-000, test_noise-000 and the list
trained_speakers.txt. Transcripts in
capitals get their case back from TRAIN.txt (sentences a line): a word is written as it is mostly written there.
"""

import json
import re
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr

SAMPLE_RATE = 16000
LONGEST_SECONDS = 28
TRAIN_CORPORA = ("LibriSpeech train-clean-100", "LJSpeech", "CMU ARCTIC")
TRAIN_SPEAKERS = ("vctk:p225", "vctk:p226", "librivox:sense_and_sensibility reader (unnamed)")


def trained_on(recording: dict) -> bool:
    """Whether a recording is for training. Speakers of such recordings are not tested with any other."""
    return recording["kind"] == "read" and (
        (recording.get("corpus") or "").startswith(TRAIN_CORPORA) or recording["speaker"] in TRAIN_SPEAKERS
    )


def for_training_noise(recording: dict) -> bool:
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
    return text if re.fullmatch(r"[A-Za-z .,?!']+", text) else None


def read(path: Path) -> np.ndarray:
    wave, rate = sf.read(path, dtype="float32", always_2d=True)
    return soxr.resample(wave.mean(1), rate, SAMPLE_RATE)


def write_shard(prefix: Path, clips: list[tuple[np.ndarray, str, str]]) -> None:
    offset, lines = 0, []
    with prefix.with_suffix(".raw").open("wb") as raw:
        for wave, voice, text in clips:
            raw.write((wave * (0.5 / max(np.abs(wave).max(), 1e-3)) * 32767).astype(np.int16).tobytes())
            lines.append(json.dumps({"offset": offset, "n": len(wave), "voice": voice, "text": text}))
            offset += len(wave)
    prefix.with_suffix(".jsonl").write_text("\n".join(lines) + "\n")
    print(f"{prefix.name}: {len(lines)} clips, {offset / SAMPLE_RATE / 60:.1f} min")


def main(speech: str, out_dir: str, sentences: str) -> None:
    folder, out = Path(speech), Path(out_dir)
    casing = Casing(Path(sentences).read_text().splitlines())
    sets: dict[str, list[tuple[np.ndarray, str, str]]] = {
        "train_real": [],
        "test_real": [],
        "noise": [],
        "test_noise": [],
    }
    recordings = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    heard = {recording["speaker"] for recording in recordings if trained_on(recording)}
    for recording in recordings:
        wave = read(folder / recording["file"])
        if recording["kind"] in ("noise", "music", "silence"):
            name = "noise" if for_training_noise(recording) else "test_noise"
            sets[name].append((wave, recording["kind"], ""))
        elif recording["kind"] == "read" and len(wave) < LONGEST_SECONDS * SAMPLE_RATE:
            text = clean(recording["transcript"] or "")
            name = "train_real" if trained_on(recording) else "test_real"
            if text and (name == "train_real" or recording["speaker"] not in heard):
                sets[name].append((wave, recording["speaker"], casing(text)))
    (out / "trained_speakers.txt").write_text("\n".join(sorted(heard)) + "\n")
    for name, clips in sets.items():
        write_shard(out / f"{name}-000", clips)


if __name__ == "__main__":
    main(*sys.argv[1:])
