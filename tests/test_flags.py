"""What is typed reaches the command that it is for, and what no command can use is refused before it begins."""

import os
from pathlib import Path

import pytest
from typer.testing import CliRunner

from live_canary.cli.app import app
from live_canary.cli.options import parse_speed
from live_canary.errors import InputError
from live_canary.settings import Settings


@pytest.fixture
def asked(monkeypatch) -> list:
    """With what each command was run, instead of running it."""
    calls: list = []
    for name in ("listen", "transcribe", "recover", "download", "doctor", "bench_engine", "bench_live"):
        command = f"live_canary.commands.{name}.run"
        monkeypatch.setattr(command, lambda *given, **named: calls.append((given, named)) or 0)
    monkeypatch.setattr("live_canary.commands.listen.open_inputs", lambda **_: [])
    return calls


def run(command: str) -> None:
    done = CliRunner().invoke(app, command.split(), catch_exceptions=False)
    assert done.exit_code == 0, done.output


def refusal(*arguments: str) -> str:
    with pytest.raises(InputError) as refused:
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    return str(refused.value)


def test_a_session_without_flags_is_as_its_settings_say(asked):
    run("")
    assert asked == [((Settings(), []), {})]


def test_the_usual_device_is_known_as_such_also_where_it_has_to_be_opened_once_more(asked, monkeypatch):
    monkeypatch.setenv("LIVE_CANARY_DEVICE", "USB")
    for command in ("--system", "--system --device USB", "--system doctor", "doctor --system --device USB"):
        run(command)
    assert [given[0].device_is_configured for given, _ in asked] == [True, False, True, False]


def test_all_that_is_said_of_speakers_and_formats_reaches_transcribe(asked):
    run("transcribe a.wav --output-dir texts --format srt --format md --channels Me,Them")
    run("transcribe a.wav b.wav --together")
    (first, how), (second, together) = asked
    assert (first[1:], how) == ((Path("texts"), "srt", "md"), {"channels": ("Me", "Them"), "together": False})
    assert (second[1:], together) == ((None, "txt"), {"channels": (), "together": True})
    assert "'' lacks one" in refusal("transcribe", "a.wav", "--channels", "")


def test_recover_is_told_which_session_and_what_to_do_with_it(asked):
    run("recover 2026-03-01 --model demo --compute-device cpu --compute int8")
    run("recover --list")
    run("recover --discard")
    instead = {"model": "demo", "compute_device": "cpu", "compute": "int8"}
    assert asked == [
        (("2026-03-01", instead), {"only_list": False, "discard": False}),
        ((None, {}), {"only_list": True, "discard": False}),
        ((None, {}), {"only_list": False, "discard": True}),
    ]
    assert "There is no form of computing 'int3'" in refusal("recover", "--compute", "int3")
    assert len(asked) == 3


def test_a_download_is_of_the_model_the_folder_and_the_revision_that_are_named(asked, tmp_path):
    run(f"download somebody/canary --revision main --plain --from {tmp_path}")
    assert asked == [(("somebody/canary", tmp_path, "main"), {"plain": True})]


def test_the_benchmarks_measure_what_is_asked_for(asked):
    run("bench engine --random-weights --threads 2 --audio a.wav --max-new-tokens 7 --runs 3 --json")
    run("bench engine")
    run("bench live a.wav --reference a.txt --plot a.svg --json")
    run("bench live a.wav")
    (_, first), (_, usual), (live, as_json), (_, as_table) = asked
    assert {name: first[name] for name in usual if first[name] != usual[name]} == {
        "random_weights": True, "threads": 2, "audio": Path("a.wav"), "max_new_tokens": 7, "runs": 3, "as_json": True,
    }  # fmt: skip
    assert (usual["max_new_tokens"], usual["runs"], usual["as_json"]) == (24, 5, False)
    assert (live[1:], as_json, as_table) == ((Path("a.txt"), Path("a.svg")), {"as_json": True}, {"as_json": False})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--threads", "0"], "'--threads': Input should be greater than or equal to 1;"),
        (["--threads", "1025"], "'--threads': Input should be less than or equal to 1024;"),
        (["--min-silence-ms", "0"], "The minimum silence of 0 ms cannot be used"),
        (["bench", "engine", "--runs", "0"], "'--runs': Input should be greater than or equal to 1;"),
        (["bench", "engine", "--max-new-tokens", "0"], "'--max-new-tokens': Input should be greater"),
        (["bench", "engine", "--max-new-tokens", "601"], "'--max-new-tokens': Input should be less"),
    ],
)
def test_a_number_that_nothing_can_be_done_with_is_refused(asked, arguments, said):
    assert said in refusal(*arguments)
    assert not asked


def test_what_the_settings_say_of_live_sound_keeps_no_recording_from_being_heard(asked, monkeypatch):
    """Only a flag beside --replay is a mistake."""
    for name in ("SYSTEM", "PAUSED", "KEEP_AUDIO"):
        monkeypatch.setenv(f"LIVE_CANARY_{name}", "on")
    run("--replay a.wav")
    assert asked[0][0][0].recordings == (Path("a.wav"),)
    assert "--system means nothing to --replay" in refusal("--replay", "a.wav", "--system")


def test_a_flag_that_a_command_lacks_is_refused_with_what_lists_those_that_it_has(asked):
    said = refusal("--output", "a.md", "transcribe", "a.wav")
    assert said == "--output means nothing to `transcribe`; `live-canary transcribe --help` lists what does."
    both = "`live-canary bench engine --help` and `live-canary bench live --help` list what does."
    assert refusal("--output", "a.md", "bench", "live", "a.wav") == f"--output means nothing to `bench`; {both}"
    assert "give -, or --output talk.JSONL for a file" in refusal("--jsonl", "talk.JSONL")


def test_the_largest_numbers_that_a_refusal_names_are_taken_themselves(asked):
    run("--threads 1024")
    assert parse_speed("0.05") == 0.05
    assert parse_speed("1000") == 1000
    for speed in ("0.049", "1000.1"):
        with pytest.raises(InputError, match=r"from 0\.05 to 1000"):
            parse_speed(speed)


def test_what_is_doubted_stands_in_no_output(asked, monkeypatch):
    """`live-canary --jsonl - | program` reads stdout."""
    monkeypatch.setenv("LIVE_CANARY_MODLE", "demo")
    done = CliRunner().invoke(app, ["transcribe", "a.wav"], catch_exceptions=False)
    assert (done.stdout, "LIVE_CANARY_MODLE is set" in done.stderr) == ("", True)


@pytest.mark.parametrize("given", [["transcribe", "a.wav"], ["bench", "live", "a.wav"]])
def test_offline_before_a_command_counts_for_it(asked, monkeypatch, given):
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    CliRunner().invoke(app, ["--offline", *given], catch_exceptions=False)
    assert len(asked) == 1
    assert os.environ["HF_HUB_OFFLINE"] == "1"


def test_installing_what_tab_completes_hears_nothing(monkeypatch):
    heard = []
    monkeypatch.setattr("live_canary.commands.listen.open_inputs", lambda **what: heard.append(what) or [])
    monkeypatch.setattr("typer.completion.install", lambda **_: ("bash", Path("completion")))
    done = CliRunner().invoke(app, ["--install-completion"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "completion" in done.output
    assert heard == []
