import json
from dataclasses import replace
from datetime import datetime

import pytest

from live_canary.transcript.formats import FORMATS
from live_canary.transcript.pieces import whole_transcript
from live_canary.transcript.utterance import TranscriptGap, Utterance

STARTED = datetime(2026, 3, 4, 9, 30)
GREETING = Utterance(index=0, start_seconds=62.5, end_seconds=64.0, text="Good morning.", source="USB Microphone")
UNPLUGGED = TranscriptGap(start_seconds=70.0, end_seconds=72.5, reason="microphone unplugged", source="USB Microphone")


def written(extension: str, *entries: Utterance | TranscriptGap, with_source: bool = False) -> str:
    return whole_transcript(FORMATS[extension], entries, STARTED, with_source=with_source)


def saying(text: str, source: str = "USB Microphone") -> Utterance:
    return Utterance(index=0, start_seconds=0.0, end_seconds=1.0, text=text, source=source)


def test_text_is_one_utterance_a_line():
    assert written(".txt", GREETING, UNPLUGGED) == "Good morning.\n[2.5 s not heard: microphone unplugged]\n"


def test_of_the_voice_commands_a_text_has_the_paragraphs():
    commands = [replace(saying(f"{one}."), command=one) for one in ("new line", "new paragraph")]
    assert written(".txt", saying("One."), *commands, saying("Two.")) == "One.\n\nTwo.\n"


def test_what_is_bookmarked_shows_where_a_reader_or_a_program_looks_for_it():
    marked, plain = replace(GREETING, index=1), saying("Plain.")
    known = {
        extension: whole_transcript(
            FORMATS[extension], [plain, marked, UNPLUGGED], STARTED, with_source=False, bookmarked={1}
        )
        for extension in FORMATS
    }
    paragraphs = known[".md"].split("\n\n")[1:4]
    assert [text.startswith("◆ **00:01:") for text in paragraphs] == [False, True, False]
    lines = [json.loads(line) for line in known[".jsonl"].splitlines()]
    assert [line.get("bookmark") for line in lines] == [None, True, None]
    assert lines[1].items() > json.loads(written(".jsonl", marked)).items()
    for extension in (".txt", ".srt", ".vtt"):  # texts alone
        assert known[extension] == written(extension, plain, marked, UNPLUGGED)


def test_text_names_the_source_when_there_are_several():
    assert written(".txt", GREETING, with_source=True) == "USB Microphone: Good morning.\n"


def test_markdown_is_a_dated_heading_and_a_paragraph_with_its_time():
    assert written(".md", GREETING, UNPLUGGED) == (
        "# Transcript of 2026-03-04 09:30\n\n"
        "**00:01:02** Good morning.\n\n"
        "**00:01:10** \\[2.5 s not heard: microphone unplugged\\]\n\n"
    )


def test_markdown_shows_marks_of_its_own_as_they_were_said():
    assert "**00:00:00 a\\_b** 2 \\* 3 \\<b\\>" in written(".md", saying("2 * 3 <b>", source="a_b"), with_source=True)
    assert r"a\`b\`c \~\~d\~\~ \[e\] C:\\f" in written(".md", saying(r"a`b`c ~~d~~ [e] C:\f"))


def test_srt_numbers_its_cues_and_writes_milliseconds_after_a_comma():
    assert written(".srt", GREETING, UNPLUGGED) == (
        "1\n00:01:02,500 --> 00:01:04,000\nGood morning.\n\n"
        "2\n00:01:10,000 --> 00:01:12,500\n[2.5 s not heard: microphone unplugged]\n\n"
    )


def test_vtt_names_the_speaker_in_a_voice_tag():
    assert written(".vtt", GREETING, with_source=True) == (
        "WEBVTT\n\n00:01:02.500 --> 00:01:04.000\n<v USB Microphone>Good morning.\n\n"
    )


def test_vtt_escapes_what_would_be_a_tag():
    assert "Q&amp;A &lt;now&gt; --&gt;" in written(".vtt", saying("Q&A <now> -->"))
    assert "<v R&amp;D &lt;left&gt;>Yes." in written(".vtt", saying("Yes.", source="R&D <left>"), with_source=True)


@pytest.mark.parametrize("extension", [".srt", ".vtt"])
def test_a_subtitle_cannot_be_broken_by_its_text(extension):
    cue = written(extension, saying("one\n\n2\n00:00:05,000 ---> 00:00:06,000"))
    assert cue.count("-->") == 1
    assert cue.rstrip("\n").split("\n")[-1].startswith("one 2 ")


