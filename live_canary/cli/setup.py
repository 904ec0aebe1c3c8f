"""The flags of what gets this machine ready: `live-canary devices`, `download`, `doctor`, `config`."""

from pathlib import Path
from typing import Annotated

import typer

from live_canary.cli.arguments import check_flags, given, is_device_configured
from live_canary.cli.examples import HUB, SETTINGS, epilog
from live_canary.cli.options import (
    CHOICES,
    HERE,
    ComputeDeviceOption,
    ComputeOption,
    DeviceOption,
    JsonOption,
    MicOption,
    ModelOption,
    StillOption,
    SystemOption,
    ThreadsOption,
)
from live_canary.settings import Settings

setup = typer.Typer()


@setup.command(epilog=epilog("devices"), rich_help_panel=HERE)
def devices() -> None:
    """List what can be heard: microphones, and what the computer plays."""
    from live_canary.commands import devices as command

    raise typer.Exit(command.run())


@setup.command(epilog=epilog("download", HUB), rich_help_panel=HERE)
def download(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A hub id.")] = "nvidia/canary-qwen-2.5b",
    carried: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR", help="Take a copy that was carried here by hand.", exists=True),
    ] = None,
    revision: Annotated[
        str | None,
        typer.Option(
            "--revision", metavar="REV", help="Another than the pinned one; its checksums are what the hub says."
        ),
    ] = None,
    plain: StillOption = False,
) -> None:
    """Fetch the model, 5.1 GB, once: it understands English. An interrupted download goes on where it stopped.

    Run again, it checks what is here and fetches only what is damaged. Revision and checksums are pinned.
    """
    from live_canary.commands import download as command

    raise typer.Exit(command.run(model, carried, revision, plain=plain))


@setup.command(epilog=epilog("doctor"), rich_help_panel=HERE)
def doctor(
    context: typer.Context,
    json: JsonOption = False,
    mic: MicOption = False,
    system: SystemOption = False,
    device: DeviceOption = None,
    model: ModelOption = "auto",
    compute_device: ComputeDeviceOption = "auto",
    compute: ComputeOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Check this machine, from Python to a timed transcription; exit code 1 if dictation cannot work.

    The report holds no secrets and can be attached to a bug report. It follows the settings.
    """
    from live_canary.commands import doctor as command

    settings = Settings(
        microphone=mic or not system,
        system=system,
        device=device,
        model=model,
        compute_device=compute_device,
        compute=compute,
        threads=threads,
        device_is_configured=is_device_configured(given(context.find_root()) | given(context)),
    )
    raise typer.Exit(command.run(settings, context.find_root().obj.refusal, as_json=json))


config = typer.Typer(help="Show the settings in force, or write a file to change them in.")
setup.add_typer(config, name="config", epilog=epilog("config", SETTINGS), rich_help_panel=HERE)


@config.callback(invoke_without_command=True)
def config_show(context: typer.Context) -> None:
    """Show the settings in force and where each came from: a flag, LIVE_CANARY_*, config.toml, or the default."""
    from live_canary.commands import config as command

    if context.invoked_subcommand is None:
        if context.obj.refusal:
            raise context.obj.refusal
        check_flags(context.find_root())
        raise typer.Exit(command.show(context.obj, given(context.find_root())))


@config.command("init", epilog=epilog("config init"))
def config_init(context: typer.Context) -> None:
    """Write config.toml with every setting, explained and commented out."""
    from live_canary.commands import config as command

    raise typer.Exit(command.init(context.obj.keys))


@config.command("schema", epilog=epilog("config schema"))
def config_schema(context: typer.Context) -> None:
    """Show a JSON Schema of config.toml, for editors that complete and check it."""
    from json import dumps

    from live_canary.commands.config_template import schema

    typer.echo(dumps(schema(context.obj.keys, CHOICES), indent=2))


@config.command("path", epilog=epilog("config path"))
def config_path() -> None:
    """Show where config.toml is."""
    from live_canary.commands.config_file import path

    typer.echo(path())
