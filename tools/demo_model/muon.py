"""Muon: momentum whose update is orthogonalised, for matrices.

Keller Jordan's method (github.com/KellerJordan/Muon), with the scale that lets it share AdamW's learning rate
(Liu et al. 2025, arXiv:2502.16982).
"""

import math
from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Muon(torch.optim.Optimizer):
    """Matrices of one shape are orthogonalised in one batch; several processes share that work."""

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.05):
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        shared = dist.is_initialized()
        rank, world = (dist.get_rank(), dist.get_world_size()) if shared else (0, 1)
        for group in self.param_groups:
            stacks: dict[torch.Size, list[nn.Parameter]] = {}
            for p in group["params"]:
                stacks.setdefault(p.shape, []).append(p)
            for params in stacks.values():
                grads = torch.stack([gradient(p) for p in params])
                update = torch.zeros_like(grads)
                mine = grads[rank::world]
                state = self.state[params[0]]
                state["momentum"] = state.get("momentum", torch.zeros_like(mine)).lerp_(mine, 1 - group["momentum"])
                update[rank::world] = orthogonal(mine.lerp(state["momentum"], group["momentum"]))
                if shared:
                    dist.all_reduce(update)
                for p, change in zip(params, update, strict=True):
                    p.mul_(1 - group["lr"] * group["weight_decay"]).add_(change, alpha=-group["lr"])


def gradient(parameter: nn.Parameter) -> Tensor:
    """That of a parameter which a loss has reached."""
    assert parameter.grad is not None
    return parameter.grad


def orthogonal(stack: Tensor) -> Tensor:
    """Matrices (N, rows, columns) -> nearly the nearest with equal singular values, by five Newton-Schulz steps.

    x' = (a + b g + c g g) x with g = x x^T is applied to the small square g alone; x is multiplied once, at the end.
    """
    tall = stack.shape[1] > stack.shape[2]
    x = stack.mT if tall else stack
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    gram, total = x @ x.mT, None
    for _ in range(5):
        step = torch.baddbmm(gram, gram, gram, beta=-4.7750, alpha=2.0315)
        step.diagonal(dim1=1, dim2=2).add_(3.4445)
        total = step if total is None else step @ total
        gram = step @ gram @ step
    x = total @ x
    scaled: Tensor = (x.mT if tall else x) * (0.2 * math.sqrt(max(stack.shape[1:])))
    return scaled
