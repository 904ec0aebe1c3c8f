"""Finding a checkpoint that is already on this machine; nothing here reaches for the network."""

from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from live_canary.errors import CheckpointError

CANARY_QWEN = "nvidia/canary-qwen-2.5b"
QWEN = "Qwen/Qwen3-1.7B"


def cached_file(repo_id: str, name: str) -> Path | None:
    """A file of a hub repository, if the local cache holds it."""
    try:
        found = try_to_load_from_cache(repo_id, name)
    except HFValidationError:
        return None
    return Path(found) if isinstance(found, str) else None


def is_complete(repo_id: str) -> bool:
    """Whether a published checkpoint is on this machine together with the LLM's config and tokenizer."""
    checkpoint = all(cached_file(repo_id, name) for name in ("config.json", "model.safetensors"))
    return checkpoint and all(cached_file(QWEN, name) for name in ("config.json", "tokenizer.json"))


def find_checkpoint(path_or_id: str | Path) -> Path:
    """The folder of a checkpoint given as a path or as a hub id. Raises CheckpointError when it is not here."""
    folder = Path(path_or_id).expanduser()
    if folder.is_dir():
        return folder
    if folder.exists():
        raise CheckpointError(f"{folder} is a file; give the folder that holds config.json and model.safetensors")
    weights = cached_file(str(path_or_id), "model.safetensors")
    if weights is None:
        raise CheckpointError(
            f"No model '{path_or_id}' on this machine: it is neither a folder nor in the Hugging Face cache; "
            f"fetch it with `hf download {CANARY_QWEN}`, or use `--model demo`"
        )
    return weights.parent


def find_backbone_file(checkpoint: Path, pretrained_llm: str, name: str) -> Path:
    """`config.json` or `tokenizer.json` of the LLM: beside the checkpoint in `llm_backbone/`, else from the cache."""
    local = checkpoint / "llm_backbone" / name
    if local.is_file():
        return local
    cached = cached_file(pretrained_llm, name)
    if cached is None:
        raise CheckpointError(
            f"{local} is missing, and {pretrained_llm} is not in the Hugging Face cache either; "
            f"fetch it with `hf download {pretrained_llm} config.json tokenizer.json tokenizer_config.json`"
        )
    return cached
