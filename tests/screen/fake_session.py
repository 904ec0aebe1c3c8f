"""A session that a test scripts: it says what it is told to and remembers what it was asked."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import ClassVar

from live_canary.audio.level import Level
from live_canary.audio.soundsystem import Input
from live_canary.events import Event, SessionEnded, SourceMuted, UtteranceAmended, UtteranceFinal
from live_canary.transcript.utterance import Utterance
from live_canary.transcript.voice_commands import VoiceCommand

ENDED = SessionEnded(utterances=2, heard_seconds=5.0)


def an_input(index: int, name: str, *, is_default: bool = False) -> Input:
    return Input(index, name, 1, 48_000, is_default, "microphone", f"id-{name}")


BUILT_IN, YETI = an_input(0, "Built-in Audio", is_default=True), an_input(1, "Blue Yeti")
BROKEN = an_input(2, "A headset with a name that is much too long for its row")


class FakeAudition:
    """Three inputs: the first is heard by the session, the second speaks, the third refuses."""

    heard = BUILT_IN
    inputs: ClassVar = [BUILT_IN, YETI, BROKEN]

    def __init__(self) -> None:
        self.closed = False

    def level(self, one: Input) -> Level | None:
        return Level(-30.0, -12.0) if one is YETI else None

    def obstacle(self, one: Input) -> str:
        return "Input 'A headset [/x]' cannot be opened: busy." if one is BROKEN else ""

    def close(self) -> None:
        self.closed = True


class FakeSession:
    """Tells `script` as soon as it is started; `stop` tells that it has ended unless `ends` is false."""

    def __init__(self, *script: Event, ends: bool = True) -> None:
        self.script = script
        self.ends = ends
        self.asked: list[str] = []
        self.busy = False
        """Whether something keeps the session from answering what is asked of it."""
        self.audition_of: dict[str, FakeAudition] = {}
        self._told = 0
        self.tell: Callable[[Event], None] = lambda event: None

    def start(self, on_event: Callable[[Event], None]) -> None:
        self.asked.append("start")
        self.tell = partial(self._tell, on_event)
        for event in self.script:
            self.tell(event)

    def _tell(self, on_event: Callable[[Event], None], event: Event) -> None:
        """Utterances are counted as a session counts them."""
        if isinstance(event, UtteranceFinal):
            event = replace(event, utterance=replace(event.utterance, index=self._told))
            self._told += 1
        on_event(event)

    def stop(self) -> None:
        self.asked.append("stop")
        if self.ends:
            self.tell(ENDED)

    def mute(self, source_name: str, *, muted: bool) -> None:
        self.asked.append(f"{'mute' if muted else 'unmute'} {source_name}")
        if not self.busy:
            self.tell(SourceMuted(source_name, muted))

    def auditions(self) -> dict[str, FakeAudition]:
        return {name: audition for name, audition in self.audition_of.items() if not audition.closed}

    def switch_input(self, source_name: str, chosen: Input) -> None:
        self.asked.append(f"switch {source_name} to {chosen.name}")

    def amend(self, index: int, text: str | None) -> None:
        self.asked.append(f"amend {index}: {text}")
        if not self.busy:
            self.tell(UtteranceAmended(index, text))

    def bookmark(self, index: int, *, is_set: bool) -> None:
        self.asked.append(f"{'bookmark' if is_set else 'no bookmark'} {index}")

    def hear_again(self, index: int) -> None:
        self.asked.append(f"hear again {index}")

    def abort(self) -> None:
        self.asked.append("abort")


def said(text: str, start_seconds: float = 0.0, source: str = "USB Microphone", index: int = 0) -> UtteranceFinal:
    utterance = Utterance(
        index=index, start_seconds=start_seconds, end_seconds=start_seconds + 2, text=text, source=source
    )
    return UtteranceFinal(utterance, latency_seconds=0.05)


def commanded(text: str, command: VoiceCommand, start_seconds: float = 0.0, index: int = 0) -> UtteranceFinal:
    final = said(text, start_seconds, index=index)
    return replace(final, utterance=replace(final.utterance, command=command))
