"""A wrong checkpoint is refused with one sentence that names the file, the first wrong thing and the next step."""

import json
import shutil
import struct
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from live_canary.errors import CheckpointError
from live_canary.model.canary import CanaryQwen
from live_canary.model.config import QwenConfig, read_qwen_config
from live_canary.model.hub import CANARY_QWEN
from tests.conftest import TINY


@pytest.fixture
def checkpoint(tmp_path):
    """A copy of the tiny checkpoint to spoil."""
    return shutil.copytree(TINY, tmp_path / "checkpoint")


def refusal(folder) -> str:
    with pytest.raises(CheckpointError) as caught:
        CanaryQwen.load(folder, device="cpu")
    message = str(caught.value)
    assert str(folder) in message
    assert "\n" not in message
    return message


def edit_weights(folder, change) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")


def edit_json(path, *keys, value) -> None:
    root = section = json.loads(path.read_text())
    for key in keys[:-1]:
        section = section[key]
    section[keys[-1]] = value
    path.write_text(json.dumps(root))


def test_a_missing_tensor_is_named(checkpoint):
    name = "perception.encoder.layers.1.self_attn.pos_bias_u"
    edit_weights(checkpoint, lambda tensors: tensors.pop(name))
    assert f"lacks the tensor {name}" in refusal(checkpoint)


def test_an_unknown_tensor_is_named(checkpoint):
    edit_weights(checkpoint, lambda tensors: tensors.update({"llm.extra.weight": torch.zeros(3)}))
    assert "holds the tensor llm.extra.weight" in refusal(checkpoint)


def test_a_tensor_of_another_shape_is_named_with_both_shapes(checkpoint):
    edit_weights(checkpoint, lambda tensors: tensors.update({"perception.proj.bias": torch.zeros(95)}))
    message = refusal(checkpoint)
    assert "perception.proj.bias has shape [95]" in message and "[96]" in message


@pytest.mark.parametrize(("dtype", "told"), [(torch.int8, "I8"), (torch.int64, "I64")])
def test_a_tensor_of_another_dtype_is_named(checkpoint, dtype, told):
    edit_weights(checkpoint, lambda tensors: tensors.update({"perception.proj.bias": torch.zeros(96, dtype=dtype)}))
    assert f"perception.proj.bias is stored as {told}; convert it to BF16, F16 or F32" in refusal(checkpoint)


def test_weights_may_be_stored_in_float16(checkpoint):
    def halve(tensors):
        tensors.update({name: tensor.half() for name, tensor in tensors.items() if tensor.is_floating_point()})

    edit_weights(checkpoint, halve)
    assert CanaryQwen.load(checkpoint, device="cpu").compute == "float32"


def test_a_note_beside_the_tensors_is_none_of_them(checkpoint):
    """The published file has one."""
    tensors = load_file(checkpoint / "model.safetensors")
    save_file(tensors, checkpoint / "model.safetensors", metadata={"format": "pt"})
    assert CanaryQwen.load(checkpoint, device="cpu").compute == "float32"


def test_weights_that_cannot_be_read_are_told_with_the_reason(checkpoint):
    (checkpoint / "model.safetensors").unlink()
    (checkpoint / "model.safetensors").mkdir()
    assert "model.safetensors cannot be read (Is a directory); check its permissions" in refusal(checkpoint)


@pytest.mark.parametrize("kept_bytes", [0, 5, 1000, 1_000_000, -1])
def test_a_truncated_file_is_recognised(checkpoint, kept_bytes):
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:kept_bytes])
    message = refusal(checkpoint)
    assert ("not a safetensors file" if 0 <= kept_bytes <= 8 else "cut off") in message


