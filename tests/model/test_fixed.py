"""Steps of fixed shapes, as a GPU records them, give what the free shapes give."""

import itertools
from contextlib import nullcontext

import pytest
import soundfile
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from live_canary.errors import LiveCanaryError
from live_canary.model import graphs
from live_canary.model.canary import CanaryQwen
from live_canary.model.decoder import CACHE_STEP, LeanDecoder
from live_canary.model.fixed import FRAMES_STEP, PREFILL_STEP, FixedDecoder, FixedEncoder
from tests.conftest import ROOT, TINY

LONGEST_FRAMES = 600
WAITS_FOR_THE_DEVICE = {  # on CUDA; a graph cannot record these
    torch.ops.aten._local_scalar_dense.default,
    torch.ops.aten.nonzero.default,
    torch.ops.aten.masked_select.default,
    torch.ops.aten.equal.default,
    torch.ops.aten.lift_fresh.default,  # torch.tensor([...])
}


class NeverWaiting(TorchDispatchMode):
    """Refuses what would make the processor wait for a GPU or copy to it."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        assert func not in WAITS_FOR_THE_DEVICE, f"{func} cannot be recorded"
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def mels(tiny):
    """Features of random sound, long before short, so that what one leaves behind could spoil the next."""
    rng = torch.Generator().manual_seed(0)
    frames = [LONGEST_FRAMES, 2, 3, FRAMES_STEP, FRAMES_STEP + 1, 301, 5]
    return [tiny.perception.preprocessor(torch.randn(160 * n, generator=rng) * 0.1) for n in frames]


def test_an_utterance_padded_to_a_fixed_length_is_encoded_as_it_is_alone(tiny, mels):
    fixed = FixedEncoder(tiny.perception, LONGEST_FRAMES)
    for mel in mels:
        [alone] = tiny.perception.encode([mel])
        torch.testing.assert_close(fixed.encode(mel), alone, rtol=0, atol=1e-5)


def test_padding_stays_made_of_numbers_where_attention_makes_none_of_a_row_that_is_masked_out(tiny, mels, monkeypatch):
    """As cuDNN's does of one that is masked with minus infinity, or with the lowest number of the dtype."""
    attention = torch.nn.functional.scaled_dot_product_attention

    def strict(query, key, value, attn_mask=None, **options):
        nothing_seen = (attn_mask < torch.finfo(attn_mask.dtype).min / 2).all(-1, keepdim=True)
        return attention(query, key, value, attn_mask=attn_mask, **options).masked_fill(nothing_seen, torch.nan)

    fixed = FixedEncoder(tiny.perception, LONGEST_FRAMES)
    [alone] = tiny.perception.encode([mels[5]])
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", strict)
    torch.testing.assert_close(fixed.encode(mels[5]), alone, rtol=0, atol=1e-5)


def test_the_encoder_can_be_recorded(tiny, mels):
    fixed = FixedEncoder(tiny.perception, LONGEST_FRAMES)
    with NeverWaiting():
        fixed.step(LONGEST_FRAMES)()


@pytest.fixture(scope="module")
def prompt(tiny):
    """Random embeddings that reach over the step by which the cache is read."""
    rng = torch.Generator().manual_seed(1)
    return torch.randn(CACHE_STEP - 10, tiny.qwen.config.hidden_size, generator=rng) * 0.02


@pytest.fixture(scope="module")
def fixed_decoder(tiny):
    return FixedDecoder(tiny.qwen, longest=2 * CACHE_STEP)


@pytest.mark.parametrize("inputs", [1, PREFILL_STEP, PREFILL_STEP + 1, CACHE_STEP - 10])
@pytest.mark.parametrize("max_new_tokens", [1, 2, 30])
def test_steps_of_fixed_shapes_choose_the_same_tokens(tiny, fixed_decoder, prompt, inputs, max_new_tokens):
    free = LeanDecoder(tiny.qwen).generate(prompt[:inputs], max_new_tokens, end_id=-1)
    fixed = fixed_decoder.generate(prompt[:inputs], max_new_tokens, end_id=-1)
    assert fixed.ids == free.ids
    assert fixed.probabilities == pytest.approx(free.probabilities, rel=1e-4)


def test_the_end_and_drafts_are_heeded_in_fixed_shapes_too(tiny, fixed_decoder, prompt):
    free = LeanDecoder(tiny.qwen).generate(prompt, 30, end_id=-1).ids
    end = free[12]
    until = free[: free.index(end)]
    for draft in ([], free, free[:5], [*free[:3], 0, 0, 0]):
        assert fixed_decoder.generate(prompt, 30, end, draft).ids == until


