"""A larger model that computes what a smaller one does: to train on where the smaller one can hold no more words.

    python -m tools.demo_model.grow SMALL LARGE --llm-mlp 1024 --llm-layers 4 --encoder-layers 8

What is new in the LLM's MLPs begins as chance, new layers as copies of the one before the last; neither leads anywhere
yet. With more encoder layers it computes nearly the same (`deepen_encoder`).
"""

import argparse
import json
import re
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

LLM_LAYER, LLM_LEADS_OUT = r"(llm\..*\blayers\.)(\d+)(\..*)", ("o_proj.weight", "down_proj.weight")
ENCODER_LAYER = r"(perception\.encoder\.layers\.)(\d+)(\..*)"
ENCODER_LEADS_OUT = tuple(
    f"{name}.{part}"
    for name in ("feed_forward1.linear2", "feed_forward2.linear2", "self_attn.linear_out", "conv.pointwise_conv2")
    for part in ("weight", "bias")
)


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


def deepen(
    weights: dict[str, Tensor],
    layers: int,
    more: int,
    layer: str = LLM_LAYER,
    leads_out: tuple[str, ...] = LLM_LEADS_OUT,
) -> dict[str, Tensor]:
    """The same function with `more` layers before the last of `layers`; tensors outside of `layer` stay."""
    deep = {}
    for key, value in weights.items():
        found = re.fullmatch(layer, key)
        if not found:
            deep[key] = value
            continue
        before, number, after = found[1], int(found[2]), found[3]
        deep[f"{before}{number + more if number == layers - 1 else number}{after}"] = value
        if number == max(0, layers - 2):
            for new in range(layers - 1, layers - 1 + more):
                deep[f"{before}{new}{after}"] = (torch.zeros_like if after.endswith(leads_out) else torch.clone)(value)
    return deep


def deepen_encoder(weights: dict[str, Tensor], layers: int, more: int) -> dict[str, Tensor]:
    """Nearly the same function with `more` Conformer layers before the last of `layers`, at least two.

    A Conformer layer ends in a layer norm, so one that adds nothing still normalises what it hands on. The new norms
    give back the mean and the spread that the norm before them makes of values with mean 0 and spread 1.
    """
    deep = deepen(weights, layers, more, ENCODER_LAYER, ENCODER_LEADS_OUT)
    weight, bias = (f"perception.encoder.layers.{{}}.norm_out.{part}" for part in ("weight", "bias"))
    scale, shift = (weights[key.format(layers - 2)] for key in (weight, bias))
    mean = shift.double().mean()
    spread = (scale.double().square() + shift.double().square()).mean().sub(mean.square()).sqrt()
    for new in range(layers - 1, layers - 1 + more):
        deep[weight.format(new)] = torch.full_like(scale, spread.item())
        deep[bias.format(new)] = torch.full_like(shift, mean.item())
    return deep


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("small", type=Path)
    parser.add_argument("large", type=Path)
    parser.add_argument("--llm-mlp", type=int, help="values inside each of the LLM's MLPs")
    parser.add_argument("--llm-layers", type=int)
    parser.add_argument("--encoder-layers", type=int, help="of all three: as many as before where it is not given")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    shutil.copytree(args.small, args.large, ignore=shutil.ignore_patterns("training.pt", "stop", "model.safetensors"))
    weights = load_file(args.small / "model.safetensors")

    path = args.large / "llm_backbone" / "config.json"
    config = json.loads(path.read_text())
    layers, mlp = config["num_hidden_layers"], args.llm_mlp or config["intermediate_size"]
    more = (args.llm_layers or layers) - layers
    config |= {
        "intermediate_size": mlp,
        "num_hidden_layers": layers + more,
        "layer_types": config["layer_types"] + config["layer_types"][-1:] * more,
    }
    path.write_text(json.dumps(config, indent=2) + "\n")
    weights = deepen(widen(weights, mlp), layers, more)

    path = args.large / "config.json"
    config = json.loads(path.read_text())
    encoder = config["perception"]["encoder"]
    layers = encoder["n_layers"]
    encoder["n_layers"] = args.encoder_layers or layers
    path.write_text(json.dumps(config, indent=2) + "\n")
    if encoder["n_layers"] > layers:
        weights = deepen_encoder(weights, layers, encoder["n_layers"] - layers)

    save_file(weights, args.large / "model.safetensors")
    print(f"{args.large}: {(args.large / 'model.safetensors').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
