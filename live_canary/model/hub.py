"""Finding a checkpoint that is already on this machine, and what is known of the published one; nothing here reaches
for the network."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from huggingface_hub import try_to_load_from_cache
from huggingface_hub.errors import HFValidationError

from live_canary import files
from live_canary.errors import CheckpointError, ModelMissing

CANARY_QWEN = "nvidia/canary-qwen-2.5b"
QWEN = "Qwen/Qwen3-1.7B"

CHECKPOINT_FILES = ("config.json", "model.safetensors")
LLM_FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True, slots=True)
class Known:
    """A published file as it is known to be right."""

    size: int
    """Bytes."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Pinned:
    """The one revision of a repository that is fetched unless another is asked for."""

    revision: str
    files: Mapping[str, Known]


# Where these values are from, all read in November 2026; the hub itself could not be asked:
# - both revisions, and sizes and SHA-256 of Canary-Qwen's files: the hub's listing of them as kept by ayutaz/vokra
#   (github.com), tools/parity/canary_qwen_2_5b_inspect.py at 52ac29a. The revision is also the one that
#   handy-computer/transcribe.cpp converts (docs/models/canary-qwen-2.5b.md). The size is what the 1,718 tensors
#   and safetensors' note of the tied lm_head come to; without that note it would be 80 bytes less. Where both are
#   known, the SHA-256 decides.
# - Qwen3-1.7B's: flujo-app/CommunityAI (github.com), manifests/candidates/qwen3-1.7b-bfloat16-eager.json at 2a47dd1;
#   generation_config.json's Git name is in vokra's listing. Those of config.json, generation_config.json and
#   tokenizer.json have been computed again from the files' text.
PINNED: Mapping[str, Pinned] = {
    CANARY_QWEN: Pinned(
        "b1469e1bba1cfe140205529c79c434ca47180960",
        {
            "config.json": Known(2_382, "37d15b0445fade873944c9b0cda7221953ec2207169cb6488a3a57d90e629d52"),
            "model.safetensors": Known(
                5_119_120_624, "800cb0d099cf655a8887d8b741c3a4afa9891e2b2949870251c4d58c72b59175"
            ),
        },
    ),
    QWEN: Pinned(
        "70d244cc86ccca08cf5af4e1e306ecf908b1ad5e",
        {
            "config.json": Known(726, "1ddb5b89ebc90dcb417a45c213d818577e65976454d29385c8f6140771d95197"),
            "generation_config.json": Known(239, "2325da0f15bb848e018c5ae071b7943332e9f871d6b60e2ed22ca97d4cb993d2"),
            "tokenizer.json": Known(11_422_654, "aeb13307a71acd8fe81861d94ad54ab689df773318809eed3cbe794b4492dae4"),
            "tokenizer_config.json": Known(9_732, "d5d09f07b48c3086c508b30d1c9114bd1189145b74e982a265350c923acd8101"),
        },
    ),
}
MODEL_BYTES = PINNED[CANARY_QWEN].files["model.safetensors"].size


def cached_file(repo_id: str, name: str) -> Path | None:
    """A file of a hub repository, if the local cache holds it: of the pinned revision, else of the one fetched last."""
    pinned = PINNED.get(repo_id)
    for revision in (pinned.revision, None) if pinned else (None,):
        try:
            found = try_to_load_from_cache(repo_id, name, revision=revision)
        except HFValidationError:
            return None
        if isinstance(found, str):
            return Path(found)
    return None


def is_pinned(repo_id: str, path: Path) -> bool:
    """Whether it is a file of the pinned revision, from the hub or carried here by hand."""
    pinned = PINNED.get(repo_id)
    return pinned is not None and (path.parent.name == pinned.revision or carried_folder(CANARY_QWEN) in path.parents)


def right_checksum(repo_id: str, path: Path) -> str | None:
    """What a file's checksum must be, in hexadecimal: SHA-256, or the SHA-1 under which git knows a small file.

    Of the pinned revision it is the pinned one. Of any other it is what the hub announced when the file was fetched,
    which the hub's cache keeps as the name of the file that it links to. None where neither is known.
    """
    if is_pinned(repo_id, path):
        known = PINNED[repo_id].files.get(path.name)
        return known.sha256 if known else None
    announced = path.resolve().name
    return announced if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", announced) else None


def carried_folder(repo_id: str) -> Path:
    """Where `live-canary download --from` puts a copy that was carried by hand."""
    import platformdirs  # a machine that only computes needs none

    return platformdirs.user_data_path("live-canary", appauthor=False) / "models" / repo_id.replace("/", "--")


def is_complete(repo_id: str) -> bool:
    """Whether a published checkpoint is on this machine together with the LLM's config and tokenizer."""
    if files.is_file(carried_folder(repo_id) / "model.safetensors"):
        return True
    return _is_cached(repo_id)


def _is_cached(repo_id: str) -> bool:
    wanted = [(repo_id, name) for name in CHECKPOINT_FILES] + [(QWEN, "config.json"), (QWEN, "tokenizer.json")]
    return all(cached_file(owner, name) for owner, name in wanted)


def find_checkpoint(path_or_id: str | Path) -> Path:
    """The folder of a checkpoint given as a path or as a hub id.

    Raises CheckpointError, ModelMissing when it is not here.
    """
    folder = files.expanded(path_or_id)
    try:
        if not files.is_gone(folder):
            if folder.is_dir():
                return folder
            raise CheckpointError(f"{folder} is a file; give the folder that holds config.json and model.safetensors")
    except OSError as error:
        raise CheckpointError(f"{folder} cannot be opened: {error.strerror}; check its name and permissions") from None
    return find_downloaded(str(path_or_id))


def find_downloaded(repo_id: str) -> Path:
    """The folder of a hub's checkpoint, whatever lies under its name in the folder that the user is in.

    Raises ModelMissing when it is not here.
    """
    weights = cached_file(repo_id, "model.safetensors")
    carried = carried_folder(repo_id)
    if files.is_file(carried / "model.safetensors") and not _is_cached(repo_id):
        return carried
    if weights is not None:
        return weights.parent
    raise ModelMissing(
        f"No model '{repo_id}' on this machine: it is neither a folder nor has it been downloaded; "
        f"fetch it with `live-canary download {_fetchable(repo_id)}`, or use `--model demo`"
    )


def _fetchable(name: str) -> str:
    """What of a hub could have been meant."""
    return name if re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII) else CANARY_QWEN


def find_backbone_file(checkpoint: Path, pretrained_llm: str, name: str) -> Path:
    """`config.json` or `tokenizer.json` of the LLM: beside the checkpoint in `llm_backbone/`, else from the cache.

    Raises CheckpointError where neither has it.
    """
    local = checkpoint / "llm_backbone" / name
    if files.is_file(local):
        return local
    cached = cached_file(pretrained_llm, name)
    if cached is None:
        raise CheckpointError(
            f"{local} is missing, and {pretrained_llm} is not in the Hugging Face cache either; "
            "fetch both with `live-canary download`"
        )
    return cached
