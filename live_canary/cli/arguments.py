"""What a command line means as a whole, with the settings behind it: several recordings, flags before a command, flags
that exclude others, and what the environment sets in vain."""

import os
from collections.abc import Container, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from live_canary import files
from live_canary.cli.options import check_setting, json_lines_file
from live_canary.commands import config_file
from live_canary.errors import InputError
from live_canary.printable import one_line

LIVE_ONLY = ("mic", "system", "device", "follow_default", "paused", "keep_audio")
FOR_ALL = {"profile", "offline"}  # take effect wherever they stand
LIVE_OUTPUT = {"-o", "--output"}
READS_ALL = {"config"}
WITHOUT_SETTINGS = {"config", "doctor", "devices", "recover"}
"""Commands that go on where the settings cannot be used. Of `config` those that write a file; `doctor` tells of it."""
_UsageError: Any = typer.BadParameter.__bases__[0]  # click's, of which typer has its own


def spread_replay(arguments: list[str]) -> list[str]:
    """`--replay a.wav b.wav` -> `--replay a.wav --replay b.wav`, so that a shell's `*.wav` works.

    Raises InputError for one without a recording, lest a microphone is opened in its place.
    """
    spread: list[str] = []
    replaying = incomplete = False
    for argument in arguments:
        if argument.startswith("-"):
            if incomplete:
                break
            replaying = incomplete = argument == "--replay"
            if not replaying:
                spread.append(argument)
        else:
            spread += ["--replay", argument] if replaying else [argument]
            incomplete = False
    if incomplete:
        raise InputError("--replay needs a recording: live-canary --replay talk.wav")
    return spread


@contextmanager
def refused_in_one_line() -> Iterator[None]:
    """Typer draws a frame around what it refuses, which a screen reader spells out and `2>&1 | tail -1` cuts.

    This raises InputError in its place. Only where a subcommand is missing its help is printed, as Typer does.
    """
    try:
        yield
    except _UsageError as error:
        reason, context = error.format_message(), error.ctx
        if not reason or "\n" in reason:
            raise
        command = context.command_path if context else "live-canary"
        option = getattr(error, "option_name", "")
        if command != "live-canary" and option.lstrip("-") in FOR_ALL:
            reason = f"{option} stands before the command, right behind live-canary"
        elif command == "live-canary transcribe" and option in LIVE_OUTPUT:
            reason = f"{option} is for live sessions; here a text is named after its recording: --format, --output-dir"
        raise InputError(f"{reason.rstrip('.')}; `{command} --help` says what there is.") from None


def use_settings(context: typer.Context, profile: str | None) -> str | None:
    """Let config.toml and the environment stand in for flags that are not given.

    What cannot be used is refused later, by whatever needs it: `config init`, `devices` and the like do not.
    """
    assert context.command.callback
    keys = config_file.keys_of(context.command.callback)
    try:
        settings = config_file.in_force(keys, profile, check_setting)
    except InputError as refusal:
        settings = config_file.InForce(keys, {}, refusal)
    engine = ("model", "compute_device", "compute", "threads")
    context.obj = settings
    context.default_map = settings.values() | {
        "transcribe": settings.values(),
        "notes": settings.values(*engine, "overwrite", "plain"),
        "doctor": settings.values(),
        "download": settings.values("plain"),
        "bench": {"engine": settings.values(*engine), "live": settings.values(*engine, "mode")},
    }
    return profile


def tell_of_unheeded(context: typer.Context) -> None:
    """Say on stderr what the environment sets in vain. `config` itself tells of a file that is not there."""
    doubts = list(_unknown_variables(config_file.variables(context.obj.keys)))
    if context.invoked_subcommand not in READS_ALL and os.environ.get("LIVE_CANARY_CONFIG"):
        file = config_file.path()
        if not files.is_there(file):
            reason = "which is not there, or may not be looked at; no settings file is in force."
            doubts.append(f"LIVE_CANARY_CONFIG names {file}, {reason}")
    for doubt in doubts:
        typer.echo(one_line(doubt), err=True)


def _unknown_variables(known: set[str]) -> Iterator[str]:
    """A sentence for each variable of the environment that looks like a setting and is none."""
    for name in sorted(os.environ):
        if name.startswith(config_file.ENVIRONMENT) and name not in known:
            yield f"{name} is set, but there is no such setting{config_file.meant(name, known)}."


