"""The benchmarks print what their users' scripts read."""

import json
import runpy
import sys
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
import torch

from benchmarks import bandwidth, gpu
from live_canary.audio.recording import RecordingSource
from live_canary.commands import bench_engine, bench_live
from live_canary.commands.bench_live import LiveObserver, Spread
from live_canary.commands.histogram import write_histogram
from live_canary.errors import InputError, OutputError
from live_canary.events import (
    BacklogChanged,
    ModelWarned,
    PartialChanged,
    SourceOpened,
    SourceWarned,
    StageFailed,
    UtteranceFinal,
)
from live_canary.model import kernels, random_checkpoint
from live_canary.model.canary import CanaryQwen
from live_canary.settings import Settings
from live_canary.transcript.utterance import Utterance
from tests.conftest import DEMO, ROOT, TINY


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is what it is compared with")
def test_memory_is_told_in_millions_of_bytes():
    status = Path("/proc/self/status").read_text()
    most_held = 1024 * int(status.partition("VmHWM:")[2].split()[0]) / 1e6
    assert bench_engine.peak_rss_mb() >= 0.99 * most_held


def test_the_engine_benchmark_gives_every_figure_as_json(capsys):
    code = bench_engine.run(
        "demo",
        random_weights=False,
        device="cpu",
        compute="fp32",
        audio=ROOT / "assets" / "noisy.wav",
        max_new_tokens=5,
        runs=1,
        as_json=True,
    )
    assert code == 0
    figures = json.loads(capsys.readouterr().out)
    expected = "features_s encode_s prefill_s decode_per_token_s total_s of_several_s verify_s load_s"
    memory = "peak_rss_mb", "peak_gpu_mb"
    assert {*expected.split(), *memory, "new_tokens", "audio_s", "machine", "model"} <= figures.keys()
    assert figures["new_tokens"] == 5
    assert figures["audio_s"] == pytest.approx(soundfile.info(ROOT / "assets" / "noisy.wav").duration, abs=0.01)
    assert figures["encode_s"] > 0


def test_the_engine_benchmark_decodes_as_a_session_does(monkeypatch):
    model, calls = CanaryQwen.load(TINY, "cpu", "float32"), []
    decode = model.decoder.generate_several
    monkeypatch.setattr(model.decoder, "generate_several", lambda *asked: calls.append(asked) or decode(*asked))
    bench_engine.time_steps(model, np.zeros(16_000, np.float32), 2, runs=1)
    timed_with_one_before = 2 * len(("prefill", "generate", "verify", "total", "together"))
    assert len(calls) == 1 + timed_with_one_before
    assert {same for _, _, same in calls} == {model.before_audio}


def test_a_recording_that_no_utterance_could_be_is_refused_before_a_model_is_loaded():
    what = {"random_weights": False, "device": "cpu", "compute": "fp32", "max_new_tokens": 5, "runs": 1}
    with pytest.raises(InputError, match=r"long\.wav' is \d+ s long, and an utterance has at most 38: cut it"):
        bench_engine.run("demo", audio=ROOT / "assets" / "long.wav", as_json=True, **what)


def test_what_is_measured_on_the_processor_is_not_the_graphics_cards(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "RTX 5090")
    assert (bench_engine.machine_name(), "RTX" in bench_engine.machine_name("cpu")) == ("RTX 5090", False)


