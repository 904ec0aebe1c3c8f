"""The demo model with what training needs: gradients, losses, and a way back to the published layout."""

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.qwen3.modeling_qwen3 import Qwen3Attention, apply_rotary_pos_emb

from live_canary.model import encoder, llm
from live_canary.model.canary import CanaryQwen
from live_canary.model.conformer import encoded_frames
from live_canary.model.graphs import round_up
from tools.canonical import CanonicalQwen
from tools.demo_model.clips import TOKENS_STEP, Batch, padded
from tools.demo_model.risk import LONGEST_PROPOSED, expected_errors

WRONG_TOKENS = 0.03  # share of the text fed to the LLM that is wrong on purpose, so that it keeps listening
LABEL_SMOOTHING = 0.02
NOWHERE = -1e4  # a score that leaves nothing after softmax, and its gradient finite
SLACK_EMBEDDINGS = 6  # half a second, by which the guess of when a token is spoken may be wrong


class Trainee(nn.Module):
    """A CanaryQwen whose every weight learns; unlike a fine-tune, the LLM's base trains together with its adapter."""

    def __init__(self, canary: CanaryQwen):
        super().__init__()
        self.canary, self.perception = canary, canary.perception
        self.qwen = CanonicalQwen(canary.qwen)
        self.requires_grad_(True)
        ids = canary.prompt_ids()
        place, device = ids.index(canary.prompt.placeholder_id), canary.device
        self.before = torch.tensor(ids[:place], device=device)
        self.after = torch.tensor(ids[place + 1 :], device=device)
        self.end = torch.tensor([canary.prompt.end_id], device=device)
        self.ctc_bias = nn.Parameter(torch.zeros(self.embedding.weight.shape[0], device=device))  # only for training
        self.looking = Looking(self.qwen.causal_lm.model.layers[-1].self_attn)

    @property
    def embedding(self) -> nn.Embedding:
        embedding: nn.Embedding = self.qwen.causal_lm.model.embed_tokens
        return embedding

    def listen(self, mel: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, frames, bins) -> audio embeddings (B, T, D) and how many of each row are valid."""
        return self.perception.proj(self.perception.encoder(mel, frames)), encoded_frames(frames)

    def ctc_scores(self, audio: Tensor) -> Tensor:
        """Audio embeddings (..., D) -> a score for every token (..., V), unnormalised; 0 is CTC's blank."""
        normed = functional.rms_norm(audio, audio.shape[-1:])
        return functional.linear(normed, self.embedding.weight, self.ctc_bias).float()

    def forward(self, batch: Batch, with_errors: bool = False) -> Tensor:
        """Cross-entropy of the transcript after the prompt, CTC of it on the audio embeddings, the guide,
        cross-entropy of text without sound, how far attention strays from what is being written, and how many words
        are expected to be wrong: (6,).

        CTC scores the audio embeddings against the LLM's own token embeddings, so that what the encoder hands over
        already looks like the text the LLM has to write. The guide is cross-entropy against a rough alignment,
        which gets CTC over its first plateau.
        """
        audio, lengths = self.listen(batch.mel, batch.frames)
        scores = self.ctc_scores(audio)
        guide = functional.cross_entropy(scores.transpose(1, 2), batch.guess, ignore_index=-100)
        sizes = torch.tensor([len(text) for text in batch.targets], device=audio.device)
        ctc = (
            functional.ctc_loss(
                scores.log_softmax(-1).transpose(0, 1),
                torch.cat(batch.targets),
                lengths,
                sizes,
                blank=0,
                reduction="none",
                zero_infinity=True,
            ).sum()
            / (sizes + 1).sum()
        )
        answer = self.answer_loss(audio, lengths, batch.targets)
        straying = self.straying_loss(lengths, batch)
        with_errors &= batch.mel.shape[1] <= LONGEST_PROPOSED
        wrong = expected_errors(self, audio, lengths, batch.targets) if with_errors else self.nothing()
        return torch.stack([answer, ctc, guide, self.reading_loss(batch.read), straying, wrong])

    def nothing(self) -> Tensor:
        """A loss of a batch that has none of its kind."""
        return self.ctc_bias.sum() * 0

    def straying_loss(self, lengths: Tensor, batch: Batch) -> Tensor:
        """How little of the last layer's attention is where each token is spoken; after `answer_loss`, of its rows."""
        sizes = torch.tensor([len(spans) for spans in batch.spans], device=lengths.device)
        if not sizes.sum():
            return self.nothing()
        spans = padded(batch.spans, round_up(int(sizes.max()), TOKENS_STEP))
        tokens = torch.arange(spans.shape[1], device=lengths.device)
        first = len(self.before) + lengths + len(self.after) - 1  # the position that writes the first token
        shares = self.looking.log_shares(first[:, None] + tokens, spans + len(self.before))
        return -shares.transpose(1, 2)[tokens < sizes[:, None]].mean()

    def answer_loss(self, audio: Tensor, lengths: Tensor, targets: list[Tensor]) -> Tensor:
        scores, wanted = self.answer_scores(audio, lengths, targets)
        return functional.cross_entropy(scores.float(), wanted, label_smoothing=LABEL_SMOOTHING)

    def answer_scores(self, audio: Tensor, lengths: Tensor, targets: list[Tensor]) -> tuple[Tensor, Tensor]:
        """What the LLM would write after the prompt and each part of the transcripts, and what stands there: scores
        (n, V) and ids (n) of all tokens and ends, row after row; -100 where there is none.
        """
        rows, labels = [], []
        for length, text in zip(lengths.tolist(), targets, strict=True):
            random = torch.randint_like(text, 3, len(self.ctc_bias))
            share = WRONG_TOKENS if self.training else 0
            seen = torch.where(torch.rand(len(text), device=text.device) < share, random, text)
            rows.append(torch.cat([self.before, self.before.new_zeros(length), self.after, seen]))
            answer = torch.cat([text, self.end])
            labels.append(functional.pad(answer, (len(rows[-1]) - len(answer), 0), value=-100))
        longest = round_up(max(len(self.before) + audio.shape[1], *map(len, rows)), TOKENS_STEP)
        ids = padded(rows, longest)  # on the right, and causal: needs no mask
        inputs = self.inputs(ids, audio, lengths)
        with self.looking:
            hidden = self.qwen.causal_lm.model(inputs_embeds=inputs, use_cache=False).last_hidden_state
        expected = padded(labels, longest, -100).flatten()
        places = (expected >= 0).nonzero()[:, 0]
        spare = round_up(len(places), TOKENS_STEP) - len(places)
        scores = functional.linear(hidden.flatten(0, 1)[functional.pad(places, (0, spare))], self.embedding.weight)
        return scores, functional.pad(expected[places], (0, spare), value=-100)

    def inputs(self, ids: Tensor, audio: Tensor, lengths: Tensor) -> Tensor:
        """Embeddings (B, L, D) of tokens (B, L), and of the audio in its place behind the prompt's beginning."""
        longest = ids.shape[1]
        spoken = torch.arange(longest, device=ids.device) - len(self.before)
        heard = functional.pad(audio, (0, 0, len(self.before), longest - len(self.before) - audio.shape[1]))
        is_heard = ((spoken >= 0) & (spoken < lengths[:, None]))[..., None]
        return torch.where(is_heard, heard.float(), self.embedding(ids))

    def reading_loss(self, windows: Tensor) -> Tensor:
        """Of windows (B, tokens) of text, each token after those before it; nothing where there is no window."""
        if not len(windows):
            return self.nothing()
        inputs = self.embedding(windows[:, :-1])
        hidden = self.qwen.causal_lm.model(inputs_embeds=inputs, use_cache=False).last_hidden_state
        scores = functional.linear(hidden, self.embedding.weight).float()
        return functional.cross_entropy(scores.transpose(1, 2), windows[:, 1:])


