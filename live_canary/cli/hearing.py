"""The microphone before everything: what is to be heard is known from the bare flags, and opened with them.

Typer checks flags with pydantic; importing that takes as long as Python, Typer and opening a microphone together. So a
session's inputs are opened as soon as the command line is taken apart, and only then are the flags checked.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup

from live_canary import files
from live_canary.audio.capture import Capture
from live_canary.cli.arguments import is_device_configured, refused_in_one_line
from live_canary.cli.options import check_setting
from live_canary.commands import config_file, listen
from live_canary.errors import InputError, LiveCanaryError

WITHOUT_INPUT = {"replay", "help", "version", "install_completion", "show_completion"}
"""Flags with which no input is wanted."""
INPUTS = "live_canary.inputs"


class HearsFirst(TyperGroup):
    """The program's command line."""

    def make_context(self, *arguments: Any, **named: Any) -> Any:
        with refused_in_one_line():
            return super().make_context(*arguments, **named)

    def invoke(self, context: Any) -> Any:
        with refused_in_one_line():
            return super().invoke(context)

    def resolve_command(self, context: Any, arguments: list[str]) -> Any:
        """Raises InputError that says how where a recording stands instead of a command, as other programs take one."""
        is_command = arguments[0] in self.commands
        if not is_command and not context.resilient_parsing and files.is_file(Path(arguments[0])):
            raise InputError(
                f"'{arguments[0]}' is a file, not a command: put `live-canary transcribe` before it to write its text "
                "beside it, or `live-canary --replay` to play it as if live."
            )
        return super().resolve_command(context, arguments)

    def parse_args(self, context: Any, arguments: list[str]) -> list[str]:
        """Open what a session would hear, unless another command is named; any trouble is left to the session."""
        flags, command, _ = self.make_parser(context).parse_args(list(arguments))
        if not command and not flags.keys() & WITHOUT_INPUT and not context.resilient_parsing:
            with suppress(LiveCanaryError):
                inputs = self._opened(flags)
                context.meta[INPUTS] = inputs
                context.call_on_close(lambda: listen.close(inputs))
        return super().parse_args(context, arguments)

    def _opened(self, flags: dict[str, Any]) -> list[Capture]:
        assert self.callback
        keys = config_file.keys_of(self.callback)
        wanted = config_file.in_force(keys, flags.get("profile"), check_setting).values() | flags
        names = ("mic", "system", "device", "follow_default")
        asked = {name: wanted[name] for name in names if name in wanted}
        return listen.open_inputs(**asked, configured=is_device_configured(flags))


def opened(context: typer.Context) -> list[Capture] | None:
    """The inputs that are heard already; None where that has to be tried again, or none is wanted."""
    inputs: list[Capture] | None = context.meta.get(INPUTS)
    return inputs
