"""Sentences with the words that people are likely to say and that the sentences to be spoken hardly hold.

    apt-get install wordnet-base wamerican wbritish
    pip install wordfreq
    python -m tools.demo_model.likely TEXT OUT.txt [--words FILE] [--times 1] [--seed 1]

Each of the LIKELY commonest words of English (wordfreq) that a dictionary holds, and TEXT/train.txt less than ENOUGH
times, takes the place of a word of its own kind in a sentence of TEXT/train.txt: a plural that of a plural, a past
tense that of a past tense, a name that of a name. What it says makes little sense, but it sounds and is written as a
sentence is. --words takes the words of a file instead, a word a line: those that a model got wrong
(tools.demo_model.misheard).
"""

import argparse
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path

from tools.demo_model.books import WORDNET, words_of

DICTIONARIES = [Path("/usr/share/dict/american-english"), Path("/usr/share/dict/british-english")]
LIKELY = 40_000
ENOUGH = 10  # times that a word is to be heard
MOST_WORDS = 14  # of a sentence: longer ones are mostly what the model knows
WORDS_A_PLACE = 4  # a sentence of so many words has one word replaced, of twice as many two
ENDINGS = {  # of an inflected word: the part of speech and what takes its place in the word that WordNet lists
    "verb:past": [("ied", "y"), ("ed", "e"), ("ed", ""), (r"(.)\1ed", r"\1")],
    "verb:ing": [("ing", ""), ("ing", "e"), (r"(.)\1ing", r"\1")],
    "noun:plural": [("ies", "y"), ("es", ""), ("s", "")],
    "verb:third": [("ies", "y"), ("es", ""), ("s", "")],
}
NAME, OWNER = "name", "owner"
NOT_OWNERS = {"it's", "that's", "he's", "she's", "what's", "let's", "there's", "here's", "who's", "where's", "how's"}


@cache
def listed() -> dict[str, dict[str, float]]:
    """How much each word of WordNet is each part of speech: texts tagged with it, and a little for each meaning."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for part in ("noun", "verb", "adj", "adv"):
        for line in (WORDNET / f"index.{part}").read_text("latin-1").splitlines():
            if line[0] != " ":  # the licence
                word, _, meanings, pointers, *rest = line.split()
                found[word][part] = int(rest[int(pointers) + 1]) + 0.1 * int(meanings)
    return dict(found)


@cache
def kind(form: str) -> str | None:
    """What may take the place of the word, which is written with its capitals; None for words that hold a sentence."""
    word = form.lower()
    if word.endswith("'s"):
        return None if word in NOT_OWNERS else OWNER
    if form[0].isupper():
        return NAME
    scores = dict(listed().get(word, {}))
    for inflected, endings in ENDINGS.items():
        part = inflected.partition(":")[0]
        for ending, base in endings:
            stem, n = re.subn(ending + "$", base, word)
            if n and part in listed().get(stem, {}):
                scores[inflected] = max(scores.get(inflected, 0), 0.5 + listed()[stem][part])
    return max(scores, key=scores.__getitem__) if scores else None


def likely_words() -> list[str]:
    """With the capitals that dictionaries give them, in order of how often English says them."""
    from wordfreq import top_n_list  # only this step needs the package

    known = {word for path in DICTIONARIES for word in path.read_text().split()}
    common = sorted(known, key=lambda form: form[0].isupper() == form.endswith("'s"))  # "may", not "May", but "Jim's"
    forms = {form.lower(): form for form in common}
    plain = (word for word in top_n_list("en", LIKELY) if re.fullmatch(r"[a-z][a-z']{2,14}", word))
    return [forms[word] for word in plain if word in forms]


def seldom_heard(words: Iterable[str], sentences: Iterable[str]) -> list[str]:
    """Each of the words once that the sentences hold less than ENOUGH times."""
    heard = Counter(word for text in sentences for word in words_of(text))
    return [word for word in dict.fromkeys(words) if heard[word.lower()] < ENOUGH]


def places(sentence: str) -> dict[str, list[tuple[int, int]]]:
    """Where in it words of each kind stand that may give way to others; never the first."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for match in re.finditer(r"(?<= )[A-Za-z']{4,}", sentence):
        if of := kind(match.group()):
            found[of].append(match.span())
    return found


def with_words(sentence: str, replaced: Mapping[tuple[int, int], str]) -> str:
    """The sentence with these words at these places, each with the article that it takes."""
    for (start, end), word in sorted(replaced.items(), reverse=True):
        before = re.sub(r"\b([Aa])n? $", r"\1n " if word[0] in "aeiouAEIOU" else r"\1 ", sentence[:start])
        sentence = before + word + sentence[end:]
    return sentence


def sentences_with(words: Iterable[str], sentences: Iterable[str], rng: random.Random) -> list[str]:
    """Each word in a sentence, most sentences with two of them; what has no kind is left out."""
    waiting: dict[str, list[str]] = defaultdict(list)
    for word in words:
        if of := kind(word):
            waiting[of].append(word)
    found = [(text, places(text)) for text in sentences if len(text.split()) <= MOST_WORDS]
    having = {of: [one for one in found if of in one[1]] for of in waiting}
    texts = []
    for of in sorted(waiting):
        rng.shuffle(waiting[of])
        while waiting[of] and having[of]:
            sentence, all_places = rng.choice(having[of])
            replaced = {rng.choice(all_places[of]): waiting[of].pop()}
            others = [(other, place) for other in all_places for place in all_places[other] if place not in replaced]
            rng.shuffle(others)
            for other, place in others[: max(0, len(sentence.split()) // WORDS_A_PLACE - 1)]:
                if waiting.get(other):
                    replaced[place] = waiting[other].pop(rng.randrange(len(waiting[other])))
            texts.append(with_words(sentence, replaced))
    rng.shuffle(texts)
    return texts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", type=Path, help="the folder that holds train.txt")
    parser.add_argument("out", type=Path)
    parser.add_argument("--words", type=Path, metavar="FILE", help="these words instead of the likely ones")
    parser.add_argument("--times", type=int, default=1, help="how often each is said")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    sentences = (args.text / "train.txt").read_text().splitlines()
    words = seldom_heard(args.words.read_text().split() if args.words else likely_words(), sentences)
    texts = sentences_with(words * args.times, sentences, random.Random(args.seed))
    args.out.write_text("\n".join(texts) + "\n")
    print(f"{args.out.name}: {len(words)} words, {len(texts)} sentences")


if __name__ == "__main__":
    main()
