"""What a GPU makes of the published size: start, tokens, utterances, drafts, and the same texts as a processor.

    python -m benchmarks.gpu MODEL [--write] [--runs 10] [--kernels off] [--output FILE.json]

MODEL is a folder with random weights (`--write` makes it first, 5.1 GB). Needs torch, and for the
canonical tree transformers and peft, but nothing that hears or draws. Every part stands alone: one that fails says so,
and the others go on. With -m, because transformers would take kernels.py beside this file for a package of that name.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
import traceback
import wave
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from live_canary.model.canary import CanaryQwen
from live_canary.model.fixed import FixedDecoder
from live_canary.model.token_kernels import TokenKernels, compiled, source
from tools.canonical import CanonicalQwen, canonical_encoder

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "assets" / "demo-model"
NEVER = -1  # no token has this id: decoding runs to the number of tokens asked for

START = """
import time
begun = time.clock_gettime(time.CLOCK_BOOTTIME)
import os, sys
ticks = int(open("/proc/self/stat").read().rpartition(")")[2].split()[19])
told = {"interpreter": begun - ticks / os.sysconf("SC_CLK_TCK")}
def lap(name):
    global begun
    now = time.clock_gettime(time.CLOCK_BOOTTIME)
    told[name], begun = now - begun, now
import torch
lap("import torch")
from live_canary.model import canary, trees
lap("import live_canary")
torch.zeros(1, device="cuda")
lap("CUDA itself")
def timed(name, function):
    def call(*arguments, **options):
        lap("before " + name)
        result = function(*arguments, **options)
        torch.cuda.synchronize()
        lap(name)
        return result
    return call
trees.load_weights = timed("weights", trees.load_weights)
canary.FixedEncoder.record = timed("encoder's steps", canary.FixedEncoder.record)
canary.FixedDecoder.__init__ = timed("decoder and its kernels", canary.FixedDecoder.__init__)
canary.FixedDecoder.record = timed("decoder's steps", canary.FixedDecoder.record)
model = canary.CanaryQwen.load(sys.argv[1], "cuda", "bfloat16")
torch.cuda.synchronize()
lap("the rest")
import json
told["whole"] = sum(told.values())
told["kernels"] = model.decoder._kernels is not None
told["GPU memory, MB"] = torch.cuda.max_memory_reserved() / 1e6
print(json.dumps(told))
"""


def samples(name: str, seconds: float, start: float = 0) -> "np.ndarray[tuple[int], np.dtype[np.float32]]":
    """Of a bundled recording, 16 kHz mono."""
    with wave.open(str(ROOT / "assets" / f"{name}.wav")) as file:
        assert file.getframerate() == 16_000 and file.getnchannels() == 1 and file.getsampwidth() == 2
        file.setpos(round(start * 16_000))
        heard = file.readframes(round(seconds * 16_000))
    return np.frombuffer(heard, dtype="<i2").astype(np.float32) / np.float32(32768)


def milliseconds(step: Callable[[], object], runs: int) -> dict[str, float]:
    """Of each run after three that warm up, until the GPU has done it."""
    took = []
    for run in range(runs + 3):
        torch.cuda.synchronize()
        begun = time.perf_counter()
        step()
        torch.cuda.synchronize()
        if run >= 3:
            took.append(1000 * (time.perf_counter() - begun))
    return {"median": statistics.median(took), "min": min(took), "max": max(took)}


def start(model: Path) -> object:
    """Seconds from the start of a process; the first fetches the file and Python's modules from the disk."""
    command = [sys.executable, "-c", START, str(model)]
    places = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = os.environ | {"PYTHONPATH": places, "HF_HUB_OFFLINE": "1"}
    told = []
    for _ in range(3):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        told.append(json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else done.stderr[-3000:])
    return told


