"""What is corrected stands in every file, whatever others have written there."""

import errno
import json
import os
import stat
from contextlib import closing, nullcontext, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from live_canary import files
from live_canary.errors import OutputError
from live_canary.transcript.formats import FORMATS
from live_canary.transcript.pieces import whole_transcript, with_amendments
from live_canary.transcript.utterance import Revision, Utterance
from live_canary.transcript.writer import TranscriptFile
from tests.transcript.cues import AT_LENGTH, shown
from tests.transcript.test_writer import STARTED, saying, write

TEXTS = ("Yes.", "The bugdet is approved.", "Yes.", "Scratch me.")


@pytest.fixture
def corrected(tmp_path):
    """Writes TEXTS to a file of this name, corrects the second and deletes the last; gives what it says then."""

    def correct(name: str, *, meanwhile=lambda path: None) -> str:
        path = tmp_path / name
        with closing(TranscriptFile(path, started=STARTED)) as file:
            for index, text in enumerate(TEXTS):
                file.write(saying(text, index))
            file.amend(1, Revision("The budget is approved."))
            file.amend(3, Revision(None))
            meanwhile(path)
        return path.read_text()

    return correct


def test_corrections_reach_a_file_whose_line_ends_an_editor_changed(corrected, tmp_path):
    corrected("a.txt", meanwhile=lambda path: path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n")))
    assert (tmp_path / "a.txt").read_bytes() == b"Yes.\r\nThe budget is approved.\r\nYes.\r\n"


def test_a_text_file_grows_while_it_is_live_and_holds_the_corrected_text_in_the_end(corrected):
    during = []
    text = corrected("a.txt", meanwhile=lambda path: during.append(path.read_text()))
    assert during == ["".join(f"{text}\n" for text in TEXTS)]
    assert text == "Yes.\nThe budget is approved.\nYes.\n"


def test_markdown_keeps_its_heading_and_its_times(corrected):
    assert corrected("a.md").split("\n\n") == [
        "# Transcript of 2026-03-04 09:30", "**00:00:00** Yes.", "**00:00:02** The budget is approved.",
        "**00:00:04** Yes.", "",
    ]  # fmt: skip


@pytest.mark.parametrize("extension", [".txt", ".srt", ".vtt"])
def test_a_bookmark_is_no_change_to_a_file_that_shows_none(tmp_path, extension):
    """It was told as one that was lost when the user had moved the file away."""
    path = tmp_path / f"talk{extension}"
    with closing(TranscriptFile(path, started=STARTED)) as file:
        file.write(saying("Budget."))
    path.unlink()
    for revision in (Revision("Budget.", is_bookmarked=True), Revision("Budget.")):
        file.amend(0, revision)
    assert not path.exists()
    assert file.uncorrected == 0


@pytest.mark.parametrize("extension", FORMATS)
def test_a_bookmark_stands_in_a_file_that_shows_such_and_leaves_others_as_they_are(tmp_path, extension):
    path = tmp_path / f"talk{extension}"
    with closing(TranscriptFile(path, started=STARTED)) as file:
        for index, text in enumerate(("Budget.", "Yes.")):
            file.write(saying(text, index))
        written = path.read_text()
        file.amend(1, Revision("Yes.", is_bookmarked=True))
    lines = path.read_text().splitlines()
    assert [line for line in lines if line.startswith("◆ ")] == ["◆ **00:00:02** Yes."] * (extension == ".md")
    if extension == ".jsonl":
        assert json.loads(lines[-1]) == {"type": "amendment", "index": 1, "text": "Yes.", "bookmark": True}
    elif extension != ".md":
        assert path.read_text() == written
    file.amend(1, Revision("Yes."))
    if extension == ".jsonl":
        assert json.loads(path.read_text().splitlines()[-1]) == {"type": "amendment", "index": 1, "text": "Yes."}
    else:
        assert path.read_text() == written


@pytest.mark.parametrize("name", ["a.srt", "a.vtt"])
def test_subtitles_are_what_an_export_would_give(corrected, tmp_path, name):
    write(tmp_path / f"expected{name}", "Yes.", "The budget is approved.", "Yes.")
    assert corrected(name) == (tmp_path / f"expected{name}").read_text()


def test_deleting_in_the_middle_leaves_no_hole_in_the_numbers_of_cues(tmp_path):
    with closing(TranscriptFile(tmp_path / "a.srt")) as file:
        for index, text in enumerate(TEXTS):
            file.write(saying(text, index))
        file.amend(0, Revision(None))
    assert [cue.split("\n")[0] for cue in (tmp_path / "a.srt").read_text().split("\n\n")] == ["1", "2", "3", ""]


@pytest.mark.parametrize("suffix", [".srt", ".vtt"])
def test_a_correction_to_more_or_fewer_cues_moves_the_numbers_of_all_that_follow(tmp_path, suffix):
    """The file is what an export gives, also after one is undone, and after the end of the session."""
    path, heard = tmp_path / f"a{suffix}", [TEXTS[0], TEXTS[1], AT_LENGTH, TEXTS[3]]
    said = [replace(saying(text, index), end_seconds=index * 2.0 + 1.9) for index, text in enumerate(heard)]

    def exported(amendments: dict[int, Revision]) -> str:
        return whole_transcript(FORMATS[suffix], with_amendments(said, amendments), STARTED, with_source=False)

    with closing(TranscriptFile(path, started=STARTED)) as file:
        for utterance in said[:3]:
            file.write(utterance)
        file.amend(0, Revision(AT_LENGTH))
        file.amend(2, Revision("No."))
        file.write(said[3])
        assert path.read_text() == exported({})
    amendments: dict[int, Revision] = {0: Revision(AT_LENGTH), 2: Revision("No.")}
    assert path.read_text() == exported(amendments)
    for index, text in (3, AT_LENGTH), (0, None), (0, "Yes."), (2, AT_LENGTH), (1, None):
        file.amend(index, Revision(text))
        amendments[index] = Revision(text)
        assert path.read_text() == exported(amendments)


def test_subtitles_that_others_have_written_into_keep_that_when_an_utterance_gets_more_cues(tmp_path):
    path = tmp_path / "a.srt"
    with closing(TranscriptFile(path, started=STARTED)) as file:
        file.write(saying("Yes.", 0))
        file.write(saying(AT_LENGTH, 1))
        path.write_text("0\n00:00:00,000 --> 00:00:00,001\nMy title\n\n" + path.read_text())
        file.amend(0, Revision(AT_LENGTH))
        file.amend(1, Revision("No."))
    title, *others = shown(path.read_text())
    assert title.text == "My title"
    assert [cue.number for cue in others] == [1, 2, 3, 4, 5]
    assert " ".join(cue.text for cue in others) == f"{AT_LENGTH} No."


def test_jsonl_gets_a_record_at_once_and_is_never_rewritten(tmp_path):
    path = tmp_path / "a.jsonl"
    write(path, "Earlier.")
    with closing(TranscriptFile(path)) as file:
        file.write(saying("Bugdet."))
        file.amend(0, Revision("Budget."))
        file.amend(0, Revision(None))
        lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["text"] for line in lines[:2]] == ["Earlier.", "Bugdet."]
    assert lines[2:] == [
        {"type": "amendment", "index": 1, "text": "Budget."},
        {"type": "amendment", "index": 1, "text": None},
    ]


