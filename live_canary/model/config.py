"""What the two files `config.json` say about a checkpoint; every size comes from here, none from a constant."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from live_canary.errors import CheckpointError

PLACEHOLDER = "<|audioplaceholder|>"
MAX_SIZE = 2**24
MAX_LAYERS = 1000  # each takes time and memory to build, before any weight is looked at
# As of the largest Qwen3. The kernels have room on a thread's stack for so much:
MAX_WIDTH = 25_600  # inputs of a matrix, of which 4-bit weights are unpacked there
MAX_SHARING = 16  # heads that share keys, whose scores are there together

# What the code computes. A checkpoint that asks for something else is refused instead of being misread.
_SUPPORTED_TOP: dict[str, Any] = {"audio_locator_tag": PLACEHOLDER, "prompt_format": "qwen"}
_SUPPORTED_PREPROCESSOR: dict[str, Any] = {
    "normalize": "per_feature",
    "window": "hann",
    "log": True,
    "frame_splicing": 1,
    "preemph": 0.97,
    "mag_power": 2.0,
}
_SUPPORTED_ENCODER: dict[str, Any] = {
    "feat_out": -1,
    "subsampling": "dw_striding",
    "subsampling_factor": 8,
    "causal_downsampling": False,
    "reduction": None,
    "self_attention_model": "rel_pos",
    "att_context_size": [-1, -1],
    "att_context_style": "regular",
    "xscaling": False,
    "untie_biases": True,
    "use_bias": True,
    "conv_norm_type": "batch_norm",
    "conv_context_size": None,
}
_SUPPORTED_QWEN: dict[str, Any] = {
    "hidden_act": "silu",
    "attention_bias": False,
    "use_sliding_window": False,
    "rope_scaling": None,
}
_SUPPORTED_DTYPES = (None, "bfloat16", "float16", "float32")
_SUPPORTED_ADAPTER: dict[str, Any] = {"_target_": "nemo.collections.speechlm2.modules.perception.IdentityConnector"}


@dataclass(frozen=True, slots=True)
class FeatureConfig:
    sample_rate: int
    mel_bins: int
    fft_samples: int
    window_samples: int
    hop_samples: int


@dataclass(frozen=True, slots=True)
class EncoderConfig:
    width: int
    layers: int
    heads: int
    feed_forward_width: int
    subsampling_channels: int
    conv_kernel_size: int
    mel_bins: int
    output_width: int
    """Width of the projected audio embeddings, the LLM's hidden size."""


@dataclass(frozen=True, slots=True)
class LoraSettings:
    rank: int
    alpha: float
    target_modules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class QwenConfig:
    """Sizes of the LLM, under the names that Qwen3's own file has."""

    vocab_size: int
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    rms_norm_eps: float
    rope_theta: float


