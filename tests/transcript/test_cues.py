"""Subtitles as their readers meet them: what stands in an .srt or a .vtt file."""

import re
from datetime import datetime
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from live_canary.printable import one_line
from live_canary.transcript import cues
from live_canary.transcript.cues import LINE_CHARACTERS, LONGEST_MS
from live_canary.transcript.formats import FORMATS
from live_canary.transcript.pieces import pieces, whole_transcript
from live_canary.transcript.utterance import TranscriptGap, Utterance
from tests.transcript.cues import AT_LENGTH, Shown, shown

STARTED = datetime(2026, 3, 4, 9, 30)


def said(text: str, seconds: float = 5.0, start: float = 0.0, index: int = 0, source: str = "Me") -> Utterance:
    return Utterance(index, start, start + seconds, text, source)


def srt(*entries: Utterance | TranscriptGap, with_source: bool = False) -> list[Shown]:
    return shown(whole_transcript(FORMATS[".srt"], entries, STARTED, with_source=with_source))


def vtt(*entries: Utterance | TranscriptGap, with_source: bool = False) -> list[Shown]:
    return shown(whole_transcript(FORMATS[".vtt"], entries, STARTED, with_source=with_source))


def texts(*entries: Utterance, with_source: bool = False) -> list[str]:
    return ["\n".join(cue.lines) for cue in srt(*entries, with_source=with_source)]


WORDS = st.one_of(
    st.sampled_from(["a", "I", "Yes.", "and,", "well;", "Dr.", "Smith", "-", "-->", "&", "<b>", "'Why?'", "1,000"]),
    st.text("abcdefgh", min_size=1, max_size=12),
    st.text("xyzé日", min_size=40, max_size=90),
)
SPOKEN = st.lists(WORDS, min_size=1, max_size=60).map(" ".join)
SECONDS = st.one_of(st.floats(0, 60), st.floats(0, 0.01), st.just(0.0))
SPEAKERS = st.sampled_from([None, "Me", "Them", "USB Audio Device Analog Stereo"])


@settings(deadline=None)  # the machine may be busy
@given(SPOKEN, SECONDS, st.floats(0, 40_000), SPEAKERS)
@example(AT_LENGTH, 27.0, 12.3456, "Me")
def test_an_utterance_is_whole_in_its_cues_and_each_can_be_read(text, seconds, start, speaker):
    utterance = said(text, seconds, start, source=speaker or "Me")
    label = f"{speaker}: " if speaker else ""
    cues = srt(utterance, with_source=bool(speaker))
    assert [cue.number for cue in cues] == list(range(1, len(cues) + 1))
    assert all(cue.lines[0].startswith(label) for cue in cues)
    unlabelled = [cue.text.removeprefix(label) for cue in cues]
    assert " ".join(unlabelled) == re.sub("-{2,}>", "->", text)
    assert cues[0].start_ms == round(utterance.start_seconds * 1000)
    spoken_until_ms, last = max(round(utterance.end_seconds * 1000), cues[0].start_ms + 1), cues[-1]
    assert last.end_ms >= spoken_until_ms
    if last.end_ms > spoken_until_ms:  # into the silence behind it, until it is seen
        assert last.end_ms == min(last.start_ms + 1000, spoken_until_ms + 500)
        assert seconds < 6.7
    else:
        assert last.end_ms - last.start_ms >= 1000 or seconds >= 6.5
    assert all(cue.start_ms < cue.end_ms for cue in cues)
    assert all(one.end_ms == other.start_ms for one, other in pairwise(cues))
    is_too_short = len(cues) == 1 and seconds < 0.1
    for cue, spoken in zip(cues, unlabelled, strict=True):
        assert all(_is_readable(line, label if line is cue.lines[0] else "") for line in cue.lines)
        assert cue.end_ms - cue.start_ms <= LONGEST_MS or " " not in spoken or is_too_short
        assert len(cue.lines) <= 2 or is_too_short


def _is_readable(line: str, label: str) -> bool:
    return bool(line.strip()) and (len(line) <= LINE_CHARACTERS or " " not in line.removeprefix(label))


@settings(deadline=None)  # the machine may be busy
@given(SPOKEN, SECONDS)
@example(AT_LENGTH, 27.0)
def test_both_formats_have_the_same_cues(text, seconds):
    escaped = [(cue.start_ms, cue.end_ms) for cue in vtt(said(text.replace("-->", "->"), seconds))]
    assert [(cue.start_ms, cue.end_ms) for cue in srt(said(text, seconds))] == escaped


@settings(deadline=None)  # the machine may be busy
@given(st.text("aB .,-'&<\u00a0", min_size=1, max_size=LINE_CHARACTERS), st.floats(0, LONGEST_MS / 1000))
def test_what_fits_into_a_line_is_one_line_as_it_is(text, seconds):
    assert texts(said(text, seconds)) == ([text.strip()] if text.strip() else [])


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.tuples(SPOKEN, SPEAKERS), max_size=5))
def test_the_numbers_run_on_over_the_cues_of_all_utterances_and_gaps(entries):
    heard: list[Utterance | TranscriptGap] = []
    for index, (text, speaker) in enumerate(entries):
        start = 30.0 * index
        heard.append(
            said(text, 25.0, start, index, speaker) if speaker else TranscriptGap(start, start + 1, "paused", "Me")
        )
    cues = srt(*heard, with_source=True)
    assert [cue.number for cue in cues] == list(range(1, len(cues) + 1))
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(cues))


