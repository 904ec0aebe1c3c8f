"""Digital silence: an input that delivers nothing but zeros has been muted, or its cable is out."""

import numpy as np

SILENT_SECONDS = 10.0


class SilenceWatch:
    """Even a quiet room moves the last bit of a microphone; 10 s of exact zeros are no room."""

    def __init__(self) -> None:
        self.silent = False
        """True from 10 s of zeros to the first sample that is not zero."""
        self._zero_seconds = 0.0

    def feed(self, sound: bytes, seconds: float) -> bool:
        """True when `silent` has changed. sound: float32 samples of all channels."""
        self._zero_seconds = 0.0 if np.frombuffer(sound, np.float32).any() else self._zero_seconds + seconds
        before, self.silent = self.silent, self._zero_seconds >= SILENT_SECONDS
        return self.silent != before
