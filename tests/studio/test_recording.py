"""The run that the page shows while its engine starts is one of today's default settings."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import numpy as np

from clearprop.studio.frames import unpack
from clearprop.studio.playground.messages import PageConfigured, Settings

RECORDING = Path(__file__).parents[2] / "studio-ui" / "src" / "playground" / "recorded.bin"


def parts() -> list[bytes]:
    content, found = gzip.decompress(RECORDING.read_bytes()), []
    while content:
        length = int.from_bytes(content[:4], "little")
        found.append(content[4 : 4 + length])
        content = content[4 + length :]
    return found


def test_the_recording_is_short_and_of_the_default_settings() -> None:
    assert RECORDING.stat().st_size < 100_000
    configured = msgspec.json.decode(parts()[0], type=PageConfigured)
    assert configured.settings == Settings(), "run `python -m tools.studio_recording` again"


def test_the_network_of_the_recording_learns() -> None:
    configured = msgspec.json.decode(parts()[0], type=PageConfigured)
    frames = [unpack(part) for part in parts()[1:]]
    assert len(frames) > 30
    steps = [header["step"] for header, _ in frames]
    assert steps == sorted(set(steps))
    first = frames[0][1]
    assert len(first["points"]) == configured.examples.training + configured.examples.test
    # From the second frame on maps are differences, which add up modulo 256.
    maps = np.stack([arrays["heat.2"][0] for _, arrays in frames]).astype(np.int64)
    output = maps.sum(axis=0) % 256
    middle = len(output) // 2
    assert output[middle, middle] > 180
    assert output[0, 0] < 60
