"""Which model a session runs with: the one asked for, else the real one if it is here, else the demonstration."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from live_canary.bundled import demo_model_folder
from live_canary.model import hub
from live_canary.settings import COMPUTE, DEVICES, Settings, check_choice
from live_canary.transcript.hypothesis import Transcriber

GET_THE_REAL_ONE = (
    f"hf download {hub.CANARY_QWEN} config.json model.safetensors (5.1 GB), then "
    f"hf download {hub.QWEN} config.json tokenizer.json tokenizer_config.json"
)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    folder: Path
    name: str
    """How the user knows it."""
    demo: bool
    notice: str | None = None
    """One line for the user, when this is not what they came for."""


def choose_model(wanted: str) -> ModelChoice:
    """The model called "auto", "demo", a folder or a hub id. Raises CheckpointError when it is not on this machine."""
    if wanted == "demo":
        return ModelChoice(demo_model_folder(), "demo model", demo=True)
    if wanted != "auto":
        return ModelChoice(hub.find_checkpoint(wanted), wanted, demo=False)
    if hub.is_complete(hub.CANARY_QWEN):
        return ModelChoice(hub.find_checkpoint(hub.CANARY_QWEN), hub.CANARY_QWEN, demo=False)
    notice = f"Using the small demonstration model, which makes many mistakes. Get the real one: {GET_THE_REAL_ONE}"
    return ModelChoice(demo_model_folder(), "demo model", demo=True, notice=notice)


def load_with(choice: ModelChoice, settings: Settings) -> Callable[[Callable[[str], None]], Transcriber]:
    """What a session calls in its own thread to get the model; nothing imports torch before.

    Raises InputError, at once, for a device or a form of computing that does not exist.
    """
    check_choice("compute device", settings.compute_device, DEVICES)
    check_choice("form of computing", settings.compute, COMPUTE)

    def load(tell: Callable[[str], None]) -> Transcriber:
        tell(f"Loading {choice.name} …")
        from live_canary.transcript.transcriber import CanaryTranscriber

        return CanaryTranscriber.load(choice.folder, settings.compute_device, COMPUTE[settings.compute])

    return load
