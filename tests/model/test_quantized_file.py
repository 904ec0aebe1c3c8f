"""The file of quantised weights: read the second time, made again where it does not fit, and no need where it fails."""

import os
import threading

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from live_canary.model import quantized_file
from live_canary.model.canary import CanaryQwen
from live_canary.model.quantized_file import KEEPING, QuantizedFile, in_pieces, wait_until_kept
from tests.conftest import TINY


@pytest.fixture
def kept(tmp_path):
    """A file with one matrix, and what makes it."""
    path = tmp_path / "weights" / "some.safetensors"
    weight, bias = torch.randn(40, 64, generator=torch.Generator().manual_seed(0)), torch.ones(40)
    file = QuantizedFile(path, "this checkpoint")
    made = file.maker(8)("one", lambda: [weight], bias)
    file.keep()
    return path, made


def test_what_is_read_lies_as_the_processor_reads_it(kept):
    path, _ = kept
    file = QuantizedFile(path, "this checkpoint")
    assert [tensor.data_ptr() % 64 for name, tensor in file._tensors.items() if name.endswith("weight")] == [0]


def unneeded():
    raise AssertionError("what is in the file is not made again")


def test_quantised_weights_are_read_from_their_file_the_second_time(kept):
    path, made = kept
    again = QuantizedFile(path, "this checkpoint").maker(8)("one", unneeded, torch.ones(40))
    x = torch.randn(3, 64)
    assert torch.equal(again(x), made(x))
    assert [file.name for file in path.parent.iterdir()] == ["some.safetensors"]


@given(parts=st.lists(st.binary(max_size=20)), size=st.integers(1, 16))
def test_the_file_is_written_in_pieces_of_one_size(parts, size):
    pieces = list(in_pieces(parts, size))
    assert b"".join(pieces) == b"".join(parts)
    assert all(len(piece) == size for piece in pieces[:-1])
    assert all(0 < len(piece) <= size for piece in pieces[-1:])


@pytest.mark.parametrize("harm", ["cut off", "emptied", "garbage", "endless header", "another checkpoint", "missing"])
def test_a_file_that_does_not_fit_is_made_again(kept, harm):
    path, made = kept
    whole = path.read_bytes()
    belongs_to = "this checkpoint"
    if harm == "cut off":
        path.write_bytes(whole[:-1])
    elif harm == "emptied":
        path.write_bytes(b"")
    elif harm == "garbage":
        path.write_bytes(b"\x20\0\0\0\0\0\0\0{nonsense" + whole[20:])
    elif harm == "endless header":
        path.write_bytes(b"\xff" * len(whole))
    elif harm == "missing":
        path.unlink()
    else:
        belongs_to = "another checkpoint"
    weight = torch.randn(40, 64, generator=torch.Generator().manual_seed(0))
    file = QuantizedFile(path, belongs_to)
    assert torch.equal(file.maker(8)("one", lambda: [weight], torch.ones(40)).weight, made.weight)
    file.keep()
    QuantizedFile(path, belongs_to).maker(8)("one", unneeded)


def test_what_a_killed_program_left_unfinished_is_cleared_away(kept):
    path, _ = kept
    path = path.rename(path.with_name("this-int8.safetensors"))
    path.unlink()
    left, under_way = path.with_suffix(".123"), path.with_suffix(".456")
    of_a_model_that_is_gone = path.with_name("another-int4.789")
    path.with_name("another-int4.0").mkdir()  # cannot be deleted so
    os.utime(path.with_name("another-int4.0"), (0, 0))
    for unfinished in (left, under_way, of_a_model_that_is_gone):
        unfinished.touch()
    for unfinished in (left, of_a_model_that_is_gone):
        os.utime(unfinished, (0, 0))
    file = QuantizedFile(path, "this checkpoint")
    file.maker(8)("one", lambda: [torch.ones(3, 4)])
    file.keep()
    assert {entry.name for entry in path.parent.iterdir()} == {path.name, under_way.name, "another-int4.0"}


