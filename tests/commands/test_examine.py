"""What the doctor looks at is what the settings name, and each thing that it finds wrong has its own words."""

import errno
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from live_canary import files
from live_canary.audio.soundsystem import Input
from live_canary.commands import checks, dictation_checks, doctor
from live_canary.commands.checks import Finding
from live_canary.errors import CheckpointError, InputError
from live_canary.model import hub as found
from live_canary.settings import Settings
from tests.commands.machine import MICROPHONE, PLAYED, DiskUsage, OneSound
from tests.commands.test_doctor import BAD, GOOD
from tests.conftest import TINY


@pytest.fixture
def looked_at(monkeypatch) -> dict[str, tuple]:
    """With what each check was asked, instead of looking."""
    asked: dict[str, tuple] = {}

    def check(name: str, module=checks):
        def look(*given, **named):
            asked[name] = (*given, named)
            return iter([Finding(name, "ok", "fine")])

        monkeypatch.setattr(module, name, look)

    for name in ("programs", "sound", "model", "folders", "transcription"):
        check(name)
    for name in ("typing", "clipboard", "processors"):
        check(name, doctor)
    return asked


EVERYTHING = ["programs", "sound", "model", "folders", "typing", "clipboard", "processors", "transcription"]


def test_what_a_session_would_hear_and_compute_with_is_looked_at(looked_at):
    settings = Settings(
        microphone=False, system=True, device="USB", device_is_configured=True,
        model="somebody/canary", compute_device="cpu", compute="int8", threads=3,
    )  # fmt: skip
    assert [one.topic for one in doctor.examine(settings)] == EVERYTHING
    assert looked_at["sound"] == ("USB", {"mic": False, "system": True, "configured": True})
    assert looked_at["model"] == ("somebody/canary", {})
    assert looked_at["processors"] == (3, {})
    assert looked_at["transcription"] == ("somebody/canary", "cpu", "int8", 3, {})


def test_without_torch_nothing_is_computed(looked_at, monkeypatch):
    monkeypatch.setattr(checks, "programs", lambda: iter([GOOD, BAD]))
    topics = [one.topic for one in doctor.examine(Settings(), InputError("no"))]
    assert topics == ["settings", GOOD.topic, BAD.topic, *EVERYTHING[1:-2]]


def test_a_report_does_not_tell_the_home_folder_and_keeps_each_finding_on_its_lines(monkeypatch, capsys):
    home, long = Path.home(), "a long story " * 20
    one = Finding("state", "warn", f"{home / 'state'} is full: {long}", f"look into {home / 'state'}, {long}")
    monkeypatch.setattr(doctor, "examine", lambda *_: iter([one]))
    assert doctor.run(Settings(), as_json=False) == 0
    _, second, *_ = printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"warn  state          {Path('~') / 'state'} is full: {long.strip()}"
    assert second == f"{'':21}-> look into {Path('~') / 'state'}, {long.strip()}"
    assert doctor.run(Settings(), as_json=True) == 0
    assert str(home) not in json.loads(capsys.readouterr().out)["findings"][0]["text"]


@pytest.mark.parametrize("error", [ImportError, OSError])
def test_a_torch_that_cannot_be_loaded_is_told_with_what_installs_it(monkeypatch, error):
    class Broken:
        def find_spec(self, name, path=None, target=None):
            if name == "torch":
                raise error("libtorch.so: cannot open shared object file")

    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(sys, "meta_path", [Broken(), *sys.meta_path])
    _, finding = checks.programs()
    assert (finding.topic, finding.state) == ("torch", "fail")
    assert finding.text == "torch cannot be loaded: libtorch.so: cannot open shared object file"
    assert "pip install" in finding.next_step


@pytest.fixture
def inputs(monkeypatch):
    """What can be heard; how loud it is, no microphone tells."""

    def are(*there: Input) -> None:
        monkeypatch.setattr(checks, "list_inputs", lambda: list(there))

    monkeypatch.setattr(checks, "sound_system", OneSound)
    monkeypatch.setattr(checks, "level", lambda chosen, system: Finding("level", "ok", chosen.name))
    return are


@pytest.mark.parametrize("running", [True, False])
def test_it_is_told_through_what_is_heard_and_how_loud(inputs, monkeypatch, running):
    inputs(MICROPHONE, PLAYED)
    monkeypatch.setattr(checks, "is_running", lambda: running)
    through = "PulseAudio or PipeWire" if running else "PortAudio"
    assert list(checks.sound()) == [
        Finding("microphone", "ok", f"1 through {through}; Yeti"),
        Finding("level", "ok", "Yeti"),
        Finding("system sound", "ok", "1 outputs can be heard with --system"),
    ]


def test_the_usual_microphone_is_no_output_that_is_missing(inputs):
    """It is in config.toml, and --system alone on the command line."""
    inputs(MICROPHONE, PLAYED)
    usual = checks.sound("Yeti", mic=False, system=True, configured=True)
    assert [one.state for one in usual] == ["ok", "ok", "ok"]
    named = checks.sound("Yeti", mic=False, system=True)
    assert [one.state for one in named] == ["ok", "ok", "fail"]


@pytest.mark.parametrize(("heard", "state"), [({"system": True}, "fail"), ({}, "warn")])
def test_only_who_hears_the_computer_needs_an_output_and_is_told_how_to_have_one(inputs, heard, state):
    inputs(MICROPHONE)
    *_, last = checks.sound(**heard)
    assert (last.topic, last.state) == ("system sound", state)
    assert last.next_step.startswith("only --system needs it: ")
    assert not last.next_step.endswith((".", ": "))


