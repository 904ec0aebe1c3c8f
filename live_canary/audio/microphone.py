"""What is said."""

from live_canary.audio.live import LiveSource
from live_canary.audio.soundsystem import Hears


class MicrophoneSource(LiveSource):
    """A microphone."""

    hears: Hears = "microphone"
    default_name = "Microphone"
