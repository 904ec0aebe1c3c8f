"""How soon words stand there, on a simulated clock: a model whose every pass takes 20 ms, sound at its own pace.

Nothing here waits: the agenda lets the next block arrive when the model has nothing to do, and a pass of the model
moves the clock, so that the blocks of that time arrive before the next work is handed out.
"""

import random
from collections import deque

import numpy as np

from live_canary.audio.source import SAMPLE_RATE, AudioBlock
from live_canary.events import PartialChanged, SpeechStarted, UtteranceFinal
from live_canary.session.agenda import Agenda
from live_canary.session.conversation import Conversation
from live_canary.session.journal import Journal
from live_canary.session.listening import Listener
from live_canary.session.transcribing import Scribe
from live_canary.transcript.hypothesis import Hypothesis
from tests.session.fakes import LetterModel, ScriptedSource, make_segmenter, sound_of

PASS_SECONDS = 0.02
BLOCK_SAMPLES = SAMPLE_RATE // 50
PARTIAL_INTERVAL_SAMPLES = SAMPLE_RATE * 300 // 1000


class Simulation(Agenda):
    """One source, one model, one clock."""

    def __init__(self, script: str, pass_seconds: float = PASS_SECONDS, least_letters: int = 0):
        """least_letters: the model hears nothing in less."""
        self.now = 0.0
        super().__init__(lambda: self.now)
        self.told: list[tuple[float, object]] = []
        sound = sound_of(script)
        self._blocks = deque(
            AudioBlock(sound[start : start + BLOCK_SAMPLES], start) for start in range(0, len(sound), BLOCK_SAMPLES)
        )
        conversation = Conversation(["talk"])
        clock, tell, journal = (lambda: self.now), (lambda event: self.told.append((self.now, event))), Journal()
        source, segmenter = ScriptedSource(name="talk", live=True), make_segmenter()
        self._listener = Listener(source, segmenter, self, conversation, tell, clock, PARTIAL_INTERVAL_SAMPLES, journal)
        model = LetterModel()
        transcribe = model.transcribe

        def transcribe_in_time(samples: np.ndarray, draft=None):
            self.now += pass_seconds
            found = transcribe(samples, draft)
            return found if len(found.text) >= least_letters else Hypothesis("")

        model.transcribe = transcribe_in_time
        Scribe(self, conversation, [], [source], tell, clock, journal).run(model)

    def next(self, patience=lambda: None):
        while self._blocks and self._arrival(self._blocks[0]) <= self.now:
            self._listener.hear(self._blocks.popleft())
        if (work := self._take()) is not None:
            return work
        if not self._blocks:
            return None
        self.now = self._arrival(self._blocks[0])
        return self.next(patience)

    def _arrival(self, block: AudioBlock) -> float:
        return block.end_sample / SAMPLE_RATE


def talk(utterances: int, seed: int = 0) -> str:
    """Utterances of 0.8 to 4 s with pauses of 0.9 to 2 s between them."""
    rng = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz"
    spoken = ("".join(rng.choices(letters, k=rng.randint(8, 40))) + "." * rng.randint(9, 20) for _ in range(utterances))
    return "...." + "".join(spoken)


def p95(seconds: list[float]) -> float:
    return float(np.percentile(seconds, 95))


def test_first_words_come_within_700_ms_and_finals_within_50_ms_of_the_endpoint():
    simulation = Simulation(talk(40))
    first_partials, finals, started, waiting = [], [], 0.0, False
    for now, event in simulation.told:
        match event:
            case SpeechStarted(_, start_seconds):
                started, waiting = start_seconds, True
            case PartialChanged() if waiting:
                first_partials.append(now - started)
                waiting = False
            case UtteranceFinal(_, latency_seconds):
                finals.append(latency_seconds)
    assert len(finals) == len(first_partials) == 40
    assert p95(first_partials) <= 0.7
    assert p95(finals) <= 0.05


def test_a_model_that_hears_no_word_in_the_first_moment_is_soon_asked_again():
    simulation = Simulation(talk(40), least_letters=5)
    started, waiting, first_words = 0.0, False, []
    for now, event in simulation.told:
        match event:
            case SpeechStarted(_, start_seconds):
                started, waiting = start_seconds, True
            case PartialChanged(_, _, settled, tentative) if waiting and (settled or tentative):
                first_words.append(now - started)
                waiting = False
    assert len(first_words) == 40
    assert p95(first_words) <= 0.7


def test_a_slow_model_gives_partials_at_most_half_of_its_time():
    simulation = Simulation("...." + "abcdefgh" * 12, pass_seconds=1.0)  # a pass takes longer than the interval
    partials = [event for _, event in simulation.told if isinstance(event, PartialChanged)]
    seconds = len("abcdefgh" * 12) / 10
    assert len(partials) >= 2
    assert len(partials) - 1 <= seconds / 2
