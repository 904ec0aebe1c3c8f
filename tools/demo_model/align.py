"""Long recordings with their book's text -> utterances, cut in the pauses of the reader.

CTC of a trained demo model tells when each token is said (Graves et al. 2006; the best path is Viterbi's). A cut
falls at a punctuation mark with a pause of at least PAUSE_SECONDS; behind a comma only where it has grown long.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from live_canary.model.canary import CanaryQwen
from tools.demo_model.augment import SAMPLE_RATE, Wave
from tools.demo_model.clips import FRAME_SAMPLES
from tools.demo_model.trainee import Trainee, resume

PIECE_SECONDS = (15, 22)  # the model listens to so much at a time, cut where it is quietest
PAUSE_SECONDS = 0.25
SHORTEST_SECONDS, LONGEST_SECONDS = 1.5, 28  # of an utterance
LONG_SECONDS = 6  # of one that a comma may end
DIP = 0.03  # between words that may be cut apart the power falls to this share of its mean
LEAST_SCORE = -3.2  # mean log probability of a token; below it the reader probably said something else


@dataclass(frozen=True, slots=True)
class Spoken:
    """The tokens of a text in a recording. Frames are of FRAME_SAMPLES."""

    letters: NDArray[np.int64]
    """(tokens, 2): the first letter of each in the text, and the letter after its last."""
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    """The frame after the last."""
    scores: NDArray[np.float32]
    """Mean log probabilities."""


class Aligner:
    """`model` is a folder with training.pt, which holds the CTC bias that an export drops."""

    def __init__(self, model: Path):
        self.trainee = Trainee(CanaryQwen.load(model, "cpu", "float32")).eval()
        resume(self.trainee, model / "training.pt")
        self.canary = self.trainee.canary

    def utterances(self, wave: Wave, text: str) -> Iterator[tuple[Wave, str]]:
        """Parts of `wave` (16 kHz) with the parts of `text` they say; what does not fit together is left out."""
        spoken = self.align(wave, text)
        first, begin = 0, 0
        for mark in re.finditer(r"[.?!,](?= |$)", text):
            tokens = np.flatnonzero((spoken.letters[:, 0] >= first) & (spoken.letters[:, 1] <= mark.end()))
            last, end = tokens[-1], len(wave)
            if last + 1 < len(spoken.starts):
                pause_frames = spoken.starts[last + 1] - spoken.ends[last]
                if pause_frames * FRAME_SAMPLES < PAUSE_SECONDS * SAMPLE_RATE:
                    continue
                end, _ = quietest(wave, spoken.ends[last], spoken.starts[last + 1])
            seconds = (end - begin) / SAMPLE_RATE
            if mark[0] == "," and seconds < LONG_SECONDS:
                continue
            if SHORTEST_SECONDS < seconds < LONGEST_SECONDS and spoken.scores[tokens].mean() > LEAST_SCORE:
                yield wave[begin:end], text[first : mark.end()].strip(" ,")
            first, begin = mark.end(), end

    def cuts(self, wave: Wave, text: str) -> list[tuple[int, int]]:
        """Where to cut between two words: the sample, in a dip of the level, and the letter after which one begins."""
        spoken = self.align(wave, text)
        found = []
        for token, letter in enumerate(spoken.letters[:, 0].tolist()):
            if not token or text[letter] != " ":  # a token holds the space before it
                continue
            sample, level = quietest(wave, max(spoken.ends[token - 1] - 1, 0), spoken.starts[token] + 1)
            if level < DIP * np.square(wave).mean() and min(spoken.scores[token - 1 : token + 1]) > LEAST_SCORE:
                found.append((sample, letter))
        return found

    def align(self, wave: Wave, text: str) -> Spoken:
        coded = self.canary.prompt.tokenizer.encode(text)
        return Spoken(np.array(coded.offsets), *best_path(self.log_probs(wave), np.array(coded.ids)))

    @torch.inference_mode()
    def log_probs(self, wave: Wave) -> NDArray[np.float32]:
        """(frames, tokens) of a recording of any length."""
        found, start = [], 0
        while start < len(wave):
            end, frame = len(wave), start // FRAME_SAMPLES
            if end - start > (PIECE_SECONDS[1] + SHORTEST_SECONDS) * SAMPLE_RATE:
                end, _ = quietest(wave, *(frame + seconds * SAMPLE_RATE // FRAME_SAMPLES for seconds in PIECE_SECONDS))
                end -= end % FRAME_SAMPLES
            mel = self.canary.features(wave[start:end]).T[None]
            audio, _ = self.trainee.listen(mel, torch.tensor([mel.shape[1]]))
            log_probs = self.trainee.ctc_scores(audio[0]).log_softmax(-1)
            found.append(log_probs.numpy()[: -(-(end - start) // FRAME_SAMPLES)])
            start = end
        return np.concatenate(found)


def quietest(wave: Wave, first_frame: int, last_frame: int) -> tuple[int, float]:
    """The sample in the middle of the quietest 30 ms between two frames of FRAME_SAMPLES, and their mean square."""
    window, hop = 3 * SAMPLE_RATE // 100, SAMPLE_RATE // 200
    part = wave[first_frame * FRAME_SAMPLES : max(last_frame, first_frame + 1) * FRAME_SAMPLES]
    power = [float(np.square(part[i : i + window]).mean()) for i in range(0, max(1, len(part) - window), hop)]
    at = int(np.argmin(power))
    return int(first_frame) * FRAME_SAMPLES + at * hop + window // 2, power[at]


def best_path(
    log_probs: NDArray[np.float32], ids: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """First frame, frame after the last, and mean log probability of each token, on CTC's likeliest path (blank 0)."""
    frames, states = len(log_probs), 2 * len(ids) + 1
    labels = np.zeros(states, np.int64)
    labels[1::2] = ids
    may_skip = np.zeros(states, bool)
    may_skip[3::2] = ids[1:] != ids[:-1]
    best = np.full(states, -np.inf, np.float32)
    best[:2] = log_probs[0, labels[:2]]
    steps = np.zeros((frames, states), np.int8)
    for t in range(1, frames):
        one, two = np.roll(best, 1), np.where(may_skip, np.roll(best, 2), -np.inf)
        one[0] = -np.inf
        choices = np.stack([best, one, two])
        steps[t] = choices.argmax(0)
        best = choices.max(0) + log_probs[t, labels]
    state = states - 1 if best[-1] > best[-2] else states - 2
    path = np.zeros(frames, np.int64)
    for t in range(frames - 1, -1, -1):
        path[t] = state
        state -= int(steps[t, state])
    starts, ends = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
    scores = np.zeros(len(ids), np.float32)
    for token in range(len(ids)):
        at = np.flatnonzero(path == 2 * token + 1)
        starts[token], ends[token] = at[0], at[-1] + 1
        scores[token] = log_probs[at, ids[token]].mean()
    return starts, ends, scores
