"""The program asks for nothing that only POSIX has, and leaves alone what Windows lets nobody touch."""

import subprocess
import sys

from tests.conftest import ROOT

TESTS = [
    "tests/on_windows.py",
    "tests/faults/test_recovery.py::test_what_was_heard_before_two_ctrl_c_is_transcribed_by_recovery",
    "tests/faults/test_recovered_corrections.py::test_what_was_corrected_before_a_crash_stays_corrected",
    "tests/faults/test_session_folder.py::test_sound_that_is_kept_takes_the_place_of_the_session",
    "tests/transcript/test_writer.py::test_two_sessions_cannot_write_the_same_file",
    "tests/screen/test_plain.py",
]


def test_what_differs_on_windows_works_with_what_windows_has():
    command = [sys.executable, "-m", "pytest", "-p", "tests.like_windows", "-p", "no:xdist", *TESTS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 0, done.stdout
