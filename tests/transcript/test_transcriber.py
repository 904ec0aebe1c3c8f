"""The bridge to the model: text, drafts and flags."""

import numpy as np

from live_canary.transcript.transcriber import CanaryTranscriber


def test_a_hypothesis_is_the_draft_of_the_next_one_and_does_not_change_it(demo):
    import soundfile

    from tests.conftest import ROOT

    samples, _ = soundfile.read(ROOT / "assets" / "dictation.wav", dtype="float32", frames=4 * 16_000)
    transcriber = CanaryTranscriber(demo)
    earlier = transcriber.transcribe(samples[: 2 * 16_000])
    assert transcriber.transcribe(samples, earlier) == transcriber.transcribe(samples)
    assert transcriber.transcribe(samples).text == demo.transcribe(samples)


def test_no_sound_is_no_text(demo):
    assert CanaryTranscriber(demo).transcribe(np.zeros(16_000, np.float32)).text == ""


def test_a_model_that_does_not_end_its_answer_is_flagged(tiny):
    """The random weights of the small reference checkpoint never do."""
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    assert CanaryTranscriber(tiny).transcribe(noise).flag == "loop"