@pytest.mark.parametrize(
    ("cpuinfo", "threads", "told"),
    [
        ("processor\t: 0\nmodel name\t: Xeon 8488C\n", 2, "2 threads of Xeon 8488C"),
        ("processor\t: 0\nFeatures\t: fp\n", 1, "1 thread of aarch64"),
    ],
)
def test_a_processor_without_a_name_is_told_by_its_kind(tmp_path, monkeypatch, cpuinfo, threads, told):
    """ARM's has none, and Linux does not say what it is: the line ended with `threads of `."""
    (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(bench_engine, "Path", lambda _: tmp_path / "cpuinfo")
    monkeypatch.setattr(bench_engine.platform, "processor", lambda: "")
    monkeypatch.setattr(bench_engine.platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert bench_engine.machine_name("cpu") == told


def test_a_step_on_any_graphics_card_is_timed_until_its_work_is_done(monkeypatch):
    waited = []
    monkeypatch.setattr("torch.accelerator.is_available", lambda: True)  # Apple's too
    monkeypatch.setattr("torch.accelerator.synchronize", lambda: waited.append(1))
    assert len(bench_engine.timed(lambda: None, runs=3)) == 3
    assert len(waited) == 4


def test_random_weights_that_were_cut_off_are_written_again(tmp_path, monkeypatch):
    def cut_off(tensors, path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(random_checkpoint, "_shapes", lambda folder: {})
    monkeypatch.setattr(random_checkpoint, "save_file", cut_off)
    with pytest.raises(OSError, match="No space"):
        random_checkpoint.write_random_checkpoint(tmp_path, like=DEMO)
    assert not (tmp_path / "model.safetensors").exists()


def test_a_session_that_failed_is_no_measurement_and_a_plot_that_fails_costs_no_figures(capsys, tmp_path, monkeypatch):
    class Failing:
        def transcribe(self, samples, draft=None):
            if len(samples) != 16_000:  # the first is to warm up
                raise RuntimeError("no model")

    class Fast(RecordingSource):
        def __init__(self, paths, speed):
            super().__init__(paths, speed=None)

    monkeypatch.setattr(bench_live, "load_with", lambda choice, settings: lambda tell: Failing())
    monkeypatch.setattr(bench_live, "RecordingSource", Fast)
    settings = Settings(recordings=(ROOT / "assets" / "noisy.wav",), model="demo")
    assert bench_live.run(settings, None, None, as_json=True) == 1
    said = capsys.readouterr()
    assert (json.loads(said.out)["utterances"], "no model" in said.err) == (0, True)
    with pytest.raises(OutputError):
        bench_live.run(settings, None, tmp_path / "nowhere" / "plot.svg", as_json=True)
    assert json.loads(capsys.readouterr().out)["audio_s"] > 0


@pytest.mark.slow
def test_the_live_benchmark_gives_every_figure_as_json(capsys, tmp_path):
    samples, rate = soundfile.read(ROOT / "assets" / "dictation.wav", frames=4 * 16_000)
    soundfile.write(tmp_path / "beginning.wav", samples, rate)
    (tmp_path / "beginning.txt").write_text("I would like to begin with a short letter.")
    settings = Settings(recordings=(tmp_path / "beginning.wav",), model="demo")
    assert bench_live.run(settings, tmp_path / "beginning.txt", tmp_path / "plot.svg", as_json=True) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["utterances"] >= 1
    for name in ("first_partial_s", "final_after_endpoint_s"):
        assert set(figures[name]) == {"p50", "p95", "max"}
    assert {"revision_rate", "backlog_max_s", "rtf", "peak_rss_mb", "wer"} <= figures.keys()
    assert (tmp_path / "plot.svg").read_text().startswith("<svg")


def test_a_live_observer_counts_from_the_first_speech_and_finds_what_the_final_revised():
    now = iter([100.0, 102.5])
    observer = LiveObserver(clock=lambda: next(now))
    observer(SourceOpened("talk"))
    observer(PartialChanged("talk", 2.0, "", "the"))
    observer(PartialChanged("talk", 2.0, "the old man", "and"))
    observer(UtteranceFinal(Utterance(0, 2.0, 4.0, "The old man and", "talk"), latency_seconds=0.04))
    observer(BacklogChanged(3.0))
    assert observer.first_partials == [0.5]
    assert observer.finals == [0.04]
    assert (observer.settled_words, observer.revised_words) == (3, 1)
    assert observer.backlog_max == 3.0


def test_a_spread_is_median_95th_percentile_and_largest():
    assert Spread.of([float(n) for n in range(101)]) == Spread(50.0, 95.0, 100.0)


def test_where_nobody_spoke_there_is_no_latency_and_the_json_is_valid():
    assert json.dumps(asdict(Spread.of([]))) == '{"p50": null, "p95": null, "max": null}'


def test_the_first_words_of_each_utterance_count_also_after_some_that_went_away():
    """What is taken for speech may first have no words, and in the end none at all."""
    now = iter([100.0, 101.0, 103.0, 106.0])
    observer = LiveObserver(clock=lambda: next(now))
    observer(SourceOpened("talk"))
    for start, settled, tentative in ((0.5, "", ""), (0.5, "", "uh"), (0.5, "", ""), (2.0, "the old", "man")):
        observer(PartialChanged("talk", start, settled, tentative))
    observer(UtteranceFinal(Utterance(0, 2.0, 4.0, "the old man", "talk"), latency_seconds=0.04))
    observer(UtteranceFinal(Utterance(1, 4.5, 5.0, "yes", "talk"), latency_seconds=0.02))
    observer(PartialChanged("talk", 5.75, "", "and"))
    assert observer.first_partials == [0.5, 1.0, 0.25]
    assert (observer.settled_words, observer.revised_words) == (2, 0)


def test_a_backlog_that_is_gone_and_all_that_went_wrong_are_remembered():
    observer = LiveObserver()
    for event in (BacklogChanged(3.0), BacklogChanged(0.5), SourceWarned("talk", "one"), ModelWarned("two")):
        observer(event)
    observer(StageFailed("model", "three", fatal=False))
    assert (observer.backlog_max, observer.troubles) == (3.0, ["one", "two", "three"])


def test_seconds_that_the_model_worked_are_added_up_also_where_it_fails(monkeypatch):
    class Failing:
        def transcribe(self, samples, draft=None):
            raise RuntimeError("no")

    now = iter([1.0, 1.5, 7.0, 7.25])
    monkeypatch.setattr(bench_live.time, "perf_counter", lambda: next(now))
    model = bench_live.TimedTranscriber(Failing())
    for _ in range(2):
        with pytest.raises(RuntimeError):
            model.transcribe(np.zeros(1600, np.float32))
    assert model.busy_seconds == 0.75


def test_what_cannot_be_measured_is_refused_before_anything_is_loaded(tmp_path, monkeypatch):
    def run(reference: Path | None = None, plot: Path | None = None, **how) -> int:
        settings = Settings(recordings=(ROOT / "assets" / "noisy.wav",), model="demo", **how)
        return bench_live.run(settings, reference, plot, as_json=True)

    monkeypatch.setattr(bench_live, "load_with", lambda choice, settings: pytest.fail("was loaded"))
    with pytest.raises(InputError, match=r"plot\.png' must end in \.svg"):
        run(plot=tmp_path / "plot.png")
    with pytest.raises(InputError, match=r"gone\.txt' cannot be read \(No such file or directory\)"):
        run(tmp_path / "gone.txt")
    (tmp_path / "latin.txt").write_bytes("schön".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.txt' cannot be read \(it is no text in UTF-8\)"):
        run(tmp_path / "latin.txt")
    with pytest.raises(InputError, match="There is no voice detector 'ears'"):
        run(vad="ears")
    (tmp_path / "said.txt").write_text("Yes.")
    monkeypatch.setitem(sys.modules, "jiwer", None)
    with pytest.raises(InputError, match="--reference needs the package jiwer"):
        run(tmp_path / "said.txt")


def test_words_are_right_whatever_their_case_and_punctuation():
    pytest.importorskip("jiwer")
    word_error_rate = bench_live._word_error_rate()
    assert word_error_rate("Well, are you ready to begin?", "well are you ready to begin") == 0
    assert word_error_rate("One two three four.", "one two") == 0.5
    assert word_error_rate("One two.", "one two three four") == 1


def test_a_histogram_has_a_panel_for_each_series_with_bars_up_to_its_top(tmp_path):
    seconds = [0.1] * 6 + [0.2] * 3 + [0.4]
    write_histogram(tmp_path / "plot.svg", {"<first> words": seconds, "final": [1.0, 2.0]})
    svg = ElementTree.parse(tmp_path / "plot.svg").getroot()
    bars = [(float(bar.get("y")), float(bar.get("height"))) for bar in svg if bar.get("fill") == "#3a7d5a"]
    assert (svg.get("width"), svg.get("height"), len(bars)) == ("640", "300", 60)
    for panel, (top, bottom) in ((bars[:30], (30, 125)), (bars[30:], (180, 275))):
        assert min(y for y, _ in panel) == top
        assert {round(y + height, 1) for y, height in panel} == {bottom}
    assert [round(height / 95, 2) for _, height in bars[:30] if height] == [1, 0.5, 0.17]
    lefts = [float(bar.get("x")) for bar in svg if bar.get("fill") == "#3a7d5a"][:30]
    assert lefts[0] == 40 and lefts == sorted(set(lefts)) and 575 < lefts[-1] < 600
    written = [one.text for one in svg if one.text]
    assert written[:3] == ["<first> words: median 100 ms, 95 % within 310 ms, 10 utterances", "100 ms", "400 ms"]


def test_a_histogram_without_values_says_so(tmp_path):
    write_histogram(tmp_path / "empty.svg", {"first words": []})
    assert "first words: none" in (tmp_path / "empty.svg").read_text()


@pytest.mark.parametrize("script", sorted((ROOT / "benchmarks").glob("*.py")), ids=lambda path: path.stem)
def test_every_benchmark_finds_what_it_imports(script, monkeypatch):
    monkeypatch.syspath_prepend(script.parent)
    try:
        assert "main" in runpy.run_path(str(script)) or script.stem.startswith("segmentation_")
    except ModuleNotFoundError as error:
        assert error.name == "gguf"  # which only makes the weights that another program is compared with


@pytest.mark.skipif(not kernels.available(), reason="no compiled kernels, or not for this processor")
def test_a_tokens_time_is_measured_beside_that_of_its_weights():
    form = bandwidth.measured(DEMO, "int8", runs=2)
    assert len(form.token_s) == len(form.read_s) == 2
    assert 0 < form.read_bytes < (DEMO / "model.safetensors").stat().st_size


@pytest.mark.parametrize(("free", "copied"), [(1_200_000_000, 300_000_000), (130_000_000_000, 4 << 30)])
def test_what_a_cards_memory_is_measured_with_fits_beside_the_model(monkeypatch, free, copied):
    """On a card of 8 GB two tensors of 4 GB did not."""
    asked = []
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (free, 8_000_000_000))
    monkeypatch.setattr(torch, "empty", lambda size, **_: asked.append(size) or torch.zeros(8, dtype=torch.uint8))
    monkeypatch.setattr(gpu, "milliseconds", lambda step, runs: {"median": 1.0})
    gpu.memory(None, runs=1)
    assert asked == [copied]
