"""A few short runs, one for each kind of data, and their reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from clearprop import data, models, nn
from clearprop.data import Dataset, Splits
from clearprop.glass import write_report
from clearprop.glass.nodes import program
from clearprop.training import Run, fit
from tests.glass.page import Element, read


@pytest.fixture(autouse=True, scope="package")
def _compiled_soon() -> Iterator[None]:
    """Compile without optimization: almost every test of `explain` compiles a pass of its own."""
    program.OPTIONS["xla_backend_optimization_level"] = 0
    yield
    program.OPTIONS.clear()


class Reported(NamedTuple):
    """A run with its data, its report as text, and the same read back."""

    run: Run
    data: Any
    html: str
    page: Element
    faults: list[str]


def digits(folder: Path) -> tuple[Run, Splits]:
    splits = data.load("digits").split(dev=0.2, test=0.2)
    model = nn.Sequential(
        [nn.Conv2d(1, 4, 3), "softplus", nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 10)]
    )
    run = fit(model, splits, epochs=3, batch_size=64, learning_rate=0.01, folder=folder,
              progress=False)  # fmt: skip
    return run, splits


def colors(folder: Path) -> tuple[Run, Splits]:
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 3
    pixels = generator.integers(0, 120, (60, 6, 6, 3), np.uint8)
    pixels[np.arange(60), :, :, labels] += 100
    names = ("red & <green>", "green", "blue")
    splits = Dataset("lights", pixels, labels, "classification", names).split(dev=0.2, test=0.0)
    model = nn.Sequential([nn.Conv2d(3, 2, 3, padding=1), "relu", nn.Flatten(), nn.Linear(72, 3)])
    return fit(model, splits, epochs=2, batch_size=16, folder=folder, progress=False), splits


def iris(folder: Path) -> tuple[Run, Splits]:
    splits = data.load("iris").split(dev=0.2, test=0.2)
    run = fit(models.MLP((4, 8, 3)), splits, epochs=12, batch_size=16, patience=3, folder=folder,
              progress=False)  # fmt: skip
    return run, splits


def diabetes(folder: Path) -> tuple[Run, Splits]:
    splits = data.load("diabetes").split()
    run = fit(models.MLP((10, 6, 1)), splits, loss="squared_error", epochs=5, folder=folder,
              progress=False)  # fmt: skip
    return run, splits


def perceptron(folder: Path) -> tuple[Run, Splits]:
    flowers = data.load("iris")
    setosa = dataclasses.replace(
        flowers, targets=(flowers.targets == 0).astype(np.int32), class_names=("other", "setosa")
    ).split(dev=0.1, test=0.1)
    run = fit(
        models.Perceptron(4),
        setosa,
        loss="perceptron",
        optimizer="sgd",
        epochs=3,
        batch_size=1,
        learning_rate=1.0,
        folder=folder,
        progress=False,
    )
    return run, setosa


def xor(folder: Path) -> tuple[Run, Splits]:
    splits = data.load("xor").split(dev=0, test=0)
    model = models.MLP((2, 4, 1), activation="tanh")
    run = fit(
        model,
        splits,
        loss="binary_cross_entropy",
        epochs=60,
        batch_size=4,
        learning_rate=0.1,
        folder=folder,
        progress=False,
    )
    return run, splits


def cubic(folder: Path) -> tuple[Run, tuple[Any, Any]]:
    x = np.linspace(-2, 2, 60, dtype=np.float32)[:, None]
    pair = (x, x**3 + x**2 - x - 1)
    run = fit(models.MLP((1, 6, 1)), pair, loss="squared_error", epochs=5, folder=folder,
              progress=False)  # fmt: skip
    return run, pair


def tokens(folder: Path) -> tuple[Run, tuple[Any, Any]]:
    rows = np.random.default_rng(0).integers(0, 5, (40, 7)).astype(np.int32)
    pair = (rows[:, :-1], rows[:, 1:])
    model = nn.Sequential([nn.Embedding(5, 4), nn.Linear(4, 5)])
    return fit(model, pair, epochs=2, batch_size=10, folder=folder, progress=False), pair


KINDS: dict[str, Callable[[Path], tuple[Run, Any]]] = {
    made.__name__: made for made in (digits, colors, iris, diabetes, perceptron, xor, cubic, tokens)
}


@pytest.fixture(scope="session")
def report_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Reported]:
    """Give a function that makes the run and the report of a kind of data, once."""
    known: dict[str, Reported] = {}

    def reported(kind: str) -> Reported:
        if kind not in known:
            folder = tmp_path_factory.mktemp("runs") / f"{kind}-1"
            run, examples = KINDS[kind](folder)
            html = write_report(run, examples).read_text(encoding="utf-8")
            known[kind] = Reported(run, examples, html, *read(html))
        return known[kind]

    return reported


@pytest.fixture(scope="session", params=KINDS)
def every(request: pytest.FixtureRequest, report_of: Callable[[str], Reported]) -> Reported:
    """Give the run and the report of each kind of data in turn."""
    return report_of(request.param)
