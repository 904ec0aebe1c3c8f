"""Any sample rate to 16 kHz, in pieces of any size, without seams."""

import numpy as np
import soxr
from numpy.typing import NDArray

from live_canary.audio.source import SAMPLE_RATE

STEER_ROOM = 0.01
CANCELLED = 0.01  # of the power of a channel: 20 dB less


class Resampler:
    """One stream of mono samples at `in_rate` Hz, brought to 16 kHz.

    What comes out does not depend on how the input was cut, sample n stands for time n / 16000 (to 0.1 ms, however long
    the stream), and after `flush()` the output has exactly round(samples in x 16000 / in_rate) samples. A `steered` one
    may be told to make time a little longer or shorter.

    soxr's variable-rate engine is used, because it is the one that does not collect large pieces: it stays 12.5 ms
    behind a 48 kHz microphone where the others stay 37 ms (HQ) or 20 ms (LQ, which loses what lies above 6 kHz). It is
    flat to 7.8 kHz, damps what would fold by more than 100 dB, and takes 0.3 % of a core.
    """

    def __init__(self, in_rate: int, steered: bool = False):
        self.in_rate = in_rate
        self._passes_through = in_rate == SAMPLE_RATE and not steered
        self._steer = 0.0
        self._begin()

    def steer(self, fraction: float) -> None:
        """Make what is fed from now on longer by this fraction of its time, at most `STEER_ROOM`; only if `steered`."""
        if fraction != self._steer:
            self._steer = fraction
            self._stream.set_io_ratio(self.in_rate / (1 + fraction), SAMPLE_RATE, 0)

    def feed(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Samples that became certain through these. samples: (n,) float32 -> (m,) float32 at 16 kHz, perhaps none."""
        if self._passes_through:
            return samples
        self._due += len(samples) * SAMPLE_RATE / self.in_rate * (1 + self._steer)
        out: NDArray[np.float32] = self._stream.resample_chunk(samples)
        self._given += len(out)
        return out

    def flush(self) -> NDArray[np.float32]:
        """The last samples: (m,) float32. Afterwards the resampler stands at the start of a new stream."""
        if self._passes_through:
            return np.zeros(0, np.float32)
        rest = self._stream.resample_chunk(np.zeros(0, np.float32), last=True)
        missing = round(self._due) - self._given
        self._begin()
        return np.concatenate([rest, np.zeros(max(0, missing - len(rest)), np.float32)])[: max(0, missing)]

    def _begin(self) -> None:
        highest = self.in_rate * (1 + STEER_ROOM)
        self._stream = soxr.ResampleStream(highest, SAMPLE_RATE, 1, dtype="float32", quality="HQ", vr=True)
        self._stream.set_io_ratio(self.in_rate / (1 + self._steer), SAMPLE_RATE, 0)
        self._due = 0.0
        self._given = 0


def to_mono(frames: NDArray[np.float32], channel: int | None = None) -> NDArray[np.float32]:
    """The mean of all channels, or the first of two that cancel each other, as where one microphone is wired the wrong
    way round. frames: (n, channels) float32 -> (n,) float32; NaN and infinity become 0 and ±1.

    channel: the only one that is wanted, counted from 0; one that there is not is silent.
    """
    if channel is not None:
        frames = frames[:, channel : channel + 1] if channel < frames.shape[1] else np.zeros_like(frames[:, :1])
    channels = frames.shape[1]
    mono = frames[:, 0] if channels == 1 else frames @ np.full(channels, 1 / channels, np.float32)
    if channels == 2 and np.vdot(mono, mono) < CANCELLED * np.vdot(frames[:, 0], frames[:, 0]):
        mono = frames[:, 0]
    return mono if np.isfinite(mono.sum()) else np.nan_to_num(mono, nan=0.0, posinf=1.0, neginf=-1.0)
