"""What is opened before anything else happens, and that it is closed whatever happens then."""

import signal

import pytest
from typer.testing import CliRunner

from live_canary.audio import capture, devices
from live_canary.audio.soundsystem import Input
from live_canary.cli.app import app
from live_canary.commands import listen, live
from live_canary.errors import DeviceError, InputError


class OpenInput:
    """Stands in for a Capture."""

    closed = False

    def __init__(self, hears="microphone"):
        self.hears = hears

    def close(self):
        self.closed = True


@pytest.fixture
def microphone(monkeypatch):
    return OpenInput()


@pytest.fixture
def wanted(monkeypatch, tmp_path, microphone):
    """The inputs that were asked for, each time some were."""
    calls = []
    monkeypatch.setenv("LIVE_CANARY_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setattr(listen, "open_inputs", lambda **what: calls.append(what) or [microphone])
    return calls


@pytest.fixture
def sessions(monkeypatch):
    """The inputs of each session that would have begun."""
    begun = []
    monkeypatch.setattr(listen, "run", lambda settings, inputs: begun.append(inputs) or 0)
    return begun


def run(*arguments):
    CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_session_is_given_the_inputs_that_flags_environment_and_file_ask_for(
    wanted, sessions, microphone, monkeypatch, tmp_path
):
    (tmp_path / "config.toml").write_text('follow_default = true\ndevice = "Yeti"\n[profile.call]\nsystem = true\n')
    monkeypatch.setenv("LIVE_CANARY_DEVICE", "USB")
    run("--profile", "call", "--mic", "--output", "notes.md")
    assert wanted == [{"mic": True, "system": True, "device": "USB", "follow_default": True, "configured": False}]
    assert sessions == [[microphone]]
    assert microphone.closed


@pytest.mark.parametrize(
    "arguments",
    [["--replay", "talk.wav"], ["--help"], ["--version"], ["--show-completion"], ["devices", "--help"]],
)
def test_nothing_is_opened_where_nothing_is_to_be_heard(wanted, sessions, arguments):
    run(*arguments)
    assert wanted == []


def test_what_is_open_is_closed_when_a_flag_turns_out_to_be_wrong(wanted, microphone):
    with pytest.raises(InputError):
        run("--jsonl", "talk")
    assert microphone.closed


def test_an_input_that_cannot_be_opened_first_is_left_to_the_session_which_says_why(wanted, sessions, monkeypatch):
    def refuse(**_):
        raise DeviceError("Yeti is busy.")

    monkeypatch.setattr(listen, "open_inputs", refuse)
    run()
    assert sessions == [None]


@pytest.mark.parametrize(
    ("mic", "system", "opened"),
    [
        (False, False, [("USB", "microphone")]),
        (False, True, [("USB", "system")]),
        (True, True, [("USB", "microphone"), (None, "system")]),
    ],
)
def test_a_named_device_is_the_microphone_unless_only_the_computer_is_heard(monkeypatch, mic, system, opened):
    asked = []
    monkeypatch.setattr("live_canary.audio.capture.Capture.open", lambda self: asked.append(self))
    listen.open_inputs(mic, system, "USB")
    assert [(one._device, one.hears) for one in asked] == opened


@pytest.mark.parametrize(
    ("device", "usual", "output"),
    [("USB", True, None), ("Speakers", True, "Speakers"), ("USB", False, "USB"), (None, True, None)],
)
def test_the_usual_microphone_is_not_looked_for_where_only_the_computer_is_heard(monkeypatch, device, usual, output):
    asked = []
    inputs = [
        Input(0, "USB Audio", 1, 16_000, True, "microphone", "usb"),
        Input(1, "Speakers (Monitor)", 2, 48_000, True, "system", "speakers"),
    ]
    monkeypatch.setattr("live_canary.audio.capture.Capture.open", lambda self: asked.append(self._device))
    monkeypatch.setattr(listen, "list_inputs", lambda: inputs)
    listen.open_inputs(system=True, device=device, configured=usual)
    assert asked == [output]


@pytest.mark.parametrize(("flags", "usual"), [([], True), (["--device", "USB"], False)])
def test_a_device_on_the_command_line_is_for_what_is_heard_now(wanted, sessions, tmp_path, flags, usual):
    (tmp_path / "config.toml").write_text('device = "USB"\n')
    run("--system", *flags)
    assert wanted == [{"system": True, "device": "USB", "configured": usual}]


def test_a_device_that_stands_beside_system_in_the_settings_is_an_output(wanted, sessions, tmp_path):
    (tmp_path / "config.toml").write_text('[profile.call]\nsystem = true\ndevice = "Headset"\n')
    run("--profile", "call")
    assert wanted == [{"system": True, "device": "Headset", "configured": False}]


def test_where_one_of_two_inputs_refuses_the_other_is_closed(monkeypatch):
    closed = []

    def open_one(self):
        if self.hears == "system":
            raise DeviceError("no")

    monkeypatch.setattr("live_canary.audio.capture.Capture.open", open_one)
    monkeypatch.setattr("live_canary.audio.capture.Capture.close", lambda self: closed.append(self.hears))
    with pytest.raises(DeviceError):
        listen.open_inputs(mic=True, system=True)
    assert "microphone" in closed


@pytest.mark.parametrize(
    ("file", "flags"),
    [
        ("", ["--mic-name", "Ann", "--system-name", " Ann\x1b[0m"]),
        ("", ["--mic-name", "Them"]),
        ("", ["--system-name", "\t"]),
        ('mic_name = "Ann"\nsystem_name = "Ann"', []),
        ('[profile.call]\nmic_name = ""', ["--profile", "call"]),
    ],
)
def test_two_sides_that_names_do_not_tell_apart_are_refused(monkeypatch, tmp_path, file, flags):
    """Of two sources with one name recovery lost the lines of one."""
    monkeypatch.setenv("LIVE_CANARY_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text(file)
    both = [OpenInput("microphone"), OpenInput("system")]
    monkeypatch.setattr(listen, "open_inputs", lambda **what: both)
    with pytest.raises(InputError, match="each side needs a name of its own"):
        run("--mic", "--system", *flags)
    assert all(one.closed for one in both)


@pytest.mark.parametrize("ask", [listen.open_inputs, devices.list_inputs])
def test_ctrl_c_needs_no_answer_of_a_sound_system_that_hangs(monkeypatch, ask):
    """No Python runs while it hangs, and so no handler: the program could not be ended."""

    class Asked:
        def inputs(self):
            meanwhile.append(signal.getsignal(signal.SIGINT))
            raise DeviceError("none")

    meanwhile = []
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    for module in (devices, capture):
        monkeypatch.setattr(module, "sound_system", lambda *_, **platform: Asked())
    try:
        with pytest.raises(DeviceError):
            ask()
        assert meanwhile == [signal.SIG_DFL]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_place_for_logs_that_cannot_be_made_keeps_no_session_from_starting(tmp_path, monkeypatch):
    (tmp_path / "state").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    live._log_bugs(to_stderr=False)
