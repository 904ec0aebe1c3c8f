"""The sample recordings of assets/: flite's free voices read sentences of our own, with exact transcripts.

    apt-get install flite
    python -m tools.demo_model.make_recordings [--out assets]

Each NAME.wav (16 kHz, mono, 16 bit) gets a NAME.txt: an utterance (in the meeting: a turn) a line, in the order
spoken; empty where nobody speaks. The same command makes the same samples again.
"""

import argparse
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

SAMPLE_RATE = 16000
SLT, RMS = "slt", "rms"


@dataclass(frozen=True, slots=True)
class Line:
    """One utterance and the silence after it."""

    text: str
    voice: str = SLT
    pause_seconds: float = 1.0


DICTATION = [
    Line("I would like to begin with a short letter."),
    Line("Thank you for your kind words about the house."),
    Line("We were very happy to have you here, and the children still talk about it every day."),
    Line("The house is quiet now, and the old tree by the river is full of birds."),
    Line("Please come back and see us in the summer."),
    Line("There is always a room for you."),
]
MEETING = [
    Line("Well, are you ready to begin?", RMS, 0.9),
    Line("Yes, I think we are all here.", SLT, 1.2),
    Line("Then let us start with the new house. What did the man say?", RMS, 1.0),
    Line("He said that the work will be done in three weeks.", SLT, 1.0),
    Line("That is good news. And the money?", RMS, 0.9),
    Line("He wants half of it now, and the rest at the end.", SLT, 1.2),
    Line("I see. Do you think that is too much?", RMS, 0.9),
    Line("No, I do not. It is a fair price, and he is a good man.", SLT, 1.5),
    Line("All right. I will write to him this afternoon.", RMS, 1.1),
    Line("Thank you. Is there anything else?", SLT, 0.9),
    Line("Only one thing. The door of the car does not close.", RMS, 1.0),
    Line("I know. My brother will look at it on Sunday.", SLT, 1.3),
    Line("Very good. Then we are done for today.", RMS, 1.0),
    Line("I will see you in the evening.", SLT, 0.8),
]
LONG = [  # read without a pause, as a reader does who wants to get home
    "He was an old man, and he had lived by the sea all his life.",
    "Every morning he went down to the water and looked at the boats.",
    "He knew the name of every man who went out, and he knew when they would come back.",
    "One day a young girl came and sat down beside him.",
    "She asked him what he was looking for, and he did not know what to say.",
    "I am looking for my son, he said at last, but he has been gone for a long time.",
    "The girl took his hand, and they sat there together until the sun went down.",
    "After that she came back every day.",
    "She brought him bread and a little wine, and he told her about the storms of his youth.",
    "When the winter came he could not leave the house, so she went to the water alone.",
    "She looked at the boats for him, and in the evening she told him what she had seen.",
]
NOISY = [
    Line("The train was late, and it was very cold on the platform."),
    Line("We waited for an hour, and then we went home."),
    Line("It was the best thing that we could do."),
    Line("I will try again in the morning."),
]


def speak(text: str, voice: str) -> np.ndarray:
    """One utterance as float64, trimmed to 50 ms around the speech, with a peak of 0.4."""
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(["flite", "-voice", voice, "-t", text, "-o", file.name], check=True, capture_output=True)
        wave, rate = sf.read(file.name)
    assert rate == SAMPLE_RATE
    loud = np.flatnonzero(np.abs(wave) > 0.01 * np.abs(wave).max())
    wave = wave[max(0, loud[0] - 800) : loud[-1] + 800]
    spoken: np.ndarray = wave * (0.4 / np.abs(wave).max())
    return spoken


def silence(seconds: float) -> np.ndarray:
    return np.zeros(round(seconds * SAMPLE_RATE))


def read_aloud(lines: list[Line], before_seconds: float = 0.8) -> np.ndarray:
    parts = [silence(before_seconds)]
    for line in lines:
        parts += [speak(line.text, line.voice), silence(line.pause_seconds)]
    return np.concatenate(parts)


def noise(n: int, tilt: float, rng: np.random.Generator) -> np.ndarray:
    """Noise whose amplitude falls with frequency to the power of tilt (0 white, 1 brown), root mean square 1."""
    spectrum = np.fft.rfft(rng.standard_normal(n)) / np.maximum(np.arange(n // 2 + 1), n // 160) ** tilt
    wave = np.fft.irfft(spectrum, n)
    return wave / float(wave.std())


def hum(n: int) -> np.ndarray:
    """Mains hum of 50 Hz with its first harmonics, root mean square 1."""
    seconds = np.arange(n) / SAMPLE_RATE
    wave = sum((np.sin(2 * np.pi * 50 * k * seconds) / k for k in (1, 2, 3, 5)), np.zeros(n))
    return wave / float(wave.std())


def silence_and_noise(rng: np.random.Generator) -> np.ndarray:
    """32 s without a word: nothing at all, a quiet room, a fan, clicks, hum."""
    n = 8 * SAMPLE_RATE
    clicks = np.zeros(n)
    clicks[rng.integers(0, n - 100, 12)] = rng.uniform(0.05, 0.3, 12)
    return np.concatenate(
        [
            silence(4),
            0.001 * noise(n, 0.5, rng),
            0.03 * noise(n, 1.0, rng),
            clicks + 0.002 * noise(n, 0.25, rng),
            0.01 * hum(n // 2),
        ]
    )


def recordings() -> dict[str, tuple[np.ndarray, list[str]]]:
    """Name -> samples and the lines spoken."""
    rng = np.random.default_rng(1)
    noisy = read_aloud(NOISY)
    noisy = noisy + 0.006 * noise(len(noisy), 0.75, rng) + 0.003 * hum(len(noisy))
    long = [Line(text, SLT, 0.12) for text in LONG]
    return {
        "dictation": (read_aloud(DICTATION), [line.text for line in DICTATION]),
        "meeting": (read_aloud(MEETING), [line.text for line in MEETING]),
        "long": (read_aloud(long, 0.4), [" ".join(LONG)]),
        "noisy": (noisy, [line.text for line in NOISY]),
        "silence-and-noise": (silence_and_noise(rng), []),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("assets"))
    out = parser.parse_args().out
    for name, (wave, lines) in recordings().items():
        sf.write(out / f"{name}.wav", wave, SAMPLE_RATE, subtype="PCM_16")
        (out / f"{name}.txt").write_text("".join(line + "\n" for line in lines))
        print(f"{name}: {len(wave) / SAMPLE_RATE:.1f} s, {len(lines)} lines")


if __name__ == "__main__":
    main()
