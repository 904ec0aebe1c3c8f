"""The doctor tells what works, what does not and what to do, and gives nothing away."""

import errno
import hashlib
import json
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from live_canary.cli.app import app
from live_canary.commands import checks, dictation_checks, doctor, processor_checks
from live_canary.commands.checks import Finding
from live_canary.errors import DeviceError
from live_canary.model import hub as found
from live_canary.model.fetch import fetch, make_current
from live_canary.model.offers import look_up
from tests.commands.machine import MICROPHONE, PLAYED, DiskUsage, OneSound
from tests.conftest import TINY

GOOD = Finding("torch", "ok", "torch 2")
BAD = Finding("microphone", "fail", "none", "plug one in")


def report(monkeypatch, findings: list[Finding], *flags: str) -> tuple[int, str]:
    monkeypatch.setattr(doctor, "examine", lambda *_: iter(findings))
    done = CliRunner().invoke(app, ["doctor", *flags], catch_exceptions=False)
    return done.exit_code, done.output


def test_each_finding_is_a_line_with_its_next_step(monkeypatch):
    code, shown = report(monkeypatch, [GOOD, BAD])
    assert code == 1
    assert "ok    torch          torch 2\n" in shown
    assert "fail  microphone     none\n" + " " * 21 + "-> plug one in\n" in shown
    assert "Dictation cannot work yet" in shown


def test_a_warning_does_not_keep_dictation_from_working(monkeypatch):
    code, shown = report(
        monkeypatch, [GOOD, Finding("model", "warn", "only the demonstration", "live-canary download")]
    )
    assert code == 0
    assert "Dictation works here." in shown


def test_programs_get_one_json_object(monkeypatch):
    code, shown = report(monkeypatch, [GOOD, BAD], "--json")
    assert code == 1
    assert json.loads(shown)["works"] is False
    assert json.loads(shown)["findings"][1] == {
        "topic": "microphone", "state": "fail", "text": "none", "next_step": "plug one in",
    }  # fmt: skip


