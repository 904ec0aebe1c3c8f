"""The flags of what is done later, with what was recorded: `live-canary transcribe`, `notes`, `recover`."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from live_canary.cli.arguments import pause_ms
from live_canary.cli.examples import epilog
from live_canary.cli.options import (
    LATER,
    MODEL,
    ChannelsOption,
    ComputeDeviceOption,
    ComputeOption,
    LongestOption,
    ModelOption,
    ModeOption,
    OverwriteOption,
    PreRollOption,
    SilenceOption,
    SpellingOption,
    StillOption,
    ThreadsOption,
    ThresholdOption,
    TogetherOption,
    VadOption,
    check_setting,
    named,
    segmenter_settings,
    switch,
)
from live_canary.errors import InputError
from live_canary.settings import Settings

later = typer.Typer()


@later.command(epilog=epilog("transcribe"), rich_help_panel=LATER)
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


@later.command(epilog=epilog("notes"), rich_help_panel=LATER)
def notes(
    transcript: Annotated[
        Path,
        typer.Argument(
            metavar="TRANSCRIPT", help="A .txt, .md, .srt, .vtt or .jsonl file, of any program; - for stdin."
        ),
    ],
    ask: Annotated[
        str | None, typer.Option("--ask", metavar="QUESTION", help="Answer that instead of writing notes.")
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write them there too; .md or .txt. May be given several times.",
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    plain: StillOption = False,
    model: Annotated[
        str, typer.Option("--model", metavar="NAME", help="auto, a folder or a hub id.", rich_help_panel=MODEL)
    ] = "auto",
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


@later.command(epilog=epilog("recover"), rich_help_panel=LATER)
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
