"""What `live-canary config` writes of config.toml: the file with every setting commented out, and its JSON Schema."""

from collections.abc import Mapping, Sequence
from typing import Any

from live_canary.commands.config_file import Key

JSON_TYPES: dict[type, dict[str, Any]] = {
    str: {"type": ["string", "number"]},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    list: {"type": "array", "items": {"type": "string"}},
}
EXAMPLES: dict[str, object] = {
    "device": "USB",
    "output": ["notes.md"],
    "spelling": ["Canary-Qwen", "jon = John"],
    "jsonl": "-",
    "vad_threshold": 0.5,
    "threads": 4,
    "min_silence_ms": 600,
    "pre_roll_ms": 1000,
    "max_utterance_s": 30.0,
}
HEAD = """\
# Settings of live-canary. Remove the # before a line to set it.
# A flag on the command line goes before LIVE_CANARY_MODEL and the like in the environment, and both before this file.
# A path of Windows: 'C:\\notes\\call.md' or "C:/notes/call.md"; between "" a \\ begins an escape.
"""
TAIL = """
# --- Profiles: chosen with --profile, above all of the former

#[profile.meeting]
#mode = "meeting"
#mic = true
#system = true
"""


def commented(keys: Mapping[str, Key]) -> str:
    """A file that sets nothing and says what could be set."""
    parts = [HEAD]
    for group in dict.fromkeys(key.group for key in keys.values()):
        parts.append(f"\n# --- {group or 'Other'}\n")
        parts += (f"\n# {key.help}\n#{key.name} = {_example(key)}\n" for key in keys.values() if key.group == group)
    return "".join(parts) + TAIL


def schema(keys: Mapping[str, Key], choices: Mapping[str, Sequence[str]]) -> dict[str, object]:
    """A JSON Schema of the file, for editors that complete and check TOML.

    choices: what a setting may be, where that is one of a few words.
    """
    settings = {
        name: JSON_TYPES[key.kind]
        | {"description": key.help}
        | ({} if key.default is None else {"default": key.default})
        | ({"enum": list(choices[name])} if name in choices else {})
        for name, key in keys.items()
    }
    profile = {"type": "object", "properties": settings, "additionalProperties": False}
    profiles = {"type": "object", "additionalProperties": profile, "description": "Chosen with --profile."}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "config.toml of live-canary",
        **profile,
        "properties": settings | {"profile": profiles},
    }


def _example(key: Key) -> str:
    """The default in TOML, or what a value may look like where there is none."""
    value = EXAMPLES.get(key.name, "") if key.default is None else key.default
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(f'"{item}"' for item in value) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)
