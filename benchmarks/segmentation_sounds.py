"""Sound for `segmentation.py` of which every sample is known: speech, noise, mixtures of both, and speech without end.

What is speech is read off the clean recordings by their energy, or told by the synthesiser; it owes nothing to a voice
detector. Everything is seeded: the same collection gives the same samples.
"""

import ctypes
import json
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE

Sound = NDArray[np.float32]
Runs = list[tuple[int, int]]
MS = SAMPLE_RATE // 1000
SPEECH_DBFS = -23
WANTED = {  # recordings of each corpus in the stream
    "LJSpeech 1.1": 15,
    "VCTK": 15,
    "CMU ARCTIC": 3,
    "LibriSpeech train-clean-100": 15,
    "LibriSpeech test-other": 10,
    "OHF speech-to-phrase tests": 31,
    "FSDD": 30,
}


@dataclass(frozen=True)
class Spoken:
    """One utterance of a stream: where its speech is."""

    name: str
    runs: Runs

    @property
    def start(self) -> int:
        return self.runs[0][0]

    @property
    def end(self) -> int:
        return self.runs[-1][1]

    @property
    def longest_pause(self) -> int:
        pauses = [after - before for (_, before), (after, _) in zip(self.runs, self.runs[1:], strict=False)]
        return max(pauses, default=0)


@dataclass(frozen=True)
class Stream:
    samples: Sound
    spoken: list[Spoken]

    @property
    def speech(self) -> NDArray[np.bool_]:
        """(n,) which samples are speech."""
        mask = np.zeros(len(self.samples), bool)
        for utterance in self.spoken:
            for start, end in utterance.runs:
                mask[start:end] = True
        return mask

    def louder(self, decibels: float) -> "Stream":
        return Stream((self.samples * 10 ** (decibels / 20)).astype(np.float32), self.spoken)

    def under(self, noise: Sound, snr_db: float) -> "Stream":
        """With noise at this ratio of the power of its speech to the power of all the noise."""
        noise = np.resize(noise, len(self.samples))
        speech_power = (self.samples[self.speech] ** 2).mean()
        gain = np.sqrt(speech_power / (noise**2).mean() / 10 ** (snr_db / 10))
        samples = self.samples + gain * noise
        return Stream((samples / max(1.0, np.abs(samples).max())).astype(np.float32), self.spoken)


class Collection:
    """The recordings of a manifest.jsonl beside them, read in place."""

    def __init__(self, folder: Path) -> None:
        manifest = folder / "manifest.jsonl"
        if not manifest.is_file():
            sys.exit(f"No speech collection in {folder} (no manifest.jsonl); give its folder with --speech.")
        self.folder = folder
        self.entries: list[dict[str, Any]] = [json.loads(line) for line in manifest.read_text("utf-8").splitlines()]

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["kind"] in kinds]

    def load(self, entry: dict[str, Any]) -> Sound:
        samples: Sound = sf.read(self.folder / entry["file"], dtype="float32")[0]
        return samples

    @cached_property
    def environment(self) -> Sound:
        """Engines, rain, animals, babies, dishes: each clip equally loud."""
        clips = [self.load(entry) for entry in self.of("noise")]
        np.random.default_rng(2).shuffle(clips)
        return np.concatenate([clip / (np.sqrt((clip**2).mean()) + 1e-4) for clip in clips])

    @cached_property
    def music(self) -> Sound:
        """A piece without singing."""
        return self.load(next(entry for entry in self.of("music") if "singing" not in entry.get("note", "")))

    @cached_property
    def pink(self) -> Sound:
        spectrum = np.fft.rfft(np.random.default_rng(3).normal(size=60 * SAMPLE_RATE))
        return np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1))).astype(np.float32)

    def noise_as_recorded(self) -> Sound:
        return np.concatenate([self.load(entry) for entry in self.of("noise", "silence")])