@settings(deadline=None)  # the machine may be busy
@given(st.lists(st.sampled_from(["\u200e", " ", "\x1b[31m", "\t", "\ufeff"]), max_size=5).map("".join), st.booleans())
def test_no_cue_is_empty(text, with_source):
    assert one_line(text) == ""
    cues = srt(said(text), said("Yes.", start=5.0, index=1), with_source=with_source)
    assert [(cue.number, cue.text.removeprefix("Me: ")) for cue in cues] == [(1, "Yes.")]
    assert len(vtt(said(text), with_source=with_source)) == 0


def test_a_long_utterance_is_cut_at_the_ends_of_sentences_and_else_at_commas():
    assert texts(said(AT_LENGTH, 16.0)) == [
        "Mr. Smith went to Washington,\nand then he came back because the weather,",
        "which had been fine in the morning,\nturned out to be rather bad in the end.",
        "I do not know whether that is\nthe reason, but everybody says so.",
        "When it is done,\nwe can talk about it again.",
    ]


def test_without_punctuation_the_cues_and_the_lines_are_about_equally_long():
    lengths = [len(text) for text in texts(said(" ".join(["word"] * 20), 6.0))]
    assert lengths == [49, 49]
    assert texts(said(" ".join(["word"] * 10))) == [f"{' '.join(['word'] * 5)}\n{' '.join(['word'] * 5)}"]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("This is one that fits just into a line now", ["This is one that fits just into a line now"]),
        ("This is one that does not fit into a line.", ["This is one that does not fit into a line."]),
        ("This is one that does not fit into one line", ["This is one that does", "not fit into one line"]),
        ("It was twenty years ago that Mr. Pepper said yes", ["It was twenty years ago", "that Mr. Pepper said yes"]),
        ("That is it, then: a sentence nobody had hoped for", ["That is it, then:", "a sentence nobody had hoped for"]),
        ("Internationalisation and unintelligibility, too", ["Internationalisation", "and unintelligibility, too"]),
        ("I can hear a sentence whose very last word is so", ["I can hear a sentence", "whose very last word is so"]),
    ],
)  # fmt: skip
def test_two_lines_are_equal_or_the_lower_is_longer_and_no_word_stands_alone(text, lines):
    assert texts(said(text)) == ["\n".join(lines)]


def test_a_short_sentence_does_not_flash_up_where_another_can_carry_it():
    cues = srt(said("Yes. " + "And this is a sentence which goes on and on for a while without a rest anywhere.", 6.0))
    assert all(cue.end_ms - cue.start_ms >= 1000 for cue in cues)


def test_slow_speech_is_cut_though_it_would_fit():
    """At two seconds a character a word of three, and the space behind it, take eight."""
    assert [(cue.start_ms, cue.end_ms, cue.text) for cue in srt(said("One two ten", 22.0))] == [
        (0, 8000, "One"), (8000, 16000, "two"), (16000, 22000, "ten"),
    ]  # fmt: skip


def test_time_is_shared_out_by_the_characters():
    sentence = "This sentence has exactly fifty characters in all."
    assert len(sentence) == 50
    cues = srt(said(f"{sentence} {sentence}", 10.1, start=100.0))
    assert [(cue.start_ms, cue.end_ms) for cue in cues] == [(100_000, 105_100), (105_100, 110_100)]


def test_every_cue_says_who_speaks_and_the_width_counts_that_where_it_is_read():
    utterance = said(AT_LENGTH, 16.0)
    assert all(cue.lines[0].startswith("Me: ") for cue in srt(utterance, with_source=True))
    assert max(len(line) for cue in srt(utterance, with_source=True) for line in cue.lines) <= LINE_CHARACTERS
    assert [cue.text.replace("<v Me>", "") for cue in vtt(utterance, with_source=True)] == [
        cue.text for cue in vtt(utterance)
    ]
    assert all(cue.lines[0].startswith("<v Me>") for cue in vtt(utterance, with_source=True))


def test_what_was_cut_while_somebody_went_on_speaking_does_not_stay_over_what_follows():
    """The shortest limit of an utterance, 10 s, cuts from 6.7 s on."""
    *_, last = cues.cues("Extraordinarily I", 0.0, 7.127)
    assert last.end_ms == 7127


def test_a_word_that_is_longer_than_a_line_stays_whole():
    word = "https://example.com/" + "a" * 60
    cues = srt(said(f"It is at {word} and nowhere else, as far as anybody knows or has ever told me.", 6.0))
    assert [line for cue in cues for line in cue.lines if word in line] == [word]


def test_an_utterance_of_fewer_milliseconds_than_cues_is_one_cue():
    [cue] = srt(said(AT_LENGTH, 0.002))
    assert cue.text == AT_LENGTH
    assert max(map(len, cue.lines)) <= LINE_CHARACTERS


def test_a_notice_is_one_cue_however_long_it_stands():
    [cue] = srt(TranscriptGap(0.0, 3600.0, "its sound was not kept", "Them"), with_source=True)
    assert cue.end_ms == 3_600_000
    assert cue.lines == ("Them: [3600.0 s not heard:", "its sound was not kept]")
    assert texts(TranscriptGap(0.0, 3600.0, "paused", "Them")) == ["[3600.0 s not heard: paused]"]


def test_the_utterances_of_a_whole_day_are_cut_once_however_often_their_file_is_made_anew(monkeypatch):
    day = [Utterance(n, 5.0 * n, 5.0 * n + 3, "Said all day long.", "Me") for n in range(6_000)]
    cut = []
    monkeypatch.setattr(cues._Words, "cuts", lambda words: cut.append(words) or [0, words.count])
    first, again = (pieces(FORMATS[".srt"], day, with_source=False) for _ in range(2))
    assert first == again and len(cut) == len(day)
