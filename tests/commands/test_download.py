"""`live-canary download` as a user runs it, and the question a program without its model asks."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from live_canary.commands import download
from live_canary.commands.model_choice import QUESTION, choose_model, terminal_question
from live_canary.errors import CheckpointError, DownloadError, InputError, ModelMissing
from live_canary.model import hub as found
from live_canary.model.prompt import Prompt
from tests.commands.small_hub import CHECKPOINT, COMMIT, LLM, URLS, SmallHub
from tests.conftest import DEMO, TINY

REVISION = "ab" * 20


def live_canary(*arguments: str, home: Path, endpoint: str = "http://127.0.0.1:9") -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))}
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(home / "hf"), "HOME": str(home)}
    command = [sys.executable, "-m", "live_canary", *arguments]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60
    )


def test_a_model_is_fetched_with_its_tokenizer_and_found_without_the_network(hub: SmallHub, home, monkeypatch):
    config = json.loads(CHECKPOINT["somebody/canary/config.json"]) | {"pretrained_llm": "somebody/llm"}
    hub.files = CHECKPOINT | {name.replace(found.QWEN, "somebody/llm"): content for name, content in LLM.items()}
    hub.files |= {
        "somebody/canary/config.json": json.dumps(config).encode(),
        "somebody/llm/generation_config.json": b"",
    }
    hub.cut_after = [1000]
    done = live_canary("download", "somebody/canary", home=home, endpoint=hub.endpoint)
    assert done.returncode == 0, done.stderr
    assert "Ready in" in done.stderr
    cached = home / "hf" / "hub" / "models--somebody--canary"
    assert (cached / "snapshots" / (cached / "refs" / "main").read_text() / "model.safetensors").stat().st_size > 10**6
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(home / "hf" / "hub"))
    assert found.find_checkpoint("somebody/canary") == cached / "snapshots" / COMMIT


def test_the_published_model_is_refused_when_the_hub_has_another(hub: SmallHub, home):
    hub.files = {name.replace("somebody/canary", found.CANARY_QWEN): content for name, content in CHECKPOINT.items()}
    done = live_canary("download", home=home, endpoint=hub.endpoint)
    assert done.returncode == 1
    assert "CC-BY-4.0" in done.stderr
    assert f"instead of {found.PINNED[found.CANARY_QWEN].files['config.json'].sha256}" in done.stderr
    assert not hub.ranges


def test_a_hub_is_told_of_this_machine_only_which_python_asks(hub: SmallHub, home):
    """It was told torch's version, too, and which assistant began the program: what its library calls telemetry."""
    live_canary("download", "somebody/canary", home=home, endpoint=hub.endpoint)
    [told] = hub.programs
    assert told
    assert [one.split("/")[0] for one in told.split("; ")] == ["unknown", "hf_hub", "python"]


