"""Settings that stick: config.toml, below the environment, below the flags.

Every flag of the program is a key; its name, type and description are taken from the command line's own declaration, so
there is one description of each. Profiles are tables of the same keys, `[profile.meeting]`.
"""

import difflib
import inspect
import os
import re
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import platformdirs
from typer.models import OptionInfo

from live_canary import files
from live_canary.errors import InputError

ENVIRONMENT = "LIVE_CANARY_"
OF_THEIR_OWN = {
    ENVIRONMENT + name for name in ("CONFIG", "PROFILE", "KERNELS", "GPU_KERNELS", "WEIGHT_CACHE")
}  # no settings
NOT_IN_THE_FILE = {"replay", "version", "profile"}  # what is meant for one run
KINDS: dict[type, str] = {
    str: "text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    list: "a list of texts in quotes",
}
LARGEST = 2**53  # of whole numbers; Python refuses to print one of thousands of digits
MOST_LETTERS, MOST_LETTERS_IN_A_LINE = 65_536, 4096
TRUE, FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")
IMPLIED = {
    "mode": ("min_silence_ms",),
    "no_spool": ("keep_audio",),
    "keep_audio": ("no_spool",),
    "plain": ("jsonl", "partials"),
}
"""What a setting says anew of others that are set on a lower level."""

Check = Callable[[str, Any], None]
"""Raises InputError for a value of the right type that cannot be used."""


@dataclass(frozen=True, slots=True)
class Key:
    """A setting, as its flag declares it."""

    name: str
    kind: type
    """A key of `KINDS`."""
    default: object
    help: str
    group: str


@dataclass(frozen=True, slots=True)
class Value:
    value: Any
    origin: str
    """For people: "config.toml, line 3", "LIVE_CANARY_MODEL"."""


@dataclass(frozen=True, slots=True)
class InForce:
    """All settings there are, and those that the file or the environment set."""

    keys: Mapping[str, Key]
    found: Mapping[str, Value]
    refusal: InputError | None = None
    """Why the file, its profile or a variable cannot be used; nothing is found then. Whatever needs them raises it."""

    def values(self, *names: str) -> dict[str, Any]:
        """What is set, of all settings or of those named."""
        return {name: one.value for name, one in self.found.items() if not names or name in names}


def keys_of(command: Callable[..., None]) -> dict[str, Key]:
    """The settings among a command's parameters, in their order."""
    keys = {}
    parameters = inspect.signature(command).parameters
    for name, hint in get_type_hints(command, include_extras=True).items():
        option = next((extra for extra in getattr(hint, "__metadata__", ()) if isinstance(extra, OptionInfo)), None)
        if option and name not in NOT_IN_THE_FILE:
            kind = _kind(get_args(hint)[0])
            keys[name] = Key(name, kind, parameters[name].default, option.help or "", str(option.rich_help_panel or ""))
    return keys


def _kind(hint: Any) -> type:
    """`list[Path] | None` -> list, `int | None` -> int, `Path` -> str."""
    plain = next((part for part in get_args(hint) if part is not type(None)), hint) if get_args(hint) else hint
    text = str(plain)
    return list if text.startswith("list[") else plain if plain in KINDS else str


def path() -> Path:
    """Where the file is; it need not exist. LIVE_CANARY_CONFIG names another."""
    named = os.environ.get("LIVE_CANARY_CONFIG")
    return (
        files.expanded(named)
        if named
        else platformdirs.user_config_path("live-canary", appauthor=False) / "config.toml"
    )


def in_force(keys: Mapping[str, Key], profile: str | None = None, check: Check = lambda *_: None) -> InForce:
    """What the file, above it one of its profiles, and above both the environment set. Raises InputError."""
    profile = profile or os.environ.get("LIVE_CANARY_PROFILE") or None
    return InForce(keys, above(from_file(path(), keys, profile, check), from_environment(os.environ, keys, check)))


def from_environment(environment: Mapping[str, str], keys: Mapping[str, Key], check: Check) -> dict[str, Value]:
    """What LIVE_CANARY_MODEL and the like set; empty ones are as good as none. Raises InputError."""
    found = {}
    for name, key in keys.items():
        variable = ENVIRONMENT + name.upper()
        if text := environment.get(variable):
            found[name] = Value(_checked(_parsed(text, key, variable), name, variable, check), variable)
    return found


def from_file(file: Path, keys: Mapping[str, Key], profile: str | None, check: Check) -> dict[str, Value]:
    """What a file sets, and above it one of its profiles. Raises InputError that names file, line and key."""
    try:
        text = file.read_text("utf-8-sig")  # editors of Windows begin a file with a mark
        _check_size(text)
        entries = tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):  # the second also where HOME is /dev/null, to go without
        check_place(file)
        text, entries = "", {}
    except OSError as error:
        check_place(file)
        raise InputError(f"{file} cannot be read: {error.strerror}; check its permissions.") from None
    except UnicodeDecodeError:
        raise InputError(f"{file} is not in UTF-8; save it as UTF-8 in your editor, or move the file away.") from None
    except (ValueError, RecursionError) as error:  # not TOML, too large a number, too deep a list
        correct = f"correct that line, or move the file away.{_of_backslash(str(error), text)}"
        raise InputError(f"{file} is not a settings file: {error}; {correct}") from None
    profiles = _table(entries.pop("profile", {}), f"{file}: profile")
    found = _entries(entries, keys, file, text, "", check)
    for name, table in profiles.items():
        within = _entries(_table(table, f"{file}: profile.{name}"), keys, file, text, f"profile.{name}", check)
        if name == profile:
            found = above(found, within)
    if profile is not None and profile not in profiles:
        if not file.exists():
            begun = f"`live-canary config init` writes it, and a table [profile.{profile}] in it makes one"
            raise InputError(f"There is no profile '{profile}': {file} does not exist; {begun}.")
        there = f"there is: {', '.join(profiles)}" if profiles else "add that table, and below it what it sets"
        raise InputError(f"{file} has no [profile.{profile}]{meant(profile, profiles)}; {there}.")
    return found


