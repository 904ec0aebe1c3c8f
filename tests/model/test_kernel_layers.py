"""Decoder and encoder in C compute what they do in torch, for several utterances what for each alone."""

from unittest import mock

import pytest
import torch

from live_canary.model import kernels
from live_canary.model.answer import Prompted
from live_canary.model.canary import CanaryQwen
from live_canary.model.conformer import encode_distances
from live_canary.model.decoder import LeanDecoder
from live_canary.model.encoder import InPieces
from live_canary.model.kernel_decoder import KernelDecoder
from live_canary.model.kernel_encoder import KernelConformer
from tests.conftest import DEMO, TINY
from tests.model.multiplying import compiled, vectors


def assert_close(a: torch.Tensor, b: torch.Tensor):
    """But for activations that lie between two steps: what is not the same to the last bit may round them apart."""
    assert (a - b).square().mean() < 1e-3 * b.square().mean()


@compiled
@pytest.mark.parametrize("lesser", kernels.VECTORS[:-1])
@pytest.mark.parametrize(("folder", "dtype"), [(DEMO, "int8"), (DEMO, "int4"), (TINY, "int8")])
def test_layers_are_the_same_in_every_vector(folder, dtype, lesser):
    """Bit by bit, whatever the lengths leave over of a vector."""
    model = CanaryQwen.load(folder, device="cpu", dtype=dtype)
    decoder, encoder = model.decoder, model.perception.encoder
    x = decoder.embed([index % 500 for index in range(75)])
    heard = [
        torch.randn(1, frames, encoder.config.width, generator=torch.Generator().manual_seed(frames))
        for frames in (1, 2, 17, 51, 130, 64)
    ]

    def results():
        parts = [slice(0, 50), slice(50, 51), slice(51, 75)]
        written = [decoder.forward(x[part], torch.arange(75)[part], part.stop) for part in parts]
        return [*written, *(encoder.layers[0](one, encode_distances(one.shape[1], one), None) for one in heard)]

    best = results()
    with vectors(lesser):
        assert all(map(torch.equal, results(), best))


@compiled
@pytest.mark.parametrize("folder", [DEMO, TINY])
def test_the_layers_in_c_are_those_in_torch(folder):
    """Prompt, single tokens and a draft of several, against the same 8-bit matrices with torch between them."""
    model = CanaryQwen.load(folder, device="cpu", dtype="int8")
    assert type(model.decoder) is KernelDecoder
    x = model.decoder.embed([index % 500 for index in range(150)])
    positions = torch.arange(150)
    parts = [slice(0, 130), slice(130, 131), slice(131, 150)]
    in_c = [model.decoder.forward(x[part], positions[part], part.stop) for part in parts]
    in_torch = LeanDecoder.forward(model.decoder, x, positions, 150, positions <= positions[:, None])
    assert_close(torch.cat(in_c), in_torch)


