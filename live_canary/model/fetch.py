"""Published files -> the hub's local cache, going on where an earlier attempt stopped; knows no terminal.

huggingface_hub does the talking (endpoint, token, proxy, redirects), but since 2.0 it throws away what an interrupted
download had. Here the part that has arrived stays in the cache, named after its checksum, and the next attempt asks for
the rest. A file gets its place only when its size and checksum are what the hub announces, and what is
known of it here.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from huggingface_hub import constants, get_hf_file_metadata, get_session, hf_hub_url
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    EntryNotFoundError,
    HfHubHTTPError,
    HFValidationError,
    HTTPError,  # httpx's or httpx2's, whichever this huggingface_hub speaks through
    OfflineModeIsEnabled,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils import WeakFileLock, build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from live_canary import files
from live_canary.errors import DownloadError, InputError
from live_canary.model.hub import CANARY_QWEN, Known

TRIES_WITHOUT_A_BYTE = 5
SPARE_BYTES = 50_000_000  # left on the disk beside the model
BY_HAND = "or carry a copy by hand: live-canary download --from DIR"
TAKE_ANOTHER = "take what the hub has now: live-canary download --revision main"

Told = Callable[[int], None]
"""Is told how many bytes of the file are done."""


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
        return _size(self.path) == self.size

    @property
    def bytes_to_come(self) -> int:
        return 0 if self.here or self.blob.exists() else self.size - min(_size(self.partial), self.size)


def look_up(
    repo_id: str,
    name: str,
    revision: str = constants.DEFAULT_REVISION,
    known: Known | None = None,
    endpoint: str | None = None,
) -> Offer:
    """What the hub has under this name.

    Raises DownloadError when it has none, another than is `known`, or no answer, and InputError for an impossible name.
    """
    try:
        url = hf_hub_url(repo_id, name, revision=revision, endpoint=endpoint)
    except HFValidationError:
        raise InputError(f"'{repo_id}' is no name of a model on a hub; give one such as {CANARY_QWEN}.") from None
    try:
        announced = get_hf_file_metadata(url, endpoint=endpoint)
    except (HTTPError, OSError, ImportError, ValueError) as error:  # no package for a SOCKS proxy, a token in no ASCII
        raise DownloadError(_why(error, repo_id, name, url)) from None
    if not (announced.commit_hash and announced.etag and announced.size is not None):
        raise DownloadError(f"{_host(url)} answers, but not as a hub does; check HF_ENDPOINT and the proxy, {BY_HAND}.")
    etag = announced.etag
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", etag):
        raise DownloadError(f"{_host(url)} announces no checksum for {name} of {repo_id}; try another HF_ENDPOINT.")
    difference = _difference(announced.size, etag, known) if known else ""
    if difference:
        raise DownloadError(
            f"{_host(url)} has another {name} of {repo_id} than is known to be right: {difference}. "
            f"Try another HF_ENDPOINT, or {TAKE_ANOTHER}."
        )
    commit = announced.commit_hash
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


def fetch(offer: Offer, told: Told, wait: Callable[[float], None] = time.sleep) -> Path:
    """The file in the cache, checked, and fetched unless it is there and right.

    wait: sleeps for seconds between two attempts. Raises DownloadError; what has arrived is kept for the next time,
    unless it is wrong.
    """
    lock = Path(constants.HF_HUB_CACHE) / ".locks" / offer.repo_folder.name / f"{offer.checksum}.lock"
    try:
        for folder in (lock.parent, offer.blob.parent, offer.path.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(lock):
            for kept in {offer.path.resolve(), offer.blob}:
                if kept.exists():
                    told(offer.size)
                    if _size(kept) != offer.size or _wrong(offer, kept):
                        kept.unlink()
            if not offer.here:
                if not offer.blob.exists():
                    _receive_all(offer, told, wait)
                    _verify(offer)
                    offer.partial.replace(offer.blob)
                _point(offer.path, offer.blob)
    except OSError as error:
        raise _unwritable(offer.name, offer.blob.parent, error) from None
    return offer.path


def make_current(offer: Offer) -> None:
    """Let programs that ask for this repository find the offer's revision; when all of its files are here.

    Raises DownloadError.
    """
    reference = offer.repo_folder / "refs" / constants.DEFAULT_REVISION
    try:
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_text(offer.commit)
    except OSError as error:
        raise _unwritable(reference.name, reference.parent, error) from None


def _unwritable(name: str, folder: Path, error: OSError) -> DownloadError:
    return DownloadError(
        f"{name} cannot be written to {folder}: {error.strerror or error}; "
        "free some disk or check its permissions, then run the command again: it goes on from there."
    )


def gigabytes(count: int) -> str:
    """5_119_120_544 -> "5.1 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 50_000_000 else f"{count / 1e6:.1f} MB"


