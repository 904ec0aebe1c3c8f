import numpy as np

from live_canary.audio.blocks import BlockCutter
from live_canary.audio.source import AudioBlock, AudioGap


def test_blocks_are_20_ms_whatever_comes_in():
    cutter = BlockCutter()
    ramp = np.linspace(-1, 1, 1_000, dtype=np.float32)
    blocks = [block for start in range(0, 1_000, 77) for block in cutter.feed(ramp[start : start + 77])]
    blocks += cutter.flush()
    assert [len(block.samples) for block in blocks] == [320, 320, 320, 40]
    assert [block.start_sample for block in blocks] == [0, 320, 640, 960]
    np.testing.assert_array_equal(np.concatenate([block.samples for block in blocks]), ramp)


def test_a_gap_comes_after_what_was_heard_before_it_and_counts_as_time():
    cutter = BlockCutter()
    assert list(cutter.feed(np.zeros(100, np.float32))) == []
    short, gap = cutter.gap(16_000, "overflow")
    assert isinstance(short, AudioBlock) and (short.start_sample, short.end_sample) == (0, 100)
    assert gap == AudioGap(100, 16_100, "overflow")
    (block,) = cutter.feed(np.zeros(320, np.float32))
    assert block.start_sample == 16_100


def test_no_gap_where_nothing_is_missing():
    assert list(BlockCutter().gap(0, "overflow")) == []


def test_loud_samples_are_clipped():
    (block,) = BlockCutter().feed(np.full(320, 1.5, np.float32))
    assert block.samples.max() == 1.0
