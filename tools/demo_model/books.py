"""Text that is only read: it teaches the LLM to spell and to go on, from words that nobody has spoken to it.

    apt-get install diatheke sword-text-web wordnet-base wamerican-small r-cran-janeaustenr
    python -m tools.demo_model.books DATA

DATA/reading.txt gets a sentence a line: Jane Austen's six novels and the World English
Bible (both in the public domain), WordNet's examples and definitions. A sentence that shares five words in a row with a
clip of a test set of DATA (test*, dev*) is left out, so run this after those are made.
"""

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.demo_model.clips import read_index
from tools.demo_model.reading import READING
from tools.demo_model.text import plain_sentence

WORDNET = Path("/usr/share/wordnet")
DICTIONARY = Path("/usr/share/dict/american-english-small")
AUSTEN = """library(janeaustenr)
for (name in levels(austen_books()$book)) writeLines(c(subset(austen_books(), book == name)$text, ""))"""
MOST_WORDS = 40
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


def runs(text: str) -> set[tuple[str, ...]]:
    """Every SHARED_WORDS words in a row of the text; all of a shorter one."""
    words = re.findall(r"[a-z']+", text.lower())
    return {tuple(words[i : i + SHARED_WORDS]) for i in range(max(1, len(words) - SHARED_WORDS + 1))}


def without(texts: Iterable[str], tests: Iterable[str]) -> Iterator[str]:
    """The texts that share no words in a row with the tests."""
    kept_back = {run for text in tests for run in runs(text)}
    return (text for text in texts if kept_back.isdisjoint(runs(text)))


def main(data_dir: str) -> None:
    data = Path(data_dir)
    tests = [clip.text for pattern in ("test*", "dev*") for clip in read_index(data, pattern)]
    found: list[str] = []
    for read in (austen, bible, wordnet):
        texts = list(without(read(), tests))
        print(f"{read.__name__}: {len(texts)} sentences, {sum(len(text.split()) for text in texts)} words", flush=True)
        found += texts
    (data / READING).write_text("\n".join(dict.fromkeys(found)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
