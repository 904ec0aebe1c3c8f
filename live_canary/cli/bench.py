"""`live-canary bench`: the flags of what measures this machine."""

from pathlib import Path
from typing import Annotated

import typer

from live_canary.cli.examples import epilog
from live_canary.cli.options import (
    MODEL,
    ComputeDeviceOption,
    ComputeOption,
    JsonOption,
    ModelOption,
    ModeOption,
    ThreadsOption,
    segmenter_settings,
    switch,
)
from live_canary.settings import Settings

bench = typer.Typer(help="Measure this machine.", no_args_is_help=True)


@bench.command("engine", epilog=epilog("bench engine"))
def bench_engine(
    model: ModelOption = "auto",
    random_weights: Annotated[
        bool,
        switch("--random-weights", "A model of the published size with random weights; 5.1 GB of disk."),
    ] = False,
    compute_device: Annotated[
        str,
        typer.Option(
            "--compute-device", "--device", metavar="NAME", help="auto, cuda, mps or cpu.", rich_help_panel=MODEL
        ),
    ] = "auto",
    compute: ComputeOption = "auto",
    threads: ThreadsOption = None,
    audio: Annotated[Path | None, typer.Option("--audio", metavar="FILE", help="A recording of at most 38 s.")] = None,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", metavar="N", min=1, max=600, help="How many tokens to decode.")
    ] = 24,
    runs: Annotated[int, typer.Option("--runs", metavar="N", min=1, max=1000, help="How many times to measure.")] = 5,
    json: JsonOption = False,
) -> None:
    """Time each step of transcribing one utterance: load, features, encoder, prefill, tokens, draft, memory."""
    from live_canary.commands import bench_engine as command

    raise typer.Exit(
        command.run(
            model,
            random_weights=random_weights,
            device=compute_device,
            compute=compute,
            threads=threads,
            audio=audio,
            max_new_tokens=max_new_tokens,
            runs=runs,
            as_json=json,
        )
    )


@bench.command("live", epilog=epilog("bench live"))
def bench_live(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Recordings, replayed in real time.")],
    reference: Annotated[
        Path | None, typer.Option("--reference", metavar="FILE", help="What is said in them, as text.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Write a latency histogram there, as SVG.")
    ] = None,
    json: JsonOption = False,
    model: ModelOption = "auto",
    compute_device: ComputeDeviceOption = "auto",
    compute: ComputeOption = "auto",
    threads: ThreadsOption = None,
    mode: ModeOption = "dictation",
) -> None:
    """Replay recordings as live sound and measure how soon words and finals appear."""
    from live_canary.commands import bench_live as command

    settings = Settings(
        recordings=tuple(files),
        model=model,
        compute_device=compute_device,
        compute=compute,
        threads=threads,
        segmenter=segmenter_settings(mode),
    )
    raise typer.Exit(command.run(settings, reference, plot, as_json=json))
