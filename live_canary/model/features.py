"""Log-mel features, computed with the window and the filter bank that lie in the checkpoint."""

import torch
from torch import Tensor, nn

from live_canary.errors import AudioTooShort
from live_canary.model.config import FeatureConfig

PREEMPHASIS = 0.97
LOG_FLOOR = 2.0**-24  # added before the logarithm
STD_FLOOR = 1e-5  # added to each bin's standard deviation
MIN_FRAMES = 2  # an unbiased standard deviation needs two


class Featurizer(nn.Module):
    """The checkpoint's own window and filter bank (rounded to bfloat16 there, kept in float32 here)."""

    window: Tensor
    fb: Tensor

    def __init__(self, config: FeatureConfig):
        super().__init__()
        self.register_buffer("window", torch.empty(config.window_samples))
        self.register_buffer("fb", torch.empty(1, config.mel_bins, config.fft_samples // 2 + 1))


class LogMel(nn.Module):
    """Log-mel features of mono audio, normalised per utterance and bin.

    samples: (n,) float32 in [-1, 1] at the checkpoint's rate -> (mel_bins, n // hop_samples) float32.
    Raises AudioTooShort below two frames. Matches NeMo's AudioToMelSpectrogramPreprocessor without dither;
    held to it in tests/model/test_parity.py.
    """

    def __init__(self, config: FeatureConfig):
        super().__init__()
        self.config = config
        self.featurizer = Featurizer(config)

    @torch.no_grad()
    def forward(self, samples: Tensor) -> Tensor:
        frames = len(samples) // self.config.hop_samples
        if frames < MIN_FRAMES:
            raise AudioTooShort(
                f"{len(samples)} samples are too short to transcribe; "
                f"at least {MIN_FRAMES * self.config.hop_samples} are needed"
            )
        emphasised = torch.cat([samples[:1], samples[1:] - PREEMPHASIS * samples[:-1]])
        spectrum = torch.stft(
            emphasised,
            n_fft=self.config.fft_samples,
            hop_length=self.config.hop_samples,
            win_length=self.config.window_samples,
            window=self.featurizer.window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )[:, :frames]
        power = spectrum.real.square() + spectrum.imag.square()
        mel = torch.log(self.featurizer.fb[0] @ power + LOG_FLOOR)
        std, mean = torch.std_mean(mel, dim=1, keepdim=True)
        return (mel - mean) / (std + STD_FLOOR)
