import pytest

from live_canary.printable import clock, one_line


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]52;c;aGk=\x1b\\text", "text"),
        ("\x9b2Jtext", "text"),
        ("\x1bctext", "text"),
        ("\x1b]never ended", "never ended"),
        ("line\r\nbreak\u2028here\ttab", "line break here tab"),
        ("bell\x07 delete\x7f null\x00", "bell delete null"),
        ("\u202ebackwards\u202c", "backwards"),
        ("\u061cmarked\u200f", "marked"),
        ("broken \udcff name", "broken \ufffd name"),
        ("  Grüße, 日本, 👩‍🚀  ", "Grüße, 日本, 👩‍🚀"),
    ],
)
def test_text_from_elsewhere_cannot_steer_the_terminal(hostile, harmless):
    assert one_line(hostile) == harmless


def test_the_clock_shows_the_second_that_has_begun():
    assert [clock(0), clock(59.99), clock(3661), clock(360_000), clock(-1)] == [
        "00:00:00",
        "00:00:59",
        "01:01:01",
        "100:00:00",
        "00:00:00",
    ]