def test_an_earlier_session_in_the_same_file_stays_as_it_is(corrected, tmp_path):
    write(tmp_path / "a.txt", *TEXTS)
    assert corrected("a.txt").split("\n--- 2026-03-04 09:30 ---\n\n") == [
        "".join(f"{text}\n" for text in TEXTS),
        "Yes.\nThe budget is approved.\nYes.\n",
    ]


def test_what_others_wrote_into_the_file_stays(corrected):
    def edit(path):
        path.write_text("My title\n" + path.read_text().replace("Yes.\nScr", "Yes.\nA remark\nScr"))

    assert corrected("a.txt", meanwhile=edit) == "My title\nYes.\nThe budget is approved.\nYes.\nA remark\n"


@pytest.mark.parametrize("remark", ["A remark", "They say: Yes."])
def test_a_deleted_line_goes_although_others_wrote_something_before_it(tmp_path, remark):
    """What was left stood in the file all in one piece, so that the file was taken to be in order already."""
    path = tmp_path / "a.txt"
    with closing(TranscriptFile(path)) as file:
        file.write(saying("No.", 0))
        path.write_text(f"No.\n{remark}\n")
        file.write(saying("Yes.", 1))
        file.amend(1, Revision(None))
    assert path.read_text() == f"No.\n{remark}\n"


