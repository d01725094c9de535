"""A penalty that is too strong is found by its size, and trials show what gets further."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from benchmarks.diagnosis.applied import applied
from clearprop import nn, optim, tree
from clearprop.data import Splits
from clearprop.glass.diagnosis import diagnose
from clearprop.glass.diagnosis.fix import penalties
from clearprop.glass.diagnosis.gathering import facts_of_run
from clearprop.glass.diagnosis.of_optimizer import unsuitable_optimizer
from clearprop.glass.diagnosis.trials import first_values
from clearprop.training import Run, fit
from tests.glass.diagnosis.conftest import Parts, network, of, with_curves

Trained = Callable[..., Run]


def shrunk(run: Run, optimizer: optim.Optimizer) -> Run:
    """Return a run whose weights a penalty has shrunk."""
    model = tree.replace(run.model, {p: 0.1 * w for p, w in nn.parameters(run.model).items()})
    changed = {**run.config, "optimizer": optimizer.to_config()}
    level = with_curves(run, objective=[1.0, 1.0, 1.0], training_error=np.full(3, 0.6))
    return dataclasses.replace(level, model=model, config=changed)


@pytest.mark.parametrize(
    "optimizer",
    [
        optim.adamw(0.003, weight_decay=30.0),
        optim.chain(optim.add_decayed_weights(3.0), optim.sgd(0.05)),
        optim.chain(optim.add_l1_penalty(3.0), optim.adam(0.003)),
        optim.decoupled_weight_decay(optim.momentum(0.01), weight_decay=3.0),
    ],
)
def test_a_penalty_that_is_too_strong(
    optimizer: optim.Optimizer, trained: Trained, iris: Splits
) -> None:
    run = trained()
    finding = of("penalty_too_strong", diagnose(shrunk(run, optimizer), iris))
    assert finding.evidence["penalty over data"] >= 1
    made = applied(finding.fix, run.model, iris).arguments["optimizer"]
    assert list(penalties(made.to_config())) in ([], [("separate", 0.0)])
    weak = optim.adamw(0.003, weight_decay=0.01)
    assert "penalty_too_strong" not in diagnose(shrunk(run, weak), iris).kinds


def test_the_decay_of_rmsprop_is_no_penalty(trained: Trained, iris: Splits) -> None:
    config = optim.rmsprop(0.01).to_config()
    assert list(penalties(config)) == []
    assert list(penalties(optim.chain(optim.add_decayed_weights(0.1), optim.sgd(0.1)).to_config()))
    found = diagnose(shrunk(trained(), optim.rmsprop(0.01)), iris)
    assert "penalty_too_strong" not in found.kinds


def test_trials_are_made_only_where_they_are_asked_for(iris: Splits) -> None:
    options: dict[str, Any] = {"epochs": 12, "batch_size": 16, "learning_rate": 0.01}
    run = fit(network(4, 8, 3, activation="tanh"), iris, optimizer="sgd", progress=False, **options)
    assert "unsuitable_optimizer" in diagnose(run, iris).skipped
    facts = dataclasses.replace(facts_of_run(run, iris), trials=True)
    finding = unsuitable_optimizer(facts, True)
    assert finding is not None
    assert finding.evidence["steps"] == 50
    assert finding.evidence["loss with others"] < finding.evidence["loss with own settings"]
    call = applied(finding.fix, network(4, 8, 3), iris).arguments
    assert call["optimizer"] in ("adam", "momentum")
    assert "unsuitable_optimizer" in diagnose(run, iris, trials=True).kinds


def test_first_values_are_drawn_in_their_sizes(trained: Trained, iris: Splits) -> None:
    run = trained()
    begun = first_values(facts_of_run(run, iris))
    assert begun is not None
    for path, noted in run.config["initial_values"].items():
        spread = float(np.std(nn.parameters(begun)[path]))
        assert spread == pytest.approx(noted["deviation"], rel=0.5, abs=1e-6)
    fork = dataclasses.replace(run, config={**run.config, "parent": {"step": 10}})
    assert first_values(facts_of_run(fork, iris)) is None


def test_too_much_dropout(digits: Parts) -> None:
    layers = [nn.Linear(64, 32), "relu", nn.Dropout(0.9), nn.Linear(32, 32), "relu",
              nn.Dropout(0.9), nn.Linear(32, 10)]  # fmt: skip
    model = nn.Sequential(layers).init(0)
    run = fit(model, digits[0], epochs=20, learning_rate=0.003, progress=False)
    found = diagnose(run, digits[0])
    finding = of("dropout_too_strong", found)
    assert finding.where == "layers.2"
    assert "90.00 % of the units" in finding.sentence
    assert [one.kind for one in found.faults] == ["dropout_too_strong"]  # dead units follow from it
    after = applied(finding.fix, model, digits[0])
    rates = [m.rate for m in nn.modules(after.model).values() if isinstance(m, nn.Dropout)]
    assert rates == [0.3, 0.3]
    repaired = fit(after.model, after.data, progress=False, **after.arguments)
    assert "dropout_too_strong" not in diagnose(repaired, after.data).kinds


def test_many_layers_of_dropout(digits: Parts) -> None:
    train, dev = digits
    layers: list[Any] = []
    for inputs, outputs in ((64, 12), (12, 12), (12, 12), (12, 10)):
        layers += [nn.Dropout(0.6), nn.Linear(inputs, outputs), "relu"]
    run = fit(nn.Sequential(layers[:-1]), train, dev=dev, epochs=20, progress=False)
    finding = of("dropout_too_strong", diagnose(run, train, dev=dev))
    assert "the 4 layers of dropout keep 2.56 % of all paths" in finding.sentence
    mended = applied(finding.fix, nn.Sequential(layers[:-1]), train, dev=dev).model
    rates = [m.rate for m in nn.modules(mended).values() if isinstance(m, nn.Dropout)]
    assert rates == [0.3] * 4
