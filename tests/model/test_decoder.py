"""The lean decoder chooses the canonical tree's tokens, with any draft; in int8 weights it stays close."""

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from live_canary.errors import InputError, LiveCanaryError
from live_canary.model.canary import CanaryQwen
from live_canary.model.compute import choose_device, choose_dtype
from live_canary.model.decoder import LeanDecoder
from live_canary.model.quantize import int8_matmul, quantize_rows
from tests.conftest import DEMO, ROOT, TINY
from tools.canonical import CanonicalQwen

NEW_TOKENS = 24


@pytest.fixture(scope="module")
def voices():
    """The two reference utterances, (n,) float32, and the ids NeMo gives for each."""
    stored = load_file(TINY / "expected.safetensors")
    lengths = stored["audio_lens"].tolist()
    return [(stored["audios"][k, :n].numpy(), stored[f"generated.{k}"].tolist()) for k, n in enumerate(lengths)]


@pytest.fixture(scope="module")
def sentence():
    """The first seconds of a bundled recording."""
    samples, _ = soundfile.read(ROOT / "assets" / "dictation.wav", dtype="float32", frames=5 * 16_000)
    return samples


def canonical_ids(model: CanaryQwen, samples, max_new_tokens: int) -> list[int]:
    embeddings, mask = model.inputs_embeds([torch.from_numpy(samples)])
    [ids] = CanonicalQwen(model.qwen).generate(embeddings, mask, max_new_tokens, model.prompt.end_id)
    return ids


@pytest.mark.parametrize("voice", [0, 1])
def test_the_lean_decoder_chooses_nemos_tokens(tiny, voices, voice):
    samples, ids = voices[voice]
    assert tiny.generate_ids(samples, NEW_TOKENS) == ids


@pytest.mark.parametrize("max_new_tokens", [1, 5, 200])
def test_the_lean_decoder_chooses_the_canonical_trees_tokens(demo, sentence, max_new_tokens):
    assert demo.generate_ids(sentence, max_new_tokens) == canonical_ids(demo, sentence, max_new_tokens)


def test_the_canonical_tree_gives_no_end_token(tiny, voices):
    samples, ids = voices[0]
    embeddings, mask = tiny.inputs_embeds([torch.from_numpy(samples)])
    assert CanonicalQwen(tiny.qwen).generate(embeddings, mask, NEW_TOKENS, end_id=ids[5]) == [ids[: ids.index(ids[5])]]


def test_numbers_that_overflow_are_told_instead_of_becoming_nonsense(voices):
    model = CanaryQwen.load(TINY, "cpu", "float16")
    model.qwen.norm.weight.fill_(torch.inf)
    with pytest.raises(LiveCanaryError, match="no valid numbers in float16; choose --compute fp32"):
        model.generate_ids(voices[0][0])


def test_numbers_that_overflow_in_the_middle_of_an_answer_end_it(demo, monkeypatch):
    decoder, passes = LeanDecoder(demo.qwen), []
    forward = decoder.forward

    def overflow(x, *rest):
        passes.append(len(x))
        return forward(x, *rest) * (1 if len(passes) < 4 else torch.nan)

    monkeypatch.setattr(decoder, "forward", overflow)
    with pytest.raises(LiveCanaryError, match="no valid numbers in float32"):
        decoder.generate(decoder.embed([*range(20)]), 10, end_id=-1)
    assert passes == [20, 1, 1, 1]


@pytest.fixture(scope="module")
def answer(demo, sentence):
    ids = demo.generate_ids(sentence)
    assert len(ids) > 10
    return ids


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kept=st.integers(0, 60), then=st.lists(st.integers(0, 639), max_size=12))
def test_no_draft_changes_the_answer(demo, sentence, answer, kept, then):
    """Drafts that are right, cut off, go wrong somewhere, go on too long or are nonsense from the first token."""
    assert demo.generate_ids(sentence, draft_ids=answer[:kept] + then) == answer


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_several_utterances_have_the_answers_that_each_has_alone(sentence, dtype):
    """In their order, silence, a moment too short to hear and an empty one among them."""
    model = CanaryQwen.load(DEMO, device="cpu", dtype=dtype)
    cut = len(sentence) // 2
    audios = [sentence, np.zeros(16_000, np.float32), sentence[cut:], sentence[:100], sentence[:0], sentence[:cut]]
    drafts = [[], [], model.generate_ids(sentence[cut:]), [3], [], [5]]
    expected = [model.answer(audio) for audio in audios]
    found = model.answers(audios, drafts_ids=drafts)
    assert [one.ids for one in found] == [one.ids for one in expected]
    assert [bool(one.ids) for one in found] == [True, False, True, False, False, True]
    assert model.answers([]) == []


@pytest.mark.parametrize("max_new_tokens", [0, 1, 7])
def test_a_draft_does_not_lengthen_the_answer(demo, sentence, answer, max_new_tokens):
    assert demo.generate_ids(sentence, max_new_tokens, draft_ids=answer) == answer[:max_new_tokens]


def test_every_token_has_the_probability_that_the_canonical_tree_gives_it(demo, sentence, answer):
    [prompt], _ = demo.inputs_embeds([torch.from_numpy(sentence)])
    told = torch.cat([prompt, demo.qwen.embed(answer)])
    logits = CanonicalQwen(demo.qwen).causal_lm(inputs_embeds=told[None]).logits[0, len(prompt) - 1 : -1]
    expected = logits.softmax(-1)[torch.arange(len(answer)), answer].tolist()
    for draft in ([], answer[:7], [*answer, 3]):
        found = demo.answer(sentence, draft_ids=draft)
        assert found.ids == answer
        assert found.probabilities == pytest.approx(expected, abs=1e-4)


