"""What several folders of tests share: the small reference checkpoint and the bundled demonstration model."""

import gc
import os
import signal
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"  # no test may reach for the network
for name in [name for name in os.environ if name.startswith("LIVE_CANARY_")]:
    del os.environ[name]  # nor depend on its user's settings
os.environ["LIVE_CANARY_CONFIG"] = os.devnull
os.environ.setdefault("OMP_NUM_THREADS", "1")  # more gain small models nothing, and spin where the machine is shared


def pytest_sessionstart() -> None:
    """Ctrl-C is heeded, also where the tests were started in the background with it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_unconfigure() -> None:
    """What the program keeps from the garbage collector would be called leaked, in twenty lines, at the tests' end."""
    gc.unfreeze()


@pytest.fixture(scope="session", autouse=True)
def homeless(tmp_path_factory):
    """Sessions, caches and logs of the tests stay out of their user's folders."""
    for name in ("XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        os.environ[name] = str(tmp_path_factory.mktemp(name.lower()))


ROOT = Path(__file__).parent.parent
TINY = Path(__file__).parent / "reference" / "tiny"
DEMO = ROOT / "assets" / "demo-model"
needs_full_disk = pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="this system has no disk that is always full"
)


@pytest.fixture(scope="session")
def tiny():
    """The random-weights checkpoint whose every tensor NeMo computed, in float32."""
    from live_canary.model.canary import CanaryQwen

    return CanaryQwen.load(TINY, device="cpu", dtype="float32")


@pytest.fixture(scope="session")
def demo():
    """The bundled demonstration model, which hears clear English."""
    from live_canary.model.canary import CanaryQwen

    return CanaryQwen.load(DEMO, device="cpu", dtype="float32")


@pytest.fixture
def without_ffmpeg(monkeypatch) -> None:
    """As where it is not installed."""
    monkeypatch.setattr("live_canary.audio.ffmpeg.PROGRAM", "no-such-program")
