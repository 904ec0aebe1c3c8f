import random
import sys
from types import ModuleType

import pytest

from tools.demo_model import likely
from tools.demo_model.likely import likely_words, seldom_heard, sentences_with, with_words

WORDNET = {  # part of speech -> words, each with how many texts were tagged with it
    "noun": {"horse": 9, "wagon": 5, "acorn": 1, "walk": 3, "anvil": 1},
    "verb": {"walk": 20, "open": 8, "quarrel": 1},
    "adj": {"open": 2, "heavy": 6, "idle": 1},
    "adv": {"slowly": 4, "meekly": 0},
}


@pytest.fixture(autouse=True)
def wordnet(monkeypatch, tmp_path):
    for part, words in WORDNET.items():
        lines = [f"{word} {part[0]} 1 0 1 {tagged} 00000001  " for word, tagged in words.items()]
        (tmp_path / f"index.{part}").write_text("\n".join(["  1 This software and database", *lines]) + "\n")
    monkeypatch.setattr(likely, "WORDNET", tmp_path)
    monkeypatch.setattr(likely, "DICTIONARIES", [tmp_path / "words"])
    (tmp_path / "words").write_text("acorn\nAcorn\nanvil\nidle\nOtto\nOtto's\nhorse\n")
    for cached in (likely.listed, likely.kind):
        cached.cache_clear()
    yield
    for cached in (likely.listed, likely.kind):
        cached.cache_clear()


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("wagon", "noun"),
        ("wagons", "noun:plural"),
        ("walks", "verb:third"),
        ("walked", "verb:past"),
        ("quarrelling", "verb:ing"),
        ("open", "verb"),
        ("slowly", "adv"),
        ("Otto", "name"),
        ("horse's", "owner"),
        ("that's", None),
        ("with", None),
    ],
)
def test_a_word_is_known_by_its_part_of_speech_and_its_ending(word, kind):
    assert likely.kind(word) == kind


def test_words_take_the_place_of_words_of_their_own_kind():
    sentences = ["The horse walked slowly.", "The horses and wagons were heavy.", "Then Anna opened a wagon."]
    words = ["acorn", "anvils", "meekly", "quarrelled", "idle", "Otto", "unlisted"]
    said = " ".join(sentences_with(words, sentences, random.Random(1)))
    assert all(said.count(word) == 1 for word in words[:-1])
    assert "unlisted" not in said
    assert "an acorn" in said or "The acorn" in said
    assert all(f" {word}" in said for word in words[:-1])  # none begins a sentence, whose capital it would need


def test_an_article_fits_what_follows_it():
    sentence = "It was a heavy thing in a wagon."
    assert with_words(sentence, {(9, 14): "idle", (26, 31): "anvil"}) == "It was an idle thing in an anvil."
    assert with_words("It was an acorn.", {(10, 15): "wagon"}) == "It was a wagon."


def test_likely_words_are_in_a_dictionary_with_its_capitals_and_were_seldom_said(monkeypatch):
    wordfreq = ModuleType("wordfreq")
    wordfreq.top_n_list = lambda language, count: ["horse", "otto", "the", "otto's", "acorn", "it", "idle"]
    monkeypatch.setitem(sys.modules, "wordfreq", wordfreq)
    assert likely_words() == ["horse", "Otto", "Otto's", "acorn", "idle"]
    assert seldom_heard(["idle", *likely_words()], ["The horse."] * likely.ENOUGH) == [
        "idle",
        "Otto",
        "Otto's",
        "acorn",
    ]
