"""The program: a command is run, and whatever ends it becomes an exit code."""

import gc
import os
import sys
import threading
from pathlib import Path

from live_canary.signals import CUT_OFF, ending_at_once, survive_pausing

with ending_at_once():  # seconds, after the machine was started; Ctrl-C would give a traceback of them
    import typer

    from live_canary.cli.app import app
    from live_canary.cli.arguments import spread_replay
    from live_canary.console import NoRoomError, arguments, discard, prepare_streams
    from live_canary.errors import LiveCanaryError
    from live_canary.printable import one_line


def main() -> None:
    """Run the command line; expected failures end in one line on stderr and the exit code of their kind."""
    before = threading.enumerate()
    with ending_at_once():
        survive_pausing()
        prepare_streams()
        _have_a_home()
    try:
        _run()
    except SystemExit as done:
        if done.code == CUT_OFF or _model_is_at_work(before):
            # The model may be in the middle of an answer, or of its import. Python ending its thread there makes C++
            # abort the process, or complain of what was not cleared away.
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(done.code if isinstance(done.code, int) else 0)
        _wait_for_the_next_starts_weights(done.code)
        raise
    finally:
        gc.unfreeze()  # what Python then cannot clear away, a library in C reports as leaked


def _have_a_home() -> None:
    """As a container has one for a user whom its system does not know; what cannot be kept there is told in a sentence.

    Without one, whoever asks where settings are would get a traceback, or a folder called `~`.
    """
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = os.sep


def _run() -> None:
    """Raises SystemExit."""
    try:
        app(args=spread_replay(arguments()), prog_name="live-canary")
    except LiveCanaryError as error:
        typer.echo(f"live-canary: {one_line(str(error))}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:  # before Typer heeds it, or once more while it closes what is open
        sys.exit(CUT_OFF)
    except NoRoomError as error:
        discard(sys.stdout)
        typer.echo(f"live-canary: The disk takes no more ({error.strerror}); make room and run it again.", err=True)
        sys.exit(1)


def _model_is_at_work(before: list[threading.Thread]) -> bool:
    """Also after the end of a session: with a line that it was to hear again, or because the user did not wait.

    before: threads that were there already, which this run has nothing to do with.
    """
    if "live_canary.session.stages" not in sys.modules:
        return False
    from live_canary.session.stages import LOADING, TRANSCRIBING

    return any(thread.name in (LOADING, TRANSCRIBING) and thread not in before for thread in threading.enumerate())


def _wait_for_the_next_starts_weights(exit_code: str | int | None) -> None:
    """After a first session that was short, they may still be on their way to the disk. Ctrl-C goes without them."""
    if "live_canary.model.quantized_file" not in sys.modules:
        return
    from live_canary.model.quantized_file import wait_until_kept

    text = "Writing the model's weights in a form that loads faster next time; Ctrl-C does without."
    try:
        wait_until_kept(lambda: typer.echo(text, err=True))
    except KeyboardInterrupt:
        os._exit(exit_code if isinstance(exit_code, int) else 0)
