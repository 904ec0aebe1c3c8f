"""How probable the words of an answer are, from the probabilities of its tokens."""

import math

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from live_canary.model.answer import Answer


def test_a_word_is_as_probable_as_its_tokens_together_whatever_its_punctuation(demo):
    ids = demo.prompt.tokenizer.encode("Well, nobody knows.", add_special_tokens=False).ids
    pieces = [demo.text([token]) for token in ids]
    assert {",", "."} < set(pieces)
    probabilities = [0.1 if piece in {",", "."} else 0.5 for piece in pieces]
    words = demo.words(Answer(ids, probabilities))
    assert [word for word, _ in words] == ["Well,", "nobody", "knows."]
    assert math.prod(likely for _, likely in words) == 0.5 ** probabilities.count(0.5)
    assert words[0][1] == 0.5 ** pieces.index(",")


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.lists(st.integers(0, 639), max_size=30), probability=st.floats(0.01, 1))
def test_any_tokens_give_the_words_of_their_text_with_probabilities(demo, ids, probability):
    words = demo.words(Answer(ids, [probability] * len(ids)))
    assert [word for word, _ in words] == demo.text(ids).split()
    assert all(0 < likely <= 1 for _, likely in words)


def test_a_word_of_nothing_but_signs_is_as_probable_as_they_are(demo):
    ids = demo.prompt.tokenizer.encode("well - ...", add_special_tokens=False).ids
    words = demo.words(Answer(ids, [0.5] * len(ids)))
    assert [word for word, _ in words] == ["well", "-", "..."]
    assert all(likely <= 0.5 for _, likely in words)


def test_words_with_a_space_that_is_divided_among_tokens_share_what_is_known(demo):
    ids = demo.prompt.tokenizer.encode("so\u2003well", add_special_tokens=False).ids
    words = demo.words(Answer(ids, [0.5] * len(ids)))
    assert words == [("so", 0.5 ** (len(ids) / 2)), ("well", 0.5 ** (len(ids) / 2))]


def test_neither_special_tokens_nor_space_around_it_are_of_the_text(demo):
    tokenizer = demo.prompt.tokenizer
    ids = [tokenizer.token_to_id("<|im_start|>"), *tokenizer.encode("well", add_special_tokens=False).ids]
    assert demo.text(ids) == "well"
    assert demo.text(tokenizer.encode(" well\n", add_special_tokens=False).ids) == "well"
    assert [word for word, _ in demo.words(Answer(ids, [0.5] * len(ids)))] == ["well"]