@pytest.mark.parametrize("entry", [saying("Yes.", source="Desk --> Hall"), replace(UNPLUGGED, source="Desk --> Hall")])
def test_a_subtitle_cannot_be_broken_by_the_name_of_its_speaker(entry):
    cue = written(".srt", entry, with_source=True)
    assert cue.count("-->") == 1
    assert "\nDesk -> Hall: " in cue


def test_a_subtitle_cannot_be_broken_by_what_is_told_of_a_gap():
    assert written(".srt", replace(UNPLUGGED, reason="Desk --> Hall")).count("-->") == 1


def test_a_notice_without_a_length_lasts_a_millisecond():
    """A cue without one is invalid."""
    moment = TranscriptGap(3.0, 3.0, "microphone unplugged", "a")
    assert "00:00:03,000 --> 00:00:03,001" in written(".srt", moment)


def test_a_word_that_would_flash_by_stays_into_the_silence_behind_it():
    for end_seconds, until in ((3.4, "03,900"), (3.7, "04,000"), (4.2, "04,200")):
        word = Utterance(index=0, start_seconds=3.0, end_seconds=end_seconds, text="Yes.", source="a")
        assert f"00:00:03,000 --> 00:00:{until}" in written(".srt", word)


def test_cue_times_round_to_the_nearest_millisecond_across_a_full_hour():
    late = Utterance(index=0, start_seconds=3599.9996, end_seconds=3601.2345, text="Yes.", source="a")
    assert "01:00:00.000 --> 01:00:01.234" in written(".vtt", late)


def test_jsonl_holds_exactly_the_documented_keys():
    utterance, gap = (json.loads(line) for line in written(".jsonl", GREETING, UNPLUGGED).splitlines())
    assert utterance == {
        "type": "utterance",
        "index": 0,
        "start": 62.5,
        "end": 64.0,
        "text": "Good morning.",
        "source": "USB Microphone",
    }
    assert gap == {
        "type": "gap",
        "start": 70.0,
        "end": 72.5,
        "reason": "microphone unplugged",
        "source": "USB Microphone",
    }


def test_jsonl_says_how_sure_the_model_is_of_the_utterance_and_of_each_word():
    line = json.loads(written(".jsonl", replace(GREETING, confidences=(0.9, 0.41))))
    assert line["confidence"] == 0.66
    assert line["word_confidences"] == [0.9, 0.41]


def test_jsonl_says_where_the_model_repeated_itself():
    assert json.loads(written(".jsonl", replace(GREETING, flag="loop")))["flag"] == "loop"


def test_jsonl_rounds_times_to_milliseconds_and_keeps_letters_readable():
    line = written(".jsonl", Utterance(index=7, start_seconds=1 / 3, end_seconds=2 / 3, text="Grüße", source="a"))
    assert '"start": 0.333, "end": 0.667, "text": "Grüße"' in line


@pytest.mark.parametrize(
    ("earlier", "index"),
    [
        ("", 0),
        ('{"type": "utterance", "index": 0}\n{"type": "gap"}\n', 1),
        ('{"type": "utterance", "index": 41}\n{"type": "utterance", "ind', 42),
        ('3\n"text"\n[1]\n{"index": "seven"}\nnot json\n', 0),
        ("[" * 200_000 + '\n{"index": 6}\n', 7),
    ],
)
def test_jsonl_continues_to_count_after_the_last_index_it_finds(earlier, index):
    assert FORMATS[".jsonl"].next_index(earlier) == index


@pytest.mark.parametrize("extension", [".txt", ".md"])
def test_where_a_session_begins_in_a_file_of_several_is_found(extension):
    known = FORMATS[extension]
    assert known.any_seam
    assert known.any_seam.fullmatch(known.seam(STARTED).encode())


@pytest.mark.parametrize("extension", list(FORMATS))
def test_no_format_passes_an_escape_sequence_on(extension):
    gap = TranscriptGap(start_seconds=0.0, end_seconds=1.0, reason="\x1b[2Jgone", source="\x1b[2Ja")
    file = written(extension, saying("\x1b[2Jtext", source="\x1b[2Ja"), gap, with_source=True)
    assert "\x1b" not in file
    assert "\\u001b" not in file
