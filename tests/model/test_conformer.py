"""The encoder's own code, and the adapter's, compute what transformers' and peft's do with the same weights."""

import pytest
import torch

from live_canary.model.canary import CanaryQwen
from live_canary.model.config import read_config, read_qwen_config
from live_canary.model.conformer import encoded_frames
from live_canary.model.llm import Lora, Qwen
from tests.conftest import DEMO, TINY
from tools.canonical import CanonicalQwen, canonical_encoder


@pytest.fixture(params=[DEMO, TINY], ids=["demo", "tiny"], scope="module")
def model(request) -> CanaryQwen:
    return CanaryQwen.load(request.param, "cpu", "float32")


def features(batch: int, frames: int) -> torch.Tensor:
    return torch.randn(batch, frames, 128, generator=torch.Generator().manual_seed(frames))


@torch.no_grad()
@pytest.mark.parametrize("frames", [1, 2, 7, 8, 9, 300])
def test_an_utterance_alone_is_encoded_as_transformers_does(model, frames):
    mel, encoder = features(1, frames), model.perception.encoder
    ours, theirs = encoder(mel), canonical_encoder(encoder)(mel).last_hidden_state
    assert ours.shape == (1, encoded_frames(frames), encoder.config.width)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)


@torch.no_grad()
def test_utterances_beside_each_other_are_encoded_as_transformers_does(model):
    """But for what stands in their padding, which nobody reads."""
    mel, encoder, lengths = features(4, 300), model.perception.encoder, torch.tensor([300, 1, 83, 192])
    ours = encoder(mel, lengths)
    mask = torch.arange(300) < lengths[:, None]
    theirs = canonical_encoder(encoder)(mel, attention_mask=mask).last_hidden_state
    for k, frames in enumerate(encoded_frames(lengths).tolist()):
        torch.testing.assert_close(ours[k, :frames], theirs[k, :frames], rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_the_adapter_is_merged_to_the_bit_that_peft_gives(dtype):
    qwen = CanaryQwen.load(DEMO, "cpu", dtype).qwen
    canonical = CanonicalQwen(qwen)
    for ours, theirs in zip(qwen.layers, canonical.causal_lm.model.layers, strict=True):
        for name in ("q_proj", "v_proj"):
            one, other = getattr(ours.self_attn, name), getattr(theirs.self_attn, name)
            assert isinstance(one, Lora)
            added = other.get_delta_weight("default")
            assert added.abs().max() > 0
            expected = (other.base_layer.weight.float() + added.float()).to(added.dtype)
            assert torch.equal(one.merged(), expected)


def test_the_positions_turn_as_far_as_in_transformers(model):
    expected = CanonicalQwen(model.qwen).causal_lm.model.rotary_emb.inv_freq
    assert torch.equal(model.qwen.inverse_frequencies(), expected)


def test_what_becomes_of_the_canonical_weights_becomes_of_ours():
    """Training changes the one and the other is written down. What is loaded learns nothing, beside either."""
    canary = CanaryQwen.load(TINY, "cpu", "float32")
    qwen, encoder = CanonicalQwen(canary.qwen), canonical_encoder(canary.perception.encoder)
    qwen.causal_lm.model.layers[0].self_attn.q_proj.lora_A["default"].weight.fill_(3)
    assert (canary.qwen.layers[0].self_attn.q_proj.lora_A.weight == 3).all()
    encoder.layers[0].self_attn.bias_u.fill_(3)
    assert (canary.perception.encoder.layers[0].self_attn.bias_u == 3).all()
    for module in (canary.qwen, canary.perception, qwen, encoder):
        assert not any(parameter.requires_grad for parameter in module.parameters())


def test_an_adapter_of_other_projections_is_built_where_it_belongs():
    config = read_config(TINY / "config.json")
    lora = type(config.lora)(rank=2, alpha=4.0, target_modules=("down_proj", "k_proj"))
    qwen = Qwen(read_qwen_config(TINY / "llm_backbone" / "config.json"), lora)
    adapted = {name for name, module in qwen.layers[1].named_modules() if isinstance(module, Lora)}
    assert adapted == {"self_attn.k_proj", "mlp.down_proj"}
