import random
import re
from collections import Counter

import pytest

from tools.demo_model import books
from tools.demo_model.real_speech import Casing, clean, trained_on
from tools.demo_model.text import (
    ENOUGH,
    TEST_KNOWN,
    TEST_NEW,
    UNMET,
    main,
    plain_sentence,
    rare_word_texts,
    rarer_words,
    short_utterances,
)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("He said \u201cyes\u201d", "He said yes."),
        ("Wait \u2014 I can\u2019t!", "Wait, I can't!"),
        ("A well-known man; a friend.", "A well known man, a friend."),
        ("Are you there?", "Are you there?"),
        ("In 1999 it rained.", None),
        ("NASA called.", None),
        ("Yes.", None),
        ("no capital here.", None),
    ],
)
def test_a_line_becomes_plain_words_or_is_left_out(line, wanted):
    assert plain_sentence(line) == wanted


def test_no_sentence_is_both_trained_on_and_tested_and_repeats_are_dropped(tmp_path):
    numbers = [f"{a} {b} came home." for a in ("One", "Two", "Ten") for b in map(letters, range(200))]
    (tmp_path / "list.txt").write_text("\n".join([*numbers, numbers[0].upper().capitalize(), numbers[0]]))
    main(str(tmp_path / "list.txt"), str(tmp_path / "out"))
    sets = {
        name: (tmp_path / "out" / f"{name}.txt").read_text().splitlines()
        for name in ("train", "test_known", "test_new")
    }
    assert len(sets["test_known"]) == TEST_KNOWN
    assert len(sets["test_new"]) == TEST_NEW
    together = [text for texts in sets.values() for text in texts]
    assert len(together) == len(set(together)) == len(numbers)


def letters(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in str(number))


def test_short_utterances_are_one_to_three_words_with_a_stop():
    spoken = short_utterances(["The old man saw the old house again."] * 3, random.Random(1), 200)
    assert all(1 <= len(text.split()) <= 3 and text[0].isupper() and text.endswith(".") for text in spoken)


def test_capitals_get_the_case_that_the_sentences_use():
    casing = Casing(["They saw London again.", "So we left London.", "We left the house."])
    assert casing("WE SAW THE HOUSE IN LONDON") == "We saw the house in London."
    assert casing("Written as it should be") == "Written as it should be"


def test_a_transcript_with_digits_is_not_taught():
    assert clean("It cost 20 pounds.") is None
    assert clean("\u201cWell\u201d; he said") == "Well, he said"


def test_only_read_speech_of_the_named_corpora_is_trained_on():
    entry = {"kind": "read", "corpus": "LibriSpeech train-clean-100", "speaker": "librispeech:27"}
    assert trained_on(entry)
    assert not trained_on(entry | {"corpus": "LibriSpeech test-other"})
    assert not trained_on(entry | {"kind": "spontaneous"})


SENTENCES = ["The cat would never leave the house again.", "Nobody knew that Adrian came home."] * 4
SENTENCES += ["The cat would leave the house, she knew."] * ENOUGH
DICTIONARY = ["ebony", "Adrian", "adrian", "house", "pupil's", "ox", "labyrinth"]


def test_rarer_words_come_as_often_as_they_are_missing():
    counts = Counter(rarer_words(SENTENCES, DICTIONARY))
    missing = dict.fromkeys(("never", "again", "that", "Adrian", "came", "home"), ENOUGH - 4)
    assert counts == {"ebony": UNMET, "labyrinth": UNMET, **missing}  # pupil's is not plain, ox too short


def test_every_rarer_word_is_said_alone_or_in_the_place_of_another():
    texts = rare_word_texts(SENTENCES, DICTIONARY, random.Random(1))
    said = Counter(word.lower() for text in texts for word in re.findall(r"[A-Za-z']+", text))
    for word, times in Counter(map(str.lower, rarer_words(SENTENCES, DICTIONARY))).items():
        assert said[word] >= times
    assert all(text[0].isupper() and text[-1] == "." for text in texts)
    assert any("cat" in text for text in texts)
    assert any("cat" not in text for text in texts)


