"""A file that a hub announces -> the hub's local cache, going on where an earlier attempt stopped; knows no terminal.

huggingface_hub does the talking (endpoint, token, proxy, redirects), but since 2.0 it throws away what an interrupted
download had. Here the part that has arrived stays in the cache, named after its checksum, and the next attempt asks for
the rest. A file gets its place only when its size and checksum are what the hub announces, and what is known of it
here.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import constants, get_session
from huggingface_hub.errors import (  # type: ignore[attr-defined]
    HfHubHTTPError,
    HTTPError,  # httpx's or httpx2's, whichever this huggingface_hub speaks through
    OfflineModeIsEnabled,
)
from huggingface_hub.utils import WeakFileLock, build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

from live_canary import files
from live_canary.errors import DownloadError
from live_canary.model.offers import Offer, gigabytes, host, size_of, why_not

TRIES_WITHOUT_A_BYTE = 5

Told = Callable[[int], None]
"""Is told how many bytes of the file are done."""


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
                    if size_of(kept) != offer.size or _wrong(offer, kept):
                        kept.unlink()
            if not offer.here:
                if not offer.blob.exists():
                    _receive_all(offer, told, wait)
                    _verify(offer)
                    files.take_place(offer.partial, offer.blob)
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


def _receive_all(offer: Offer, told: Told, wait: Callable[[float], None]) -> None:
    """Until the partial file has the size announced, through broken connections."""
    fruitless = 0
    while (before := size_of(offer.partial)) != offer.size:
        if before > offer.size:
            offer.partial.unlink()
        try:
            _receive(offer, told)
            reason = "the connection ended early"
        except (HTTPError, OfflineModeIsEnabled) as error:
            reason = why_not(error, offer.repo_id, offer.name, offer.url)
            if not _may_pass(error):
                raise DownloadError(reason) from None
        fruitless = 0 if size_of(offer.partial) > before else fruitless + 1
        if fruitless >= TRIES_WITHOUT_A_BYTE:
            raise DownloadError(
                f"{offer.name} stopped at {gigabytes(size_of(offer.partial))} of {gigabytes(offer.size)} ({reason}); "
                "run the command again: it goes on from there."
            )
        if size_of(offer.partial) < offer.size:
            wait(2**fruitless)


def _receive(offer: Offer, told: Told) -> None:
    """Append what the hub sends now, from where the partial file ends if the hub can do that, else from the start."""
    have = size_of(offer.partial)
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with get_session().stream("GET", offer.url, headers=headers, timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT) as response:
        if response.status_code == 416:  # nothing after what we have, though it announced more
            offer.partial.unlink()
            raise DownloadError(
                f"The hub has only {gigabytes(have)} of {offer.name} and announced {gigabytes(offer.size)}; "
                "run the command again to fetch it anew, or set HF_ENDPOINT to another hub."
            )
        hf_raise_for_status(response)
        is_too_much = False
        with offer.partial.open("ab" if response.status_code == 206 else "wb") as file:
            for piece in response.iter_bytes():
                if is_too_much := file.tell() + len(piece) > offer.size:  # no end of it may ever come
                    break
                file.write(piece)
                told(file.tell())
    if is_too_much:
        offer.partial.unlink()
        raise DownloadError(
            f"{host(offer.url)} sends more of {offer.name} than the {gigabytes(offer.size)} that it announced; "
            "run the command again to fetch it anew, or set HF_ENDPOINT to another hub."
        )


def _verify(offer: Offer) -> None:
    """Raises DownloadError, and deletes the file, when it is not what was announced and is known."""
    if wrong := _wrong(offer, offer.partial):
        offer.partial.unlink()
        found, right = wrong
        raise DownloadError(
            f"{offer.name} of {offer.repo_id} arrived damaged from {host(offer.url)}: its checksum is {found}, and "
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
