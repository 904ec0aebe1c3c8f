"""Which model a session runs with: the one asked for, else the real one if it is here, else the demonstration.

On a terminal a user without the real one is asked whether to fetch it. Without a terminal the demonstration hears what
is replayed, and says so. It does not hear live sound: whoever reads that pipe did not come for a demonstration. Nor
does it transcribe recordings into files: those would stand in the way of the real ones.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import constants

from live_canary.bundled import demo_model_folder
from live_canary.commands.importing import import_transcriber
from live_canary.errors import CheckpointError, ModelMissing
from live_canary.model import hub
from live_canary.settings import COMPUTE, Settings
from live_canary.transcript.hypothesis import Transcriber
from live_canary.transcript.spelling import Speller, Spelling, SpellingTranscriber

GET_THE_REAL_ONE = "live-canary download (5.1 GB)"
QUESTION = (
    "NVIDIA Canary-Qwen 2.5B is not on this machine yet. It understands English. Download 5.1 GB now? [Y/n/demo] "
    "(demo: the small demonstration model, which makes many mistakes) "
)

Ask = Callable[[str], str]
"""Shows a question and gives what the user typed."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    folder: Path
    name: str
    """How the user knows it."""
    demo: bool
    notice: str | None = None
    """One line for the user, when this is not what they came for."""


def choose_model(wanted: str, *, demo_will_do: bool = True, ask: Ask | None = None, plain: bool = False) -> ModelChoice:
    """The model called "auto", "demo", a folder or a hub id.

    For "auto" without the real model on this machine the user is asked if `ask` is given; else the demonstration it is,
    if that will do. plain: as of `download.run`, which may follow.
    Raises CheckpointError, ModelMissing (exit code 3) for a model that is not on this machine.
    """
    if wanted == "demo":
        return ModelChoice(demo_model_folder(), "demo model", demo=True)
    if not wanted.strip():
        raise CheckpointError("The model has no name: give auto, demo, a folder or a hub id.")
    if wanted != "auto":
        return ModelChoice(hub.find_checkpoint(wanted), wanted, demo=False)
    if hub.is_complete(hub.CANARY_QWEN) or (ask and _fetched(ask, plain=plain)):
        return ModelChoice(hub.find_downloaded(hub.CANARY_QWEN), hub.CANARY_QWEN, demo=False)
    if ask is None and not demo_will_do:
        raise ModelMissing(f"The model is not on this machine: run {GET_THE_REAL_ONE}, or try with --model demo.")
    notice = f"Using the small demonstration model, which makes many mistakes. Get the real one: {GET_THE_REAL_ONE}"
    return ModelChoice(demo_model_folder(), "demo model", demo=True, notice=notice)


def terminal_question() -> Ask | None:
    """How to ask the user, if there is one: at a terminal, with the network allowed."""
    return input if sys.stdin.isatty() and sys.stdout.isatty() and not constants.HF_HUB_OFFLINE else None


def _fetched(ask: Ask, *, plain: bool) -> bool:
    """Whether the user had the real model downloaded; False for the demonstration. Raises ModelMissing for neither."""
    while True:
        try:
            answer = ask(QUESTION).strip().lower()
        except (EOFError, KeyboardInterrupt):
            answer = "n"
        if answer in ("", "y", "yes"):
            from live_canary.commands import download

            if download.run(hub.CANARY_QWEN, None, plain=plain) == 0:
                return True
            answer = "n"
        if answer in ("d", "demo"):
            return False
        if answer in ("n", "no"):
            raise ModelMissing(f"There is no model to go on with: run {GET_THE_REAL_ONE}, or try with --model demo.")


def load_with(choice: ModelChoice, settings: Settings) -> Callable[[Callable[[str], None]], Transcriber]:
    """What a session calls in its own thread to get the model; nothing imports torch before.

    Raises InputError for a spelling that cannot be used.
    """
    speller = Speller(map(Spelling.parse, settings.spelling))

    def load(tell: Callable[[str], None]) -> Transcriber:
        tell(f"Loading {choice.name} …")
        leave_deleted_folder()
        device, dtype = settings.compute_device, COMPUTE[settings.compute]
        transcriber = import_transcriber().load(choice.folder, device, dtype, settings.threads, tell)
        return SpellingTranscriber(transcriber, speller) if settings.spelling else transcriber

    return load


def leave_deleted_folder() -> None:
    """Intel's MKL ends the process at the first product where the working folder is not there any more."""
    try:
        os.getcwd()  # noqa: PTH109 - Path.cwd is the same
    except FileNotFoundError:
        os.chdir(os.sep)
