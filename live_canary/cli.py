"""The command line: flags -> settings -> a command. Importing it imports no torch."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from live_canary import __version__
from live_canary.errors import InputError, LiveCanaryError
from live_canary.segments.settings import SegmenterSettings
from live_canary.settings import Settings

EPILOG = """
Examples: \b

`live-canary` dictate into the default microphone \b

`live-canary --mic --system --output notes.md` keep the minutes of a call \b

`live-canary --replay talk.wav` hear a recording as if it were live \b

`live-canary transcribe *.mp3 --format srt` subtitles, as fast as possible
"""

app = typer.Typer(
    name="live-canary",
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SOUND, MODEL, TEXT, CUTTING = "Sound", "Model", "Transcript", "Utterances"

ModelOption = Annotated[
    str, typer.Option("--model", metavar="NAME", help="auto, demo, a folder or a hub id.", rich_help_panel=MODEL)
]
ComputeDeviceOption = Annotated[
    str, typer.Option("--compute-device", help="auto, cuda, mps or cpu.", rich_help_panel=MODEL)
]
ComputeOption = Annotated[str, typer.Option("--compute", help="auto, bf16, fp16, fp32 or int8.", rich_help_panel=MODEL)]
VadOption = Annotated[str, typer.Option("--vad", help="silero or webrtc.", rich_help_panel=CUTTING)]
ModeOption = Annotated[
    str,
    typer.Option("--mode", help="dictation (ends an utterance quickly) or meeting.", rich_help_panel=CUTTING),
]
ThresholdOption = Annotated[
    float | None,
    typer.Option("--vad-threshold", help="Probability from which on sound is speech.", rich_help_panel=CUTTING),
]
SilenceOption = Annotated[
    int | None,
    typer.Option("--min-silence-ms", help="Silence that ends an utterance.", rich_help_panel=CUTTING),
]
PreRollOption = Annotated[
    int | None,
    typer.Option("--pre-roll-ms", help="Sound kept before the first word.", rich_help_panel=CUTTING),
]
LongestOption = Annotated[
    float | None,
    typer.Option("--max-utterance-s", help="Speech without a pause is cut after this.", rich_help_panel=CUTTING),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.", rich_help_panel=TEXT)]


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
    mic: Annotated[
        bool, typer.Option("--mic", help="Hear the microphone; the default.", rich_help_panel=SOUND)
    ] = False,
    system: Annotated[
        bool,
        typer.Option("--system", help="Hear what the computer plays; with --mic, both.", rich_help_panel=SOUND),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(
            "--device", help="Which input: its number or a part of its name, as in `devices`.", rich_help_panel=SOUND
        ),
    ] = None,
    follow_default: Annotated[
        bool,
        typer.Option(
            "--follow-default", help="If the input is unplugged, hear the default one.", rich_help_panel=SOUND
        ),
    ] = False,
    mic_name: Annotated[
        str, typer.Option("--mic-name", help="Who speaks into the microphone.", rich_help_panel=SOUND)
    ] = "Me",
    system_name: Annotated[
        str, typer.Option("--system-name", help="Who speaks out of the computer.", rich_help_panel=SOUND)
    ] = "Them",
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write the transcript there; .txt .md .srt .vtt or .jsonl. May be given several times.",
            rich_help_panel=TEXT,
        ),
    ] = None,
    overwrite: OverwriteOption = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines on stdout instead of the screen.", rich_help_panel=TEXT)
    ] = False,
    jsonl: Annotated[
        str | None,
        typer.Option("--jsonl", metavar="-", help="JSON lines on stdout, for other programs.", rich_help_panel=TEXT),
    ] = None,
    partials: Annotated[
        bool, typer.Option("--partials", help="With --jsonl -, also what is being said.", rich_help_panel=TEXT)
    ] = False,
    model: ModelOption = "auto",
    compute_device: ComputeDeviceOption = "auto",
    compute: ComputeOption = "auto",
    vad: VadOption = "silero",
    mode: ModeOption = "dictation",
    vad_threshold: ThresholdOption = None,
    min_silence_ms: SilenceOption = None,
    pre_roll_ms: PreRollOption = None,
    max_utterance_s: LongestOption = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Never reach for the network.", rich_help_panel=MODEL)
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Real-time transcription on your own machine with NVIDIA Canary-Qwen 2.5B."""
    if version:
        typer.echo(f"live-canary {__version__}")
        raise typer.Exit()
    if offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # read by huggingface_hub and transformers when they are imported
    if context.invoked_subcommand:
        return
    from live_canary.commands import live as command

    if jsonl not in (None, "-"):
        raise InputError(f"--jsonl writes to stdout: give -, or --output {jsonl}.jsonl for a file.")
    if partials and jsonl is None:
        raise InputError("--partials belongs to --jsonl -; without it finished utterances are printed.")
    settings = Settings(
        recordings=tuple(replay or ()),
        speed=parse_speed(speed),
        microphone=mic or not system,
        system=system,
        device=device,
        follow_default=follow_default,
        microphone_name=mic_name,
        system_name=system_name,
        model=model,
        compute_device=compute_device,
        compute=compute,
        vad=vad,
        segmenter=segmenter_settings(mode, vad_threshold, min_silence_ms, pre_roll_ms, max_utterance_s),
        outputs=tuple(output or ()),
        overwrite=overwrite,
        plain=plain,
        json_lines=jsonl is not None,
        partials=partials,
    )
    raise typer.Exit(command.run(settings))


