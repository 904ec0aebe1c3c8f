"""Ten minutes without a pause, through a whole session: every word is in the transcript, once and whole.

A word is 150 to 600 ms at an amplitude of its own. Between two words it is quieter for 80 ms, never by the same amount,
and never for so long that the detector would hear a pause. The fake model hears a word wherever it is loud, so that a
word cut in two is heard twice.
"""

import random

import numpy as np
import pytest

from live_canary.audio.source import SAMPLE_RATE, AudioBlock
from live_canary.events import UtteranceFinal
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.settings import LONGEST_SEGMENT_S, SegmenterSettings
from live_canary.session.session import Session
from live_canary.transcript.hypothesis import Hypothesis
from tests.session.fakes import LoudnessDetector, ScriptedSource

MS = SAMPLE_RATE // 1000
MINUTES = 10
BLOCK_SAMPLES = 100 * MS
DIP_SAMPLES = 80 * MS
LEXICON = "abcdefghijklmnopqrstuvwxyz"
QUIETEST_WORD, STEP = 0.2, 0.02


def amplitude(word: str) -> float:
    return QUIETEST_WORD + STEP * LEXICON.index(word)


class Talk:
    """Sound of ten minutes, its words, and where it is quieter between them."""

    def __init__(self) -> None:
        rng = random.Random(6)
        parts, self.words, self.dips, length = [], [], [], 0
        while length < MINUTES * 60 * SAMPLE_RATE:
            word, word_samples, quiet = rng.choice(LEXICON), rng.randint(150, 600) * MS, rng.uniform(0.01, 0.09)
            parts += [np.full(word_samples, amplitude(word), np.float32), np.full(DIP_SAMPLES, quiet, np.float32)]
            self.words.append(word)
            self.dips.append((length + word_samples, length + word_samples + DIP_SAMPLES, quiet))
            length += word_samples + DIP_SAMPLES
        self.sound = np.concatenate(parts)


class WordModel:
    """Hears every stretch of sound that is louder than a dip as the word of its amplitude."""

    def __init__(self) -> None:
        self.heard_seconds: list[float] = []

    def transcribe(self, samples: np.ndarray, draft: Hypothesis | None = None) -> Hypothesis:
        self.heard_seconds.append(len(samples) / SAMPLE_RATE)
        loud = np.concatenate([[False], samples > 0.15, [False]])
        edges = np.flatnonzero(np.diff(loud.astype(np.int8)))
        words = (LEXICON[round((float(samples[start]) - QUIETEST_WORD) / STEP)] for start in edges[::2])
        return Hypothesis(" ".join(words))


class TalkSource(ScriptedSource):
    def __init__(self, sound: np.ndarray):
        super().__init__()
        self._sound = sound

    def blocks(self):
        for start in range(0, len(self._sound), BLOCK_SAMPLES):
            yield AudioBlock(self._sound[start : start + BLOCK_SAMPLES], start)


@pytest.fixture(scope="module")
def talk() -> Talk:
    return Talk()


@pytest.mark.parametrize("longest_seconds", [30.0, 36.9])
def test_no_word_of_ten_minutes_without_a_pause_is_lost_or_doubled_at_a_cut(talk, longest_seconds):
    model, utterances = WordModel(), []

    def follow(event):
        if isinstance(event, UtteranceFinal):
            utterances.append(event.utterance)

    settings = SegmenterSettings(max_utterance_s=longest_seconds)
    session = Session([TalkSource(talk.sound)], lambda: Segmenter(LoudnessDetector(), settings), lambda tell: model)
    session.start(follow)
    assert session.wait(60)
    assert " ".join(utterance.text for utterance in utterances).split() == talk.words
    assert len(utterances) >= MINUTES * 60 / longest_seconds
    assert max(model.heard_seconds) <= LONGEST_SEGMENT_S


def test_every_cut_is_in_the_quietest_moment_of_the_last_third(talk):
    segmenter = Segmenter(LoudnessDetector(), SegmenterSettings())
    segments = [output for output in segmenter.feed(talk.sound) if hasattr(output, "ended_by")]
    assert len(segments) >= 20
    for segment in segments:
        assert segment.ended_by == "length"
        window = (segment.start_sample + 20 * SAMPLE_RATE, segment.start_sample + 30 * SAMPLE_RATE)
        dips = [dip for dip in talk.dips if window[0] <= dip[0] and dip[1] <= window[1]]
        start, end, _ = min(dips, key=lambda dip: dip[2])
        assert start < segment.end_sample < end
