"""Settings stick: a file below the environment below the flags, and a wrong file says where it is wrong."""

import json
import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from live_canary.cli.app import app, live
from live_canary.commands import config_file
from live_canary.errors import InputError, LiveCanaryError
from live_canary.settings import Settings

KEYS = config_file.keys_of(live)


@pytest.fixture
def file(tmp_path, monkeypatch) -> Path:
    """Where config.toml is looked for; nothing is there yet."""
    for key in KEYS:
        monkeypatch.delenv(f"LIVE_CANARY_{key.upper()}", raising=False)
    monkeypatch.setenv("LIVE_CANARY_CONFIG", str(tmp_path / "config.toml"))
    return tmp_path / "config.toml"


@pytest.fixture
def started(monkeypatch) -> list[Settings]:
    """What sessions were started with, instead of starting them."""
    begun: list[Settings] = []
    monkeypatch.setattr("live_canary.commands.listen.open_inputs", lambda **_: [])
    monkeypatch.setattr("live_canary.commands.listen.run", lambda settings, _: begun.append(settings) or 0)
    monkeypatch.setattr("live_canary.commands.transcribe.run", lambda settings, *_, **__: begun.append(settings) or 0)
    return begun


def set_up(file: Path, toml: str, monkeypatch, variables: dict[str, str]) -> None:
    """variables: by their names behind LIVE_CANARY_."""
    file.write_text(toml)
    for name, value in variables.items():
        monkeypatch.setenv(f"LIVE_CANARY_{name}", value)


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_the_file_counts_less_than_the_environment_and_that_less_than_a_flag(file, started, monkeypatch):
    file.write_text('model = "from-file"\nvad = "webrtc"\nmic_name = "Ana"\n')
    monkeypatch.setenv("LIVE_CANARY_MODEL", "from-environment")
    monkeypatch.setenv("LIVE_CANARY_VAD", "silero")
    run("--model", "from-flag")
    [settings] = started
    assert (settings.model, settings.vad, settings.microphone_name) == ("from-flag", "silero", "Ana")


def test_transcribe_follows_the_same_settings(file, started):
    file.write_text('model = "demo"\nmin_silence_ms = 900\n')
    run("transcribe", "talk.wav")
    assert (started[0].model, started[0].segmenter.min_silence_ms) == ("demo", 900)


OF_EVERY_COMMAND = """
compute_device = "cpu"
compute = "int8"
threads = 3
vad = "webrtc"
vad_threshold = 0.4
pre_roll_ms = 1500
max_utterance_s = 20
offline = true
overwrite = true
plain = true
"""
OF_A_SESSION = """
system = true
device = "USB"
follow_default = true
paused = true
system_name = "Ben"
light = true
type = true
clipboard = true
voice_commands = true
"""


def test_no_setting_is_lost_on_the_way_to_what_it_is_for(file, started, monkeypatch):
    file.write_text(OF_EVERY_COMMAND + OF_A_SESSION)
    for arguments in ([], ["transcribe", "talk.wav"]):
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        run(*arguments)
        assert os.environ["HF_HUB_OFFLINE"] == "1"
    for one in started:
        assert (one.compute_device, one.compute, one.threads, one.vad) == ("cpu", "int8", 3, "webrtc")
        segmenter = one.segmenter
        assert (segmenter.on_threshold, segmenter.pre_roll_ms, segmenter.max_utterance_s) == (0.4, 1500, 20.0)
        assert (one.overwrite, one.plain) == (True, True)
    session = started[0]
    assert (session.device, session.system_name) == ("USB", "Ben")
    assert all((session.system, session.follow_default, session.paused, session.light))
    assert all((session.type, session.clipboard, session.voice_commands))


def test_names_are_spelled_as_the_file_or_a_flag_says(file, started):
    file.write_text('spelling = [\n    "Canary-Qwen",\n    "jon = John",\n]\n')
    run("--replay", "talk.wav")
    run("transcribe", "talk.wav")
    run("transcribe", "talk.wav", "--spelling", "Qwen", "--spelling", "ana = Anna")
    assert [one.spelling for one in started] == [("Canary-Qwen", "jon = John")] * 2 + [("Qwen", "ana = Anna")]


