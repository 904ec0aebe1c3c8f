"""Runs the programs of other people that type and copy: no shell, text on stdin, never longer than allowed."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from live_canary.signals import APART

PROBE_SECONDS = 3.0
ENDING = (1, 2, 9, 15)  # SIGHUP, SIGINT, SIGKILL, SIGTERM: by others it crashes
LONGEST_REASON = 200  # characters of what a failing program said


class ToolFailed(Exception):
    """A program did not do what it was asked; the message is its reason."""


class ToolStopped(ToolFailed):
    """It may have done a part: it did not answer and was ended, somebody else ended it, or it failed in the midst."""


class ToolEnded(ToolStopped):
    """Somebody else ended it: who wanted no more of what it did, by hand or with `end_all`."""


_at_work: set[subprocess.Popen[bytes]] = set()


def end_all() -> None:
    """End every program that is at work now; its `run` raises ToolEnded. From any thread."""
    for program in list(_at_work):
        _end(program)


def run(command: Sequence[str], text: str = "", *, timeout_seconds: float = PROBE_SECONDS) -> str:
    """What the program said when it had taken `text`. Raises ToolFailed.

    Its output goes to a file, not a pipe: programs that hold a clipboard stay behind and would keep a pipe open.
    """
    environment = os.environ | {"LC_ALL": "C.UTF-8"}  # wtype and xdotool read text in the locale's encoding
    try:
        output_file = tempfile.TemporaryFile()  # noqa: SIM115 - closed below
    except OSError as error:  # also where all disks are full
        raise ToolFailed(f"cannot be started: {error.strerror}") from None
    with output_file as said:
        try:
            program = subprocess.Popen(  # noqa: S603 - a fixed program, found on PATH
                command,
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                env=environment,
                start_new_session=True,
                creationflags=APART,
            )
        except FileNotFoundError:
            raise ToolFailed("not installed") from None
        except OSError as error:
            raise ToolFailed(f"cannot be started: {error.strerror}") from None
        with program:
            _at_work.add(program)
            try:
                program.communicate(text.encode(), timeout=timeout_seconds)
            except subprocess.TimeoutExpired:
                _end(program)
                raise ToolStopped(f"no answer for {timeout_seconds:.0f} s") from None
            finally:
                _at_work.discard(program)
        said.seek(0)
        output = said.read().decode(errors="replace").strip()
    if program.returncode < 0:
        kind = ToolEnded if -program.returncode in ENDING else ToolStopped
        raise kind(f"ended by signal {-program.returncode}")
    if program.returncode:
        raise ToolFailed(_reason(output) or f"exit code {program.returncode}")
    return output


def _end(program: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        program.kill()
    else:
        with suppress(ProcessLookupError, PermissionError):  # it has ended by itself; of such macOS says the other
            os.killpg(program.pid, signal.SIGKILL)


def _reason(output: str) -> str:
    return " ".join(output.split())[:LONGEST_REASON].rstrip(".")