def memory(model: CanaryQwen, runs: int) -> object:
    """GB/s at which the memory is copied, read and written counted; at least half of what is free stays so."""
    free, _ = torch.cuda.mem_get_info()
    one = torch.empty(min(4 << 30, free // 4), dtype=torch.uint8, device="cuda")
    other = torch.empty_like(one)
    return 2 * one.nbytes / 1e6 / milliseconds(lambda: other.copy_(one), runs)["median"]


def decoder_of(model: CanaryQwen) -> FixedDecoder:
    """What decodes on a GPU."""
    assert isinstance(model.decoder, FixedDecoder)
    return model.decoder


def token(model: CanaryQwen, runs: int) -> object:
    """Milliseconds of one token after so many positions, launched one after the other without looking at any."""
    decoder, told = decoder_of(model), {}
    for position in (95, 200):
        step = decoder.decode_step(position)
        decoder._token.fill_(5)
        decoder._position.fill_(position)
        step()
        begun, ended = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        torch.cuda.synchronize()
        begun.record()
        for _ in range(20):
            step()
        ended.record()
        torch.cuda.synchronize()
        told[f"at {position}"] = begun.elapsed_time(ended) / 20
    return told


def errors(model: CanaryQwen) -> object:
    """As a part of torch's; or why there are no kernels of our own, which a user is not told."""
    decoder = decoder_of(model)
    return TokenKernels(decoder, compiled(source(decoder))).errors()


def kernels(model: CanaryQwen, runs: int) -> object:
    """Of two replays of a token: how often each kernel runs, and microseconds a run."""
    decoder = decoder_of(model)
    step = decoder.decode_step(95)
    decoder._position.fill_(95)
    step()
    torch.cuda.synchronize()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profiled:
        step()
        step()
        torch.cuda.synchronize()
    found: dict[str, list[float]] = {}
    for event in profiled.events():
        found.setdefault(event.name[:70], []).append(event.time_range.elapsed_us())
    table = sorted(found.items(), key=lambda named: -sum(named[1]))
    for name, took in table[:20]:
        print(f"    {len(took) / 2:6.0f} x {statistics.mean(took):8.2f} us  {name}")
    return {name: [len(took) / 2, statistics.mean(took)] for name, took in table}


def utterance(model: CanaryQwen, runs: int) -> object:
    """Milliseconds from 5 s of samples to the text of 15 tokens, and of its parts; the canonical tree's beside them."""
    sound = samples("dictation", 5.0)
    on_gpu = torch.from_numpy(sound).cuda()
    mel = model.perception.preprocessor(on_gpu)
    [prompt], mask = model.inputs_embeds([on_gpu])
    ids, at = model.prompt_ids(), model.before_audio
    before, after = model.qwen.embed(ids[:at]), model.qwen.embed(ids[at + 1 :])

    def ours(tokens: int) -> str:
        return model.text(model.generate_ids(sound, tokens))

    qwen, encoder = CanonicalQwen(model.qwen), canonical_encoder(model.perception.encoder)

    @torch.no_grad()
    def canonical_encode(mel: torch.Tensor) -> torch.Tensor:
        features = mel.T[None].to(model.perception.proj.weight.dtype)
        heard: torch.Tensor = model.perception.proj(encoder(features).last_hidden_state)[0]
        return heard

    def canonical(tokens: int) -> str:
        heard = canonical_encode(model.perception.preprocessor(torch.from_numpy(sound).cuda()))
        embeddings = torch.cat([before, heard, after])
        [ids] = qwen.generate(embeddings[None], mask, tokens, NEVER)
        return model.text(ids)

    few = max(2, runs // 3)
    told = {
        "features": milliseconds(lambda: model.perception.preprocessor(on_gpu), runs),
        "encode": milliseconds(lambda: model.encode(mel), runs),
        "encode, canonical": milliseconds(lambda: canonical_encode(mel), few),
        "prefill and 1 token": milliseconds(lambda: model.decoder.generate(prompt, 1, NEVER), runs),
        "prefill and 15 tokens": milliseconds(lambda: model.decoder.generate(prompt, 15, NEVER), runs),
        "whole, 15 tokens": milliseconds(lambda: ours(15), runs),
        "whole, 15 tokens, canonical": milliseconds(lambda: canonical(15), few),
    }
    return told | {"times as fast": told["whole, 15 tokens, canonical"]["median"] / told["whole, 15 tokens"]["median"]}


def draft(model: CanaryQwen, runs: int) -> object:
    """Milliseconds from 10 s of samples and 20 right tokens to the same 20 tokens."""
    sound = samples("dictation", 10.0)
    right = model.generate_ids(sound, 20)
    again = model.generate_ids(sound, 20, draft_ids=right)
    told: dict[str, object] = dict(milliseconds(lambda: model.generate_ids(sound, 20, draft_ids=right), runs))
    return told | {"tokens that stayed": sum(ours == theirs for ours, theirs in zip(right, again, strict=True))}


def texts() -> object:
    """Of the demonstration model: tokens that are a processor's in float32, per form and utterance."""
    begins = [("dictation", 5 * k) for k in range(4)] + [("meeting", 5 * k) for k in range(4)]
    sounds = [samples(name, 5.0, begin) for name, begin in begins]
    processor = CanaryQwen.load(DEMO, "cpu", "float32")
    expected = [processor.generate_ids(sound) for sound in sounds]
    told: dict[str, object] = {"expected": [processor.text(ids) for ids in expected]}
    for form in ("float32", "bfloat16"):
        model = CanaryQwen.load(DEMO, "cuda", form)
        found = [model.generate_ids(sound) for sound in sounds]
        told[f"{form}: same utterances"] = (
            f"{sum(a == b for a, b in zip(found, expected, strict=True))} of {len(sounds)}"
        )
        told[f"{form}: others"] = [model.text(a) for a, b in zip(found, expected, strict=True) if a != b]
    return told


def part(told: dict[str, object], name: str, measure: Callable[[], object]) -> None:
    begun = time.perf_counter()
    try:
        told[name] = measure()
    except Exception:  # noqa: BLE001 - the other parts are worth the time that is left
        told[name] = traceback.format_exc()
        print(told[name])
    print(f"{name} ({time.perf_counter() - begun:.1f} s): {json.dumps(told[name])[:3000]}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--write", action="store_true", help="the random weights, where they are not yet")
    parser.add_argument("--kernels", default="on", choices=["on", "off"], help="of our own, for a token; off: torch's")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    if args.write and not (args.model / "model.safetensors").exists():
        from live_canary.model.random_checkpoint import write_random_checkpoint

        write_random_checkpoint(args.model, like=DEMO)
    os.environ["LIVE_CANARY_GPU_KERNELS"] = args.kernels
    told: dict[str, object] = {"machine": torch.cuda.get_device_name(), "torch": torch.__version__}
    measures: list[Callable[[CanaryQwen, int], object]] = [token, kernels, utterance, draft, memory]
    if args.kernels == "on":
        part(told, "texts", texts)
        part(told, "start", partial(start, args.model))
    model = CanaryQwen.load(args.model, "cuda", "bfloat16")
    model.prompt.end_id = NEVER
    if args.kernels == "on":
        part(told, "error of our own kernels' logits", partial(errors, model))
    for measure in measures:
        part(told, measure.__name__, partial(measure, model, args.runs))
    if args.output:
        args.output.write_text(json.dumps(told, indent=1))


if __name__ == "__main__":
    main()
