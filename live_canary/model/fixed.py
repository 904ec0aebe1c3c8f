"""Encoder and decoder in steps of a few fixed lengths, so that a GPU replays them: see `graphs.py`."""

from collections import deque
from collections.abc import Iterator
from itertools import cycle

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

from live_canary.model.conformer import encoded_frames
from live_canary.model.decoder import CACHE_STEP, LeanDecoder, best_of
from live_canary.model.encoder import Perception
from live_canary.model.graphs import WARM_UP_RUNS, Step, new_pool, round_up
from live_canary.model.llm import Qwen
from live_canary.model.matrices import fused
from live_canary.model.token_kernels import token_kernels

FRAMES_STEP = 128  # 1.28 s of features: the lengths to which utterances are padded
PREFILL_STEP = 64  # positions: the lengths to which prompts are padded
AHEAD = 1  # tokens that are launched before the one before them is looked at
SPARE = WARM_UP_RUNS + AHEAD  # positions at the end of the cache that no answer uses


class FixedEncoder:
    """One utterance at a time, padded with frames that are masked out."""

    def __init__(self, perception: Perception, longest_frames: int):
        self._perception = perception
        weight = perception.proj.weight
        self._device = weight.device
        longest = round_up(longest_frames, FRAMES_STEP)
        self._mel = torch.zeros(
            1, longest, perception.preprocessor.config.mel_bins, dtype=weight.dtype, device=weight.device
        )
        self._frames = torch.zeros(1, dtype=torch.long, device=weight.device)
        self._steps: dict[int, Step] = {}
        self._pool = new_pool(weight.device)

    def encode(self, mel: Tensor) -> Tensor:
        """Features (mel_bins, frames) -> (ceil(frames / 8), llm_width), valid until the next call."""
        frames = mel.shape[1]
        step = self.step(frames)
        self._mel[0, :frames] = mel.T
        self._mel[0, frames:] = 0  # the first convolution looks a frame beyond the last
        self._frames.fill_(frames)
        return step()[0, : encoded_frames(frames)]

    def record(self, frames: int) -> None:
        """Make the steps of all utterances up to so many frames."""
        for length in range(FRAMES_STEP, frames + FRAMES_STEP, FRAMES_STEP):
            self.step(length)

    def step(self, frames: int) -> Step:
        """The step for utterances of so many frames, made if it is the first of its length."""
        length = round_up(frames, FRAMES_STEP)
        if length not in self._steps:
            batch = self._mel[:, :length]
            self._steps[length] = Step(
                lambda: self._perception.encode_padded(batch, self._frames), self._device, self._pool
            )
        return self._steps[length]


class FixedDecoder(LeanDecoder):
    """The lean decoder, with prompts padded at their end and each token chosen without leaving the device."""

    _recorded: Tensor | None = None
    """The cache that the steps read and write."""

    def __init__(self, qwen: Qwen, longest: int):
        """longest: positions of prompt and answer for which the cache is made at once; more move it."""
        super().__init__(qwen, fused)
        self._token = torch.zeros(1, dtype=torch.long, device=self.device)
        self._position = torch.zeros(1, dtype=torch.long, device=self.device)
        self._chosen = [_Chosen(self.device) for _ in range(AHEAD + 1)]
        self._reserve(longest)
        self._kernels = token_kernels(self)

    def _reserve(self, positions: int) -> None:
        super()._reserve(positions + SPARE)
        if self._recorded is self.cache:
            return
        self._prefills: dict[int, Step] = {}
        self._decodes: dict[int, Step] = {}
        self.cache.zero_()
        _, hidden = self.embeddings.shape
        self._inputs = torch.zeros(self.cache.shape[3], hidden, dtype=self.dtype, device=self.device)
        self._everywhere = torch.arange(self.cache.shape[3], device=self.device)
        self._pool = new_pool(self.device)
        self._recorded = self.cache  # last: where memory ended before, all of it is made again

    def _forget(self) -> None:
        """What is masked out must still be numbers, or none in the padding makes none of all."""
        self.cache.zero_()
        self._inputs.zero_()

    def _prefill(self, inputs: Tensor, first: int, same: int) -> Tensor:
        step = self.prefill_step(len(inputs))
        self._inputs[: len(inputs)] = inputs
        return step()[first : len(inputs)]

    def _continue(self, token: int, position: int, most: int) -> Iterator[tuple[int, float]]:
        self._token.fill_(token)
        self._position.fill_(position)
        launched: deque[_Chosen] = deque()
        for chosen, at in zip(cycle(self._chosen), range(position, position + most), strict=False):
            chosen.fetch(self.decode_step(at)())
            launched.append(chosen)
            if len(launched) > AHEAD:
                yield launched.popleft().read()
        for chosen in launched:
            yield chosen.read()

    @torch.inference_mode()
    def record(self, positions: int) -> None:
        """Make the steps of all prompts and answers that end before so many positions."""
        for length in range(PREFILL_STEP, positions + PREFILL_STEP, PREFILL_STEP):
            self.prefill_step(length)
        for length in range(CACHE_STEP, positions + CACHE_STEP, CACHE_STEP):
            self.decode_step(length - 1)

    def prefill_step(self, inputs: int) -> Step:
        """The step for so many inputs, made if it is the first of its length: the inputs' hidden states."""
        length = min(round_up(inputs, PREFILL_STEP), len(self._inputs))
        if length not in self._prefills:
            x, positions = self._inputs[:length], self._everywhere[:length]
            visible = positions <= positions[:, None]
            self._prefills[length] = Step(lambda: self.forward(x, positions, length, visible), self.device, self._pool)
        return self._prefills[length]

    def decode_step(self, position: int) -> Step:
        """The step that replaces the token before `position` by the next one: its id and probability (2,)."""
        length = min(round_up(position + 1, CACHE_STEP), len(self._everywhere))
        if self._kernels:  # they read no more than there is, whatever they are recorded with
            length = len(self._everywhere)
        if length not in self._decodes:

            def compute() -> Tensor:
                x = F.embedding(self._token, self.embeddings).to(self.dtype)
                ids, probabilities = self._next(x, length)
                self._token.copy_(ids)
                self._position.add_(1)
                return torch.cat([ids.float(), probabilities])  # float32 holds every id exactly

            token, present = self._token.clone(), self._position.clone()
            self._position.fill_(len(self._everywhere) - SPARE)
            self._decodes[length] = Step(compute, self.device, self._pool)
            self._token.copy_(token)
            self._position.copy_(present)
        return self._decodes[length]

    def _next(self, x: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """The best token after the input (1, hidden) at the position, which is below `length`; its probability."""
        if self._kernels:
            return best_of(self._kernels.logits(self._kernels.forward(x, self._position)))
        visible = (self._everywhere[:length] <= self._position)[None]
        return self._best(self.forward(x, self._position, length, visible))


class _Chosen:
    """A token's id and probability on their way from the device."""

    def __init__(self, device: torch.device):
        on_gpu = device.type == "cuda"
        self._here = torch.zeros(2, pin_memory=on_gpu)
        self._arrived = torch.cuda.Event() if on_gpu else None

    def fetch(self, answer: Tensor) -> None:
        self._here.copy_(answer, non_blocking=True)
        if self._arrived:
            self._arrived.record()

    def read(self) -> tuple[int, float]:
        if self._arrived:
            self._arrived.synchronize()
        token, probability = self._here.tolist()
        return int(token), probability
