"""Small networks, data and runs for the tests of the diagnosis, and a way to run a fix."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import clearprop as cp
from clearprop import data, nn
from clearprop.data import Splits
from clearprop.glass.diagnosis import Diagnosis
from clearprop.glass.diagnosis.kinds import KINDS
from clearprop.training import Run, fit

Pair = tuple[np.ndarray, np.ndarray]
Parts = tuple[Pair, Pair]


@pytest.fixture(scope="session")
def iris() -> Splits:
    return data.load("iris").split(dev=0.2, test=0.0)


@pytest.fixture(scope="session")
def digits() -> Parts:
    """Training and development examples as plain arrays, flat and standardized."""
    splits = data.load("digits").split(dev=0.2, test=0.0)
    pairs = []
    for part in (splits.train, splits.dev):
        assert part is not None
        x = np.asarray(splits.preprocessor.scaled(np.asarray(part.inputs)), np.float32)
        pairs.append((x.reshape(len(x), -1)[:256], np.asarray(part.targets)[:256]))
    return pairs[0], pairs[1]


def network(*sizes: int, activation: str = "relu", **options: Any) -> nn.Sequential:
    """Return a network of fully connected layers, all with the same options."""
    layers: list[Any] = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [nn.Linear(inputs, outputs, **options), activation]
    return nn.Sequential(layers[:-1])


def of(kind: str, found: Diagnosis) -> Any:
    """Return the finding of a kind, after checks of all findings."""
    for finding in found:
        assert finding.kind in KINDS
        assert 0 < finding.weight <= 1
        assert (finding.weight >= 0.5) == (finding.grade == "fault"), finding
        assert finding.evidence
        assert all(np.isreal(x) for x in finding.evidence.values())
        compile(finding.fix, finding.kind, "exec")
    weights = [finding.weight for finding in found]
    assert weights == sorted(weights, reverse=True)
    assert kind in found.kinds, str(found)
    return found.findings[found.kinds.index(kind)]


def fixed(fix: str, **names: Any) -> dict[str, Any]:
    """Run the code of a fix and return its variables."""
    space: dict[str, Any] = {"cp": cp, "np": np, **names}
    exec(compile(fix, "fix", "exec"), space)
    return space


@pytest.fixture(scope="session")
def trained(iris: Splits, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    """Train a small network on iris in a folder, only once for equal arguments."""
    known: dict[str, Run] = {}

    def make(**changed: Any) -> Run:
        name = repr(sorted(changed.items()))
        if name not in known:
            options = {"epochs": 40, "batch_size": 16, "learning_rate": 0.01} | changed
            folder = tmp_path_factory.mktemp("runs") / "run"
            known[name] = fit(network(4, 8, 3, activation="tanh"), iris, folder=folder,
                              progress=False, **options)  # fmt: skip
        return known[name]

    return make


def with_curves(run: Run, **columns: Any) -> Run:
    """Return a run with other curves."""
    n = len(next(iter(columns.values())))
    nothing = np.full(n, np.nan)
    base = {
        "epoch": np.arange(1, n + 1), "step": 10 * np.arange(1, n + 1), "objective": nothing,
        "training_error": nothing, "development_error": nothing, "development_objective": nothing,
        "learning_rate": np.full(n, 0.01), "seconds": np.ones(n),
    }  # fmt: skip
    given = {name: np.asarray(values, float) for name, values in columns.items()}
    history = dataclasses.replace(run.history, **{**base, **given})
    losses = np.repeat(history.objective, 10).astype(np.float32)
    return dataclasses.replace(run, history=history, losses=losses)
