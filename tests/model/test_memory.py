"""A graphics card without room: what is said, and what goes on. The cards are played; their errors are torch's own.

And what a process keeps of the sound it has heard: nothing that grows.
"""

import ctypes
import gc
import os
import re
import shutil
import subprocess
import sys
import weakref
from collections import defaultdict
from copy import copy
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from live_canary.errors import InputError
from live_canary.model import trees
from live_canary.model.canary import CanaryQwen
from live_canary.model.quantized_file import QuantizedFile
from live_canary.transcript.transcriber import CanaryTranscriber
from tests.conftest import DEMO, TINY

TOLD = [  # by torch's allocator, by CUDA where not even it can begin, by a library
    torch.OutOfMemoryError("CUDA out of memory."),
    torch.AcceleratorError("CUDA error: out of memory"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"),
    RuntimeError("cuFFT error: CUFFT_INTERNAL_ERROR"),
]
TOLD_BY = ["torch", "CUDA", "cuBLAS", "cuBLAS's handle", "cuFFT", "cuFFT inside"]


UNKNOWN = [  # by a card that torch was not built for: NVIDIA's before Turing from CUDA 13 on, many of AMD's
    torch.AcceleratorError("CUDA error: no kernel image is available for execution on the device"),
    torch.AcceleratorError("HIP error: invalid device function"),
]


def card(monkeypatch, refusal: Exception) -> list[str]:
    """One that refuses every model; gives the devices on which loading was tried."""
    tried = []
    load_weights = trees.load_weights

    def load(path, wanted, device, dtype):
        tried.append(device.type)
        if device.type == "cuda":
            raise copy(refusal)  # one that is kept would keep what its frames hold
        load_weights(path, wanted, device, dtype)

    monkeypatch.setattr(trees, "load_weights", load)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (1_500_000_000, 8_000_000_000))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "NVIDIA GeForce GTX 1080")
    return tried


@pytest.fixture(params=TOLD, ids=TOLD_BY)
def full_card(monkeypatch, request):
    return card(monkeypatch, request.param)


@pytest.fixture(params=UNKNOWN, ids=["NVIDIA", "AMD"])
def unknown_card(monkeypatch, request):
    return card(monkeypatch, request.param)


def test_by_itself_the_model_goes_on_the_processor_when_the_card_is_full_and_says_so(full_card):
    said = []
    model = CanaryQwen.load(TINY, tell=said.append)
    assert (full_card, model.device.type) == (["cuda", "cpu"], "cpu")
    [sentence] = said
    assert sentence.startswith("The graphics card has 1.5 of 8.0 GB free, but the model needs 0.0 GB")


def test_a_card_that_was_asked_for_and_is_full_is_an_error_with_the_numbers(full_card):
    with pytest.raises(InputError, match=r"has 1\.5 of 8\.0 GB free.*or choose --compute-device cpu"):
        CanaryQwen.load(TINY, device="cuda")


def test_a_card_so_full_that_it_cannot_even_be_asked_is_left_for_the_processor(full_card, monkeypatch):
    def refuse():
        raise torch.AcceleratorError("CUDA error: out of memory")

    monkeypatch.setattr(torch.cuda, "mem_get_info", refuse)
    said = []
    assert CanaryQwen.load(TINY, tell=said.append).device.type == "cpu"
    assert said[0].startswith("The graphics card's memory is full: the model needs 0.0 GB")


class Weights:
    """On a card. They refer to themselves, as a model does in many ways."""

    def __init__(self):
        self.model = self


def test_what_the_attempt_itself_took_is_the_cards_again_before_its_room_is_told(full_card, monkeypatch):
    """Its own gigabytes were told as another program's, and stayed taken as long as the processor computed."""
    attempts, emptied, load_weights = [], [], trees.load_weights

    def take_and_fail(path, wanted, device, dtype):
        weights = Weights()
        attempts.append(weakref.ref(weights))
        load_weights(path, wanted, device, dtype)

    def mem_get_info():
        is_free = emptied and attempts[0]() is None
        return (3_900_000_000 if is_free else 0, 4_000_000_000)

    monkeypatch.setattr(trees, "load_weights", take_and_fail)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "empty_cache", lambda: emptied.append(attempts[0]() is None))
    monkeypatch.setattr(torch.cuda, "mem_get_info", mem_get_info)
    said = []
    assert CanaryQwen.load(TINY, tell=said.append).device.type == "cpu"
    assert said[0].startswith("The graphics card has 3.9 of 4.0 GB free")
    assert emptied == [True]


def test_a_card_that_torch_has_no_kernels_for_is_left_for_the_processor(unknown_card):
    """torch.cuda.is_available() is true of it all the same: its first kernel fails, and with it every session did."""
    said = []
    assert CanaryQwen.load(TINY, tell=said.append).device.type == "cpu"
    assert unknown_card == ["cuda", "cpu"]
    assert re.fullmatch(r"torch .* was not built for the NVIDIA GeForce GTX 1080: using the processor, .*", *said)


