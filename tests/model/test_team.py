"""The team of threads that computes in the kernels, and what is done where there is none, or no memory."""

import pytest
import torch

from live_canary.model import kernels
from live_canary.model.answer import Prompted
from live_canary.model.canary import CanaryQwen
from live_canary.model.quantize import QuantizedLinear
from tests.conftest import DEMO
from tests.model.multiplying import compiled, random_linear, threads_of_torch, vectors


@pytest.fixture
def product():
    """Seven rows and what they are multiplied with."""
    x, weight, bias = random_linear(7, 512, 600, 0)
    return x, QuantizedLinear.of([weight], bias, 8)


@compiled
def test_no_more_threads_compute_than_torch_has(product, monkeypatch):
    x, linear = product
    used, real = [], kernels._kernels()

    def matmul(*arguments):
        used.append(arguments[-1])
        return real.matmul(*arguments)

    monkeypatch.setattr(kernels, "_kernels", lambda: real._replace(matmul=matmul))
    for count in (3, 1, 2):
        with threads_of_torch(count):
            linear(x)
    assert used == [3, 1, 2]


@compiled
def test_a_caller_alone_needs_no_team(product, monkeypatch):
    monkeypatch.setattr(kernels, "_team", [])
    x, linear = product
    with threads_of_torch(1):
        linear(x)
    assert not kernels._team


@compiled
def test_where_the_system_gives_no_more_threads_fewer_compute_the_same(product, monkeypatch):
    x, linear = product
    expected = linear(x)

    def refuse(thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(kernels, "_team", [])
    monkeypatch.setattr("threading.Thread.start", refuse)
    with threads_of_torch(3):
        assert torch.equal(linear(x), expected)


@compiled
def test_memory_that_ends_in_the_kernels_is_told(product, monkeypatch):
    x, linear = product
    real = kernels._kernels()
    monkeypatch.setattr(kernels, "_kernels", lambda: real._replace(matmul=lambda *_: -1))
    with pytest.raises(MemoryError, match="no memory for the activations"):
        linear(x)


@pytest.mark.parametrize("name", ["off", "avx1024"])
def test_kernels_are_not_taken_where_the_user_wants_none_or_none_that_there_are(name):
    with vectors(name):
        assert not kernels.available()


def test_without_kernels_a_bias_is_added_too():
    x, weight, bias = random_linear(7, 512, 600, 0)
    with vectors("off"):
        with_bias, without = (QuantizedLinear.of([weight], each, 8)(x) for each in (bias, None))
    assert torch.allclose(with_bias, without + bias)


def test_kernels_that_were_not_compiled_are_not_here(tmp_path, monkeypatch):
    monkeypatch.setattr(kernels, "_LIBRARY", tmp_path / "kernels.so")
    with vectors(kernels.VECTORS[-1]):
        assert not kernels.available()


@compiled
def test_several_utterances_are_taken_together_where_that_is_sooner(demo):
    """As `transcribe` and `recover` do; in torch they gain nothing from each other."""
    assert CanaryQwen.load(DEMO, "cpu", "int8").most_at_once == 8
    assert demo.most_at_once == 1


@compiled
def test_answers_of_several_utterances_have_room_beside_each_other():
    """Else a long one is written over what the next was asked."""
    decoder, alone = (CanaryQwen.load(DEMO, "cpu", "int8").decoder for _ in range(2))
    prompts = [Prompted(decoder.embed([*range(start, start + 11)]), 100) for start in (10, 30, 50)]
    found = decoder.generate_several(prompts, end_id=-1)
    assert [one.ids for one in found] == [alone.generate(one.embeddings, 100, end_id=-1).ids for one in prompts]


@compiled
def test_of_an_encoder_that_hears_ever_longer_utterances_only_the_longest_distances_stay():
    """All of a large model's would be half a gigabyte."""
    perception = CanaryQwen.load(DEMO, "cpu", "int8").perception
    [conformer] = perception.encoder.layers
    for seconds in (1, 8, 15):
        perception([torch.ones(seconds * 16_000)])
        assert len(conformer._kept) == 3 * len(conformer.layers)


@compiled
def test_what_every_prompt_begins_with_is_computed_again_where_the_cache_has_moved():
    """Else the first utterance that is too long for it would be heard without a question."""
    decoder, fresh = (CanaryQwen.load(DEMO, "cpu", "int8").decoder for _ in range(2))
    short, long = (decoder.embed([7, 8, *(index % 500 for index in range(count))]) for count in (20, 400))
    decoder.generate(short, 2, end_id=-1, same=2)
    decoder.cache.fill_(torch.nan)  # whatever is read of the old one, or of what is nobody's, shows
    assert decoder.generate(long, 5, end_id=-1, same=2) == fresh.generate(long, 5, end_id=-1)


@compiled
def test_a_second_utterance_does_not_compute_what_its_prompt_begins_with(monkeypatch):
    model = CanaryQwen.load(DEMO, "cpu", "int8")
    computed, in_c = [], kernels.decode

    def counted(structure, x, *places):
        computed.append(len(x))
        in_c(structure, x, *places)

    monkeypatch.setattr(kernels, "decode", counted)
    noise = (torch.randn(16_000, generator=torch.Generator().manual_seed(0)) * 0.05).numpy()
    first, again = [], []
    for seen in (first, again):
        computed.clear()
        model.answer(noise)
        seen += computed
    assert first[0] - again[0] == model.before_audio > 0
    assert first[1:] == again[1:]