@pytest.mark.parametrize("suffix", [".txt", ".md", ".vtt"])
@pytest.mark.parametrize("heading", ["as it was", "another"])
def test_the_first_line_goes_although_others_wrote_something_below_it(tmp_path, suffix, heading):
    """It stayed, without a word, while all those behind it were found."""
    path = tmp_path / f"talk{suffix}"
    with closing(TranscriptFile(path, started=STARTED)) as file:
        header = path.read_text()
        file.write(saying("This is private."))
        path.write_text(path.read_text() + "A note.\n\n")
        file.write(saying("Two.", 1))
        file.write(saying("Three.", 2))
        file.amend(0, Revision(None))
        if heading == "another" and header:
            path.write_text(path.read_text().replace(header.rstrip(), header.rstrip() + " and more"))
    assert "private" not in path.read_text()
    assert "A note." in path.read_text()


def test_a_correction_never_goes_into_an_earlier_session_of_the_file(tmp_path):
    """Where others had changed the first line, the next was looked for from the beginning of the file."""
    path = tmp_path / "a.txt"
    write(path, *TEXTS)
    earlier = path.read_text()
    with closing(TranscriptFile(path, started=STARTED)) as file:
        for index, text in enumerate(TEXTS):
            file.write(saying(text, index))
        file.amend(1, Revision("The budget is approved."))
        path.write_text(earlier + path.read_text().removeprefix(earlier).replace("Yes.", "Aye.", 1))
    assert path.read_text() == (
        f"{earlier}\n--- 2026-03-04 09:30 ---\n\nAye.\nThe budget is approved.\nYes.\nScratch me.\n"
    )


def test_a_correction_never_goes_into_a_session_that_began_in_the_same_minute(tmp_path):
    """Both stand below the same date."""
    path = tmp_path / "a.txt"
    write(path, "A note.")
    write(path, *TEXTS)
    earlier = path.read_text()
    with closing(TranscriptFile(path, started=STARTED)) as file:
        file.write(saying("Yes.", 0))
        file.write(saying("We begin now.", 1))
        file.amend(0, Revision("Yes, it is."))
        path.write_text(earlier + path.read_text().removeprefix(earlier).replace("We begin", "We began"))
    assert path.read_text() == f"{earlier}\n--- 2026-03-04 09:30 ---\n\nYes, it is.\nWe began now.\n"


def test_a_line_that_others_have_corrected_already_is_left_to_them_and_that_is_told(corrected, tmp_path):
    def edit(path):
        path.write_text(path.read_text().replace("The bugdet is approved.", "No."))

    with pytest.raises(OutputError, match="was changed by another program"):
        corrected("a.txt", meanwhile=edit)
    assert (tmp_path / "a.txt").read_text() == "Yes.\nNo.\nYes.\n"


def test_what_others_have_put_before_a_line_keeps_it_from_being_cut_in_the_middle(tmp_path):
    path = tmp_path / "a.txt"
    file = TranscriptFile(path, started=STARTED)
    file.write(saying("Yes.", 0))
    file.write(saying("No.", 1))
    file.amend(0, Revision("Yep."))
    path.write_text("A remark\nOh, Yes.\nNo.\n")
    with pytest.raises(OutputError, match="was changed by another program"):
        file.close()
    assert path.read_text() == "A remark\nOh, Yes.\nNo.\n"