def test_settings_that_no_session_takes_are_the_first_finding(tmp_path, monkeypatch):
    (tmp_path / "config.toml").write_text("\nmodle = 1\n")
    monkeypatch.setenv("LIVE_CANARY_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setattr(checks, "programs", lambda: iter([GOOD, BAD]))
    for name in ("sound", "model", "folders"):
        monkeypatch.setattr(checks, name, lambda *_, **__: ())
    done = CliRunner().invoke(app, ["doctor"], catch_exceptions=False)
    assert done.exit_code == 1
    first, step, second, *_ = done.output.splitlines()
    assert first.startswith("fail  settings")
    assert "config.toml, line 2: there is no setting 'modle'" in first
    assert "no session begins" in step
    assert second.startswith("ok    torch")


def test_the_home_folder_is_not_told():
    one = Finding("state", "warn", "/home/ana/.local is full, /home/anabel is not", "look into /home/ana/.local")
    [shown] = doctor.shortened([one], Path("/home/ana"))
    assert (shown.text, shown.next_step) == ("~/.local is full, /home/anabel is not", "look into ~/.local")


def test_secrets_of_the_environment_are_not_told(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("HTTPS_PROXY", "http://ana:secret@proxy")
    everything = [
        *checks.programs(),
        *processor_checks.processors(),
        *checks.model(),
        *checks.folders(),
        *dictation_checks.clipboard(),
    ]
    assert everything
    assert "secret" not in str(everything)


def test_a_machine_without_a_sound_system_cannot_hear(monkeypatch):
    def nothing() -> None:
        raise DeviceError("PortAudio is missing.")

    monkeypatch.setattr(checks, "list_inputs", nothing)
    assert [one.state for one in checks.sound()] == ["fail"]


@pytest.mark.parametrize(
    ("device", "heard", "failing"),
    [
        (None, {"mic": True}, []),
        ("yet", {"mic": True}, []),
        ("Blue", {"mic": True}, ["microphone"]),
        ("Blue", {"mic": True, "system": True}, ["microphone"]),
        ("monit", {"mic": False, "system": True}, []),
        ("Blue", {"mic": False, "system": True}, ["system sound"]),
    ],
)
def test_the_input_that_the_settings_name_is_the_one_that_must_be_there(monkeypatch, device, heard, failing):
    monkeypatch.setattr(checks, "list_inputs", lambda: [MICROPHONE, PLAYED])
    monkeypatch.setattr(checks, "level", lambda chosen, system: Finding("level", "ok", chosen.name))
    monkeypatch.setattr(checks, "sound_system", OneSound)
    assert [one.topic for one in checks.sound(device, **heard) if one.state == "fail"] == failing


@pytest.mark.parametrize(("heard", "failing"), [({"mic": False, "system": True}, []), ({"mic": True}, ["microphone"])])
def test_only_who_speaks_needs_a_microphone(monkeypatch, heard, failing):
    monkeypatch.setattr(checks, "list_inputs", lambda: [PLAYED])
    assert [one.topic for one in checks.sound(**heard) if one.state == "fail"] == failing


@pytest.mark.parametrize("arguments", ["--threads 2 --system doctor", "doctor --threads 2 --system"])
def test_the_doctor_follows_flags_and_settings(monkeypatch, arguments):
    asked = []
    monkeypatch.setattr(doctor, "examine", lambda settings, _: asked.append(settings) or iter([GOOD]))
    monkeypatch.setenv("LIVE_CANARY_DEVICE", "USB")
    monkeypatch.setenv("LIVE_CANARY_COMPUTE", "int8")
    CliRunner().invoke(app, arguments.split(), catch_exceptions=False)
    [settings] = asked
    assert (settings.device, settings.compute, settings.threads) == ("USB", "int8", 2)
    assert (settings.microphone, settings.system) == (False, True)


@pytest.mark.parametrize(
    ("blocks", "state", "said"),
    [
        ([np.full((480, 1), 0.1, np.float32)], "ok", "20 dB below full scale"),
        ([np.zeros((480, 1), np.float32)], "warn", "digital silence"),
        ([], "fail", "delivers nothing"),
        ([None], "fail", "Yeti is busy"),
    ],
)
def test_a_second_of_the_microphone_is_heard(blocks, state, said):
    system = OneSound(*blocks)
    finding = checks.level(MICROPHONE, system, wait=lambda _: None)
    assert finding.state == state
    assert said in finding.text
    assert system.closed == ("busy" not in said)


def test_a_processor_without_fast_8_bit_instructions_is_slow():
    assert processor_checks.processor({"avx2", "sse"}, 4, compiled=True).state == "warn"
    assert processor_checks.processor({"avx2", "avx512_vnni"}, 4, compiled=True).state == "ok"
    assert processor_checks.processor({"asimddp"}, 4, compiled=True).state == "ok"
    assert processor_checks.processor(set(), 4, compiled=True).state == "ok"


@pytest.mark.parametrize("flags", [{"avx2", "avx512_vnni"}, {"asimd", "asimddp"}, set()])
def test_kernels_that_were_not_compiled_are_told_with_what_is_missing(flags):
    finding = processor_checks.processor(flags, 4, compiled=False)
    assert (finding.state, "not compiled" in finding.text) == ("warn", True)
    assert "install live-canary again" in finding.next_step


def test_a_graphics_card_is_described_and_a_full_one_is_a_warning(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "RTX 5090")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (12, 0))
    monkeypatch.setattr("torch.version.cuda", "13.0")
    monkeypatch.setattr(processor_checks, "_nvidia_driver", lambda: "580.1")
    for free, state in ((30 * 10**9, "ok"), (2 * 10**9, "warn")):
        monkeypatch.setattr("torch.cuda.mem_get_info", lambda free=free: (free, 32 * 10**9))
        card = next(processor_checks.processors())
        assert card.state == state
        said = f"RTX 5090, compute capability 12.0, CUDA 13.0, driver 580.1, {free / 1e9:.1f} GB of 32.0 GB free"
        assert card.text == said


def test_a_graphics_card_that_gives_no_answer_is_a_warning(monkeypatch):
    def fail():
        raise torch.AcceleratorError("CUDA error: out of memory\nCUDA kernel errors might be ...")

    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.mem_get_info", fail)
    card = next(processor_checks.processors())
    assert (card.state, card.text) == ("warn", "the graphics card gives no answer (CUDA error: out of memory)")


def test_amds_graphics_card_is_described_by_its_own_software(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "Radeon RX 7900 XTX")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (11, 0))
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (20 * 10**9, 24 * 10**9))
    monkeypatch.setattr("torch.version.hip", "7.1")
    monkeypatch.setattr("torch.version.cuda", None)
    assert next(processor_checks.processors()).text == "Radeon RX 7900 XTX, ROCm 7.1, 20.0 GB of 24.0 GB free"


