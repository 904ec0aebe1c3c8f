import pytest

from live_canary.dictation.keyboards import CannotType, Desktop, Typed
from live_canary.dictation.programs import ToolEnded, ToolFailed, ToolStopped
from live_canary.dictation.typist import Typist, working
from live_canary.errors import DictationError
from tests.dictation.fake_keyboard import FakeKeyboard

FAILED, HUNG = ToolFailed("no such display"), ToolStopped("no answer for 5 s")


def typist(*keyboards: FakeKeyboard) -> tuple[Typist, list[str]]:
    told: list[str] = []
    return Typist(keyboards, told.append), told


def test_each_utterance_is_followed_by_a_space():
    keys = FakeKeyboard()
    hands, told = typist(keys)
    hands.type("Good morning.")
    hands.type("Let us begin.")
    assert keys.window == "Good morning. Let us begin. "
    assert not told


def test_what_is_typed_is_one_line_without_keys_that_do_something():
    keys = FakeKeyboard()
    typist(keys)[0].type("a\tb\r\nc\x1b[2J\x08d\x7f")
    assert keys.window == "a b cd "


def test_letters_are_composed_so_that_a_backspace_takes_back_each():
    keys = FakeKeyboard()
    hands, _ = typist(keys)
    hands.type("Gru\u0308ße")
    assert keys.window == "Grüße "
    hands.take_back()
    assert keys.window == ""


def test_taking_back_goes_from_the_latest_to_the_first_and_no_further():
    keys = FakeKeyboard()
    keys.window = "theirs "
    hands, told = typist(keys)
    hands.type("First.")
    hands.break_lines(2)
    hands.type("Second.")
    windows = []
    for _ in range(4):
        hands.take_back()
        windows.append(keys.window)
    assert windows == ["theirs First. \n\n", "theirs First. ", "theirs ", "theirs "]
    assert not told


def test_when_a_tool_fails_the_next_one_types_the_same_and_stays_in_use():
    first, second = FakeKeyboard("wtype"), FakeKeyboard("dotool")
    hands, told = typist(first, second)
    first.fails = FAILED
    hands.type("One.")
    first.fails = None
    hands.type("Two.")
    assert (first.window, second.window) == ("", "One. Two. ")
    assert told == ["wtype: no such display. dotool types instead."]


def test_when_all_fail_it_is_said_and_the_first_that_works_again_is_used():
    first, second = FakeKeyboard("wtype"), FakeKeyboard("dotool")
    hands, told = typist(first, second)
    first.fails = second.fails = FAILED
    hands.type("This is lost to the window, but not at all.")
    first.fails = second.fails = None
    hands.type("Back.")
    hands.take_back()
    hands.take_back()
    assert told == [
        "wtype: no such display; dotool: no such display; "
        "“This is lost to the window, bu…” was not typed, the transcript has it."
    ]
    assert first.window + second.window == ""


def test_what_a_tool_that_hung_may_have_typed_is_not_typed_twice():
    first, second = FakeKeyboard("wtype"), FakeKeyboard("dotool")
    hands, told = typist(first, second)
    first.fails = HUNG
    hands.type("One.")
    assert second.window == ""
    assert told == ["wtype: no answer for 5 s; perhaps “One.” was not typed, the transcript has it."]
    hands.type("Two.")
    assert second.window == "Two. "
    hands.take_back()
    hands.take_back()
    assert second.window == ""
    assert told[-1] == "It is not known how much of that was typed; erase it by hand."


def test_a_line_break_that_was_typed_is_not_typed_again_when_the_second_one_fails():
    class BreaksOnce(FakeKeyboard):
        def break_line(self) -> None:
            super().break_line()
            self.fails = FAILED

    first, second = BreaksOnce("wtype"), FakeKeyboard("dotool")
    hands, told = typist(first, second)
    hands.break_lines(2)
    assert (first.window, second.window) == ("\n", "")
    assert told == ["wtype: no such display; perhaps the new line was not typed."]
    hands.type("Next.")
    assert second.window == "Next. "


def test_a_tool_without_the_letters_is_passed_over_only_for_this_text():
    first, second = FakeKeyboard("ydotool"), FakeKeyboard("dotool")
    hands, told = typist(first, second)
    first.fails = CannotType("has no keys for ü")
    hands.type("Tür.")
    first.fails = None
    hands.type("Door.")
    assert (first.window, second.window) == ("Door. ", "Tür. ")
    assert told == []


