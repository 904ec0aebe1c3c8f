"""`live-canary download` as a user runs it, and the question a program without its model asks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from live_canary.commands import download
from live_canary.commands.model_choice import QUESTION, choose_model, terminal_question
from live_canary.errors import InputError, ModelMissing
from live_canary.model import hub as found
from tests.commands.small_hub import SmallHub
from tests.conftest import DEMO, TINY

CHECKPOINT = {f"somebody/canary/{name}": (TINY / name).read_bytes() for name in ("config.json", "model.safetensors")}
LLM = {
    f"Qwen/Qwen3-1.7B/{name}": (TINY / "llm_backbone" / name).read_bytes()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json")
}


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Where a user keeps things; empty."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path


def live_canary(*arguments: str, home: Path, endpoint: str = "http://127.0.0.1:9") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"), "HOME": str(home)}
    command = [sys.executable, "-m", "live_canary", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )


def test_a_model_is_fetched_with_its_tokenizer_and_found_without_the_network(hub: SmallHub, home, monkeypatch):
    hub.files = CHECKPOINT | LLM | {"Qwen/Qwen3-1.7B/generation_config.json": b"{}"}
    hub.cut_after = [1000]
    done = live_canary("download", "somebody/canary", home=home, endpoint=hub.endpoint)
    assert done.returncode == 0, done.stderr
    assert "Ready in" in done.stderr
    cached = home / "hf" / "hub" / "models--somebody--canary"
    assert (cached / "snapshots" / (cached / "refs" / "main").read_text() / "model.safetensors").stat().st_size > 10**6
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(home / "hf" / "hub"))
    assert found.is_complete("somebody/canary")


def test_the_published_model_is_refused_when_its_weights_have_another_size(hub: SmallHub, home):
    hub.files = {name.replace("somebody/canary", found.CANARY_QWEN): content for name, content in CHECKPOINT.items()}
    done = live_canary("download", home=home, endpoint=hub.endpoint)
    assert done.returncode == 1
    assert "CC-BY-4.0" in done.stderr
    assert "5,119,120,544 are known to be right" in done.stderr
    assert not hub.ranges


def test_offline_says_how_to_bring_the_model_by_hand(home):
    done = live_canary("--offline", "download", home=home)
    assert done.returncode == 1
    assert "--from DIR" in done.stderr


def test_live_sound_for_a_pipe_without_the_model_ends_with_exit_code_3_and_the_command(cache, home):
    with pytest.raises(ModelMissing, match="run live-canary download") as refused:
        choose_model("auto", demo_will_do=False)
    assert refused.value.exit_code == 3


def test_a_recording_for_a_pipe_is_heard_by_the_demonstration_model_which_says_so(cache, home):
    choice = choose_model("auto")
    assert choice.demo
    assert choice.notice
    assert "live-canary download" in choice.notice


def test_a_user_at_a_terminal_is_asked_and_may_take_the_demonstration(cache, home):
    answers = iter(["what?", "demo"])
    assert choose_model("auto", demo_will_do=False, ask=lambda _: next(answers)).demo


def test_a_user_who_wants_neither_leaves_with_the_command(cache, home):
    with pytest.raises(ModelMissing, match="live-canary download"):
        choose_model("auto", ask=lambda _: "n")


def test_enter_fetches_the_model_and_goes_on_with_it(cache, home, monkeypatch):
    asked: list[str] = []

    def fetch_by_hand(repo_id: str, carried: Path | None) -> int:
        download.take_over(repo_id, TINY)
        return 0

    def enter(question: str) -> str:
        asked.append(question)
        return ""

    monkeypatch.setattr(found, "KNOWN_BYTES", {})
    monkeypatch.setattr(download, "run", fetch_by_hand)
    choice = choose_model("auto", ask=enter)
    assert asked == [QUESTION]
    assert (choice.name, choice.demo) == (found.CANARY_QWEN, False)


def test_the_demonstration_model_and_pipes_are_never_asked(cache, home):
    assert choose_model("demo", ask=lambda _: pytest.fail("asked")).notice is None
    assert terminal_question() is None


def test_a_copy_carried_by_hand_becomes_the_programs_own(cache, home, monkeypatch):
    monkeypatch.setattr(found, "KNOWN_BYTES", {})
    assert download.run(found.CANARY_QWEN, TINY) == 0
    folder = choose_model("auto").folder
    assert home in folder.parents
    for name in ("config.json", "model.safetensors", "llm_backbone/tokenizer.json"):
        assert (folder / name).read_bytes() == (TINY / name).read_bytes()


def test_a_carried_copy_that_was_cut_off_is_refused(cache, home):
    with pytest.raises(InputError, match=r"model\.safetensors has [\d,]+ bytes, and 5,119,120,544 are right"):
        download.take_over(found.CANARY_QWEN, DEMO)
    assert not found.is_complete(found.CANARY_QWEN)


def test_a_carried_copy_without_the_tokenizer_is_refused(cache, home, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"lacks llm_backbone/config\.json and llm_backbone/tokenizer\.json"):
        download.take_over("somebody/canary", tmp_path)
