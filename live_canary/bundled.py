"""Where the files that come with the program lie: the demonstration model and sample recordings."""

from pathlib import Path

SAMPLE_SECONDS = 11.0  # of assets/dictation.wav: what machines are measured by
_PACKAGE = Path(__file__).parent


def assets_folder() -> Path:
    """`live_canary/assets` in an installed wheel, `assets` in a checkout."""
    installed = _PACKAGE / "assets"
    return installed if installed.is_dir() else _PACKAGE.parent / "assets"


def demo_model_folder() -> Path:
    return assets_folder() / "demo-model"
