"""The lean engine against the canonical tree's generate() and against transcribe.cpp, in one run on one machine.

    python benchmarks/engine.py MODEL [--compute int8] [--tokens 24] [--runs 3] [--output FILE]
        [--transcribe-cpp WEIGHTS.gguf]    # needs pip install transcribe-cpp
        [--busy 2]                         # while so many other programs use the processor all the time

Everything hears the first 11 s of assets/dictation.wav. MODEL is a folder; `live-canary bench engine --random-weights`
writes one of the published size, `python benchmarks/gguf_weights.py` the same weights for transcribe.cpp. That one
decides itself when to stop, so its whole utterance is the sum of its own figures for the steps.
"""

import live_canary  # noqa: F401 - before torch, whose threads it tells how long to wait

# isort: split
import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import soundfile
import torch

from live_canary.audio.recording_file import read_recording
from live_canary.audio.source import SAMPLE_RATE
from live_canary.bundled import SAMPLE_SECONDS, assets_folder
from live_canary.commands.bench_engine import NEVER, machine_name, time_steps, timed
from live_canary.model.canary import CanaryQwen
from live_canary.model.quantized_file import wait_until_kept
from live_canary.settings import COMPUTE
from tools.canonical import CanonicalQwen, canonical_encoder

STEPS = {"encode": "encode_s", "prefill": "prefill_s", "a token": "decode_per_token_s", "whole utterance": "total_s"}


def medians(timings: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(seconds) for name, seconds in timings.items()}


def canonical_steps(model: CanaryQwen, samples: object, tokens: int, runs: int) -> dict[str, list[float]]:
    """The same steps through transformers' and peft's own code, with the dtype of the tree."""
    sound = torch.as_tensor(samples)
    mel = model.perception.preprocessor(sound)
    embeddings, mask = model.inputs_embeds([sound])
    qwen, encoder = CanonicalQwen(model.qwen), canonical_encoder(model.perception.encoder)
    features, project = mel.T[None].to(model.perception.proj.weight.dtype), model.perception.proj
    prefill = timed(lambda: qwen.generate(embeddings, mask, 1, NEVER), runs)
    generate = timed(lambda: qwen.generate(embeddings, mask, tokens, NEVER), runs)
    encode = timed(torch.no_grad()(lambda: project(encoder(features).last_hidden_state)), runs)
    return {
        "encode_s": encode,
        "prefill_s": prefill,
        "decode_per_token_s": [(long - short) / (tokens - 1) for long, short in zip(generate, prefill, strict=True)],
        "total_s": [one + other for one, other in zip(encode, generate, strict=True)],
    }


HEAR = """
import sys, soundfile, transcribe_cpp
samples, _ = soundfile.read(sys.argv[2], dtype="float32")
with transcribe_cpp.Model(sys.argv[1], backend="cpu") as model, model.session(n_threads=int(sys.argv[3])) as session:
    for _ in range(int(sys.argv[4])):
        try:
            timings = session.run(samples).timings
        except transcribe_cpp.OutputTruncated as cut:
            timings = cut.partial_result.timings
        print("mel", timings.mel_ms, "encode", timings.encode_ms, flush=True)
"""


def transcribe_cpp_steps(weights: Path, samples: object, tokens: int, runs: int) -> dict[str, list[float]]:
    """The same steps as transcribe.cpp itself times them, after one run that warms up."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        soundfile.write(file.name, samples, 16_000, subtype="FLOAT")
        command = [sys.executable, "-c", HEAR, str(weights), file.name, str(torch.get_num_threads()), str(runs + 1)]
        environment = os.environ | {"TRANSCRIBE_PERF_DEBUG": "1"}
        environment.pop("GOMP_SPINCOUNT", None)  # is live-canary's, see above
        done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    said = done.stdout + done.stderr

    def figures(before: str) -> list[float]:
        return [float(ms) / 1000 for ms in re.findall(before + r"\s*([\d.]+)", said)][1:]

    mel, encode, prefill = figures("mel"), figures("encode"), figures("prefill_compute=")
    step = figures(r"per-step compute ms: mean=[\d.]+ p50=")
    assert len(mel) == len(encode) == len(prefill) == len(step) == runs, said
    parts = zip(mel, encode, prefill, step, strict=True)
    whole = [heard + encoded + read + (tokens - 1) * written for heard, encoded, read, written in parts]
    return {"encode_s": encode, "prefill_s": prefill, "decode_per_token_s": step, "total_s": whole}


COMPUTE_ALL_THE_TIME = """
import os
parent = os.getppid()
while os.getppid() == parent:
    sum(range(100_000))
"""


@contextmanager
def busy(programs: int) -> Iterator[None]:
    """So many others each want a core all the time."""
    others: list[subprocess.Popen[bytes]] = []
    try:
        others += (subprocess.Popen([sys.executable, "-c", COMPUTE_ALL_THE_TIME]) for _ in range(programs))
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--compute", default="int8", choices=COMPUTE)
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--transcribe-cpp", type=Path, metavar="WEIGHTS.gguf")
    parser.add_argument("--without-canonical", action="store_true", help="which takes most of the time")
    parser.add_argument("--busy", type=int, default=0, metavar="PROGRAMS")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    with busy(args.busy):
        table = compared(args)
    print(table)
    if args.output:
        args.output.write_text(table + "\n")


def compared(args: argparse.Namespace) -> str:
    samples = read_recording(assets_folder() / "dictation.wav")[: round(SAMPLE_SECONDS * SAMPLE_RATE)]

    columns = {}
    if not args.without_canonical:
        canonical_model = CanaryQwen.load(args.model, "cpu", "bfloat16")
        theirs = canonical_steps(canonical_model, samples, args.tokens, args.runs)
        columns["canonical tree, bfloat16"] = medians(theirs)
        del canonical_model
    if args.transcribe_cpp:
        theirs = transcribe_cpp_steps(args.transcribe_cpp, samples, args.tokens, args.runs)
        columns[f"transcribe.cpp, {args.transcribe_cpp.stem}"] = medians(theirs)
    lean_model = CanaryQwen.load(args.model, "cpu", COMPUTE[args.compute])
    wait_until_kept()
    lean = medians(time_steps(lean_model, samples, args.tokens, args.runs))

    header = [f"| | {' | '.join(columns)} | lean, {lean_model.compute} |", "|---" * (len(columns) + 2) + "|"]
    rows = [
        f"| {step} | "
        + " | ".join(f"{steps[key]:.3f} ({steps[key] / lean[key]:.1f} times)" for steps in columns.values())
        + f" | {lean[key]:.3f} |"
        for step, key in STEPS.items()
    ]
    lines = [
        f"{date.today()}, {machine_name()}, {SAMPLE_SECONDS:.0f} s of sound, {args.tokens} new tokens, "
        f"{args.busy} other programs computing, medians of {args.runs} runs, seconds; in brackets how many times as "
        "long as the lean engine takes",
        "",
        *header,
        *rows,
        f"| verify a right draft of {args.tokens} |{' |' * len(columns)} {lean['verify_s']:.3f} |",
        f"| each of several utterances that wait |{' |' * len(columns)} {lean['of_several_s']:.3f} |",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
