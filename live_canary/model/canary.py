"""Canary-Qwen: samples of speech in, text out."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from live_canary.errors import AudioTooLong, AudioTooShort
from live_canary.model.answer import Answer, Prompted
from live_canary.model.compute import DType
from live_canary.model.config import CanaryConfig
from live_canary.model.conformer import encoded_frames
from live_canary.model.decoder import LeanDecoder
from live_canary.model.encoder import Perception
from live_canary.model.fixed import FixedDecoder, FixedEncoder
from live_canary.model.llm import Qwen
from live_canary.model.matrices import dense
from live_canary.model.memory import keep_few_plans
from live_canary.model.prompt import Prompt, inject_audio_embeddings
from live_canary.model.quantized_file import quantized
from live_canary.model.samples import mono_float32
from live_canary.model.trees import BITS, load_trees, load_where_it_fits

Audio = NDArray[np.generic]

MAX_SECONDS = 40.0  # the longest audio the model was trained on
MAX_CHAT_TOKENS = 512
RECORDED_SECONDS = 10.0  # longer utterances are recorded when the first comes, which takes it a moment
TOKENS_PER_SECOND = 16  # far above the fastest speech; bounds a runaway answer
TOKENS_AT_LEAST = 24


class CanaryQwen:
    """A loaded checkpoint, ready to transcribe one utterance at a time.

    Audio arguments: float32 in [-1, 1] or int16, (n,) or (n, channels), at `sample_rate` Hz. Every method that takes
    audio raises AudioError for samples that are not finite and AudioTooLong above 40 s; below 20 ms `transcribe` and
    `answer` give nothing, the others raise AudioTooShort.
    """

    def __init__(
        self,
        config: CanaryConfig,
        perception: Perception,
        qwen: Qwen,
        prompt: Prompt,
        decoder: LeanDecoder | None = None,
        quantized: str | None = None,
    ):
        """quantized: "int8" or "int4", if the decoder's matrices are."""
        self.config, self.perception, self.qwen, self.prompt = config, perception, qwen, prompt
        self._decoder, self._quantized = decoder, quantized
        self._encoder: FixedEncoder | None = None

    @classmethod
    def load(
        cls,
        path_or_id: str | Path,
        device: str = "auto",
        dtype: DType = "auto",
        threads: int | None = None,
        tell: Callable[[str], None] = lambda text: None,
    ) -> "CanaryQwen":
        """The model of a folder in the published layout, or of a hub id in the local cache.

        dtype: of the weights; "int8" and "int4" are for processors; "auto" is the fastest that keeps the text.
        threads: of torch, in the whole process; None for one a core, and a single one for a small model.
        tell: hears that the graphics card is full, unknown to torch or fails and the model was put on the processor,
        which happens for the device "auto" only.
        Strict: every tensor of the file is used exactly once and none is missing. On the CPU in bfloat16 the weights
        stay memory-mapped. Raises CheckpointError, and InputError for a model that does not fit.
        """
        return load_where_it_fits(cls._load, path_or_id, device, dtype, threads, tell)

    @classmethod
    def _load(cls, folder: Path, device: str, dtype: DType) -> "CanaryQwen":
        trees = load_trees(folder, device, dtype)
        parts = trees.config, trees.perception, trees.qwen, trees.prompt
        if trees.form in BITS:
            decoder = quantized(trees.perception, trees.qwen, trees.weights, BITS[trees.form])
            return cls(*parts, decoder, trees.form)
        if trees.device.type != "cuda":
            return cls(*parts, LeanDecoder(trees.qwen))
        model = cls(*parts)
        model.use_fixed_shapes()
        return model

    def use_fixed_shapes(self) -> None:
        """Go in steps of fixed shapes from now on: what a GPU records, `RECORDED_SECONDS` of them at once."""
        keep_few_plans(self.device)
        samples = round(MAX_SECONDS * self.sample_rate)
        frames, recorded = (
            round(seconds * self.sample_rate) // self.config.features.hop_samples
            for seconds in (MAX_SECONDS, RECORDED_SECONDS)
        )
        prompt = len(self.prompt_ids()) + self.most_new_tokens(samples)
        self._encoder = FixedEncoder(self.perception, frames)
        self._encoder.record(recorded)
        decoder = FixedDecoder(self.qwen, prompt + encoded_frames(frames))
        decoder.record(len(self.prompt_ids()) + 2 * encoded_frames(recorded))  # with the tokens of a draft
        self._decoder = decoder

    @property
    def decoder(self) -> LeanDecoder:
        """What decodes: made of the tree's weights as they are at its first use."""
        if self._decoder is None:
            self._decoder = LeanDecoder(self.qwen)
        return self._decoder

    def weights_changed(self) -> None:
        """Forget the decoder; whoever trains the tree calls this before transcribing with it."""
        self._decoder = self._quantized = self._encoder = None

    @property
    def sample_rate(self) -> int:
        return self.config.features.sample_rate

    @property
    def device(self) -> torch.device:
        return self.perception.proj.weight.device

    @property
    def compute(self) -> str:
        """What the weights are computed in: "float32", "bfloat16", "float16", "int8" or "int4"."""
        return self._quantized or str(self.decoder.dtype).removeprefix("torch.")

    def transcribe(self, audio: Audio, sample_rate: int = 16_000) -> str:
        """The words that are spoken; "" for no samples, fewer than 20 ms of them, or digital silence."""
        return self.text(self.answer(audio, sample_rate).ids)

    def answer(self, audio: Audio, sample_rate: int = 16_000, draft_ids: Sequence[int] = ()) -> Answer:
        """Tokens of `transcribe`'s words with their probabilities; see `generate_ids` for the draft."""
        [answer] = self.answers([audio], sample_rate, [draft_ids])
        return answer

    def answers(
        self, audios: Sequence[Audio], sample_rate: int = 16_000, drafts_ids: Sequence[Sequence[int]] = ()
    ) -> list[Answer]:
        """The same ids for several utterances, in less time where `most_at_once` is more than one.

        In int8 their probabilities may differ by a few hundredths. drafts_ids: one for each of them, or none at all.
        """
        answers = [Answer([], [])] * len(audios)
        prompts: dict[int, Prompted] = {}
        for k, (audio, draft) in enumerate(zip(audios, drafts_ids or [()] * len(audios), strict=True)):
            samples = self._samples(audio, sample_rate)
            if samples.any():
                with suppress(AudioTooShort):
                    prompts[k] = self._prompted(samples, self.most_new_tokens(len(samples)), draft)
        found = self.decoder.generate_several(list(prompts.values()), self.prompt.end_id, self.before_audio)
        for k, answer in zip(prompts, found, strict=True):
            answers[k] = answer
        return answers

    @property
    def most_at_once(self) -> int:
        """How many utterances `answers` is soonest done with; 1 where they gain nothing from each other."""
        return self.decoder.most_at_once

    def text(self, ids: list[int]) -> str:
        """The words of token ids."""
        return self.prompt.text(ids)

    def words(self, answer: Answer) -> list[tuple[str, float]]:
        """The words of an answer, each with the probability in (0, 1] that the model gives it after those before it."""
        return self.prompt.words(answer.ids, answer.probabilities)

    def features(self, audio: Audio, sample_rate: int = 16_000) -> Tensor:
        """Normalised log-mel features (mel_bins, frames), 10 ms a frame."""
        mel: Tensor = self.perception.preprocessor(self._samples(audio, sample_rate))
        return mel

    def encode(self, mel: Tensor) -> Tensor:
        """Features (mel_bins, frames) of one utterance -> what the LLM hears (ceil(frames / 8), hidden).

        That is one for every 80 ms; on a GPU valid until the next call.
        """
        if self._encoder:
            return self._encoder.encode(mel)
        [embeddings] = self.perception.encode([mel])
        return embeddings

    def generate_ids(self, audio: Audio, max_new_tokens: int | None = None, draft_ids: Sequence[int] = ()) -> list[int]:
        """Token ids of the transcript of audio at 16 kHz, greedily, without the end token.

        max_new_tokens: None for the bound that the audio's length sets; draft_ids: a guess, such as the ids of the
        same utterance a moment ago: what is right of it need not be decoded again. The answer does not depend on it.
        """
        samples = self._samples(audio, self.sample_rate)
        if max_new_tokens is None:
            max_new_tokens = self.most_new_tokens(len(samples))
        prompted = self._prompted(samples, max_new_tokens, draft_ids)
        [answer] = self.decoder.generate_several([prompted], self.prompt.end_id, self.before_audio)
        return answer.ids

    def most_new_tokens(self, samples: int) -> int:
        """How many tokens an utterance of so many samples (at 16 kHz) gets at most; speech never needs so many."""
        return TOKENS_AT_LEAST + TOKENS_PER_SECOND * samples // self.sample_rate

    def prompt_ids(self) -> list[int]:
        """Token ids of the transcription prompt, with the placeholder that the audio replaces."""
        return self.prompt.ids()

    @property
    def before_audio(self) -> int:
        """How many positions stand before the audio; every prompt begins with them."""
        return self.prompt_ids().index(self.prompt.placeholder_id)

    def chat(self, prompt: str, max_new_tokens: int = MAX_CHAT_TOKENS) -> str:
        """The answer of the same weights without the adapter: plain Qwen3 (LLM mode)."""
        return self.text(self.chat_ids(prompt, max_new_tokens))

    def chat_ids(self, prompt: str, max_new_tokens: int = MAX_CHAT_TOKENS, *, adapter: bool = False) -> list[int]:
        """Token ids of the answer to a text prompt; with `adapter` the transcription adapter stays on."""
        # dense: fused again, matrices of a GPU would be held beside those that its steps were recorded with
        decoder = LeanDecoder(self.qwen, dense, adapter=adapter)
        return decoder.generate(decoder.embed(self.prompt.ids(prompt)), max_new_tokens, self.prompt.end_id).ids

    def inputs_embeds(self, samples: list[Tensor]) -> tuple[Tensor, Tensor]:
        """The LLM's input for utterances of (n,) samples at 16 kHz: embeddings (B, L, hidden), mask (B, L)."""
        prompt = self.prompt_ids()
        # The placeholder's own embedding is dropped; its id may even lie outside the table.
        embedded = self.qwen.embed([0 if token == self.prompt.placeholder_id else token for token in prompt])
        if len(samples) == 1:
            heard = [self.encode(self.perception.preprocessor(samples[0]))]
        else:
            heard = self.perception(samples)
        return inject_audio_embeddings(
            [prompt] * len(samples), [embedded] * len(samples), heard, self.prompt.placeholder_id
        )

    def _prompted(self, samples: Tensor, max_new_tokens: int, draft: Sequence[int]) -> Prompted:
        [embeddings], _ = self.inputs_embeds([samples])
        return Prompted(embeddings, max_new_tokens, draft)

    def _samples(self, audio: Audio, sample_rate: int) -> Tensor:
        mono = mono_float32(audio, sample_rate, self.sample_rate)
        seconds = len(mono) / self.sample_rate
        if seconds > MAX_SECONDS:
            raise AudioTooLong(
                f"{seconds:.1f} s of audio are more than the {MAX_SECONDS:.0f} s the model was trained on; "
                "cut it at pauses, as `live-canary transcribe` does"
            )
        return torch.from_numpy(mono).to(self.device)
