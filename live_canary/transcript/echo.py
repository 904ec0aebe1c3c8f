"""Loudspeakers that a microphone hears: the same words on both sides of a call are said once.

Decided on words and time alone. Rules on energy lose real speech: people talk over each other.
"""

import string
from difflib import SequenceMatcher

from live_canary.transcript.utterance import Utterance

WINDOW_SECONDS = 1.5  # sound systems delay what they play, and voice detectors differ on where it begins
SHORT_WORDS = 3  # below it both sides easily say the same by themselves: "yes", "thank you"
SHORT_WINDOW_SECONDS = 0.4
SIMILAR = 0.75  # of the words, in order


def is_echo(heard: Utterance, played: Utterance) -> bool:
    """Whether the microphone's `heard` is but what the computer `played`, or a part of it."""
    heard_words, played_words = _words(heard.text), _words(played.text)
    if not heard_words or not played_words:
        return False
    if len(heard_words) < SHORT_WORDS:
        together = abs(heard.start_seconds - played.start_seconds) <= SHORT_WINDOW_SECONDS
        return together and heard_words == played_words
    overlap = (
        heard.start_seconds <= played.end_seconds + WINDOW_SECONDS
        and played.start_seconds <= heard.end_seconds + WINDOW_SECONDS
    )
    return overlap and _share_found(heard_words, played_words) >= SIMILAR


def _share_found(part: list[str], whole: list[str]) -> float:
    """How much of `part` is in `whole`, in the same order."""
    blocks = SequenceMatcher(None, part, whole, autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks) / len(part)


def _words(text: str) -> list[str]:
    return [word for word in (raw.lower().strip(string.punctuation) for raw in text.split()) if word]
