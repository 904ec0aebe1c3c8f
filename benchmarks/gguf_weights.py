"""A checkpoint in the published layout as a GGUF file that transcribe.cpp reads, to measure both side by side.

    pip install gguf; python benchmarks/gguf_weights.py MODEL OUT.gguf [--form Q8_0]

Forms: Q8_0 and Q4_0 as transcribe-quantize makes them (matrices and embeddings so, pointwise convolutions in F16, the
rest in F32), or F16. The adapter is merged into the weights. Names and keys are those that transcribe.cpp 0.4 asks for.
"""

import argparse
import json
import re
from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from live_canary.model.canary import CanaryQwen
from live_canary.model.matrices import merged

RENAMED = [  # of the checkpoint's names: a pattern and what becomes of it
    (r"perception\.encoder\.pre_encode\.(.*)", r"enc.pre_encode.\1"),
    (r"perception\.encoder\.layers\.(\d+)\.(.*)", r"enc.blocks.\1.\2"),
    (r"perception\.proj\.(.*)", r"enc.proj.\1"),
    (r"perception\.preprocessor\.featurizer\.fb", "frontend.mel_filterbank"),
    (r"perception\.preprocessor\.featurizer\.window", "frontend.window"),
    (r"embed_tokens\.weight", "dec.token_embd.weight"),
    (r"llm\.base_model\.model\.model\.norm\.weight", "dec.output_norm.weight"),
    (r"llm\.base_model\.model\.model\.layers\.(\d+)\.(.*)", r"dec.blocks.\1.\2"),
]
SHORTER = {
    "feed_forward1": "ff1",
    "feed_forward2": "ff2",
    "norm_self_att": "norm_attn",
    "self_attn": "attn",
    "pointwise_conv": "pointwise",
    "depthwise_conv": "depthwise",
    "batch_norm": "bn",
    "input_layernorm": "norm_attn",
    "post_attention_layernorm": "norm_ffn",
    "mlp": "ffn",
    "_proj": "",
    ".base_layer": "",
}
CONTROL, NORMAL = 3, 1  # kinds of tokens


