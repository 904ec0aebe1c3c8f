"""Shards of speech on disk -> endless training batches of features and token ids."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.data import IterableDataset

from live_canary.model.conformer import encoded_frames
from live_canary.model.features import LogMel
from live_canary.model.graphs import round_up
from live_canary.model.prompt import Prompt
from live_canary.segments.settings import LONGEST_SEGMENT_S
from tools.demo_model.augment import SAMPLE_RATE, Augmenter, Wave, make_noises
from tools.demo_model.reading import READING, Reader

# Milliseconds a letter lasts, least squares over synthetic clips: enough to guess which token is spoken when.
LETTER_MS = {
    "a": 58, "b": 65, "c": 86, "d": 61, "e": 35, "f": 73, "g": 49, "h": 13, "i": 47,
    "j": 92, "k": 44, "l": 58, "m": 78, "n": 63, "o": 45, "p": 77, "q": 94, "r": 56,
    "s": 90, "t": 52, "u": 36, "v": 71, "w": 40, "x": 160, "y": 72, "z": 93, " ": 42,
    ",": 275, ".": 300, "?": 300, "!": 300,
}  # fmt: skip
FRAME_SAMPLES = 1280  # of one audio embedding
JOIN = {1: 0.70, 2: 0.11, 3: 0.07, 5: 0.06, 9: 0.06}  # how many clips make an utterance: its chance
JOINED = 0.25  # share of the clips that stand with others in an utterance
CONVERSATION = 0.3  # share of the joined clips that follow one of any voice
REPEATED = 0.25  # so often one of three or more joined clips comes twice: words alone do not tell the place
PAUSE_SECONDS, LONG_PAUSE_SECONDS = (0.05, 0.6), (0.6, 3.0)  # between joined clips
LONG_PAUSES = 0.15  # share of them
LONGEST_SECONDS = LONGEST_SEGMENT_S  # the pieces that the program makes of an unbroken passage
WORDLESS_SHARE = 0.12
REPEATS = {  # so many times as often as other clips
    "train_seldom": 2.5,
    "train_likely": 0.3,
    "train_wrong": 0.3,
    "train_again": 1.5,
    "train_often": 1.5,
    "train_natural": 3,
    "train_book": 0.7,
    "train_rare": 0.4,
    "train_more": 1,
    "train_kokoro": 8,
    "train_real": 40,
}
PART_SHARE = 0.75  # so often only a part of a person's recording is heard, lest it is learnt by heart
PART_SECONDS = 0.8
FRAMES_STEP = 128  # features are padded to such lengths: for each, oneDNN makes kernels of its own, which takes time
TOKENS_STEP = 32  # the same of the rows of the LLM
SORTED_CLIPS = 4000  # sorted by length at a time, so that batches hold little padding
READ_TOKENS = 128  # of a window of text without sound, each to be told from those before it
READ_SECONDS = 20  # of speech that a window goes with
POOL_CLIPS = 12_000  # drawn at a time; new shards are seen when they run out


@dataclass(frozen=True, slots=True)
class Clip:
    shard: Path
    offset: int
    n: int
    """Samples at 16 kHz."""
    voice: str
    text: str
    cuts: tuple[tuple[int, int], ...] = ()
    """Of a recording of a person: the samples and the letters where it may be cut between two words."""


Utterance = TypeVar("Utterance", list[Clip], list[Clip] | int)


@dataclass(frozen=True, slots=True)
class Batch:
    mel: Tensor
    """(B, frames, mel_bins), padded with zeros."""
    frames: Tensor
    targets: list[Tensor]
    """Token ids of each transcript."""
    guess: Tensor
    """(B, embeddings): the token each audio embedding probably belongs to, 0 between words, -100 in the padding."""
    spans: list[Tensor]
    """(tokens, 2) of each transcript: the audio embeddings that a token is probably spoken in, first and end."""
    read: Tensor
    """(windows, tokens): text without sound; none where DATA has no reading.txt."""

    def to(self, device: torch.device) -> "Batch":
        return Batch(
            self.mel.to(device),
            self.frames.to(device),
            [t.to(device) for t in self.targets],
            self.guess.to(device),
            [s.to(device) for s in self.spans],
            self.read.to(device),
        )


def read_index(folder: Path, pattern: str) -> list[Clip]:
    return [
        Clip(path.with_suffix(".raw"), r["offset"], r["n"], r["voice"], r["text"], tuple(map(tuple, r.get("cuts", ()))))
        for path in sorted(folder.glob(pattern + ".jsonl"))
        for r in map(json.loads, path.read_text().splitlines())
    ]


def read_wave(clip: Clip) -> Wave:
    stored = np.fromfile(clip.shard, np.int16, clip.n, offset=2 * clip.offset)
    return stored.astype(np.float32) / np.float32(32768)


class Clips(IterableDataset[Batch]):
    """Endless augmented batches of about `batch_seconds` of audio each.

    Looks for new shards whenever its pool runs empty, so training may begin while speech is still being made.
    train*.jsonl is speech (train_real*: recordings of people), noise*.jsonl is sound without words, reading.txt is
    text without sound.
    """

    def __init__(
        self, folder: Path, mel: LogMel, prompt: Prompt, batch_seconds: float, seed: int, augment: float = 1.0
    ):
        """augment: share of the usual augmentation, between 0 and 1."""
        self.folder, self.mel, self.prompt, self.batch_seconds = folder, mel, prompt, batch_seconds
        self.augment = augment
        self.rng = np.random.default_rng(seed)
        self.pool: list[Clip] = []
        self.reader: Reader | None = None

    def __iter__(self) -> Iterator[Batch]:
        worker = torch.utils.data.get_worker_info()
        if worker is not None:  # each worker draws its own batches
            self.rng = np.random.default_rng(worker.seed)
        self.refill()
        if (self.folder / READING).exists():
            self.reader = Reader(self.folder / READING, self.prompt.tokenizer, self.prompt.end_id, self.rng)
        while True:
            drawn = batches(self.utterances(), self.batch_seconds)
            for i in self.rng.permutation(len(drawn)):
                yield self.collate(drawn[i])

    def refill(self) -> None:
        clips = read_index(self.folder, "train*")
        shares = np.array([REPEATS.get(clip.shard.name.partition("-")[0], 1) for clip in clips])
        drawn = self.rng.choice(len(clips), POOL_CLIPS, p=shares / shares.sum())
        self.pool = [part(clips[i], self.rng) for i in drawn]
        speech = [read_wave(clip) for clip in self.pool[:60]]
        recorded = [read_wave(clip) for clip in read_index(self.folder, "noise*")]
        self.augmenter = Augmenter(make_noises(speech, recorded, self.rng), self.rng, self.augment)

    def utterances(self) -> list[list[Clip] | int]:
        """The next clips, some joined, mostly of the same voice; an int is so many samples without words."""
        clips, self.pool = self.pool[:SORTED_CLIPS], self.pool[SORTED_CLIPS:]
        if not self.pool:
            self.refill()
        follows_any = self.rng.random(int(JOINED * len(clips))) < CONVERSATION
        voices = sorted(range(len(follows_any)), key=lambda i: "" if follows_any[i] else clips[i].voice)
        joined = [clips[i] for i in voices]
        found: list[list[Clip] | int] = [[clip] for clip in clips[len(joined) :]]
        sizes, chances = zip(*((size, size * chance) for size, chance in JOIN.items() if size > 1), strict=True)
        while joined:
            group = [joined.pop()]
            size = self.rng.choice(sizes, p=np.array(chances) / sum(chances))
            while joined and len(group) < size and seconds([*group, joined[-1]]) < LONGEST_SECONDS - 2:
                group.append(joined.pop())
            if len(group) > 2 and self.rng.random() < REPEATED:
                group.insert(self.rng.integers(len(group)), group[self.rng.integers(len(group))])
            found.append(group)
        found = [group for group in found if seconds(group) < LONGEST_SECONDS]
        for _ in range(int(WORDLESS_SHARE * len(found))):
            longest = self.rng.choice([2, 7, LONGEST_SECONDS], p=[0.4, 0.45, 0.15])
            found.append(int(SAMPLE_RATE * self.rng.uniform(0.3, longest)))
        return found

    def collate(self, utterances: list[list[Clip] | int]) -> Batch:
        mels, targets, guesses, spans = zip(*map(self.example, utterances), strict=True)
        longest = round_up(max(map(len, mels)), FRAMES_STEP)
        return Batch(
            padded(mels, longest),
            torch.tensor([len(mel) for mel in mels]),
            list(targets),
            padded(guesses, encoded_frames(longest), -100),
            list(spans),
            self.text_alone(),
        )

    def text_alone(self) -> Tensor:
        if self.reader is None:
            return torch.zeros((0, READ_TOKENS + 1), dtype=torch.long)
        windows = self.reader.windows(max(1, round(self.batch_seconds / READ_SECONDS)), READ_TOKENS + 1)
        return torch.from_numpy(windows).long()

    def example(self, utterance: list[Clip] | int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Features (frames, mel_bins), token ids, the guessed token of each audio embedding, those of each token."""
        if isinstance(utterance, int):
            text, letter_times, wave = "", np.zeros(1), self.augmenter.wordless(utterance)
            of_a_person = False
        else:
            of_a_person = bool(utterance[0].cuts)
            text = " ".join(clip.text for clip in utterance)
            wave, letter_times = join(utterance, self.rng)
            wave, speed, left = self.augmenter.spoken(wave)
            letter_times = letter_times / speed + left
        mel = self.mel(torch.from_numpy(wave)).T.contiguous()
        if text:
            if self.rng.random() < 0.4 * self.augment:
                mel = stretch_bands(mel, self.rng)
            if of_a_person or self.rng.random() < self.augment:
                mask_bands(mel, self.rng, heavily=of_a_person)
        coded = self.prompt.tokenizer.encode(text)
        guess = torch.zeros(encoded_frames(len(mel)), dtype=torch.long)
        edges = np.array(coded.offsets, dtype=int).reshape(-1, 2)
        starts, ends = np.round(letter_times[edges] / FRAME_SAMPLES).astype(int).T
        spans = np.stack([starts, np.maximum(starts + 1, ends)], axis=1)
        for token, (start, end) in zip(coded.ids, spans, strict=True):
            guess[start:end] = token
        return mel, torch.tensor(coded.ids, dtype=torch.long), guess, torch.from_numpy(spans)


