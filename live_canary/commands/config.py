"""`live-canary config`: which settings are in force, where each came from, and a file to change them in."""

from collections.abc import Mapping

from rich.table import Table

from live_canary.commands.config_file import InForce, Key, Value, above, check_place, path
from live_canary.commands.config_template import commented
from live_canary.console import table_console
from live_canary.errors import OutputError
from live_canary.printable import one_line
from live_canary.segments.settings import OF_THE_MODE, PRESETS

DEFAULT, IMPLIED = "default", "default without --system"


def show(settings: InForce, given: Mapping[str, object]) -> int:
    """Print every setting with its origin; the exit code.

    given: what flags set.
    """
    table = Table("Setting", "Value", "From", box=None, padding=(0, 2, 0, 0))
    for name, (value, origin) in _in_force(settings, given).items():
        by_itself = origin in (DEFAULT, IMPLIED) or origin.startswith("mode ")
        table.add_row(name, one_line(_shown(value)), origin, style="" if by_itself else "bold")
    console = table_console()
    console.print(table)
    console.print(
        f"\n{path()}" + ("" if path().exists() else " does not exist; `live-canary config init` writes it."),
        soft_wrap=True,
    )
    return 0


def _in_force(settings: InForce, given: Mapping[str, object]) -> dict[str, tuple[object, str]]:
    """Each setting's value and where it came from, also where another setting implies it."""
    rows: dict[str, tuple[object, str]] = {name: (key.default, DEFAULT) for name, key in settings.keys.items()}
    flags = {name: Value(given[name], f"--{name.replace('_', '-')}") for name in rows if name in given}
    rows |= {name: (found.value, found.origin) for name, found in above(settings.found, flags).items()}
    if not rows["mic"][0] and not rows["system"][0]:
        rows["mic"] = True, IMPLIED
    mode = str(rows["mode"][0])
    if mode in PRESETS:
        for name, field in OF_THE_MODE.items():
            if rows[name][0] is None:
                rows[name] = getattr(PRESETS[mode], field), f"mode {mode}"
    return rows


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def init(keys: Mapping[str, Key]) -> int:
    """Write the commented file; the exit code. Raises InputError, and never replaces one."""
    file = path()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(commented(keys))
    except FileExistsError:
        check_place(file)
        raise OutputError(f"{file} exists already; edit it, or move it away to have a new one.") from None
    except OSError as error:
        raise OutputError(f"{file} cannot be written: {error.strerror}; check the folder's permissions.") from None
    print(file)  # noqa: T201
    return 0
