"""The documents tell the truth about the command line: every command in them is taken, every flag is in them."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from live_canary.cli.app import app, live
from live_canary.cli.arguments import spread_replay
from live_canary.cli.examples import EXAMPLES
from live_canary.commands.config_file import keys_of
from live_canary.model import hub
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
RUNS = ("listen", "notes", "transcribe", "devices", "download", "doctor", "recover", "bench_engine", "bench_live")
OTHERS_FLAGS = {
    "--constraint",
    "--constraints",
    "--extra-index-url",
    "--local-dir",
    "--pip-args",
    "--torch-backend",
}  # of pip, pipx, uv and hf


def commands(page: Path) -> list[str]:
    """What a reader may type of live-canary: lines of shell blocks, and words in backticks."""
    text = page.read_text()
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    quoted = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    return [one for one in lines + quoted if re.match(r"([A-Z_]+=\S+ )*live-canary( |$)", one)]


def arguments(command: str) -> list[str]:
    """What the program gets of a line, without variables before it and pipes behind."""
    words = shlex.split(command, comments=True)
    words = words[words.index("live-canary") + 1 :]
    ends = [words.index(sign) for sign in ("|", ">", ">>") if sign in words]
    return spread_replay(words[: min(ends, default=None)])


ALL = [(page.name, command) for page in PAGES for command in commands(page)]
ALL += [(f"--help of {name or 'live-canary'}", command) for name, some in EXAMPLES.items() for command in some]


@pytest.mark.parametrize(("page", "command"), ALL, ids=[f"{page}: {command}" for page, command in ALL])
def test_every_command_in_the_documents_is_taken(page, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in ("DIR", "canary"):
        (tmp_path / folder).mkdir()
    (tmp_path / "config.toml").write_text("[profile.meeting]\nmic = true\n[profile.call]\nmic = true\n")
    monkeypatch.setenv("LIVE_CANARY_CONFIG", str(tmp_path / ("new.toml" if "init" in command else "config.toml")))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # --offline sets it for the rest of the process
    for name in RUNS:
        monkeypatch.setattr(f"live_canary.commands.{name}.run", lambda *_, **__: 0)
    monkeypatch.setattr("live_canary.commands.listen.open_inputs", lambda **_: [])
    monkeypatch.setattr("live_canary.commands.version.line", lambda: "")
    given = arguments(command)
    if "--install-completion" in given:  # would change the shell of whoever runs the tests
        given = ["--help"]
    done = CliRunner().invoke(app, given)
    assert done.exit_code == 0, f"{done.output}{done.exception or ''}"


def flags_of(command: object) -> set[str]:
    own = {flag for parameter in command.params for flag in parameter.opts}
    return own.union(*(flags_of(one) for one in getattr(command, "commands", {}).values()))


def names_of(command: object, prefix: str = "") -> list[str]:
    own = getattr(command, "commands", {})
    return [prefix] + [name for key, one in own.items() for name in names_of(one, f"{prefix} {key}".strip())]


@pytest.mark.parametrize("name", names_of(typer.main.get_command(app)))
def test_every_command_helps_with_examples_in_80_columns(name, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    lines = CliRunner().invoke(app, [*name.split(), "--help"]).output.splitlines()
    assert max(map(len, lines)) <= 80
    for example, what in EXAMPLES[name].items():
        assert [line for line in lines if line.strip().startswith(example) and line.rstrip().endswith(f"# {what}")]


def test_every_flag_in_the_documents_exists():
    known = flags_of(typer.main.get_command(app)) | OTHERS_FLAGS
    for page in PAGES:
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", page.read_text()):
            assert flag in known, f"{page.name}: {flag}"


def test_every_setting_is_in_the_page_of_settings():
    page = (ROOT / "docs" / "settings.md").read_text()
    missing = [name for name in keys_of(live) if f"`--{name.replace('_', '-')}`" not in page]
    assert not missing


def test_every_link_between_the_documents_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_copy_that_is_carried_by_hand_is_of_the_revisions_whose_checksums_are_known():
    install = (ROOT / "docs" / "install.md").read_text()
    fetched = re.findall(r"hf download (\S+) .* --revision (\w+)", install)
    assert dict(fetched) == {name: pinned.revision for name, pinned in hub.PINNED.items()}


def test_whoever_takes_the_program_away_is_told_what_it_leaves():
    install = (ROOT / "docs" / "install.md").read_text()
    section = install.split("## Uninstall\n")[1].split("\n## ")[0]
    for way in ("pipx", "uv tool", "pip"):
        assert f"\n{way} uninstall live-canary\n" in section
    for repo_id in hub.PINNED:
        assert f"models--{repo_id.replace('/', '--')}" in section
    assert "(#where-things-are)" in section