def test_a_name_is_no_path(file, started, monkeypatch):
    file.write_text('spelling = ["our page = //example.com/", "~ana = ~/ana"]\n')
    run("--replay", "talk.wav")
    monkeypatch.setenv("LIVE_CANARY_SPELLING", f"our page = //example.com/{os.pathsep}~ana = ~/ana")
    run("--replay", "talk.wav")
    assert [one.spelling for one in started] == [("our page = //example.com/", "~ana = ~/ana")] * 2


@pytest.mark.parametrize("command", ["bench engine", "--compute-device cpu bench engine", "bench engine --device cpu"])
def test_the_benchmark_of_the_engine_computes_where_a_session_would(file, monkeypatch, command):
    file.write_text("" if "cpu" in command else 'compute_device = "cpu"\n')
    asked = []
    monkeypatch.setattr("live_canary.commands.bench_engine.run", lambda model, **what: asked.append(what) or 0)
    run(*command.split())
    assert asked[0]["device"] == "cpu"


def test_the_live_benchmark_hears_and_computes_as_a_session_would(file, monkeypatch):
    file.write_text('mode = "meeting"\ncompute = "int8"\nthreads = 3\n')
    asked: list[Settings] = []
    monkeypatch.setattr("live_canary.commands.bench_live.run", lambda settings, *_, **__: asked.append(settings) or 0)
    run("bench", "live", "talk.wav")
    [settings] = asked
    assert (settings.segmenter.min_silence_ms, settings.compute, settings.threads) == (1000, "int8", 3)


def test_the_name_of_a_model_to_download_is_not_the_one_to_transcribe_with(file, monkeypatch):
    file.write_text('model = "demo"\n')
    asked: list[str] = []
    monkeypatch.setattr("live_canary.commands.download.run", lambda model, *_, **__: asked.append(model) or 0)
    run("download")
    assert asked == ["nvidia/canary-qwen-2.5b"]


def test_a_profile_counts_more_than_the_rest_of_the_file(file, started):
    file.write_text('mode = "dictation"\nvad = "webrtc"\n[profile.meeting]\nmode = "meeting"\nsystem = true\n')
    run("--profile", "meeting")
    run()
    meeting, other = started
    assert (meeting.system, meeting.vad, meeting.segmenter.min_silence_ms) == (True, "webrtc", 1000)
    assert (other.system, other.segmenter.min_silence_ms) == (False, 600)


def test_a_profile_may_be_chosen_by_a_variable_that_counts_less_than_the_flag(file, started, monkeypatch):
    file.write_text('mic_name = "Ana"\n[profile.a]\nmic_name = "Bo"\n[profile.b]\nmic_name = "Cy"\n')
    monkeypatch.setenv("LIVE_CANARY_PROFILE", "a")
    run()
    run("--profile", "b")
    monkeypatch.setenv("LIVE_CANARY_PROFILE", "")
    run()
    assert [settings.microphone_name for settings in started] == ["Bo", "Cy", "Ana"]


@pytest.mark.parametrize(
    ("toml", "arguments", "variables", "pause_ms"),
    [
        ("min_silence_ms = 800", "--mode meeting", {}, 1000),
        ("min_silence_ms = 800", "transcribe a.wav --mode meeting", {}, 1000),
        ("min_silence_ms = 800", "--mode meeting transcribe a.wav", {}, 1000),
        ("min_silence_ms = 800", "--min-silence-ms 900 --mode meeting transcribe a.wav", {}, 900),
        ("min_silence_ms = 800", "--mode meeting --min-silence-ms 900", {}, 900),
        ("min_silence_ms = 800", "--min-silence-ms 900 transcribe a.wav --mode meeting", {}, 900),
        ("min_silence_ms = 800", "", {"MODE": "meeting"}, 1000),
        ("min_silence_ms = 800\nmode = 'meeting'", "", {}, 800),
        ("min_silence_ms = 800\n[profile.call]\nmode = 'meeting'", "--profile call", {}, 1000),
        ("mode = 'meeting'\n[profile.call]\nmin_silence_ms = 800", "--profile call", {}, 800),
        ("mode = 'meeting'", "", {"MIN_SILENCE_MS": "700"}, 700),
    ],
)
def test_a_mode_counts_more_than_a_pause_that_is_set_below_it(
    file, started, monkeypatch, toml, arguments, variables, pause_ms
):
    set_up(file, toml, monkeypatch, variables)
    run(*arguments.split())
    assert started[0].segmenter.min_silence_ms == pause_ms
    if "transcribe" not in arguments:
        assert f"min_silence_ms {pause_ms}" in " ".join(run(*arguments.split(), "config").split())


