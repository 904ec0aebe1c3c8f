"""What a decoder is asked and what it answers, a token at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Answer:
    """What greedy decoding chose."""

    ids: list[int]
    """Without the end token."""
    probabilities: list[float]
    """In (0, 1], that the model gave each of them."""


@dataclass(frozen=True, slots=True)
class Prompted:
    """An utterance that wants its answer."""

    embeddings: Tensor
    """(n, hidden) of its prompt."""
    max_new_tokens: int
    draft: Sequence[int] = ()
    """A guess of the answer."""


class Growing:
    """An answer on its way, a token at a time."""

    def __init__(self, prompted: Prompted, chosen: Sequence[int], likely: Sequence[float], end_id: int):
        """chosen, likely: what follows the prompt and each token of its draft, and how probable it is."""
        self._most, self._end_id = prompted.max_new_tokens, end_id
        accepted = _common_prefix(prompted.draft[: self._most], chosen)
        self.ids, self.probabilities = list(prompted.draft[:accepted]), list(likely[:accepted])
        self.token, self.is_whole = self._end_id, accepted == self._most
        if not self.is_whole:
            self.take(chosen[accepted], likely[accepted])

    def take(self, token: int, probability: float) -> None:
        self.token = token
        if token != self._end_id:
            self.ids.append(token)
            self.probabilities.append(probability)
        self.is_whole = token == self._end_id or not self.tokens_left

    @property
    def tokens_left(self) -> int:
        return self._most - len(self.ids)

    @property
    def answer(self) -> Answer:
        length = self.ids.index(self._end_id) if self._end_id in self.ids else len(self.ids)  # a draft may have it
        return Answer(self.ids[:length], self.probabilities[:length])


def _common_prefix(draft: Sequence[int], chosen: Sequence[int]) -> int:
    count = 0
    while count < len(draft) and draft[count] == chosen[count]:
        count += 1
    return count
