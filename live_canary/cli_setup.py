"""The flags of what gets this machine ready: `live-canary download`."""

from pathlib import Path
from typing import Annotated

import typer

setup = typer.Typer()


@setup.command()
def download(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A hub id.")] = "nvidia/canary-qwen-2.5b",
    carried: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Take a copy that was carried here by hand.", exists=True),
    ] = None,
) -> None:
    """Fetch the model, 5.1 GB, once; an interrupted download goes on where it stopped.

    HF_ENDPOINT, HF_HOME, HF_TOKEN and the proxy variables are respected.
    """
    from live_canary.commands import download as command

    raise typer.Exit(command.run(model, carried))