@pytest.mark.parametrize(
    ("toml", "flags", "variables", "kept"),
    [
        ("keep_audio = true", ["--no-spool"], {}, (False, False)),
        ("no_spool = true", ["--keep-audio"], {}, (True, True)),
        ("no_spool = true", [], {}, (False, False)),
        ("keep_audio = true", [], {}, (True, True)),
        ("keep_audio = true", [], {"NO_SPOOL": "1"}, (False, False)),
        ("keep_audio = true", [], {"NO_SPOOL": "0"}, (True, True)),
        ("no_spool = true", [], {"KEEP_AUDIO": "1"}, (True, True)),
    ],
)
def test_what_is_said_about_the_sound_counts_more_on_a_higher_level(
    file, started, monkeypatch, toml, flags, variables, kept
):
    set_up(file, toml, monkeypatch, variables)
    run(*flags)
    assert (started[0].spool, started[0].keep_audio) == kept


def test_sound_that_is_not_kept_cannot_stay(file):
    file.write_text("keep_audio = true\nno_spool = true\n")
    said = r"keep_audio \(config\.toml, line 1\) needs the sound that no_spool \(config\.toml, line 2\) does not keep"
    for arguments in ([], ["config"]):
        with pytest.raises(InputError, match=said):
            run(*arguments)
        with pytest.raises(InputError, match="--keep-audio needs the sound that --no-spool does not keep; give one"):
            run("--keep-audio", "--no-spool", *arguments)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--vad foo --threads 2", "There is no voice detector 'foo'; choose silero, webrtc"),
        ("--min-silence-ms 10", "The minimum silence of 10 ms cannot be used"),
        ("--mode opera", "There is no mode 'opera'; choose"),
        ("--compute int3", "There is no form of computing 'int3'"),
        ("--speed fast", "A speed of 'fast' cannot be used"),
        ("-o talk.docx", "must end in one of"),
        ("--jsonl talk", "--jsonl writes to stdout: give -, or --output talk.jsonl for"),
        ("--jsonl talk.jsonl", "--jsonl writes to stdout: give -, or --output talk.jsonl for"),
        ("--partials", "--partials belongs to --jsonl -"),
        ("--replay talk.wav --paused", "--paused means nothing to --replay"),
    ],
)
def test_flags_that_no_session_takes_are_not_shown_as_in_force(file, flags, said):
    with pytest.raises(InputError, match=said):
        run(*flags.split(), "config")
    assert run("--threads", "2", "--vad", "webrtc", "config")


def test_partials_in_the_file_are_for_json_lines(file, started):
    file.write_text("partials = true\n")
    run()
    run("--jsonl", "-")
    assert [settings.partials for settings in started] == [False, True]


@pytest.mark.parametrize(
    ("toml", "flags", "variables", "printed"),
    [
        ('jsonl = "-"\npartials = true', "--plain", {}, (False, False)),
        ('jsonl = "-"', "", {"PLAIN": "1"}, (False, False)),
        ('jsonl = "-"\n[profile.call]\nplain = true', "--profile call", {}, (False, False)),
        ('jsonl = "-"\npartials = true', "", {"PLAIN": "0"}, (True, True)),
        ('jsonl = "-"', "--partials", {}, (True, True)),
        ('plain = true\njsonl = "-"', "", {}, (True, False)),
        ("plain = true\npartials = true", "--jsonl -", {}, (True, True)),
        ("partials = true", "--plain --jsonl -", {}, (True, False)),
        ("", "--plain --jsonl - --partials", {}, (True, True)),
    ],
)
def test_plain_lines_count_more_than_json_lines_that_are_set_below_them(
    file, started, monkeypatch, toml, flags, variables, printed
):
    set_up(file, toml, monkeypatch, variables)
    run(*flags.split())
    assert (started[0].json_lines, started[0].partials) == printed
    shown = [" ".join(line.split()) for line in run(*flags.split(), "config").splitlines()]
    assert any(line.startswith("jsonl -") for line in shown) == printed[0]


