"""`live-canary download`: the model onto this machine, once."""

import json
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from live_canary import files
from live_canary.errors import DownloadError, InputError
from live_canary.model import hub
from live_canary.model.fetch import checksum, fetch, make_current
from live_canary.model.offers import Offer, check_room, gigabytes, look_up
from live_canary.signals import CUT_OFF

LICENCES = (
    "Canary-Qwen 2.5B is by NVIDIA, licensed CC-BY-4.0 (https://creativecommons.org/licenses/by/4.0): name NVIDIA when "
    "you pass it on. The tokenizer and configuration of Qwen3-1.7B are by Alibaba Cloud, licensed Apache-2.0."
)
STOPPED = "Stopped. What has arrived is kept: run the command again, and it goes on from there."


def run(repo_id: str, carried: Path | None, revision: str | None = None, *, plain: bool = False) -> int:
    """The exit code. Raises DownloadError, or InputError for a folder without a model.

    carried: a folder with a copy that was carried here by hand.
    revision: a branch, tag or commit instead of the pinned one, or of `main` where none is pinned; nothing is held to
    pinned checksums then.
    plain: a line for each file instead of progress that is redrawn.
    """
    console = Console(stderr=True, markup=False, highlight=False)
    if carried and revision:
        raise InputError("--revision says what to fetch, and --from fetches nothing; give one of them.")
    if repo_id == hub.CANARY_QWEN:
        console.print(LICENCES)
    try:
        folder = take_over(repo_id, carried, console) if carried else download(repo_id, console, revision, plain=plain)
    except KeyboardInterrupt:
        console.print(STOPPED)
        return CUT_OFF
    console.print(f"Ready in {folder}: {_how_to_use(folder, repo_id)}, also without a network.", soft_wrap=True)
    return 0


def _how_to_use(folder: Path, repo_id: str) -> str:
    is_published = repo_id == hub.CANARY_QWEN
    used = "live-canary" if is_published else f"live-canary --model {repo_id}"
    if (other := hub.find_downloaded(repo_id) if is_published else hub.find_checkpoint(repo_id)) != folder:
        return f"`live-canary --model {folder}` uses it (and `{used}` the one in {other})"
    return f"`{used}` uses it"


def download(repo_id: str, console: Console, revision: str | None = None, *, plain: bool = False) -> Path:
    """The folder of the checkpoint in the hub's cache; its LLM's tokenizer and config are fetched too.

    Asks the network for nothing when all of the pinned revision is here and right.
    """
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=plain) as progress:
        if revision is None and (folder := _here_and_right(repo_id, progress)):
            return folder
        checkpoint = _look_up(repo_id, hub.CHECKPOINT_FILES, revision)
        [config] = _fetch_all(checkpoint[:1], progress)
        backbone = _look_up(_pretrained_llm(config), hub.LLM_FILES, "main" if revision else None, repo_id)
        check_room([*backbone, *checkpoint])
        _fetch_all([*backbone, *checkpoint[1:]], progress)
    for offer in (backbone[0], checkpoint[0]):
        if offer.sha256 is None:  # a pinned revision is found by its name
            make_current(offer)
    return checkpoint[0].path.parent


def _look_up(repo_id: str, names: Sequence[str], revision: str | None = None, model: str | None = None) -> list[Offer]:
    """All of one commit, whatever happens to the branch meanwhile; checked against what is known of the pinned one.

    model: whose download they are part of, where that is another repository.
    """
    pinned = None if revision else hub.PINNED.get(repo_id)
    known = pinned.files if pinned else {}
    first = look_up(
        repo_id, names[0], pinned.revision if pinned else revision or "main", known.get(names[0]), model=model
    )
    return [first, *(look_up(repo_id, name, first.commit, known.get(name), model=model) for name in names[1:])]