def tensors(folder: Path, model: CanaryQwen) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Every tensor under its name in the GGUF file."""
    layers = model.qwen.layers
    with safe_open(folder / "model.safetensors", "pt") as file:
        for key in file.keys():  # noqa: SIM118 - it is no dict
            name = next((re.sub(old, new, key) for old, new in RENAMED if re.fullmatch(old, key)), None)
            if name is None or "lora" in key or key.endswith("num_batches_tracked"):
                continue
            tensor = file.get_tensor(key)
            if key.endswith("base_layer.weight"):
                number, projection = re.findall(r"layers\.(\d+)\.self_attn\.(\w)_proj", key)[0]
                tensor = merged(getattr(layers[int(number)].self_attn, f"{projection}_proj"))
            for long, short in SHORTER.items():
                name = name.replace(long, short)
            array = tensor.float().numpy()
            if name == "dec.token_embd.weight":  # the placeholder's own row is never read, but asked for
                array = np.pad(array, ((0, tokens_of(model) - len(array)), (0, 0)))
            yield name, array[0] if name == "frontend.mel_filterbank" else array


def tokens_of(model: CanaryQwen) -> int:
    size = model.qwen.config.vocab_size
    return max(size, model.prompt.placeholder_id + 1)


def form_of(name: str, array: NDArray[np.float32], matrices: gguf.GGMLQuantizationType) -> gguf.GGMLQuantizationType:
    if array.ndim < 2 or name.startswith("frontend.") or name.endswith(("pos_bias_u", "pos_bias_v")):
        return gguf.GGMLQuantizationType.F32
    if ".conv." in name:
        return gguf.GGMLQuantizationType.F16 if "pointwise" in name else gguf.GGMLQuantizationType.F32
    block, _ = gguf.GGML_QUANT_SIZES[matrices]
    return gguf.GGMLQuantizationType.F16 if array.shape[-1] % block else matrices


def add_tokenizer(writer: gguf.GGUFWriter, folder: Path, model: CanaryQwen) -> None:
    size = tokens_of(model)
    tokenizer = json.loads((folder / "llm_backbone" / "tokenizer.json").read_text())
    tokens, kinds = [f"<|unused_{number}|>" for number in range(size)], [NORMAL] * size
    for token, number in tokenizer["model"]["vocab"].items():
        tokens[number] = token
    for added in tokenizer["added_tokens"]:
        tokens[added["id"]], kinds[added["id"]] = added["content"], CONTROL if added["special"] else NORMAL
    tokens[model.prompt.placeholder_id], kinds[model.prompt.placeholder_id] = "<|audioplaceholder|>", CONTROL
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in tokenizer["model"]["merges"]]
    writer.add_string("tokenizer.ggml.model", "gpt2")
    writer.add_string("tokenizer.ggml.pre", "qwen2")
    writer.add_array("tokenizer.ggml.tokens", tokens)
    writer.add_array("tokenizer.ggml.token_type", kinds)
    writer.add_array("tokenizer.ggml.merges", merges)
    writer.add_uint32("tokenizer.ggml.eos_token_id", model.prompt.end_id)
    writer.add_bool("tokenizer.ggml.add_bos_token", False)


def add_sizes(writer: gguf.GGUFWriter, folder: Path, model: CanaryQwen) -> None:
    perception = json.loads((folder / "config.json").read_text())["perception"]
    encoder, mel = perception["encoder"], perception["preprocessor"]
    llm = model.qwen.config
    backbone = json.loads((folder / "llm_backbone" / "config.json").read_text())
    rate = mel["sample_rate"]
    sizes: dict[str, int | float | bool | str] = {
        "encoder.n_layers": encoder["n_layers"],
        "encoder.d_model": encoder["d_model"],
        "encoder.n_heads": encoder["n_heads"],
        "encoder.d_ff": encoder["d_model"] * encoder["ff_expansion_factor"],
        "encoder.conv_kernel": encoder["conv_kernel_size"],
        "encoder.subsampling_factor": encoder["subsampling_factor"],
        "encoder.subsampling_channels": encoder["subsampling_conv_channels"],
        "encoder.pos_emb_max_len": encoder["pos_emb_max_len"],
        "encoder.use_bias": True,
        "perception.output_dim": perception["output_dim"],
        "perception.audio_locator_id": model.prompt.placeholder_id,
        "perception.audio_locator_tag": "<|audioplaceholder|>",
        "perception.has_proj_bias": True,
        "decoder.n_layers": llm.num_hidden_layers,
        "decoder.hidden_size": llm.hidden_size,
        "decoder.intermediate_size": llm.intermediate_size,
        "decoder.n_heads": llm.num_attention_heads,
        "decoder.n_kv_heads": llm.num_key_value_heads,
        "decoder.head_dim": llm.head_dim,
        "decoder.hidden_act": "silu",
        "decoder.rms_norm_eps": llm.rms_norm_eps,
        "decoder.rope_theta": llm.rope_theta,
        "decoder.max_position_embeddings": backbone["max_position_embeddings"],
        "decoder.tie_word_embeddings": True,
        "decoder.vocab_size": tokens_of(model),
    }
    frontend: dict[str, int | float | bool | str] = {
        "type": "mel",
        "num_mels": mel["features"],
        "sample_rate": rate,
        "n_fft": mel["n_fft"],
        "win_length": round(mel["window_size"] * rate),
        "hop_length": round(mel["window_stride"] * rate),
        "window": "hann",
        "normalize": "per_feature",
        "dither": 0.0,
        "pre_emphasis": 0.97,
        "f_min": 0.0,
        "f_max": rate / 2,
        "pad_mode": "reflect",
        "center": True,
        "mel_norm": "slaney",
        "log": True,
    }
    named = {f"stt.canary_qwen.{key}": value for key, value in sizes.items()}
    for key, value in (named | {f"stt.frontend.{key}": value for key, value in frontend.items()}).items():
        adders = {bool: writer.add_bool, int: writer.add_uint32, float: writer.add_float32, str: writer.add_string}
        adders[type(value)](key, value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--form", default="Q8_0", choices=["Q8_0", "Q4_0", "F16"])
    args = parser.parse_args()
    torch.set_num_threads(1)
    model = CanaryQwen.load(args.model, "cpu", "bfloat16")
    writer = gguf.GGUFWriter(args.out, "canary_qwen", use_temp_file=True)
    writer.add_string("stt.variant", "canary-qwen-2.5b")
    writer.add_array("general.languages", ["en"])
    for capability in ("lang_detect", "translate", "timestamps", "streaming"):
        writer.add_bool(f"stt.capability.{capability}", False)
    add_tokenizer(writer, args.model, model)
    add_sizes(writer, args.model, model)
    for name, array in tensors(args.model, model):
        form = form_of(name, array, gguf.GGMLQuantizationType[args.form])
        writer.add_tensor(name, gguf.quantize(array, form), raw_dtype=form)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
