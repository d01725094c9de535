"""A code as wide as the input is a note, where nothing else keeps the network from copying."""

from __future__ import annotations

from typing import Any

import pytest

import clearprop as cp
from clearprop import data, models


def found(**options: Any) -> list[str]:
    digits = data.load("digits").reconstruction().split()
    code = options.pop("code_size", 64)
    run = cp.fit(
        models.TiedAutoencoder((8, 8, 1), code, (16,)), digits, loss="squared_error", epochs=1,
        progress=False, **options,
    )  # fmt: skip
    notes = [one for one in cp.diagnose(run, digits).findings if one.kind == "wide_code"]
    assert all(one.grade == "note" for one in notes)
    return [one.sentence for one in notes]


def test_a_wide_code_is_a_note() -> None:
    assert found() == ["The code has 64 numbers and an example has 64, so the encoder can copy it."]


@pytest.mark.parametrize("options", [{"code_size": 63}, {"augment": "masking"}])
def test_a_bottleneck_or_noise_is_none(options: Any) -> None:
    assert found(**options) == []