def test_what_was_kept_of_a_model_that_is_gone_makes_room_for_the_next(tmp_path):
    there, gone = tmp_path / "there", tmp_path / "gone"
    there.touch()
    gone.touch()
    for checkpoint in (there, gone):
        file = QuantizedFile(tmp_path / f"{checkpoint.name}-int8.safetensors", "it", checkpoint)
        file.maker(8)("one", lambda: [torch.ones(3, 4)])
        file.keep()
    damaged, foreign = tmp_path / "damaged.safetensors", tmp_path / "foreign.safetensors"
    damaged.write_bytes(b"nothing")
    save_file({"one": torch.ones(3)}, foreign)
    gone.unlink()
    file = QuantizedFile(tmp_path / "next-int8.safetensors", "it", there)
    file.maker(8)("one", lambda: [torch.ones(3, 4)])
    file.keep()
    kept = {"there-int8.safetensors", "next-int8.safetensors", damaged.name, foreign.name}
    assert {path.name for path in tmp_path.glob("*.safetensors")} == kept


def test_what_cannot_be_deleted_of_a_model_that_is_gone_does_not_stop_the_next(kept, monkeypatch):
    path, _ = kept
    (path.parent / "gone.safetensors").touch()

    def deleted_meanwhile(other):
        if other.name == "gone.safetensors":
            other.unlink()
        return other.name == "gone.safetensors"

    monkeypatch.setattr(quantized_file, "_checkpoint_is_gone", deleted_meanwhile)
    file = QuantizedFile(path, "another checkpoint")
    file.maker(8)("one", lambda: [torch.ones(3, 4)])
    file.keep()
    QuantizedFile(path, "another checkpoint").maker(8)("one", unneeded)


def test_two_programs_that_keep_the_same_weights_at_once_do_not_write_into_one_file(kept, monkeypatch):
    path, _ = kept
    path.unlink()
    one, other = (QuantizedFile(path, "this checkpoint") for _ in range(2))
    for file in (one, other):
        file.maker(8)("one", lambda: [torch.ones(3, 4)])
    files_under_way = []

    def fsync(_):
        files_under_way.append(len(list(path.parent.iterdir())))
        if len(files_under_way) == 1:
            other.keep()

    monkeypatch.setattr(quantized_file.os, "fsync", fsync)
    one.keep()
    assert files_under_way == [1, 2]
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    QuantizedFile(path, "this checkpoint").maker(8)("one", unneeded)


def test_whoever_waits_for_the_file_hears_of_it():
    told = threading.Event()
    writing = threading.Thread(target=told.wait, name=KEEPING)
    writing.start()
    wait_until_kept(told.set)
    assert told.is_set() and not writing.is_alive()


def test_a_disk_without_room_costs_only_the_file(kept, monkeypatch):
    path, _ = kept

    def full(*_):
        raise OSError(28, "No space left on device")

    file = QuantizedFile(path.with_name("other.safetensors"), "this checkpoint")
    file.maker(8)("one", lambda: [torch.ones(3, 4)])
    monkeypatch.setattr(quantized_file.os, "fsync", full)
    file.keep()
    assert [entry.name for entry in path.parent.iterdir()] == ["some.safetensors"]


def test_a_cache_folder_that_cannot_be_costs_only_the_file(tmp_path):
    (tmp_path / "live-canary").touch()
    file = QuantizedFile(tmp_path / "live-canary" / "weights" / "some.safetensors", "this checkpoint")
    file.maker(8)("one", lambda: [torch.ones(3, 4)])
    file.keep()


def test_a_checkpoint_keeps_its_quantised_weights_and_a_changed_one_makes_them_again(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda name, appauthor: tmp_path / name)
    monkeypatch.setattr(quantized_file, "SMALLEST_CHECKPOINT_BYTES", 0)
    weights = TINY / "model.safetensors"
    first = CanaryQwen.load(TINY, device="cpu", dtype="int8")
    wait_until_kept()
    [path] = (tmp_path / "live-canary" / "weights").iterdir()
    assert QuantizedFile.of(weights, 8)._kept
    assert torch.equal(CanaryQwen.load(TINY, "cpu", "int8").decoder.head.weight, first.decoder.head.weight)
    present = f'"belongs_to": "{quantized_file.LAYOUT} '.encode()
    path.write_bytes(path.read_bytes().replace(present, b'"belongs_to": "0 '))
    assert not QuantizedFile.of(weights, 8)._kept
    monkeypatch.setenv("LIVE_CANARY_WEIGHT_CACHE", "off")
    assert QuantizedFile.of(weights, 8)._path is None