def test_a_text_file_in_place_of_the_weights_is_recognised(checkpoint):
    (checkpoint / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0123\n")
    assert "not a safetensors file" in refusal(checkpoint)


def test_a_pickled_checkpoint_is_not_read(checkpoint):
    torch.save({"weight": torch.zeros(2)}, checkpoint / "model.safetensors")
    assert "not a safetensors file" in refusal(checkpoint)


@pytest.mark.parametrize("config", ["config.json", "llm_backbone/config.json", "llm_backbone/tokenizer.json"])
def test_code_that_comes_with_a_checkpoint_is_not_run(checkpoint, config):
    """transformers would import `auto_map`'s module for whoever trusts remote code."""
    ran = checkpoint / "it-ran"
    for folder in (checkpoint, checkpoint / "llm_backbone"):
        (folder / "planted.py").write_text(f"open({str(ran)!r}, 'w')\nclass Model: ...\n")
    classes = ("AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoTokenizer")
    edit_json(checkpoint / config, "auto_map", value=dict.fromkeys(classes, "planted.Model"))
    with suppress(CheckpointError):
        CanaryQwen.load(checkpoint, device="cpu")
    assert not ran.exists()


@pytest.mark.parametrize(
    "header",
    [
        b"{" * 100_000,
        b"[]",
        b'{"a": 1}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}}',
        b'{"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 0]}}',
        b'{"a": {"dtype": "F32", "shape": 7, "data_offsets": [0, 4]}}',
        b'{"a": {"dtype": "F32", "shape": [4611686018427387904, 8], "data_offsets": [0, 0]}}',
    ],
)
def test_a_header_that_lies_is_refused(checkpoint, header):
    (checkpoint / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    refusal(checkpoint)


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors", "llm_backbone/config.json", "llm_backbone/tokenizer.json"]
)
def test_a_missing_file_is_named(checkpoint, name):
    (checkpoint / name).unlink()
    assert f"{checkpoint / name} is missing" in refusal(checkpoint)


def test_a_config_that_is_not_json_is_named(checkpoint):
    (checkpoint / "config.json").write_text("{")
    assert "config.json cannot be read as JSON" in refusal(checkpoint)


def test_a_config_that_is_a_list_is_named(checkpoint):
    (checkpoint / "config.json").write_text("[]")
    assert "config.json holds no JSON object; copy it again" in refusal(checkpoint)


def test_a_tokenizer_that_is_none_is_named(checkpoint):
    (checkpoint / "llm_backbone" / "tokenizer.json").write_text("{}")
    assert "tokenizer.json is not a tokenizer file" in refusal(checkpoint)


@pytest.mark.parametrize("name", ["im_start", "im_end"])
def test_a_tokenizer_of_another_model_is_refused(checkpoint, name):
    path = checkpoint / "llm_backbone" / "tokenizer.json"
    path.write_text(path.read_text().replace(f"<|{name}|>", "<|other|>"))
    assert f"does not know <|{name}|>" in refusal(checkpoint)


@pytest.mark.parametrize("largest", [512, 5002])
def test_a_tokenizer_of_a_larger_vocabulary_is_refused(checkpoint, largest):
    path = checkpoint / "llm_backbone" / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    for number, token in enumerate(tokenizer["added_tokens"]):
        tokenizer["model"]["vocab"][token["content"]] = token["id"] = largest - 2 + number
    path.write_text(json.dumps(tokenizer))
    told = f"has the token {largest}, but the LLM's vocab_size is 512; tokenizer.json and config.json must come"
    assert told in refusal(checkpoint)


def test_another_placeholder_is_refused(checkpoint):
    edit_json(checkpoint / "config.json", "audio_locator_tag", value="<audio>")
    assert "audio_locator_tag is '<audio>', but only '<|audioplaceholder|>'" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("key", "value"),
    [("subsampling", "striding"), ("att_context_size", [70, 13]), ("xscaling", True), ("conv_norm_type", "layer_norm")],
)
def test_an_encoder_option_that_is_not_implemented_is_named(checkpoint, key, value):
    edit_json(checkpoint / "config.json", "perception", "encoder", key, value=value)
    assert f"perception.encoder.{key} is {value!r}, but only" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("prompt_format",), "llama3"),
        (("perception", "preprocessor", "preemph"), 0.0),
        (("perception", "preprocessor", "normalize"), "all_features"),
        (("perception", "preprocessor", "window"), "hamming"),
        (("perception", "preprocessor", "mag_power"), 1.0),
        (("perception", "encoder", "causal_downsampling"), True),
        (("perception", "encoder", "use_bias"), False),
        (("perception", "encoder", "untie_biases"), False),
        (("perception", "encoder", "conv_context_size"), "causal"),
        (("perception", "modality_adapter", "_target_"), "nemo.QformerConnector"),
    ],
)
def test_what_the_code_does_not_compute_is_refused_instead_of_misread(checkpoint, keys, value):
    edit_json(checkpoint / "config.json", *keys, value=value)
    assert f"{'.'.join(keys)} is {value!r}, but only" in refusal(checkpoint)


@pytest.mark.parametrize("key", ["audio_locator_tag", "prompt_format"])
def test_a_config_that_does_not_say_how_it_is_asked_is_refused(checkpoint, key):
    path = checkpoint / "config.json"
    path.write_text(json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != key}))
    assert f"{key} is missing; live-canary runs checkpoints of" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("perception", "encoder", "n_layers"), "three"),
        (("perception", "encoder", "d_model"), -64),
        (("perception", "encoder", "d_model"), 63),
        (("perception", "encoder", "n_heads"), 3),
        (("perception", "encoder", "conv_kernel_size"), 8),
        (("lora", "r"), True),
        (("lora", "target_modules"), []),
        (("pretrained_llm",), None),
        (("perception", "encoder"), []),
    ],
)
def test_an_ill_typed_setting_is_named(checkpoint, keys, value):
    edit_json(checkpoint / "config.json", *keys, value=value)
    assert ".".join(keys) in refusal(checkpoint)


def test_config_and_weights_of_different_sizes_are_told_apart(checkpoint):
    edit_json(checkpoint / "config.json", "perception", "encoder", "d_model", value=128)
    assert "config and weights must come from the same model" in refusal(checkpoint)


