"""What config.toml and the environment may say, how `config` shows it, and what it writes for an editor."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from live_canary.cli.app import app, live
from live_canary.commands import config, config_file
from live_canary.commands.config_file import in_force, keys_of
from live_canary.errors import InputError

KEYS = keys_of(live)


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """Where config.toml is looked for; nothing is there yet, nor its folder."""
    for key in KEYS:
        monkeypatch.delenv(f"LIVE_CANARY_{key.upper()}", raising=False)
    monkeypatch.setenv("LIVE_CANARY_CONFIG", str(tmp_path / "not" / "yet" / "config.toml"))
    return tmp_path / "not" / "yet" / "config.toml"


@pytest.fixture
def written(file):
    """Puts settings there."""

    def write(toml: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(toml)

    return write


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("threads = 9007199254740993", r"line 1: threads is far too large a number\."),
        ("threads = -9007199254740993", r"line 1: threads is far too large a number\."),
        (f"threads = {'9' * 4000}", r"line 1: threads is far too large a number\."),
        ("output = ['a.md', 1]", r"line 1: output must be a list of texts in quotes, not \['a\.md', 1\]"),
        (f"output = {'[' * 1500}{']' * 1500}", "is not a settings file: .*; correct that line, or move the file away"),
        ("profile = 1", r"profile must be a table of settings"),
        ("mic = true\n[profile.call]\nmode = 'meeting'\n[profile.other]\nmic = 1", r"line 5: mic must be true"),
    ],
)
def test_a_value_that_nothing_can_be_done_with_is_refused_in_a_sentence(written, text, said):
    written(text)
    with pytest.raises(InputError, match=said) as refused:
        in_force(KEYS)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize(("text", "is_on"), [("1", True), ("on", True), ("yes", True), ("0", False), ("no", False)])
def test_a_switch_in_the_environment_may_be_written_in_several_ways(file, monkeypatch, text, is_on):
    monkeypatch.setenv("LIVE_CANARY_SYSTEM", text)
    assert in_force(KEYS).found["system"] == config_file.Value(is_on, "LIVE_CANARY_SYSTEM")


def test_a_switch_below_is_overruled_only_by_one_that_is_on(written, monkeypatch):
    written("min_silence_ms = 800\nkeep_audio = true\njsonl = '-'\npartials = true\n")
    for name in ("NO_SPOOL", "PLAIN"):
        monkeypatch.setenv(f"LIVE_CANARY_{name}", "off")
    assert {"min_silence_ms", "keep_audio", "jsonl", "partials"} < in_force(KEYS).values().keys()
    for name in ("NO_SPOOL", "PLAIN"):
        monkeypatch.setenv(f"LIVE_CANARY_{name}", "on")
    assert set(in_force(KEYS).values()) == {"min_silence_ms", "no_spool", "plain"}


def test_the_longest_file_and_line_that_may_be_are_read(written):
    written(f"# {'a' * 4094}\n" + "#\n" * ((65_536 - 4097) // 2) + "#")
    assert in_force(KEYS).values() == {}


def test_a_folder_that_is_a_link_is_as_good_as_another(written, file, tmp_path, monkeypatch):
    written("mic = true\n")
    (tmp_path / "link").symlink_to(file.parent)
    monkeypatch.setenv("LIVE_CANARY_CONFIG", str(tmp_path / "link" / "config.toml"))
    assert in_force(KEYS).values() == {"mic": True}
    file.unlink()
    assert in_force(KEYS).values() == {}


def test_config_makes_the_folder_of_its_file_and_says_until_then_that_there_is_none(file):
    told = f"{file} does not exist; `live-canary config init` writes it."
    assert run("config").splitlines()[-1] == told
    assert run("config", "init") == f"{file}\n"
    assert run("config").splitlines()[-1] == str(file)


def test_a_setting_that_has_no_value_is_shown_without_one_and_a_switch_as_it_is_written(file):
    shown = [line.split() for line in run("config").splitlines()]
    for row in (["device", "default"], ["threads", "default"], ["plain", "false", "default"]):
        assert row in shown
    assert ["mic", "false", "default"] in [line.split() for line in run("--system", "config").splitlines()]
    assert ["mic_name", "Ana", "--mic-name"] in [
        line.split() for line in run("--mic-name", "Ana", "config").splitlines()
    ]


def test_what_the_user_has_set_stands_out_on_a_terminal(written, monkeypatch):
    """And nothing that is so by itself."""
    written("mode = 'meeting'\n")
    printed = io.StringIO()
    terminal = Console(file=printed, force_terminal=True, width=200, color_system="standard", highlight=False)
    monkeypatch.setattr(config, "table_console", lambda: terminal)
    config.show(in_force(KEYS), {"vad": "webrtc"})
    bold = [line.split()[0] for line in printed.getvalue().splitlines() if line.startswith("\x1b[1m")]
    assert [name.removeprefix("\x1b[1m") for name in bold if "Setting" not in name] == ["vad", "mode"]


def test_the_file_that_init_writes_is_ordered_as_the_help_is(file):
    run("config", "init")
    lines = file.read_text().splitlines()
    groups = [line for line in lines if line.startswith("# --- ")][:-1]
    assert groups == [f"# --- {name}" for name in ("Sound", "Transcript", "Dictation", "Model", "Utterances")]
    settings = re.findall(r"^#(\w+) = ", file.read_text().partition("# --- Profiles")[0], re.MULTILINE)
    assert sorted(settings) == sorted(KEYS)
    assert lines.index("# --- Sound") < lines.index("#mic = false") < lines.index("# --- Transcript")


def test_an_editor_is_told_what_each_setting_may_be(file):
    of = json.loads(run("config", "schema"))["properties"]
    assert of["speed"]["type"] == ["string", "number"]  # speed = 4
    assert of["output"] | {"description": ""} == {"type": "array", "items": {"type": "string"}, "description": ""}
    assert (of["mic"]["type"], of["mic"]["default"], of["vad_threshold"]["type"]) == ("boolean", False, "number")
    assert "default" not in of["device"] and "enum" not in of["device"]
    assert of["profile"]["additionalProperties"]["additionalProperties"] is False
