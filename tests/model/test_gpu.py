"""On a CUDA GPU: recorded steps give what unrecorded ones give, and once they are warm nothing is allocated."""

import pytest
import torch
from safetensors.torch import load_file

from live_canary.model.canary import CanaryQwen
from live_canary.model.decoder import LeanDecoder
from tests.conftest import DEMO, TINY

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA"),
]
NEW_TOKENS = 24


@pytest.fixture(scope="module", params=["float32", "bfloat16", "float16"])
def model(request):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LIVE_CANARY_GPU_KERNELS", "on")
        return CanaryQwen.load(DEMO, "cuda", request.param)


@pytest.fixture(scope="module")
def sounds():
    """Utterances of a few lengths, (n,) float32."""
    rng = torch.Generator().manual_seed(0)
    return [(torch.randn(round(16_000 * s), generator=rng) * 0.1).numpy() for s in (0.5, 8.0, 3.2, 30.0, 8.0)]


def test_a_gpu_chooses_nemos_tokens_in_float32():
    tiny, stored = CanaryQwen.load(TINY, "cuda", "float32"), load_file(TINY / "expected.safetensors")
    for k, length in enumerate(stored["audio_lens"].tolist()):
        samples = stored["audios"][k, :length].numpy()
        assert tiny.generate_ids(samples, NEW_TOKENS) == stored[f"generated.{k}"].tolist()


def test_recorded_steps_choose_the_tokens_of_free_shapes(model, sounds):
    """In 16 bits, where other shapes and other kernels round otherwise, up to a tie: from there on they may differ."""
    free = LeanDecoder(model.qwen)
    for sound in sounds:
        [embeddings], _ = model.inputs_embeds([torch.from_numpy(sound).cuda()])
        recorded = model.decoder.generate(embeddings, NEW_TOKENS, end_id=-1)
        expected = free.generate(embeddings, NEW_TOKENS, end_id=-1)
        if model.compute == "float32":
            assert recorded.ids == expected.ids
        same = zip(recorded.ids, expected.ids, recorded.probabilities, expected.probabilities, strict=True)
        for ours, theirs, likely, as_likely in same:
            assert likely == pytest.approx(as_likely, rel=1e-3 if model.compute == "float32" else 0.15)
            if ours != theirs:
                break
    steps = (*model._encoder._steps.values(), *model.decoder._prefills.values(), *model.decoder._decodes.values())
    assert all(step._graph for step in steps)  # none had to go on unrecorded


def test_a_token_takes_our_own_kernels_in_bfloat16(model):
    """Else they were not compiled, or did not compute what torch's do. They are for NVIDIA's cards."""
    assert (model.decoder._kernels is not None) == (model.compute == "bfloat16" and torch.version.cuda is not None)


def test_the_recorded_encoder_gives_what_the_free_one_gives(model, sounds):
    for sound in sounds:
        mel = model.features(sound)
        [free] = model.perception.encode([mel])
        scale = free.float().abs().max()
        assert (model.encode(mel) - free).float().abs().max() <= (1e-4 if free.dtype == torch.float32 else 0.05) * scale


def test_no_memory_is_asked_of_the_gpu_once_the_steps_are_warm(model, sounds):
    def hear_all() -> int:
        for sound in sounds:
            model.generate_ids(sound, NEW_TOKENS)
        return torch.cuda.memory_stats()["num_device_alloc"]

    hear_all()
    assert hear_all() == hear_all()
