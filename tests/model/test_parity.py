"""Every stage equals NVIDIA NeMo's: `tests/reference/tiny` holds what NeMo 3.0.0 computed, tensor by tensor.

`tests/reference/make_reference.py` regenerates it. Tolerances: log-mel within 1e-3, every later tensor within 1e-3 of
its largest value, all token ids identical.
"""

import pytest
import torch
from safetensors.torch import load_file

from tests.conftest import TINY
from tools.canonical import CanonicalQwen

NEW_TOKENS = 24


@pytest.fixture(scope="module")
def nemo():
    return load_file(TINY / "expected.safetensors")


@pytest.fixture(scope="module")
def utterances(nemo):
    """The two voices, each at its own length: (n,) float32 arrays."""
    return [audio[:n].numpy() for audio, n in zip(nemo["audios"], nemo["audio_lens"].tolist(), strict=True)]


def assert_close(ours: torch.Tensor, nemos: torch.Tensor) -> None:
    assert ours.shape == nemos.shape
    assert (ours - nemos).abs().max() <= 1e-3 * nemos.abs().max()


@pytest.mark.parametrize("voice", [0, 1])
def test_log_mel_features_equal_nemos(tiny, nemo, utterances, voice):
    mel = tiny.features(utterances[voice])
    frames = int(nemo["mel_len"][voice])
    assert mel.shape == (128, frames)
    assert (mel - nemo["mel"][voice, :, :frames]).abs().max() <= 1e-3


def test_subsampling_and_every_encoder_block_equal_nemos_in_a_padded_batch(tiny, nemo, utterances):
    encoder, seen = tiny.perception.encoder, {}
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output, name=name: seen.__setitem__(name, output))
        for name, module in [
            ("pre_encode", encoder.subsampling),
            *((f"block.{k}", layer) for k, layer in enumerate(encoder.layers)),
        ]
    ]
    tiny.perception([torch.from_numpy(samples) for samples in utterances])
    for hook in hooks:
        hook.remove()
    assert seen.keys() == {name for name in nemo if name.startswith(("pre_encode", "block."))}
    for name, ours in seen.items():
        for voice, frames in enumerate(nemo["audio_embeds_len"].tolist()):
            assert_close(ours[voice, :frames], nemo[name][voice, :frames])


@pytest.mark.parametrize("voice", [0, 1])
def test_audio_embeddings_of_an_utterance_alone_equal_nemos(tiny, nemo, utterances, voice):
    frames = int(nemo["audio_embeds_len"][voice])
    assert_close(tiny.encode(tiny.features(utterances[voice])), nemo["audio_embeds"][voice, :frames])


def test_prompt_ids_equal_nemos(tiny, nemo):
    assert tiny.prompt_ids() == nemo["prompt_ids"].tolist()


def test_input_embeddings_and_first_logits_of_a_left_padded_batch_equal_nemos(tiny, nemo, utterances):
    embeddings, mask = tiny.inputs_embeds([torch.from_numpy(samples) for samples in utterances])
    assert_close(embeddings, nemo["inputs_embeds"])
    assert_close(CanonicalQwen(tiny.qwen).first_logits(embeddings, mask), nemo["first_logits"])


@pytest.mark.parametrize("voice", [0, 1])
def test_ids_of_an_utterance_alone_equal_nemos(tiny, nemo, utterances, voice):
    assert tiny.generate_ids(utterances[voice], NEW_TOKENS) == nemo[f"generated.{voice}"].tolist()


def test_ids_of_a_batch_equal_nemos(tiny, nemo, utterances):
    prompts = tiny.inputs_embeds([torch.from_numpy(samples) for samples in utterances])
    ids = CanonicalQwen(tiny.qwen).generate(*prompts, NEW_TOKENS, tiny.prompt.end_id)
    assert ids == nemo["generated"].tolist()


@pytest.mark.parametrize(("adapter", "recorded"), [(False, "llm_mode.generated"), (True, "llm_mode.with_adapter")])
def test_answers_to_text_equal_nemos_with_and_without_the_adapter(tiny, nemo, adapter, recorded):
    prompt = "summarize the following"
    ids = tiny.prompt.ids(prompt) + tiny.chat_ids(prompt, NEW_TOKENS, adapter=adapter)
    assert ids == nemo[recorded].tolist()


def test_the_adapter_is_on_again_after_a_chat(tiny, nemo, utterances):
    tiny.chat("summarize the following", max_new_tokens=2)
    assert tiny.generate_ids(utterances[0], NEW_TOKENS) == nemo["generated.0"].tolist()