def test_the_loudest_of_a_second_counts_whichever_way_it_swings():
    blocks = [np.full((480, 1), peak, np.float32) for peak in (0.01, -0.1, 0.001)]
    waited: list[float] = []
    system = OneSound(*blocks, np.zeros((0, 1), np.float32))
    assert checks.level(MICROPHONE, system, waited.append).text.startswith("20 dB below full scale")
    assert waited == [1.0]


def test_the_demonstration_model_is_no_folder_and_what_is_missing_is_the_real_one(cache, home, tmp_path, monkeypatch):
    (tmp_path / "here" / "demo").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    [finding] = checks.model("demo")
    assert (finding.state, finding.text.split()[0]) == ("warn", found.CANARY_QWEN)
    [finding] = checks.model("somebody/canary")
    assert finding.next_step == "live-canary download somebody/canary"


def test_a_folder_of_the_users_own_may_be_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine").mkdir()
    [finding] = checks.model("~/mine")
    assert (finding.state, "a folder of your own" in finding.text) == ("ok", True)


@pytest.mark.parametrize(("complete", "states"), [(True, ["ok", "ok", "ok"]), (False, ["warn", "ok", "ok"])])
def test_the_cache_needs_room_for_a_model_that_is_not_here_yet(tmp_path, monkeypatch, complete, states):
    monkeypatch.setattr(checks.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(found, "is_complete", lambda repo_id: complete)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(10**10, 5 * 10**9, 2 * 10**9))
    assert [one.state for one in checks.folders()] == states
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(10**10, 10**10, 9 * 10**8))
    _, state, settings = checks.folders()
    assert (state.state, settings.state) == ("warn", "ok")
    assert "has 0.9 GB free of 1.0 GB needed" in state.text
    assert "--no-spool" in state.next_step


@pytest.mark.parametrize(("number", "step"), [(errno.ENOSPC, "set HF_HOME"), (errno.EIO, "check the permissions of ")])
def test_a_full_disk_is_told_apart_from_a_folder_that_takes_nothing(tmp_path, monkeypatch, number, step):
    """A full one still makes a file, and takes nothing into it."""

    def refuse(descriptor: int, data: bytes) -> None:
        assert data
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "write_all", refuse)
    finding = checks.folder("cache", tmp_path, 0, "set HF_HOME")
    assert (finding.state, finding.next_step.startswith(step)) == ("warn", True)
    assert finding.text == f"{tmp_path} cannot be written to: {os.strerror(number)}"
    assert list(tmp_path.iterdir()) == []


def test_a_folder_on_a_drive_that_is_not_there_is_told(tmp_path, monkeypatch):
    """As HF_HOME on Windows where the disk is not plugged in; the report ended there with a traceback."""
    monkeypatch.setattr(files, "is_there", lambda path: False)
    finding = checks.folder("cache", tmp_path / "gone" / "hub", 0, "")
    assert finding.state == "warn"
    assert finding.text.endswith("hub is on a drive that is not there")
    assert finding.next_step == "connect it, or name another one"


@pytest.mark.parametrize("error", [RuntimeError, OSError, ImportError, CheckpointError])
def test_whatever_keeps_the_model_from_loading_is_a_finding(monkeypatch, error):
    def load(*_: object) -> None:
        raise error("no")

    monkeypatch.setattr("live_canary.model.canary.CanaryQwen.load", load)
    [finding] = checks.transcription(str(TINY), "cpu", "auto")
    assert (finding.state, finding.text) == ("fail", f"{error.__name__}: no")


def test_the_sample_is_heard_with_the_settings_and_its_words_are_counted(monkeypatch):
    class Loaded:
        compute, device, sample_rate = "int8", "cpu", 16_000

        def transcribe(self, samples) -> str:
            heard.append(len(samples) / self.sample_rate)
            return "three words here"

    asked, heard = [], []
    monkeypatch.setattr("live_canary.model.canary.CanaryQwen.load", lambda *given: asked.append(given) or Loaded())
    [finding] = checks.transcription(str(TINY), "cpu", "int8", 3)
    assert asked == [(TINY, "cpu", "int8", 3)]
    assert heard == [checks.SAMPLE_SECONDS] * 2
    assert ", 3 words; " in finding.text
    assert checks.timed(3, 0.5, "demo", 1.5).text == "11 s of speech in 0.50 s, 3 words; demo; loaded in 1.5 s"


def test_what_can_type_and_what_keeps_it_from_that_are_warnings_at_most(monkeypatch):
    class Able:
        def __init__(self, name: str):
            self.name = name

    desktop = dictation_checks.desktop_of({}, "linux")
    monkeypatch.setattr(dictation_checks, "desktop_of", lambda *_: desktop)
    told = []
    for able, reasons in (([Able("wtype"), Able("ydotool")], ["xdotool is not installed"]), ([], ["a", "b"]), ([], [])):
        monkeypatch.setattr(dictation_checks, "probed", lambda _, probed=(able, reasons): probed)
        told += [(one.state, one.text) for one in dictation_checks.typing()]
    assert told == [
        ("ok", "--type goes through wtype or ydotool"),
        ("warn", "nothing can type here: a, b"),
        ("warn", "there is no desktop to type on"),
    ]


def test_what_copies_is_the_first_program_that_is_installed(monkeypatch):
    programs = [["wl-copy", "--type", "text/plain"], ["xclip", "-selection"], ["xsel", "-b"]]
    monkeypatch.setattr(dictation_checks, "clipboard_programs", lambda *_: programs)
    monkeypatch.setattr(shutil, "which", lambda name: name if name in ("xclip", "xsel") else None)
    assert [one.text for one in dictation_checks.clipboard()] == ["through the terminal (OSC 52) and xclip"]
    monkeypatch.setattr(dictation_checks, "clipboard_programs", lambda *_: [])
    assert [one.state for one in dictation_checks.clipboard()] == ["ok"]
