"""Loudspeakers that a microphone hears: the same words on both sides of a call are said once.

Decided on words and time alone. Rules on energy lose real speech: people talk over each other.
"""

import string

from live_canary.transcript.utterance import Utterance

WINDOW_SECONDS = 1.5  # sound systems delay what they play, and voice detectors differ on where it begins
SHORT_WORDS = 3  # below it both sides easily say the same by themselves: "yes", "thank you"
SHORT_WINDOW_SECONDS = 0.4
SIMILAR = 0.75  # of the words, in order
SKIPPED = 0.25  # of a missing word counts each one that was played between them: an echo leaves out few


def is_echo(heard: Utterance, played: Utterance) -> bool:
    """Whether the microphone's `heard` is but what the computer `played`, or a part of it."""
    heard_words, played_words = _words(heard.text), _words(played.text)
    if not heard_words or not played_words:
        return False
    if len(heard_words) < SHORT_WORDS:
        together = abs(heard.start_seconds - played.start_seconds) <= SHORT_WINDOW_SECONDS
        return together and heard_words == played_words
    while_played = (
        played.start_seconds - WINDOW_SECONDS <= heard.start_seconds
        and heard.end_seconds <= played.end_seconds + WINDOW_SECONDS
    )  # an answer that repeats the last words ends later
    return while_played and _share_found(heard_words, played_words) >= SIMILAR


def _share_found(part: list[str], whole: list[str]) -> float:
    """How much of `part` is in one stretch of `whole`, in the same order."""
    missing = [0.0] * (len(whole) + 1)  # of the words so far, when the stretch ends with each word of the whole
    for word in part:
        before, missing[0] = missing[0], missing[0] + 1
        for k, other in enumerate(whole, start=1):
            before, missing[k] = missing[k], min(missing[k] + 1, missing[k - 1] + SKIPPED, before + (word != other))
    return 1 - min(missing) / len(part)


def _words(text: str) -> list[str]:
    return [word for word in (raw.lower().strip(string.punctuation) for raw in text.split()) if word]
