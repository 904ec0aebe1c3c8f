"""The mean of the weights on the way: nearer to what training circles around than the weights at any one step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

EVERY_STEPS = 5
RISE = 5  # the n-th weights count by this power of n: nine tenths of the mean are of the last third


class Average:
    """Polynomial-decay averaging (Shamir and Zhang 2013, arXiv:1212.1824): its span grows with the run.

    Kept by one process, of all processes' common weights.
    """

    def __init__(self, model: nn.Module, state: dict[str, Any] | None = None):
        """state: of a run that goes on."""
        self.model, self._steps = model, 0
        self._mean = _copy(model)
        if state:
            self._steps = state["steps"]
            for key, value in state["mean"].items():
                self._mean[key].copy_(value)

    @property
    def state(self) -> dict[str, Any]:
        return {"steps": self._steps, "mean": self._mean}

    @torch.no_grad()
    def step(self) -> None:
        """To be called after every step of training."""
        self._steps += 1
        if self._steps > EVERY_STEPS and self._steps % EVERY_STEPS:
            return
        share = (RISE + 1) / (max(self._steps // EVERY_STEPS, 1) + RISE)
        for key, value in self.model.state_dict().items():
            if value.is_floating_point():
                self._mean[key].lerp_(value, share)
            else:
                self._mean[key].copy_(value)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The model has the mean as its weights meanwhile."""
        before = _copy(self.model)
        self.model.load_state_dict(self._mean)
        try:
            yield
        finally:
            self.model.load_state_dict(before)


def _copy(model: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in model.state_dict().items()}
