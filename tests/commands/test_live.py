"""What a session leaves on the terminal when it is over."""

import threading
from dataclasses import replace

import pytest

from live_canary.commands import live
from live_canary.errors import CheckpointError, InputError, OutputError
from live_canary.settings import Settings
from live_canary.transcript.places import check_outputs
from tests.faults.sessions import model, recording
from tests.session.fakes import ENDPOINT, ScriptedSource, make_segmenter


@pytest.fixture(autouse=True)
def letters(monkeypatch):
    """The model hears letters, and nothing is done about a terminal that closes."""
    monkeypatch.setattr(live, "load_with", lambda choice, settings: lambda tell: model())
    monkeypatch.setattr(live, "Segmenter", lambda detector, settings: make_segmenter())
    monkeypatch.setattr(live, "finish_when_the_terminal_closes", lambda on_screen: lambda: False)


@pytest.mark.parametrize(("script", "is_told"), [("." * 40, True), ("." * 40 + "ab" + ENDPOINT, False), (".", False)])
def test_a_session_without_words_says_so(script, is_told, tmp_path, capsys):
    """An empty file leaves it open whether the program, the microphone or the recording is to blame."""
    talk, output = recording(tmp_path / "talk.wav", script), tmp_path / "talk.txt"
    assert live.run(Settings(recordings=(talk,), speed=None, plain=True, model="demo", outputs=(output,)), ()) == 0
    told = capsys.readouterr().err.splitlines()
    assert ("No words were heard." in told) == is_told
    assert told[-1] == f"Transcript: {output}"


def test_a_session_without_words_says_so_also_where_it_is_over_before_the_model_is_loaded(
    tmp_path, monkeypatch, capsys
):
    """Hours in which nobody speaks are read in seconds, and nothing of them waits for a model."""
    never = threading.Event()
    monkeypatch.setattr(live, "load_with", lambda choice, settings: lambda tell: never.wait(60))
    talk = recording(tmp_path / "talk.wav", "." * 40)
    assert live.run(Settings(recordings=(talk,), speed=None, plain=True, model="demo"), ()) == 0
    never.set()
    assert "No words were heard." in capsys.readouterr().err.splitlines()


def test_only_what_is_live_begins_with_a_pause_and_needs_a_way_to_end_it(tmp_path, monkeypatch):
    """Windows has no signal for it, but `paused = true` in config.toml is no reason to refuse a replay."""
    monkeypatch.setattr(live, "PAUSING_SIGNALS", ())
    talk = recording(tmp_path / "talk.wav", ".")
    settings = Settings(recordings=(talk,), speed=None, plain=True, model="demo", spool=False, paused=True)
    assert live.run(settings, ()) == 0
    monkeypatch.setattr(live, "sources_of", lambda settings, inputs: [ScriptedSource(".")])
    with pytest.raises(InputError, match="--paused needs the screen here"):
        live.run(replace(settings, recordings=()), ())


@pytest.mark.parametrize("names", [("Notes.md", "notes.md"), ("caf\u00e9.md", "cafe\u0301.md")])
def test_two_outputs_that_a_mac_takes_for_one_are_refused_before_it_is_emptied(names, tmp_path, monkeypatch):
    """The first was emptied, and the second then refused as written by a running session."""
    outputs = tuple(tmp_path / name for name in names)
    check_outputs(outputs, overwrite=True)
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(OutputError, match="given twice as --output"):
        check_outputs(outputs, overwrite=True)


def test_a_model_that_cannot_be_loaded_is_all_that_is_told(tmp_path, monkeypatch, capsys):
    def load(tell):
        raise CheckpointError("The weights are damaged.")

    monkeypatch.setattr(live, "load_with", lambda choice, settings: load)
    talk = recording(tmp_path / "talk.wav", "." * 40 + "ab" + ENDPOINT)
    assert live.run(Settings(recordings=(talk,), speed=None, plain=True, model="demo"), ()) == 1
    assert "No words" not in capsys.readouterr().err


def test_words_that_the_model_failed_on_were_heard_all_the_same(tmp_path, monkeypatch, capsys):
    def fail(samples, draft=None):
        raise RuntimeError("out of memory")

    broken = model()
    monkeypatch.setattr(broken, "transcribe", fail)
    monkeypatch.setattr(live, "load_with", lambda choice, settings: lambda tell: broken)
    talk = recording(tmp_path / "talk.wav", "." * 40 + "ab" + ENDPOINT)
    live.run(Settings(recordings=(talk,), speed=None, plain=True, model="demo", spool=False), ())
    assert "No words" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "told"),
    [
        (".abc" + ENDPOINT + "de" + ENDPOINT, ["Left out as echoes of the other side: 1 line of Me."]),
        (".abc" + ENDPOINT + "....de" + ENDPOINT, ["Left out as echoes of the other side: 2 lines of Me."]),
        ("ef" + ENDPOINT, []),
    ],
)
def test_how_many_lines_were_left_out_as_echoes_is_told_at_the_end(script, told, monkeypatch, capsys):
    played = ScriptedSource("abc" + ENDPOINT + "....de" + ENDPOINT * 2, name="Them")
    monkeypatch.setattr(live, "sources_of", lambda settings, inputs: [ScriptedSource(script, name="Me"), played])
    assert live.run(Settings(plain=True, model="demo", spool=False), ()) == 0
    assert [line for line in capsys.readouterr().err.splitlines() if line.startswith("Left out")] == told