def batches(utterances: list[Utterance], batch_seconds: float) -> list[list[Utterance]]:
    """Those that are about as long together: about as many as the longest of them is long."""
    left, found = sorted(utterances, key=seconds), []
    while left:
        longest = round_up(int((seconds(left[-1]) + 0.8) * 100), FRAMES_STEP) / 100
        count = max(1, int(batch_seconds / longest))
        found.append(left[-count:])
        left = left[:-count]
    return found


def part(clip: Clip, rng: np.random.Generator) -> Clip:
    """Mostly only some words in a row of a recording of a person, with a capital and a full stop; else all of it."""
    edges = [(0, 0), *clip.cuts, (clip.n, len(clip.text))]
    if not clip.cuts or rng.random() > PART_SHARE:
        return clip
    first, last = sorted(rng.choice(len(edges), 2, replace=False))
    (start, letter), (end, after) = edges[first], edges[last]
    if end - start < PART_SECONDS * SAMPLE_RATE:
        return clip
    text = clip.text[letter:after].strip(" ,")
    text = text[0].upper() + text[1:] + ("" if text[-1] in ".?!" else ".")
    return replace(clip, offset=clip.offset + start, n=end - start, text=text)


def padded(rows: Sequence[Tensor], length: int, value: int = 0) -> Tensor:
    """The rows (n, ...), n at most `length`, filled up to it and stacked."""
    return torch.stack([pad(row, (0, 0) * (row.ndim - 1) + (0, length - len(row)), value=value) for row in rows])


