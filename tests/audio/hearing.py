"""Hears a fake sound system to the end, and takes apart what was heard."""

import numpy as np

from live_canary.audio.capture import Capture
from live_canary.audio.live import LiveSource
from live_canary.audio.portaudio import PortAudio
from live_canary.audio.source import AudioBlock, AudioGap
from tests.audio.fake_sounddevice import HZ


def microphone(clock, device=None, **options):
    return LiveSource(Capture(device, system=PortAudio(), clock=clock, **options))


def heard(source, clock, seconds):
    """Everything the source gives before it is stopped after so many seconds; positions must be contiguous."""
    clock.at(seconds, source.stop)
    items = list(source.blocks())
    position = 0
    for item in items:
        if isinstance(item, AudioBlock | AudioGap):
            assert item.start_sample == position
            position = item.end_sample
    return items


def blocks_in(items):
    return [item for item in items if isinstance(item, AudioBlock)]


def news_in(items):
    return [item for item in items if not isinstance(item, AudioBlock | AudioGap)]


def gaps_in(items):
    return [item for item in items if isinstance(item, AudioGap)]


def total_samples(items):
    return sum(len(block.samples) for block in blocks_in(items))


def seconds_off(block):
    """By how much a whole block is not at its time: the phase of the world's tone says when it was really heard."""
    turns = HZ * (block.start_sample + np.arange(320)) / 16_000
    return abs(np.angle(np.sum(block.samples * np.exp(-2j * np.pi * turns)) * 1j)) / (2 * np.pi * HZ)


def assert_each_sample_is_at_its_time(items, tolerance_seconds):
    for block in blocks_in(items):
        if len(block.samples) == 320 and np.abs(block.samples[:160]).max() > 0.4:  # else cut short, or an edge
            assert seconds_off(block) < tolerance_seconds