@pytest.mark.parametrize(
    ("toml", "variables", "flags", "plain"),
    [
        ("", {}, "", False),
        ("plain = true", {}, "", True),
        ("", {"PLAIN": "1"}, "", True),
        ("plain = true", {"PLAIN": "0"}, "", False),
        ("", {}, "--plain", True),
    ],
)
def test_transcribe_and_download_show_no_progress_where_lines_are_asked_for(
    file, started, monkeypatch, toml, variables, flags, plain
):
    asked = []
    monkeypatch.setattr("live_canary.commands.download.run", lambda *_, plain: asked.append(plain) or 0)
    set_up(file, toml, monkeypatch, variables)
    run(*flags.split(), "transcribe", "a.wav")
    run("transcribe", "a.wav", *flags.split())
    run(*flags.split(), "download")
    assert [one.plain for one in started] + asked == [plain] * 3


def test_a_profile_keeps_a_session_out_of_all_files(file, started, monkeypatch):
    file.write_text('output = ["a.md"]\nspelling = ["Qwen"]\n[profile.unwritten]\noutput = []\nspelling = []\n')
    monkeypatch.setenv("LIVE_CANARY_OUTPUT", "")
    run()
    run("--profile", "unwritten")
    assert [(one.outputs, one.spelling) for one in started] == [((Path("a.md"),), ("Qwen",)), ((), ())]


def test_numbers_lists_and_switches_may_come_from_the_environment(file, started, monkeypatch):
    monkeypatch.setenv("LIVE_CANARY_MIN_SILENCE_MS", "750")
    monkeypatch.setenv("LIVE_CANARY_OUTPUT", "a.txt:b.md")
    monkeypatch.setenv("LIVE_CANARY_SYSTEM", "yes")
    run()
    [settings] = started
    assert settings.segmenter.min_silence_ms == 750
    assert settings.outputs == (Path("a.txt"), Path("b.md"))
    assert settings.system


@pytest.mark.parametrize(("text", "system"), [("Yes", True), ("TRUE", True), ("Off", False), ("", True)])
def test_a_switch_in_the_environment_may_be_written_in_capitals_and_an_empty_one_sets_nothing(
    file, started, monkeypatch, text, system
):
    file.write_text("system = true\n")
    monkeypatch.setenv("LIVE_CANARY_SYSTEM", text)
    run()
    assert started[0].system == system


def test_a_switch_in_the_environment_that_is_neither_on_nor_off_is_refused(file, monkeypatch):
    monkeypatch.setenv("LIVE_CANARY_KEEP_AUDIO", "never")
    with pytest.raises(InputError, match="LIVE_CANARY_KEEP_AUDIO must be true or false, not 'never'"):
        config_file.in_force(KEYS)


def test_a_home_folder_may_be_written_as_a_tilde_and_one_that_is_not_there_stays_as_it_is(file, started):
    file.write_text("output = ['~/a.md', '~no-such-user/b.md']\n")
    run()
    assert started[0].outputs == (Path.home() / "a.md", Path("~no-such-user/b.md"))


def test_a_file_may_be_named_after_when_its_session_begins(file, started):
    file.write_text("[profile.meeting]\noutput = ['{date}/{time}.md', '{date}-{time}-{name}.srt']\n")
    run("--profile", "meeting")
    first, second = map(str, started[0].outputs)
    date, time = re.fullmatch(r"(\d{4}-\d\d-\d\d)/(\d{6})\.md", first).groups()
    assert second == f"{date}-{time}-{{name}}.srt"


