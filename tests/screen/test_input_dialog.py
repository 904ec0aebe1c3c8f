from textual.pilot import Pilot

from live_canary.events import Event, InputOpened, LevelChanged, SourceWarned, StageFailed
from live_canary.screen.contract import Outcome
from tests.screen.fake_session import ENDED, FakeAudition, FakeSession
from tests.screen.in_app import in_app, rows, until_shown, until_true
from tests.screen.transcripts import OPENED

MICROPHONE = "USB Microphone"


def with_inputs(scenario, *names: str) -> FakeSession:
    session = FakeSession(*OPENED, InputOpened(MICROPHONE, "Built-in Audio"), LevelChanged(MICROPHONE, -6, -3))
    session.audition_of = {name: FakeAudition() for name in names or (MICROPHONE,)}
    in_app(scenario, session)
    return session


def row_of(pilot: Pilot[Outcome], name: str) -> str:
    return next(row for row in rows(pilot) if name in row)


def test_every_input_is_listed_with_its_level_and_the_one_that_is_heard_is_marked():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("i")
        await until_shown(pilot, "Blue Yeti")
        assert "● Built-in Audio (default)" in row_of(pilot, "Built-in")
        assert row_of(pilot, "Built-in").count("━") == 22  # -6 of -60 dBFS: what the session hears
        assert row_of(pilot, "Blue Yeti").count("━") == 12  # -30 dBFS
        assert "no sound" in row_of(pilot, "A headset")

    with_inputs(scenario)


def test_the_list_fits_on_a_narrow_terminal():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.resize_terminal(40, 20)
        await pilot.press("i")
        await until_shown(pilot, "Blue Yeti")
        assert row_of(pilot, "Blue Yeti").count("━") > 4
        assert "no sound" in row_of(pilot, "A headset")

    with_inputs(scenario)


def test_the_chosen_input_is_heard_from_then_on():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("i")
        await until_shown(pilot, "Blue Yeti")
        await pilot.press("down", "enter")

    session = with_inputs(scenario)
    assert session.asked[1:] == [f"switch {MICROPHONE} to Blue Yeti"]
    assert session.audition_of[MICROPHONE].closed


def notices(pilot: Pilot[Outcome]) -> list[str]:
    return [notification.message for notification in pilot.app._notifications]


def choosing(*answers: Event) -> list[str]:
    """What is told from the choice of the second input on, when the session has answered."""
    told: list[str] = []

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("i")
        await until_shown(pilot, "Blue Yeti")
        await pilot.press("down", "enter")
        await until_true(pilot, lambda: session.asked[1:])
        assert notices(pilot) == []
        for answer in answers:
            session.tell(answer)
        await until_true(pilot, lambda: "last" in notices(pilot))
        told.extend(notices(pilot)[:-1])

    session = FakeSession(*OPENED, InputOpened(MICROPHONE, "Built-in Audio"))
    session.audition_of = {MICROPHONE: FakeAudition()}
    answers += (StageFailed("files", "last", fatal=False),)
    in_app(scenario, session)
    return told


def test_that_another_input_is_heard_is_told_when_it_is_open():
    """It was told at once, and then that the input refuses."""
    assert choosing() == []
    [told] = choosing(InputOpened(MICROPHONE, "Blue Yeti"), InputOpened(MICROPHONE, "Blue Yeti"))
    assert told == f"{MICROPHONE} hears Blue Yeti now. Next time too: live-canary --device 'Blue Yeti'"


def test_of_an_input_that_refuses_when_it_was_chosen_only_the_reason_is_told():
    refused = SourceWarned(MICROPHONE, "Input 'Blue Yeti' cannot be opened: busy. Built-in Audio stays in use.")
    assert choosing(refused, InputOpened(MICROPHONE, "Built-in Audio")) == [refused.message]
    assert choosing(refused, InputOpened(MICROPHONE, "Blue Yeti")) == [refused.message]  # another one of that name


def test_an_input_that_refuses_says_why_and_another_can_be_chosen():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("i")
        await until_shown(pilot, "Blue Yeti")
        await pilot.press("down", "down", "enter")
        await until_shown(pilot, "'A headset [/x]' cannot be opened: busy.")
        await pilot.press("escape")

    session = with_inputs(scenario)
    assert session.asked == ["start"]
    assert session.audition_of[MICROPHONE].closed


def test_choosing_what_is_heard_already_changes_nothing():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("i")
        await until_shown(pilot, "Blue Yeti")
        await pilot.press("enter")

    assert with_inputs(scenario).asked == ["start"]


def test_inputs_of_several_sources_are_named_after_them():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("i")
        await until_shown(pilot, "Them: Blue Yeti")

    with_inputs(scenario, "Me", "Them")


def test_an_input_that_is_picked_stays_so_when_those_of_the_other_side_are_found():
    """The cursor went back to what is heard already, so that Enter changed nothing."""

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("i")
        await until_shown(pilot, "Them: Blue Yeti")
        assert "Me: Blue Yeti" not in "".join(rows(pilot))
        await pilot.press("down")
        session.audition_of["Me"].inputs = FakeAudition.inputs
        await until_shown(pilot, "Me: Blue Yeti")
        await pilot.press("enter")

    session = FakeSession(*OPENED)
    session.audition_of = {"Me": FakeAudition(), "Them": FakeAudition()}
    session.audition_of["Me"].inputs = []
    in_app(scenario, session)
    assert session.asked[1:] == ["switch Them to Blue Yeti"]


def test_a_recording_has_no_other_input():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("i")
        assert any("Only live sound" in notification.message for notification in pilot.app._notifications)

    in_app(scenario, FakeSession(*OPENED))


def test_after_the_end_no_input_is_opened_to_be_looked_at():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        session.tell(ENDED)
        await pilot.press("i")
        assert notices(pilot) == ["Only live sound has other inputs to choose."]

    session = FakeSession(*OPENED)
    session.audition_of = {MICROPHONE: FakeAudition()}
    in_app(scenario, session)


def test_the_input_is_named_before_anybody_speaks():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await until_shown(pilot, f"Listening to {MICROPHONE} (Built-in Audio).")

    with_inputs(scenario)