def test_a_card_that_was_asked_for_and_is_unknown_to_torch_is_an_error_with_a_way_out(unknown_card):
    with pytest.raises(InputError, match=r"GTX 1080; install one that was .*, or choose --compute-device cpu"):
        CanaryQwen.load(TINY, device="cuda")


def test_a_card_that_fails_while_the_model_is_loaded_is_left_for_the_processor_too(monkeypatch):
    """As where another program has it for itself alone: 'Internal error in load model ... please report it'."""
    why = "CUDA error: all CUDA-capable devices are busy or unavailable"
    tried, said = card(monkeypatch, torch.AcceleratorError(f"{why}\nCUDA kernel errors might be ...")), []
    assert CanaryQwen.load(TINY, tell=said.append).device.type == "cpu"
    assert tried == ["cuda", "cpu"]
    assert said == [f"The graphics card fails ({why}): using the processor, which is slower"]
    with pytest.raises(InputError, match=r"unavailable\); close what else uses it or restart .*, or choose --compute"):
        CanaryQwen.load(TINY, device="cuda")


def test_what_else_goes_wrong_on_a_card_is_not_taken_for_a_full_one(full_card, monkeypatch):
    def break_down(*_):
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(trees, "load_weights", break_down)
    with pytest.raises(RuntimeError, match="illegal memory access"):
        CanaryQwen.load(TINY)


class Full:
    """A model whose card is full for so many utterances."""

    def __init__(self, model, times):
        self.model, self.times = model, times

    def __getattr__(self, name):
        return getattr(self.model, name)

    def answers(self, audios, drafts_ids=()):
        self.times -= 1
        if self.times >= 0:
            raise copy(TOLD[self.times % len(TOLD)])
        return self.model.answers(audios, drafts_ids=drafts_ids)


@pytest.mark.parametrize(("times", "loaded"), [(1, 0), *((times, 1) for times in range(2, len(TOLD) + 1)), (100, 1)])
def test_no_utterance_is_lost_to_a_full_card_and_the_processor_is_called_once(demo, times, loaded):
    loads = []
    transcriber = CanaryTranscriber(Full(demo, times), lambda trouble: loads.append(1) or demo)
    noise = np.random.default_rng(0).normal(0, 0.05, 16_000).astype(np.float32)
    expected = CanaryTranscriber(demo).transcribe(noise)
    assert [transcriber.transcribe(noise), transcriber.transcribe(noise)] == [expected, expected]
    assert len(loads) == loaded


class Taking(Full):
    """A model whose failed attempts take memory of the card; gives whether its cache is emptied of that."""

    def __init__(self, model, times):
        super().__init__(model, times)
        self.taken, self.emptied = [], []

    def answers(self, audios, drafts_ids=()):
        inputs = torch.zeros(1)
        self.taken.append(weakref.ref(inputs))
        return super().answers(audios, drafts_ids)

    def empty(self):
        self.emptied.append(all(taken() is None for taken in self.taken))


def test_what_an_attempt_took_is_the_cards_again_before_the_next(demo, monkeypatch):
    """cuFFT and cuBLAS ask the card itself, which had not got back what the first attempt's error still held."""
    model = Taking(demo, 1)
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "empty_cache", model.empty)
    CanaryTranscriber(model).transcribe(np.zeros(16_000, np.float32))
    assert model.emptied == [True]


def test_nobody_who_hears_is_held_up_where_the_model_stays_on_the_card(demo, monkeypatch):
    """For 0.3 s no thread ran, whenever an utterance found a full card; PortAudio keeps 0.06 s of what is heard."""
    looked = []
    monkeypatch.setattr(gc, "collect", lambda: looked.append("through everything"))
    transcriber = CanaryTranscriber(Full(demo, 1), lambda trouble: demo)
    transcriber.transcribe(np.zeros(16_000, np.float32))
    assert not looked


def test_a_cache_that_cannot_be_emptied_costs_no_utterance(demo, monkeypatch):
    """Where a step could not be recorded, earlier torches go on as if its recording never ended."""

    def refuse():
        raise RuntimeError("captures_underway.empty() INTERNAL ASSERT FAILED, please report a bug to PyTorch.")

    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "empty_cache", refuse)
    silence = np.zeros(16_000, np.float32)
    assert CanaryTranscriber(Full(demo, 1)).transcribe(silence) == CanaryTranscriber(demo).transcribe(silence)


class Failing:
    """A model whose card gives no answer any more, whatever it is asked."""

    most_at_once = 1

    def answers(self, audios, drafts_ids=()):
        raise torch.AcceleratorError("CUDA error: unspecified launch failure\nCUDA kernel errors might be ...")