@pytest.mark.parametrize("suffix", [".md", ".srt", ".vtt"])
def test_a_line_with_a_time_is_corrected_also_between_what_others_wrote_and_changed(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    with closing(TranscriptFile(path, started=STARTED)) as file:
        for index, text in enumerate(("Hello, jon.", "Fine with me.", "Then let us begin.")):
            file.write(saying(text, index))
        edited = path.read_text().replace("jon", "John").replace("with me.\n\n", "with me.\n\nTODO ask Ana\n\n")
        path.write_text(edited)
        file.amend(1, Revision("Fine for me."))
    assert path.read_text() == edited.replace("with me", "for me")


def test_a_line_is_told_from_that_of_another_speaker_who_began_in_the_same_second(tmp_path):
    path = tmp_path / "a.md"
    with closing(TranscriptFile(path, with_source=True, started=STARTED)) as file:
        for index, (text, source) in enumerate((("Hi.", "Me"), ("On Friday.", "Them"), ("Good.", "Me"))):
            file.write(Utterance(index, 3.0, 4.0, text, source))
        edited = path.read_text().replace("Hi.", "Hi!").replace("Good.", "Good!")
        path.write_text(edited)
        file.amend(1, Revision("On Monday."))
    assert path.read_text() == edited.replace("Friday", "Monday")


def test_a_line_of_an_earlier_session_with_the_same_time_and_words_stays(tmp_path):
    path = tmp_path / "a.md"
    write(path, "Hello.", "Yes.")
    earlier = path.read_text()
    file = TranscriptFile(path, started=STARTED + timedelta(hours=2))
    for index, text in enumerate(("Hello again.", "Yes.")):
        file.write(saying(text, index))
    ours = path.read_text().removeprefix(earlier)
    path.write_text(earlier + ours.replace("# Transcript", "# Notes").replace("Yes.", "Yes!"))
    file.amend(1, Revision("No."))
    with pytest.raises(OutputError, match="was changed by another program"):
        file.close()
    assert path.read_text().startswith(earlier)


def test_of_lines_without_a_time_what_others_wrote_may_be_the_same_words(tmp_path):
    path, edited = tmp_path / "a.txt", "Hello, John.\nNo!\nNo.\n\nA remark\nThen let us begin.\n"
    with suppress(OutputError), closing(TranscriptFile(path, started=STARTED)) as file:
        for index, text in enumerate(("Hello, jon.", "No.", "Then let us begin.")):
            file.write(saying(text, index))
        path.write_text(edited)
        file.amend(1, Revision("Well."))
    assert path.read_text() == edited


def test_a_file_that_cannot_be_made_anew_stays_whole_and_is_told(tmp_path, monkeypatch):
    def refuse(*arguments):
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a.txt"
    file = TranscriptFile(path)
    file.write(saying("Bugdet."))
    file.amend(0, Revision("Budget."))
    monkeypatch.setattr("live_canary.files.replace", refuse)
    with pytest.raises(OutputError, match="Permission denied; it lacks what was changed last"):
        file.close()
    assert path.read_text() == "Bugdet.\n"
    assert (file.unsaved, file.uncorrected) == (0, 1)


def test_a_file_keeps_its_permissions_and_what_links_to_it(tmp_path):
    path, link = tmp_path / "a.txt", tmp_path / "link.txt"
    write(path, "Earlier.")
    path.chmod(0o640)
    link.symlink_to(path)
    with closing(TranscriptFile(link)) as file:
        file.write(saying("Bugdet."))
        file.amend(0, Revision("Budget."))
    assert link.is_symlink()
    assert path.read_text().endswith("Budget.\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.endswith(".part")] == []


def test_what_a_killed_attempt_left_beside_a_file_goes_with_the_next_one(tmp_path, monkeypatch):
    def killed(place, target):
        raise KeyboardInterrupt

    (path := tmp_path / "a.txt").write_text("earlier")
    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(Path, "replace", killed)
        files.replace(path, b"what takes longer to write")
    assert len(list(tmp_path.iterdir())) == 2
    with monkeypatch.context() as later:
        later.setattr(os, "getpid", lambda: 1)
        files.replace(path, b"whole")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == b"whole"


def test_what_a_file_is_to_hold_is_on_the_disk_before_it_takes_the_place(tmp_path, monkeypatch):
    """A power cut would leave an empty file where the whole transcript was."""
    (path := tmp_path / "a.txt").write_text("earlier")
    synced: list[tuple[int, str]] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: synced.append((os.fstat(descriptor).st_size, path.read_text())))
    files.replace(path, b"whole")
    assert synced == [(5, "earlier")]


@pytest.mark.parametrize("refusals", [2, 10_000])
def test_a_file_that_a_virus_scanner_reads_on_windows_is_asked_for_again(tmp_path, monkeypatch, refusals):
    (path := tmp_path / "a.txt").write_text("earlier")
    replace, left, now = Path.replace, [refusals], [0.0]

    def held(place, target):
        left[0] -= 1
        if left[0] >= 0:
            raise PermissionError(errno.EACCES, "Access is denied", str(target))
        return replace(place, target)

    monkeypatch.setattr(Path, "replace", held)
    with pytest.raises(PermissionError):
        files.replace(path, b"whole")  # elsewhere nothing holds a file up
    left[0] = refusals
    monkeypatch.setattr(files, "_HELD_SECONDS", 1.0)
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.append(now.pop() + seconds))
    with nullcontext() if refusals == 2 else pytest.raises(PermissionError):
        files.replace(path, b"whole")
    assert now == [pytest.approx(0.1 if refusals == 2 else 1.0)]
    assert path.read_bytes() == (b"whole" if refusals == 2 else b"earlier")
    assert list(tmp_path.iterdir()) == [path]


