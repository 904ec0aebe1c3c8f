import pytest

from live_canary.errors import InputError
from live_canary.transcript.hypothesis import Hypothesis
from live_canary.transcript.spelling import Speller, Spelling
from live_canary.transcript.stabilizer import Stabilizer

NAMES = (
    "Canary-Qwen", "canary queen = Canary-Qwen", "jon = John", "live canary = live-canary", "I phone = iPhone",
    "mcdonalds = McDonald's", "saint pancras = St Pancras", "St Pancras", "St Pancras way = St Pancras Way",
    "CQ = Canary Qwen", "c plus plus = C++", "pancake", "New York", "ID",
    "its = ITS", "15 = fifteen", "34 = x", "1530 = y", "O'Neill",
)  # fmt: skip


def speller(*names: str) -> Speller:
    return Speller(map(Spelling.parse, names))


def spelled(text: str, *names: str) -> str:
    return speller(*(names or NAMES)).spelled(Hypothesis(text)).text


@pytest.mark.parametrize(
    ("heard", "written"),
    [
        ("We use canary qwen here.", "We use Canary-Qwen here."),
        ("CANARYQWEN, canary-qwen and Canary Queen!", "Canary-Qwen, Canary-Qwen and Canary-Qwen!"),
        ("It is canary queen's text.", "It is Canary-Qwen's text."),
        ("It is Jon’s, not (Jon).", "It is John’s, not (John)."),
        ("Live canary hears. A live canary sings.", "Live-canary hears. A live-canary sings."),
        ("It hears. live Canary", "It hears. live-canary"),
        ("It is a Live Canary.", "It is a live-canary."),
        ("“It hears.” Live canary, that is.", "“It hears.” Live-canary, that is."),
        ("CANARY QUEEN'S", "Canary-Qwen'S"),
        ("I phone you. My I Phone.", "iPhone you. My iPhone."),
        ("We eat at McDonalds, at mcdonald's.", "We eat at McDonald's, at McDonald's."),
        ("From Saint Pancras to St. Pancras.", "From St Pancras to St Pancras."),
        ("In saint Pancras, in St. Pancras way.", "In St Pancras, in St Pancras Way."),
        ("He writes c plus plus.", "He writes C++."),
        ("Ask O’neill, oneill or o neill's.", "Ask O'Neill, O'Neill or O'Neill's."),
        ("", ""),
    ],
)
def test_names_are_written_as_the_user_wants_them(heard: str, written: str) -> None:
    assert spelled(heard) == written


@pytest.mark.parametrize(
    ("name", "heard", "written"),
    [
        ("GTK+", "I write GTK+. And gtk, too.", "I write GTK+. And GTK+, too."),
        ("Acme Inc.", "Acme Inc. is at acme inc.'s (Acme inc.).", "Acme Inc. is at Acme Inc.'s (Acme Inc.)."),
        ("us = U.S.", "In the U.S., in the US.", "In the U.S., in the U.S."),
        (".NET", "In .net and “.Net”, net.", "In .NET and “.NET”, .NET."),
        ("Yahoo!", "Yahoo! Is it yahoo?", "Yahoo! Is it Yahoo!?"),
    ],
)
def test_marks_of_a_name_are_not_written_twice(name: str, heard: str, written: str) -> None:
    assert spelled(heard, name) == written


@pytest.mark.parametrize(
    "heard",
    [
        "I like the canary. Queen Mary does not.",
        "A canary, queen of birds.",
        "A canary (queen) sings.",
        "Two canary queens.",
        "It is new. York is old.",
        "I'd like that; it's 1.5 or 3-4, at 15:30.",
        "The canary — queen of birds — sings.",
        "Jonathan and Marjon.",
        "canary",
    ],
)
def test_what_is_no_name_stays_as_it_was_heard(heard: str) -> None:
    assert spelled(heard) == heard


def test_the_last_of_two_spellings_of_the_same_words_counts() -> None:
    assert spelled("Ask jon.", "jon = John", "Jon = Jón") == "Ask Jón."


def test_a_word_of_a_name_is_as_doubtful_as_the_least_sure_that_was_heard() -> None:
    heard = Hypothesis("use canary queen or cq now", (1, 2), "loop", (0.9, 0.8, 0.4, 0.7, 0.5, 0.6))
    found = speller(*NAMES).spelled(heard)
    assert found.text == "use Canary-Qwen or Canary Qwen now"
    assert found.confidences == (0.9, 0.4, 0.7, 0.5, 0.5, 0.6)
    assert (found.ids, found.flag) == ((1, 2), "loop")


@pytest.mark.parametrize(
    ("heard", "open_words"),
    [
        ("we use canary", 1),
        ("we use canary que", 2),
        ("we use canary queen", 1),
        ("we use cq", 2),
        ("we use cq's", 2),
        ("we like saint pan", 2),
        ("we go to Saint Pancras", 2),
        ("we go to st Pancras w", 3),
        ("we use canary birds", 0),
        ("", 0),
    ],
)
def test_words_that_may_begin_a_name_are_open(heard: str, open_words: int) -> None:
    assert speller(*NAMES).spelled(Hypothesis(heard)).open_words == open_words


def test_what_settles_of_a_name_is_the_name() -> None:
    """Words that are heard slowly: each is agreed for long before the next one is heard."""
    names, stabilizer = speller("new york times = The New York Times"), Stabilizer()
    heard = ["i read new", "i read new york", "i read new york times", "i read new york times every"]
    shown = [
        stabilizer.feed(names.spelled(Hypothesis(text)), 3.0 * k + second)
        for k, text in enumerate(heard)
        for second in (0.0, 1.0, 2.0)
    ]
    assert [one.settled for one in shown][2::3] == ["i read", "i read", "i read", "i read The New York Times"]
    assert shown[-1].tentative == "every"


@pytest.mark.parametrize("text", ["", " ", "=", "jon =", "= John", "- = x", "jon = \x1b[2J", "jon = \u202eJohn"])
def test_a_spelling_that_cannot_be_used_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="canary queen = Canary-Qwen"):
        Spelling.parse(text)


@pytest.mark.parametrize(
    "name", ["\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "\U0001f468\u200d\U0001f469\u200d\U0001f467"]
)
def test_what_joins_the_letters_of_a_name_is_written(name: str) -> None:
    """Alireza, as it is written in Iran, was refused with a sentence that gave no reason."""
    assert spelled("Ask alireza.", f"alireza = {name}") == f"Ask {name}."


def test_a_name_of_one_letter_with_marks_needs_what_is_heard() -> None:
    """C++ would be written in "vitamin C"."""
    with pytest.raises(InputError, match=r"every C, .* 'C plus plus = C\+\+'"):
        Spelling.parse("C++")
    assert Spelling.parse("C") == Spelling("c", "C")
    assert Spelling.parse("c = C++") == Spelling("c", "C++")  # who says so wants it