def test_running_text_is_cut_into_plain_sentences():
    text = """Mr. Knightley laughed. "You must not, my dear," said he;
"indeed you must not!" In 1815 she wrote it.

CHAPTER II

Emma _could_ not"""
    assert list(books.sentences(text)) == [
        "Mr. Knightley laughed.",
        "You must not, my dear, said he, indeed you must not!",
        "Emma could not.",
    ]


def test_a_text_with_five_words_in_a_row_of_a_test_is_not_read():
    tests = ["Mr. Elton returned a very happy man.", "Divide and conquer."]
    texts = ["Mr. Elton returned, a very happy one.", "He was a very happy man.", "To divide and conquer is old."]
    assert list(books.without([*texts, "Divide and conquer!"], tests)) == texts[1:]


def test_a_text_is_spoken_while_a_word_of_it_was_spoken_too_seldom():
    often = ["The calm sea."] * books.ENOUGH
    texts = ["The calm sea!", "The calm pond.", "The xyz sea.", " ".join(["pond"] * 19), "A sea."]
    chosen = books.worth_speaking(texts, often, ["pond", "Calm"], seed=1)
    assert chosen == ["The calm pond."]  # xyz and A are no words of the dictionary, and nobody says 19 words
    many = [f"The pond is {letters(n)}." for n in range(30)]
    assert len(books.worth_speaking(many, often, ["pond"], seed=1)) == books.ENOUGH


def test_wordnet_gives_its_examples_and_what_plain_words_mean(tmp_path, monkeypatch):
    gloss = '| free from (emotional) agitation; "the waiters were good natured"; "with contented mind"- Anthony  '
    (tmp_path / "words").write_text("calm\n")
    for part in ("noun", "verb", "adv"):
        (tmp_path / f"data.{part}").write_text("  1 This software\n")
    lines = ["  1 This software", "1 00 s 01 calm 0 000 " + gloss, "2 00 s 01 imperturbable 0 000 " + gloss]
    (tmp_path / "data.adj").write_text("\n".join(lines))
    monkeypatch.setattr(books, "WORDNET", tmp_path)
    monkeypatch.setattr(books, "DICTIONARY", tmp_path / "words")
    meaning, *examples = books.wordnet()
    assert meaning == "Calm, free from agitation."
    assert examples == ["The waiters were good natured.", "With contented mind."] * 2


def test_sentences_part_by_whether_a_word_of_theirs_is_seldom_spoken(monkeypatch):
    monkeypatch.setattr(books, "SELDOM", 2)
    sentences = ["The calm sea.", "The calm pond.", "The sea is calm."]
    seldom, often = books.parted(sentences, ["Is the sea calm?", "It is."], seed=1)
    assert sorted(seldom) == ["The calm pond."]
    assert sorted(often) == ["The calm sea.", "The sea is calm."]


def test_what_other_folders_say_is_read_too_and_spoken_where_nothing_else_is(tmp_path, monkeypatch):
    monkeypatch.setattr(books, "austen", lambda: iter(["The still pond was deep.", "The calm sea was seldom seen."]))
    monkeypatch.setattr(books, "bible", lambda: iter(()))
    monkeypatch.setattr(books, "wordnet", lambda: iter(()))
    monkeypatch.setattr(books, "DICTIONARY", tmp_path / "words")
    (tmp_path / "words").write_text("pond\n")
    (tmp_path / "train.txt").write_text("The calm sea was seldom seen.\n" * books.ENOUGH)
    (tmp_path / "speeches").mkdir()
    (tmp_path / "speeches" / "first.txt").write_text("My friends, a whale is no fish. No!\n\nThe still pond was deep.")
    books.main(str(tmp_path), str(tmp_path), str(tmp_path / "speeches"))
    read, spoken, more = (
        (tmp_path / name).read_text().splitlines() for name in ("reading.txt", "spoken.txt", "more.txt")
    )
    assert read == ["The still pond was deep.", "The calm sea was seldom seen.", "My friends, a whale is no fish."]
    assert spoken == ["The still pond was deep."]
    assert more == ["My friends, a whale is no fish."]