def test_no_link_beside_a_file_leads_what_it_is_to_hold_elsewhere(tmp_path, monkeypatch):
    """In a folder that others may write to, too."""
    (path := tmp_path / "a.txt").write_text("earlier")
    (other := tmp_path / "other.txt").write_text("somebody's")
    unfinished = tmp_path / f".live-canary-{files.short_name(path.name)}.part"
    unfinished.symlink_to(other)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        files.replace(path, b"whole")
    assert (path.read_text(), other.read_text()) == ("earlier", "somebody's")


def test_a_file_whose_name_is_as_long_as_a_name_may_be_is_corrected_too(corrected):
    assert "The budget is approved." in corrected("a" * 251 + ".txt")


@pytest.mark.parametrize(("name", "end"), [("a.txt", "Budget.\n"), ("a.jsonl", '"text": "Budget."}\n')])
def test_a_closed_file_can_still_be_corrected_and_corrected_back(tmp_path, name, end):
    file = TranscriptFile(tmp_path / name)
    file.write(saying("Bugdet."))
    file.close()
    file.amend(0, Revision(None))
    file.amend(0, Revision("Budget."))
    assert (tmp_path / name).read_text().endswith(end)
    file.amend(0, Revision("Bugdet."))
    assert (tmp_path / name).read_text().endswith(end.replace("Budget", "Bugdet"))


@pytest.mark.parametrize("name", ["a.txt", "a.jsonl"])
def test_a_file_that_is_gone_when_the_session_is_over_is_not_made_again_without_its_lines(tmp_path, name):
    path = tmp_path / name
    with closing(TranscriptFile(path, started=STARTED)) as file:
        file.write(saying("The bugdet is approved.", 0))
    path.rename(tmp_path / "kept")
    with pytest.raises(OutputError, match=f"{name}' is not there any more, so it lacks what was changed last"):
        file.amend(0, Revision("The budget is approved."))
    assert not path.exists()
    assert file.uncorrected == 1
