"""`live-canary doctor`: what works on this machine, what does not, and what to do about it."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path

from rich.console import Console
from rich.text import Text

from live_canary.commands import checks
from live_canary.commands.checks import Finding
from live_canary.commands.dictation_checks import clipboard, typing
from live_canary.commands.processor_checks import processors
from live_canary.errors import InputError
from live_canary.printable import one_line
from live_canary.settings import Settings

MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("fail", "bold red")}


def run(settings: Settings, refusal: InputError | None = None, *, as_json: bool) -> int:
    """Print what the checks find as they find it; the exit code: 1 if dictation cannot work.

    settings: what a session would hear, and compute with. refusal: why a session would refuse its settings.
    """
    findings = shortened(examine(settings, refusal))
    if as_json:
        found = list(findings)
        print(json.dumps({"works": works(found), "findings": [asdict(one) for one in found]}, indent=2))  # noqa: T201
    else:
        found = []
        console = Console(highlight=False)
        for one in findings:
            console.print(line(one), soft_wrap=True)
            found.append(one)
        console.print(
            "\nDictation works here." if works(found) else "\nDictation cannot work yet: see what fails above."
        )
    return 0 if works(found) else 1


def examine(settings: Settings, refusal: InputError | None = None) -> Iterator[Finding]:
    """Every finding, the slow ones last."""
    if refusal:
        step = "correct it: until then no session begins, and what follows is checked without your settings"
        yield Finding("settings", "fail", str(refusal), step)
    begin = []
    for one in checks.programs():
        begin.append(one)
        yield one
    heard = checks.sound(
        settings.device,
        mic=settings.microphone,
        system=settings.system,
        configured=settings.device_is_configured,
    )
    yield from chain(heard, checks.model(settings.model), checks.folders(), typing(), clipboard())
    if works(begin):
        yield from processors(settings.threads)
        yield from checks.transcription(settings.model, settings.compute_device, settings.compute, settings.threads)


def works(findings: Iterable[Finding]) -> bool:
    return all(one.state != "fail" for one in findings)


def shortened(findings: Iterable[Finding], home: Path | None = None) -> Iterator[Finding]:
    """The home folder as ~: a report can be shown to others."""
    folder = f"{home or Path.home()}{os.sep}"
    for one in findings:
        short = f"~{os.sep}"
        yield replace(one, text=one.text.replace(folder, short), next_step=one.next_step.replace(folder, short))


def line(finding: Finding) -> Text:
    mark, style = MARKS[finding.state]
    text = Text.assemble((mark, style), f"  {finding.topic:<15}{one_line(finding.text)}")
    return text.append(f"\n{'':21}-> {one_line(finding.next_step)}") if finding.next_step else text