def check_place(file: Path) -> None:
    """Raises InputError for a folder, and, also on the way there, for a link that leads nowhere and for a file."""
    if files.is_folder(file):
        instead = "let LIVE_CANARY_CONFIG name one, or move the folder away"
        raise InputError(f"{file} is a folder, and a file is wanted; {instead}.")
    for one in (file, *file.parents):
        if files.is_link(one) and not files.is_there(one):
            leads = f"a link to '{os.readlink(one)}', which is not there"  # noqa: PTH115
            raise InputError(f"{one} is {leads}; put back what it leads to, or remove the link to go without.")
        if one != file and files.is_file(one):
            raise InputError(f"{one} is a file, and a folder is wanted; let LIVE_CANARY_CONFIG name another place.")


def above(lower: Mapping[str, Any], higher: Mapping[str, Any]) -> dict[str, Any]:
    """Both levels in one: the higher overrules the lower, also in what its settings imply (`IMPLIED`)."""
    overruled = {one for name, value in higher.items() if _is_set(value) for one in IMPLIED.get(name, ())}
    return {name: value for name, value in lower.items() if name not in overruled} | dict(higher)


def _is_set(value: Any) -> bool:
    return bool(value.value if isinstance(value, Value) else value)


def _check_size(text: str) -> None:
    """tomllib takes memory that grows with the square of the names in a key. Raises ValueError."""
    longest = max(map(len, text.splitlines()), default=0)
    if len(text) > MOST_LETTERS or longest > MOST_LETTERS_IN_A_LINE:
        raise ValueError(f"{len(text)} letters, {longest} of them in one line, are too much")


def _of_backslash(refusal: str, text: str) -> str:
    """What may be wrong with a line that has one, as a path of Windows does, where TOML cannot read it."""
    line = re.search(r"at line (\d+)", refusal)
    if line is None or "\\" not in text.split("\n")[int(line[1]) - 1]:
        return ""
    return " Between \"\" a \\ begins an escape: write C:/notes, or 'C:\\notes'."


def _table(value: object, place: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InputError(f'{place} must be a table of settings: [profile.meeting], and below it mode = "meeting".')
    return value


def _entries(
    entries: dict[str, object], keys: Mapping[str, Key], file: Path, text: str, table: str, check: Check
) -> dict[str, Value]:
    found = {}
    for name, value in entries.items():
        line = _line_of(name, text, table)
        if name not in keys:
            unknown = f"there is no setting '{name}'{meant(name, keys)}"
            raise InputError(f"{file}, line {line}: {unknown}; `live-canary --help` lists them.")
        place = f"{file}, line {line}: {name}"
        found[name] = Value(_checked(_typed(value, keys[name], place), name, place, check), f"{file.name}, line {line}")
    return found


def _checked(value: object, name: str, place: str, check: Check) -> object:
    """The value, when it can be used. Raises InputError that names the place."""
    try:
        check(name, value)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    return value


def _typed(value: object, key: Key, place: str) -> object:
    """The value as the flag would have it. Raises InputError when it is of another kind."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, int) and abs(value) > LARGEST:
        raise InputError(f"{place} is far too large a number.")
    if key.kind is str and number:
        return str(value)  # speed = 4
    if key.kind is float and number:
        return float(value)  # type: ignore[arg-type]
    if key.kind is list and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    if type(value) is key.kind and key.kind is not list:
        return value
    raise InputError(f"{place} must be {KINDS[key.kind]}, not {value!r}.")


def _parsed(text: str, key: Key, place: str) -> object:
    """A variable's text as the flag would have it. Raises InputError."""
    if key.kind is list:
        return text.split(os.pathsep)
    if key.kind is bool and text.lower() in TRUE + FALSE:
        return text.lower() in TRUE
    try:
        if key.kind is not bool:
            return key.kind(text)
    except ValueError:
        pass
    raise InputError(f"{place} must be {KINDS[key.kind]}, not '{text}'.")


def _line_of(name: str, text: str, table: str) -> int:
    """The line that sets a key; the first when it is written in a way that is not understood here."""
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        if heading := re.match(r"\s*\[+\s*([^\]]*?)\s*\]", line):
            current = heading[1].replace('"', "")
            if current == name:
                return number
        elif current == table and re.match(rf"""\s*["']?{re.escape(name)}["']?\s*[.=]""", line):
            return number
    return 1


def meant(name: str, known: Collection[str]) -> str:
    """The nearest known name, as the end of a sentence; nothing when none is near."""
    near = difflib.get_close_matches(name.replace("-", "_"), known, n=1)
    return f" (did you mean '{near[0]}'?)" if near else ""


def variables(keys: Mapping[str, Key]) -> set[str]:
    """Every variable of the environment that is heeded."""
    return {ENVIRONMENT + name.upper() for name in keys} | OF_THEIR_OWN
