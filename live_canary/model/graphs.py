"""Steps of fixed shapes, which a GPU replays without any Python between their kernels.

On CUDA a step is recorded once and replayed ever after, with what it reads and writes at the same addresses. Elsewhere
the same step runs as it is, which is how the tests on a processor hold it to the computation of free shapes.
"""

import logging
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from live_canary.model.compute import is_memory_full

log = logging.getLogger(__name__)

WARM_UP_RUNS = 2  # before recording: libraries choose and allocate at their first calls


class Step:
    """A computation that takes no arguments, since it reads and writes tensors that stay where they are.

    It must not wait for the device, nor look at a value on it. What it returns is overwritten by its next run; steps
    of one `pool` of memory must not run at the same time. Its warm-up runs change the tensors it writes: make it
    before filling them.
    """

    def __init__(self, compute: Callable[[], Tensor], device: torch.device, pool: Any = None):
        self._compute = compute
        self._graph: torch.cuda.CUDAGraph | None = None
        if device.type == "cuda":
            side = _side_stream(device)
            side.wait_stream(torch.cuda.current_stream(device))
            with torch.cuda.stream(side):
                for _ in range(WARM_UP_RUNS):
                    compute()
            torch.cuda.current_stream(device).wait_stream(side)
            self._record(torch.cuda.current_stream(device), pool)

    def _record(self, current: torch.cuda.Stream, pool: Any) -> None:
        """A step that cannot be recorded, as a driver or a library may forbid, is computed anew each time."""
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):  # others may go on
                self._answer = self._compute()
            self._graph = graph
        except RuntimeError as error:
            torch.cuda.set_stream(current)  # torch stays on the one that it recorded on
            if is_memory_full(error):
                raise
            if isinstance(error.__context__, RuntimeError) and is_memory_full(error.__context__):
                raise error.__context__ from None  # what ended it, and not what torch then says of the recording
            log.warning("A step on the graphics card cannot be recorded, and takes longer", exc_info=True)

    def __call__(self) -> Tensor:
        if self._graph is None:
            return self._compute()
        self._graph.replay()
        return self._answer


@cache
def _side_stream(device: torch.device) -> torch.cuda.Stream:
    """To warm up on; one for all steps, since cuBLAS keeps memory for each stream that it was called on: 8 to 32 MB."""
    return torch.cuda.Stream(device)


def new_pool(device: torch.device) -> Any:
    """Memory that several steps may share; None where there are no graphs."""
    return torch.cuda.graph_pool_handle() if device.type == "cuda" else None


def round_up(count: int, multiple: int) -> int:
    """The smallest multiple of `multiple` that is not below `count`."""
    return -(-count // multiple) * multiple