@pytest.fixture
def published(hub: SmallHub, home, monkeypatch) -> SmallHub:
    """A hub whose pinned revisions are those of the tiny checkpoint."""
    hub.files = {name.replace("somebody/canary", found.CANARY_QWEN): content for name, content in CHECKPOINT.items()}
    hub.files |= LLM | {"Qwen/Qwen3-1.7B/generation_config.json": b"{}"}
    pinned = {found.CANARY_QWEN: found.Pinned(REVISION, {}), found.QWEN: found.Pinned(REVISION, {})}
    for path, content in hub.files.items():
        owner, name = path.rsplit("/", 1)
        known = found.Known(len(content), hashlib.sha256(content).hexdigest())
        pinned[owner] = found.Pinned(REVISION, {**pinned[owner].files, name: known})
    monkeypatch.setattr(found, "PINNED", pinned)
    monkeypatch.setattr(URLS, hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    return hub


def test_the_way_out_of_another_models_download_names_that_model(hub: SmallHub, home):
    hub.files = CHECKPOINT | LLM  # the tokenizer is not the pinned one
    done = live_canary("download", "somebody/canary", home=home, endpoint=hub.endpoint)
    assert "of Qwen/Qwen3-1.7B that is not the one known" in done.stderr
    assert "live-canary download somebody/canary --revision main" in done.stderr
    hub.files, hub.error = {}, "RevisionNotFound"
    done = live_canary("download", "somebody/canary", "--revision", "ab" * 20, home=home, endpoint=hub.endpoint)
    assert "no longer has the revision of somebody/canary" in done.stderr
    assert "live-canary download somebody/canary --revision main" in done.stderr


def test_the_pinned_revision_is_fetched_once_and_checked_without_the_network_ever_after(published, monkeypatch):
    assert download.run(found.CANARY_QWEN, None) == 0
    folder = choose_model("auto").folder
    assert folder.name == REVISION
    asked = len(published.tokens)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert download.run(found.CANARY_QWEN, None) == 0
    assert len(published.tokens) == asked


@pytest.mark.parametrize("plain", [True, False])
def test_plain_lines_instead_of_a_bar_tell_how_far_a_download_has_come(published, monkeypatch, capsys, plain):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert download.run(found.CANARY_QWEN, None, plain=plain) == 0
    fetched = capsys.readouterr().err
    assert download.run(found.CANARY_QWEN, None, plain=plain) == 0
    checked = capsys.readouterr().err
    assert ("\x1b" in fetched, "\x1b" in checked) == (not plain, not plain)
    assert ("model.safetensors is here." in fetched.splitlines()) == plain
    assert ("Checking model.safetensors …" in checked.splitlines()) == plain


def test_a_weight_that_rotted_on_the_disk_is_fetched_anew(published):
    download.run(found.CANARY_QWEN, None)
    weights = choose_model("auto").folder / "model.safetensors"
    right = weights.read_bytes()
    weights.resolve().write_bytes(right[:-1] + b"?")
    sent = len(published.ranges)
    assert download.run(found.CANARY_QWEN, None) == 0
    assert weights.read_bytes() == right
    assert len(published.ranges) == sent + 1


def test_another_revision_is_taken_as_the_hub_announces_it(published):
    published.files[f"{found.CANARY_QWEN}/model.safetensors"] += b" "
    assert download.run(found.CANARY_QWEN, None, "main") == 0
    folder = choose_model("auto").folder
    assert folder.name == COMMIT
    weights = folder / "model.safetensors"
    assert found.right_checksum(found.CANARY_QWEN, weights) == hashlib.sha256(weights.read_bytes()).hexdigest()


def test_a_copy_that_another_goes_before_is_told_how_to_use(published, capsys):
    download.run(found.CANARY_QWEN, None)
    used = choose_model("auto").folder
    published.files[f"{found.CANARY_QWEN}/model.safetensors"] += b" "
    capsys.readouterr()
    assert download.run(found.CANARY_QWEN, None, "main") == 0
    assert choose_model("auto").folder == used
    other = used.with_name(COMMIT)
    said = f"Ready in {other}: `live-canary --model {other}` uses it (and `live-canary` the one in {used}), also"
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json"])
def test_a_carried_copy_goes_before_one_that_lacks_something_and_no_other(published, home, name):
    download.run(found.CANARY_QWEN, None)
    whole = choose_model("auto").folder
    carried = found.carried_folder(found.CANARY_QWEN)
    shutil.copytree(TINY, carried)
    assert choose_model("auto").folder == whole
    lacking = found.cached_file(found.QWEN, name)
    assert lacking
    lacking.unlink()
    assert choose_model("auto").folder == carried


def test_a_folder_of_the_models_name_where_the_user_is_takes_no_place_of_it(published, tmp_path, monkeypatch, capsys):
    """Whoever unpacked such a folder and began a session in it was heard by the model of whoever had packed it."""
    assert download.run(found.CANARY_QWEN, None) == 0
    downloaded = choose_model("auto").folder
    (tmp_path / found.CANARY_QWEN).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert choose_model("auto").folder == downloaded
    capsys.readouterr()
    assert download.run(found.CANARY_QWEN, None) == 0
    assert f"Ready in {downloaded}: `live-canary` uses it, also" in capsys.readouterr().err
    assert choose_model(found.CANARY_QWEN).folder == Path(found.CANARY_QWEN)  # as whoever names it may mean


def test_the_files_of_an_unknown_model_are_all_of_one_commit(hub: SmallHub, cache, monkeypatch):
    monkeypatch.setattr(URLS, hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}")
    download._look_up("somebody/canary", ["config.json", "model.safetensors"])
    assert [path.split("/")[4] for path in hub.asked] == ["main", COMMIT]


def test_a_revision_makes_no_sense_for_a_carried_copy():
    with pytest.raises(InputError, match="give one of them"):
        download.run(found.CANARY_QWEN, TINY, "main")


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

    def fetch_by_hand(repo_id: str, carried: Path | None, *, plain: bool) -> int:
        download.take_over(repo_id, TINY, Console(quiet=True))
        return 0

    def enter(question: str) -> str:
        asked.append(question)
        return ""

    monkeypatch.setattr(found, "PINNED", {})
    monkeypatch.setattr(download, "run", fetch_by_hand)
    choice = choose_model("auto", ask=enter)
    assert asked == [QUESTION]
    assert (choice.name, choice.demo) == (found.CANARY_QWEN, False)


def test_the_demonstration_model_and_pipes_are_never_asked(cache, home):
    assert choose_model("demo", ask=lambda _: pytest.fail("asked")).notice is None
    assert terminal_question() is None


def test_a_copy_carried_by_hand_becomes_the_programs_own(cache, home, monkeypatch):
    monkeypatch.setattr(found, "PINNED", {})
    assert download.run(found.CANARY_QWEN, TINY) == 0
    folder = choose_model("auto").folder
    assert home in folder.parents
    for name in ("config.json", "model.safetensors", "llm_backbone/tokenizer.json"):
        assert (folder / name).read_bytes() == (TINY / name).read_bytes()


def test_a_copy_for_which_there_was_no_room_is_no_model(cache, home, monkeypatch):
    def full(source, target):
        if target.name == "tokenizer.json":
            raise OSError(28, "No space left on device")
        place(source, target)

    place = download._place
    monkeypatch.setattr(found, "PINNED", {})
    monkeypatch.setattr(download, "_place", full)
    with pytest.raises(DownloadError, match=r"cannot be put into .*: No space left on device"):
        download.run(found.CANARY_QWEN, TINY)
    assert not found.is_complete(found.CANARY_QWEN)


def test_no_model_is_in_a_folder_of_which_nothing_can_be_known(cache, tmp_path, monkeypatch):
    """As one of somebody else; Path.is_file raises there up to Python 3.13, and no session began."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / ("x" * 300)))
    assert not found.is_complete(found.CANARY_QWEN)
    with pytest.raises(ModelMissing):
        found.find_checkpoint(found.CANARY_QWEN)


@pytest.mark.parametrize(
    ("ask", "error"),
    [
        (lambda nowhere: found.find_backbone_file(nowhere, "somebody/llm", "config.json"), CheckpointError),
        (lambda nowhere: Prompt.load(nowhere / "tokenizer.json"), CheckpointError),
        (lambda nowhere: download.take_over(found.CANARY_QWEN, nowhere, Console(quiet=True)), InputError),
    ],
)
def test_what_is_asked_of_a_folder_of_which_nothing_can_be_known_is_refused_in_a_sentence(cache, home, ask, error):
    with pytest.raises(error):
        ask(home / ("x" * 300))


def test_a_carried_copy_that_was_cut_off_is_refused(cache, home):
    with pytest.raises(InputError, match=r"config\.json has [\d,]+ bytes, and 2,382 are right: copy it again"):
        download.take_over(found.CANARY_QWEN, DEMO, Console(quiet=True))
    assert not found.is_complete(found.CANARY_QWEN)


def test_a_carried_copy_that_was_damaged_is_refused(published, tmp_path):
    for name in found.CHECKPOINT_FILES:
        (tmp_path / name).write_bytes((TINY / name).read_bytes())
    (tmp_path / "llm_backbone").mkdir()
    for path, content in LLM.items():
        (tmp_path / "llm_backbone" / Path(path).name).write_bytes(content)
    damaged = tmp_path / "llm_backbone" / "tokenizer.json"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    with pytest.raises(InputError, match=rf"tokenizer\.json is damaged: .* --model {tmp_path}$"):
        download.take_over(found.CANARY_QWEN, tmp_path, Console(quiet=True))


def test_a_carried_copy_without_the_tokenizer_is_refused(cache, home, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"lacks llm_backbone/config\.json and llm_backbone/tokenizer\.json"):
        download.take_over("somebody/canary", tmp_path, Console(quiet=True))