@dataclass(frozen=True, slots=True)
class CanaryConfig:
    features: FeatureConfig
    encoder: EncoderConfig
    lora: LoraSettings
    pretrained_llm: str
    """The hub id whose config and tokenizer belong to the checkpoint when no `llm_backbone/` lies beside it."""


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file. Raises CheckpointError when it is missing, unreadable or not an object."""
    try:
        value = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise CheckpointError(
            f"{path} is missing: a Canary-Qwen folder holds config.json, model.safetensors and llm_backbone/"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(
            f"{path} cannot be read as JSON ({error}); copy it again from the published model"
        ) from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path} holds no JSON object; copy it again from the published model")
    return value


def read_config(path: Path) -> CanaryConfig:
    """Sizes of the checkpoint whose `config.json` is `path`.

    Raises CheckpointError naming the key when one is missing, ill-typed or asks for something that is not
    implemented here.
    """
    reader = _Reader(path, "live-canary runs checkpoints of nvidia/canary-qwen-2.5b's form")
    reader.require((), _SUPPORTED_TOP, optional=False)
    preprocessor, encoder = ("perception", "preprocessor"), ("perception", "encoder")
    reader.require(preprocessor, _SUPPORTED_PREPROCESSOR)
    reader.require(encoder, _SUPPORTED_ENCODER)
    reader.require(("perception", "modality_adapter"), _SUPPORTED_ADAPTER)
    rate = reader.integer(*preprocessor, "sample_rate")
    mel_bins = reader.integer(*preprocessor, "features")
    width, heads = reader.integer(*encoder, "d_model", limit=MAX_WIDTH), reader.integer(*encoder, "n_heads")
    expansion = reader.integer(*encoder, "ff_expansion_factor", limit=MAX_WIDTH // width)
    if width % 2:
        raise reader.error((*encoder, "d_model"), f"must be even, not {width}")
    if width % heads:
        raise reader.error((*encoder, "n_heads"), f"is {heads}, which does not divide the d_model of {width}")
    taps = reader.integer(*encoder, "conv_kernel_size")
    if taps % 2 == 0:
        raise reader.error((*encoder, "conv_kernel_size"), f"must be odd, not {taps}")
    features = FeatureConfig(
        sample_rate=rate,
        mel_bins=mel_bins,
        fft_samples=reader.integer(*preprocessor, "n_fft"),
        window_samples=reader.samples(*preprocessor, "window_size", rate=rate),
        hop_samples=reader.samples(*preprocessor, "window_stride", rate=rate),
    )
    return CanaryConfig(
        features=features,
        encoder=EncoderConfig(
            width=width,
            layers=reader.integer(*encoder, "n_layers", limit=MAX_LAYERS),
            heads=heads,
            feed_forward_width=width * expansion,
            subsampling_channels=reader.integer(*encoder, "subsampling_conv_channels"),
            conv_kernel_size=taps,
            mel_bins=mel_bins,
            output_width=reader.integer("perception", "output_dim"),
        ),
        lora=LoraSettings(
            rank=reader.integer("lora", "r"),
            alpha=reader.number("lora", "lora_alpha"),
            target_modules=tuple(reader.strings("lora", "target_modules")),
        ),
        pretrained_llm=reader.string("pretrained_llm"),
    )


def read_qwen_config(path: Path) -> QwenConfig:
    """Sizes of the LLM, from Qwen3's own `config.json`. Raises CheckpointError as `read_config` does."""
    reader = _Reader(path, "copy the config.json of Qwen/Qwen3-1.7B")
    reader.require((), {"model_type": "qwen3", "tie_word_embeddings": True}, optional=False)
    reader.require((), _SUPPORTED_QWEN)
    layers = reader.integer("num_hidden_layers", limit=MAX_LAYERS)
    if (layer_types := reader.root.get("layer_types")) is not None and layer_types != ["full_attention"] * layers:
        raise reader.error(
            ("layer_types",), f"must name 'full_attention' for each of {layers} layers: nothing else is supported"
        )
    for key in ("dtype", "torch_dtype"):
        if reader.root.get(key) not in _SUPPORTED_DTYPES:
            raise reader.error((key,), f"is {reader.root[key]!r}, but only bfloat16, float16 and float32 are supported")
    if "max_position_embeddings" in reader.root:  # nothing reads it, but a file with nonsense there is damaged
        reader.integer("max_position_embeddings")
    theta: tuple[str, ...] = ("rope_theta",)
    if reader.root.get("rope_parameters") is not None:  # where transformers 5 keeps it
        reader.require(("rope_parameters",), {"rope_type": "default", "type": "default"})  # its older name
        theta = ("rope_parameters", "rope_theta")
    heads = reader.integer("num_attention_heads", limit=MAX_WIDTH)
    kv_heads = reader.integer("num_key_value_heads")
    if heads % kv_heads:
        unequal = f"is {kv_heads}, which {heads} num_attention_heads cannot share equally"
        raise reader.error(("num_key_value_heads",), unequal)
    if heads > MAX_SHARING * kv_heads:
        many = f"is {kv_heads}, each for {heads // kv_heads} attention heads, but at most {MAX_SHARING} may share one"
        raise reader.error(("num_key_value_heads",), many)
    head_dim = reader.integer("head_dim", limit=MAX_WIDTH // heads)
    if head_dim % 2:
        raise reader.error(("head_dim",), f"must be even, not {head_dim}")
    return QwenConfig(
        vocab_size=reader.integer("vocab_size"),
        hidden_size=reader.integer("hidden_size", limit=MAX_WIDTH),
        intermediate_size=reader.integer("intermediate_size", limit=MAX_WIDTH),
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=head_dim,
        rms_norm_eps=reader.number("rms_norm_eps"),
        rope_theta=reader.number(*theta),
    )


class _Reader:
    """Typed look-ups in a nested JSON object; each failure names the file and the key."""

    def __init__(self, path: Path, remedy: str):
        self.path, self.remedy = path, remedy
        self.root = read_json(path)

    def look_up(self, *keys: str) -> Any:
        value: Any = self.root
        for depth, key in enumerate(keys):
            if not isinstance(value, dict) or key not in value:
                raise self.error(keys[: depth + 1], "is missing")
            value = value[key]
        return value

    def integer(self, *keys: str, limit: int = MAX_SIZE) -> int:
        value = self.look_up(*keys)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= limit:
            raise self.error(keys, f"must be a whole number from 1 to {limit}, not {value!r}")
        return value

    def number(self, *keys: str) -> float:
        value = self.look_up(*keys)
        if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 2**24:
            raise self.error(keys, f"must be a positive number, not {value!r}")
        return float(value)

    def samples(self, *keys: str, rate: int) -> int:
        """Of a length in seconds."""
        count = round(self.number(*keys) * rate)
        if not 0 < count <= MAX_SIZE:
            raise self.error(keys, f"is {count} samples")
        return count

    def string(self, *keys: str) -> str:
        value = self.look_up(*keys)
        if not isinstance(value, str) or not value:
            raise self.error(keys, f"must be a text, not {value!r}")
        return value

    def strings(self, *keys: str) -> list[str]:
        value = self.look_up(*keys)
        if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
            raise self.error(keys, f"must be a list of names, not {value!r}")
        return value

    def require(self, section: tuple[str, ...], supported: dict[str, Any], *, optional: bool = True) -> None:
        """Refuse a section that asks for anything but `supported`; an absent key means NeMo's default, which is it."""
        found = self.look_up(*section)
        if not isinstance(found, dict):
            raise self.error(section, "must be an object")
        for key, value in supported.items():
            if key not in found and not optional:
                raise self.error((*section, key), "is missing")
            if key in found and found[key] != value:
                raise self.error((*section, key), f"is {found[key]!r}, but only {value!r} is supported")

    def error(self, keys: tuple[str, ...], what: str) -> CheckpointError:
        return CheckpointError(f"{self.path}: {'.'.join(keys)} {what}; {self.remedy}")
