"""Files come whole and right over bad networks, or not at all."""

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from filelock import FileLock, Timeout
from huggingface_hub import close_session, constants

from live_canary import files
from live_canary.errors import DownloadError, InputError
from live_canary.model.fetch import fetch, make_current
from live_canary.model.hub import Known, cached_file
from live_canary.model.offers import Offer, check_room, look_up
from tests.commands.machine import DiskUsage
from tests.commands.small_hub import REPO

NAME = "model.safetensors"


class Waits(list[float]):
    """Stands in for sleeping; whoever waits this often would for ever."""

    def __call__(self, seconds: float) -> None:
        assert len(self) < 20
        self.append(seconds)


def offered(hub) -> Offer:
    return look_up(REPO, NAME, endpoint=hub.endpoint)


def content(hub) -> bytes:
    return hub.files[f"{REPO}/{NAME}"]


def test_a_file_comes_through_a_redirect_to_where_programs_look_for_it(hub):
    offer, told = offered(hub), []
    path = fetch(offer, told.append)
    make_current(offer)
    assert path.read_bytes() == content(hub)
    assert cached_file(REPO, NAME) == path
    assert told[-1] == offer.size == 300_000
    assert not list(offer.blob.parent.glob("*.incomplete"))


def test_a_name_that_cannot_be_written_is_told_in_a_sentence(hub):
    offer = offered(hub)
    (offer.repo_folder / "refs" / "main").mkdir(parents=True)
    with pytest.raises(DownloadError, match=r"^main cannot be written to .*/refs: Is a directory; "):
        make_current(offer)


def test_a_file_that_a_virus_scanner_reads_on_windows_is_not_refused_at_once(hub, monkeypatch):
    take, refused = Path.replace, []

    def held(path, target):
        if not refused:
            refused.append(target)
            raise PermissionError(errno.EACCES, "Access is denied", str(target))
        return take(path, target)

    monkeypatch.setattr(Path, "replace", held)
    monkeypatch.setattr(files, "_HELD_SECONDS", 60.0)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    assert fetch(offer := offered(hub), lambda _: None).read_bytes() == content(hub)
    assert refused == [offer.blob]


def test_what_is_here_is_not_fetched_again(hub):
    fetch(offered(hub), lambda _: None)
    fetch(offered(hub), lambda _: None)
    assert hub.ranges == [None]


def test_a_cut_connection_is_taken_up_where_it_broke(hub):
    hub.cut_after = [100_000, 50_000]
    told, waits = [], Waits()
    path = fetch(offered(hub), told.append, waits)
    assert path.read_bytes() == content(hub)
    assert hub.ranges == [None, "bytes=100000-", "bytes=150000-"]
    assert told == sorted(told)
    assert len(waits) == 2


