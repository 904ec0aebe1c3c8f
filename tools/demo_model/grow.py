"""A larger model that computes what a smaller one does: to train on where the smaller one can hold no more words.

    python -m tools.demo_model.grow SMALL LARGE --llm-mlp 1024 --llm-layers 4

What is new in the LLM's MLPs begins as chance, new layers as copies of the one before the last; neither leads anywhere
yet.
"""

import argparse
import json
import re
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


def deepen(weights: dict[str, Tensor], layers: int, more: int) -> dict[str, Tensor]:
    """The same function with `more` layers before the last of the LLM's `layers`; other tensors stay."""
    deep = {}
    for key, value in weights.items():
        found = re.fullmatch(r"(llm\..*\blayers\.)(\d+)(\..*)", key)
        if not found:
            deep[key] = value
            continue
        before, number, after = found[1], int(found[2]), found[3]
        deep[f"{before}{number + more if number == layers - 1 else number}{after}"] = value
        if number == max(0, layers - 2):
            leads_out = after.endswith(("o_proj.weight", "down_proj.weight"))
            for new in range(layers - 1, layers - 1 + more):
                deep[f"{before}{new}{after}"] = torch.zeros_like(value) if leads_out else value.clone()
    return deep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("small", type=Path)
    parser.add_argument("large", type=Path)
    parser.add_argument("--llm-mlp", type=int, default=1024)
    parser.add_argument("--llm-layers", type=int, help="as many as before where it is not given")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    shutil.copytree(args.small, args.large, ignore=shutil.ignore_patterns("training.pt", "model.safetensors"))
    path = args.large / "llm_backbone" / "config.json"
    config = json.loads(path.read_text())
    layers = config["num_hidden_layers"]
    more = (args.llm_layers or layers) - layers
    config |= {
        "intermediate_size": args.llm_mlp,
        "num_hidden_layers": layers + more,
        "layer_types": config["layer_types"] + config["layer_types"][-1:] * more,
    }
    path.write_text(json.dumps(config, indent=2) + "\n")
    weights = widen(load_file(args.small / "model.safetensors"), args.llm_mlp)
    save_file(deepen(weights, layers, more), args.large / "model.safetensors")
    print(f"{args.large}: {(args.large / 'model.safetensors').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
