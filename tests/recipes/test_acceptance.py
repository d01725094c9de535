"""The recipes reach the promised accuracy on the test part of whole data sets."""

from __future__ import annotations

from typing import Any

import pytest

from clearprop.data.mnist import FASHION_MNIST, at_hand
from clearprop.recipes import prepare

needs_fashion_mnist = pytest.mark.skipif(
    not at_hand(FASHION_MNIST), reason="the files of Fashion-MNIST are not on this machine"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("recipe", "values", "least"),
    [
        pytest.param("lenet5", {"epochs": 10}, 0.90, marks=needs_fashion_mnist),
        pytest.param("mlp", {}, 0.88, marks=needs_fashion_mnist),
        ("lenet5", {"data": {"name": "digits"}}, 0.97),
    ],
    ids=["lenet5 on Fashion-MNIST", "mlp on Fashion-MNIST", "lenet5 on digits"],
)
def test_test_accuracy(recipe: str, values: dict[str, Any], least: float) -> None:
    experiment = prepare(recipe, {"data": {"name": "fashion-mnist"}} | values)
    run = experiment.train(progress=False)
    evaluation = experiment.evaluate(run.model, experiment.splits.test)
    assert evaluation is not None
    assert evaluation.accuracy is not None
    assert evaluation.accuracy >= least
