"""A transcript that was written is read back: every format, what others make of it, in parts that an LLM can read."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live_canary.transcript.formats import FORMATS
from live_canary.transcript.lines import printed_line
from live_canary.transcript.reading import Spoken, in_parts, read_transcript
from live_canary.transcript.utterance import Revision, TranscriptGap, Utterance

CALL = [
    Utterance(0, 1.2, 4.0, "Shall we *start*?", "Me"),
    Utterance(1, 3700.0, 3709.5, "Yes, a < b & c; the budget is fixed. " + "We talked about it for long. " * 4, "Them"),
    TranscriptGap(3710.0, 3712.5, "microphone lost", "Me"),
    Utterance(2, 3715.0, 3717.0, "Then that is decided.", "Me"),
]


def written(extension: str, *, with_source: bool = True) -> str:
    form = FORMATS[extension]
    entries = [form.entry(number, entry, with_source=with_source) for number, entry in enumerate(CALL, 1)]
    return form.header(datetime(2026, 3, 1, 14, 2)) + "".join(entries)


def all_text(spoken: list[Spoken]) -> str:
    return " ".join(one.text for one in spoken)


@pytest.mark.parametrize("extension", FORMATS)
def test_every_format_is_read_back_with_who_says_what(extension):
    text = all_text(read_transcript(written(extension), extension))
    assert "Me: Shall we *start*?" in text
    assert "Them: Yes, a < b & c; the budget is fixed." in text
    assert "Me: Then that is decided." in text


@pytest.mark.parametrize("extension", [".md", ".srt", ".vtt", ".jsonl"])
def test_times_are_kept_where_there_are_some(extension):
    spoken = read_transcript(written(extension), extension)
    starts = [one.start_seconds for one in spoken if one.start_seconds is not None]
    assert starts == sorted(starts) and starts[0] == pytest.approx(1, abs=0.3)
    assert any(start == pytest.approx(3700) for start in starts)


@pytest.mark.parametrize("extension", [".srt", ".vtt"])
def test_subtitles_are_read_without_numbers_times_and_marks(extension):
    text = all_text(read_transcript(written(extension, with_source=False), extension))
    assert text.startswith("Shall we *start*? Yes, a < b") and "-->" not in text and "WEBVTT" not in text
    styled = (
        "WEBVTT\n\nNOTE nobody says this\n\n1\n00:01.000 --> 00:02.000 align:left\n<v.loud Ann><i>Hello</i>\nthere.\n"
    )
    assert read_transcript(styled, ".vtt") == [Spoken("Ann: Hello there.", 1.0)]


def test_one_speaker_needs_no_name():
    form = FORMATS[".jsonl"]
    lines = "".join(form.entry(1, entry, with_source=False) for entry in CALL if entry.source == "Me")
    assert [one.text for one in read_transcript(lines, ".jsonl")] == ["Shall we *start*?", "Then that is decided."]


def test_json_lines_are_read_as_they_were_amended():
    form = FORMATS[".jsonl"]
    lines = written(".jsonl") + form.amendment(0, Revision("Shall we begin?")) + form.amendment(2, Revision(None))
    text = all_text(read_transcript(lines + form.amendment(77, Revision("Nobody's.")) + '{"type": "utt', ".jsonl"))
    assert "Me: Shall we begin?" in text and "start" not in text and "decided" not in text and "Nobody" not in text


def test_a_bookmark_is_no_word():
    form = FORMATS[".md"]
    marked = form.bookmarked(form.utterance(1, CALL[0], with_source=True))
    assert read_transcript(marked, ".md") == [Spoken("Me: Shall we *start*?", 1.0)]


def test_what_a_user_wrote_between_the_lines_is_read_too():
    text = written(".md").replace("\n\n**01", "\n\nAnn joins us.\n\n**01", 1)
    assert Spoken("Ann joins us.") in read_transcript(text, ".md")


@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_what_comes_from_a_pipe_is_known_by_how_it_begins(extension, line_end):
    contents = written(extension).replace("\n", line_end)
    assert read_transcript("\ufeff" + contents, "") == read_transcript(written(extension), extension)


@pytest.mark.parametrize(
    ("beginning", "said"),
    [
        ("00:01.000 --> 00:02.000\nhello\n", [Spoken("hello", 1.0)]),
        ("**00:00:01 Me** hello\n\n", [Spoken("Me: hello", 1.0)]),
        ('{"type": "partial", "settled": "hel"}\n{"text": "hello"}\n', [Spoken("hello")]),
        ("{hello}\n", [Spoken("{hello}")]),
        ("12\nhello\n", [Spoken("12"), Spoken("hello")]),
        ("[" * 100_000, [Spoken("[" * 100_000)]),
    ],
)
def test_a_part_of_a_transcript_is_known_too(beginning, said):
    assert read_transcript(beginning, "") == said


@pytest.mark.parametrize("extension", [".txt", ""])
def test_lines_that_were_printed_have_times(extension):
    lines = "".join(printed_line(entry, with_source=True) + "\n" for entry in CALL if isinstance(entry, Utterance))
    assert read_transcript(lines, extension)[::2] == [
        Spoken("Me: Shall we *start*?", 1.0),
        Spoken("Me: Then that is decided.", 3715.0),
    ]
    assert read_transcript("[laughs] Yes.\n", extension) == [Spoken("[laughs] Yes.")]


@pytest.mark.parametrize("extension", [".txt", ".log", ""])
def test_of_another_file_every_line_is_read(extension):
    assert read_transcript("\ufeffOne.\r\n\r\nTwo.\n", extension) == [Spoken("One."), Spoken("Two.")]


@pytest.mark.parametrize(
    ("subtitles", "said"),
    [
        ("1\n00:00:01,000 --> 00:00:02,000\nhello\n2\n00:00:02,000 --> 00:00:03,000\nworld\n", "hello|world"),
        (
            "00:00:01,000 --> 00:00:02,000\nhello\n\nthere\n\n2\n00:00:02,000 --> 00:00:03,000\nworld",
            "hello there|world",
        ),
        ("00:00:01,000 --> 00:00:02,000\n \nhello\n", "hello"),
        (
            "0:01 --> 0:02\nhello\n\n  00:00:02 --> 00:00:03\nbig\n\n00:00:07,000-->00:00:08,000\nworld",
            "hello|big|world",
        ),
        (
            "00:01.000 --> 00:02.000\nhello\n\nNOTE no word\nof this\n\nintro\n00:02.000 --> 00:03.000\nworld",
            "hello|world",
        ),
        ("00:01.000 --> 00:02.000\nif a < b then c > d, {he} says <5>\n", "if a < b then c > d, {he} says"),
        ("00:01.000 --> 00:02.000\n<00:00:01.500><c.yellow>hello</c> <b>{\\an8}there</b>\n", "hello there"),
    ],
)
def test_subtitles_of_other_programs_lose_no_word(subtitles, said):
    assert "|".join(one.text for one in read_transcript(subtitles, ".vtt")) == said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "hi", "index": [1], "source": {"a": 1}, "start": "soon"}', "hi"),
        ('{"text": "hi", "start": ' + "9" * 400 + "}", "hi"),
        ('{"text": "hi", "start": NaN}', "hi"),
        ('{"type": "amendment", "index": {}, "text": "x"}', None),
        ('{"text": null}', None),
        ('{"text": ["a"]}', None),
        ('["text"]', None),
        ("[" * 100_000, None),
        ('{"text": "one\u2028line"}', "one line"),
    ],
)
def test_json_lines_of_other_programs_are_read_as_far_as_they_say_something(line, said):
    assert read_transcript(line + "\n", ".jsonl") == ([Spoken(said)] if said else [])


def test_utterances_whose_numbers_begin_again_are_all_read():
    lines = "".join(f'{{"index": {index}, "text": "{text}"}}\n' for index, text in ((0, "a"), (1, "b"), (0, "c")))
    assert [one.text for one in read_transcript(lines, ".jsonl")] == ["a", "b", "c"]


@pytest.mark.parametrize("many", ["<v ", "<v.", "{\\", "<", "**", "00:"])
def test_no_line_takes_long_to_read(many):
    """A way of reading whose time grows with the square of the length would take minutes."""
    for extension in [*FORMATS, ""]:
        read_transcript("00:01.000 --> 00:02.000\n" + many * 300_000, extension)


def test_hours_of_very_many_digits_are_no_time():
    hours = "1" * 5000
    for contents, extension in ((f"**{hours}:00:00** a", ".md"), (f"{hours}:00:00,000 --> 00:00:00,000\na", ".srt")):
        assert all(one.start_seconds is None for one in read_transcript(contents, extension))


def words(text: str) -> int:
    return len(text.split())


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(3, 50))
def test_parts_hold_everything_in_order_and_none_is_too_long(lengths, most):
    spoken = [Spoken(" ".join(["word"] * length), float(number)) for number, length in enumerate(lengths)]
    parts = in_parts(spoken, words, most)
    assert [one for part in parts for one in part] == [
        short for one in spoken for part in in_parts([one], words, most) for short in part
    ]
    assert all(0 < sum(words(one.text) for one in part) <= most for part in parts)
    assert sum(words(one.text) for part in parts for one in part) == sum(lengths)


def test_parts_are_about_as_long_as_each_other():
    parts = in_parts([Spoken("a few words here")] * 110, words, 200)
    assert [len(part) for part in parts] == pytest.approx([110 / 3] * 3, abs=1)


def test_a_text_without_line_breaks_is_cut_between_words():
    parts = in_parts([Spoken("one two three four five", 7.0)], words, 2)
    assert " ".join(one.text for part in parts for one in part) == "one two three four five"
    assert len(parts) >= 3 and {one.start_seconds for part in parts for one in part} == {7.0}


def test_a_text_without_spaces_is_cut_too():
    parts = in_parts([Spoken("0123456789")], len, 4)
    assert "".join(one.text for part in parts for one in part) == "0123456789"
    assert max(len(one.text) for part in parts for one in part) < 4
