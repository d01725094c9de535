"""The study ``find-rate`` suggests a rate for a recipe on its data."""

from __future__ import annotations

import pytest

from clearprop.errors import ConfigurationError
from clearprop.recipes import find_recipe


def test_a_rate_for_a_table() -> None:
    study = find_recipe("find-rate").of(
        {"recipe": "mlp", "data": {"name": "wine"}, "optimizer": "nadam", "batch_size": "16"}
    )
    found = study.carry_out(progress=False)  # type: ignore[union-attr]  # it is a study
    assert found.lines[0] == "data: wine (178 examples)"
    assert 1e-5 < found.measures["suggested"] < 0.3
    assert found.lines[-1] == (
        "clearprop train mlp --data wine --set optimizer=nadam --set batch_size=16 "
        f"--set learning_rate={found.measures['suggested']:g}"
    )
    assert [drawing.title for drawing in found.drawings] == ["The loss at every learning rate"]


def test_a_study_is_no_recipe_of_one_run() -> None:
    with pytest.raises(ConfigurationError, match="unknown recipe 'descent'"):
        find_recipe("find-rate").of({"recipe": "descent"})
