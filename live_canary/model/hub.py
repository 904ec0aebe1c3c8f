"""Finding a checkpoint that is already on this machine; nothing here reaches for the network."""

from pathlib import Path

import platformdirs
from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from live_canary.errors import CheckpointError, ModelMissing

CANARY_QWEN = "nvidia/canary-qwen-2.5b"
QWEN = "Qwen/Qwen3-1.7B"

CHECKPOINT_FILES = ("config.json", "model.safetensors")
LLM_FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
KNOWN_BYTES = {(CANARY_QWEN, "model.safetensors"): 5_119_120_544}
"""Sizes that are known to be right. The files' checksums and revision are those that the hub announces."""


def cached_file(repo_id: str, name: str) -> Path | None:
    """A file of a hub repository, if the local cache holds it."""
    try:
        found = try_to_load_from_cache(repo_id, name)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def carried_folder(repo_id: str) -> Path:
    """Where `live-canary download --from` puts a copy that was carried by hand."""
    return platformdirs.user_data_path("live-canary") / "models" / repo_id.replace("/", "--")


def is_complete(repo_id: str) -> bool:
    """Whether a published checkpoint is on this machine together with the LLM's config and tokenizer."""
    if (carried_folder(repo_id) / "model.safetensors").is_file():
        return True
    checkpoint = all(cached_file(repo_id, name) for name in CHECKPOINT_FILES)
    return checkpoint and all(cached_file(QWEN, name) for name in ("config.json", "tokenizer.json"))


def find_checkpoint(path_or_id: str | Path) -> Path:
    """The folder of a checkpoint given as a path or as a hub id.

    Raises CheckpointError, ModelMissing when it is not here.
    """
    folder = Path(path_or_id).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise CheckpointError(f"{folder} is a file; give the folder that holds config.json and model.safetensors")
    weights = cached_file(str(path_or_id), "model.safetensors")
    if weights is not None:
        return weights.parent
    carried = carried_folder(str(path_or_id))
    if (carried / "model.safetensors").is_file():
        return carried
    raise ModelMissing(
        f"No model '{path_or_id}' on this machine: it is neither a folder nor has it been downloaded; "
        f"fetch it with `live-canary download {_fetchable(path_or_id)}`, or use `--model demo`"
    )


def _fetchable(path_or_id: str | Path) -> str:
    """What of a hub could have been meant."""
    return str(path_or_id) if str(path_or_id).count("/") == 1 else CANARY_QWEN


def find_backbone_file(checkpoint: Path, pretrained_llm: str, name: str) -> Path:
    """`config.json` or `tokenizer.json` of the LLM: beside the checkpoint in `llm_backbone/`, else from the cache."""
    local = checkpoint / "llm_backbone" / name
    if local.is_file():
        return local
    cached = cached_file(pretrained_llm, name)
    if cached is None:
        raise CheckpointError(
            f"{local} is missing, and {pretrained_llm} is not in the Hugging Face cache either; "
            "fetch both with `live-canary download`"
        )
    return cached
