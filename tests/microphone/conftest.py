"""A real PulseAudio with a virtual microphone; what needs it is skipped where it cannot be started."""

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from live_canary.audio.source import AudioBlock, AudioGap, Source, SourceItem

SCRIPT = Path(__file__).parent / "virtual_sound.sh"
ANSWER_SECONDS = 20


class VirtualSound:
    """The sound server of one test module, through `virtual_sound.sh`."""

    def __init__(self, folder: Path):
        self.environment = {
            "VIRTUAL_SOUND_DIR": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "ALSA_CONFIG_PATH": f"/usr/share/alsa/alsa.conf:{folder}/asoundrc",
        }
        self._players: list[subprocess.Popen[bytes]] = []

    def do(self, *words: str) -> None:
        subprocess.run([SCRIPT, *words], env={**os.environ, **self.environment}, check=True, capture_output=True)

    def play(self, recording: Path, into: str) -> subprocess.Popen[bytes]:
        """Starts to play into "mic_feed", "speakers" or "headset"; the process ends when all was played."""
        # seconds ahead: with less, a player that waits for a busy processor leaves holes in what is played
        command = ["paplay", f"--device={into}", "--latency-msec=4000", str(recording)]
        self._players.append(subprocess.Popen(command, env={**os.environ, **self.environment}))
        return self._players[-1]

    def record(self, source: str, path: Path) -> subprocess.Popen[bytes]:
        """Starts to write what `source` gives, with the sound server's own recorder; terminate() ends the file.

        It is what our program must have heard: on a busy machine the virtual devices themselves skip some sound.
        """
        command = ["parecord", f"--device={source}", "--file-format=wav", str(path)]
        self._players.append(subprocess.Popen(command, env={**os.environ, **self.environment}))
        return self._players[-1]

    def silence_players(self) -> None:
        for player in self._players:
            player.kill()
            player.wait()
        self._players.clear()


class Listener:
    """Collects what a source gives, on a thread of its own."""

    def __init__(self, source: Source):
        self.source = source
        self.items: list[SourceItem] = []
        self._more = threading.Condition()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def until(self, done: Callable[["Listener"], bool]) -> "Listener":
        with self._more:
            assert self._more.wait_for(lambda: done(self), ANSWER_SECONDS), f"waited in vain after {self.news}"
        return self

    def until_heard(self, seconds: float) -> "Listener":
        """So much more than now."""
        wanted = len(self.samples) + seconds * 16_000
        return self.until(lambda self: len(self.samples) >= wanted)

    def until_news(self, kind: type) -> "Listener":
        return self.until(lambda self: any(isinstance(item, kind) for item in self.items))

    def stop(self) -> "Listener":
        self.source.stop()
        self._thread.join(ANSWER_SECONDS)
        assert not self._thread.is_alive()
        return self

    @property
    def news(self) -> list[SourceItem]:
        return [item for item in self.items if not isinstance(item, AudioBlock | AudioGap)]

    @property
    def samples(self) -> np.ndarray:
        """Each sample at its position; gaps are silence."""
        pieces = [np.zeros(0, np.float32)]
        for item in self.items:
            if isinstance(item, AudioBlock):
                pieces.append(item.samples)
            elif isinstance(item, AudioGap):
                pieces.append(np.zeros(item.end_sample - item.start_sample, np.float32))
        return np.concatenate(pieces)

    def _run(self) -> None:
        for item in self.source.blocks():
            with self._more:
                self.items.append(item)
                self._more.notify_all()


@pytest.fixture(scope="module")
def sound_server(tmp_path_factory) -> Iterator[VirtualSound]:
    missing = [program for program in ("pulseaudio", "pactl", "paplay") if not shutil.which(program)]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: apt install pulseaudio pulseaudio-utils")
    server = VirtualSound(tmp_path_factory.mktemp("pulse"))
    try:
        server.do("start")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"PulseAudio does not start here: {error.stderr.decode()[-300:]}")
    yield server
    server.do("stop")


@pytest.fixture
def sound(sound_server, monkeypatch) -> Iterator[VirtualSound]:
    """The server, in this process's environment, with the microphone plugged in and speakers as default output."""
    for name, value in sound_server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("PULSE_SERVER", raising=False)
    yield sound_server
    sound_server.silence_players()
    sound_server.do("default", "speakers")


@pytest.fixture
def listen() -> Iterator[Callable[[Source], Listener]]:
    """listen(source) -> a running Listener, stopped at the end of the test."""
    running: list[Listener] = []

    def start(source: Source) -> Listener:
        running.append(Listener(source))
        return running[-1].until(lambda self: len(self.samples) > 0)

    yield start
    for listener in running:
        listener.stop()


@pytest.fixture(scope="session")
def noise(tmp_path_factory) -> Callable[[int, float], Path]:
    """noise(seed, seconds) -> a recording of noise below 4 kHz, different for each seed."""
    folder = tmp_path_factory.mktemp("noise")

    def write(seed: int, seconds: float) -> Path:
        path = folder / f"{seed}-{seconds}.wav"
        coarse = np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * 8_000))
        soundfile.write(
            path, np.interp(np.arange(0, len(coarse), 8_000 / 44_100), np.arange(len(coarse)), coarse), 44_100
        )
        return path

    return write


def share_in(heard: np.ndarray, piece: np.ndarray) -> float:
    """How much of `piece`, in steps of 0.1 s, is somewhere in `heard`."""
    steps = np.split(piece[: len(piece) // 1_600 * 1_600], len(piece) // 1_600)
    return float(np.mean([position_in(heard, step)[1] > 0.9 for step in steps]))


def position_in(heard: np.ndarray, piece: np.ndarray) -> tuple[int, float]:
    """Where `piece` is in `heard`, in samples, and how alike they are there: 1 is equal but for loudness."""
    size = 1 << (len(heard) + len(piece)).bit_length()
    product = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(piece, size)), size)[: len(heard)]
    at = int(np.argmax(product))
    there = heard[at : at + len(piece)]
    return at, float(product[at] / (np.linalg.norm(there) * np.linalg.norm(piece) + 1e-9))
