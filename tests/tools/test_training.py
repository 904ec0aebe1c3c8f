"""The whole way from nothing to a trained checkpoint, at a size that takes seconds."""

import argparse
import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from live_canary.model.canary import CanaryQwen
from live_canary.model.conformer import encoded_frames
from live_canary.model.prompt import END_OF_TURN
from tools.canonical import CanonicalQwen
from tools.demo_model import clips, create, grow, train, trainee
from tools.demo_model.augment import (
    NOISE_SAMPLES,
    SAMPLE_RATE,
    Augmenter,
    calls,
    change_speed,
    glide,
    make_noises,
    room_and_microphone,
)
from tools.demo_model.average import EVERY_STEPS, Average
from tools.demo_model.clips import Clip, Clips, join, part, read_index, seconds
from tools.demo_model.evaluate import PASSAGES, measure, print_passages, print_rarity, same_case
from tools.demo_model.muon import orthogonal
from tools.demo_model.reading import Reader
from tools.demo_model.trainee import Trainee, export

TEXTS = ["A low tone.", "A high tone.", "Two tones?", "No tone at all."]
SIZES = "--width 32 --layers 1 --heads 2 --conv-channels 8 --llm-width 32 --llm-layers 1 --llm-mlp 64 --vocabulary 300"


def tone(hertz: float, seconds: float = 0.6) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(int(SAMPLE_RATE * seconds)) / SAMPLE_RATE).astype(np.float32)


def write_shard(prefix, clips):
    offset, lines = 0, []
    with prefix.with_suffix(".raw").open("wb") as raw:
        for k, (wave, text) in enumerate(clips):
            raw.write((wave * 16000).astype(np.int16).tobytes())
            lines.append(json.dumps({"offset": offset, "n": len(wave), "voice": f"tone:{k % 2}", "text": text}))
            offset += len(wave)
    prefix.with_suffix(".jsonl").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_shard(folder / "train-000", [(tone(200 * (k + 1)), text) for k, text in enumerate(TEXTS * 3)])
    write_shard(folder / "test_known-000", [(tone(300), TEXTS[0])])
    (folder / "reading.txt").write_text("\n".join(TEXTS))
    return folder


@pytest.fixture(autouse=True)
def quick_noise(monkeypatch):
    """One second of white noise instead of the minutes that training makes for itself."""
    monkeypatch.setattr(clips, "make_noises", lambda speech, recorded, rng: [rng.standard_normal(16000, np.float32)])


@pytest.fixture
def model(tmp_path, monkeypatch):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS * 20))
    monkeypatch.setattr(sys, "argv", ["create", str(tmp_path / "m"), str(tmp_path / "texts.txt"), *SIZES.split()])
    create.main()
    return tmp_path / "m"


def arguments(model, data, **changed):
    defaults = {
        "model": model,
        "data": data,
        "device": "cpu",
        "processes": 1,
        "workers": 0,
        "minutes": 60.0,
        "lr": 1e-3,
        "ctc": 0.4,
        "guide": 0.2,
        "reading": 0.3,
        "look": 0.2,
        "errors": 0.0,
        "augment": 1.0,
        "batch_seconds": 6.0,
        "save_every": 99.0,
        "seed": 0,
        "freeze_subsampling": False,
    }
    return argparse.Namespace(**(defaults | changed))


def test_a_new_model_has_the_published_layout_and_the_losses_reach_every_weight(model, data):
    canary = CanaryQwen.load(model, "cpu", "float32")
    trainee = Trainee(canary).train()
    batch = next(iter(Clips(data, canary.perception.preprocessor, canary.prompt, 6.0, seed=1)))
    losses = trainee(batch)
    losses.sum().backward()
    assert losses.shape == (6,)
    assert torch.isfinite(losses).all()
    assert [name for name, p in trainee.named_parameters() if p.grad is None] == []


def test_a_stopped_run_leaves_a_usable_checkpoint_and_goes_on_from_it(model, data, capsys):
    (model / "stop").touch()  # ends a run at its first step
    train.train_process(0, arguments(model, data))
    first = torch.load(model / "training.pt")
    assert CanaryQwen.load(model).transcribe(tone(300)) is not None
    train.train_process(0, arguments(model, data))
    second = torch.load(model / "training.pt")
    assert 0 < first["minutes"] < second["minutes"]
    assert 0 < first["audio_hours"] < second["audio_hours"]
    moved = first["weights"]["ctc_bias"] - second["weights"]["ctc_bias"]
    assert moved.abs().max() < 1e-3  # one small step from where the first run ended, not a new start
    assert "test_known" in capsys.readouterr().out


