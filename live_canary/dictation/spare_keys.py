"""Keys of the X keyboard that have no letter, lent to those that the layout lacks.

By itself xdotool lends one key to each such letter in turn and takes it back at once. A program that is late finds
another letter there, or none: of 512 such letters 56 did not arrive in xterm on a busy machine, with this none was lost
(xdotool issues 97, 375, 437).
"""

import re
from collections import deque

from live_canary.dictation.programs import run


class SpareKeys:
    """Remembers which key has which letter; a letter keeps its key until all are taken and it is the oldest."""

    def __init__(self) -> None:
        self._free: deque[str] | None = None
        self._lent: dict[str, str] = {}

    def lend_to(self, text: str) -> None:
        """Have the server know a key for each letter of the text that is not ASCII. Raises ToolFailed."""
        wanted = sorted({letter for letter in text if not letter.isascii()})
        if not wanted:
            return
        if self._free is None:
            self._free = deque(re.findall(r"^keycode +(\d+) =\s*$", run(["xmodmap", "-pke"]), re.MULTILINE))
        for letter in wanted:
            if letter not in self._lent and (self._free or self._lent):
                self._lent[letter] = self._free.popleft() if self._free else self._lent.pop(next(iter(self._lent)))
        lent = [f"keycode {self._lent[letter]} = U{ord(letter):04X}\n" for letter in wanted if letter in self._lent]
        run(["xmodmap", "-"], "".join(lent))
