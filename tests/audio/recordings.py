"""Recordings of a tone as a test wants them, and what is heard of them."""

import numpy as np

from live_canary.audio.recording import RecordingSource
from live_canary.audio.recording_file import read_recording
from live_canary.audio.source import AudioBlock


def tone(seconds: float, rate: int = 16_000, channels: int = 1) -> np.ndarray:
    mono = 0.5 * np.sin(2 * np.pi * 100 * np.arange(round(seconds * rate)) / rate)
    return np.tile(mono[:, None], channels).astype(np.float32)


def samples_of(source: RecordingSource) -> np.ndarray:
    blocks = [item for item in source.blocks() if isinstance(item, AudioBlock)]
    assert [block.start_sample for block in blocks] == [320 * index for index in range(len(blocks))]
    return np.concatenate([np.zeros(0, np.float32), *(block.samples for block in blocks)])


def seconds_of(path) -> float:
    """Raises RecordingError where it is not read to its end without trouble."""
    return len(read_recording(path)) / 16_000


def without_info_frame(path):
    """As recorders write an MP3 that cannot go back to its beginning. Every frame begins so in those of soundfile."""
    contents = path.read_bytes()
    path.write_bytes(contents[contents.index(contents[:2], 2) :])
    return path
