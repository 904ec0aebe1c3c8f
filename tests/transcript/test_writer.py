import json
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from live_canary.errors import OutputError
from live_canary.transcript.places import check_output
from live_canary.transcript.utterance import Revision, TranscriptGap, Utterance
from live_canary.transcript.writer import TranscriptFile
from tests.transcript.cues import AT_LENGTH, shown

STARTED = datetime(2026, 3, 4, 9, 30)


def saying(text: str, index: int = 0) -> Utterance:
    return Utterance(index=index, start_seconds=index * 2.0, end_seconds=index * 2.0 + 1, text=text, source="a")


def write(path: Path, *texts: str, overwrite: bool = False) -> None:
    with closing(TranscriptFile(path, overwrite=overwrite, started=STARTED)) as file:
        for index, text in enumerate(texts):
            file.write(saying(text, index))


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """A full disk: the system cuts the write that goes beyond `size` bytes and refuses the next."""
    import resource  # which Windows lacks

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_an_utterance_is_in_the_file_before_the_next_one_is_spoken(tmp_path):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        file.write(saying("First."))
        assert path.read_text() == "First.\n"
        file.write(TranscriptGap(start_seconds=1.0, end_seconds=2.0, reason="overflow", source="a"))
        assert path.read_text() == "First.\n[1.0 s not heard: overflow]\n"


def test_on_a_mac_each_line_is_on_the_disk_itself(tmp_path, monkeypatch):
    """There fsync leaves it with the disk, whose own cache a power cut empties."""
    import fcntl  # which Windows lacks

    asked, full_sync = [], 51
    with closing(TranscriptFile(tmp_path / "notes.txt")) as file, monkeypatch.context() as mac:
        mac.setattr(fcntl, "F_FULLFSYNC", full_sync, raising=False)
        mac.setattr(fcntl, "fcntl", lambda descriptor, command: asked.append(command))
        mac.setattr("sys.platform", "darwin")
        file.write(saying("First."))
    assert set(asked) == {full_sync}


def test_an_utterance_is_on_the_disk_before_the_next_one_is_spoken(tmp_path, monkeypatch):
    """Also after a power cut, and with the name of a file that is new."""
    path, synced = tmp_path / "notes.txt", []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append(os.fstat(descriptor)))
    with closing(TranscriptFile(path)) as file:
        assert os.path.samestat(synced[-1], tmp_path.stat())
        for index, size in enumerate([7, 14]):
            file.write(saying("First.", index))
            assert synced[-1].st_size == path.stat().st_size == size


def test_a_new_file_has_its_header_at_once(tmp_path):
    path = tmp_path / "talk.vtt"
    with closing(TranscriptFile(path)):
        assert path.read_text() == "WEBVTT\n\n"


