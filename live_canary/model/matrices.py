"""Weight matrices of the tree and what becomes of them in the lean decoder: as they are, fused, with the adapter in."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from live_canary.model.llm import Lora


class Dense:
    """Matrices (out, in) in the dtype of the model that stand on top of each other: (n, in) -> (n, all outs)."""

    def __init__(self, *weights: Tensor):
        self.weights = weights

    def __call__(self, x: Tensor) -> Tensor:
        if len(self.weights) == 1:
            return F.linear(x, self.weights[0])
        return torch.cat([F.linear(x, weight) for weight in self.weights], dim=-1)


class MakeLinear(Protocol):
    """What becomes of weight matrices."""

    def __call__(
        self, name: str, weights: Callable[[], Sequence[Tensor]], /, *, only_largest: bool = False
    ) -> Callable[[Tensor], Tensor]:
        """name: unique in the model; weights: gives (out, in) each, that stand on top of each other; only_largest: of
        the outputs of a single row only the largest has to be exact.
        """


def dense(name: str, weights: Callable[[], Sequence[Tensor]], only_largest: bool = False) -> Dense:
    """Leaves them as they are: on a processor, views of the memory-mapped file."""
    return Dense(*weights())


def fused(name: str, weights: Callable[[], Sequence[Tensor]], only_largest: bool = False) -> Dense:
    """One matrix of several, since every call to a GPU costs. The tree's own become rows of it: none is held twice."""
    parts = weights()
    if len(parts) == 1:
        return Dense(*parts)
    whole = torch.cat([part.detach() for part in parts])
    for part, rows in zip(parts, whole.split([len(part) for part in parts]), strict=True):
        if isinstance(part, nn.Parameter):
            part.data = rows
    return Dense(whole)


def merged(projection: Any) -> Tensor:
    """The weight of a projection with its adapter, if it has one."""
    return projection.merged() if isinstance(projection, Lora) else plain(projection)


def plain(projection: Any) -> Tensor:
    """The weight of a projection without its adapter."""
    weight: Tensor = getattr(projection, "base_layer", projection).weight
    return weight