@app.command()
def transcribe(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Recordings: WAV, FLAC, MP3, OGG.")],
    output_dir: Annotated[
        Path | None, typer.Option("--output-dir", help="Where to write; by default beside each recording.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="txt, md, srt, vtt or jsonl.")] = "txt",
    overwrite: OverwriteOption = False,
    model: ModelOption = "auto",
    compute_device: ComputeDeviceOption = "auto",
    compute: ComputeOption = "auto",
    vad: VadOption = "silero",
    mode: ModeOption = "dictation",
    vad_threshold: ThresholdOption = None,
    min_silence_ms: SilenceOption = None,
    pre_roll_ms: PreRollOption = None,
    max_utterance_s: LongestOption = None,
) -> None:
    """Transcribe recordings as fast as possible, each into a file of its own."""
    from live_canary.commands import transcribe as command

    settings = Settings(
        recordings=tuple(files),
        speed=None,
        model=model,
        compute_device=compute_device,
        compute=compute,
        vad=vad,
        segmenter=segmenter_settings(mode, vad_threshold, min_silence_ms, pre_roll_ms, max_utterance_s),
        overwrite=overwrite,
    )
    raise typer.Exit(command.run(settings, output_dir, format_))


bench = typer.Typer(help="Measure this machine.", no_args_is_help=True)
app.add_typer(bench, name="bench")
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@bench.command("engine")
def bench_engine(
    model: ModelOption = "auto",
    random_weights: Annotated[
        bool,
        typer.Option("--random-weights", help="A model of the published size with random weights; 5.1 GB of disk."),
    ] = False,
    device: Annotated[str, typer.Option("--device", help="auto, cuda, mps or cpu.")] = "auto",
    compute: ComputeOption = "auto",
    audio: Annotated[Path | None, typer.Option("--audio", help="A recording of at most 40 s.")] = None,
    max_new_tokens: Annotated[int, typer.Option("--max-new-tokens", min=1, max=600)] = 24,
    runs: Annotated[int, typer.Option("--runs", min=1, max=1000)] = 5,
    json: JsonOption = False,
) -> None:
    """Time each step of transcribing one utterance: load, features, encoder, prefill, tokens, draft, memory."""
    from live_canary.commands import bench_engine as command

    raise typer.Exit(
        command.run(
            model,
            random_weights=random_weights,
            device=device,
            compute=compute,
            audio=audio,
            max_new_tokens=max_new_tokens,
            runs=runs,
            as_json=json,
        )
    )


@bench.command("live")
def bench_live(
    files: Annotated[list[Path], typer.Argument(metavar="FILES...", help="Recordings, replayed in real time.")],
    reference: Annotated[Path | None, typer.Option("--reference", help="What is said in them, as text.")] = None,
    plot: Annotated[Path | None, typer.Option("--plot", help="Write a latency histogram there, as SVG.")] = None,
    json: JsonOption = False,
    model: ModelOption = "auto",
    compute_device: ComputeDeviceOption = "auto",
    compute: ComputeOption = "auto",
    mode: ModeOption = "dictation",
) -> None:
    """Replay recordings as live sound and measure how soon words and finals stand there."""
    from live_canary.commands import bench_live as command

    settings = Settings(
        recordings=tuple(files),
        model=model,
        compute_device=compute_device,
        compute=compute,
        segmenter=segmenter_settings(mode, None, None, None, None),
    )
    raise typer.Exit(command.run(settings, reference, plot, as_json=json))


@app.command()
def devices() -> None:
    """List what can be heard: microphones, and what the computer plays."""
    from live_canary.commands import devices as command

    raise typer.Exit(command.run())


@app.command()
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


def parse_speed(text: str) -> float | None:
    """ "4" -> 4.0, "max" -> None. Raises InputError."""
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0.05 <= speed <= 1000:
        raise InputError(f"--speed {text} cannot be used: give a number from 0.05 to 1000, or max.")
    return speed


def segmenter_settings(
    mode: str,
    vad_threshold: float | None,
    min_silence_ms: int | None,
    pre_roll_ms: int | None,
    max_utterance_s: float | None,
) -> SegmenterSettings:
    """A preset with what the user changed. Raises InputError for values that would lose speech."""
    changes: dict[str, Any] = {
        "on_threshold": vad_threshold,
        "min_silence_ms": min_silence_ms,
        "pre_roll_ms": pre_roll_ms,
        "max_utterance_s": max_utterance_s,
    }
    return replace(
        SegmenterSettings.preset(mode), **{name: value for name, value in changes.items() if value is not None}
    )


def spread_replay(arguments: list[str]) -> list[str]:
    """`--replay a.wav b.wav` -> `--replay a.wav --replay b.wav`, so that a shell's `*.wav` works."""
    spread: list[str] = []
    replaying = False
    for argument in arguments:
        if argument.startswith("-"):
            replaying = argument == "--replay"
            if not replaying:
                spread.append(argument)
        else:
            spread += ["--replay", argument] if replaying else [argument]
    return spread


def main() -> None:
    """Run the command line; expected failures end in one line on stderr and exit code 1 or 2."""
    try:
        app(args=spread_replay(sys.argv[1:]), prog_name="live-canary")
    except LiveCanaryError as error:
        typer.echo(f"live-canary: {error}", err=True)
        sys.exit(error.exit_code)
