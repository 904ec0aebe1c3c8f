"""Train a Canary-Qwen checkpoint on shards of speech, on CPU cores or on one CUDA GPU.

    python -m tools.demo_model.train MODEL DATA --minutes 100 --from assets/demo-model
    python -m tools.demo_model.train MODEL DATA --minutes 100          # again: goes on where it was stopped

MODEL gets, every --save-every minutes, the mean of the weights on the way there as a checkpoint in the published
layout, and training.pt, from which the same command resumes: the weights themselves, their mean, and the minutes
trained so far. The learning rate falls evenly to nothing over --minutes. A file MODEL/stop ends the run early, at the
next step. A model that is new (tools.demo_model.create) wants --guide 0.2 --ctc 0.5: the alignment guide leads for the
first fifth of the time.
"""

import argparse
import copy
import ctypes
import os
import shutil
import signal
import sys
import time
from itertools import islice
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import nn
from torch.multiprocessing.spawn import spawn
from torch.utils.data import DataLoader

from live_canary.model.canary import CanaryQwen
from tools.demo_model.average import Average
from tools.demo_model.clips import Batch, Clips
from tools.demo_model.evaluate import measure, read_clips
from tools.demo_model.muon import Muon, gradient
from tools.demo_model.trainee import Trainee, export, resume

WARM_UP_STEPS = 100
LOG_STEPS = 50
FRAMES_PER_HOUR = 360_000
QUICK_MEMORY = {  # a step on a CPU takes three quarters of the time where memory is kept and lies in huge pages
    "THP_MEM_ALLOC_ENABLE": "1",
    "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1",
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "MALLOC_TRIM_THRESHOLD_": "8000000000",
    "MALLOC_TOP_PAD_": "268435456",
}
TCMALLOC = "libtcmalloc_minimal.so.4"  # of Debian's libtcmalloc-minimal4: where it is there, it is quicker still
KEPT_KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "30000"}  # for every shape that comes again


