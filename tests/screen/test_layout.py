"""Terminals of every size, without colour, with wide letters and words that fit nowhere."""

import pytest
from rich.cells import cell_len
from rich.segment import Segment
from textual.pilot import Pilot

from live_canary.events import (
    BacklogChanged,
    GapMarked,
    LevelChanged,
    ModelProgress,
    PartialChanged,
    SourceLost,
    SourceOpened,
)
from live_canary.screen.contract import Outcome, SessionInfo
from live_canary.screen.transcript_view import TranscriptView
from live_canary.transcript.utterance import TranscriptGap
from tests.screen.fake_session import FakeSession, said
from tests.screen.in_app import in_app, look_for, rows, until_shown

OPENED = (SourceOpened("USB Microphone"), ModelProgress("ready", ready=True))
LONG = "The budget for the summer is approved, with one change, and the rest stays as it was in March."


def text_rows(pilot: Pilot[Outcome]) -> list[str]:
    """What stands right of the times, without the scrollbar."""
    width = pilot.app.size.width
    return [row[11 : width - 1].rstrip() for row in rows(pilot)[1:-3]]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (40, 12), (20, 8)])
def test_every_word_is_on_the_screen_whatever_its_size(size):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert " ".join(" ".join(text_rows(pilot)).split()).endswith(LONG[-13:])
        assert all(cell_len(row) <= size[0] for row in rows(pilot))
        assert len(rows(pilot)) == size[1]

    in_app(scenario, FakeSession(*OPENED, LevelChanged("USB Microphone", -20, -10), said(LONG)), size=size)


def test_lines_are_no_longer_than_the_eye_can_follow_on_a_wide_terminal():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert max(map(len, text_rows(pilot))) == 99  # of 100 cells: the next word did not fit

    in_app(scenario, FakeSession(*OPENED, said("four " * 60)), size=(200, 24))


def test_a_resized_terminal_shows_the_newest_text_again_if_it_followed():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.resize_terminal(40, 12)
        await pilot.pause()
        assert text_rows(pilot)[-1].endswith("number 39.")

    in_app(scenario, FakeSession(*OPENED, *(said(f"{LONG} And number {n}.") for n in range(40))))


def test_a_resized_terminal_keeps_what_was_being_read():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        transcript = pilot.app.screen.query_one(TranscriptView)
        transcript.scroll_to(y=transcript.lines.first_line(10), animate=False)
        await pilot.resize_terminal(50, 20)
        await pilot.pause()
        assert text_rows(pilot)[0].startswith("Number 10.")

    in_app(scenario, FakeSession(*OPENED, *(said(f"Number {n}. {LONG}") for n in range(40))))


@pytest.mark.parametrize(
    "text",
    [
        "日本語のテキストも正しく折り返されて表示されます。" * 3,
        "Donaudampfschifffahrtsgesellschaft" * 5,
        "👩‍🚀🎉" * 40,
        "é" * 200,
    ],
)
def test_wide_letters_and_endless_words_stay_within_their_column(text):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        transcript = pilot.app.screen.query_one(TranscriptView)
        lines = [transcript.render_line(y).text for y in range(transcript.lines.line_count)]
        assert all(cell_len(line) == 39 for line in lines)
        assert "".join(line[11:] for line in lines).replace(" ", "") == text.replace(" ", "")

    in_app(scenario, FakeSession(*OPENED, said(text)), size=(40, 24))


def test_what_is_being_spoken_wraps_like_everything_else():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert " ".join(" ".join(text_rows(pilot)).split()) == f"{LONG} {LONG}"

    partial = PartialChanged("USB Microphone", 0.0, LONG, LONG)
    in_app(scenario, FakeSession(*OPENED, partial), size=(40, 24))


def test_a_line_has_its_time_and_its_bookmark_only_where_it_begins():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("b")
        assert [row[1:11] for row in rows(pilot)[1:9]] == ["00:00:00 ◆", *[" " * 10] * 3, "00:00:09  ", *[" " * 10] * 3]

    partial = PartialChanged("USB Microphone", 9.0, LONG, "")
    in_app(scenario, FakeSession(*OPENED, said(LONG), partial), size=(40, 24))


def test_of_a_line_that_is_higher_than_the_screen_the_beginning_is_shown_when_it_is_selected():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("home", "down", "down")
        assert rows(pilot)[1].startswith("▌00:00:00  Number 1.")

    in_app(scenario, FakeSession(*OPENED, *(said(f"Number {n}. {LONG} {LONG}") for n in range(3))), size=(40, 10))


