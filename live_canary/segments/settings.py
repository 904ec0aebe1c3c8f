"""How eagerly sound becomes an utterance, and when one is over."""

from dataclasses import dataclass

from live_canary.audio.source import SAMPLE_RATE
from live_canary.errors import InputError

DETECTORS = ("silero", "webrtc")
"""Names of the voice activity detectors."""

LONGEST_SEGMENT_S = 38.0  # Canary-Qwen was trained on at most 40 s
FAINT = 0.4  # share of the threshold that is enough when it lasts


@dataclass(frozen=True, slots=True)
class SegmenterSettings:
    """Raises InputError, naming the setting and its range, when a value would lose speech or overfill the model.

    The reasons for the values are rows of benchmarks/results/segmentation.md: 87 utterances in silence, and in noise of
    three kinds.
    """

    on_threshold: float = 0.5
    """An utterance begins in a frame of at least this probability.

    At 5 dB 0.35 finds no word more and misses twice as many pauses; 0.65 misses a word.
    """
    hysteresis: float = 0.15
    """Once it has begun, `on_threshold - hysteresis` (at least 0.05) is speech: last words fade.

    At 5 dB 0 leaves 46 of 261 utterances in pieces instead of 42; 0.35 lets noise bridge 26 of 207 pauses instead of 8.
    """
    min_speech_ms: int = 100
    """Less speech than this is a click and makes no utterance.

    250 tells of speech 120 ms later; 30 doubles the false segments at 5 dB.
    """
    faint_speech_ms: int = 250
    """An utterance also begins where the probability stays at `FAINT` of `on_threshold` for so long.

    A digit in noise of 5 dB never gets further: 400 misses it, and 250 brings no false segment more.
    """
    min_silence_ms: int = 600
    """The hangover: an utterance is over after this long without speech.

    The tail, and 100 ms in which its text is decoded; 700 would leave 15 of 87 utterances in pieces instead of 16.
    """
    pre_roll_ms: int = 1000
    """Sound kept before the first speech, as far as no earlier utterance has it.

    Speech is noticed 224 ms after its first sound (p95), 409 at 5 dB; no first word is clipped at 5 dB and above.
    """
    tail_ms: int = 500
    """Sound kept after the last speech: no last word is clipped at 5 dB and above."""
    max_utterance_s: float = 30.0
    """Speech that lasts longer is cut at its quietest point in the last third of this time.

    In 50 minutes without a pause no cut fell into a word.
    """

    def __post_init__(self) -> None:
        _check("VAD threshold", self.on_threshold, 0.05, 0.95)
        _check("VAD hysteresis", self.hysteresis, 0.0, 0.5)
        _check("minimum speech", self.min_speech_ms, 0, 1000, "ms")
        _check("faint speech", self.faint_speech_ms, 100, 1000, "ms")
        _check("pre-roll", self.pre_roll_ms, 1000, 5000, "ms", "a shorter one clips first words")
        _check("tail", self.tail_ms, 500, 2000, "ms", "a shorter one clips last words")
        _check("minimum silence", self.min_silence_ms, self.tail_ms + 50, 5000, "ms", "it must outlast the tail")
        longest = LONGEST_SEGMENT_S - self.min_silence_ms / 1000 - 0.5
        _check("longest utterance", self.max_utterance_s, 10.0, longest, "s", "the model takes no more than 40 s")

    @property
    def off_threshold(self) -> float:
        return max(self.on_threshold - self.hysteresis, 0.05)

    @property
    def faint_threshold(self) -> float:
        return max(self.on_threshold * FAINT, 0.05)

    @property
    def faint_speech_samples(self) -> int:
        return max(self.faint_speech_ms, self.min_speech_ms) * SAMPLE_RATE // 1000

    @property
    def min_speech_samples(self) -> int:
        return self.min_speech_ms * SAMPLE_RATE // 1000

    @property
    def min_silence_samples(self) -> int:
        return self.min_silence_ms * SAMPLE_RATE // 1000

    @property
    def pre_roll_samples(self) -> int:
        return self.pre_roll_ms * SAMPLE_RATE // 1000

    @property
    def tail_samples(self) -> int:
        return self.tail_ms * SAMPLE_RATE // 1000

    @property
    def max_utterance_samples(self) -> int:
        return int(self.max_utterance_s * SAMPLE_RATE)

    @staticmethod
    def preset(name: str) -> "SegmenterSettings":
        """The settings of a mode in `PRESETS`. Raises InputError for any other name."""
        if name not in PRESETS:
            raise InputError(f"There is no mode {name!r}; choose {' or '.join(PRESETS)}.")
        return PRESETS[name]


def _check(what: str, value: float, low: float, high: float, unit: str = "", reason: str = "") -> None:
    if low <= value <= high:
        return
    allowed = f"it must lie between {low:g} and {high:g} {unit}".rstrip()
    because = f" ({reason})" if reason else ""
    raise InputError(f"The {what} of {value:g} {unit}".rstrip() + f" cannot be used: {allowed}{because}.")


# In a meeting people think while they speak: 1000 ms leaves 6 of 87 utterances in pieces instead of 16.
PRESETS = {
    "dictation": SegmenterSettings(),
    "meeting": SegmenterSettings(min_silence_ms=1000),
}

OF_THE_MODE = {
    "vad_threshold": "on_threshold",
    "min_silence_ms": "min_silence_ms",
    "pre_roll_ms": "pre_roll_ms",
    "max_utterance_s": "max_utterance_s",
}
"""The user's settings whose values the mode implies, and their fields in SegmenterSettings."""