def train_process(rank: int, args: argparse.Namespace) -> None:
    """One of `--processes` copies of the model; they average their gradients at every step."""
    if args.processes > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(args.port))
        dist.init_process_group("gloo", rank=rank, world_size=args.processes)
        torch.set_num_threads(1)
    device = torch.device(args.device)
    torch.manual_seed(0)
    model = Trainee(CanaryQwen.load(args.model, args.device, "float32")).train()
    if args.freeze_subsampling:
        model.perception.encoder.subsampling.requires_grad_(False)
    trained_minutes, trained_hours, averaged = resume(model, args.model / "training.pt")
    average = Average(model, averaged) if rank == 0 else None
    run_seed = args.seed + rank + 1000 * round(trained_minutes)
    torch.manual_seed(run_seed)
    batches = iter(make_batches(args, model.canary, run_seed))
    optimizers = make_optimizers(model, args.lr)
    peaks = [(group, group["lr"]) for optimizer in optimizers for group in optimizer.param_groups]
    weights = torch.tensor([1.0, args.ctc, 0.0, args.reading, args.look, args.errors], device=device)
    started, saved, step, sums = time.time(), time.time(), 0, torch.zeros(6)
    done = trained_minutes / args.minutes if args.minutes else 1.0
    while done < 1:
        batch = next(batches).to(device)
        weights[2] = max(0.0, 1 - done / args.guide) if args.guide else 0.0
        with torch.autocast(device.type, torch.bfloat16, enabled=multiplies_bfloat16(device)):
            losses = model(batch, with_errors=args.errors > 0)
        (losses * weights).sum().backward()
        minutes = trained_minutes + (time.time() - started) / 60
        stop = (args.model / "stop").exists()
        facts = torch.tensor(
            [*losses.tolist(), float(batch.frames.sum()) * args.processes, 1.0 if stop else minutes / args.minutes]
        )
        facts = average_gradients(model, facts, args.processes)
        done, step, sums = float(facts[7]), step + 1, sums + facts[:6]
        trained_hours += float(facts[6]) / FRAMES_PER_HOUR
        for group, peak in peaks:
            group["lr"] = peak * min(1.0, step / WARM_UP_STEPS) * max(0.005, 1 - done)
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad()
        if not average:
            continue
        average.step()
        if step % LOG_STEPS == 0:
            ce, ctc, guide, reading, straying, errors = (sums / LOG_STEPS).tolist()
            print(
                f"{minutes:6.2f} min  step {step}  audio {trained_hours:.2f} h  "
                f"ce {ce:.3f}  ctc {ctc:.3f}  guide {guide:.3f}  reading {reading:.3f}  straying {straying:.3f}  "
                f"errors {errors:.4f}",
                flush=True,
            )
            sums.zero_()
        if done >= 1 or time.time() - saved > 60 * args.save_every:
            save(average, args.model, minutes, trained_hours)
            with average.in_place():
                export(model.canary, args.model)
                print(quick_look(model, args.data), flush=True)
            saved = time.time()


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether it does so faster than float32: a GPU, or a processor with AVX512-BF16 or AMX."""
    able = torch.cpu.get_capabilities()
    return device.type == "cuda" or bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def make_batches(args: argparse.Namespace, canary: CanaryQwen, seed: int) -> DataLoader[Batch]:
    """Features are made on the CPU: in the training process itself, or in `--workers` others beside a GPU."""
    mel = copy.deepcopy(canary.perception.preprocessor).to("cpu")
    clips = Clips(args.data, mel, canary.prompt, args.batch_seconds, seed, args.augment)
    return DataLoader(
        clips,
        batch_size=None,
        num_workers=args.workers,
        generator=torch.Generator().manual_seed(seed),
    )


def make_optimizers(model: Trainee, lr: float) -> list[torch.optim.Optimizer]:
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    matrices = [p for name, p in named.items() if p.ndim == 2 and "embed" not in name and "bias" not in name]
    chosen = set(map(id, matrices))
    others = [p for p in named.values() if id(p) not in chosen]
    return [Muon(matrices, lr), torch.optim.AdamW(others, lr / 2, betas=(0.9, 0.98), weight_decay=0.01)]


def average_gradients(model: Trainee, facts: torch.Tensor, processes: int) -> torch.Tensor:
    """Gradients and facts become their means over the processes; the facts are returned."""
    if processes == 1:
        return facts
    params = [p for p in model.parameters() if p.requires_grad]
    flat = torch.cat([*[gradient(p).flatten() for p in params], facts]) / processes
    dist.all_reduce(flat)
    *grads, facts = flat.split([*[p.numel() for p in params], len(facts)])
    for p, grad in zip(params, grads, strict=True):
        p.grad = grad.view_as(p)
    return facts


def save(average: Average, folder: Path, minutes: float, audio_hours: float) -> None:
    """training.pt, to resume from."""
    state = {
        "weights": average.model.state_dict(),
        "average": average.state,
        "minutes": minutes,
        "audio_hours": audio_hours,
    }
    torch.save(state, folder / "training.pt.part")
    (folder / "training.pt.part").rename(folder / "training.pt")


def quick_look(model: Trainee, data: Path, clips: int = 24) -> str:
    """Word error rates over a few held-out clips of each test set, to follow the training by."""
    model.eval()
    model.canary.weights_changed()
    rates = [
        f"{name} {measure(model.canary, islice(read_clips(data, name), clips)).words:.3f}"
        for name in ("test_known", "test_new", "test_real")
        if any(data.glob(name + "*.jsonl"))
    ]
    model.train()
    return "    word error rate: " + ", ".join(rates)


def memory_settings() -> dict[str, str]:
    try:
        ctypes.CDLL(TCMALLOC)
    except OSError:
        return QUICK_MEMORY
    return {"LD_PRELOAD": TCMALLOC}


def prepare(model: Path, starts: list[Path]) -> None:
    """Lay the starting checkpoint, or the mean of several of the same shape, into an empty model folder."""
    if (model / "model.safetensors").exists():
        return
    if not starts:
        raise SystemExit(
            f"{model} holds no checkpoint: name one with --from, or make one with python -m tools.demo_model.create"
        )
    shutil.copytree(starts[0], model, dirs_exist_ok=True, ignore=shutil.ignore_patterns("training.pt", "stop"))
    if len(starts) > 1:
        files = [load_file(start / "model.safetensors") for start in starts]
        means = {key: sum(file[key].double() for file in files) / len(files) for key in files[0]}
        save_file({key: mean.to(files[0][key].dtype) for key, mean in means.items()}, model / "model.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--from",
        dest="starts",
        type=Path,
        nargs="+",
        default=[],
        help="checkpoint to start from when MODEL is empty; the mean of several",
    )
    parser.add_argument(
        "--minutes", type=float, default=100.0, help="of training in all, resumed runs included; 0: only lay down"
    )
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--ctc", type=float, default=0.4, help="weight of the CTC loss")
    parser.add_argument("--reading", type=float, default=0.3, help="weight of the loss on DATA/reading.txt, if there")
    parser.add_argument("--look", type=float, default=0.2, help="weight of the loss on where attention looks")
    parser.add_argument(
        "--errors",
        type=float,
        default=0.0,
        help="weight of the words wrong in what the model writes; for a trained start",
    )
    parser.add_argument("--guide", type=float, default=0.0, help="share of the time the alignment guide takes to fade")
    parser.add_argument("--augment", type=float, default=1.0, help="share of the usual augmentation; 0.5 to end with")
    parser.add_argument("--batch-seconds", type=float, help="audio a process a step; by default 40, on a GPU 400")
    parser.add_argument("--freeze-subsampling", action="store_true", help="for a trained start: 15 %% less work a step")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--processes", type=int, help="by default one a core, on a GPU one")
    parser.add_argument("--workers", type=int, help="that make features beside a GPU; by default all cores but one")
    parser.add_argument("--save-every", type=float, default=5.0, help="minutes")
    parser.add_argument("--port", type=int, default=29511)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    on_gpu, cores = args.device.startswith("cuda"), len(os.sched_getaffinity(0))
    on_a_gpu, on_cores = (400.0, 1, cores - 1), (40.0, cores, 0)
    for name, usual in zip(("batch_seconds", "processes", "workers"), on_a_gpu if on_gpu else on_cores, strict=True):
        if getattr(args, name) is None:
            setattr(args, name, usual)
    if on_gpu and args.processes > 1:
        parser.error("a GPU is used by one process; leave --processes away")
    args.model.mkdir(parents=True, exist_ok=True)
    prepare(args.model, args.starts)
    if args.processes == 1:
        train_process(0, args)
    else:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit, unlike a signal, ends the processes too
        os.environ |= KEPT_KERNELS | memory_settings()  # read where a process begins, so only the new ones have them
        spawn(train_process, (args,), nprocs=args.processes, daemon=True)


if __name__ == "__main__":
    main()
