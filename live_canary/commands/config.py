"""`live-canary config`: which settings are in force, where each came from, and a file to change them in."""

import os
from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from live_canary.commands.config_file import InForce, Key, commented, meant, path, unknown_variables, variables
from live_canary.errors import OutputError
from live_canary.transcript.formats import one_line


def show(settings: InForce, given: Mapping[str, object]) -> int:
    """Print every setting with its origin; the exit code.

    given: what flags set.
    """
    table = Table("Setting", "Value", "From", box=None, padding=(0, 2, 0, 0))
    for name, key in settings.keys.items():
        if name in given:
            value, origin = given[name], f"--{name.replace('_', '-')}"
        elif name in settings.found:
            value, origin = settings.found[name].value, settings.found[name].origin
        else:
            value, origin = key.default, "default"
        table.add_row(name, one_line(_shown(value)), origin, style="bold" if origin != "default" else "")
    console = Console(highlight=False, markup=False)
    console.print(table)
    console.print(
        f"\n{path()}" + ("" if path().exists() else " does not exist; `live-canary config init` writes it."),
        soft_wrap=True,
    )
    for name in unknown_variables(os.environ, settings.keys):
        console.print(
            f"{name} is set, but there is no such setting{meant(name, variables(settings.keys))}.", soft_wrap=True
        )
    return 0


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def init(keys: Mapping[str, Key]) -> int:
    """Write the commented file; the exit code. Raises OutputError, and never replaces one."""
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(commented(keys))
    except FileExistsError:
        raise OutputError(f"{file} exists already; edit it, or move it away to have a new one.") from None
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {error.strerror}; check the folder's permissions.") from None
    print(file)  # noqa: T201
    return 0
