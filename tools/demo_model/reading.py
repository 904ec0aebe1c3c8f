"""Text that is only read (books.py collects it) -> windows of token ids for the LLM to go on with."""

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

READING = "reading.txt"


class Reader:
    """The lines of a text file in ever new order, as one endless row of token ids: an end token, then the line."""

    def __init__(self, path: Path, tokenizer: Tokenizer, end_id: int, rng: np.random.Generator):
        coded = tokenizer.encode_batch_fast(path.read_text().splitlines(), add_special_tokens=False)
        self.lines = [np.array([end_id, *line.ids], np.int32) for line in coded]
        self.rng, self.left = rng, np.zeros(0, np.int32)

    def windows(self, count: int, tokens: int) -> np.ndarray:
        """(count, tokens), the next of them."""
        while len(self.left) < count * tokens:
            drawn = self.rng.integers(len(self.lines), size=1000)
            self.left = np.concatenate([self.left, *(self.lines[i] for i in drawn)])
        taken, self.left = self.left[: count * tokens], self.left[count * tokens :]
        return taken.reshape(count, tokens)