def test_a_run_exports_the_mean_and_goes_on_with_it(model, data):
    (model / "stop").touch()
    train.train_process(0, arguments(model, data))
    first = load_file(model / "model.safetensors")
    state = torch.load(model / "training.pt")
    state["average"]["steps"] = EVERY_STEPS  # the next takes nothing into the mean
    for value in state["average"]["mean"].values():
        value += value.is_floating_point()
    torch.save(state, model / "training.pt")
    train.train_process(0, arguments(model, data))
    assert torch.load(model / "training.pt")["average"]["steps"] == EVERY_STEPS + 1
    second = load_file(model / "model.safetensors")
    weights = [key for key, value in first.items() if value.is_floating_point()]
    assert all(torch.allclose(second[key].float(), first[key].float() + 1, atol=0.02) for key in weights)


def test_a_run_goes_on_from_a_file_without_a_mean(model, data):
    (model / "stop").touch()
    train.train_process(0, arguments(model, data))
    state = torch.load(model / "training.pt")
    del state["average"]
    torch.save(state, model / "training.pt")
    train.train_process(0, arguments(model, data))
    assert torch.load(model / "training.pt")["average"]["steps"] == 1


def test_what_is_exported_is_the_mean_of_the_last_weights_on_the_way():
    weights = torch.nn.Linear(1, 1, bias=False)
    average, run = Average(weights), range(1, 301)
    for step in run:
        torch.nn.init.constant_(weights.weight, step)
        average.step()
        if step <= EVERY_STEPS:  # of so short a run the last weights
            assert average.state["mean"]["weight"].item() == step
        if step == 150:  # stopped, and gone on from a file
            average = Average(weights, average.state)
    with average.in_place():
        assert 0.8 * len(run) < weights.weight.item() < 0.9 * len(run)
    assert weights.weight.item() == len(run)
    steady = Average(weights)
    for _ in range(3 * EVERY_STEPS):
        steady.step()
    assert steady.state["mean"]["weight"].item() == len(run)


def test_a_run_may_start_from_the_mean_of_two_checkpoints(model, data, tmp_path):
    weights = load_file(model / "model.safetensors")
    shutil.copytree(model, tmp_path / "other")
    save_file({key: value + 2 for key, value in weights.items()}, tmp_path / "other" / "model.safetensors")
    (model / "training.pt").touch()  # of another run, which does not go on here
    train.prepare(tmp_path / "new", [model, tmp_path / "other"])
    train.train_process(0, arguments(tmp_path / "new", data, minutes=0.0))
    found = load_file(tmp_path / "new" / "model.safetensors")
    assert all(torch.allclose(found[key].float(), weights[key].float() + 1, atol=0.02) for key in weights)
    assert not (tmp_path / "new" / "training.pt").exists()
    CanaryQwen.load(tmp_path / "new")


@pytest.mark.parametrize("larger", [["--llm-mlp", "96"], ["--llm-mlp", "64", "--llm-layers", "3"]])
def test_a_grown_model_computes_the_same_and_what_is_new_in_it_can_learn(model, tmp_path, monkeypatch, larger):
    monkeypatch.setattr(sys, "argv", ["grow", str(model), str(tmp_path / "large"), *larger])
    grow.main()
    small, large = (CanaryQwen.load(folder, "cpu", "float32") for folder in (model, tmp_path / "large"))
    told, mask = torch.randn(1, 9, 32, generator=torch.Generator().manual_seed(0)), torch.ones(1, 9, dtype=torch.long)
    before, after = (CanonicalQwen(one.qwen) for one in (small, large))
    torch.testing.assert_close(after.first_logits(told, mask), before.first_logits(told, mask))
    layers = large.qwen.layers
    assert len(layers) == (3 if "--llm-layers" in larger else 1)
    layers.requires_grad_(True)
    after.causal_lm(inputs_embeds=told).logits.square().sum().backward()
    assert layers[-1].mlp.down_proj.weight.grad[:, -32:].abs().min() > 0
    assert all(layer.mlp.down_proj.weight.grad.abs().min() > 0 for layer in layers)
    assert all(layer.self_attn.o_proj.weight.grad.abs().max() > 0 for layer in layers)


