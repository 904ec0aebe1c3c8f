"""Names as the user writes them, which no model can know.

    Canary-Qwen                    canary qwen, CanaryQwen's   ->   Canary-Qwen, Canary-Qwen's
    canary queen = Canary-Qwen     Canary queen, canary-queen  ->   Canary-Qwen

Only letters and digits are compared: case, hyphens and gaps do not matter, but an apostrophe that is heard ("I'd" is no
ID) and a mark between digits (1.5 is not 15) do. The longest name that fits at a place is written there. A comma or the
end of a sentence parts words that would be a name together.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from live_canary.errors import InputError
from live_canary.printable import one_line
from live_canary.transcript.cues import ABBREVIATION, ends_sentence
from live_canary.transcript.hypothesis import Hypothesis, Sound, Transcriber, most_at_once, transcribe_several

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_NO_LETTERS = re.compile(r"(?:(?!(?<=\w)'(?=\w)|(?<=\d)[.,:-](?=\d))[\W_])+")
_GOES_ON = re.compile(r".*[^\W_][-'’]?")  # a word that another of the name may follow, as an abbreviation may be, too
_POSSESSIVE = re.compile(r"['’]s(?=[\W_]*$)", re.IGNORECASE)
_MARKS_BEFORE, _MARKS_AFTER = re.compile(r"^[\W_]*"), re.compile(r"[\W_]*$")


def letters_of(text: str) -> str:
    """What of it is compared."""
    return _NO_LETTERS.sub("", text.replace("’", "'")).casefold()


@dataclass(frozen=True, slots=True)
class Spelling:
    heard: str
    """The letters of what the model writes."""
    written: str

    @property
    def forms(self) -> set[str]:
        """What is heard, and the same without an apostrophe, or with the one that is written."""
        bare, written = self.heard.replace("'", ""), letters_of(self.written)
        return {self.heard, bare} | ({written} if written.replace("'", "") == bare else set())

    @classmethod
    def parse(cls, text: str) -> "Spelling":
        """ "canary queen = Canary-Qwen", or "Canary-Qwen" for what has its letters. Raises InputError."""
        heard, equals, written = text.partition("=")
        letters, written = letters_of(heard), " ".join((written if equals else heard).split())
        if not (letters and written and one_line(written) == written):  # a joiner, as in many names of Iran, may stay
            raise InputError(
                f"The spelling {text!r} cannot be used: give what is heard and how to write it, "
                "'canary queen = Canary-Qwen', or the name alone."
            )
        if not equals and len(letters) == 1 < len(written):
            raise InputError(
                f"The spelling {written!r} would replace every {letters.upper()}, as in vitamin C; "
                "put what is heard before it, as in 'C plus plus = C++'."
            )
        return cls(letters, written)


class Speller:
    """Puts names into hypotheses as the user writes them."""

    def __init__(self, spellings: Iterable[Spelling]) -> None:
        self._written: dict[str, str] = {}
        for one in spellings:
            self._written |= dict.fromkeys(one.forms, one.written)
        self._beginnings = {heard[: k + 1] for heard in self._written for k in range(len(heard))}

    def spelled(self, hypothesis: Hypothesis) -> Hypothesis:
        """Each word of a name has the least confidence of those that were heard for it."""
        heard = hypothesis.text.split()
        letters = [letters_of(word) for word in heard]
        written: list[str] = []
        confidences: list[float] = []
        start, open_from = 0, None
        while start < len(heard):
            name, end = self._at(heard, letters, start)
            if open_from is None and ("".join(letters[start:]) in self._beginnings or (name and end == len(heard))):
                open_from = len(written)
            begins_sentence = not written or ends_sentence(written[-1])
            words = _in_place(name, heard[start:end], capital=begins_sentence).split() if name else [heard[start]]
            written += words
            confidences += [min(hypothesis.confidences[start:end], default=0.0)] * len(words)
            start = end
        return replace(
            hypothesis,
            text=" ".join(written),
            confidences=tuple(confidences) if hypothesis.confidences else (),
            open_words=0 if open_from is None else len(written) - open_from,
        )

    def _at(self, heard: Sequence[str], letters: Sequence[str], start: int) -> tuple[str, int]:
        """The longest name that begins with a word, or "", and where the next word is. letters: those of each word."""
        name, end, before = "", start + 1, ""
        for k, word in enumerate(heard[start:], start=start):
            if k > start and not (_goes_on(heard[k - 1]) and word[0].isalnum()):
                break
            stem, ending = _without_possessive(word)
            if ending and (known := self._written.get(before + letters_of(stem))):
                name, end = known + ending, k + 1
            before += letters[k]
            if known := self._written.get(before):
                name, end = known, k + 1
            if before not in self._beginnings:
                break
        return name, end


@dataclass(frozen=True, slots=True)
class SpellingTranscriber:
    """A transcriber that is told how names are written."""

    transcriber: Transcriber
    speller: Speller

    def transcribe(self, samples: "NDArray[np.float32]", draft: Hypothesis | None = None) -> Hypothesis:
        return self.speller.spelled(self.transcriber.transcribe(samples, draft))

    @property
    def most_at_once(self) -> int:
        return most_at_once(self.transcriber)

    def transcribe_several(self, sounds: Sequence[Sound]) -> list[Hypothesis]:
        return [self.speller.spelled(heard) for heard in transcribe_several(self.transcriber, sounds)]


def _goes_on(word: str) -> bool:
    """Whether it does not end a clause."""
    return bool(_GOES_ON.fullmatch(word) or ABBREVIATION.match(word))


def _without_possessive(word: str) -> tuple[str, str]:
    """ "Ana's," -> "Ana", "'s"."""
    found = _POSSESSIVE.search(word)
    return (word[: found.start()], found[0]) if found else (word, "")


def _marks_around(words: Sequence[str]) -> tuple[str, str]:
    """What stands before the first letter, and behind the last."""
    before, after = (match[0] for match in (_MARKS_BEFORE.match(words[0]), _MARKS_AFTER.search(words[-1])) if match)
    return before, after


def _in_place(name: str, heard: Sequence[str], *, capital: bool) -> str:
    """A name with the marks around what was heard, but for those that it has itself: "C++." for "C++.".

    capital: where that has a capital letter, a name written in small letters gets one, too.
    """
    (opening, closing), (before, after) = _marks_around([name]), _marks_around(heard)
    before, after = before.removesuffix(opening), after.removeprefix(closing)
    if capital and name.islower() and not heard[0].islower():
        name = name[0].upper() + name[1:]
    return before + name + after
