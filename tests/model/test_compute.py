"""Where a model computes: what is chosen by itself, what a user asked for, and what is given back."""

import gc
import mmap

import pytest
import torch
from torch import nn

from live_canary.errors import InputError
from live_canary.model.canary import CanaryQwen
from live_canary.model.compute import choose_device, choose_dtype, empty_cache, let_go, memory_full, use_threads
from live_canary.model.decoder import LeanDecoder
from live_canary.model.memory import release_pages
from live_canary.model.quantize import quantize_linears
from tests.conftest import TINY

LARGE = 600_000_000


@pytest.fixture
def large(tmp_path):
    """The weights of a large model, as far as their size goes."""
    weights = tmp_path / "model.safetensors"
    with weights.open("wb") as file:
        file.truncate(LARGE)
    return weights


@pytest.fixture
def threads():
    """Three threads of torch, and afterwards as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_apples_gpu_goes_before_the_processor(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device("auto").type == "mps"
    assert choose_device("cpu").type == "cpu"


@pytest.mark.parametrize("name", ["int8", "int4"])
@pytest.mark.parametrize("device", ["cuda", "mps"])
def test_weights_for_processors_are_refused_elsewhere(name, device):
    with pytest.raises(
        InputError,
        match=f"{name} is for processors: with it choose --compute-device cpu, or bf16 or fp16 on '{device}'",
    ):
        choose_dtype(name, torch.device(device), TINY / "model.safetensors")


def test_what_a_user_chose_is_taken_whatever_the_size(large):
    for weights in (large, TINY / "model.safetensors"):
        assert choose_dtype("bfloat16", torch.device("cpu"), weights) == "bfloat16"


def test_a_large_model_has_the_threads_that_torch_has_chosen_and_as_many_as_its_user_wants(threads, large):
    use_threads(None, large)
    assert torch.get_num_threads() == 3
    use_threads(2, large)
    assert torch.get_num_threads() == 2


def test_the_memory_of_apples_gpu_is_emptied_as_its_torch_can(monkeypatch):
    emptied = []
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: emptied.append("Apple's"))
    monkeypatch.setattr(torch.accelerator, "empty_cache", lambda: emptied.append("any"))
    empty_cache()
    assert emptied == ["Apple's"]


def test_a_full_card_that_is_not_cudas_is_told_without_numbers(monkeypatch, large):
    def refuse():
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr(torch.cuda, "mem_get_info", refuse)
    reason, _ = memory_full(large)
    assert reason == "The graphics card's memory is full: the model needs 0.6 GB and room to compute"


@pytest.fixture
def full_gpu_of_apples(monkeypatch) -> list[tuple[str, str]]:
    """Gives the devices and dtypes with which loading was tried."""
    tried, load = [], CanaryQwen._load

    def attempt(folder, device, dtype):
        tried.append((device, dtype))
        if device != "cpu":
            raise RuntimeError("MPS backend out of memory (MPS allocated: 17.9 GB, max allowed: 18.1 GB).")
        return load(folder, device, dtype)

    monkeypatch.setattr(CanaryQwen, "_load", attempt)
    return tried


def test_a_gpu_of_apples_that_was_asked_for_and_is_full_is_an_error(full_gpu_of_apples):
    with pytest.raises(InputError, match=r"close what else uses it, or choose --compute-device cpu"):
        CanaryQwen.load(TINY, "mps")
    assert full_gpu_of_apples == [("mps", "auto")]


def test_what_suits_a_full_gpu_is_not_computed_on_the_processor(full_gpu_of_apples):
    """bfloat16, say, in which most processors are many times slower than in what is chosen for them."""
    assert CanaryQwen.load(TINY, "auto", "bfloat16").compute == "float32"
    assert full_gpu_of_apples == [("auto", "bfloat16"), ("cpu", "auto")]


def test_a_session_that_froze_nothing_stays_so():
    gc.unfreeze()
    gc.collect()
    kept = gc.get_freeze_count()  # by Python 3.12 itself
    let_go()
    assert gc.get_freeze_count() == kept


@pytest.mark.skipif(not hasattr(mmap, "MADV_DONTNEED"), reason="this system takes no advice")
def test_only_the_pages_that_a_weight_fills_are_given_back():
    """In the others there may be what somebody else needs."""
    page = mmap.PAGESIZE
    held = mmap.mmap(-1, 4 * page, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # which is zeros once it was given back
    held[:] = b"\1" * len(held)
    numbers = torch.frombuffer(held, dtype=torch.uint8)
    module = nn.Module()
    module.weight = nn.Parameter(numbers[10 : 3 * page + 10], requires_grad=False)
    release_pages(module)
    assert numbers.view(4, page).sum(1).tolist() == [page, 0, 0, page]


def test_a_decoder_tells_of_all_whose_weights_it_has_taken_over(tiny):
    """What it does not tell of stays in memory beside what was made of it: 0.6 GB of embeddings, say."""
    taken, model = [], tiny.qwen
    LeanDecoder(tiny.qwen, after_each=taken.append)
    assert taken == [model.embed_tokens, *model.layers]


def test_an_encoder_tells_of_all_that_was_quantised():
    linear, pointwise, wide = nn.Linear(4, 4), nn.Conv1d(4, 4, 1), nn.Conv1d(4, 4, 3)
    taken = []
    quantize_linears(
        "part", nn.Sequential(linear, pointwise, wide), lambda name, weights, bias: nn.Identity(), taken.append
    )
    assert taken == [linear, pointwise]
