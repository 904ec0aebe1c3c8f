import json
import sys

import numpy as np
import soundfile as sf

from benchmarks import wer
from benchmarks.wer import Heard, Recording, first_of_each_kind, read_folder, table


def heard(kind, wanted, got, seconds=2.0):
    return Heard(Recording(None, kind, wanted, None), got, seconds, seconds / 10)


def test_errors_are_counted_over_all_words_of_a_kind_after_normalising():
    rows = table(
        [
            heard("read", "MISTER SMITH CAN'T COME", "Mr. Smith can't come."),
            heard("read", "SO HE SAID", "So she said."),
        ]
    ).splitlines()
    assert rows[2].split("|")[1:8] == [" read ", " 2 ", " 0.1 ", " 8 ", " 12.5% ", " 1 of 2 ", " - "]


def test_words_out_of_noise_are_counted_and_have_no_rate():
    row = table([heard("noise", "", "thank you"), heard("noise", "", "")]).splitlines()[2]
    assert row.split("|")[5:8] == [" - ", " - ", " 2 "]


def test_a_folder_is_read_by_its_manifest_or_by_names(tmp_path):
    sf.write(tmp_path / "a.wav", np.zeros(160), 16000)
    sf.write(tmp_path / "b.wav", np.zeros(160), 16000)
    (tmp_path / "a.txt").write_text("One line.\nAnother.\n")
    [found] = read_folder(tmp_path)
    assert (found.path.name, found.text) == ("a.wav", "One line. Another.")
    entries = [
        {"file": "b.wav", "kind": "noise", "transcript": None, "speaker": None},
        {"file": "a.wav", "kind": "meeting", "transcript": None, "speaker": "x"},
    ]
    (tmp_path / "manifest.jsonl").write_text("\n".join(map(json.dumps, entries)))
    [found] = read_folder(tmp_path)
    assert (found.path.name, found.kind, found.text) == ("b.wav", "noise", "")


def test_a_limit_counts_each_kind_for_itself():
    recordings = [Recording(None, kind, "", None) for kind in ("read", "read", "short")]
    assert [r.kind for r in first_of_each_kind(recordings, 1)] == ["read", "short"]


def test_an_absent_folder_is_skipped_in_words(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["wer.py", "--folder", str(tmp_path / "nowhere")])
    wer.main()
    assert "is absent and was skipped" in capsys.readouterr().out


def test_the_bundled_model_invents_nothing_over_silence_and_noise(demo):
    samples = wer.read_samples(wer.ROOT / "assets" / "silence-and-noise.wav")
    assert wer.transcribe(demo, samples) == ""
