"""Samples as the model wants them, from whatever a caller has."""

import numpy as np
from numpy.typing import NDArray

from live_canary.errors import AudioError

INT16_FULL_SCALE = 32768.0


def mono_float32(audio: NDArray[np.generic], sample_rate: int, wanted_rate: int) -> NDArray[np.float32]:
    """One channel at the model's rate.

    audio: float in [-1, 1] or int16, (n,) or (n, channels), at any rate -> (m,) float32.
    Raises AudioError for another dtype or shape, and for samples that are not finite.
    """
    audio = np.asarray(audio)
    if audio.dtype == np.int16:
        audio = audio.astype(np.float32) / np.float32(INT16_FULL_SCALE)
    elif not np.issubdtype(audio.dtype, np.floating):
        raise AudioError(f"Audio must be float in [-1, 1] or int16, not {audio.dtype}; convert it first")
    if audio.ndim not in (1, 2):
        raise AudioError(f"Audio must have the shape (samples,) or (samples, channels), not {audio.shape}; reshape it")
    if audio.ndim == 2:
        audio = audio.mean(axis=1)
    mono = audio.astype(np.float32, copy=False)
    if not np.isfinite(mono).all():
        first = int(np.flatnonzero(~np.isfinite(mono))[0])
        raise AudioError(f"Sample {first} is {mono[first]}; audio must be finite numbers: leave that sample out")
    if sample_rate <= 0:
        raise AudioError(f"The sample rate must be positive, not {sample_rate}; 16000 is the usual one")
    if sample_rate != wanted_rate:
        import soxr

        mono = soxr.resample(mono, sample_rate, wanted_rate, quality="VHQ")
    return np.ascontiguousarray(mono)