def test_a_later_session_continues_a_text_file_below_its_date(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("My own note")
    write(path, "First.", "Second.")
    assert path.read_text() == "My own note\n\n--- 2026-03-04 09:30 ---\n\nFirst.\nSecond.\n"


def test_a_later_session_continues_a_file_in_another_encoding_and_leaves_that_as_it_is(tmp_path):
    path, note = tmp_path / "notes.txt", "Grüße\n".encode("latin-1")
    path.write_bytes(note)
    write(path, "First.")
    assert path.read_bytes() == note + b"\n--- 2026-03-04 09:30 ---\n\nFirst.\n"


def test_a_later_session_continues_a_markdown_file_with_a_heading(tmp_path):
    path = tmp_path / "notes.md"
    write(path, "First.")
    write(path, "Second.")
    heading = "# Transcript of 2026-03-04 09:30\n\n"
    assert path.read_text() == f"{heading}**00:00:00** First.\n\n\n{heading}**00:00:00** Second.\n\n"


def test_a_session_in_which_nobody_spoke_leaves_an_existing_file_alone(tmp_path):
    path = tmp_path / "notes.md"
    path.write_text("My own note")
    write(path)
    assert path.read_text() == "My own note"


def test_indices_stay_unique_when_a_jsonl_file_is_continued(tmp_path):
    path = tmp_path / "talk.jsonl"
    write(path, "First.", "Second.")
    write(path, "Third.")
    assert [json.loads(line)["index"] for line in path.read_text().splitlines()] == [0, 1, 2]


def test_a_line_cut_short_by_a_crash_does_not_swallow_the_next(tmp_path):
    path = tmp_path / "talk.jsonl"
    write(path, "First.")
    with path.open("a") as file:
        file.write('{"type": "utterance", "ind')
    write(path, "Second.")
    assert json.loads(path.read_text().splitlines()[-1])["text"] == "Second."


@pytest.mark.parametrize("name", ["talk.srt", "talk.vtt"])
def test_subtitles_are_replaced_only_when_asked(tmp_path, name):
    path = tmp_path / name
    write(path, "First.")
    with pytest.raises(OutputError, match="cannot be continued; give another name, or --overwrite"):
        TranscriptFile(path)
    write(path, "Second.", overwrite=True)
    assert "First." not in path.read_text()
    assert "Second." in path.read_text()


def test_an_empty_subtitle_file_is_as_good_as_none(tmp_path):
    path = tmp_path / "talk.srt"
    path.touch()
    write(path, "First.")
    assert path.read_text().startswith("1\n00:00:00,000")


def test_two_sessions_cannot_write_the_same_file(tmp_path):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        file.write(saying("First."))
        with pytest.raises(OutputError, match="already being written by a running session"):
            TranscriptFile(path, overwrite=True)
    assert path.read_text() == "First.\n"


def test_a_full_disk_costs_no_line_and_leaves_no_half_of_one(tmp_path):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        file.write(saying("First."))
        with no_file_longer_than(10):
            with pytest.raises(OutputError, match="1 line is not saved yet"):
                file.write(saying("Second.", 1))
            with pytest.raises(OutputError, match="2 lines are not saved yet"):
                file.write(saying("Third.", 2))
            assert path.read_text() == "First.\n"
        assert file.unsaved == 2
        file.write(saying("Fourth.", 3))
        assert file.unsaved == 0
    assert path.read_text() == "First.\nSecond.\nThird.\nFourth.\n"


def test_a_full_disk_leaves_no_half_of_the_cues_of_an_utterance_and_no_hole_in_their_numbers(tmp_path):
    path = tmp_path / "talk.srt"
    with closing(TranscriptFile(path)) as file:
        file.write(saying("First."))
        begun = path.read_text()
        with no_file_longer_than(len(begun) + 150), pytest.raises(OutputError, match="1 line is not saved yet"):
            file.write(saying(AT_LENGTH, 1))
        assert path.read_text() == begun
        file.write(saying("Third.", 2))
    assert [cue.number for cue in shown(path.read_text())] == [1, 2, 3, 4, 5, 6]


def test_closing_saves_what_an_earlier_write_could_not(tmp_path):
    path = tmp_path / "notes.txt"
    file = TranscriptFile(path)
    with no_file_longer_than(3), pytest.raises(OutputError):
        file.write(saying("First."))
    file.close()
    assert path.read_text() == "First.\n"


def test_closing_on_a_full_disk_says_how_much_is_missing_and_frees_the_file(tmp_path):
    path = tmp_path / "notes.txt"
    file = TranscriptFile(path)
    with no_file_longer_than(3):
        with pytest.raises(OutputError):
            file.write(saying("First."))
        with pytest.raises(OutputError, match=r"notes\.txt' cannot be written: File too large; 1 line is not saved"):
            file.close()
    file.close()
    write(path, "Second.")
    assert path.read_text() == "Second.\n"


def test_an_editor_that_saves_by_renaming_does_not_steal_the_rest_of_the_transcript(tmp_path):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        file.write(saying("First."))
        edited = tmp_path / "notes.txt~"
        edited.write_text("First, corrected")
        edited.rename(path)
        file.write(saying("Second.", 1))
    assert path.read_text() == "First, corrected\nSecond.\n"


def test_a_deleted_file_comes_back_with_the_next_utterance(tmp_path):
    path = tmp_path / "notes.txt"
    with closing(TranscriptFile(path)) as file:
        path.unlink()
        file.write(saying("Second."))
    assert path.read_text() == "Second.\n"


def test_subtitles_that_were_deleted_come_back_with_their_header(tmp_path):
    path = tmp_path / "a.vtt"
    with closing(TranscriptFile(path, started=STARTED)) as file:
        file.write(saying("One.", 0))
        path.unlink()
        file.write(saying("Two.", 1))
    assert path.read_text().startswith("WEBVTT\n\n00:")


@pytest.mark.parametrize("suffix", [".srt", ".md"])
def test_an_editor_that_ends_lines_as_windows_does_puts_no_empty_line_before_the_next_utterance(tmp_path, suffix):
    path = tmp_path / f"talk{suffix}"
    with closing(TranscriptFile(path, started=STARTED)) as file:
        file.write(saying("One.", 0))
        edited = path.read_bytes().replace(b"\n", b"\r\n")
        path.write_bytes(edited)
        file.write(saying("Two.", 1))
    assert path.read_bytes().removeprefix(edited)[:1] in (b"2", b"*")


@pytest.mark.parametrize("suffix", [".vtt", ".md"])
def test_a_file_that_was_emptied_in_place_begins_anew(tmp_path, suffix):
    """As logrotate's copytruncate does, and `: > talk.vtt`."""
    path = tmp_path / f"talk{suffix}"
    with closing(TranscriptFile(path, started=STARTED)) as file:
        begun = path.read_text()
        file.write(saying("Hello."))
        path.write_text("")
        file.write(saying("World.", 1))
    assert path.read_text().startswith(begun)
    assert "World." in path.read_text()


@pytest.mark.parametrize("suffix", [".srt", ".vtt", ".md"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_an_editor_that_trims_the_last_empty_line_leaves_the_next_utterance_by_itself(tmp_path, suffix, end):
    paths = [tmp_path / f"{name}{suffix}" for name in ("trimmed", "as-it-was")]
    for path in paths:
        with closing(TranscriptFile(path, started=STARTED)) as file:
            file.write(saying("Hello."))
            if path == paths[0]:
                path.write_text(path.read_text().rstrip("\n") + end)
            file.write(saying("World.", 1))
            file.amend(0, Revision("Good evening."))
    assert paths[0].read_text() == paths[1].read_text()


def test_an_unknown_suffix_is_refused_with_those_that_are_known(tmp_path):
    with pytest.raises(OutputError, match=r"'.*talk\.docx' must end in one of \.txt, \.md, \.srt, \.vtt, \.jsonl"):
        check_output(tmp_path / "talk.docx")


def test_a_suffix_in_capitals_is_known(tmp_path):
    check_output(tmp_path / "TALK.TXT")


@pytest.mark.parametrize("name", ["call 10:30.md", "aux.md", "NUL.txt"])
def test_windows_refuses_a_name_behind_which_no_file_would_be(name, tmp_path, monkeypatch):
    check_output(tmp_path / name)
    monkeypatch.setattr("sys.platform", "win32")
    with pytest.raises(OutputError, match=f"{name}' is no name for a file on Windows; give one without ':'"):
        check_output(tmp_path / name)
    check_output(tmp_path / "call.md")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_file_in_utf_16_is_not_continued_in_utf_8(encoding, tmp_path):
    """As Windows PowerShell makes one with `live-canary --plain > notes.txt`: every line behind it was unreadable."""
    path = tmp_path / "notes.txt"
    path.write_bytes("\ufeffEarlier.\r\n".encode(encoding))
    with pytest.raises(OutputError, match=r"notes\.txt' is in UTF-16; save it as UTF-8 in an editor, or give another"):
        TranscriptFile(path)
    check_output(path, overwrite=True)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(OutputError, match=r"there is no folder '.*minutes'; create it first"):
        check_output(tmp_path / "minutes" / "talk.txt")


def test_a_folder_is_not_taken_for_a_file(tmp_path):
    (tmp_path / "minutes.md").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        check_output(tmp_path / "minutes.md")


def test_a_file_that_may_not_be_written_is_refused_before_anything_loads(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(OutputError, match="permission denied"):
        check_output(tmp_path / "talk.txt")


def test_a_name_that_is_too_long_is_a_sentence_and_not_a_traceback(tmp_path):
    with pytest.raises(OutputError, match="File name too long"):
        check_output(tmp_path / ("x" * 300 + ".txt"))


def test_checking_changes_nothing(tmp_path):
    check_output(tmp_path / "talk.txt")
    check_output(tmp_path / "talk.srt", overwrite=True)
    assert list(tmp_path.iterdir()) == []