def seconds(utterance: list[Clip] | int) -> float:
    return (utterance if isinstance(utterance, int) else sum(clip.n for clip in utterance)) / SAMPLE_RATE


def join(clips: list[Clip], rng: np.random.Generator) -> tuple[Wave, np.ndarray]:
    """The clips one after the other with pauses, and the sample at which each letter of their text begins."""
    parts, times, now = [], [], 0
    for clip in clips:
        shortest, longest = LONG_PAUSE_SECONDS if rng.random() < LONG_PAUSES else PAUSE_SECONDS
        wave, pause = read_wave(clip), int(SAMPLE_RATE * rng.uniform(shortest, longest))
        spent = np.cumsum([50] + [LETTER_MS.get(letter, 0) for letter in clip.text.lower()[:-1]])
        times += [*(now + 800 + spent * ((len(wave) - 1600) / spent[-1])), now + len(wave)]
        parts += [wave, np.zeros(pause, np.float32)]
        now += len(wave) + pause
    return np.concatenate(parts[:-1]), np.array(times)


def stretch_bands(mel: Tensor, rng: np.random.Generator) -> Tensor:
    """Another length of the vocal tract: every band is read up to 12 % higher or lower."""
    bins = mel.shape[1]
    at = (torch.arange(bins) * rng.uniform(0.88, 1.12)).clamp(max=bins - 1)
    below = at.long().clamp(max=bins - 2)
    return torch.lerp(mel[:, below], mel[:, below + 1], at - below)


def mask_bands(mel: Tensor, rng: np.random.Generator, heavily: bool) -> None:
    """SpecAugment, in place: two frequency bands and one stretch of time (heavily: four) set to the mean."""
    for axis, count, widest in ((1, 2, 28), (0, 4, 20)) if heavily else ((1, 2, 16), (0, 1, 10)):
        for _ in range(count):
            width = int(rng.integers(0, min(widest, mel.shape[axis])))
            mel.narrow(axis, int(rng.integers(0, mel.shape[axis] - width)), width).zero_()
