"""What the doctor says of graphics card and processor."""

import sys

import pytest

from live_canary.commands import processor_checks


@pytest.mark.parametrize(
    ("cpuinfo", "flags"),
    [
        ("processor\t: 0\nflags\t\t: fpu avx2 avx_vnni\n", {"fpu", "avx2", "avx_vnni"}),
        ("processor\t: 0\nFeatures\t: fp asimd asimddp\n", {"fp", "asimd", "asimddp"}),
        ("processor\t: 0\n", set()),
        (None, set()),
    ],
)
def test_what_a_processor_can_do_is_read_where_linux_tells_it(tmp_path, monkeypatch, cpuinfo, flags):
    if cpuinfo is not None:
        (tmp_path / "cpuinfo").write_text(cpuinfo)
    monkeypatch.setattr(processor_checks, "Path", lambda _: tmp_path / "cpuinfo")
    assert processor_checks._cpu_flags() == flags


def test_the_driver_is_that_of_the_kernel_where_there_is_one(tmp_path, monkeypatch):
    monkeypatch.setattr(processor_checks, "Path", lambda _: tmp_path / "version")
    assert processor_checks._nvidia_driver() is None
    (tmp_path / "version").write_text("580.1\n")
    assert processor_checks._nvidia_driver() == ("580.1" if sys.platform == "linux" else None)


@pytest.mark.parametrize(
    ("mps", "said"), [(True, "Apple's GPU (mps)"), (False, "none; the processor does it in 8 bits")]
)
def test_without_a_graphics_card_the_processor_computes_on_the_threads_that_are_set(monkeypatch, mps, said):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.backends.mps.is_available", lambda: mps)
    monkeypatch.setattr("torch.get_num_threads", lambda: 8)
    monkeypatch.setattr("live_canary.model.kernels.available", lambda: False)
    monkeypatch.setattr(processor_checks, "_nvidia_driver", lambda: None)
    monkeypatch.setattr(processor_checks, "_cpu_flags", lambda: {"avx2", "avx_vnni", "sse"})
    card, processor = processor_checks.processors(3)
    assert (card.state, card.text) == ("ok", said)
    assert processor.text == "3 threads, avx2, avx_vnni: the kernels for it are not compiled"
    _, processor = processor_checks.processors()
    assert processor.text.startswith("8 threads, ")


@pytest.mark.parametrize(("free", "state"), [(6.0, "warn"), (6.5, "ok")])
def test_a_card_needs_room_for_the_model_and_a_fifth_more(monkeypatch, free, state):
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "RTX 4060")
    monkeypatch.setattr("torch.cuda.get_device_capability", lambda: (8, 9))
    monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (round(free * 1e9), 8 * 10**9))
    monkeypatch.setattr("torch.version.cuda", "13.0")
    monkeypatch.setattr(processor_checks, "_nvidia_driver", lambda: None)
    card = processor_checks.graphics_card()
    assert (card.state, bool(card.next_step)) == (state, state == "warn")
    assert "CUDA 13.0, driver unknown, " in card.text


@pytest.mark.parametrize("flag", ["avx_vnni", "avx512_vnni", "amx_int8", "asimddp"])
def test_each_kind_of_fast_8_bit_instructions_will_do(flag):
    assert processor_checks.processor({"avx2", flag}, 4, compiled=True).state == "ok"


def test_a_processor_that_is_too_old_for_the_kernels_is_not_told_to_compile_them():
    old = processor_checks.processor({"sse"}, 4, compiled=False)
    assert old.text == "4 threads, features unknown: no fast 8-bit instructions"
    unknown = processor_checks.processor(set(), 4, compiled=False)
    assert unknown.text.endswith("features unknown: the kernels for it are not compiled, or it is too old for them")
