"""`live-canary bench engine`: how long each step of one utterance takes on this machine, and how much memory."""

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from live_canary.audio.recording_file import read_recording
from live_canary.audio.source import SAMPLE_RATE
from live_canary.bundled import SAMPLE_SECONDS, assets_folder, demo_model_folder
from live_canary.commands.model_choice import ModelChoice, choose_model
from live_canary.console import note
from live_canary.errors import RecordingError
from live_canary.segments.settings import LONGEST_SEGMENT_S
from live_canary.session.hearing import MOST_SECONDS_TOGETHER
from live_canary.settings import COMPUTE, DEVICES, check_choice

if TYPE_CHECKING:
    from torch import Tensor

    from live_canary.model.canary import CanaryQwen

NEVER = -1  # no token has this id: decoding runs to the number of tokens asked for


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """Medians in seconds; megabytes are the largest so far of the whole process."""

    audio_s: float
    new_tokens: int
    features_s: float
    encode_s: float
    prefill_s: float
    decode_per_token_s: float
    verify_s: float
    """Re-encode and a draft of `new_tokens`, all of it right."""
    total_s: float
    """Samples in, token ids out."""
    of_several_s: float
    """The same for each of as many utterances as are heard together when several wait."""
    load_s: float
    """From the start of the command, but for reading the sound; finding the model and importing torch included."""
    peak_rss_mb: float
    peak_gpu_mb: float


def run(
    model: str,
    *,
    random_weights: bool,
    device: str,
    compute: str,
    threads: int | None = None,
    audio: Path | None,
    max_new_tokens: int,
    runs: int,
    as_json: bool,
) -> int:
    """The exit code. Raises InputError for a model, device or recording that cannot be used."""
    check_choice("device", device, DEVICES)
    check_choice("form of computing", compute, COMPUTE)
    samples = read_recording(audio or assets_folder() / "dictation.wav")
    if audio is None:
        samples = samples[: round(SAMPLE_SECONDS * SAMPLE_RATE)]
    elif len(samples) > LONGEST_SEGMENT_S * SAMPLE_RATE:
        raise RecordingError(
            f"'{audio}' is {len(samples) / SAMPLE_RATE:.0f} s long, and an utterance has at most "
            f"{LONGEST_SEGMENT_S:.0f}: cut it, or measure a whole session with live-canary bench live."
        )
    written = ModelChoice(random_checkpoint(), "random weights", demo=False) if random_weights else None
    begun = time.perf_counter()
    choice = written or choose_model(model)
    if choice.notice:
        note(choice.notice)
    from live_canary.model.canary import CanaryQwen
    from live_canary.model.quantized_file import wait_until_kept

    loaded = CanaryQwen.load(choice.folder, device, COMPUTE[compute], threads)
    load_s = time.perf_counter() - begun
    wait_until_kept()
    timings = time_steps(loaded, samples, max_new_tokens, runs)
    figures = EngineFigures(
        audio_s=len(samples) / SAMPLE_RATE,
        new_tokens=max_new_tokens,
        load_s=load_s,
        peak_rss_mb=peak_rss_mb(),
        peak_gpu_mb=_peak_gpu_mb(loaded),
        **{name: statistics.median(seconds) for name, seconds in timings.items()},
    )
    machine = f"{machine_name(loaded.device.type)}, {loaded.compute} on {loaded.device}"
    if as_json:
        print(json.dumps({"machine": machine, "model": choice.name, "runs": runs, **asdict(figures)}))  # noqa: T201
    else:
        _print_table(figures, timings, f"{choice.name}; {machine}")
    return 0


