"""Text and times that are safe to print, whoever they come from. Imports next to nothing."""

import re

_ESCAPE_SEQUENCES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor movements
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"  # OSC and kin: titles, clipboard
    r"|\x1b[ -/]*[0-~]"
)
_LINE_BREAKS_AND_TABS = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_LONE_SURROGATES = re.compile(r"[\ud800-\udfff]")


def one_line(text: str) -> str:
    """The text as one line that is safe to print: no terminal escape sequence, control or direction character.

    Also for names of files and devices, which are other people's text (an undecodable byte in one becomes "\ufffd").
    """
    if text.isprintable():  # nearly always; the rest takes forty times as long
        return text.strip()
    text = _ESCAPE_SEQUENCES.sub("", text)
    text = _LINE_BREAKS_AND_TABS.sub(" ", text)
    text = _UNPRINTABLE.sub("", text)
    return _LONE_SURROGATES.sub("\ufffd", text).strip()


def clock(seconds: float) -> str:
    """`HH:MM:SS`, the second that has begun."""
    minutes, second = divmod(int(max(seconds, 0.0)), 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}"