class Looking:
    """Where the heads of an attention layer look that share its first key head; of the newest call within it."""

    def __init__(self, attention: Qwen3Attention):
        self.attention, self.within = attention, False
        attention.register_forward_pre_hook(self.note, with_kwargs=True)

    def __enter__(self) -> None:
        self.within = True

    def __exit__(self, *_: object) -> None:
        self.within = False

    def note(self, attention: Qwen3Attention, _: object, called: dict[str, Any]) -> None:
        if not self.within:
            return
        hidden, (cos, sin) = called["hidden_states"], called["position_embeddings"]
        heads = (*hidden.shape[:-1], -1, attention.head_dim)
        queries = attention.q_norm(attention.q_proj(hidden).view(heads)).transpose(1, 2)
        keys = attention.k_norm(attention.k_proj(hidden).view(heads)).transpose(1, 2)
        queries, keys = apply_rotary_pos_emb(queries[:, : attention.num_key_value_groups], keys[:, :1], cos, sin)
        self.queries, self.keys = queries * attention.scaling, keys

    def log_shares(self, positions: Tensor, spans: Tensor) -> Tensor:
        """positions: (B, n), spans: (B, n, 2), first and end -> (B, heads, n): the logarithm of the share of the
        attention of each position that its span has. Positions beyond the last are taken for that.
        """
        length = self.queries.shape[2]
        positions = positions.clamp(max=length - 1)
        rows = torch.arange(len(positions), device=positions.device)[:, None]
        queries = self.queries[rows, :, positions].transpose(1, 2)
        scores = (queries @ self.keys.transpose(2, 3)).float()
        at = torch.arange(length, device=scores.device)
        seen = scores.masked_fill(at > positions[:, None, :, None], NOWHERE)
        start, end = (edge[:, None, :, None] for edge in spans.unbind(-1))
        near = (at >= start - SLACK_EMBEDDINGS) & (at < end + SLACK_EMBEDDINGS)
        within = seen.masked_fill(~near, NOWHERE)
        shares: Tensor = within.logsumexp(-1) - seen.logsumexp(-1)
        return shares


def resume(model: Trainee, path: Path) -> tuple[float, float, dict[str, Any] | None]:
    """Minutes and hours of audio trained before, and the state of the weights' mean; the weights are poured back."""
    if not path.exists():
        return 0.0, 0.0, None
    state = torch.load(path, map_location=model.ctc_bias.device, weights_only=True)
    model.load_state_dict(state["weights"])
    return state["minutes"], state["audio_hours"], state.get("average")


def export(canary: CanaryQwen, folder: Path) -> None:
    """Write FOLDER/model.safetensors: the published names, bfloat16."""
    named = {encoder.checkpoint_key(key): value for key, value in canary.perception.state_dict().items()}
    named |= {llm.checkpoint_key(key): value for key, value in canary.qwen.state_dict().items()}
    stored = {
        key: value.to("cpu", torch.bfloat16 if value.is_floating_point() else None).clone().contiguous()
        for key, value in named.items()
    }
    unfinished = folder / "model.safetensors.part"
    save_file(stored, unfinished)
    unfinished.chmod(0o644)  # safetensors writes for the owner alone
    unfinished.rename(folder / "model.safetensors")
