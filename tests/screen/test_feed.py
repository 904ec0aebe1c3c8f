from textual.message import Message

from live_canary.events import BacklogChanged, LevelChanged, PartialChanged, SpeechStarted
from live_canary.screen.feed import EventsWaiting, SessionFeed, newest
from tests.screen.fake_session import said


class Wakeable:
    """Stands for the application: remembers what it was posted."""

    def __init__(self, error: Exception | None = None) -> None:
        self.posted: list[Message] = []
        self.error = error

    def post_message(self, message: Message) -> bool:
        if self.error:
            raise self.error
        self.posted.append(message)
        return True


def level(rms_dbfs: float, source: str = "a") -> LevelChanged:
    return LevelChanged(source, rms_dbfs, rms_dbfs)


def partial(text: str, start_seconds: float = 0.0) -> PartialChanged:
    return PartialChanged("a", start_seconds, text, "")


def test_the_screen_is_woken_once_for_all_that_waits():
    screen = Wakeable()
    feed = SessionFeed(screen)
    started, final = SpeechStarted("a", 0.0), said("Yes.", source="a")
    feed(started)
    feed(final)
    assert [type(message) for message in screen.posted] == [EventsWaiting]
    assert feed.take() == [started, final]
    assert feed.take() == []
    feed(started)
    assert len(screen.posted) == 2


def test_a_screen_whose_loop_has_closed_is_left_alone():
    feed = SessionFeed(Wakeable(RuntimeError("Event loop is closed")))
    feed(said("Too late."))


def test_of_levels_and_backlogs_only_the_newest_is_drawn():
    events = [level(-30), level(-20, "b"), BacklogChanged(3.0), level(-25), BacklogChanged(2.0)]
    assert newest(events) == [level(-20, "b"), level(-25), BacklogChanged(2.0)]


def test_of_the_partials_of_an_utterance_the_newest_is_drawn():
    final, other_final = said("One two.", source="a"), said("Yes.", source="b")
    before = [partial("One"), level(-20), partial("One two")]
    after = [other_final, partial("Th", 4.0), final, partial("Three", 4.0)]
    assert newest([*before, *after]) == [level(-20), partial("One two"), other_final, final, partial("Three", 4.0)]


def test_what_happens_once_is_never_left_out():
    events = [SpeechStarted("a", 0.0), said("Yes."), SpeechStarted("a", 3.0), said("Yes.")]
    assert newest(events) == events
