"""The command line: flags -> settings -> a command. Importing it imports no torch."""

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from live_canary.cli.arguments import (
    WITHOUT_SETTINGS,
    check_replay,
    forward_flags,
    given,
    is_device_configured,
    keeps_sound,
    pause_ms,
    prints_json,
    tell_of_unheeded,
    use_settings,
)
from live_canary.cli.bench import bench
from live_canary.cli.examples import EXIT_CODES, SETTINGS, epilog
from live_canary.cli.hearing import HearsFirst, opened
from live_canary.cli.later import later
from live_canary.cli.options import (
    DICTATION,
    HERE,
    MODEL,
    SOUND,
    TEXT,
    ComputeDeviceOption,
    ComputeOption,
    DeviceOption,
    LongestOption,
    MicOption,
    ModelOption,
    ModeOption,
    OverwriteOption,
    PreRollOption,
    SilenceOption,
    SpellingOption,
    SystemOption,
    ThreadsOption,
    ThresholdOption,
    VadOption,
    named,
    parse_speed,
    segmenter_settings,
    switch,
)
from live_canary.cli.setup import setup
from live_canary.console import is_redrawn
from live_canary.settings import Settings

app = typer.Typer(
    name="live-canary",
    cls=HearsFirst,
    add_completion=True,
    rich_markup_mode="rich" if is_redrawn() else None,
    pretty_exceptions_enable=False,
    epilog=epilog("", SETTINGS, EXIT_CODES),
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(later)
app.add_typer(setup)
app.add_typer(bench, name="bench", epilog=epilog("bench"), rich_help_panel=HERE)


@app.callback(invoke_without_command=True)
def live(
    context: typer.Context,
    replay: Annotated[
        list[Path] | None,
        typer.Option("--replay", metavar="FILE...", help="Hear recordings as if live.", rich_help_panel=SOUND),
    ] = None,
    speed: Annotated[
        str, typer.Option("--speed", metavar="N|max", help="How fast --replay plays.", rich_help_panel=SOUND)
    ] = "1",
    mic: MicOption = False,
    system: SystemOption = False,
    device: DeviceOption = None,
    follow_default: Annotated[
        bool,
        switch("--follow-default", "If the input is unplugged, hear the default one.", SOUND),
    ] = False,
    paused: Annotated[bool, switch("--paused", "Start paused; p or SIGUSR1 resumes.", SOUND)] = False,
    mic_name: Annotated[
        str, typer.Option("--mic-name", metavar="NAME", help="Who speaks into the microphone.", rich_help_panel=SOUND)
    ] = "Me",
    system_name: Annotated[
        str,
        typer.Option("--system-name", metavar="NAME", help="Who speaks out of the computer.", rich_help_panel=SOUND),
    ] = "Them",
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the transcript there; .txt .md .srt .vtt or .jsonl. May be given several times. "
            "{date} and {time} in it are when the session begins.",
            rich_help_panel=TEXT,
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    spelling: SpellingOption = None,
    plain: Annotated[bool, switch("--plain", "Lines on stdout instead of the screen.", TEXT)] = False,
    light: Annotated[bool, switch("--light", "The light theme on the screen; t changes it.", TEXT)] = False,
    jsonl: Annotated[
        str | None,
        typer.Option("--jsonl", metavar="-", help="JSON lines on stdout, for other programs.", rich_help_panel=TEXT),
    ] = None,
    partials: Annotated[bool, switch("--partials", "With --jsonl -, also what is being said.", TEXT)] = False,
    type: Annotated[bool, switch("--type", "Type what is said into the window in use.", DICTATION)] = False,
    clipboard: Annotated[bool, switch("--clipboard", "Keep the latest utterance on the clipboard.", DICTATION)] = False,
    voice_commands: Annotated[
        bool, switch("--voice-commands", "Obey “new line”, “new paragraph”, “scratch that”.", DICTATION)
    ] = False,
    no_spool: Annotated[
        bool,
        switch("--no-spool", "Keep no sound on the disk; a crash then loses it.", SOUND),
    ] = False,
    keep_audio: Annotated[bool, switch("--keep-audio", "Leave the sound as FLAC files at the end.", SOUND)] = False,
    model: ModelOption = "auto",
    compute_device: ComputeDeviceOption = "auto",
    compute: ComputeOption = "auto",
    threads: ThreadsOption = None,
    vad: VadOption = "silero",
    mode: ModeOption = "dictation",
    vad_threshold: ThresholdOption = None,
    min_silence_ms: SilenceOption = None,
    pre_roll_ms: PreRollOption = None,
    max_utterance_s: LongestOption = None,
    offline: Annotated[bool, switch("--offline", "Never use the network.", MODEL)] = False,
    profile: Annotated[
        str | None,
        typer.Option(
            "--profile", metavar="NAME", help="Use that profile of config.toml.", callback=use_settings, is_eager=True
        ),
    ] = None,
    version: Annotated[bool, switch("--version", "Show the version, torch and the device.")] = False,
) -> None:
    """Real-time transcription of English on your own machine with NVIDIA Canary-Qwen 2.5B."""
    if version:
        from live_canary.commands.version import line

        typer.echo(line())
        raise typer.Exit()
    if context.obj.refusal and context.invoked_subcommand not in WITHOUT_SETTINGS:
        raise context.obj.refusal
    # both read by huggingface_hub when it is imported
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    tell_of_unheeded(context)
    if context.invoked_subcommand:
        forward_flags(context)
        return
    from live_canary.commands import listen as command

    check_replay(context)
    json_lines, partials = prints_json(context)
    spool, keep_audio = keeps_sound(context)
    began = datetime.now()
    settings = Settings(
        recordings=tuple(replay or ()),
        speed=parse_speed(speed),
        microphone=mic or not system,
        system=system,
        device=device,
        device_is_configured=is_device_configured(given(context)),
        follow_default=follow_default,
        paused=paused,
        microphone_name=mic_name,
        system_name=system_name,
        model=model,
        compute_device=compute_device,
        compute=compute,
        threads=threads,
        vad=vad,
        segmenter=segmenter_settings(
            mode,
            vad_threshold=vad_threshold,
            min_silence_ms=pause_ms(context),
            pre_roll_ms=pre_roll_ms,
            max_utterance_s=max_utterance_s,
        ),
        outputs=tuple(named(path, began) for path in output or ()),
        overwrite=overwrite,
        spelling=tuple(spelling or ()),
        plain=plain,
        light=light,
        json_lines=json_lines,
        partials=partials,
        type=type,
        clipboard=clipboard,
        voice_commands=voice_commands,
        spool=spool,
        keep_audio=keep_audio,
    )
    raise typer.Exit(command.run(settings, opened(context)))
