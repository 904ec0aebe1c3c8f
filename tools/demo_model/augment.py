"""One clip as many microphones, rooms and speakers might give it; and sound without a word in it."""

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16000
NOISE_SAMPLES = 20 * SAMPLE_RATE
Wave = NDArray[np.float32]


def change_speed(wave: Wave, speed: float) -> Wave:
    """Speed, pitch and formants together: another speaker, `speed` times as fast."""
    at = np.arange(0, len(wave) - 2, speed)
    before = at.astype(np.int32)
    return wave[before] + (at - before).astype(np.float32) * (wave[before + 1] - wave[before])


def room_and_microphone(wave: Wave, rng: np.random.Generator) -> Wave:
    """A short echo tail, a tilted spectrum, a microphone that ends at 3 to 7 kHz: each only sometimes."""
    n, u = len(wave), rng.uniform
    fast = -(-(n + 4800) // 4096) * 4096  # a length that the Fourier transform likes
    spectrum = np.fft.rfft(wave, fast)
    if rng.random() < 0.7:
        decay = np.exp(np.arange(4800, dtype=np.float32) * np.float32(-u(20, 60) / SAMPLE_RATE))
        tail = rng.standard_normal(4800, np.float32) * decay * np.float32(u(0.01, 0.06))
        tail[0] = 1
        spectrum *= np.fft.rfft(tail, fast)
    khz = np.linspace(0, 8, len(spectrum), dtype=np.float32)
    if rng.random() < 0.5:
        spectrum *= (khz + np.float32(0.3)) ** np.float32(u(-0.6, 0.6))
    if rng.random() < 0.4:
        spectrum /= 1 + (khz / np.float32(u(3, 7))) ** 12
    return np.fft.irfft(spectrum, fast)[:n].astype(np.float32)


def coloured_noise(tilt: float, rng: np.random.Generator, n: int = NOISE_SAMPLES) -> Wave:
    """Amplitude falls with frequency to the power of tilt above 5 Hz: 0 white, 0.5 pink, 1 brown."""
    spectrum = np.fft.rfft(rng.standard_normal(n)) / np.maximum(np.arange(n // 2 + 1), 100) ** tilt
    return np.fft.irfft(spectrum, n).astype(np.float32)


def hum(rng: np.random.Generator, n: int = NOISE_SAMPLES) -> Wave:
    """50 or 60 Hz with a few harmonics."""
    turns = np.arange(n) * (2 * np.pi * rng.choice([50, 60]) / SAMPLE_RATE)
    return sum((rng.uniform(0, 1) / k * np.sin(k * turns) for k in range(1, 9)), np.zeros(n)).astype(np.float32)


def music(rng: np.random.Generator, n: int = NOISE_SAMPLES) -> Wave:
    """Plucked chords: a few decaying harmonic notes at a time, a new one every 0.2 to 0.8 s."""
    wave, start = np.zeros(n + 4 * SAMPLE_RATE, np.float32), 0
    while start < n:
        seconds = np.arange(int(SAMPLE_RATE * rng.uniform(0.5, 3))) / SAMPLE_RATE
        for _ in range(rng.integers(1, 4)):
            turns = 2 * np.pi * 55 * 2 ** (rng.integers(0, 49) / 12) * seconds
            note = sum(np.sin(k * turns) / k ** rng.uniform(0.8, 2) for k in range(1, 7))
            wave[start : start + len(seconds)] += note * np.exp(-seconds * rng.uniform(1, 6)) * rng.uniform(0.2, 1)
        start += int(SAMPLE_RATE * rng.uniform(0.2, 0.8))
    return wave[:n]


def clicks(rng: np.random.Generator, n: int = NOISE_SAMPLES) -> Wave:
    """Keys and knocks: short decaying bursts over a very quiet floor."""
    wave = 0.003 * coloured_noise(0.5, rng, n)
    for start in rng.integers(0, n - 4000, 60):
        length = int(rng.integers(50, 4000))
        wave[start : start + length] += rng.standard_normal(length) * np.exp(-np.arange(length) / length * 6)
    return wave.astype(np.float32)


def calls(rng: np.random.Generator, n: int = NOISE_SAMPLES) -> Wave:
    """Barks and cries: a few in a row of one throat, then another's."""
    wave, start = 0.001 * coloured_noise(0.5, rng, n), 0
    while start < n:
        start += int(SAMPLE_RATE * rng.uniform(0.2, 3))
        hertz, resonances = 80 * 2 ** rng.uniform(0, 4), (rng.uniform(300, 1200), rng.uniform(1200, 3500))
        octaves, roughness = rng.uniform(-1.5, 1.0), rng.uniform(0, 0.6)
        for _ in range(rng.integers(1, 6)):
            cry = glide(hertz * rng.uniform(0.9, 1.1), octaves, resonances, rng.uniform(0.06, 0.5))
            cry += roughness * cry.std() * rng.standard_normal(len(cry))
            cry *= np.sin(np.pi * np.linspace(0, 1, len(cry)) ** rng.uniform(0.3, 1))
            wave[start : start + len(cry)] += cry[: max(0, n - start)]
            start += len(cry) + int(SAMPLE_RATE * rng.uniform(0.03, 0.4))
    return wave.astype(np.float32)


def glide(hertz: float, octaves: float, resonances: tuple[float, float], seconds: float) -> np.ndarray:
    """A voiced sound whose pitch moves evenly by so many octaves, loudest around two frequencies in Hz."""
    pitch = hertz * 2 ** (octaves * np.linspace(0, 1, int(SAMPLE_RATE * seconds)))
    turns, sound = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE, np.zeros_like(pitch)
    low, high = resonances
    for k in range(1, min(24, int(7000 / pitch.max())) + 1):
        level = 0.1 + np.exp(-(((k * pitch - low) / 300) ** 2)) + 0.6 * np.exp(-(((k * pitch - high) / 500) ** 2))
        sound += level * np.sin(k * turns) / k**0.5
    return sound


def song(rng: np.random.Generator, n: int = NOISE_SAMPLES) -> Wave:
    """Three parts that hold their notes, each with a body or a throat of its own, over a beat of drums."""
    wave, beat = np.zeros(n, np.float32), rng.uniform(0.25, 0.7)
    for _ in range(3):
        start, loudness, fading = 0, rng.uniform(0.1, 1), rng.uniform(0, 3)
        resonances = rng.uniform(200, 1200), rng.uniform(1000, 3500)
        while start < n:
            seconds, bend = beat * rng.choice([0.5, 1, 1, 2, 4]), float(rng.choice([0, 0, rng.uniform(-0.3, 0.3)]))
            note = glide(82.4 * 2 ** (rng.integers(0, 37) / 12), bend, resonances, seconds)[: n - start]
            at = np.arange(len(note)) / SAMPLE_RATE
            wave[start : start + len(note)] += loudness * note * np.minimum(1, at / 0.03) * np.exp(-fading * at)
            start += len(note)
    drums = rng.uniform(0, 2) * wave.std()
    for start in range(0, n, int(beat * SAMPLE_RATE)):
        hit = rng.standard_normal(min(n - start, int(rng.integers(500, 6000)))) * drums
        wave[start : start + len(hit)] += hit * np.exp(-np.arange(len(hit)) / len(hit) * 6)
    return wave


def make_noises(speech: list[Wave], recorded: list[Wave], rng: np.random.Generator) -> list[Wave]:
    """Sounds without words, standard deviation 1, about 20 s each. `speech` becomes babble of 5 and 8 voices."""
    noises = [coloured_noise(tilt, rng) for tilt in (0, 0.25, 0.5, 0.75, 1.0, 1.25)]
    noises += [hum(rng), clicks(rng)]
    noises += [make(rng) for make, count in ((music, 3), (song, 4), (calls, 4)) for _ in range(count)]
    for voices in (5, 8):
        tracks = [np.concatenate([speech[i] for i in rng.permutation(len(speech))[:12]]) for _ in range(voices)]
        noises.append(sum((np.resize(track, NOISE_SAMPLES) for track in tracks), np.zeros(NOISE_SAMPLES, np.float32)))
    noises += recorded
    return [(noise / (noise.std() + 1e-9)).astype(np.float32) for noise in noises]


class Augmenter:
    """Random versions of clips. Knows nothing of text; says how it moved time, so that a caller can follow."""

    def __init__(self, noises: list[Wave], rng: np.random.Generator, share: float = 1.0):
        """share: of the usual augmentation, between 0 and 1."""
        self.noises, self.rng, self.share = noises, rng, share

    def noise(self, n: int) -> Wave:
        """n samples of one of the noises, from anywhere in it."""
        noise = self.noises[self.rng.integers(len(self.noises))]
        start = self.rng.integers(len(noise))
        first = noise[start : start + n]
        return np.concatenate([first, np.resize(noise, n - len(first))]) if len(first) < n else first

    def wordless(self, n: int) -> Wave:
        """n samples of noise at any level from inaudible to loud, sometimes digital silence at one end."""
        wave = self.noise(n) * np.float32(10 ** self.rng.uniform(-5, -0.7))
        if self.rng.random() < 0.1:
            wave[: self.rng.integers(n)] = 0
        clipped: Wave = np.clip(wave, -1, 1)
        return clipped

    def spoken(self, wave: Wave) -> tuple[Wave, float, int]:
        """The clip as another microphone might hear it, its speed-up, and the samples of silence before it."""
        rng, u, speed = self.rng, self.rng.uniform, 1.0
        if rng.random() < 0.45 * self.share:
            speed = u(0.85, 1.18)
            wave = change_speed(wave, speed)
        left = int(SAMPLE_RATE * u(0.05, 0.7))
        wave = np.pad(wave, (left, int(SAMPLE_RATE * u(0.1, 0.8))))
        if rng.random() < 0.25 * self.share:
            wave = room_and_microphone(wave, rng)
        if rng.random() < 0.3 * self.share:
            wave = wave + self.noise(len(wave)) * np.float32(wave.std() * 10 ** (-u(5, 35) / 20))
        gain = 10 ** u(-1.5, 0) / (np.abs(wave).max() + 1e-6)
        return wave * np.float32(gain), speed, left