@pytest.mark.parametrize(("written", "meant"), [("{data}.md", "{date}"), ("{Time}-talk.md", "{time}")])
def test_a_misspelt_placeholder_is_refused_instead_of_becoming_one_file_for_all_sessions(file, written, meant):
    with pytest.raises(InputError, match=rf"^'{re.escape(written)}' has .* in it: write {meant}\.$"):
        run("--output", written)
    file.write_text(f"output = ['{written}']\n")
    with pytest.raises(InputError, match=rf"line 1.*write {meant}"):
        run()


def test_a_tilde_is_the_home_folder_wherever_no_shell_has_seen_to_it(file, started, monkeypatch):
    run("--output=~/a.md")
    monkeypatch.setenv("LIVE_CANARY_OUTPUT", "~/b.md:c.md")
    run()
    home = Path.home()
    assert [settings.outputs for settings in started] == [(home / "a.md",), (home / "b.md", Path("c.md"))]
    monkeypatch.setenv("LIVE_CANARY_CONFIG", "~/my.toml")
    assert config_file.path() == home / "my.toml"


def test_a_file_from_an_editor_that_marks_its_beginning_is_read(file, started):
    file.write_text('model = "demo"\n', "utf-8-sig")
    run()
    assert started[0].model == "demo"


def test_a_speed_may_be_written_as_a_number(file, started):
    file.write_text("speed = 4\n")
    run()
    assert started[0].speed == 4.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nmodle = 1", r"config\.toml, line 2: there is no setting 'modle' \(did you mean 'mode'\?\);"),
        ("compute-device = 'cpu'", r"line 1: .* 'compute-device' \(did you mean 'compute_device'\?\)"),
        ("xyzzy = 1", r"line 1: there is no setting 'xyzzy'; `live-canary --help` lists them"),
        ("\n\nmin_silence_ms = 'long'", r"line 3: min_silence_ms must be a whole number, not 'long'\."),
        ("mic = 1", r"line 1: mic must be true or false, not 1\."),
        ("min_silence_ms = true", r"line 1: min_silence_ms must be a whole number, not True\."),
        ("output = 'a.txt'", r"line 1: output must be a list of texts in quotes"),
        ("mode = 'meeting'\n[profile.calls]\nmode = 'meeting'\nmic = 'x'", r"line 4: mic must be true or false"),
        ("[profile]\ncalls = 1", r"profile\.calls must be a table"),
        ("mode = \n", r"is not a settings file: Invalid value .*line 1"),
        ("vad_threshold = true", r"line 1: vad_threshold must be a number, not True\."),
        ("model = true", r"line 1: model must be text in quotes, not True\."),
        ("replay = ['a.wav']", r"line 1: there is no setting 'replay'"),
        ("version = true", r"line 1: there is no setting 'version'"),
    ],
)
def test_a_wrong_file_is_refused_with_the_line_and_the_key(file, text, said):
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        config_file.in_force(KEYS)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("vad = 'silero'\n'mic' = 1", 2),
        ("vad = 'silero'\nmic.x = true", 2),
        ("vad = 'silero'\n[mic]\nx = true", 2),
        ("mic = true\n[profile.calls]\nmic = 1", 3),
        ('mic = true\n[profile."calls"]\nmic = 1', 3),
    ],
)
def test_the_line_of_a_wrong_value_is_found_however_its_key_is_written(file, text, line):
    file.write_text(text)
    with pytest.raises(InputError, match=rf"config\.toml, line {line}: mic must be true or false"):
        config_file.in_force(KEYS)


@pytest.mark.parametrize("folder", [r"C:\Users\Ana", r"D:\models"])
def test_a_backslash_that_toml_reads_in_its_own_way_is_told(file, folder):
    file.write_text(f'model = "{folder}"')
    with pytest.raises(InputError, match=r"line 1, .*\. Between \"\" a \\ begins an escape: write C:/notes"):
        config_file.in_force(KEYS)
    file.write_text(f"model = '{folder}'")
    assert config_file.in_force(KEYS).values() == {"model": folder}