def test_no_utterance_is_lost_to_a_card_that_fails(demo, monkeypatch):
    """Every one after it was, since the process never gets an answer of that card again."""
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "empty_cache", lambda: Failing().answers([]))
    told, noise = [], np.random.default_rng(0).normal(0, 0.05, 16_000).astype(np.float32)
    transcriber = CanaryTranscriber(Failing(), lambda trouble: told.append(trouble) or demo)
    expected = CanaryTranscriber(demo).transcribe(noise)
    assert [transcriber.transcribe(noise), transcriber.transcribe(noise)] == [expected, expected]
    assert told == ["The graphics card fails (CUDA error: unspecified launch failure)"]


def test_a_model_that_leaves_a_full_card_gives_its_memory_back_though_the_session_froze_it(demo):
    """Its steps and what they compute refer to each other, and what is frozen is never looked through for garbage."""
    model = CanaryQwen.load(TINY, "cpu", "float32")
    model.use_fixed_shapes()
    decoder, transcriber = weakref.ref(model.decoder), CanaryTranscriber(Full(model, 2), lambda trouble: demo)
    del model
    gc.freeze()
    try:
        transcriber.transcribe(np.zeros(16_000, np.float32))
        assert decoder() is None
        assert gc.get_freeze_count()  # or every thread would be held up again
    finally:
        gc.unfreeze()


def test_threads_are_torchs_and_a_small_model_has_one():
    before = torch.get_num_threads()
    try:
        CanaryQwen.load(DEMO, "cpu", threads=2)
        assert torch.get_num_threads() == 2
        CanaryQwen.load(DEMO, "cpu")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("wished", "kept"), [(None, "32"), ("1024", "1024")])
def test_onednn_keeps_the_kernels_of_few_lengths_of_sound_unless_the_user_wants_more(monkeypatch, wished, kept):
    """It reads this when it computes for the first time; 1024, its own number, made memory grow for an hour."""
    name = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
    monkeypatch.setenv(name, wished) if wished else monkeypatch.delenv(name, raising=False)
    CanaryQwen.load(TINY, "cpu")
    assert os.environ[name] == kept


def test_cufft_keeps_the_plans_of_few_lengths_of_sound(demo, monkeypatch):
    """Every length wants one of its own, and those of torch's own 4096 may take 2 GB of a card (its issue 94893)."""
    caches = defaultdict(SimpleNamespace)
    monkeypatch.setattr(torch.backends.cuda, "cufft_plan_cache", caches)
    model = CanaryQwen(demo.config, demo.perception, demo.qwen, demo.prompt)
    model.use_fixed_shapes()
    assert not caches  # a processor has none
    monkeypatch.setattr(CanaryQwen, "device", torch.device("cuda", 0))
    model.use_fixed_shapes()
    assert caches[torch.device("cuda", 0)].max_size == 32


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def resident_bytes_of(file: Path) -> int:
    """Of what this process has mapped."""
    mappings = re.split(r"^[0-9a-f]+-[0-9a-f]+ .* (.*)\n", Path("/proc/self/smaps").read_text(), flags=re.MULTILINE)
    named = zip(mappings[1::2], mappings[2::2], strict=True)
    return sum(1024 * int(re.search(r"Rss: +(\d+)", facts)[1]) for name, facts in named if name == str(file))


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells what a process holds of a file")
def test_nothing_of_the_checkpoint_is_held_beside_the_weights_made_of_it(tmp_path, monkeypatch):
    """A system that keeps files in pages of 2 MB hands out as much where a small tensor is touched."""
    shutil.copytree(DEMO, tmp_path / "model")
    checkpoint, held, of = tmp_path / "model" / "model.safetensors", [], QuantizedFile.of

    def spy(weights, bits):
        held.append(resident_bytes_of(checkpoint))
        return of(weights, bits)

    monkeypatch.setattr(QuantizedFile, "of", spy)
    loaded = CanaryQwen.load(tmp_path / "model", "cpu", "int8")
    held.append(resident_bytes_of(checkpoint))
    assert 0 < max(held) < checkpoint.stat().st_size / 10
    assert loaded.compute == "int8"


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="this C library always keeps freed memory")
def test_memory_that_was_freed_between_what_stays_is_the_systems_again_after_an_utterance(demo):
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    blocks = [libc.malloc(1 << 16) for _ in range(1000)]
    for block in blocks:
        ctypes.memset(block, 1, 1 << 16)
    for block in blocks[:-1]:  # the last one stays, and keeps the heap as long as it is
        libc.free(block)
    held = resident_bytes()
    CanaryTranscriber(demo).transcribe(np.zeros(16_000, np.float32))
    assert resident_bytes() < held - 50_000_000
    libc.free(blocks[-1])


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, "20000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, "None")],
)
def test_torchs_threads_soon_give_up_their_cores_unless_the_user_says_how_long_they_wait(given, expected):
    script = "import os, sys, live_canary; print(os.environ.get('GOMP_SPINCOUNT'), 'torch' in sys.modules)"
    told = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    done = subprocess.run([sys.executable, "-c", script], env=told | given, capture_output=True, text=True, check=True)
    assert done.stdout == f"{expected} False\n"