def test_an_answer_longer_than_the_cache_moves_it(tiny, prompt):
    fixed = FixedDecoder(tiny.qwen, longest=PREFILL_STEP)
    assert fixed.generate(prompt[:5], 10, end_id=-1).ids == LeanDecoder(tiny.qwen).generate(prompt[:5], 10, -1).ids
    assert fixed.generate(prompt, 40, end_id=-1).ids == LeanDecoder(tiny.qwen).generate(prompt, 40, -1).ids


class WarmedUp(graphs.Step):
    """A step of a processor that warms up as one of a GPU does."""

    def __init__(self, compute, device, pool=None):
        super().__init__(compute, device, pool)
        for _ in range(graphs.WARM_UP_RUNS):
            compute()


@pytest.mark.parametrize("inputs", [20, CACHE_STEP - 10])
def test_a_step_that_warms_up_in_the_middle_of_an_answer_leaves_it_as_it_is(tiny, prompt, inputs, monkeypatch):
    monkeypatch.setattr("live_canary.model.fixed.Step", WarmedUp)
    found = FixedDecoder(tiny.qwen, longest=1).generate(prompt[:inputs], 20, end_id=-1)
    assert found.ids == LeanDecoder(tiny.qwen).generate(prompt[:inputs], 20, end_id=-1).ids


def test_the_longest_utterance_moves_no_cache():
    """Every step would be recorded anew, which takes seconds in which nothing is written."""
    model = CanaryQwen.load(TINY, "cpu", "float32")
    model.use_fixed_shapes()
    cache, sound = model.decoder.cache, torch.randn(40 * 16_000, generator=torch.Generator().manual_seed(0)) * 0.1
    assert len(model.generate_ids(sound.numpy())) == model.most_new_tokens(len(sound))
    assert model.decoder.cache is cache


def test_steps_are_made_again_where_memory_ended_when_the_cache_had_just_moved(tiny, prompt, monkeypatch):
    """Those of the cache before read, on a GPU, what may belong to others by now."""
    fixed = FixedDecoder(tiny.qwen, longest=PREFILL_STEP)
    fixed.generate(prompt[:5], 10, end_id=-1)

    def refuse(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    with monkeypatch.context() as full:
        full.setattr(torch, "zeros", refuse)
        with pytest.raises(torch.OutOfMemoryError):
            fixed.generate(prompt, 300, end_id=-1)
    found, expected = (decoder.generate(prompt, 300, end_id=-1) for decoder in (fixed, LeanDecoder(tiny.qwen)))
    assert found.ids == expected.ids
    assert found.probabilities == pytest.approx(expected.probabilities, rel=1e-4)


@pytest.mark.parametrize("spoilt", [5, CACHE_STEP - 20])
def test_an_utterance_whose_numbers_overflowed_spoils_no_later_one(tiny, fixed_decoder, prompt, spoilt):
    """Its keys and values were masked out of the next utterances, but what is no number is none behind a mask too."""
    before = fixed_decoder.generate(prompt[:20], 10, end_id=-1).ids
    overflowed = prompt.clone()
    overflowed[spoilt:] = torch.nan
    with pytest.raises(LiveCanaryError, match="no valid numbers"):
        fixed_decoder.generate(overflowed, 10, end_id=-1)
    assert fixed_decoder.generate(prompt[:20], 10, end_id=-1).ids == before


def test_attention_may_leave_its_answer_in_the_order_of_a_gpus_kernels(tiny, fixed_decoder, prompt, monkeypatch):
    """Torch's memory-efficient kernel, which takes masks on every GPU, gives (1, heads, n, head_dim) as a view of
    (1, n, heads, head_dim)."""
    attention = torch.nn.functional.scaled_dot_product_attention

    def as_on_a_gpu(*args, **kwargs):
        return attention(*args, **kwargs).transpose(1, 2).contiguous().transpose(1, 2)

    expected = fixed_decoder.generate(prompt[:20], 10, end_id=-1).ids
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", as_on_a_gpu)
    assert fixed_decoder.generate(prompt[:20], 10, end_id=-1).ids == expected


def test_prefill_and_decoding_can_be_recorded(fixed_decoder):
    prefill, decode = fixed_decoder.prefill_step(100), fixed_decoder.decode_step(100)
    with NeverWaiting():
        prefill()
        decode()


class PlayedStream:
    """Of a card that is not here."""

    def __init__(self, device=None):
        self.device = device

    def wait_stream(self, other) -> None:
        pass


def test_all_steps_warm_up_on_one_stream(monkeypatch):
    """cuBLAS keeps a workspace for each stream: up to 32 of them, of 32 MB on Hopper, were never given back."""
    streams = []
    monkeypatch.setattr(torch.cuda, "Stream", PlayedStream)
    monkeypatch.setattr(torch.cuda, "current_stream", PlayedStream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: streams.append(stream) or nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", lambda *_, **__: nullcontext())
    graphs._side_stream.cache_clear()
    for _ in range(3):
        graphs.Step(lambda: torch.zeros(1), torch.device("cuda"))
    graphs._side_stream.cache_clear()
    assert len(streams) == 3 and len(set(streams)) == 1


class Recording:
    """A graph that plays what was recorded in it, and says so."""

    def __init__(self):
        self.replayed = 0

    def replay(self) -> None:
        self.replayed += 1


def test_a_step_that_was_recorded_is_replayed_and_computed_no_more(monkeypatch):
    monkeypatch.setattr(graphs, "_side_stream", PlayedStream)
    monkeypatch.setattr(torch.cuda, "current_stream", PlayedStream)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", Recording)
    monkeypatch.setattr(torch.cuda, "graph", lambda *_, **how: asked.append(how) or nullcontext())
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: "shared")
    asked, counted = [], itertools.count()
    device = torch.device("cuda")
    step = graphs.Step(lambda: torch.tensor(next(counted)), device, graphs.new_pool(device))
    assert [int(step()), int(step())] == [2, 2]  # computed twice before it was recorded
    assert step._graph.replayed == 2
    assert asked == [{"pool": "shared", "capture_error_mode": "thread_local"}]  # other threads may go on


class BreaksOff:
    """A recording that fails, and hides why behind what ending it says, as torch's does."""

    def __enter__(self):
        pass

    def __exit__(self, *why):
        raise RuntimeError("CUDA error: operation failed due to a previous error during capture")


def test_a_step_that_cannot_be_recorded_is_computed_each_time_and_memory_that_ends_is_told(monkeypatch, caplog):
    went_back = []
    monkeypatch.setattr(graphs, "_side_stream", PlayedStream)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: PlayedStream("the session's"))
    monkeypatch.setattr(torch.cuda, "set_stream", lambda stream: went_back.append(stream.device))
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: nullcontext())
    monkeypatch.setattr(torch.cuda, "CUDAGraph", object)
    monkeypatch.setattr(torch.cuda, "graph", lambda *_, **__: BreaksOff())
    counted = itertools.count()
    step = graphs.Step(lambda: torch.tensor(next(counted)), torch.device("cuda"))
    assert [int(step()), int(step())] == [3, 4]
    assert "previous error during capture" in caplog.text

    def fill_up():
        if next(counted) > 6:  # at the third run, which is recorded
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return torch.zeros(1)

    with pytest.raises(torch.OutOfMemoryError):  # by which whoever loads the model knows a full card
        graphs.Step(fill_up, torch.device("cuda"))
    assert went_back == ["the session's"] * 2


