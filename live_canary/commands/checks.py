"""What `live-canary doctor` looks at: each check says what it found, and what to do where something is wrong.

Texts hold no secrets: of the environment only names of variables, never their values, but of a setting that is refused.
"""

import os
import platform
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import numpy as np
import platformdirs
from huggingface_hub import constants

from live_canary import __version__, files
from live_canary.audio.devices import NOTHING_TO_HEAR, find_input, list_inputs, output_meant, sound_system
from live_canary.audio.level import FLOOR_DBFS, dbfs
from live_canary.audio.pulse import is_running
from live_canary.audio.recording_file import read_recording
from live_canary.audio.soundsystem import Input, SoundSystem
from live_canary.bundled import SAMPLE_SECONDS, assets_folder
from live_canary.commands.config_file import path as config_path
from live_canary.commands.model_choice import choose_model
from live_canary.errors import DeviceError, LiveCanaryError
from live_canary.model import hub
from live_canary.model.fetch import checksum
from live_canary.model.offers import gigabytes
from live_canary.settings import COMPUTE, DEVICES, check_choice

DOWNLOAD = "live-canary download"
CHOOSE = "choose another: live-canary devices lists them, live-canary config says where this one is from"


@dataclass(frozen=True, slots=True)
class Finding:
    topic: str
    state: Literal["ok", "warn", "fail"]
    """fail: dictation cannot work."""
    text: str
    next_step: str = ""


def programs() -> Iterator[Finding]:
    python = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield Finding("program", "ok", f"live-canary {__version__}, {python}")
    try:
        import torch
    except (ImportError, OSError) as error:
        again = "install it again: pip install --force-reinstall torch"
        yield Finding("torch", "fail", f"torch cannot be loaded: {error}", again)
        return
    libraries = ", ".join(
        f"{name} {metadata.version(name)}" for name in ("tokenizers", "safetensors", "huggingface_hub")
    )
    yield Finding("torch", "ok", f"torch {torch.__version__}, {libraries}")


def sound(
    device: str | None = None, *, mic: bool = True, system: bool = False, configured: bool = False
) -> Iterator[Finding]:
    """What can be heard; mic, system: what a session is to hear; device, configured: as of `listen.open_inputs`."""
    through = "PulseAudio or PipeWire" if is_running() else "PortAudio"
    try:
        inputs = list_inputs()
    except LiveCanaryError as error:
        yield Finding("sound", "fail", str(error), "recordings can still be heard: live-canary --replay FILE")
        return
    microphones = [one for one in inputs if one.hears == "microphone"]
    outputs = [one for one in inputs if one.hears == "system"]
    if microphones:
        try:
            chosen = find_input(device if mic else None, inputs)
            yield Finding("microphone", "ok", f"{len(microphones)} through {through}; {chosen.name}")
            yield level(chosen, sound_system())
        except DeviceError as error:
            yield Finding("microphone", "fail", str(error), CHOOSE)
    else:
        step = "plug one in, and allow it in the system's settings"
        yield Finding("microphone", "fail" if mic else "warn", f"none through {through}", step)
    if outputs:
        try:
            output = output_meant(device, mic=mic, configured=configured, inputs=lambda: inputs)
            find_input(output, inputs, "system")
            yield Finding("system sound", "ok", f"{len(outputs)} outputs can be heard with --system")
        except DeviceError as error:
            yield Finding("system sound", "fail", str(error), CHOOSE)
    else:
        text = f"{through} has no way to hear what the computer plays"
        step = f"only --system needs it: {NOTHING_TO_HEAR['system'].partition(': ')[2].rstrip('.')}"
        yield Finding("system sound", "fail" if system else "warn", text, step)


def level(microphone: Input, system: SoundSystem, wait: Callable[[float], None] = time.sleep) -> Finding:
    """How loud a second of it is. wait: sleeps for seconds."""
    peaks: list[float] = []

    def deliver(sound: bytes, channels: int, overflowed: bool = False) -> None:
        peaks.append(float(np.abs(np.frombuffer(sound, np.float32)).max(initial=0.0)))

    try:
        opened = system.open(microphone, deliver)
    except LiveCanaryError as error:
        return Finding("level", "fail", str(error), "close what else uses it, or choose another: live-canary devices")
    wait(1.0)
    opened.close()
    if not peaks:
        return Finding("level", "fail", f"{microphone.name} delivers nothing", "unplug it and plug it in again")
    loudest = dbfs(max(peaks))
    if loudest <= FLOOR_DBFS:
        return Finding("level", "warn", f"{microphone.name} gives digital silence", "unmute it, or allow its use")
    return Finding("level", "ok", f"{loudest:.0f} dB below full scale at the loudest of a second".replace("-", ""))