def test_a_file_that_is_to_be_edited_says_how_a_path_of_windows_is_written(file):
    assert CliRunner().invoke(app, ["config", "init"]).exit_code == 0
    assert "# A path of Windows: 'C:\\notes\\call.md' or \"C:/notes/call.md\"" in file.read_text("utf-8")


@pytest.mark.parametrize("text", ["# " + "a" * 4095, "# a\n" * 16_385])
def test_a_file_that_is_longer_than_settings_are_is_refused_with_its_length(file, text):
    file.write_text(text)
    with pytest.raises(InputError, match=f"is not a settings file: {len(text)} letters, .* are too much"):
        config_file.in_force(KEYS)


def test_a_folder_in_the_place_of_the_file_is_told_in_a_sentence(file):
    file.mkdir()
    for arguments in ([], ["config", "init"]):
        with pytest.raises(InputError, match=r"config\.toml is a folder, and a file is wanted; let"):
            run(*arguments)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_file_that_is_not_in_utf_8_is_to_be_saved_so(file, encoding):
    file.write_text('mic_name = "José"\n', encoding)
    with pytest.raises(InputError, match=r"config\.toml is not in UTF-8; save it as UTF-8 in your editor"):
        config_file.in_force(KEYS)


@pytest.mark.parametrize("arguments", ["", "config", "config init"])
@pytest.mark.parametrize(("place", "reason"), [("a" * 300, "too long"), ("notes/x", "notes is a file, and a folder")])
def test_a_place_where_no_settings_file_can_be_is_told_in_a_sentence(tmp_path, monkeypatch, arguments, place, reason):
    """Looking whether it is a link raised, and every command ended with a traceback."""
    (tmp_path / "notes").touch()
    monkeypatch.setenv("LIVE_CANARY_CONFIG", str(tmp_path / place))
    with pytest.raises(LiveCanaryError, match=reason):
        run(*arguments.split())


@pytest.mark.skipif(os.name == "nt", reason="Windows has no /dev/null")
def test_a_home_that_is_no_folder_is_one_without_settings(monkeypatch):
    """As accounts of services have, and HOME=/dev/null for programs that are to heed no settings."""
    monkeypatch.setenv("LIVE_CANARY_CONFIG", "/dev/null/.config/live-canary/config.toml")
    assert config_file.from_file(config_file.path(), KEYS, None, lambda *_: None) == {}
    assert "does not exist" in run("config")
    with pytest.raises(LiveCanaryError, match="Not a directory"):
        run("config", "init")


@pytest.mark.parametrize("arguments", ["", "config", "config init"])
@pytest.mark.parametrize("link", ["config.toml", "dotfiles"])
def test_a_link_that_leads_nowhere_is_not_taken_for_no_file(file, tmp_path, started, monkeypatch, arguments, link):
    monkeypatch.setenv("LIVE_CANARY_CONFIG", str(file if link == "config.toml" else tmp_path / link / "config.toml"))
    (tmp_path / link).symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=rf"{link} is a link to '.*gone', which is not there; put back"):
        run(*arguments.split())
    assert not started


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("\nvad = 'ears'", r"config\.toml, line 2: vad: There is no voice detector 'ears'; choose silero, webrtc\."),
        ("mode = 'opera'", r"line 1: mode: There is no mode 'opera'; choose dictation or meeting\."),
        ("compute = 'int3'", r"line 1: compute: .*choose auto, fp32, bf16, fp16, int8"),
        ("speed = 0", r"line 1: speed: A speed of '0' cannot be used: give a number from 0\.05 to 1000, or max"),
        ('spelling = ["Qwen", "jon ="]', r"line 1: spelling: The spelling 'jon =' cannot be used: give what is heard"),
        ("\nthreads = 0", r"line 2: threads: 0 threads cannot be used: give a number from 1 to 1024"),
        ("min_silence_ms = 10", r"line 1: min_silence_ms: .* must lie between 550 and 5000 ms"),
        ("vad_threshold = 2", r"line 1: vad_threshold: .* must lie between 0\.05 and 0\.95"),
        ("output = ['a.docx']", r"line 1: output: .* must end in one of \.txt"),
        ("jsonl = 'talk'", r'line 1: jsonl: JSON lines go to stdout: write "-", or output = \["talk\.jsonl"\]'),
        ("jsonl = 'talk.jsonl'", r'line 1: jsonl: JSON lines go to stdout: write "-", or output = \["talk\.jsonl"\]'),
        ("[profile.calls]\nvad = 'ears'", r"line 2: vad: There is no voice detector 'ears'"),
    ],
)
def test_a_value_that_no_session_can_use_is_refused_with_the_line_and_what_would_do(file, text, said):
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        run()


