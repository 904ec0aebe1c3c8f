"""A larger model that computes what a smaller one does: to train on where the smaller one can hold no more words.

    python -m tools.demo_model.grow SMALL LARGE --llm-mlp 1024

What is new in the LLM's MLPs begins as chance that leads nowhere yet.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor


def widen(weights: dict[str, Tensor], mlp: int) -> dict[str, Tensor]:
    """The same function with `mlp` values inside each of the LLM's MLPs; other tensors stay."""
    wide = dict(weights)
    for key, value in weights.items():
        if key.endswith(("mlp.gate_proj.weight", "mlp.up_proj.weight")):
            rows = torch.randn(mlp - value.shape[0], value.shape[1]) * value.float().std()
            wide[key] = torch.cat([value, rows.to(value.dtype)])
        elif key.endswith("mlp.down_proj.weight"):
            wide[key] = torch.cat([value, value.new_zeros(value.shape[0], mlp - value.shape[1])], dim=1)
    return wide


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("small", type=Path)
    parser.add_argument("large", type=Path)
    parser.add_argument("--llm-mlp", type=int, default=1024)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    shutil.copytree(args.small, args.large, ignore=shutil.ignore_patterns("training.pt", "model.safetensors"))
    config = args.large / "llm_backbone" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"intermediate_size": args.llm_mlp}, indent=2) + "\n")
    save_file(widen(load_file(args.small / "model.safetensors"), args.llm_mlp), args.large / "model.safetensors")
    print(f"{args.large}: {(args.large / 'model.safetensors').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