def _here_and_right(repo_id: str, progress: Progress) -> Path | None:
    """The folder of the checkpoint, when each file of the pinned revision is in the hub's cache with its checksum."""
    if repo_id not in hub.PINNED:
        return None
    pinned = [(repo_id, hub.CHECKPOINT_FILES), (hub.QWEN, hub.LLM_FILES)]
    paths = [(hub.cached_file(one, name), hub.PINNED[one].files[name]) for one, names in pinned for name in names]
    if not all(path for path, _ in paths):
        return None
    for path, known in paths:
        assert path is not None
        progress.add_task(f"checking {path.name}", total=known.size, completed=known.size)
        _tell(progress, f"Checking {path.name} …")
        if checksum(path, like=known.sha256) != known.sha256:
            return None
    return hub.find_downloaded(repo_id)


def _fetch_all(offers: Sequence[Offer], progress: Progress) -> list[Path]:
    paths = []
    for offer in offers:
        begun = offer.size - offer.bytes_to_come
        task = progress.add_task(offer.name, total=offer.size, completed=begun)
        paths.append(fetch(offer, partial(_show, progress, task, offer)))
        progress.update(task, description=offer.name, completed=offer.size)
        _tell(progress, f"{offer.name} is here.")
    return paths


def _tell(progress: Progress, line: str) -> None:
    """Where no progress is shown."""
    if progress.disable:
        progress.console.print(line)


def _show(progress: Progress, task: TaskID, offer: Offer, done: int) -> None:
    description = f"checking {offer.name}" if done == offer.size else offer.name
    progress.update(task, description=description, completed=done)


def _pretrained_llm(config: Path) -> str:
    """Which LLM a checkpoint's config.json names: its tokenizer is not in the checkpoint."""
    try:
        named = json.loads(config.read_text("utf-8")).get("pretrained_llm", hub.QWEN)
    except (ValueError, AttributeError, RecursionError):
        raise DownloadError(f"{config} is not Canary-Qwen's config.json; check the name of the model.") from None
    return str(named)


def take_over(repo_id: str, carried: Path, console: Console) -> Path:
    """The program's own copy of a folder with config.json, model.safetensors and the LLM's files in `llm_backbone/`.

    A file is linked where the disk is the same, else copied. Raises InputError when something is missing, or is not
    the published file whose checksum is known; DownloadError when it cannot be copied.
    """
    config, weights = hub.CHECKPOINT_FILES
    names = [config, *(f"llm_backbone/{name}" for name in hub.LLM_FILES), weights]  # what it is known by comes last
    optional = {"llm_backbone/generation_config.json", "llm_backbone/tokenizer_config.json"}
    missing = [name for name in names if name not in optional and not files.is_file(carried / name)]
    if missing:
        raise InputError(
            f"{carried} lacks {' and '.join(missing)}; it must hold config.json and model.safetensors of {repo_id}, "
            f"and config.json and tokenizer.json of {hub.QWEN} in its folder llm_backbone."
        )
    if repo_id in hub.PINNED:
        for name in (name for name in names if files.is_file(carried / name)):
            console.print(f"Checking {name} …")
            owner = hub.QWEN if name.startswith("llm_backbone/") else repo_id
            _check_carried(carried, name, hub.PINNED[owner].files[Path(name).name])
    found = (carried / "model.safetensors").stat().st_size
    folder = hub.carried_folder(repo_id)
    try:
        for name in (name for name in names if files.is_file(carried / name)):
            _place(carried / name, folder / name)
    except OSError as error:
        raise DownloadError(
            f"The model cannot be put into {folder}: {error.strerror or error}; {gigabytes(found)} are needed there. "
            f"Free some disk or check its permissions, or use the copy as it is: live-canary --model {carried}"
        ) from None
    return folder


def _check_carried(carried: Path, name: str, known: hub.Known) -> None:
    """Raises InputError when a file of the folder is not the published one."""
    path = carried / name
    if (found := checksum(path, like=known.sha256)) == known.sha256:
        return
    if (size := path.stat().st_size) != known.size:
        what = f"has {size:,} bytes, and {known.size:,} are right"
    else:
        what = f"is damaged: its checksum is {found}, and {known.sha256} is right"
    raise InputError(f"{path} {what}: copy it again, whole; if you want this very copy, live-canary --model {carried}")


def _place(source: Path, target: Path) -> None:
    """Whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.incomplete")
    unfinished.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), unfinished)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, unfinished)
    files.take_place(unfinished, target)
