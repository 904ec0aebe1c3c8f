"""Cutting long recordings by their text, with the tokens' times given instead of heard."""

import numpy as np
import pytest

from tools.demo_model.align import Aligner, Spoken, best_path, quietest
from tools.demo_model.augment import SAMPLE_RATE
from tools.demo_model.clips import FRAME_SAMPLES

FRAMES_A_SECOND = SAMPLE_RATE / FRAME_SAMPLES


def test_the_best_path_finds_when_each_token_is_said():
    said = [0, 0, 5, 5, 0, 7, 7, 7, 0, 7, 0, 0]  # CTC needs a blank between two of the same token
    log_probs = np.full((len(said), 9), -9.0, np.float32)
    log_probs[np.arange(len(said)), said] = -0.1
    starts, ends, scores = best_path(log_probs, np.array([5, 7, 7]))
    assert starts.tolist() == [2, 5, 9]
    assert ends.tolist() == [4, 8, 10]
    assert scores == pytest.approx([-0.1] * 3)


def test_a_token_that_was_not_said_scores_low():
    said = [5, 5, 0, 7, 7]
    log_probs = np.full((len(said), 9), -9.0, np.float32)
    log_probs[np.arange(len(said)), said] = -0.1
    assert best_path(log_probs, np.array([5, 3, 7]))[2].tolist() == pytest.approx([-0.1, -9, -0.1])


def test_the_quietest_place_is_in_the_gap():
    wave = np.ones(SAMPLE_RATE, np.float32)
    wave[7000:8000] = 0
    sample, level = quietest(wave, 2, 10)
    assert 7000 < sample < 8000
    assert level == 0


class Told(Aligner):
    """Knows the times of the words: one token each, with the space before it."""

    def __init__(self, seconds: list[tuple[float, float]], scores: list[float]):
        self.seconds, self.scores = seconds, scores

    def align(self, wave, text):
        ends = [i for i in range(1, len(text) + 1) if text[i : i + 1] in ("", " ")]
        frames = np.round(np.array(self.seconds) * FRAMES_A_SECOND).astype(int)
        return Spoken(
            np.array(list(zip([0, *ends], ends, strict=False))), frames[:, 0], frames[:, 1], np.array(self.scores)
        )


def spoken_wave(seconds: list[tuple[float, float]], length: float) -> np.ndarray:
    wave = np.zeros(int(length * SAMPLE_RATE), np.float32)
    for start, end in seconds:
        wave[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] = 0.5
    return wave


def test_long_recordings_are_cut_in_pauses_at_the_marks_of_the_text():
    times = [(0.2, 1.0), (1.2, 2.0), (3.0, 4.0), (5.0, 6.0), (6.04, 7.0), (8.0, 15.0), (16.0, 17.0)]
    wave = spoken_wave(times, 18)
    found = list(Told(times, [-1.0] * 7).utterances(wave, "Alpha beta. Gamma, delta. Epsilon zeta, eta."))
    # the comma of "Gamma," comes too early to cut at, the stop of "delta." has no pause, the comma of "zeta," will do
    assert [said for _, said in found] == ["Alpha beta.", "Gamma, delta. Epsilon zeta", "eta."]
    assert sum(len(piece) for piece, _ in found) == len(wave)
    assert all(piece[0] == piece[-1] == 0 for piece, _ in found)


def test_what_the_reader_did_not_say_is_left_out():
    times = [(0.2, 1.0), (1.2, 2.5), (3.0, 4.0), (4.2, 5.0)]
    found = list(Told(times, [-1, -1, -5, -5]).utterances(spoken_wave(times, 6), "Alpha beta. Gamma delta."))
    assert [said for _, said in found] == ["Alpha beta."]


def test_words_are_cut_apart_only_where_the_level_falls():
    times = [(0.2, 1.0), (1.0, 2.0), (2.4, 3.0)]
    text = "Alpha beta gamma."
    ((sample, letter),) = Told(times, [-1.0] * 3).cuts(spoken_wave(times, 3.5), text)
    assert 2.0 <= sample / SAMPLE_RATE <= 2.4
    assert text[letter:] == " gamma."
