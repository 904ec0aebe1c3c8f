"""The words around the audio: the chat form the model was trained with, and where the audio takes its place."""

import itertools
import math
import re
from bisect import bisect_left, bisect_right
from pathlib import Path

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from live_canary import files
from live_canary.errors import CheckpointError
from live_canary.model.config import PLACEHOLDER

TRANSCRIBE = f"Transcribe the following: {PLACEHOLDER}"
END_OF_TURN = "<|im_end|>"
WITHOUT_THOUGHTS = "<think>\n\n</think>\n\n"  # as Qwen3's own chat form has it with `enable_thinking=False`


class Prompt:
    """Token ids of prompts, and text of token ids, with the tokenizer of `llm_backbone/tokenizer.json`."""

    def __init__(self, tokenizer: Tokenizer):
        self.tokenizer = tokenizer
        self.tokenizer.add_special_tokens([PLACEHOLDER])
        self.placeholder_id = self._id(PLACEHOLDER)
        self.end_id = self._id(END_OF_TURN)

    @classmethod
    def load(cls, path: Path) -> "Prompt":
        """Raises CheckpointError when the file is missing, no tokenizer, or not a chat model's."""
        if not files.is_file(path):
            raise CheckpointError(f"{path} is missing: copy Qwen3's tokenizer files into that folder")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # noqa: BLE001 - tokenizers raises a bare Exception
            raise CheckpointError(f"{path} is not a tokenizer file ({error}); copy Qwen3's again") from None
        for token in ("<|im_start|>", END_OF_TURN):
            if tokenizer.token_to_id(token) is None:
                raise CheckpointError(f"{path} does not know {token}; copy Qwen3's tokenizer.json into that folder")
        return cls(tokenizer)

    def ids(self, message: str = TRANSCRIBE, begun: str = "") -> list[int]:
        """Ids of one user message in the chat form, up to where the answer goes on (NeMo's `qwen` format)."""
        chat = f"<|im_start|>user\n{message}{END_OF_TURN}\n<|im_start|>assistant\n{begun}"
        return self.tokenizer.encode(chat, add_special_tokens=False).ids

    def _id(self, token: str) -> int:
        found = self.tokenizer.token_to_id(token)
        assert found is not None, token
        return found

    def text(self, ids: list[int]) -> str:
        return self.tokenizer.decode(ids, skip_special_tokens=True).strip()

    def words(self, ids: list[int], probabilities: list[float]) -> list[tuple[str, float]]:
        """The words of `text(ids)` with their probabilities, from those of the tokens.

        A word is as probable as its tokens together; one that only adds punctuation does not make it less so.
        """
        pieces = [self.tokenizer.decode([token], skip_special_tokens=True) for token in ids]
        ends = list(itertools.accumulate(len(piece) for piece in pieces))
        words = self.text(ids).split()
        spans = [match.span() for match in re.finditer(r"\S+", "".join(pieces))]
        if len(spans) != len(words):  # a space of several bytes, divided among tokens
            return [(word, math.prod(probabilities) ** (1 / len(words))) for word in words]
        likely = []
        for start, end in spans:
            tokens = range(bisect_right(ends, start), bisect_left(ends, end) + 1)
            spoken = [token for token in tokens if any(letter.isalnum() for letter in pieces[token])]
            likely.append(math.prod(probabilities[token] for token in spoken or tokens))
        return list(zip(words, likely, strict=True))


def inject_audio_embeddings(
    input_ids: list[list[int]], text_embeddings: list[Tensor], audio: list[Tensor], placeholder_id: int
) -> tuple[Tensor, Tensor]:
    """Prompts with every placeholder replaced by the next utterance's audio embeddings, as NeMo does.

    input_ids: B prompts of token ids; text_embeddings: their embeddings, (tokens, D) each (a placeholder's row is
    dropped); audio: (frames, D) each, as many as there are placeholders in all prompts, in order.
    -> embeddings (B, L, D) padded with zeros on the left, and their attention mask (B, L) of 0 and 1.
    Raises ValueError when the counts differ.
    """
    placeholders = sum(ids.count(placeholder_id) for ids in input_ids)
    if placeholders != len(audio):
        raise ValueError(f"{placeholders} placeholders in the prompts, but {len(audio)} utterances")
    remaining = iter(audio)
    rows = []
    for ids, embedded in zip(input_ids, text_embeddings, strict=True):
        pieces, start = [], 0
        for position, token in enumerate(ids):
            if token == placeholder_id:
                pieces += [embedded[start:position], next(remaining)]
                start = position + 1
        rows.append(torch.cat([*pieces, embedded[start:]]))
    mask = pad_sequence(
        [torch.ones(len(row), dtype=torch.long, device=row.device) for row in rows],
        batch_first=True,
        padding_side="left",
    )
    return pad_sequence(rows, batch_first=True, padding_side="left"), mask