@compiled
@pytest.mark.parametrize(("owner", "name"), [(torch, "stack"), (KernelDecoder, "_as_structure")])
def test_memory_that_ends_while_the_cache_grows_leaves_a_decoder_that_works(owner, name, monkeypatch):
    decoder, fresh = (CanaryQwen.load(DEMO, device="cpu", dtype="int8").decoder for _ in range(2))
    prompt = decoder.embed([index % 500 for index in range(400)])
    with monkeypatch.context() as full:
        full.setattr(owner, name, mock.Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            decoder.generate(prompt, 5, end_id=-1)
    assert decoder.generate(prompt, 5, end_id=-1) == fresh.generate(prompt, 5, end_id=-1)


@compiled
def test_memory_that_ends_while_the_distances_grow_leaves_an_encoder_that_works(monkeypatch):
    perception, fresh = (CanaryQwen.load(DEMO, device="cpu", dtype="int8").perception for _ in range(2))
    first, longer, longest = (torch.randn(seconds * 16_000) for seconds in (1, 9, 10))
    perception([first])
    with monkeypatch.context() as full:
        full.setattr("live_canary.model.kernel_encoder._normed_taps", mock.Mock(side_effect=MemoryError))
        with pytest.raises(MemoryError):
            perception([longest])
    for samples in (first, longer, longest):
        assert torch.equal(perception([samples])[0], fresh([samples])[0])


@pytest.fixture
def computed(monkeypatch) -> list[int]:
    """How many rows go through the decoder's layers each time."""
    rows: list[int] = []
    in_c = kernels.decode

    def counted(structure, x, *numbers):
        rows.append(len(x))
        in_c(structure, x, *numbers)

    monkeypatch.setattr(kernels, "decode", counted)
    return rows


@compiled
@pytest.mark.parametrize("dtype", ["int8", "int4"])
def test_what_every_prompt_begins_with_is_computed_once(dtype, computed):
    decoder = CanaryQwen.load(DEMO, device="cpu", dtype=dtype).decoder
    one, other, elsewhere = (decoder.embed(ids) for ids in ([7, 8, *range(20)], [7, 8, *range(30, 60)], [5] * 22))
    whole = [decoder.forward(x, torch.arange(len(x)), len(x))[9:] for x in (one, other, other, elsewhere, one)]
    computed.clear()
    parts = [decoder._prefill(x, 9, same) for x, same in ((one, 2), (other, 2), (other, 0), (elsewhere, 2), (one, 2))]
    assert all(map(torch.equal, parts, whole))
    assert computed == [22, 30, 32, 22, 22]


@compiled
@pytest.mark.parametrize("vector", kernels.VECTORS)
@pytest.mark.parametrize(("folder", "dtype"), [(DEMO, "int8"), (DEMO, "int4"), (TINY, "int8")])
def test_several_utterances_at_once_have_the_answers_that_each_has_alone(folder, dtype, vector):
    """Of all lengths, with right, wrong and no drafts, one that ends at once and one that may have no token."""
    decoder, alone = (CanaryQwen.load(folder, device="cpu", dtype=dtype).decoder for _ in range(2))
    rng = torch.Generator().manual_seed(1)
    spoken = [torch.randint(500, (length,), generator=rng).tolist() for length in (9, 40, 17, 16, 130, 3, 64, 33, 21)]
    starts = [decoder.embed([7, 8, *ids]) for ids in spoken]
    most = [12, 3, 20, 0, 5, 1, 9, 15, 12]
    with vectors(vector):
        free = [alone.generate(start, count, -1).ids for start, count in zip(starts, most, strict=True)]
        end = free[1][0]
        drafts = [[], free[1], [*free[2][:6], 3], free[4], free[4][:2], [], [5, 6], [], free[8]]
        prompts = [Prompted(*each) for each in zip(starts, most, drafts, strict=True)]
        expected = [alone.generate(one.embeddings, one.max_new_tokens, end, one.draft, same=2) for one in prompts]
        for _ in range(2):  # again where the cache has been written
            found = decoder.generate_several(prompts, end, same=2)
            assert [one.ids for one in found] == [one.ids for one in expected]
            for one, other in zip(found, expected, strict=True):
                assert one.probabilities == pytest.approx(other.probabilities, abs=0.02)
    assert not expected[1].ids
    assert len({len(one.ids) for one in expected}) > 4


@compiled
def test_a_token_of_several_utterances_takes_one_pass(computed):
    decoder = CanaryQwen.load(DEMO, device="cpu", dtype="int8").decoder
    prompts = [Prompted(decoder.embed([*range(length)]), most) for length, most in ((20, 5), (30, 9), (10, 2))]
    decoder.generate_several(prompts, end_id=-1)
    assert computed == [20, 30, 10, 3, 2, 2, 2, 1, 1, 1, 1]


@compiled
@pytest.mark.parametrize("folder", [DEMO, TINY])
def test_the_encoders_layers_in_c_are_those_in_torch(folder):
    """Several lengths, growing and shrinking, against the same 8-bit matrices with torch between them."""
    encoder = CanaryQwen.load(folder, device="cpu", dtype="int8").perception.encoder
    [conformer] = encoder.layers
    assert type(conformer) is KernelConformer
    for frames in (1, 2, 17, 51, 130, 64):
        x = torch.randn(1, frames, encoder.config.width, generator=torch.Generator().manual_seed(frames))
        before = x.clone()
        distances = encode_distances(frames, x)
        in_c = conformer(x, distances, None)
        in_torch = conformer(x, distances, torch.ones(1, frames, dtype=torch.bool))
        assert_close(in_c, in_torch)
        assert torch.equal(x, before)


@pytest.mark.parametrize("frames", [1, 8, 255, 256, 257, 700])
def test_an_utterance_is_subsampled_in_pieces_as_at_once(frames):
    perception = CanaryQwen.load(TINY, device="cpu", dtype="float32").perception
    mel = torch.randn(1, frames, 128, generator=torch.Generator().manual_seed(frames))
    with torch.no_grad():
        whole, pieces = (
            part(mel) for part in (perception.encoder.subsampling, InPieces(perception.encoder.subsampling))
        )
    torch.testing.assert_close(pieces, whole)


@compiled
@pytest.mark.parametrize("folder", [DEMO, TINY])
def test_a_pass_does_not_change_its_input(folder):
    decoder = CanaryQwen.load(folder, device="cpu", dtype="int8").decoder
    x = decoder.embed([1, 2, 3])
    before = x.clone()
    decoder.forward(x, torch.arange(3), 3)
    assert torch.equal(x, before)
