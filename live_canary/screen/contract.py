"""What a screen is given and what it gives back: any session that behaves like this can be shown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from live_canary.audio.level import Level
from live_canary.audio.soundsystem import Input
from live_canary.errors import LiveCanaryError
from live_canary.events import Event, SessionEnded


class Audition(Protocol):
    """What a source could hear instead, being listened to until `close()`."""

    @property
    def inputs(self) -> list[Input]: ...

    @property
    def heard(self) -> Input:
        """The one that the session hears."""
        ...

    def level(self, one: Input) -> Level | None:
        """How loud it is just now; None when it is not open."""
        ...

    def obstacle(self, one: Input) -> str:
        """Why it cannot be heard; empty if it can."""
        ...

    def close(self) -> None: ...


class RunningSession(Protocol):
    """SessionEnded comes last, unless the session is aborted; only what is amended then is told after it."""

    def start(self, on_event: Callable[[Event], None]) -> None:
        """Begins to listen and returns; `on_event` is then called from threads of the session."""
        ...

    def stop(self) -> None:
        """Finishes what was heard; returns at once and may be called again."""
        ...

    def mute(self, source_name: str, *, muted: bool) -> None:
        """Hears nothing of a live source for a while; SourceMuted tells that it is so, SourceWarned why it is not."""
        ...

    def auditions(self) -> Mapping[str, Audition]:
        """The inputs that each source could hear, by its name; recordings have none. They have to be closed."""
        ...

    def switch_input(self, source_name: str, chosen: Input) -> None:
        """Has a source hear another input, when all auditions, which it closes, are over.

        InputOpened tells that it does, SourceWarned why it does not.
        """
        ...

    def amend(self, index: int, text: str | None) -> None:
        """Gives an utterance another text, None for none; UtteranceAmended tells that it is so, also after the end."""
        ...

    def bookmark(self, index: int, *, is_set: bool) -> None:
        """Marks an utterance in the files that show it, or takes the mark away."""
        ...

    def hear_again(self, index: int) -> None:
        """Has the model hear an utterance once more; UtteranceAmended tells the words, or a StageFailed why not.

        Neither comes if it is amended or taken back before the model gets to it.
        """
        ...

    def abort(self) -> None:
        """Stops now; what is not decoded yet is left to `recover`."""
        ...


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