def test_letters_without_a_key_are_named_and_not_erased():
    keys = FakeKeyboard("dotool", missing="ü")
    keys.window = "theirs "
    hands, told = typist(keys)
    hands.type("Tür.")
    hands.take_back()
    assert keys.window == "theirs "
    assert told == ["dotool has no keys for ü; the transcript has it."]


def test_what_could_not_be_erased_is_not_forgotten_and_nothing_else_is_erased_instead():
    keys = FakeKeyboard()
    hands, told = typist(keys)
    hands.type("Dear Ana, I am well.")
    hands.type("The old text to scratch is this one.")
    keys.fails = FAILED
    hands.take_back()
    keys.fails = None
    hands.take_back()
    assert keys.window == "Dear Ana, I am well. The old text to scratch is this one. "
    assert told == [
        "keys: no such display; what was typed was not erased.",
        "It is not known how much of that was typed; erase it by hand.",
    ]


def test_what_was_typed_into_one_window_is_not_erased_in_another():
    keys = FakeKeyboard()
    hands, told = typist(keys)
    keys.focused = "letter"
    hands.type("One.")
    hands.type("Two.")
    keys.focused = "shell"
    hands.take_back()
    assert keys.window == "One. Two. "
    assert told == ["That was typed into another window; erase it there by hand."]
    keys.focused = "letter"
    hands.take_back()
    assert len(keys.window) == len("One. Two. ") - len("One. ")


def test_who_holds_keys_is_waited_for_before_anything_is_typed_or_erased():
    class Waiting(FakeKeyboard):
        def settle(self) -> None:
            asked.append("settle")

        def type(self, text: str) -> Typed:
            asked.append("type")
            return super().type(text)

        def erase(self, characters: int) -> None:
            asked.append("erase")
            super().erase(characters)

    asked: list[str] = []
    hands, _ = typist(Waiting())
    hands.type("One.")
    hands.take_back()
    assert asked == ["settle", "type", "settle", "erase"]


def test_another_tool_takes_no_part_in_what_one_did_that_somebody_ended():
    """`pkill xdotool` stops a text in the midst; xdotool types the next one, and knows windows."""
    first, second = FakeKeyboard("xdotool"), FakeKeyboard("dotool")
    hands, _ = typist(first, second)
    first.fails = ToolEnded("ended by signal 15")
    hands.type("One.")
    first.fails = None
    hands.type("Two.")
    assert (first.window, second.window) == ("Two. ", "")


def test_a_tool_that_knows_no_windows_erases_nothing_in_another_one_either():
    first, second = FakeKeyboard("xdotool"), FakeKeyboard("dotool")
    hands, told = typist(first, second)
    first.focused, first.fails = "letter", FAILED
    hands.type("One.")
    first.focused = "shell"
    hands.take_back()
    assert second.window == "One. "
    assert told[-1] == "That was typed into another window; erase it there by hand."


class Distracted(FakeKeyboard):
    """Another window gets the focus after so many letters."""

    def type(self, text: str) -> Typed:
        self.focused = "shell"
        return super().type(text)


def test_of_what_went_into_two_windows_nothing_is_erased():
    keys = Distracted()
    keys.focused = "letter"
    hands, told = typist(keys)
    hands.type("One.")
    hands.take_back()
    assert keys.window == "One. "
    assert told == [
        "Another window got the focus while that was typed: check what went into which.",
        "It is not known how much of that was typed; erase it by hand.",
    ]


def test_the_tools_that_work_are_kept_in_their_order():
    tools = [FakeKeyboard(name) for name in ("wtype", "dotool", "ydotool")]
    tools[0].fails = FAILED
    assert working(Desktop(tools, "")) == tools[1:]


def test_no_tool_that_works_is_refused_with_every_reason_and_the_next_step():
    tools = [FakeKeyboard("wtype"), FakeKeyboard("dotool")]
    tools[0].fails, tools[1].fails = HUNG, FAILED
    with pytest.raises(DictationError) as refusal:
        working(Desktop(tools, "Install wtype"))
    assert str(refusal.value) == (
        "--type finds nothing that can type here: wtype (no answer for 5 s), dotool (no such display). Install wtype."
    )
    assert refusal.value.exit_code == 2


def test_without_a_desktop_only_the_next_step_is_said():
    with pytest.raises(DictationError, match=r"^--type finds nothing that can type here\. Start it elsewhere\.$"):
        working(Desktop([], "Start it elsewhere"))
