"""Learning from the words that are wrong in what the model writes itself."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional

from live_canary.audio.recording_file import read_recording
from live_canary.model.canary import CanaryQwen
from tools.demo_model import risk
from tools.demo_model.risk import decoded, expected_errors, log_likelihoods, propose, word_errors
from tools.demo_model.trainee import Trainee

DEMO_MODEL = "assets/demo-model"
WANTED = "A low tone.", "Two tones?"


@pytest.fixture(scope="module")
def trainee():
    return Trainee(CanaryQwen.load(DEMO_MODEL, "cpu", "float32")).eval()


@pytest.fixture(scope="module")
def unsure(trainee):
    """Audio embeddings of two pieces of speech in loud unsure, and their lengths."""
    wave = torch.from_numpy(read_recording(Path("assets/noisy.wav")))
    torch.manual_seed(3)
    wave += 0.02 * torch.randn_like(wave)
    pieces = [trainee.canary.perception.preprocessor(wave[start : start + 16000 * 2]).T for start in (24000, 120000)]
    frames = torch.tensor([len(pieces[0]), len(pieces[1]) - 40])
    with torch.no_grad():
        return trainee.listen(torch.stack(pieces), frames)


@pytest.fixture(scope="module")
def targets(trainee):
    return [torch.tensor(trainee.canary.prompt.tokenizer.encode(text).ids) for text in WANTED]


def test_the_first_proposal_is_what_the_program_writes(trainee, unsure, targets):
    audio, lengths = unsure
    first = [texts[0].tolist() for texts in propose(trainee, audio, lengths, targets)]
    most = max(map(len, targets)) + risk.SPARE_TOKENS
    for text, heard, length in zip(first, audio, lengths.tolist(), strict=True):
        prompt = torch.cat([trainee.embedding(trainee.before), heard[:length], trainee.embedding(trainee.after)])[None]
        mask = torch.ones(prompt.shape[:2], dtype=torch.long)
        end = trainee.canary.prompt.end_id
        (alone,) = trainee.qwen.generate(prompt, mask, most, end)
        assert [token for token in text if token != end] == alone[:most]


def test_proposals_differ_and_are_likely(trainee, unsure, targets):
    audio, lengths = unsure
    for texts in propose(trainee, audio, lengths, targets):
        assert 1 < len(texts) == len({tuple(text.tolist()) for text in texts}) <= risk.PROPOSALS


def test_texts_of_one_row_are_as_likely_as_each_alone(trainee, unsure, targets):
    audio, lengths = unsure
    texts = propose(trainee, audio, lengths, targets)
    with torch.no_grad():
        together = log_likelihoods(trainee, audio, lengths, texts)
        for row, proposed in enumerate(texts):
            for text, likelihood in zip(proposed, together[row], strict=True):
                assert text[-1] == trainee.end or len(text) == max(map(len, targets)) + risk.SPARE_TOKENS
                scores, _ = trainee.answer_scores(audio[row : row + 1], lengths[row : row + 1], [text])
                alone = -functional.cross_entropy(scores[: len(text)], text, reduction="sum")
                assert likelihood.item() == pytest.approx(alone.item(), abs=1e-3)


def test_wrong_words_count_more_than_wrong_marks():
    assert word_errors(["A low tone.", "A low tone!", "A slow tone.", ""], "A low tone.") == pytest.approx(
        [0, 0.3, 1.0, 3.0]
    )


def test_a_step_against_the_loss_makes_the_better_text_likelier(trainee, unsure, monkeypatch):
    audio, lengths = (x[:1] for x in unsure)
    tokenizer, end = trainee.canary.prompt.tokenizer, trainee.end
    texts = [torch.cat([torch.tensor(tokenizer.encode(text).ids), end]) for text in ("A low tone.", "A slow tone.")]
    monkeypatch.setattr(risk, "propose", lambda *_: [texts])
    heard = audio.clone().requires_grad_()
    loss = expected_errors(trainee, heard, lengths, [texts[0][:-1]])
    (slope,) = torch.autograd.grad(loss, heard)
    assert decoded(trainee, texts) == ["A low tone.", "A slow tone."]

    def preference(embeddings):
        better, worse = log_likelihoods(trainee, embeddings, lengths, [texts])[0]
        return float(better - worse)

    with torch.no_grad():
        assert preference(audio - 0.1 * slope / slope.norm()) > preference(audio)


def test_nothing_is_learnt_where_all_texts_are_equally_wrong(trainee, unsure, targets, monkeypatch):
    audio, lengths = unsure
    monkeypatch.setattr(risk, "propose", lambda *_: [[torch.cat([text, trainee.end])] for text in targets])
    assert expected_errors(trainee, audio, lengths, targets).item() == 0
