"""A sound, an ear and a model that behave as told, so that tests of the session need neither time nor torch.

Sound is written as text, a tenth of a second a character: "." is silence, any other letter is speech of a loudness of
its own. The fake model hears the letters again.
"""

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from live_canary.audio.source import AudioBlock, AudioGap, DeviceLost, DeviceRecovered, DeviceSilent, SourceItem
from live_canary.segments.segmenter import Segmenter
from live_canary.segments.settings import SegmenterSettings
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.utterance import Revision

LETTER_SAMPLES = 1600  # 100 ms
SETTINGS = SegmenterSettings(min_silence_ms=700, tail_ms=500, pre_roll_ms=1000)
ENDPOINT = "." * 8  # silence that surely ends an utterance


def sound_of(text: str) -> np.ndarray:
    """(len(text) * 1600,) float32: each letter at its own amplitude, 0.1 for "a" up to 0.6 for "z"."""
    loudness = [0.0 if letter == "." else 0.1 + 0.02 * (ord(letter) - ord("a")) for letter in text]
    return np.repeat(np.array(loudness, np.float32), LETTER_SAMPLES)


def letters_in(samples: np.ndarray) -> str:
    """The letters that make up the sound, without silence."""
    loudness = samples[LETTER_SAMPLES // 2 :: LETTER_SAMPLES]
    return "".join(chr(ord("a") + round((value - 0.1) / 0.02)) for value in loudness.tolist() if value > 0.05)


class LoudnessDetector:
    """Whatever is not silent is speech."""

    frame_samples = LETTER_SAMPLES

    def speech_probability(self, frame: np.ndarray) -> float:
        return float(np.abs(frame).max() > 0.05)

    def reset(self) -> None:
        pass


def make_segmenter() -> Segmenter:
    return Segmenter(LoudnessDetector(), SETTINGS)


class ScriptedSource:
    """Plays its script; with `endless`, then waits in silence until it is stopped, as a microphone does."""

    def __init__(
        self,
        *script: str | AudioGap | DeviceLost | DeviceRecovered | DeviceSilent | Exception,
        name: str = "talk",
        live: bool = False,
        endless: bool = False,
    ):
        self.name, self.live = name, live
        self._script, self._endless = script, endless
        self._stopped = threading.Event()
        self.played = threading.Event()
        """Set when the whole script has been heard."""

    def blocks(self) -> Iterator[SourceItem]:
        position = 0
        for item in self._script:
            if isinstance(item, Exception):
                raise item
            if isinstance(item, AudioGap):
                position = item.end_sample
                yield item
                continue
            if isinstance(item, DeviceLost | DeviceRecovered | DeviceSilent):
                yield item
                continue
            for letter in item:
                if self._stopped.is_set():
                    return
                yield AudioBlock(sound_of(letter), position)
                position += LETTER_SAMPLES
        self.played.set()
        if self._endless:
            self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()


class LetterModel:
    """Hears the letters of a sound; remembers what it was asked."""

    def __init__(self, fails_on: str = "", wordless: str = "") -> None:
        self.heard: list[str] = []
        self.drafts: list[str | None] = []
        self._fails_on, self._wordless = fails_on, wordless

    def transcribe(self, samples: np.ndarray, draft: Hypothesis | None = None) -> Hypothesis:
        letters = letters_in(samples)
        self.heard.append(letters)
        self.drafts.append(draft and draft.text)
        if self._fails_on and self._fails_on in letters:
            raise RuntimeError("the model broke")
        return Hypothesis("") if letters == self._wordless else Hypothesis(letters, confidences=(0.5,))


class MemorySink:
    """A transcript file in memory."""

    path = Path("notes.txt")
    unsaved = uncorrected = 0

    def __init__(self) -> None:
        self.entries: list[object] = []
        self.amendments: list[tuple[int, str | None]] = []
        self.bookmarks: set[int] = set()
        self.closed = False

    def write(self, entry: object) -> None:
        self.entries.append(entry)

    def amend(self, index: int, revision: Revision) -> None:
        self.amendments.append((index, revision.text))
        (self.bookmarks.add if revision.is_bookmarked else self.bookmarks.discard)(index)

    def reopen(self) -> None:
        self.closed = False

    def close(self) -> None:
        self.closed = True