def test_a_right_draft_saves_every_further_pass(demo, sentence, answer, monkeypatch):
    passes = []
    forward = demo.decoder.forward
    monkeypatch.setattr(demo.decoder, "forward", lambda x, *rest: passes.append(len(x)) or forward(x, *rest))
    demo.generate_ids(sentence, draft_ids=answer)
    demo.answer(sentence, draft_ids=answer)
    assert len(passes) == 2


def test_a_draft_far_longer_than_the_answer_may_be_needs_no_more_room(demo):
    prompt = demo.decoder.embed([*range(20)])
    expected = LeanDecoder(demo.qwen).generate(prompt, 3, end_id=-1)
    assert LeanDecoder(demo.qwen).generate(prompt, 3, end_id=-1, draft=[*expected.ids, *[5] * 300]).ids == expected.ids


def test_a_long_utterance_after_a_short_one_outgrows_the_cache_and_stays_right(tiny, voices):
    short, ids = voices[0]
    rng = torch.Generator().manual_seed(0)
    long = torch.randn(39 * 16_000, generator=rng).numpy() * 0.1
    assert tiny.generate_ids(long, NEW_TOKENS) == canonical_ids(tiny, long, NEW_TOKENS)
    assert tiny.generate_ids(short, NEW_TOKENS) == ids


def test_int8_weights_are_within_half_a_step_of_the_exact_ones():
    weight = torch.randn(300, 64, generator=torch.Generator().manual_seed(0))
    weight[7] = 0
    quantized, scale = quantize_rows(weight)
    assert quantized.dtype == torch.int8
    assert ((quantized * scale[:, None] - weight).abs() <= 0.501 * scale[:, None]).all()


@pytest.mark.parametrize("outlier", [1.0, 1000.0])
def test_activations_lose_less_than_a_ten_thousandth_of_their_largest(outlier):
    rng = torch.Generator().manual_seed(0)
    x, weight = torch.randn(5, 256, generator=rng), torch.randn(64, 256, generator=rng)
    x[2, 3] = outlier
    quantized, scale = quantize_rows(weight)
    exact = x @ (quantized * scale[:, None]).T
    error = (int8_matmul(x, quantized, scale) - exact).abs().amax(dim=1)
    assert (error <= 1e-4 * x.abs().amax(dim=1) * weight.norm(dim=1).max()).all()


def test_without_a_library_that_multiplies_int8_the_same_is_computed_in_floats(monkeypatch):
    """Apple's torch would multiply number by number, which takes a minute for ten seconds of speech."""
    rng = torch.Generator().manual_seed(0)
    x, (quantized, scale) = torch.randn(5, 256, generator=rng), quantize_rows(torch.randn(64, 256, generator=rng))
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    monkeypatch.setattr(torch, "_int_mm", None)
    assert torch.allclose(int8_matmul(x, quantized, scale), x @ (quantized * scale[:, None]).T, atol=1e-4)


def test_the_demo_model_says_the_same_in_int8(demo, sentence):
    """But for the last word, which the end of the sound cuts off."""
    int8 = CanaryQwen.load(DEMO, device="cpu", dtype="int8")
    exact, quantized = demo.transcribe(sentence).split(), int8.transcribe(sentence).split()
    assert len(exact) > 8 and quantized[:-1] == exact[:-1]


def test_a_chat_is_possible_in_int8_too():
    int8 = CanaryQwen.load(TINY, device="cpu", dtype="int8")
    plain = CanaryQwen.load(TINY, device="cpu", dtype="bfloat16")
    assert int8.chat_ids("summarize the following", 4) == plain.chat_ids("summarize the following", 4)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_not_here_is_refused():
    with pytest.raises(InputError, match="no device 'cuda'"):
        choose_device("cuda")


def test_float32_is_all_of_it_on_a_graphics_card_too(monkeypatch):
    """torch computes convolutions in TF32 there, with 10 bits after the point, unless it is told not to."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    CanaryQwen.load(TINY, "cpu", "float32")
    assert not torch.backends.cudnn.allow_tf32


def test_attention_is_not_planned_anew_for_every_length(monkeypatch):
    monkeypatch.setattr(torch.backends.cuda, "enable_cudnn_sdp", (told := []).append)
    CanaryQwen.load(TINY, "cpu", "float32")
    assert told == [False]


@pytest.mark.parametrize(("emulated", "chosen"), [(False, "bfloat16"), (True, "float16")])
def test_a_card_that_only_emulates_bfloat16_computes_in_float16(tmp_path, monkeypatch, emulated, chosen):
    """torch says of Turing too that it supports bfloat16, which it computes many times more slowly."""
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation or not emulated
    )
    assert choose_dtype("auto", torch.device("cuda"), tmp_path / "none.safetensors") == chosen


def test_a_large_model_runs_in_int8_on_a_processor_and_a_small_one_in_float32(tmp_path):
    weights = tmp_path / "model.safetensors"
    with weights.open("wb") as file:
        file.truncate(600_000_000)
    assert choose_dtype("auto", torch.device("cpu"), weights) == "int8"
    assert choose_dtype("auto", torch.device("mps"), weights) == "bfloat16"
    assert choose_dtype("auto", torch.device("cpu"), TINY / "model.safetensors") == "float32"
