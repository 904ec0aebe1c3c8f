"""The expected number of wrong words: what is measured, as a loss.

Cross-entropy asks for the next token of the right text, after the right beginning. Here the model writes several texts
itself, and learns to prefer those of them with fewer wrong words (minimum word error rate training; Prabhavalkar et
al., 2018).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import jiwer
import torch
from torch import Tensor
from torch.nn import functional
from transformers import DynamicCache

from live_canary.model.graphs import round_up
from tools.demo_model.clips import TOKENS_STEP, padded
from tools.demo_model.evaluate import plain

if TYPE_CHECKING:
    from tools.demo_model.trainee import Trainee

PROPOSALS = 4  # texts that are written of each utterance: the likeliest, and others drawn
LEAST_SHARE = 0.05  # of the likeliest token's probability: what is less likely is not drawn
LONGEST_PROPOSED = 1280  # frames: of what is longer one text is so much the likeliest that nothing is learnt
SPARE_TOKENS = 8  # that a text may be longer than the longest right one
WRITTEN = 0.3  # of a wrong word that is a wrong case or mark


def expected_errors(trainee: "Trainee", audio: Tensor, lengths: Tensor, targets: list[Tensor]) -> Tensor:
    """Expected wrong words among the texts that the model writes, over the words there are, less what that would be
    if it were indifferent to them; audio: (B, T, D), of which `lengths` are valid. ()
    """
    words = sum(len(text.split()) for text in decoded(trainee, targets))
    rows, texts, errors = [], [], []
    for row, (proposed, target) in enumerate(zip(propose(trainee, audio, lengths, targets), targets, strict=True)):
        wrong = word_errors(decoded(trainee, proposed), *decoded(trainee, [target]))
        if max(wrong) > min(wrong):
            rows.append(row)
            texts.append(proposed)
            errors.append(torch.tensor(wrong, device=audio.device))
    if not rows:
        return trainee.nothing()
    likelihoods = log_likelihoods(trainee, audio[rows], lengths[rows], texts)
    expected = [
        (scores.softmax(0) * (wrong - wrong.mean())).sum() for scores, wrong in zip(likelihoods, errors, strict=True)
    ]
    return torch.stack(expected).sum() / max(words, 1)


def decoded(trainee: "Trainee", texts: list[Tensor]) -> list[str]:
    tokenizer, end = trainee.canary.prompt.tokenizer, trainee.canary.prompt.end_id
    return [tokenizer.decode([token for token in text.tolist() if token != end]) for text in texts]


def word_errors(got: list[str], wanted: str) -> list[float]:
    """Wrong words of each text, and a share of the words that are only written wrong."""

    def wrong(a: str, b: str) -> int:
        found = jiwer.process_words(a or "-", b or "-")
        return int(found.substitutions + found.deletions + found.insertions)

    return [(1 - WRITTEN) * wrong(plain(wanted), plain(text)) + WRITTEN * wrong(wanted, text) for text in got]


@torch.no_grad()
def propose(trainee: "Trainee", audio: Tensor, lengths: Tensor, targets: list[Tensor]) -> list[list[Tensor]]:
    """PROPOSALS texts or fewer of each utterance, all different, as token ids with the end."""
    model, embedding = trainee.qwen.causal_lm.model, trainee.embedding
    device, end, before, after = audio.device, trainee.canary.prompt.end_id, trainee.before, trainee.after
    sizes = lengths + len(before) + len(after)
    longest = round_up(int(sizes.max()), TOKENS_STEP)
    edges = embedding(before), embedding(after)
    prompts = [
        functional.pad(torch.cat([edges[0], heard[:length], edges[1]]), (0, 0, longest - size, 0))
        for heard, length, size in zip(audio.float(), lengths.tolist(), sizes.tolist(), strict=True)
    ]
    places = torch.arange(longest, device=device)
    valid = places >= longest - sizes[:, None]
    causal = places <= places[:, None]
    mask = (valid[:, None] & causal | torch.eye(longest, dtype=torch.bool, device=device))[:, None]
    positions = (places - (longest - sizes)[:, None]).clamp(min=0)
    cache = DynamicCache(config=model.config)  # in its place: its name changed in transformers 5.24
    hidden = model(
        None,
        {"full_attention": mask},
        positions,
        cache,
        inputs_embeds=torch.stack(prompts),
        use_cache=True,
    ).last_hidden_state[:, -1]
    cache.batch_repeat_interleave(PROPOSALS)
    hidden, valid, sizes = (x.repeat_interleave(PROPOSALS, 0) for x in (hidden, valid, sizes))
    likeliest = torch.arange(len(hidden), device=device) % PROPOSALS == 0
    written: list[Tensor] = []
    ended = torch.zeros_like(likeliest)
    for step in range(max(map(len, targets)) + SPARE_TOKENS):
        chances = functional.linear(hidden.float(), embedding.weight).softmax(-1)
        chances = chances.masked_fill(chances < LEAST_SHARE * chances.max(-1, keepdim=True).values, 0)
        drawn = torch.where(likeliest, chances.argmax(-1), chances.multinomial(1)[:, 0])
        drawn = torch.where(ended, end, drawn)
        written.append(drawn)
        ended |= drawn == end
        if ended.all():
            break
        valid = functional.pad(valid, (0, 1), value=True)
        hidden = model(
            None,
            {"full_attention": valid[:, None, None]},
            (sizes + step)[:, None],
            cache,
            inputs_embeds=embedding(drawn)[:, None],
            use_cache=True,
        ).last_hidden_state[:, 0]
    rows = torch.stack(written, 1).tolist()
    texts = [tuple(row[: row.index(end) + 1] if end in row else row) for row in rows]
    return [
        [torch.tensor(text, device=device) for text in dict.fromkeys(texts[i : i + PROPOSALS])]
        for i in range(0, len(texts), PROPOSALS)
    ]


def log_likelihoods(trainee: "Trainee", audio: Tensor, lengths: Tensor, texts: list[list[Tensor]]) -> list[Tensor]:
    """Of each text (with its end) of each utterance: (texts,) a row."""
    rows = [Row.of(trainee, length, proposed) for length, proposed in zip(lengths.tolist(), texts, strict=True)]
    longest = max(len(trainee.before) + audio.shape[1], *(len(row.ids) for row in rows))
    longest = round_up(longest, TOKENS_STEP)
    parts = padded([row.parts for row in rows], longest, -1)
    seen = (parts[:, None] == 0) | (parts[:, None] == parts[..., None])
    seen &= torch.ones(longest, longest, dtype=torch.bool, device=audio.device).tril()
    hidden = trainee.qwen.causal_lm.model(
        inputs_embeds=trainee.inputs(padded([row.ids for row in rows], longest), audio, lengths),
        attention_mask={"full_attention": seen[:, None]},
        position_ids=padded([row.positions for row in rows], longest),
        use_cache=False,
    ).last_hidden_state
    writers = torch.cat([row.writers + number * longest for number, row in enumerate(rows)])
    tokens = [text for proposed in texts for text in proposed]
    scores = functional.linear(hidden.flatten(0, 1)[writers], trainee.embedding.weight).float()
    likelihoods = -functional.cross_entropy(scores, torch.cat(tokens), reduction="none")
    sums = torch.stack([part.sum() for part in likelihoods.split([len(text) for text in tokens])])
    return list(sums.split([len(proposed) for proposed in texts]))


@dataclass(frozen=True, slots=True)
class Row:
    """The texts of one utterance behind one prompt, in one row of the LLM: each sees the prompt and itself."""

    ids: Tensor
    parts: Tensor
    """Whose each token is: 0 the prompt's, else the text's of that number."""
    positions: Tensor
    writers: Tensor
    """For each token of each text, where in the row it is written: one place before it."""

    @classmethod
    def of(cls, trainee: "Trainee", length: int, texts: list[Tensor]) -> "Row":
        prompt = torch.cat([trainee.before, trainee.before.new_zeros(length), trainee.after])
        size, device = len(prompt), prompt.device
        read = [text[:-1] for text in texts]  # nothing is written behind the last
        sizes = torch.tensor([size, *map(len, read)], device=device)
        places = torch.arange(int(sizes.sum()), device=device)
        return cls(
            ids=torch.cat([prompt, *read]),
            parts=torch.arange(len(sizes), device=device).repeat_interleave(sizes),
            positions=torch.cat([places[:size], *(places[size : size + len(text)] for text in read)]),
            writers=torch.cat(
                [torch.cat([places[size - 1 : size], part]) for part in places.split(sizes.tolist())[1:]]
            ),
        )
