"""The overfit study shows the disease, and remedies that are better."""

from __future__ import annotations

import numpy as np
import pytest

from clearprop import data
from clearprop.errors import ConfigurationError
from clearprop.recipes.overfit import DISEASE, STOPPED, WAYS, OverfitStudy, parted


def test_the_parts_share_no_example_and_are_scaled_by_the_few() -> None:
    dataset = data.load("diabetes")
    parts = parted(dataset, 60, seed=3)
    assert [len(part[1]) for part in (parts.train, parts.dev, parts.test)] == [60, 150, 232]
    np.testing.assert_allclose(parts.train[0].mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(parts.train[1].std(0), 1, atol=1e-5)
    rows = np.concatenate([parts.train[0], parts.dev[0], parts.test[0]])
    assert len(np.unique(rows.round(4), axis=0)) == len(dataset)


def test_a_small_study_tells_of_every_way() -> None:
    study = OverfitStudy.of({"seeds": 1, "epochs": 60, "examples": 40, "patience": 5})
    found = study.carry_out(progress=False)
    assert [name.removesuffix(", test error") for name in found.measures] == list(WAYS)
    ill, stopped = (found.measures[f"{way}, test error"] for way in (DISEASE, STOPPED))
    assert stopped < ill
    assert found.drawings[0].png().startswith(b"\x89PNG")
    assert any(line.endswith("1 of 1") for line in found.lines)


def test_there_must_be_examples_left_to_judge_by() -> None:
    with pytest.raises(ConfigurationError, match="examples left"):
        parted(data.load("iris"), 140, 0)
