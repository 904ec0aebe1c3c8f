"""Text of books: it teaches the LLM to spell and to go on, and holds words that the sentences to be spoken do not.

    apt-get install diatheke sword-text-web wordnet-base wamerican-small r-cran-janeaustenr
    python -m tools.demo_model.books DATA TEXT [FOLDER ...]

DATA/reading.txt gets a sentence a line, to be read without sound: Jane Austen's six novels and the World English
Bible (both in the public domain), WordNet's examples and definitions, and what the .txt files in each FOLDER say. A
sentence that shares five words in a row with a clip of a test set of DATA (test*, dev*) is left out, so run this after
those are made. TEXT/spoken.txt gets those of them that are worth speaking: each holds a word that TEXT/train.txt and
the lines before it hold less than ENOUGH times.
TEXT/seldom.txt gets the sentences of TEXT/train.txt with a word that both of these hold at most SELDOM times, which the
model has most to learn from, TEXT/often.txt the others. TEXT/more.txt gets what else of DATA/reading.txt is short
enough to be spoken.
"""

import random
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tools.demo_model.clips import read_index
from tools.demo_model.reading import READING
from tools.demo_model.text import plain_sentence

WORDNET = Path("/usr/share/wordnet")
DICTIONARY = Path("/usr/share/dict/american-english-small")
AUSTEN = """library(janeaustenr)
for (name in levels(austen_books()$book)) writeLines(c(subset(austen_books(), book == name)$text, ""))"""
MOST_WORDS = 40
LEAST_WORDS, MOST_SPOKEN_WORDS = 4, 18
ENOUGH = 12  # times that a word is to be spoken
SELDOM = 20  # times that a word is spoken
SHARED_WORDS = 5  # in a row: so much of a test makes a sentence the test's own


def sentences(text: str) -> Iterator[str]:
    """The plain sentences of running text, whose paragraphs lie between empty lines."""
    for paragraph in re.split(r"\n\s*\n", text):
        flat = re.sub(r"[\"“”_()\[\]*]", "", " ".join(paragraph.split()))
        for sentence in re.split(r"(?<=[.?!])(?<!\b(?:Mr|Dr|St)\.)(?<!\bMrs\.)\s+(?=[A-Z])", flat):
            plain = plain_sentence(sentence, MOST_WORDS)
            if plain:
                yield plain


def austen() -> Iterator[str]:
    return sentences(output(["Rscript", "-e", AUSTEN]))


def bible() -> Iterator[str]:
    verses = output(["diatheke", "-b", "engWEB2015eb", "-f", "plain", "-k", "Gen-Rev"])
    return sentences(re.sub(r"^.*?\d+:\d+: ", "", verses, flags=re.MULTILINE))


def wordnet() -> Iterator[str]:
    """Of WordNet every example, and what the words of the dictionary mean."""
    known = set(DICTIONARY.read_text().split())
    for part in ("noun", "verb", "adj", "adv"):
        for line in (WORDNET / f"data.{part}").read_text("latin-1").splitlines():
            head, _, gloss = line.partition(" | ")
            if line[0] == " ":  # the licence
                continue
            word = head.split()[4]
            meaning, *examples = re.split(r'[;:,]?\s*"([^"]*)"', gloss)
            for text in ([f"{word}: {meaning}"] if word in known else []) + examples[::2]:
                text = re.sub(r"\(.*?\)", "", text).strip(" ;,")
                if plain := plain_sentence(text[:1].upper() + text[1:], MOST_WORDS):
                    yield plain


def output(command: list[str]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def words_of(text: str) -> list[str]:
    return re.findall(r"[a-z']+", text.lower())


def runs(text: str) -> set[tuple[str, ...]]:
    """Every SHARED_WORDS words in a row of the text; all of a shorter one."""
    words = words_of(text)
    return {tuple(words[i : i + SHARED_WORDS]) for i in range(max(1, len(words) - SHARED_WORDS + 1))}


def without(texts: Iterable[str], tests: Iterable[str]) -> Iterator[str]:
    """The texts that share no words in a row with the tests."""
    kept_back = {run for text in tests for run in runs(text)}
    return (text for text in texts if kept_back.isdisjoint(runs(text)))


def worth_speaking(texts: list[str], spoken: Iterable[str], dictionary: Iterable[str], seed: int) -> list[str]:
    """The texts, shuffled, that hold a word spoken too seldom; one of the dictionary or of what is spoken already."""
    heard = Counter(word for text in spoken for word in words_of(text))
    known = {*heard, *map(str.lower, dictionary)}
    texts = [text for text in texts if len(text.split()) <= MOST_SPOKEN_WORDS]
    random.Random(seed).shuffle(texts)
    chosen = []
    for text in texts:
        words = set(words_of(text))
        if any(heard[word] < ENOUGH for word in words & known):
            chosen.append(text)
            heard.update(words)
    return chosen


def parted(sentences: list[str], others: list[str], seed: int) -> tuple[list[str], list[str]]:
    """The sentences, shuffled: those that hold a word which all texts together seldom hold, and those that do not."""
    heard = Counter(word for text in sentences + others for word in words_of(text))
    seldom = [text for text in sentences if any(heard[word] <= SELDOM for word in words_of(text))]
    often = [text for text in sentences if all(heard[word] > SELDOM for word in words_of(text))]
    for texts in (seldom, often):
        random.Random(seed).shuffle(texts)
    return seldom, often


def files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("*.txt")):
        yield from sentences(path.read_text("utf-8", "ignore"))


def distinct(read: Mapping[str, Iterator[str]], tests: Sequence[str]) -> list[str]:
    """Each sentence once that shares no words in a row with the tests; says how many come from where."""
    found: list[str] = []
    for name, sentences_of_it in read.items():
        texts = list(without(sentences_of_it, tests))
        print(f"{name}: {len(texts)} sentences, {sum(len(text.split()) for text in texts)} words", flush=True)
        found += texts
    return list(dict.fromkeys(found))


def main(data_dir: str, text_dir: str, *folders: str) -> None:
    data, texts_to_speak = Path(data_dir), Path(text_dir)
    tests = [clip.text for pattern in ("test*", "dev*") for clip in read_index(data, pattern)]
    books = distinct({"Austen": austen(), "Bible": bible(), "WordNet": wordnet()}, tests)
    found = list(dict.fromkeys(books + distinct({name: files(Path(name)) for name in folders}, tests)))
    (data / READING).write_text("\n".join(found) + "\n")
    sentences_spoken = (texts_to_speak / "train.txt").read_text().splitlines()
    rich = worth_speaking(books, sentences_spoken, DICTIONARY.read_text().split(), seed=3)
    seldom, often = parted(sentences_spoken, rich, seed=1)
    told = {*rich, *sentences_spoken}
    more = [text for text in found if text not in told and LEAST_WORDS <= len(text.split()) <= MOST_SPOKEN_WORDS]
    random.Random(5).shuffle(more)
    for name, texts in (("spoken", rich), ("seldom", seldom), ("often", often), ("more", more)):
        (texts_to_speak / f"{name}.txt").write_text("\n".join(texts) + "\n")
        print(f"{name}: {len(texts)} sentences, {sum(len(text.split()) for text in texts)} words")


if __name__ == "__main__":
    main(*sys.argv[1:])
