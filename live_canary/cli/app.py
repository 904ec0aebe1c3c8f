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
from live_canary.cli.options import (
    DICTATION,
    HERE,
    LATER,
    MODEL,
    SOUND,
    TEXT,
    ChannelsOption,
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
    StillOption,
    SystemOption,
    ThreadsOption,
    ThresholdOption,
    TogetherOption,
    VadOption,
    check_setting,
    named,
    parse_speed,
    segmenter_settings,
    switch,
)
from live_canary.cli.setup import setup
from live_canary.console import is_redrawn
from live_canary.errors import InputError
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
app.add_typer(bench, name="bench", epilog=epilog("bench"), rich_help_panel=HERE)
app.add_typer(setup)


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
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read by huggingface_hub and transformers when they are imported
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


@app.command(epilog=epilog("transcribe"), rich_help_panel=LATER)
def transcribe(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="WAV, FLAC, MP3, OGG; others by ffmpeg.")],
    output_dir: Annotated[
        Path | None,
        typer.Option("--output-dir", metavar="DIR", help="Where to write; by default beside each recording."),
    ] = None,
    format_: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="NAME",
            help="txt (the default), md, srt, vtt or jsonl. May be given several times.",
        ),
    ] = None,
    channels: ChannelsOption = None,
    together: TogetherOption = False,
    overwrite: OverwriteOption = False,
    spelling: SpellingOption = None,
    plain: StillOption = False,
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
) -> None:
    """Transcribe recordings as fast as possible, each into files of its own."""
    from live_canary.commands import transcribe as command
    from live_canary.commands.voices import names_of_channels

    settings = Settings(
        recordings=tuple(files),
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
        overwrite=overwrite,
        spelling=tuple(spelling or ()),
        plain=plain,
    )
    names = () if channels is None else names_of_channels(channels)
    formats = format_ or ["txt"]
    raise typer.Exit(command.run(settings, output_dir, *formats, channels=names, together=together))


@app.command(epilog=epilog("notes"), rich_help_panel=LATER)
def notes(
    transcript: Annotated[
        Path, typer.Argument(metavar="TRANSCRIPT", help="A file that live-canary wrote; - for stdin.")
    ],
    ask: Annotated[
        str | None, typer.Option("--ask", metavar="QUESTION", help="Answer that instead of writing notes.")
    ] = None,
    output: Annotated[
        list[Path] | None, typer.Option("--output", "-o", metavar="FILE", help="Write them there too; .md or .txt.")
    ] = None,
    overwrite: OverwriteOption = False,
    plain: StillOption = False,
    model: ModelOption = "auto",
    compute_device: ComputeDeviceOption = "auto",
    compute: ComputeOption = "auto",
    threads: ThreadsOption = None,
) -> None:
    """Write the notes of a transcript, or answer a question about it, with the same model, on this machine.

    Notes are written by a small language model: check what matters against the transcript.
    """
    from live_canary.commands import notes as command

    began = datetime.now()
    settings = Settings(
        model=model,
        compute_device=compute_device,
        compute=compute,
        threads=threads,
        outputs=tuple(named(path, began) for path in output or ()),
        overwrite=overwrite,
        plain=plain,
    )
    raise typer.Exit(command.run(transcript, settings, question=ask))


@app.command(epilog=epilog("recover"), rich_help_panel=LATER)
def recover(
    session: Annotated[str | None, typer.Argument(metavar="[SESSION]", help="Only this one.")] = None,
    only_list: Annotated[bool, switch("--list", "Only list them.")] = False,
    discard: Annotated[bool, switch("--discard", "Delete instead of finishing.")] = False,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Another model than the session's.")
    ] = None,
    compute_device: Annotated[
        str | None, typer.Option("--compute-device", metavar="NAME", help="Another processor than the session's.")
    ] = None,
    compute: Annotated[
        str | None, typer.Option("--compute", metavar="NAME", help="Another form of computing than the session's.")
    ] = None,
) -> None:
    """Finish the transcripts of sessions that were cut off by a crash, a power cut or a full disk."""
    from live_canary.commands import recover as command

    if only_list and discard:
        raise InputError("--list only says which sessions there are, and --discard deletes them; give one of the two.")
    given = {"model": model, "compute_device": compute_device, "compute": compute}
    instead = {name: value for name, value in given.items() if value is not None}
    for name, value in instead.items():
        check_setting(name, value)
    raise typer.Exit(command.run(session, instead, only_list=only_list, discard=discard))


@app.command(epilog=epilog("devices"), rich_help_panel=HERE)
def devices() -> None:
    """List what can be heard: microphones, and what the computer plays."""
    from live_canary.commands import devices as command

    raise typer.Exit(command.run())
