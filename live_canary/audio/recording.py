"""Recordings as a source: played as if they were heard now, or as fast as they are wanted."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from live_canary.audio.blocks import BlockCutter, Span
from live_canary.audio.clock import Clock
from live_canary.audio.recording_file import stream_recording
from live_canary.audio.source import SAMPLE_RATE, AudioBlock, SourceItem, SourceWarning
from live_canary.errors import RecordingBrokenOff


class RecordingSource:
    """One or more recordings, one after another without a pause, as one source.

    name: of the source, by default that of the recordings; channel: the only one that is heard, counted from 0.
    speed: 1.0 plays in real time, 4.0 four times as fast: a block is handed on no earlier than its end would have been
    heard since the first was asked for, and late readers catch up. None hands on whatever is asked for. The samples are
    the same at every speed. A recording that breaks off gives all that can be read, then a SourceWarning. One that
    cannot be read ends the source with a RecordingError: what comes after it would stand where its sound belongs.
    """

    live = False

    def __init__(
        self,
        paths: Sequence[Path],
        speed: float | None = 1.0,
        clock: Clock | None = None,
        *,
        name: str = "",
        channel: int | None = None,
    ):
        self.paths = list(paths)
        self.name = name or recordings_name(self.paths)
        self._channel = channel
        self._speed = speed
        self._clock = clock or Clock()

    def blocks(self) -> Iterator[SourceItem]:
        start = self._clock.now()
        for item in self._unpaced():
            if isinstance(item, AudioBlock) and self._speed is not None:
                due = start + item.end_sample / SAMPLE_RATE / self._speed
                self._clock.wait(due - self._clock.now())
            if self._clock.stopped:
                return
            yield item

    def stop(self) -> None:
        self._clock.stop()

    def hear_again(self, start_sample: int, end_sample: int) -> NDArray[np.float32]:
        """Reads the recordings anew, up to there; see RehearableSource. Raises RecordingError if one cannot be read."""
        span = Span(start_sample, end_sample)
        for item in self._unpaced():
            if isinstance(item, AudioBlock):
                span.take(item.samples, item.start_sample)
                if item.end_sample >= end_sample:
                    break
        return span.samples

    def _unpaced(self) -> Iterator[SourceItem]:
        cutter = BlockCutter()
        for path in self.paths:
            try:
                for samples in stream_recording(path, self._channel):
                    yield from cutter.feed(samples)
            except RecordingBrokenOff as error:
                yield SourceWarning(str(error))
        yield from cutter.flush()


def recordings_name(paths: Sequence[Path]) -> str:
    """ "talk.wav", "talk.wav and 2 more"."""
    first = paths[0].name if paths else "no recording"
    return first if len(paths) <= 1 else f"{first} and {len(paths) - 1} more"