def test_more_encoder_layers_change_little_and_can_learn(tmp_path, monkeypatch):
    small, large = tmp_path / "small", tmp_path / "large"
    (tmp_path / "text.txt").write_text("\n".join(TEXTS))
    sizes = SIZES.replace("--layers 1", "--layers 2").split()
    monkeypatch.setattr(sys, "argv", ["create", str(small), str(tmp_path / "text.txt"), *sizes])
    create.main()
    weights = load_file(small / "model.safetensors")
    rng = torch.Generator().manual_seed(1)
    learnt = {
        key: 3 * value + torch.randn(value.shape, generator=rng).to(value.dtype)
        for key, value in weights.items()
        if "norm_out" in key
    }
    save_file(weights | learnt, small / "model.safetensors")
    monkeypatch.setattr(sys, "argv", ["grow", str(small), str(large), "--encoder-layers", "4"])
    grow.main()
    before, after = (CanaryQwen.load(folder, "cpu", "float32").perception for folder in (small, large))
    mel = torch.randn(128, 400, generator=torch.Generator().manual_seed(0))
    [told], [heard] = before.encode([mel]), after.encode([mel])
    assert (heard - told).square().mean() < 0.01 * told.square().mean()
    assert len(after.encoder.layers) == 4
    after.requires_grad_(True)
    after.encoder(mel.T[None]).square().sum().backward()
    for layer in after.encoder.layers:
        assert layer.feed_forward1.linear2.weight.grad.abs().max() > 0
        assert layer.self_attn.o_proj.weight.grad.abs().max() > 0


def test_attention_is_seen_where_it_goes(model):
    """Against the attention weights that transformers tells of the same layer."""
    canary = CanaryQwen.load(model, "cpu", "float32")
    trainee = Trainee(canary).eval()
    causal = trainee.qwen.causal_lm.model
    told, spans = torch.randn(1, 40, 32, generator=torch.Generator().manual_seed(0)), torch.tensor([[9, 12], [14, 16]])
    causal.config._attn_implementation = "eager"
    with torch.no_grad(), trainee.looking:
        weights = causal(inputs_embeds=told, output_attentions=True).attentions[-1][0]
    heads = causal.config.num_attention_heads // causal.config.num_key_value_heads
    shares = trainee.looking.log_shares(torch.tensor([[30, 31]]), spans[None]).exp()[0]
    wanted = [[weights[head, 30, 3:18].sum(), weights[head, 31, 8:22].sum()] for head in range(heads)]
    torch.testing.assert_close(shares, torch.tensor(wanted))


def test_padding_is_of_few_lengths_and_changes_no_loss(model, data, monkeypatch):
    monkeypatch.setattr(trainee, "WRONG_TOKENS", 0.0)  # nothing by chance
    canary = CanaryQwen.load(model, "cpu", "float32")
    learner = Trainee(canary).eval()
    batch = next(iter(Clips(data, canary.perception.preprocessor, canary.prompt, 6.0, seed=1)))
    rows, frames, _ = batch.mel.shape
    assert frames % clips.FRAMES_STEP == 0
    assert batch.guess.shape == (rows, encoded_frames(frames))
    longer = frames + clips.FRAMES_STEP
    padded = replace(
        batch,
        mel=clips.padded(list(batch.mel), longer),
        guess=clips.padded(list(batch.guess), encoded_frames(longer), -100),
    )
    with torch.no_grad():
        torch.testing.assert_close(learner(padded), learner(batch), rtol=1e-4, atol=1e-5)


def test_each_token_has_its_place_in_the_sound(model, data):
    canary = CanaryQwen.load(model, "cpu", "float32")
    drawn = Clips(data, canary.perception.preprocessor, canary.prompt, 6.0, seed=1)
    next(iter(drawn))
    first, second = read_index(data, "train*")[:2]
    _, ids, guess, spans = drawn.example([first, second])
    assert len(spans) == len(ids)
    assert (spans[:, 0] < spans[:, 1]).all()
    assert (spans.diff(dim=0)[:, 0] >= 0).all()
    assert spans[-1, 1] <= len(guess)
    tokens = len(canary.prompt.tokenizer.encode(first.text).ids)
    assert spans[tokens, 0] - spans[0, 0] >= 0.6 * SAMPLE_RATE / clips.FRAME_SAMPLES * 0.8  # a clip, a little faster


def test_of_joined_clips_some_come_twice(model, data, monkeypatch):
    monkeypatch.setattr(clips, "REPEATED", 1.0)
    monkeypatch.setattr(clips, "JOIN", {3: 1.0})
    canary = CanaryQwen.load(model, "cpu", "float32")
    drawn = Clips(data, canary.perception.preprocessor, canary.prompt, 6.0, seed=1)
    drawn.pool = read_index(data, "train*")
    joined = [group for group in drawn.utterances() if isinstance(group, list) and len(group) > 1]
    repeated = [group for group in joined if len(group) > 2]
    assert repeated
    assert {(len(group), len(set(group))) for group in repeated} == {(4, 3)}


