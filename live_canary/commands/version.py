"""`live-canary --version`: the program, its torch, and what it would compute on."""

from live_canary import __version__


def line() -> str:
    import torch

    from live_canary.commands.bench_engine import machine_name

    return f"live-canary {__version__}, torch {torch.__version__}, {machine_name()}"