def test_another_language_model_is_refused(checkpoint):
    edit_json(checkpoint / "llm_backbone" / "config.json", "model_type", value="llama")
    assert "model_type is 'llama', but only 'qwen3' is supported" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("hidden_act", "gelu", "hidden_act is 'gelu', but only 'silu' is supported"),
        (
            "rope_parameters",
            {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 32768},
            "rope_type is 'yarn', but only 'default' is supported",
        ),
        (
            "rope_parameters",
            {"type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 32768},
            "rope_parameters.type is 'yarn', but only 'default' is supported",
        ),
        ("rope_scaling", {"type": "linear", "factor": 2.0}, "rope_scaling is {'type': 'linear', 'factor': 2.0}, but"),
        ("attention_bias", True, "attention_bias is True, but only False is supported"),
        ("use_sliding_window", True, "use_sliding_window is True, but only False is supported"),
        ("layer_types", ["sliding_attention"] * 3, "layer_types must name 'full_attention' for each of 3 layers"),
        ("num_hidden_layers", 1001, "num_hidden_layers must be a whole number from 1 to 1000, not 1001; copy"),
        ("head_dim", 31, "head_dim must be even, not 31"),
        ("num_key_value_heads", 4, "num_key_value_heads is 4, which 6 num_attention_heads cannot share equally"),
        ("attention_bias", True, "attention_bias is True, but only False is supported"),
        ("intermediate_size", 400_000, "intermediate_size must be a whole number from 1 to 25600, not 400000"),
        ("num_attention_heads", 34, "is 2, each for 17 attention heads, but at most 16 may share one"),
        ("num_key_value_heads", 12, "num_key_value_heads is 12, which 6 num_attention_heads cannot share equally"),
    ],
)
def test_an_option_of_the_llm_that_is_not_implemented_is_named(checkpoint, key, value, told):
    edit_json(checkpoint / "llm_backbone" / "config.json", key, value=value)
    assert told in refusal(checkpoint)


def test_the_llms_sizes_are_read_from_the_published_file(tmp_path):
    """As transformers 4 wrote it, with the base of the rotary positions among everything else."""
    published = {
        "architectures": ["Qwen3ForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "head_dim": 128,
        "hidden_act": "silu",
        "hidden_size": 2048,
        "intermediate_size": 6144,
        "max_position_embeddings": 40960,
        "max_window_layers": 28,
        "model_type": "qwen3",
        "num_attention_heads": 16,
        "num_hidden_layers": 28,
        "num_key_value_heads": 8,
        "rms_norm_eps": 1e-06,
        "rope_scaling": None,
        "rope_theta": 1000000,
        "sliding_window": None,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_sliding_window": False,
        "vocab_size": 151936,
    }
    (tmp_path / "config.json").write_text(json.dumps(published))
    assert read_qwen_config(tmp_path / "config.json") == QwenConfig(
        vocab_size=151936,
        hidden_size=2048,
        intermediate_size=6144,
        num_hidden_layers=28,
        num_attention_heads=16,
        num_key_value_heads=8,
        head_dim=128,
        rms_norm_eps=1e-6,
        rope_theta=1e6,
    )


def test_an_llm_whose_head_is_not_its_embeddings_is_refused(checkpoint):
    edit_json(checkpoint / "llm_backbone" / "config.json", "tie_word_embeddings", value=False)
    assert "tie_word_embeddings is False, but only True is supported; copy the config.json of Qwen" in refusal(
        checkpoint
    )


def test_an_llm_of_another_width_is_refused(checkpoint):
    edit_json(checkpoint / "llm_backbone" / "config.json", "hidden_size", value=192)
    assert "hidden_size is 192" in refusal(checkpoint)


@pytest.mark.parametrize(
    ("name", "fetched"),
    [
        ("no/such-model", "no/such-model"),
        ("/no/such/folder", CANARY_QWEN),
        ("my model", CANARY_QWEN),
        ("models/canary/", CANARY_QWEN),
    ],
)
def test_a_model_that_is_nowhere_is_refused_with_the_command_that_fetches_one(name, fetched):
    with pytest.raises(CheckpointError, match=rf"No model '{name}' on this .* `live-canary download {fetched}`, or"):
        CanaryQwen.load(name)


def test_weights_in_place_of_their_folder_are_refused_with_what_to_give():
    weights = TINY / "model.safetensors"
    with pytest.raises(CheckpointError, match=f"{weights} is a file; give the folder that holds config.json"):
        CanaryQwen.load(weights)


def test_a_folder_that_cannot_be_is_refused_in_a_sentence():
    with pytest.raises(CheckpointError, match=r"cannot be opened: File name too long; check its name and permissions"):
        CanaryQwen.load("x" * 300)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="only Linux lists a process's mappings")
def test_weights_stay_memory_mapped_in_the_dtype_of_the_file():
    model = CanaryQwen.load(TINY, device="cpu", dtype="bfloat16")
    mapped = [
        range(*(int(bound, 16) for bound in line.split()[0].split("-")))
        for line in Path("/proc/self/maps").read_text().splitlines()
        if line.endswith("tiny/model.safetensors")
    ]
    weights = [*model.qwen.parameters(), *model.perception.parameters()]
    assert all(any(weight.data_ptr() in addresses for addresses in mapped) for weight in weights)