def test_without_colour_everything_is_still_told_in_words(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")

    async def scenario(pilot: Pilot[Outcome]) -> None:
        await pilot.press("up", "b")
        page = "\n".join(rows(pilot))
        for sign in ("▌00:00:00 ◆One.", "listening", "7.0 s behind"):
            assert sign in page

    in_app(scenario, FakeSession(*OPENED, BacklogChanged(7.0), said("One.")))


def contrast(segment: Segment) -> float:
    """Of the letters to what is behind them, as WCAG 2 defines it: from 1 to 21."""
    assert segment.style and segment.style.color and segment.style.bgcolor
    luminances = []
    for colour in (segment.style.color, segment.style.bgcolor):
        linear = [
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
            for part in (value / 255 for value in colour.get_truecolor())
        ]
        luminances.append(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])
    return (max(luminances) + 0.05) / (min(luminances) + 0.05)


@pytest.mark.parametrize("theme", ["canary-dark", "canary-light"])
def test_every_word_is_readable_in_the_dark_and_in_the_light(theme):
    info = SessionInfo(model="demo model", sources=("USB Microphone", "System audio"))
    script = (
        *OPENED,
        SourceOpened("System audio"),
        SourceLost("System audio", "unplugged"),
        said("The budget first."),
        GapMarked(TranscriptGap(1.0, 2.0, "unplugged", "System audio")),
        said("Another budget line.", 4.0),
        PartialChanged("USB Microphone", 9.0, "And then", "the rest"),
        BacklogChanged(7.0),
    )

    async def scenario(pilot: Pilot[Outcome]) -> None:
        pilot.app.theme = theme
        await look_for(pilot, "budget")
        await pilot.press("b")
        segments = [segment for strip in pilot.app.screen._compositor.render_strips() for segment in strip]
        unreadable = [s.text for s in segments if any(map(str.isalnum, s.text)) and contrast(s) < 4.5]
        assert unreadable == []

    in_app(scenario, FakeSession(*script), info=info)


def test_three_sources_share_the_status_line():
    names = ("USB Microphone", "System audio", "A third with a very long name that fits nowhere")
    info = SessionInfo(model="demo model", sources=names)

    async def scenario(pilot: Pilot[Outcome]) -> None:
        status = rows(pilot)[-5:-2]
        assert [row[3:15] for row in status] == ["1 USB Microp", "2 System aud", "3 A third wi"]
        assert all(row.endswith("listening") for row in status)

    in_app(scenario, FakeSession(*(SourceOpened(name) for name in names)), info=info)


def test_only_visible_lines_are_drawn_of_ten_thousand_utterances():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        transcript = pilot.app.screen.query_one(TranscriptView)
        drawn: list[int] = []
        render_line = transcript.render_line
        transcript.render_line = lambda y: (drawn.append(y), render_line(y))[1]  # type: ignore[method-assign]
        transcript.refresh()
        await pilot.pause()
        assert sorted(set(drawn)) == list(range(20))

    session = FakeSession(*OPENED, *(said(LONG) for _ in range(10_000)))
    in_app(scenario, session)


@pytest.mark.parametrize(
    ("event", "widget"),
    [
        (PartialChanged("USB Microphone", 9.0, "And then", "the rest"), "transcript"),
        (LevelChanged("USB Microphone", -20, -10), "status"),
    ],
)
def test_only_the_widget_that_an_event_changes_is_drawn_again(event, widget):
    async def scenario(pilot: Pilot[Outcome]) -> None:
        drawn: set[str] = set()
        compositor = pilot.app.screen._compositor
        update_widgets = compositor.update_widgets
        compositor.update_widgets = lambda widgets: (  # type: ignore[method-assign]
            drawn.update(dirty.id or "" for dirty in widgets),
            update_widgets(widgets),
        )[1]
        session.tell(event)
        await pilot.pause()
        assert drawn & {"header", "transcript", "status", "empty"} == {widget}

    session = FakeSession(*OPENED, said("One."), PartialChanged("USB Microphone", 9.0, "And", "then"))
    in_app(scenario, session)


def test_the_row_of_keys_shows_as_many_as_are_whole():
    async def scenario(pilot: Pilot[Outcome]) -> None:
        assert rows(pilot)[-1] == " q Quit  ? Help  / Search  p Pause"
        await pilot.resize_terminal(80, 24)
        await until_shown(pilot, "b Bookmark")

    in_app(scenario, FakeSession(*OPENED), size=(40, 12))
