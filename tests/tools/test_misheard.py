import json
from pathlib import Path

import soundfile

from tools.demo_model.clips import read_index
from tools.demo_model.misheard import misheard

ASSETS = Path(__file__).parents[2] / "assets"


def test_a_word_is_misheard_that_is_not_what_the_model_would_write(tmp_path):
    """Of the same sound under its own text and under one with another word."""
    wave, _ = soundfile.read(ASSETS / "noisy.wav", dtype="int16")
    text = " ".join((ASSETS / "noisy.txt").read_text().split())
    word = text.split()[3]
    other = text.replace(f" {word} ", " elephant ", 1)
    for name, said in (("right", text), ("wrong", other)):
        (tmp_path / f"{name}-000.raw").write_bytes(wave.tobytes())
        line = {"offset": 0, "n": len(wave), "voice": "a", "text": said}
        (tmp_path / f"{name}-000.jsonl").write_text(json.dumps(line) + "\n")
    assert misheard(ASSETS / "demo-model", read_index(tmp_path, "right-*")) == []
    assert "elephant" in misheard(ASSETS / "demo-model", read_index(tmp_path, "wrong-*"))