def check_replay(context: Any) -> None:
    """Raises InputError for flags that only live sound gives a meaning."""
    if not context.params["replay"]:
        return
    flags = given(context)
    for flag in context.command.params:
        if flag.name in LIVE_ONLY and flag.name in flags:
            raise InputError(f"{flag.opts[0]} means nothing to --replay: a recording is heard, nothing else.")


def check_flags(context: Any) -> None:
    """Raises InputError for flags that go together in no session, and for values that none takes."""
    check_replay(context)
    prints_json(context)
    keeps_sound(context)
    for name, value in given(context).items():
        check_setting(name, value)


def forward_flags(context: typer.Context) -> None:
    """Let each flag before the command count as if it stood behind it. Raises InputError where it has no such flag."""
    name = context.invoked_subcommand
    if name is None or name in READS_ALL:
        return
    assert isinstance(context.command, TyperGroup) and isinstance(context.default_map, MutableMapping)
    commands, flags = dict(_commands(context.command.commands[name])), given(context)
    forwarded: dict[tuple[str, ...], dict[str, Any]] = {path: {} for path in commands}
    for flag in context.command.params:
        if flag.name not in flags or flag.name in FOR_ALL:
            continue
        takers = [path for path, command in commands.items() if _takes(command, flag)]
        if not takers:
            listed = " and ".join(f"`live-canary {' '.join((name, *path))} --help`" for path in commands)
            verb = "list" if len(commands) > 1 else "lists"
            raise InputError(f"{flag.opts[0]} means nothing to `{name}`; {listed} {verb} what does.")
        for path in takers:
            forwarded[path][flag.name] = context.params[flag.name]
    for path, values in forwarded.items():
        *groups, last = (name, *path)
        within = context.default_map
        for group in groups:
            within = within.setdefault(group, {})
        within[last] = config_file.above(within.get(last, {}), values)


def given(context: Any) -> dict[str, Any]:
    """The flags that stand on the command line, not only in the settings, by their names, and their values."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name: context.params[name] for name, source in sources.items() if source and source.name == "COMMANDLINE"}


def pause_ms(context: Any) -> int | None:
    """What --min-silence-ms is to count as: a mode on the command line says it anew, whatever the settings say."""
    name, flags = "min_silence_ms", given(context.find_root()) | given(context)
    pause: int | None = config_file.above({name: context.params[name]}, flags).get(name)
    return pause


def keeps_sound(context: Any) -> tuple[bool, bool]:
    """Whether the sound is kept on the disk while the session lasts, and whether afterwards.

    Raises InputError for --keep-audio with --no-spool, where both are flags, or both settings.
    """
    names = ("no_spool", "keep_audio")
    flags, settings = given(context), {name: context.params[name] for name in names}
    kept = config_file.above(settings, {name: flags[name] for name in names if name in flags})
    spool, at_the_end = not kept.get("no_spool"), bool(kept.get("keep_audio"))
    if at_the_end and not spool:
        if flags.keys() & names:
            raise InputError("--keep-audio needs the sound that --no-spool does not keep; give one of them.")
        no_spool, keep_audio = (f"{name} ({context.obj.found[name].origin})" for name in names)
        raise InputError(f"{keep_audio} needs the sound that {no_spool} does not keep; set one of them.")
    return spool, at_the_end


def prints_json(context: Any) -> tuple[bool, bool]:
    """Whether JSON lines go to stdout, and whether also partials. Raises InputError for partials alone."""
    names, flags = ("jsonl", "partials"), given(context)
    kept = config_file.above({name: context.params[name] for name in names}, flags)
    jsonl = kept.get("jsonl")
    if jsonl not in (None, "-"):
        raise InputError(f"--jsonl writes to stdout: give -, or --output {json_lines_file(jsonl)} for a file.")
    if jsonl is None and "partials" in flags:
        raise InputError("--partials belongs to --jsonl -; without it finished utterances are printed.")
    return jsonl is not None, bool(jsonl and kept.get("partials"))


def is_device_configured(flags: Container[str]) -> bool:
    """`Settings.device_is_configured`; flags: the names of those on the command line."""
    return "system" in flags and "device" not in flags


def _commands(command: Any, *path: str) -> Iterator[tuple[tuple[str, ...], TyperCommand]]:
    """The command itself, or those of its group, each by its path within the group."""
    if isinstance(command, TyperGroup):
        for name, within in command.commands.items():
            yield from _commands(within, *path, name)
    else:
        yield path, command


def _takes(command: TyperCommand, flag: Any) -> bool:
    """Whether it has the same flag, not only one that may also be written so."""
    return any(isinstance(one, TyperOption) and one.opts[0] == flag.opts[0] for one in command.params)
