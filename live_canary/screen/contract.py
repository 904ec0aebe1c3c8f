"""What a screen is told about a session beside its events, and what it gives back."""

from dataclasses import dataclass
from pathlib import Path

from live_canary.errors import LiveCanaryError
from live_canary.events import SessionEnded


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """What a screen tells about a session that is not in its events."""

    model: str
    """How the user knows it: "demo model"."""
    sources: tuple[str, ...]
    """Names of everything that will be heard, the microphone first; utterances are labelled when there are several."""
    outputs: tuple[Path, ...] = ()
    """Files that the transcript is written to."""
    demo: bool = False
    """The bundled demonstration model is used, whose text is not to be relied on."""
    clipboard: bool = False
    """Each utterance of the first source is put on the clipboard as soon as it is there."""
    typing: str = ""
    """The tool that types each utterance into the window in use; empty when none does."""
    unpaced: bool = False
    """Recordings are heard as fast as they can be read, so the model is behind all the time."""
    paused: bool = False
    """Nothing is heard until the user asks for it."""
    light: bool = False
    """The screen begins in the light theme."""

    @property
    def with_source(self) -> bool:
        return len(self.sources) > 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a session that was shown on a screen came to its end."""

    ended: SessionEnded | None
    """None when the user aborted it."""
    failure: LiveCanaryError | None = None
    """Why it could not begin or go on, to be raised by the caller; None if it could."""
    unread: bool = False
    """Some of its lines were for a reader who had left."""