def test_a_variable_that_no_session_can_use_is_refused_by_name(file, monkeypatch):
    monkeypatch.setenv("LIVE_CANARY_COMPUTE_DEVICE", "tpu")
    with pytest.raises(InputError, match=r"LIVE_CANARY_COMPUTE_DEVICE: There is no compute device 'tpu'; choose auto"):
        run()


def test_a_profile_of_a_file_that_is_not_there_is_refused_with_what_makes_one(file):
    with pytest.raises(InputError, match=r"does not exist; `live-canary config init` writes it, and a table \[profile"):
        run("--profile", "meeting")
    file.write_text("mic = true\n")
    with pytest.raises(InputError, match=r"no \[profile\.meeting\]; add that table"):
        run("--profile", "meeting")


def test_a_profile_that_is_not_there_is_refused_with_those_that_are(file):
    file.write_text("[profile.meeting]\nmic = true\n")
    with pytest.raises(InputError, match=r"no \[profile\.meting\] \(did you mean 'meeting'\?\); there is: meeting"):
        config_file.in_force(KEYS, "meting")


def test_a_wrong_variable_is_refused_by_name(file, monkeypatch):
    monkeypatch.setenv("LIVE_CANARY_VAD_THRESHOLD", "high")
    with pytest.raises(InputError, match="LIVE_CANARY_VAD_THRESHOLD must be a number, not 'high'"):
        config_file.in_force(KEYS)


def test_config_shows_each_value_and_where_it_came_from(file, monkeypatch):
    file.write_text('\nmodel = "demo"\n')
    monkeypatch.setenv("LIVE_CANARY_VAD", "webrtc")
    shown = [" ".join(line.split()) for line in run("--mode", "meeting", "config").splitlines()]
    assert "model demo config.toml, line 2" in shown
    assert "vad webrtc LIVE_CANARY_VAD" in shown
    assert "mode meeting --mode" in shown
    assert "compute auto default" in shown
    assert "min_silence_ms 1000 mode meeting" in shown
    assert "mic true default without --system" in shown


@pytest.mark.parametrize("arguments", [[], ["transcribe", "talk.wav"], ["config"]])
def test_a_variable_that_sets_nothing_is_told_once_by_every_command(file, started, monkeypatch, arguments):
    monkeypatch.setenv("LIVE_CANARY_MODLE\x1b[2J", "demo")
    told = "LIVE_CANARY_MODLE is set, but there is no such setting (did you mean 'LIVE_CANARY_MODE'?).\n"
    assert run(*arguments).count(told) == 1


def test_variables_that_are_no_settings_but_mean_something_are_not_doubted(file, started, monkeypatch):
    file.write_text("[profile.meeting]\n")
    for name, value in {"PROFILE": "meeting", "KERNELS": "off", "GPU_KERNELS": "on", "WEIGHT_CACHE": "off"}.items():
        monkeypatch.setenv(f"LIVE_CANARY_{name}", value)
    assert "there is no such setting" not in run()


def test_a_settings_file_that_is_named_but_not_there_is_told(file, started):
    told = (
        f"LIVE_CANARY_CONFIG names {file}, which is not there, or may not be looked at; no settings file is in force.\n"
    )
    assert run().count(told) == 1
    assert told not in run("config")
    assert told not in run("config", "init")
    assert told not in run()  # now it is there


def test_a_settings_file_of_which_nothing_can_be_known_keeps_no_session_from_being_recovered(file, monkeypatch):
    """As in a folder of somebody else; Path.exists raises there up to Python 3.13, and it ended in a traceback."""
    monkeypatch.setenv("LIVE_CANARY_CONFIG", "x" * 300)
    assert f"LIVE_CANARY_CONFIG names {'x' * 300}, which is not there" in run("recover", "--list")


