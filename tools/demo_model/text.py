"""What the demo model is taught to write: sentences, single words, and which of them are kept for testing.

    python -m tools.demo_model.text SENTENCES OUT [WORDS]

SENTENCES is a text file with a sentence a line, or a folder with Common Voice's CC0 sentence lists
(server/data/en/*.txt of github.com/common-voice/common-voice). OUT gets train.txt, test_known.txt,
test_new.txt and short.txt. No sentence stands in two of them. WORDS is a dictionary, a word a line
(/usr/share/dict/american-english-small of Debian's wamerican-small): with it OUT gets rare.txt too.
"""

import random
import re
import sys
from collections import Counter
from itertools import islice
from pathlib import Path

TEST_KNOWN, TEST_NEW = 300, 100
ENOUGH, UNMET = 10, 2  # times that a word of the sentences is to be heard, and one of the dictionary alone
DIGITS = "zero one two three four five six seven eight nine ten"
COMMANDS = """yes no stop go up down left right on off start pause play next back open close hello goodbye thanks
please okay help wait louder quieter lights music timer cancel repeat again more less today tomorrow now later"""
NUMBERS = """eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty
sixty seventy eighty ninety hundred thousand"""
CALENDAR = """Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July
August September October November December"""


def plain_sentence(line: str, most_words: int = 18) -> str | None:
    """The line as 2 or more plain words, with its case and . , ? ! ' kept; None where it is anything else."""
    text = line.translate({0x2019: "'", 0x2018: "'", 0x201C: None, 0x201D: None, 0x22: None})
    text = re.sub(r"\s*[;:\u2013\u2014]\s*|\s+-+\s+", ", ", text).replace("-", " ")
    text = re.sub(r"\s+", " ", text).strip(" ,")
    if not re.fullmatch(r"[A-Z][A-Za-z .,?!']*[A-Za-z.?!]", text) or not 2 <= len(text.split()) <= most_words:
        return None
    if re.search(r"[A-Z]{2}|[.,?!]{2}|[.?!'][A-Za-z]{3}|(^|\s)'|'(\s|$)|\S{16}", text):
        return None
    return text if text[-1] in ".?!" else text + "."


def read_sentences(source: Path) -> list[str]:
    """All plain sentences of a file or a folder of lists, each once (case and punctuation aside)."""
    found: dict[str, str] = {}
    for path in sorted(source.glob("*.txt")) if source.is_dir() else [source]:
        for text in filter(None, map(plain_sentence, path.read_text("utf-8", "ignore").splitlines())):
            found.setdefault(re.sub(r"[^a-z ]", "", text.lower()), text)
    return list(found.values())


def short_utterances(sentences: list[str], rng: random.Random, count: int = 3000) -> list[str]:
    """One to four words: digits, commands, dates, numbers and the commonest words, each with a final stop."""
    counts = Counter(word.lower() for word in re.findall(r"[A-Za-z']+", " ".join(sentences)))
    common = [word for word, _ in counts.most_common(1500) if len(word) > 2 and "'" not in word]
    spoken = []
    for _ in range(count):
        words, most = (
            rng.choices([DIGITS.split(), COMMANDS.split(), NUMBERS.split(), CALENDAR.split(), common], [3, 3, 1, 1, 3])[
                0
            ],
            rng.choice([1, 1, 1, 2, 3]),
        )
        text = " ".join(rng.sample(words, most if words is not common else 1))
        spoken.append(text[0].upper() + text[1:] + ".")
    return spoken


def rarer_words(sentences: list[str], dictionary: list[str]) -> list[str]:
    """Each word that the sentences hold less than ENOUGH times, as often as is missing, and UNMET times the others."""
    counts, within = Counter[str](), Counter[str]()
    for sentence in sentences:
        first, *others = re.findall(r"[A-Za-z']+", sentence)
        counts.update(word.lower() for word in (first, *others))
        within.update(others)
    spelt = {word.lower(): word for word in dictionary if word.isalpha()}
    by_count = sorted(within, key=within.__getitem__)
    spelt |= {word.lower(): word for word in by_count}  # with the capitals that it mostly has
    plain = {word: form for word, form in spelt.items() if re.fullmatch(r"[a-z][a-z']{2,14}", word)}
    return [form for word, form in plain.items() for _ in range(ENOUGH - counts[word] if counts[word] else UNMET)]


def rare_word_texts(sentences: list[str], dictionary: list[str], rng: random.Random) -> list[str]:
    """Texts of `rarer_words`: most hold nothing else, some are a sentence with such words in place of its own."""
    bag, texts = rarer_words(sentences, dictionary), []
    rng.shuffle(bag)
    words = iter(bag)
    while first := list(islice(words, 3)):
        sentence = rng.choice(sentences)
        places = [match.span() for match in re.finditer(r"(?<= )[a-z]{4,}", sentence)]
        if len(places) >= len(first) and rng.random() < 0.3:
            text = sentence
            for (start, end), word in zip(sorted(rng.sample(places, len(first)), reverse=True), first, strict=True):
                text = text[:start] + word + text[end:]
        else:
            text = " ".join(first) + rng.choice([",", ""])
            text = " ".join([text, *islice(words, rng.randint(0, 3))]).strip(",") + "."
        texts.append(text[0].upper() + text[1:])
    return texts


def main(source: str, out_dir: str, dictionary: str | None = None) -> None:
    out, sentences = Path(out_dir), read_sentences(Path(source))
    out.mkdir(parents=True, exist_ok=True)
    held_out = TEST_KNOWN + TEST_NEW
    sets = {
        "train": sentences[:-held_out],
        "test_known": sentences[-held_out:-TEST_NEW],
        "test_new": sentences[-TEST_NEW:],
        "short": short_utterances(sentences[:-held_out], random.Random(1)),
    }
    if dictionary:
        sets["rare"] = rare_word_texts(sets["train"], Path(dictionary).read_text().split(), random.Random(2))
    for name, texts in sets.items():
        (out / f"{name}.txt").write_text("\n".join(texts) + "\n")
        print(f"{name}: {len(texts)} texts")


if __name__ == "__main__":
    main(*sys.argv[1:])