def test_the_next_run_goes_on_where_an_interrupted_one_stopped(hub):
    def stop(done: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(offered(hub), stop)
    arrived = offered(hub).partial.stat().st_size
    assert 0 < arrived < 300_000
    assert offered(hub).bytes_to_come == 300_000 - arrived
    assert fetch(offered(hub), lambda _: None).read_bytes() == content(hub)
    assert hub.ranges == [None, f"bytes={arrived}-"]


def test_a_server_without_ranges_is_asked_from_the_start(hub):
    hub.knows_ranges = False
    hub.cut_after = [100_000]
    assert fetch(offered(hub), lambda _: None, Waits()).read_bytes() == content(hub)
    assert hub.ranges == [None, "bytes=100000-"]


def test_what_arrives_is_not_compressed_on_its_way(hub):
    """Of bytes that were, nobody could say where to go on."""
    fetch(offered(hub), lambda _: None)
    assert hub.encodings == ["identity"]


def test_a_hub_that_sends_more_than_it_announces_is_given_up(hub):
    """It was asked five times, and each time the disk took all that came."""
    hub.announced_size = 200_000
    told: list[int] = []
    with pytest.raises(DownloadError, match=r"sends more of model\.safetensors than the 0\.2 MB that it announced"):
        fetch(offer := offered(hub), told.append, Waits())
    assert hub.ranges == [None]
    assert max(told, default=0) <= 200_000
    assert not list(offer.blob.parent.iterdir())


def test_a_connection_that_brings_nothing_is_given_up_and_what_arrived_is_kept(hub):
    hub.cut_after = [100_000, 0, 0, 0, 0, 0]
    waits = Waits()
    with pytest.raises(DownloadError, match=r"stopped at 0\.1 MB of 0\.3 MB .* run the command again: it goes on"):
        fetch(offered(hub), lambda _: None, waits)
    assert waits == [1, 2, 4, 8, 16]
    assert offered(hub).partial.stat().st_size == 100_000


def test_a_busy_hub_is_asked_again(hub):
    offer = offered(hub)
    hub.statuses = [503, 500, 408, 429]
    assert fetch(offer, lambda _: None, Waits()).read_bytes() == content(hub)


def test_offline_is_not_tried_again(hub, monkeypatch):
    offer, waits = offered(hub), Waits()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    close_session()
    with pytest.raises(DownloadError, match=r"^Offline: nothing is fetched"):
        fetch(offer, lambda _: None, waits)
    assert not waits


def test_one_program_at_a_time_fetches_a_file(hub, cache):
    """Two would write into the same partial file."""
    refused = []

    def another_comes(done: int) -> None:
        [lock] = cache.glob(".locks/*/*.lock")
        try:
            FileLock(lock, timeout=0).acquire()
        except Timeout:
            refused.append(lock)

    fetch(offered(hub), another_comes)
    assert refused


def test_where_no_link_can_be_made_the_file_itself_is_put_in_its_place(hub, monkeypatch):
    """As for most users of Windows."""

    def refuse(link, target):
        raise OSError(errno.EPERM, "A required privilege is not held by the client", str(link))

    monkeypatch.setattr(Path, "symlink_to", refuse)
    for _ in range(2):
        path = fetch(offered(hub), lambda _: None)
        assert path.read_bytes() == content(hub) and not path.is_symlink()
    assert hub.ranges == [None]


def test_a_damaged_file_is_deleted_and_named(hub):
    hub.damaged = True
    offer = offered(hub)
    with pytest.raises(DownloadError, match=r"model\.safetensors of somebody/canary arrived damaged.*has been deleted"):
        fetch(offer, lambda _: None)
    assert not offer.partial.exists()
    assert not offer.blob.exists()
    assert not offer.path.exists()


def test_another_file_than_the_one_known_to_be_right_is_not_fetched(hub):
    said = r"checksum [0-9a-f]{64} instead of 0{64}\. .*--revision main"
    with pytest.raises(DownloadError, match=rf"has a model\.safetensors of somebody/canary that is not .*{said}"):
        look_up(REPO, NAME, "main", Known(300_000, "0" * 64), endpoint=hub.endpoint)
    assert not hub.ranges


def test_a_file_with_the_right_checksum_is_right_whatever_size_was_written_down(hub):
    right = Known(5_119_120_624, offered(hub).checksum)
    assert look_up(REPO, NAME, "main", right, endpoint=hub.endpoint).size == 300_000


def test_a_file_is_held_to_what_is_known_also_where_the_hub_announces_something_else(hub):
    with pytest.raises(DownloadError, match=r"arrived damaged .* and 0+ is right"):
        fetch(replace(offered(hub), sha256="0" * 64), lambda _: None)


def test_a_file_that_was_damaged_on_the_disk_is_fetched_anew(hub):
    path = fetch(offered(hub), lambda _: None)
    path.resolve().write_bytes(bytes(300_000))
    assert fetch(offered(hub), lambda _: None).read_bytes() == content(hub)
    assert hub.ranges == [None, None]


def test_a_connection_that_falls_silent_is_taken_up_again(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.5)
    hub.stalls = [100_000]
    assert fetch(offered(hub), lambda _: None, Waits()).read_bytes() == content(hub)
    assert hub.ranges == [None, "bytes=100000-"]


def test_a_connection_that_stays_silent_is_given_up_with_a_sentence(hub, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 0.2)
    hub.stalls = [100_000, 0, 0, 0, 0, 0]
    with pytest.raises(DownloadError, match=r"stopped at 0\.1 MB of 0\.3 MB \(.*timed out.* it goes on from there"):
        fetch(offered(hub), lambda _: None, Waits())


def test_a_revision_that_is_gone_is_told_with_the_way_out(hub):
    hub.statuses = [404]
    hub.error = "RevisionNotFound"
    with pytest.raises(DownloadError, match=r"no longer has the revision of somebody/canary .*--revision main"):
        look_up(REPO, NAME, "0" * 40, endpoint=hub.endpoint)


def test_a_name_that_the_repository_lacks_is_told(hub):
    with pytest.raises(DownloadError, match=r"somebody/canary at 127.* has no weights\.bin"):
        look_up(REPO, "weights.bin", endpoint=hub.endpoint)


@pytest.mark.parametrize("status", [401, 403])
def test_a_model_that_needs_a_token_is_told(hub, status):
    hub.statuses = [status]
    with pytest.raises(DownloadError, match=rf"does not give somebody/canary \({status}\).*HF_TOKEN"):
        offered(hub)


def test_a_token_goes_to_the_hub_and_not_to_the_host_that_it_redirects_to(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch(offered(hub), lambda _: None)
    assert hub.tokens == [("HEAD", "Bearer hf_secret"), ("GET", "Bearer hf_secret"), ("CDN", None)]


def test_a_proxy_is_asked_where_one_is_set(hub, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, hub.endpoint)
    monkeypatch.setenv("NO_PROXY", "localhost")
    close_session()
    offer = look_up(REPO, NAME, endpoint="http://hub.invalid")
    assert fetch(offer, lambda _: None).read_bytes() == content(hub)


def test_a_hub_that_is_not_there_is_told_with_the_ways_out(cache):
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9 cannot be reached .*HF_ENDPOINT.*--from DIR"):
        look_up(REPO, NAME, endpoint="http://127.0.0.1:9")


def test_a_hub_whose_address_lacks_its_scheme_is_named_whole(cache):
    with pytest.raises(DownloadError, match=r"^hub\.invalid/owner/.* cannot be reached \(.*https://.*protocol"):
        look_up("owner/canary", NAME, endpoint="hub.invalid")


@pytest.mark.parametrize("name", ["my model", "a/b/c", "/models/canary"])
def test_what_is_no_name_of_a_model_is_refused(cache, name):
    with pytest.raises(InputError, match=f"'{name}' is no name of a model on a hub; give one such as nvidia/"):
        look_up(name, NAME, endpoint="http://127.0.0.1:9")


@pytest.mark.parametrize("variable, value", [("ALL_PROXY", "socks5://127.0.0.1:9"), ("HF_TOKEN", "tökén")])
def test_a_proxy_or_token_that_cannot_be_used_is_told_with_the_ways_out(cache, monkeypatch, variable, value):
    monkeypatch.setenv(variable, value)
    close_session()
    with pytest.raises(DownloadError, match=r"hub\.invalid cannot be reached \(.*check the network and the proxy"):
        look_up(REPO, NAME, endpoint="http://hub.invalid")


def test_offline_nothing_is_asked(hub, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(DownloadError, match="Offline: nothing is fetched"):
        offered(hub)
    assert hub.tokens == []


def test_a_full_disk_is_told_before_anything_comes(hub, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(10**9, 10**9, 50_100_000))
    with pytest.raises(DownloadError, match=r"0\.3 MB are to come and .*hub has room for 0\.1 MB; .*HF_HOME"):
        check_room([offered(hub)])
    assert hub.ranges == []


def test_a_hub_that_has_less_than_it_announces_is_told_instead_of_asked_for_ever(hub):
    hub.announced_size = len(content(hub)) + 100_000
    with pytest.raises(
        DownloadError, match=r"only 0\.3 MB of .*announced 0\.4 MB; run the command again .*HF_ENDPOINT"
    ):
        fetch(offered(hub), lambda _: None, Waits())
    assert not offered(hub).partial.exists()


def test_a_disk_that_fills_up_meanwhile_keeps_what_arrived(hub, monkeypatch):
    def full(done: int) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(DownloadError, match=r"cannot be written .*No space left on device"):
        fetch(offered(hub), full)
    assert offered(hub).partial.exists()