def time_steps(model: "CanaryQwen", samples: object, new_tokens: int, runs: int) -> dict[str, list[float]]:
    """Seconds of each step of transcribing (n,) samples, `runs` times after one run that warms up."""
    import torch

    from live_canary.model.answer import Prompted

    sound = torch.as_tensor(samples, device=model.device)
    mel = model.perception.preprocessor(sound)
    [prompt], _ = model.inputs_embeds([sound])
    decoder = model.decoder

    def decode(prompt: "Tensor", new_tokens: int, draft: Sequence[int] = ()) -> list[int]:
        [answer] = decoder.generate_several([Prompted(prompt, new_tokens, draft)], NEVER, model.before_audio)
        return answer.ids

    def whole(draft: list[int]) -> list[int]:
        return decode(model.inputs_embeds([sound])[0][0], new_tokens, draft)

    several = max(1, min(model.most_at_once, int(MOST_SECONDS_TOGETHER * SAMPLE_RATE // len(sound))))

    def together() -> None:
        prompts = [Prompted(model.inputs_embeds([sound])[0][0], new_tokens) for _ in range(several)]
        decoder.generate_several(prompts, NEVER, model.before_audio)

    answer = decode(prompt, new_tokens)
    prefill = timed(lambda: decode(prompt, 1), runs)
    generate = timed(lambda: decode(prompt, new_tokens), runs)
    return {
        "features_s": timed(lambda: model.perception.preprocessor(sound), runs),
        "encode_s": timed(lambda: model.encode(mel), runs),
        "prefill_s": prefill,
        "decode_per_token_s": [
            (long - short) / max(1, new_tokens - 1) for long, short in zip(generate, prefill, strict=True)
        ],
        "verify_s": timed(lambda: whole(answer), runs),
        "total_s": timed(lambda: whole([]), runs),
        "of_several_s": [seconds / several for seconds in timed(together, runs)],
    }


def random_checkpoint() -> Path:
    """A checkpoint of the published size, written once to the cache folder: 5.1 GB."""
    import platformdirs

    folder = platformdirs.user_cache_path("live-canary", appauthor=False) / "random-weights"
    if not (folder / "model.safetensors").exists():
        from live_canary.model.random_checkpoint import write_random_checkpoint

        note(f"Writing 5.1 GB of random weights to {folder} …")
        write_random_checkpoint(folder, like=demo_model_folder())
    return folder


def peak_rss_mb() -> float:
    """The most memory that this process has held, in megabytes (10⁶ bytes)."""
    if sys.platform == "win32":
        import psutil

        return float(psutil.Process().memory_info().peak_wset / 1e6)
    else:
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak * (1 if sys.platform == "darwin" else 1024) / 1e6


def timed(step: Callable[[], object], runs: int) -> list[float]:
    """Seconds of each run after one that warms up; on a GPU, also Apple's, until its work is done."""
    import torch

    seconds = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        step()
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()
        seconds.append(time.perf_counter() - begun)
    return seconds[1:]


def _peak_gpu_mb(model: "CanaryQwen") -> float:
    if model.device.type != "cuda":
        return 0.0
    import torch

    return torch.cuda.max_memory_allocated() / 1e6


def machine_name(device: str = "cuda") -> str:
    """The graphics card, where there is one and it is what computes, else the processor."""
    import torch

    if device == "cuda" and torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    threads = torch.get_num_threads()
    processor = names[0] if names else platform.processor() or platform.machine()
    return f"{threads} thread{'' if threads == 1 else 's'} of {processor}"


def _print_table(figures: EngineFigures, timings: dict[str, list[float]], measured: str) -> None:
    table = Table("", "median", "min", "max", box=None, padding=(0, 2, 0, 0))
    for name, seconds in timings.items():
        table.add_row(name, *(f"{value:.4f}" for value in (statistics.median(seconds), min(seconds), max(seconds))))
    for name in ("load_s", "peak_rss_mb", "peak_gpu_mb"):
        table.add_row(name, f"{getattr(figures, name):.1f}")
    console = Console(markup=False)
    console.print(f"{figures.audio_s:.1f} s of sound, {figures.new_tokens} new tokens; {measured}")
    console.print(table)