def test_a_torch_that_cannot_use_the_card_is_told(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(processor_checks, "_nvidia_driver", lambda: "580.1")
    card = next(processor_checks.processors())
    assert (card.state, "torch with CUDA" in card.next_step) == ("warn", True)


def test_a_missing_model_is_a_warning_with_the_command(cache, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    [finding] = checks.model()
    assert (finding.state, finding.next_step) == ("warn", "live-canary download")


@pytest.fixture
def carried(cache, monkeypatch, tmp_path) -> Path:
    """The tiny checkpoint, carried here by hand as if it were the published one."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    folder = found.carried_folder(found.CANARY_QWEN)
    shutil.copytree(TINY, folder)
    known = {
        name: found.Known((folder / name).stat().st_size, hashlib.sha256((folder / name).read_bytes()).hexdigest())
        for name in found.CHECKPOINT_FILES
    }
    monkeypatch.setattr(found, "PINNED", {found.CANARY_QWEN: found.Pinned("ab" * 20, known)})
    return folder


def test_a_model_whose_checksums_are_right_is_told_with_its_folder(carried):
    [finding] = checks.model()
    assert finding.state == "ok"
    assert "checksums as published" in finding.text
    assert str(carried) in finding.text


def test_a_damaged_model_fails_and_the_file_is_named(carried):
    weights = carried / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    [finding] = checks.model()
    assert finding.state == "fail"
    assert f"{weights} is damaged" in finding.text
    assert finding.next_step == "live-canary download --from DIR"


def test_of_a_model_that_is_not_pinned_the_checksum_is_what_the_hub_announced(hub, cache):
    hub.files = {f"somebody/canary/{name}": name.encode() for name in found.CHECKPOINT_FILES}
    hub.files |= {f"{found.QWEN}/{name}": name.encode() for name in found.LLM_FILES}
    for path in hub.files:
        owner, name = path.rsplit("/", 1)
        offer = look_up(owner, name, endpoint=hub.endpoint)
        make_current(offer)
        fetch(offer, lambda _: None)
    [finding] = checks.model("somebody/canary")
    assert "as the hub announced" in finding.text
    weights = found.find_checkpoint("somebody/canary") / "model.safetensors"
    weights.resolve().write_bytes(b"rotten")
    [finding] = checks.model("somebody/canary")
    assert (finding.state, finding.next_step) == ("fail", "live-canary download somebody/canary")


def test_a_folder_of_the_users_own_is_no_published_model(tmp_path):
    [finding] = checks.model(str(tmp_path))
    assert "checksums are not known" in finding.text


@pytest.mark.parametrize(
    ("display", "installed", "state", "said"),
    [("", None, "ok", "terminal"), (":0", "/usr/bin/xclip", "ok", "xclip"), (":0", None, "warn", "some terminals")],
)
def test_a_desktop_without_a_program_that_copies_is_told(monkeypatch, display, installed, state, said):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("WAYLAND_DISPLAY", "")
    monkeypatch.setenv("DISPLAY", display)
    monkeypatch.setattr(shutil, "which", lambda name: installed if name == "xclip" else None)
    [finding] = dictation_checks.clipboard()
    assert (finding.state, said in finding.text) == (state, True)


def test_a_full_disk_and_a_folder_of_somebody_else_are_told(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: DiskUsage(10**10, 9 * 10**9, 10**9))
    assert checks.folder("cache", tmp_path / "a" / "b", 0, "").state == "ok"
    full = checks.folder("cache", tmp_path, 5 * 10**9, "set HF_HOME")
    assert (full.state, full.next_step) == ("warn", "set HF_HOME")
    (tmp_path / "file").write_text("")
    not_a_folder = checks.folder("cache", tmp_path / "file" / "a", 0, "")
    assert (not_a_folder.state, "cannot be written to" in not_a_folder.text) == ("warn", True)
    assert f"check the permissions of {tmp_path / 'file'}" in not_a_folder.next_step


class LikeWindows:
    """`os`, as tempfile finds it on Windows."""

    name, O_TEMPORARY = "nt", 0

    def __init__(self, open_file):
        self.open = open_file

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_that_takes_no_new_file_is_told_at_once(is_there, tmp_path, monkeypatch):
    """On Windows Python 3.11 and 3.12 would try 2,147,483,647 names for a temporary file: a day (CPython 66305)."""
    tried = []

    def refuse(path, *_, **__):
        tried.append(path)
        raise PermissionError(errno.EACCES, "Access is denied", str(path))

    wanted = tmp_path if is_there else tmp_path / "a" / "b"
    monkeypatch.setattr(tempfile, "TMP_MAX", 100)
    monkeypatch.setattr(tempfile, "_os", LikeWindows(refuse))
    monkeypatch.setattr(tempfile, "TemporaryFile", tempfile.NamedTemporaryFile)  # as it is there
    monkeypatch.setattr(os, "open", refuse)
    monkeypatch.setattr(os, "mkdir", refuse)
    found = checks.folder("cache", wanted, 0, "")
    assert (found.state, found.text) == ("warn", f"{wanted} cannot be written to: Access is denied")
    assert len(tried) == 1


def test_trying_a_folder_leaves_nothing_in_it(tmp_path):
    for wanted in (tmp_path, tmp_path / "a" / "b"):
        assert checks.folder("cache", wanted, 0, "").state == "ok"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("words", "took_s", "state"), [(30, 1.0, "ok"), (30, 10.0, "warn"), (0, 1.0, "fail")])
def test_a_transcription_tells_whether_the_machine_keeps_up(words, took_s, state):
    assert checks.timed(words, took_s, "demo", 1.0).state == state


def test_a_transcription_is_really_made(monkeypatch):
    monkeypatch.setattr(checks, "SAMPLE_SECONDS", 1.0)
    [finding] = checks.transcription(str(TINY), "cpu", "auto")
    assert "1 s of speech in" in finding.text
    assert "float32 on cpu" in finding.text


@pytest.mark.parametrize(
    ("model", "device", "compute"),
    [("no/such-model", "cpu", "auto"), (str(TINY), "abacus", "auto"), (str(TINY), "cpu", "fp3")],
)
def test_a_model_that_cannot_be_loaded_fails(cache, model, device, compute):
    [finding] = checks.transcription(model, device, compute)
    assert finding.state == "fail"