def _receive_all(offer: Offer, told: Told, wait: Callable[[float], None]) -> None:
    """Until the partial file has the size announced, through broken connections."""
    fruitless = 0
    while (before := _size(offer.partial)) != offer.size:
        if before > offer.size:
            offer.partial.unlink()
        try:
            _receive(offer, told)
            reason = "the connection ended early"
        except (HTTPError, OfflineModeIsEnabled) as error:
            reason = _why(error, offer.repo_id, offer.name, offer.url)
            if not _may_pass(error):
                raise DownloadError(reason) from None
        fruitless = 0 if _size(offer.partial) > before else fruitless + 1
        if fruitless >= TRIES_WITHOUT_A_BYTE:
            raise DownloadError(
                f"{offer.name} stopped at {gigabytes(_size(offer.partial))} of {gigabytes(offer.size)} ({reason}); "
                "run the command again: it goes on from there."
            )
        if _size(offer.partial) < offer.size:
            wait(2**fruitless)


def _receive(offer: Offer, told: Told) -> None:
    """Append what the hub sends now, from where the partial file ends if the hub can do that, else from the start."""
    have = _size(offer.partial)
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with get_session().stream("GET", offer.url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
        if response.status_code == 416:  # nothing after what we have: it cannot be this file
            offer.partial.unlink()
            return
        hf_raise_for_status(response)
        with offer.partial.open("ab" if response.status_code == 206 else "wb") as file:
            for piece in response.iter_bytes():
                file.write(piece)
                told(file.tell())


def _verify(offer: Offer) -> None:
    """Raises DownloadError, and deletes the file, when it is not what was announced and is known."""
    if wrong := _wrong(offer, offer.partial):
        offer.partial.unlink()
        found, right = wrong
        raise DownloadError(
            f"{offer.name} of {offer.repo_id} arrived damaged from {_host(offer.url)}: its checksum is {found}, and "
            f"{right} is right. It has been deleted; run the command again, or try another HF_ENDPOINT."
        )


def _wrong(offer: Offer, path: Path) -> tuple[str, str] | None:
    """A checksum that the file has and the one it should have; None when all are right."""
    for right in {offer.checksum, offer.sha256 or offer.checksum}:
        if (found := checksum(path, like=right)) != right:
            return found, right
    return None


def checksum(path: Path, like: str) -> str:
    """SHA-256 if `like` is as long as one, else the SHA-1 under which git knows the file; in hexadecimal."""
    digest = hashlib.sha256()
    if len(like) != 64:
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(f"blob {path.stat().st_size}\0".encode())
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _point(path: Path, blob: Path) -> None:
    """A link as the hub's cache has it; the file itself where there are no links."""
    path.unlink(missing_ok=True)
    try:
        path.symlink_to(os.path.relpath(blob, path.parent))
    except OSError:
        shutil.move(blob, path)


def _may_pass(error: Exception) -> bool:
    """Whether another attempt could go better."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code in (408, 429) or error.response.status_code >= 500
    return not isinstance(error, OfflineModeIsEnabled)


def _why(error: Exception, repo_id: str, name: str, url: str) -> str:
    """One sentence with the next step."""
    if isinstance(error, OfflineModeIsEnabled):
        return (
            "Offline: nothing is fetched. Leave out --offline (live-canary config says what sets it) and "
            f"HF_HUB_OFFLINE, {BY_HAND}."
        )
    if isinstance(error, RevisionNotFoundError):
        return f"{_host(url)} no longer has the revision of {repo_id} that is asked for ({url}); {TAKE_ANOTHER}."
    if isinstance(error, EntryNotFoundError):
        return f"{repo_id} at {_host(url)} has no {name}: it is no Canary-Qwen checkpoint; check the name."
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in (401, 403, 404):
            return (
                f"{_host(url)} does not give {repo_id} ({status}): there is no such model, or it needs a token; "
                "check the name, set HF_TOKEN, or run `hf auth login`."
            )
        return f"{_host(url)} answers {status} to {name} of {repo_id}; try again later, or set HF_ENDPOINT to a mirror."
    cause = str(error).strip() or type(error).__name__
    return (
        f"{_host(url)} cannot be reached ({cause}); check the network and the proxy, set HF_ENDPOINT to a mirror, "
        f"{BY_HAND}."
    )


def _host(url: str) -> str:
    return urlsplit(url).netloc or url  # HF_ENDPOINT may lack its https://


def _size(path: Path) -> int:
    """Bytes of a file; 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