def test_a_pipe_gets_every_setting_on_one_line(file):
    long = "meetings of the whole year " * 9
    file.write_text(f'mic_name = "{long}"\n')
    assert any(long.strip() in line and "config.toml, line 1" in line for line in run("config").splitlines())


def test_config_init_writes_a_file_that_changes_nothing_and_is_right_when_uncommented(file, started):
    assert run("config", "init").strip() == str(file)
    assert not tomllib.loads(file.read_text())
    file.write_text(re.sub(r"(?m)^#(?=[a-z_\[])", "", file.read_text()))
    assert set(config_file.in_force(KEYS).found) == set(KEYS)
    assert set(config_file.in_force(KEYS, "meeting").found) == set(KEYS) - {"min_silence_ms"}  # which its mode says


def test_config_init_never_replaces_a_file(file):
    file.write_text("# mine\n")
    with pytest.raises(InputError, match="exists already"):
        run("config", "init")
    assert file.read_text() == "# mine\n"


def test_config_schema_knows_every_setting_with_its_type_and_nothing_else(file):
    schema = json.loads(run("config", "schema"))
    assert set(schema["properties"]) == {*KEYS, "profile"}
    assert not schema["additionalProperties"]
    assert schema["properties"]["min_silence_ms"]["type"] == "integer"
    assert schema["properties"]["mode"]["default"] == "dictation"
    assert schema["properties"]["mode"]["enum"] == ["dictation", "meeting"]
    within = schema["properties"]["profile"]["additionalProperties"]["properties"]
    assert set(within) == set(KEYS)


NEEDS_NO_SETTINGS = ["config path", "config schema", "config init", "devices", "recover --list", "recover", "--version"]


@pytest.mark.parametrize("arguments", NEEDS_NO_SETTINGS)
@pytest.mark.parametrize("wrong", ["line", "profile", "variable"])
def test_what_helps_to_mend_the_settings_and_what_needs_none_goes_on_where_they_cannot_be_used(
    file, monkeypatch, arguments, wrong
):
    monkeypatch.setattr("live_canary.commands.devices.run", lambda: 0)
    monkeypatch.setattr("live_canary.commands.recover.run", lambda *_, **__: 0)
    monkeypatch.setattr("live_canary.commands.version.line", lambda: "live-canary 0.1.0")
    if wrong == "line":
        file.write_text("modle = 1\n")
    if wrong == "variable":
        monkeypatch.setenv("LIVE_CANARY_VAD", "ears")
    given = ["--profile", "nope"] if wrong == "profile" else []
    if (wrong, arguments) == ("line", "config init"):
        with pytest.raises(InputError, match="exists already"):
            run(*arguments.split())
    else:
        run(*given, *arguments.split())


@pytest.mark.parametrize("arguments", ["", "config", "transcribe a.wav", "bench engine", "bench live a.wav"])
def test_what_follows_the_settings_refuses_wrong_ones(file, started, monkeypatch, arguments):
    file.write_text("modle = 1\n")
    with pytest.raises(InputError, match=r"config\.toml, line 1: there is no setting 'modle'"):
        run(*arguments.split())
    file.unlink()
    monkeypatch.setenv("LIVE_CANARY_PROFILE", "nope")
    with pytest.raises(InputError, match="There is no profile 'nope'"):
        run(*arguments.split())
    assert not started


def test_config_path_says_where_the_file_is_looked_for(file):
    assert run("config", "path").strip() == str(file)


@pytest.mark.skipif(sys.platform != "linux", reason="each system keeps settings in a place of its own")
def test_the_file_is_looked_for_where_the_system_keeps_settings(tmp_path, monkeypatch):
    monkeypatch.delenv("LIVE_CANARY_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert run("config", "path").strip() == str(tmp_path / "live-canary" / "config.toml")


def test_every_setting_has_a_description(file):
    assert all(key.help for key in KEYS.values())