def test_text_without_sound_is_drawn_whole_lines_in_new_order(model, data):
    prompt = CanaryQwen.load(model).prompt
    reader = Reader(data / "reading.txt", prompt.tokenizer, prompt.end_id, np.random.default_rng(1))
    windows = reader.windows(4, 100)
    assert windows.shape == (4, 100)
    first, *lines = prompt.tokenizer.decode(windows.ravel().tolist(), skip_special_tokens=False).split(END_OF_TURN)
    assert first == ""
    assert set(lines[:-1]) == set(TEXTS)
    assert len({tuple(lines[i : i + 4]) for i in range(0, 24, 4)}) > 1


def test_text_alone_teaches_the_llm_to_go_on(model, data):
    trainee = Trainee(CanaryQwen.load(model, "cpu", "float32")).train()
    prompt = trainee.canary.prompt
    reader = Reader(data / "reading.txt", prompt.tokenizer, prompt.end_id, np.random.default_rng(1))
    optimizer = torch.optim.Adam(trainee.qwen.parameters(), 3e-3)
    losses = []
    for _ in range(60):
        loss = trainee.reading_loss(torch.from_numpy(reader.windows(4, 33)).long())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2


def test_data_without_text_alone_trains_as_before(model, data, tmp_path):
    for path in data.glob("train*"):
        shutil.copy(path, tmp_path)
    canary = CanaryQwen.load(model, "cpu", "float32")
    losses = Trainee(canary).train()(next(iter(Clips(tmp_path, canary.perception.preprocessor, canary.prompt, 6.0, 1))))
    assert losses[3] == 0
    assert torch.isfinite(losses).all()


def test_frozen_subsampling_stays_as_it_was(model, data):
    before = CanaryQwen.load(model).perception.encoder.subsampling.linear.weight.clone()
    (model / "stop").touch()
    train.train_process(0, arguments(model, data, freeze_subsampling=True))
    assert torch.equal(CanaryQwen.load(model).perception.encoder.subsampling.linear.weight, before)


def test_an_export_says_the_same_as_the_model_in_bfloat16(model, tmp_path):
    canary = CanaryQwen.load(model, "cpu", "float32")
    export(canary, tmp_path)
    (tmp_path / "config.json").write_bytes((model / "config.json").read_bytes())
    (model / "llm_backbone").rename(tmp_path / "llm_backbone")
    again = CanaryQwen.load(tmp_path, "cpu", "float32")
    assert again.generate_ids(tone(300), 8) == canary.generate_ids(tone(300), 8)


def test_joined_clips_keep_their_letters_in_time(data):
    pair = read_index(data, "train*")[:2]
    wave, times = join(pair, np.random.default_rng(1))
    assert len(times) == len(" ".join(clip.text for clip in pair)) + 1
    assert np.all(np.diff(times) >= 0)
    assert times[len(pair[0].text)] == pair[0].n
    assert times[-1] == len(wave)


def test_some_pauses_between_joined_clips_are_long(data):
    pair, rng = read_index(data, "train*")[:2], np.random.default_rng(1)
    pauses = [len(join(pair, rng)[0]) / SAMPLE_RATE - seconds(pair) for _ in range(200)]
    assert 0.05 < min(pauses) < 0.6 < 2 < max(pauses) < 3
    assert 0.05 < np.mean(np.array(pauses) > 0.6) < 0.3


def test_speed_and_rooms_keep_a_tone_a_tone():
    wave = tone(400)
    faster = change_speed(wave, 1.25)
    assert abs(len(faster) - len(wave) / 1.25) <= 2
    assert np.abs(np.fft.rfft(faster)).argmax() * SAMPLE_RATE / len(faster) == pytest.approx(500, abs=5)
    room = room_and_microphone(wave, np.random.default_rng(1))
    assert room.dtype == np.float32
    assert len(room) == len(wave)


def test_sound_without_words_stays_within_full_scale_and_is_as_long_as_asked():
    rng = np.random.default_rng(1)
    augmenter = Augmenter(make_noises([tone(300)] * 12, [], rng), rng)
    for n in (4800, 30 * SAMPLE_RATE):
        wave = augmenter.wordless(n)
        assert len(wave) == n
        assert np.abs(wave).max() <= 1


