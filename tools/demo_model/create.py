"""A new Canary-Qwen of small sizes with random weights, in the published layout: what training from nothing starts at.

    python -m tools.demo_model.create MODEL TRAIN.txt [--width 144 --layers 6 ...]

The tokenizer, byte-level BPE, is trained on TRAIN.txt (a sentence a line). The defaults are the demo model's sizes.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import nn
from transformers import PreTrainedTokenizerFast, Qwen3Config
from transformers.audio_utils import mel_filter_bank

from live_canary.model.canary import CanaryQwen
from live_canary.model.config import PLACEHOLDER, read_config, read_qwen_config
from live_canary.model.encoder import Perception
from live_canary.model.llm import Qwen
from live_canary.model.prompt import TRANSCRIBE, Prompt
from tools.demo_model.trainee import export

SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def main_config(args: argparse.Namespace) -> dict[str, Any]:
    """config.json as nvidia/canary-qwen-2.5b has it, but for the sizes."""
    return {
        "pretrained_llm": "Qwen/Qwen3-1.7B",
        "pretrained_asr": "nvidia/canary-1b-flash",
        "pretrained_weights": False,
        "audio_locator_tag": PLACEHOLDER,
        "prompt_format": "qwen",
        "freeze_params": ["^llm\\..+$", "^embed_tokens\\..+$"],
        "prevent_freeze_params": ["^.+\\.lora_.+$"],
        "lora": {
            "task_type": "CAUSAL_LM",
            "r": args.lora_rank,
            "lora_alpha": 2 * args.lora_rank,
            "lora_dropout": 0.01,
            "target_modules": ["q_proj", "v_proj"],
        },
        "torch_dtype": "bfloat16",
        "perception": {
            "target": "nemo.collections.speechlm2.modules.perception.AudioPerceptionModule",
            "output_dim": args.llm_width,
            "modality_adapter": {
                "_target_": "nemo.collections.speechlm2.modules.perception.IdentityConnector",
                "d_model": args.width,
            },
            "preprocessor": {
                "_target_": "nemo.collections.asr.modules.AudioToMelSpectrogramPreprocessor",
                "sample_rate": 16000,
                "normalize": "per_feature",
                "window_size": 0.025,
                "window_stride": 0.01,
                "window": "hann",
                "features": 128,
                "n_fft": 512,
                "log": True,
                "frame_splicing": 1,
                "dither": 1e-05,
                "pad_to": 0,
                "pad_value": 0.0,
            },
            "encoder": {
                "_target_": "nemo.collections.asr.modules.ConformerEncoder",
                "feat_in": 128,
                "feat_out": -1,
                "n_layers": args.layers,
                "d_model": args.width,
                "use_bias": True,
                "subsampling": "dw_striding",
                "subsampling_factor": 8,
                "subsampling_conv_channels": args.conv_channels,
                "causal_downsampling": False,
                "reduction": None,
                "reduction_position": None,
                "reduction_factor": 1,
                "ff_expansion_factor": 4,
                "self_attention_model": "rel_pos",
                "n_heads": args.heads,
                "att_context_size": [-1, -1],
                "att_context_style": "regular",
                "xscaling": False,
                "untie_biases": True,
                "pos_emb_max_len": 5000,
                "conv_kernel_size": 9,
                "conv_norm_type": "batch_norm",
                "conv_context_size": None,
                "dropout": 0.1,
                "dropout_pre_encoder": 0.1,
                "dropout_emb": 0.0,
                "dropout_att": 0.1,
            },
        },
    }


def llm_config(args: argparse.Namespace) -> Qwen3Config:
    return Qwen3Config(
        architectures=["Qwen3ForCausalLM"],
        vocab_size=args.vocabulary,
        hidden_size=args.llm_width,
        intermediate_size=args.llm_mlp,
        num_hidden_layers=args.llm_layers,
        num_attention_heads=args.heads,
        num_key_value_heads=args.heads // 2,
        head_dim=args.llm_width // args.heads,
        max_position_embeddings=40960,
        tie_word_embeddings=True,
        initializer_range=0.06,
        rope_parameters={"rope_theta": 1e6, "rope_type": "default"},
    )


def train_tokenizer(texts: list[str], vocabulary: int, folder: Path) -> None:
    """The prompt's words are seen often enough to become single tokens."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer, bpe.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    prompt = ["user", "assistant", TRANSCRIBE.removesuffix(PLACEHOLDER)]
    bpe.train_from_iterator(
        texts + prompt * 5000,
        trainers.BpeTrainer(
            vocab_size=vocabulary,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            special_tokens=SPECIAL,
            show_progress=False,
        ),
    )
    PreTrainedTokenizerFast(
        tokenizer_object=bpe, eos_token=SPECIAL[2], pad_token=SPECIAL[0], additional_special_tokens=SPECIAL[1:]
    ).save_pretrained(folder)


def random_weights(folder: Path) -> CanaryQwen:
    """The model that the configs in FOLDER describe; NeMo's window and filter bank, everything else by chance."""
    config, backbone = read_config(folder / "config.json"), folder / "llm_backbone"
    perception = Perception(config)
    features = config.features
    bank = mel_filter_bank(
        features.fft_samples // 2 + 1,
        features.mel_bins,
        0,
        features.sample_rate / 2,
        features.sample_rate,
        norm="slaney",
        mel_scale="slaney",
    )
    featurizer = perception.preprocessor.featurizer
    featurizer.fb.copy_(torch.from_numpy(bank.T))
    featurizer.window.copy_(torch.hann_window(features.window_samples, periodic=False))
    for module in perception.encoder.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d):
            gain = 2 if module.weight.ndim == 4 else 1
            nn.init.normal_(module.weight, std=(gain / module.weight[0].numel()) ** 0.5)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    qwen = Qwen(read_qwen_config(backbone / "config.json"), config.lora)
    spread = json.loads((backbone / "config.json").read_text())["initializer_range"]
    for name, weight in qwen.named_parameters():
        if "lora_B" in name:  # nothing is adapted yet
            nn.init.zeros_(weight)
        elif weight.ndim == 2 and "lora_A" not in name:
            nn.init.normal_(weight, std=spread)
    return CanaryQwen(config, perception, qwen, Prompt.load(backbone / "tokenizer.json"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("texts", type=Path)
    sizes = {
        "width": 144,
        "layers": 6,
        "heads": 4,
        "conv-channels": 32,
        "llm-width": 192,
        "llm-layers": 3,
        "llm-mlp": 1024,
        "lora-rank": 16,
        "vocabulary": 640,
        "seed": 0,
    }
    for flag, default in sizes.items():
        parser.add_argument("--" + flag, type=int, default=default)
    args = parser.parse_args()
    backbone = args.model / "llm_backbone"
    backbone.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(args.seed)
    (args.model / "config.json").write_text(json.dumps(main_config(args), indent=2) + "\n")
    llm_config(args).save_pretrained(backbone)
    train_tokenizer(args.texts.read_text().splitlines(), args.vocabulary, backbone)
    export(random_weights(args.model), args.model)
    print(f"{args.model}: {(args.model / 'model.safetensors').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
