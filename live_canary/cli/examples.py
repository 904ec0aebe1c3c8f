"""The examples below each command's --help; tests/test_docs.py runs them."""

import re

from live_canary.console import is_redrawn

EXAMPLES: dict[str, dict[str, str]] = {
    "": {
        "live-canary": "dictate into the default microphone",
        "live-canary -o notes.md": "and keep the text",
        "live-canary --type": "into the window in use",
        "live-canary --mic --system -o call.md": "both sides of a call",
        "live-canary --replay talk.wav": "a recording as if it were live",
        "live-canary --jsonl - --partials": "for another program",
        "live-canary --profile meeting": "with a profile of config.toml",
    },
    "transcribe": {
        "live-canary transcribe talk.mp3": "writes talk.txt beside it",
        "live-canary transcribe *.mp3 --format srt": "subtitles",
        "live-canary transcribe a.wav --output-dir texts": "into a folder",
        "live-canary transcribe a.wav --mode meeting": "longer pauses within a line",
        "live-canary transcribe a.wav --channels Me,Them": "one speaker per channel",
        "live-canary transcribe --together a.wav b.wav": "or per recording",
    },
    "notes": {
        "live-canary notes call.md": "main points, decisions, tasks",
        "live-canary notes call.md -o call-notes.md": "and keep them",
        'live-canary notes call.md --ask "Who pays?"': "an answer instead",
    },
    "recover": {
        "live-canary recover --list": "what was cut off",
        "live-canary recover": "finish all of it",
        "live-canary recover --discard": "delete it instead",
        "live-canary recover --model demo": "with another model",
        "live-canary recover --compute-device cpu": "without the graphics card",
    },
    "devices": {
        "live-canary devices": "numbers and names",
        "live-canary --device 2": "hear number 2",
        "live-canary --device USB": "or a part of its name",
    },
    "download": {
        "live-canary download": "the published model, 5.1 GB",
        "live-canary download --from DIR": "a copy carried by hand",
        "live-canary download somebody/canary": "another model of a hub",
    },
    "doctor": {
        "live-canary doctor": "everything",
        "live-canary --model demo doctor": "with the demonstration model",
        "live-canary doctor --json > report.json": "for a bug report",
    },
    "config": {
        "live-canary config": "what is in force, and why",
        "live-canary --profile meeting config": "and with a profile",
        "live-canary config init": "a file to change it in",
    },
    "config init": {"live-canary config init": "then edit the file that it names"},
    "config schema": {"live-canary config schema > schema.json": "for your editor"},
    "config path": {"live-canary config path": "say where it is, or would be"},
    "bench": {
        "live-canary bench engine": "each step of one utterance",
        "live-canary bench live talk.wav": "how soon the text appears",
    },
    "bench engine": {
        "live-canary bench engine": "the model in use",
        "live-canary bench engine --random-weights": "full size, no download",
        "live-canary bench engine --compute fp32 --json": "in full precision",
    },
    "bench live": {
        "live-canary bench live talk.wav --reference talk.txt": "with word errors",
        "live-canary bench live talk.wav --plot latency.svg": "with a histogram",
    },
}
HUB = (
    "[bold]Variables[/bold]\n"
    "HF_ENDPOINT a mirror, HF_TOKEN a token, HF_HOME where the model is kept,\n"
    "HTTPS_PROXY a proxy, HF_HUB_DOWNLOAD_TIMEOUT seconds of silence to bear"
)
EXIT_CODES = (
    "[bold]Exit codes[/bold]\n"
    "0 finished, 1 something failed, at least in part, 2 something you gave cannot\n"
    "be used, 3 the model is not on this machine, 130 cut off by Ctrl-C (a live\n"
    "session: by the second one, or by one before it has begun)"
)
SETTINGS = (
    "[bold]Settings[/bold]\n"
    "Every flag but --replay and --profile is also a key of config.toml (which\n"
    "live-canary config init writes) and a variable (LIVE_CANARY_MODEL). A flag\n"
    "overrides a variable, and that overrides the file."
)


def epilog(command: str, *more: str) -> str:
    """What follows the flags in a command's --help: its examples, one a line, and further paragraphs."""
    width = max(map(len, EXAMPLES[command]))
    lines = [f"{given:{width}}  [dim]# {what}[/dim]" for given, what in EXAMPLES[command].items()]
    parts = ["\n".join(["[bold]Examples[/bold]", *lines]), *more]
    if not is_redrawn():
        parts = ["\b\n" + re.sub(r"\[/?(bold|dim)]", "", part) for part in parts]  # \b: click leaves its lines alone
    return "\n\n".join(parts)