def model(wanted: str = "auto") -> Iterator[Finding]:
    """The files of the model that a session would use, with their checksums."""
    if wanted not in ("auto", "demo") and files.is_folder(files.expanded(wanted)):
        yield Finding("model", "ok", f"{wanted}, a folder of your own: its checksums are not known")
        return
    repo_id = hub.CANARY_QWEN if wanted in ("auto", "demo") else wanted
    again = DOWNLOAD if repo_id == hub.CANARY_QWEN else f"{DOWNLOAD} {repo_id}"
    if not hub.is_complete(repo_id):
        yield Finding("model", "warn", f"{repo_id} is not here; the small demonstration model is", again)
        return
    folder = hub.find_downloaded(repo_id)
    if folder == hub.carried_folder(repo_id):
        again += " --from DIR"
    wrong = [path for owner, path in _model_files(repo_id, folder) if not _is_right(owner, path)]
    for path in wrong:
        yield Finding("model", "fail", f"{path} is damaged: its checksum is wrong", again)
    if not wrong:
        weights = folder / "model.safetensors"
        held_to = "published" if hub.is_pinned(repo_id, weights) else "the hub announced when it was fetched"
        size = gigabytes(weights.stat().st_size)
        yield Finding("model", "ok", f"{repo_id}, {size}, checksums as {held_to}, in {folder}")


def _model_files(repo_id: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """The files with the repository that each comes from."""
    yield from ((repo_id, folder / name) for name in hub.CHECKPOINT_FILES)
    backbone = folder / "llm_backbone"
    for name in hub.LLM_FILES:
        path = backbone / name if files.is_folder(backbone) else hub.cached_file(hub.QWEN, name)
        if path and files.is_there(path):
            yield hub.QWEN, path


def _is_right(repo_id: str, path: Path) -> bool:
    right = hub.right_checksum(repo_id, path)
    return files.is_there(path) and (right is None or checksum(path, like=right) == right)


def folders() -> Iterator[Finding]:
    needed = 0 if hub.is_complete(hub.CANARY_QWEN) else hub.MODEL_BYTES
    yield folder("model cache", Path(constants.HF_HUB_CACHE), needed, "set HF_HOME to a folder on a larger disk")
    yield folder(
        "state",
        platformdirs.user_state_path("live-canary", appauthor=False),
        10**9,
        "free some disk, or live-canary --no-spool: sound is kept there",
    )
    yield folder("settings", config_path().parent, 0, "free some disk")


def folder(topic: str, path: Path, needed_bytes: int, when_full: str) -> Finding:
    """Whether it can be written to, or made, and has room."""
    existing = next((parent for parent in (path, *path.parents) if files.is_there(parent)), None)
    if existing is None:
        return Finding(topic, "warn", f"{path} is on a drive that is not there", "connect it, or name another one")
    try:
        _try_to_make(existing / f".live-canary-{secrets.token_hex(8)}", a_folder=existing != path)
        free = shutil.disk_usage(existing).free
    except OSError as error:
        reason = f"{path} cannot be written to: {error.strerror or error}"
        full = error.errno in files.NO_ROOM
        return Finding(topic, "warn", reason, when_full if full else f"check the permissions of {existing}")
    if free < needed_bytes:
        return Finding(
            topic, "warn", f"{path} has {gigabytes(free)} free of {gigabytes(needed_bytes)} needed", when_full
        )
    return Finding(topic, "ok", f"{path}, {gigabytes(free)} free")


def _try_to_make(place: Path, *, a_folder: bool) -> None:
    """A folder, or a file with something in it, and take it away again. Raises OSError.

    Windows Pythons before 3.13 try names for a temporary file for a day where none is allowed (CPython's issue 66305).
    """
    if a_folder:
        place.mkdir()
        place.rmdir()
        return
    descriptor = files.open_file(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    try:
        files.write_all(descriptor, b"?")
    finally:
        os.close(descriptor)
        place.unlink()


def transcription(wanted: str, device: str, compute: str, threads: int | None = None) -> Iterator[Finding]:
    """Load the model and hear a bundled recording, once to warm up and once to time it."""
    try:
        choice = choose_model(wanted)
        check_choice("compute device", device, DEVICES)
        check_choice("form of computing", compute, COMPUTE)
        begun = time.perf_counter()
        from live_canary.model.canary import CanaryQwen

        loaded = CanaryQwen.load(choice.folder, device, COMPUTE[compute], threads)
        load_s = time.perf_counter() - begun
        samples = read_recording(assets_folder() / "dictation.wav")[: round(SAMPLE_SECONDS * loaded.sample_rate)]
        loaded.transcribe(samples)
        begun = time.perf_counter()
        text = loaded.transcribe(samples)
        took_s = time.perf_counter() - begun
    except (LiveCanaryError, RuntimeError, OSError, ImportError) as error:
        yield Finding(
            "transcription", "fail", f"{type(error).__name__}: {error}", "try --compute-device cpu, or --model demo"
        )
        return
    yield timed(len(text.split()), took_s, f"{choice.name}, {loaded.compute} on {loaded.device}", load_s)


def timed(words: int, took_s: float, how: str, load_s: float) -> Finding:
    """What a transcription of `SAMPLE_SECONDS` of speech says about this machine."""
    text = f"{SAMPLE_SECONDS:.0f} s of speech in {took_s:.2f} s, {words} words; {how}; loaded in {load_s:.1f} s"
    if not words:
        return Finding("transcription", "fail", f"{text}: nothing was understood", DOWNLOAD)
    if took_s > SAMPLE_SECONDS * 0.8:
        return Finding("transcription", "warn", f"{text}: text will fall behind", "a GPU, or a faster processor")
    return Finding("transcription", "ok", text)