def label_speech(samples: Sound, floor_known: bool = True) -> Runs:
    """(start, end) of the stretches of speech in a clean recording: 10 ms frames within 30 dB of the loudest.

    Holes up to 150 ms are part of a word; what is shorter than 100 ms is a click. Empty when less than 40 dB lie
    between floor and loudest, for then noise would count as speech. A recording cut to one word has no floor.
    """
    frames = samples[: len(samples) // (10 * MS) * 10 * MS].reshape(-1, 10 * MS).astype(np.float64)
    level = 10 * np.log10((frames**2).mean(axis=1) + 1e-9)
    loudest = np.percentile(level, 95)
    if floor_known and loudest - np.percentile(level, 5) < 40:
        return []
    loud = np.flatnonzero(level > loudest - 30)
    groups = np.split(loud, np.flatnonzero(np.diff(loud) > 16) + 1)
    runs = [(int(group[0]) * 10 * MS, (int(group[-1]) + 1) * 10 * MS) for group in groups]
    return [(start, end) for start, end in runs if end - start >= 100 * MS]


def spoken_sounds(collection: Collection) -> list[tuple[str, Sound, Runs]]:
    """(name, samples at `SPEECH_DBFS` while speaking, runs of speech) of clean recordings under 20 s, shuffled."""
    left = dict(WANTED)
    entries = [entry for entry in collection.of("read", "short") if entry["corpus"] in WANTED]
    np.random.default_rng(1).shuffle(entries)
    found = []
    for entry in entries:
        one_word = entry["corpus"] == "FSDD"
        if entry["duration"] > (1 if one_word else 20):  # one digit is followed by a second of noise
            continue
        samples = collection.load(entry)
        runs = label_speech(samples, floor_known=not one_word)
        if runs and left[entry["corpus"]]:
            left[entry["corpus"]] -= 1
            found.append((entry["id"], at_level(samples, runs), runs))
    return found


def at_level(samples: Sound, runs: Runs) -> Sound:
    speech = np.concatenate([samples[start:end] for start, end in runs])
    rms = float(np.sqrt((speech**2).mean()))
    return (samples * 10 ** (SPEECH_DBFS / 20) / rms).astype(np.float32)


def build_stream(collection: Collection) -> Stream:
    """Utterances of all sorts, 0.2 to 3 s apart, over a hiss of -66 dBFS."""
    rng = np.random.default_rng(1)
    parts, spoken, length = [np.zeros(SAMPLE_RATE, np.float32)], [], SAMPLE_RATE
    for name, samples, runs in spoken_sounds(collection):
        first, last = max(runs[0][0] - 60 * MS, 0), min(runs[-1][1] + 100 * MS, len(samples))
        gap = int(rng.uniform(0.2, 3.0) * SAMPLE_RATE)
        spoken.append(Spoken(name, [(start + length - first, end + length - first) for start, end in runs]))
        parts += [faded(samples[first:last]), np.zeros(gap, np.float32)]
        length += last - first + gap
    samples = np.concatenate([*parts, np.zeros(2 * SAMPLE_RATE, np.float32)])
    return Stream(samples + rng.normal(0, 5e-4, len(samples)).astype(np.float32), spoken)


def faded(samples: Sound) -> Sound:
    ramp = np.minimum(1, np.arange(len(samples)) / (5 * MS)).astype(np.float32)
    return samples * ramp * ramp[::-1]


def words_in_a_row(collection: Collection, seconds: int) -> Stream:
    """Single words of real voices, 0 to 60 ms apart: each is one utterance that must not be cut."""
    rng = np.random.default_rng(4)
    words = []
    for entry in collection.of("short"):
        if " " not in entry["transcript"] and entry["duration"] < 2:
            samples = collection.load(entry)
            runs = label_speech(samples, floor_known=False)
            words.append(faded(at_level(samples, runs)[runs[0][0] : runs[-1][1]]))
    parts, spoken, length = [], [], 0
    while length < seconds * SAMPLE_RATE:
        word, gap = words[rng.integers(len(words))], int(rng.uniform(0, 60) * MS)
        spoken.append(Spoken("word", [(length, length + len(word))]))
        parts += [word, np.zeros(gap, np.float32)]
        length += len(word) + gap
    return Stream(np.concatenate(parts), spoken)


class _EspeakEvent(ctypes.Structure):
    """espeak_EVENT of espeak-ng's speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_ESPEAK_CALLBACK: Callable[..., Any] = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_EspeakEvent)
)
_LIST_TERMINATED, _WORD, _SYNCHRONOUS, _BY_CHARACTER, _UTF8 = 0, 1, 2, 1, 1


@cache
def _start_espeak() -> tuple[ctypes.CDLL, int] | None:
    """(library, sample rate); once, for it does not start twice."""
    try:
        espeak = ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        return None
    return espeak, espeak.espeak_Initialize(_SYNCHRONOUS, 0, None, 0)


def synthetic_speech(collection: Collection, voice: str, seconds: int) -> Stream | None:
    """An audiobook's words read by espeak-ng without a full stop, each with its time; None without espeak-ng."""
    if (started := _start_espeak()) is None:
        return None
    espeak, rate = started
    transcripts = " ".join(
        entry["transcript"] or "" for entry in collection.of("read") if entry["corpus"] == "LibriVox"
    )
    words = re.sub("[^a-z' ]", " ", transcripts.lower()).split()[: seconds * 4]
    chunks, starts = [], []

    @_ESPEAK_CALLBACK
    def collect(wave: Any, count: int, events: Any) -> int:
        if count > 0:
            chunks.append(np.ctypeslib.as_array(wave, (count,)).copy())
        index = 0
        while events[index].type != _LIST_TERMINATED:
            if events[index].type == _WORD:
                starts.append(events[index].audio_position * MS)
            index += 1
        return 0

    text = " ".join(words).encode() + b"\0"
    espeak.espeak_SetVoiceByName(voice.encode())
    espeak.espeak_SetSynthCallback(collect)
    espeak.espeak_Synth(text, len(text), 0, _BY_CHARACTER, 0, _UTF8, None, None)
    samples = soxr.resample(np.concatenate(chunks).astype(np.float32) / 32768, rate, SAMPLE_RATE)[
        : seconds * SAMPLE_RATE
    ]
    starts = [start for start in starts if start < len(samples)]
    words_spoken = [Spoken("word", [run]) for run in zip(starts, [*starts[1:], len(samples)], strict=True)]
    return Stream(at_level(samples, [(0, len(samples))]), words_spoken)