def test_calls_come_and_go_and_glide_in_pitch():
    wave = calls(np.random.default_rng(1))
    level = np.sqrt(np.mean(wave.reshape(-1, 1600) ** 2, axis=1))
    assert len(wave) == NOISE_SAMPLES
    assert 0.05 < np.mean(level > 0.1 * level.max()) < 0.8
    sound = glide(500.0, 1.0, (600.0, 1500.0), 0.5)
    first, last = (np.abs(np.fft.rfft(part)).argmax() * SAMPLE_RATE / 800 for part in (sound[:800], sound[-800:]))
    assert 450 < first < 600 and 900 < last < 1100


@pytest.mark.parametrize("shape", [(2, 6, 6), (3, 12, 5), (1, 4, 9)])
def test_muon_evens_out_the_singular_values(shape):
    torch.manual_seed(1)
    values = torch.linalg.svdvals(orthogonal(torch.randn(shape))) / (0.2 * max(shape[1:]) ** 0.5)
    assert values.min() > 0.5
    assert values.max() < 1.4


def test_case_is_judged_on_the_words_that_were_heard():
    assert same_case("He saw London.", "he saw Paris") is False
    assert same_case("He saw London.", "He was London") is True


def test_a_perfect_model_makes_no_errors():
    class Parrot:
        def transcribe(self, wave):
            return TEXTS[len(wave)]

    measured = measure(Parrot(), [(np.zeros(k), text) for k, text in enumerate(TEXTS) if k])
    assert (measured.words, measured.written, measured.exact, measured.ended) == (0, 0, 1, 1)


def test_a_passage_that_lost_its_place_is_counted(tmp_path, capsys):
    write_shard(tmp_path / "train-000", [(tone(300, 6.0), "We are here and there.")] * 50)

    class Forgetful:
        heard = 0

        def transcribe(self, wave):
            self.heard += 1
            sentences = 6 if self.heard > 1 else 4
            return " ".join(["We are here and there."] * sentences)

    print_passages(Forgetful(), read_index(tmp_path, "train*"))
    passages = 2 * PASSAGES  # of two voices
    assert capsys.readouterr().out == (
        f"{passages} passages of 31 s: 5.6% of 180 words wrong, 5.6% left out, 0.0% added; "
        "the place is lost in 1 passages\n"
    )


def test_a_part_of_a_recording_is_some_of_its_words_and_their_sound():
    clip = Clip(Path("x.raw"), 100, 64_000, "reader", "one two, three four.", ((16_000, 3), (32_000, 8), (48_000, 14)))
    parts = [part(clip, np.random.default_rng(seed)) for seed in range(60)]
    assert {"One.", "Two, three.", "Three four.", clip.text} <= {p.text for p in parts}
    starts = {"One": 0, "Two": 16_000, "Thr": 32_000, "Fou": 48_000}
    assert all(p.offset == 100 + starts[p.text[:3]] for p in parts if p is not clip)
    assert all(p.n == 16_000 * len(p.text.split()) for p in parts)


def test_errors_are_told_by_how_often_training_heard_the_word(tmp_path, capsys):
    class Deaf:
        def transcribe(self, wave):
            return "No ten at all. Really."

    write_shard(tmp_path / "train-000", [(tone(200), "At tone.")] * 2)
    write_shard(tmp_path / "test-000", [(tone(400), "No tone at all.")])
    print_rarity(Deaf(), tmp_path, ["test"])
    assert capsys.readouterr().out.splitlines() == [
        "heard at most 0 times: 50.0% of the words, 0.0% of them wrong, 0.0% of the errors",
        "heard at most 3 times: 50.0% of the words, 50.0% of them wrong, 100.0% of the errors",
    ]


@pytest.mark.parametrize(("flags", "usual"), [((), (400.0, 1, 3)), (("--device", "cpu"), (40.0, 4, 0))])
def test_what_is_usual_is_that_of_the_device_which_is_asked_for(tmp_path, monkeypatch, flags, usual):
    """On a machine with a GPU and four cores."""
    begun = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3})
    monkeypatch.setattr(os, "environ", {**os.environ})
    monkeypatch.setattr(train.signal, "signal", lambda *_: None)
    monkeypatch.setattr(train, "prepare", lambda *_: None)
    monkeypatch.setattr(train, "train_process", lambda rank, args: begun.append(args))
    monkeypatch.setattr(train, "spawn", lambda process, args, **_: process(0, *args))
    monkeypatch.setattr(sys, "argv", ["train", str(tmp_path / "model"), "data", *flags])
    train.main()
    [args] = begun
    assert (args.batch_seconds, args.processes, args.workers) == usual


def test_several_processes_are_not_begun_on_one_gpu(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["train", str(tmp_path), "data", "--device", "cuda", "--processes", "2"])
    with pytest.raises(SystemExit):
        train.main()
    assert "a GPU is used by one process" in capsys.readouterr().err
