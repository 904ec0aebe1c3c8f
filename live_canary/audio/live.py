"""Sound that happens now: an open input as blocks of 16 kHz."""

from collections.abc import Iterator

from live_canary.audio.blocks import BlockCutter
from live_canary.audio.capture import Capture, OpenInput
from live_canary.audio.clock import Clock
from live_canary.audio.inbox import Inbox, Nothing
from live_canary.audio.resample import Resampler, to_mono
from live_canary.audio.source import DeviceLost, DeviceOpened, SourceItem

INBOX_CHUNKS = 6000  # a minute of 10 ms
STALLED_SECONDS = 3.0  # an input that delivers nothing for so long is gone


class LiveSource:
    """One input of `capture`, from the first sample after it was opened until `stop()`.

    The sound system's thread only copies into a queue; everything else happens where `blocks()` is read. What was
    captured before `stop()` is still delivered.
    """

    live = True

    def __init__(self, capture: Capture, clock: Clock | None = None):
        self.name = capture.name
        self._capture = capture
        self._clock = clock or Clock()
        self._inbox = Inbox(INBOX_CHUNKS, self._clock)

    def blocks(self) -> Iterator[SourceItem]:
        opened = self._capture.open(self._inbox.put)
        try:
            yield DeviceOpened(opened.name, opened.rate, opened.channels)
            yield from self._listen(opened)
        finally:
            opened.close()

    def stop(self) -> None:
        self._clock.stop()
        self._inbox.close()

    def _listen(self, opened: OpenInput) -> Iterator[SourceItem]:
        cutter, resampler = BlockCutter(), Resampler(opened.rate)
        while not isinstance(chunk := self._inbox.take(STALLED_SECONDS), Nothing):
            yield from cutter.feed(resampler.feed(to_mono(chunk.frames)))
        yield from cutter.feed(resampler.flush())
        yield from cutter.flush()
        if chunk is Nothing.ARRIVED:
            yield DeviceLost(opened.name, "it delivers no sound")
