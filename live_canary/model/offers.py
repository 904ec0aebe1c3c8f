"""What a hub announces of a file before it is fetched, and in one sentence why it does not; knows no terminal."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # httpx's or httpx2's, whichever this huggingface_hub speaks through
    OfflineModeIsEnabled,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name

from live_canary import files
from live_canary.errors import DownloadError, InputError
from live_canary.model.hub import CANARY_QWEN, Known

SPARE_BYTES = 50_000_000  # left on the disk beside the model
BY_HAND = "or carry a copy by hand: live-canary download --from DIR"


@dataclass(frozen=True, slots=True)
class Offer:
    """A file as a hub announces it."""

    repo_id: str
    name: str
    url: str
    commit: str
    checksum: str
    """SHA-256 of a large file, git's SHA-1 of a small one, in hexadecimal."""
    size: int
    """Bytes."""
    sha256: str | None = None
    """What is known to be right here, whatever the hub announces."""

    @property
    def repo_folder(self) -> Path:
        return Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=self.repo_id, repo_type="model")

    @property
    def path(self) -> Path:
        """Where programs find it."""
        return self.repo_folder / "snapshots" / self.commit / self.name

    @property
    def blob(self) -> Path:
        return self.repo_folder / "blobs" / self.checksum

    @property
    def partial(self) -> Path:
        return self.blob.with_name(f"{self.checksum}.incomplete")

    @property
    def here(self) -> bool:
        return size_of(self.path) == self.size

    @property
    def bytes_to_come(self) -> int:
        return 0 if self.here or self.blob.exists() else self.size - min(size_of(self.partial), self.size)


def look_up(
    repo_id: str,
    name: str,
    revision: str = constants.DEFAULT_REVISION,
    known: Known | None = None,
    endpoint: str | None = None,
    model: str | None = None,
) -> Offer:
    """What the hub has under this name. model: whose download it is part of, where that is another repository.

    Raises DownloadError when it has none, another than is `known`, or no answer, and InputError for an impossible name.
    """
    try:
        url = hf_hub_url(repo_id, name, revision=revision, endpoint=endpoint)
    except HFValidationError:
        raise InputError(f"'{repo_id}' is no name of a model on a hub; give one such as {CANARY_QWEN}.") from None
    try:
        announced = get_hf_file_metadata(url, endpoint=endpoint)
    except (HTTPError, OSError, ImportError, ValueError) as error:  # no package for a SOCKS proxy, a token in no ASCII
        raise DownloadError(why_not(error, repo_id, name, url, model)) from None
    commit, etag = announced.commit_hash or "", announced.etag
    is_commit = re.fullmatch(r"[0-9a-f]{40}", commit)  # it becomes the name of a folder, and may not lead elsewhere
    if not (is_commit and etag and announced.size is not None):
        raise DownloadError(f"{host(url)} answers, but not as a hub does; check HF_ENDPOINT and the proxy, {BY_HAND}.")
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", etag):
        raise DownloadError(f"{host(url)} announces no checksum for {name} of {repo_id}; try another HF_ENDPOINT.")
    difference = _difference(announced.size, etag, known) if known else ""
    if difference:
        raise DownloadError(
            f"{host(url)} has a {name} of {repo_id} that is not the one known to be right: {difference}. "
            f"Try another HF_ENDPOINT, or {_take_another(model or repo_id)}."
        )
    url = hf_hub_url(repo_id, name, revision=commit, endpoint=endpoint)
    return Offer(repo_id, name, url, commit, etag, announced.size, known.sha256 if known else None)


def _difference(size: int, etag: str, known: Known) -> str:
    """What is announced and what is known, where they differ; a SHA-256 says more than a size."""
    if len(etag) == 64:
        return "" if etag == known.sha256 else f"checksum {etag} instead of {known.sha256}"
    return "" if size == known.size else f"{size:,} bytes instead of {known.size:,}"


def check_room(offers: Iterable[Offer]) -> None:
    """Raises DownloadError when the disk of the cache cannot take what is still to come."""
    needed = sum(offer.bytes_to_come for offer in offers)
    folder = Path(constants.HF_HUB_CACHE)
    existing = next(parent for parent in (folder, *folder.parents) if files.is_there(parent))
    free = shutil.disk_usage(existing).free
    if needed and free < needed + SPARE_BYTES:
        raise DownloadError(
            f"{gigabytes(needed)} are to come and {folder} has room for {gigabytes(max(0, free - SPARE_BYTES))}; "
            "free some, or set HF_HOME to a folder on a larger disk."
        )


def why_not(error: Exception, repo_id: str, name: str, url: str, model: str | None = None) -> str:
    """One sentence with the next step."""
    if isinstance(error, OfflineModeIsEnabled):
        return (
            "Offline: nothing is fetched. Leave out --offline (live-canary config says what sets it) and "
            f"HF_HUB_OFFLINE, {BY_HAND}."
        )
    if isinstance(error, RevisionNotFoundError):
        gone = f"{host(url)} no longer has the revision of {repo_id} that is asked for ({_without_password(url)})"
        return f"{gone}; {_take_another(model or repo_id)}."
    if isinstance(error, EntryNotFoundError):
        return f"{repo_id} at {host(url)} has no {name}: it is no Canary-Qwen checkpoint; check the name."
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in (401, 403, 404):
            return (
                f"{host(url)} does not give {repo_id} ({status}): there is no such model, or it needs a token; "
                "check the name, set HF_TOKEN, or run `hf auth login`."
            )
        return f"{host(url)} answers {status} to {name} of {repo_id}; try again later, or set HF_ENDPOINT to a mirror."
    cause = str(error).strip() or type(error).__name__
    return (
        f"{host(url)} cannot be reached ({cause}); check the network and the proxy, set HF_ENDPOINT to a mirror, "
        f"{BY_HAND}."
    )


def _take_another(model: str) -> str:
    named = "" if model == CANARY_QWEN else f"{model} "  # without a name it is the published one
    return f"take what the hub has now: live-canary download {named}--revision main"


def host(url: str) -> str:
    shown = _without_password(url)
    return urlsplit(shown).netloc or shown  # HF_ENDPOINT may lack its https://


def _without_password(url: str) -> str:
    """What HF_ENDPOINT holds of one is nobody's to whom an error is shown."""
    return re.sub(r"^(\w+://)?[^/@]*@", r"\1", url)


def gigabytes(count: int) -> str:
    """5_119_120_544 -> "5.1 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 50_000_000 else f"{count / 1e6:.1f} MB"


def size_of(path: Path) -> int:
    """Bytes of a file; 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
