"""The lean engine against the canonical tree's generate(), and transcribe.cpp if it is here, in one run on one machine.

    python benchmarks/engine.py MODEL [--compute int8] [--tokens 24] [--runs 3]
        [--transcribe-cpp BINARY MODEL.gguf] [--output benchmarks/results/engine.md]

Everything hears the first 11 s of assets/dictation.wav. MODEL is a folder; `live-canary bench engine --random-weights`
writes one of the published size. transcribe.cpp decodes what it likes, so compare it with real weights.
"""

import argparse
import statistics
import subprocess
import tempfile
from datetime import date
from pathlib import Path

import soundfile
import torch

from live_canary.audio.recording import read_recording
from live_canary.bundled import assets_folder
from live_canary.commands.bench_engine import NEVER, machine_name, time_steps, timed
from live_canary.model.canary import CanaryQwen, wait_until_kept
from live_canary.settings import COMPUTE

SECONDS = 11.0
STEPS = {"encode": "encode_s", "prefill": "prefill_s", "a token": "decode_per_token_s", "whole utterance": "total_s"}


def medians(timings: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(seconds) for name, seconds in timings.items()}


def canonical_steps(model: CanaryQwen, samples: object, tokens: int, runs: int) -> dict[str, list[float]]:
    """The same steps through transformers' and peft's own code, with the dtype of the tree."""
    sound = torch.as_tensor(samples)
    mel = model.perception.preprocessor(sound)
    embeddings, mask = model.inputs_embeds([sound])
    prefill = timed(lambda: model.qwen.generate(embeddings, mask, 1, NEVER), runs)
    generate = timed(lambda: model.qwen.generate(embeddings, mask, tokens, NEVER), runs)
    encode = timed(lambda: model.perception.encode([mel]), runs)
    return {
        "encode_s": encode,
        "prefill_s": prefill,
        "decode_per_token_s": [(long - short) / (tokens - 1) for long, short in zip(generate, prefill, strict=True)],
        "total_s": [one + other for one, other in zip(encode, generate, strict=True)],
    }


def transcribe_cpp(command: list[str], samples: object, runs: int) -> float:
    """Seconds of a whole process, loading included: it offers no other figure to scripts."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        soundfile.write(file.name, samples, 16_000)
        binary, weights = command
        call = [binary, "-m", weights, "-f", file.name]
        return statistics.median(timed(lambda: subprocess.run(call, check=True, capture_output=True), runs))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--compute", default="int8", choices=COMPUTE)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--transcribe-cpp", nargs=2, metavar=("BINARY", "MODEL"))
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    samples = read_recording(assets_folder() / "dictation.wav")[: round(SECONDS * 16_000)]

    canonical_model = CanaryQwen.load(args.model, "cpu", "bfloat16")
    canonical = medians(canonical_steps(canonical_model, samples, args.tokens, args.runs))
    del canonical_model
    lean_model = CanaryQwen.load(args.model, "cpu", COMPUTE[args.compute])
    wait_until_kept()
    lean = medians(time_steps(lean_model, samples, args.tokens, args.runs))

    lines = [
        f"{date.today()}, {machine_name()}, {SECONDS:.0f} s of sound, {args.tokens} new tokens, "
        f"medians of {args.runs} runs, seconds",
        "",
        f"| | canonical tree, bfloat16 | lean, {lean_model.compute} | ratio |",
        "|---|---|---|---|",
        *(
            f"| {step} | {canonical[key]:.3f} | {lean[key]:.3f} | {canonical[key] / lean[key]:.1f} |"
            for step, key in STEPS.items()
        ),
        f"| verify a right draft of {args.tokens} | | {lean['verify_s']:.3f} | |",
    ]
    if args.transcribe_cpp:
        lines += ["", f"transcribe.cpp, whole process: {transcribe_cpp(args.transcribe_cpp, samples, args.runs):.2f}"]
    table = "\n".join(lines)
    print(table)
    if args.output:
        args.output.write_text(table + "\n")


if __name__ == "__main__":
    main()
