"""Hearing goes on while the model's packages are imported."""

import subprocess
import sys

import pytest

from live_canary.commands import importing
from live_canary.errors import SessionError

TRANSCRIBER = "live_canary.transcript.transcriber"
IMPORTED = """
import gc, sys
collections = []
gc.callbacks.append(lambda phase, info: collections.append(info["generation"]))
from live_canary.commands.importing import import_transcriber
collections.clear()
transcriber = import_transcriber()
print(transcriber.__name__, collections, gc.isenabled(), gc.get_freeze_count() > 100_000, "torch" in sys.modules)
"""
LINKED = """
import sys
from pathlib import Path
from live_canary.commands.importing import _link_torch
_link_torch()
print("libtorch_cpu.so" in Path("/proc/self/maps").read_text(), "torch" in sys.modules)
import torch
print(int(torch.ones(3) @ torch.ones(3)))
"""


def said_by(program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, timeout=120)
    assert not done.returncode, done.stderr
    return done.stdout


def test_nothing_is_looked_through_for_garbage_meanwhile():
    assert said_by(IMPORTED) == "CanaryTranscriber [] True True True\n"


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere torch links its libraries itself")
def test_torchs_library_is_linked_before_the_import_holds_all_threads():
    assert said_by(LINKED) == "True False\n3\n"


@pytest.mark.parametrize(
    "error", [ImportError("libtorch_cpu.so: failed to map segment"), OSError("no libcublas.so.12")]
)
def test_libraries_that_are_broken_or_find_no_memory_are_told_in_a_sentence(monkeypatch, error):
    """It was a traceback, and an internal error to be reported."""

    class Broken:
        @staticmethod
        def find_spec(name, *_):
            if name == TRANSCRIBER:
                raise error

    monkeypatch.delitem(sys.modules, TRANSCRIBER, raising=False)
    monkeypatch.setattr(importing, "_link_torch", lambda: None)
    monkeypatch.setattr(sys, "meta_path", [Broken, *sys.meta_path])
    with pytest.raises(SessionError, match=f"cannot be loaded .{error}.; install live-canary again"):
        importing.import_transcriber()