class Kernels(TorchDispatchMode):
    """Counts what a GPU would be asked to compute; views cost it nothing."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        [returned, *_] = func._schema.returns
        self.count += returned.alias_info is None or returned.alias_info.is_write
        return func(*args, **(kwargs or {}))


def test_a_token_asks_for_few_kernels(tiny, fixed_decoder):
    """At this size of layer, launching them takes a GPU longer than reading the weights."""
    step = fixed_decoder.decode_step(100)
    with torch.inference_mode(), Kernels() as kernels:
        step()
    layers = tiny.qwen.config.num_hidden_layers
    assert 4 * layers < kernels.count <= 18 * layers + 20


def test_matrices_that_become_one_are_held_once():
    """But for the queries and values, which the adapter is merged into and the LLM mode needs without it."""
    model = CanaryQwen.load(TINY, "cpu", "float32")
    alone = held_bytes(model.qwen.parameters())
    model.use_fixed_shapes()
    decoder, attentions = model.decoder, [layer.self_attn for layer in model.qwen.layers]
    linears = [part for each in decoder.layers for part in (each.qkv, each.o, each.gate_up, each.down)]
    weights = [weight for linear in (decoder.head, *linears) for weight in linear.weights]
    together = held_bytes([*model.qwen.parameters(), *weights])
    merged = held_bytes(each.base_layer.weight for one in attentions for each in (one.q_proj, one.v_proj))
    assert together == alone + merged


def held_bytes(tensors) -> int:
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}
    return sum(storages.values())


def test_a_chat_goes_on_after_the_matrices_became_one(tiny):
    model = CanaryQwen.load(TINY, "cpu", "float32")
    model.use_fixed_shapes()
    assert model.chat_ids("summarize the following", 8) == tiny.chat_ids("summarize the following", 8)


def test_a_model_in_fixed_shapes_writes_the_same_words(demo):
    sound, _ = soundfile.read(ROOT / "assets" / "dictation.wav", dtype="float32", frames=3 * 16_000)
    fixed = CanaryQwen(demo.config, demo.perception, demo.qwen, demo.prompt)
    fixed.use_fixed_shapes()
    assert fixed.generate_ids(sound) == demo.generate_ids(sound)
