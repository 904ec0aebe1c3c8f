"""What the computer plays."""

from live_canary.audio.live import LiveSource
from live_canary.audio.soundsystem import Hears


class SystemSource(LiveSource):
    """The monitor of the default output, or of the one with this index or part of a name."""

    hears: Hears = "system"
    default_name = "System sound"
