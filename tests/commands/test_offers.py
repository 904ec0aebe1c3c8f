"""What a hub announces is believed only as far as it can be checked."""

import shutil

import pytest

from live_canary.errors import DownloadError
from live_canary.model import hub as found
from live_canary.model.fetch import fetch, make_current
from live_canary.model.hub import Known
from live_canary.model.offers import check_room, look_up
from tests.commands.machine import DiskUsage
from tests.commands.small_hub import COMMIT, REPO

SMALL = "config.json"


def test_of_a_small_file_a_hub_announces_the_name_that_git_gives_it(hub):
    hub.names_as_git = True
    offer = look_up(REPO, SMALL, endpoint=hub.endpoint)
    assert offer.checksum == "9e26dfeeb6e641a33dae4961196235bdb965b21b"  # printf '{}' | git hash-object --stdin
    make_current(offer)
    path = fetch(offer, lambda _: None)
    assert path.read_bytes() == b"{}"
    assert found.right_checksum(REPO, path) == offer.checksum


def test_a_small_file_that_arrives_damaged_is_recognised_too(hub):
    hub.names_as_git = hub.damaged = True
    with pytest.raises(DownloadError, match=r"config\.json of somebody/canary arrived damaged"):
        fetch(look_up(REPO, SMALL, endpoint=hub.endpoint), lambda _: None)


def test_a_small_file_of_another_size_than_is_known_is_not_fetched(hub):
    hub.names_as_git = True
    with pytest.raises(DownloadError, match=r"not the one known to be right: 2 bytes instead of 2,382\. Try another"):
        look_up(REPO, SMALL, "main", Known(2_382, "0" * 64), endpoint=hub.endpoint)


def test_a_small_file_of_the_size_that_is_known_is_held_to_its_checksum_too(hub):
    hub.names_as_git = True
    offer = look_up(REPO, SMALL, "main", Known(2, "0" * 64), endpoint=hub.endpoint)
    with pytest.raises(DownloadError, match=r"arrived damaged .* and 0+ is right"):
        fetch(offer, lambda _: None)


def test_a_file_is_of_the_commit_that_was_announced_though_the_branch_moves_on(hub):
    fetch(look_up(REPO, SMALL, endpoint=hub.endpoint), lambda _: None)
    assert [path.split("/")[4] for path in hub.asked] == ["main", COMMIT]


def test_a_page_that_is_no_hubs_answer_is_told(hub):
    """As of a hotel's network, which answers every request with a page of its own."""
    hub.statuses = [200]
    with pytest.raises(DownloadError, match=r"answers, but not as a hub does; check HF_ENDPOINT and the proxy, or "):
        look_up(REPO, SMALL, endpoint=hub.endpoint)


@pytest.mark.parametrize("commit", ["../../../.docker", "main", COMMIT[:-1], "AB" * 20])
def test_a_commit_that_would_lead_out_of_the_cache_is_no_hubs_answer(hub, tmp_path, commit):
    """A mirror named ../../../.docker, and config.json of the user's was replaced by a link to what it had sent."""
    mine = tmp_path / ".docker" / "config.json"
    mine.parent.mkdir()
    mine.write_text("mine")
    hub.announced_commit = commit
    with pytest.raises(DownloadError, match="answers, but not as a hub does"):
        fetch(look_up(REPO, SMALL, endpoint=hub.endpoint), lambda _: None)
    assert mine.read_text() == "mine" and not mine.is_symlink()


@pytest.mark.parametrize(
    ("etag", "told"),
    [
        ("2-last-week", r"announces no checksum for config\.json of somebody/canary; try another HF_ENDPOINT"),
        ("", r"answers, but not as a hub does"),
    ],
)
def test_a_hub_that_announces_no_checksum_is_told(hub, etag, told):
    hub.announced_etag = etag
    with pytest.raises(DownloadError, match=told):
        look_up(REPO, SMALL, endpoint=hub.endpoint)


def test_a_model_that_the_hub_does_not_have_is_told_with_what_to_check(hub):
    hub.statuses, hub.error = [404], "RepoNotFound"
    with pytest.raises(DownloadError, match=r"does not give somebody/canary \(404\): there is no such model, .*name"):
        look_up(REPO, SMALL, endpoint=hub.endpoint)


def test_a_hub_that_fails_is_told_with_another_to_try(hub):
    hub.statuses = [501]
    with pytest.raises(DownloadError, match=r"answers 501 to config\.json of somebody/canary; try again later, or set"):
        look_up(REPO, SMALL, endpoint=hub.endpoint)


@pytest.mark.parametrize("scheme", ["http://", ""])
@pytest.mark.parametrize("code", ["RevisionNotFound", "RepoNotFound"])
def test_no_error_shows_the_password_of_a_mirror(hub, scheme, code):
    hub.statuses, hub.error = [404], code
    with pytest.raises(DownloadError) as told:
        look_up(REPO, SMALL, endpoint=hub.endpoint.replace("http://", f"{scheme}me:secret@"))
    assert "127.0.0.1:" in str(told.value)
    assert "secret" not in str(told.value)


def test_a_full_disk_is_no_matter_when_everything_is_here(hub, monkeypatch):
    offer = look_up(REPO, SMALL, endpoint=hub.endpoint)
    fetch(offer, lambda _: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(10**9, 10**9, 0))
    check_room([offer])
    offer.path.unlink()  # its blob is still there
    check_room([offer])
