"""The bridge to the model: text, drafts and flags."""

import numpy as np
import soundfile

from live_canary.model.answer import Answer
from live_canary.transcript.transcriber import CanaryTranscriber
from tests.conftest import ROOT


def test_a_hypothesis_is_the_draft_of_the_next_one_and_does_not_change_it(demo):
    samples, _ = soundfile.read(ROOT / "assets" / "dictation.wav", dtype="float32", frames=4 * 16_000)
    transcriber = CanaryTranscriber(demo)
    earlier = transcriber.transcribe(samples[: 2 * 16_000])
    assert transcriber.transcribe(samples, earlier) == transcriber.transcribe(samples)
    assert transcriber.transcribe(samples).text == demo.transcribe(samples)


def test_every_word_has_a_confidence(demo):
    samples, _ = soundfile.read(ROOT / "assets" / "dictation.wav", dtype="float32", frames=4 * 16_000)
    hypothesis = CanaryTranscriber(demo).transcribe(samples)
    assert len(hypothesis.confidences) == len(hypothesis.text.split()) > 5
    assert all(0 < confidence <= 1 for confidence in hypothesis.confidences)


class Stuck:
    """A model that says one word again and again, ever surer of it."""

    def answers(self, audios, drafts_ids=()):
        return [Answer([0] * 10, [0.5] * 10) for _ in audios]

    def words(self, answer):
        return [("well", 0.1), *(("and", 0.2 + k / 20) for k in range(8)), ("then", 0.9)]

    def most_new_tokens(self, samples):
        return 99


def test_what_is_cut_out_of_a_loop_takes_its_confidences_along():
    hypothesis = CanaryTranscriber(Stuck()).transcribe(np.zeros(16_000, np.float32))
    assert (hypothesis.text, hypothesis.confidences) == ("well and then", (0.1, 0.2, 0.9))
    assert hypothesis.flag == "loop"


def test_no_sound_is_no_text(demo):
    assert CanaryTranscriber(demo).transcribe(np.zeros(16_000, np.float32)).text == ""


def test_a_model_that_does_not_end_its_answer_is_flagged(tiny):
    """The random weights of the small reference checkpoint never do."""
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    assert CanaryTranscriber(tiny).transcribe(noise).flag == "loop"
