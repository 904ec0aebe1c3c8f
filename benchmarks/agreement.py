"""How often int8 and int4 weights choose another token than full precision, over recordings, and how far logits move.

    python benchmarks/agreement.py [--model FOLDER] [--utterances N] [--output benchmarks/results/agreement.md]

Utterances are the bundled recordings, cut every 10 s. Choices are compared after the prompt and the answer of full
precision, place by place: another choice counts once, and not all that follows it.
"""

import argparse
from datetime import date
from pathlib import Path

import torch

from live_canary.audio.recording_file import read_recording
from live_canary.bundled import assets_folder, demo_model_folder
from live_canary.commands.bench_engine import machine_name
from live_canary.model.canary import CanaryQwen

SECONDS = 10


def utterances() -> list[torch.Tensor]:
    pieces: list[torch.Tensor] = []
    for path in sorted(assets_folder().glob("*.wav")):
        sound = torch.as_tensor(read_recording(path))
        pieces += [piece for piece in sound.split(SECONDS * 16_000) if len(piece) > 16_000]
    return pieces


def logits(model: CanaryQwen, sound: torch.Tensor, answer: list[int]) -> torch.Tensor:
    """(len(answer) + 1, vocabulary): the scores after the prompt and after each token of a given answer."""
    [prompt], _ = model.inputs_embeds([sound])
    decoder = model.decoder
    inputs = torch.cat([prompt.to(decoder.dtype), decoder.embed(answer)])
    decoder._reserve(len(inputs) + 1)
    with torch.inference_mode():
        hidden = decoder._prefill(inputs, len(prompt) - 1, 0)
        normed = torch.nn.functional.rms_norm(hidden, hidden.shape[-1:], decoder.final_norm, decoder.eps)
        return decoder.head(normed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=demo_model_folder())
    parser.add_argument("--utterances", type=int, help="only the first N")
    parser.add_argument("--output", type=Path)
    args = parser.parse_args()
    sounds = utterances()[: args.utterances]
    exact = CanaryQwen.load(args.model, "cpu", "float32")
    answers = [exact.generate_ids(sound.numpy()) for sound in sounds]
    scores = [logits(exact, sound, answer) for sound, answer in zip(sounds, answers, strict=True)]
    places = sum(map(len, scores))
    lines = [
        f"{date.today()}, {machine_name()}, {args.model.name}, {len(sounds)} utterances, {places} choices",
        "",
        "| | same token chosen | same text | logits moved by (share of their spread) |",
        "|---|---|---|---|",
    ]
    for form in ("int8", "int4"):
        model = CanaryQwen.load(args.model, "cpu", form)
        same = texts = 0
        moved = []
        for sound, answer, score in zip(sounds, answers, scores, strict=True):
            other = logits(model, sound, answer)
            same += int((other.argmax(-1) == score.argmax(-1)).sum())
            moved.append(float((other - score).std() / score.std()))
            texts += model.generate_ids(sound.numpy()) == answer
        lines.append(
            f"| {form} | {same} of {places}, {100 * same / places:.2f} % | {texts} of {len(sounds)} "
            f"| {100 * sum(moved) / len(moved):.2f} % |"
        )
    table = "\n".join(lines)
    print(table)
    if args.output:
        args.output.write_text(f"# Quantised weights against full precision\n\n{table}\n")


if __name__ == "__main__":
    main()
