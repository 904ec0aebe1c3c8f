"""Whether NVIDIA NeMo hears the same in an export as live_canary does; runs in an environment that holds both.

    python -m venv nemo && nemo/bin/pip install torch==2.13.0 "nemo_toolkit[asr]==3.0.0" -e .
    nemo/bin/python -m tools.demo_model.compare_with_nemo MODEL a.wav b.wav ...

Both run in float32 on the CPU, greedily, an utterance at a time. Recordings above 38 s are cut to 38 s.
"""

import argparse
from pathlib import Path

import numpy as np
import soundfile as sf
import torch
from nemo.collections.speechlm2.models import SALM

from live_canary.model.canary import CanaryQwen
from live_canary.model.prompt import TRANSCRIBE

LONGEST_SAMPLES = 38 * 16000


def nemo_text(model: SALM, samples: np.ndarray, end_id: int) -> str:
    audio = torch.from_numpy(samples)[None]
    [ids] = model.generate(
        prompts=[[{"role": "user", "content": TRANSCRIBE}]],
        audios=audio,
        audio_lens=torch.tensor([audio.shape[1]]),
        max_new_tokens=600,
        do_sample=False,
    )
    ids = ids.tolist()
    text: str = model.tokenizer.ids_to_text(ids[: ids.index(end_id)] if end_id in ids else ids)
    return text.strip()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("recordings", type=Path, nargs="+")
    args = parser.parse_args()
    ours = CanaryQwen.load(args.model, "cpu", "float32")
    theirs = SALM.from_pretrained(str(args.model)).float().eval()
    theirs.perception.preprocessor.featurizer.dither = 0.0
    same = 0
    for path in args.recordings:
        samples = sf.read(path, dtype="float32")[0][:LONGEST_SAMPLES]
        a, b = ours.transcribe(samples), nemo_text(theirs, samples, ours.prompt.end_id)
        same += a == b
        print(f"{path.name}: {'the same' if a == b else 'DIFFERENT'}\n    {a}" + ("" if a == b else f"\n    {b}"))
    print(f"{same} of {len(args.recordings)} transcripts are the same")


if __name__ == "__main__":
    main()
