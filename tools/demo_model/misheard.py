"""Which words of clips a model gets wrong, to be said more often.

    python -m tools.demo_model.misheard MODEL DATA OUT.txt train_likely [NAME ...]

OUT.txt gets each word, but for a clip's first, whose capital is not its own, once for every clip in which a token of it
is not what the model would write there after the right text: all are asked for at once, which is quicker than to have
it write.
"""

import argparse
import os
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import torch
import torch.multiprocessing

from live_canary.model.canary import CanaryQwen
from live_canary.model.graphs import round_up
from tools.demo_model.clips import FRAMES_STEP, Clip, batches, padded, read_index, read_wave
from tools.demo_model.train import multiplies_bfloat16
from tools.demo_model.trainee import Trainee

BATCH_SECONDS = 120


def misheard(model: Path, clips: list[Clip]) -> list[str]:
    trainee = Trainee(CanaryQwen.load(model, "cpu", "float32")).eval()
    grouped = batches([[clip] for clip in clips], BATCH_SECONDS)
    return [word for group in grouped for word in misheard_in(trainee, [clip for [clip] in group])]


@torch.no_grad()
def misheard_in(trainee: Trainee, clips: list[Clip]) -> Iterator[str]:
    hear, tokenizer = trainee.canary.perception.preprocessor, trainee.canary.prompt.tokenizer
    mels = [hear(torch.from_numpy(read_wave(clip))).T for clip in clips]
    frames = torch.tensor(list(map(len, mels)))
    coded = [tokenizer.encode(clip.text) for clip in clips]
    with torch.autocast("cpu", torch.bfloat16, enabled=multiplies_bfloat16(torch.device("cpu"))):
        heard = trainee.listen(padded(mels, round_up(int(frames.max()), FRAMES_STEP)), frames)
        scores, wanted = trainee.answer_scores(*heard, [torch.tensor(code.ids) for code in coded])
    wrong = iter((scores.argmax(-1) != wanted).tolist())
    for clip, code in zip(clips, coded, strict=True):
        letters = [start for start, _ in code.offsets if next(wrong)]
        next(wrong)  # of the end
        for word in re.finditer(r"(?<= )[A-Za-z']+", clip.text):
            # a token begins with the space before its word
            if any(word.start() - 1 <= letter < word.end() for letter in letters):
                yield word.group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="+", metavar="NAME")
    args = parser.parse_args()
    clips = [clip for name in args.names for clip in read_index(args.data, name + "-*")]
    cores = os.cpu_count() or 1
    with torch.multiprocessing.get_context("spawn").Pool(cores, torch.set_num_threads, (1,)) as pool:
        found = pool.map(partial(misheard, args.model), [clips[k::cores] for k in range(cores)])
    words = [word for part in found for word in part]
    args.out.write_text("\n".join(words) + "\n")
    print(f"{len(words)} words of {len(clips)} clips")


if __name__ == "__main__":
    main()
