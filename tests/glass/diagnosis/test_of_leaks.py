"""Copies in both parts, and inputs that hold the targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.diagnosis.applied import applied
from clearprop import data, fit, nn
from clearprop.glass.diagnosis import diagnose
from clearprop.nn.fields import Array
from tests.glass.diagnosis.conftest import Pair, Parts, network, of

Table = tuple[np.ndarray, np.ndarray]


@pytest.fixture(scope="session")
def diabetes() -> Table:
    loaded = data.load("diabetes")
    x, y = np.asarray(loaded.inputs, np.float32), np.asarray(loaded.targets, np.float32)
    y = y.reshape(-1, 1)
    return (x - x.mean(0)) / x.std(0), (y - y.mean()) / y.std()


def test_examples_that_were_repeated_before_the_split(diabetes: Table) -> None:
    """Within the training part as many examples occur twice: that is no excuse."""
    x, y = diabetes
    order = np.random.default_rng(0).permutation(2 * len(x)) % len(x)
    train, dev = order[:700], order[700:]
    run = fit(network(10, 8, 1), (x[train], y[train]), loss="squared_error", epochs=2,
              dev=(x[dev], y[dev]), progress=False)  # fmt: skip
    finding = of("leaking_duplicates", diagnose(run, (x[train], y[train]), dev=(x[dev], y[dev])))
    assert finding.grade == "fault"
    assert finding.evidence["twins within training"] > 0.5


def test_rows_of_a_truth_table_are_equal_by_chance() -> None:
    draw = np.random.default_rng(0)
    x = draw.integers(0, 2, (300, 4)).astype(np.float32)
    y = (x.sum(axis=1) > 2).astype(np.int32)
    train, dev = (x[:200], y[:200]), (x[200:], y[200:])
    run = fit(network(4, 8, 2), train, dev=dev, epochs=2, progress=False)
    assert "leaking_duplicates" not in diagnose(run, train, dev=dev).kinds


@pytest.mark.parametrize("factor", [1.0, -0.01, 300.0])
def test_a_column_that_is_the_target_of_a_regression(diabetes: Table, factor: float) -> None:
    x, y = diabetes
    x = np.insert(x, 3, factor * y[:, 0] + 2, axis=1)
    model = network(11, 8, 1)
    run = fit(model, (x, y), loss="squared_error", epochs=2, progress=False)
    finding = of("leaking_targets", diagnose(run, (x, y)))
    assert finding.grade == "fault"
    assert finding.evidence["column"] == 3
    mended = applied(finding.fix, model, (x, y))
    assert not mended.data[0][:, 3].any()
    assert mended.data[0][:, 4].any()


def test_a_column_that_is_the_class(digits: Parts) -> None:
    (x, y), _ = digits
    known = np.c_[x, (7 * y + 3) % 11].astype(np.float32)
    run = fit(network(65, 10), (known, y), epochs=2, progress=False)
    assert of("leaking_targets", diagnose(run, (known, y))).evidence["column"] == 64
    # Half of the classes share a number: it says much, and not the class.
    half = np.c_[x, y // 2].astype(np.float32)
    run = fit(network(65, 10), (half, y), epochs=2, progress=False)
    assert "leaking_targets" not in diagnose(run, (half, y)).kinds


def test_a_good_column_is_no_target(diabetes: Table) -> None:
    x, y = diabetes
    noise = np.random.default_rng(0).normal(size=len(y)).astype(np.float32)
    x = np.insert(x, 3, y[:, 0] + 0.02 * noise, axis=1)
    run = fit(network(11, 8, 1), (x, y), loss="squared_error", epochs=2, progress=False)
    assert "leaking_targets" not in diagnose(run, (x, y)).kinds


class Writer(nn.Module):
    """Predicts the next of 6 characters by attention."""

    def __init__(self, causal: bool) -> None:
        self.embed = nn.Embedding(6, 8)
        self.places = nn.LearnedPositions(8, 8)
        self.block = nn.TransformerBlock(8, 2, 16, causal=causal)
        self.head = nn.Linear(8, 6)

    embed: nn.Embedding
    places: nn.LearnedPositions
    block: nn.TransformerBlock
    head: nn.Linear

    def __call__(self, x: Array) -> Array:
        return self.head(self.block(self.places(self.embed(x))))


class Echo(nn.Module):
    """Reads numbers in one direction or in both, and predicts the next one."""

    inner: nn.Module
    head: nn.Linear

    def __init__(self, inner: nn.Module, features: int) -> None:
        self.inner, self.head = inner, nn.Linear(features, 1)

    def __call__(self, x: Array) -> Array:
        return self.head(self.inner(x))


def characters() -> Pair:
    """The words of Python's reserved names, as windows of 9 characters of 6 kinds."""
    import keyword

    text = " ".join([*keyword.kwlist, *keyword.softkwlist])
    codes = np.array([ord(c) % 6 for c in text], np.int32)
    windows = np.lib.stride_tricks.sliding_window_view(codes, 9)[::2]
    return windows[:, :8].copy(), windows[:, 1:].copy()


@pytest.mark.slow
def test_attention_without_a_mask_reads_the_targets() -> None:
    part = characters()
    run = fit(Writer(False), part, loss="sequence_cross_entropy", epochs=2, progress=False)
    finding = of("leaking_targets", diagnose(run, part))
    assert finding.grade == "fault"
    assert "reads its targets" in finding.sentence
    run = fit(Writer(True), part, loss="sequence_cross_entropy", epochs=2, progress=False)
    assert "leaking_targets" not in diagnose(run, part).kinds


@pytest.mark.parametrize("both", [False, True])
def test_a_series_read_in_both_directions(both: bool) -> None:
    series = np.asarray(data.load("diabetes").inputs, np.float32)[:, 2]
    windows = np.lib.stride_tricks.sliding_window_view(series, 9)[..., None]
    part: Any = windows[:, :8].copy(), windows[:, 1:].copy()
    inner = nn.GRU(1, 4, bidirectional=True) if both else nn.GRU(1, 4)
    run = fit(Echo(inner, 8 if both else 4), part, loss="squared_error", epochs=1, progress=False)
    assert ("leaking_targets" in diagnose(run, part).kinds) is both


def test_a_tagger_may_look_ahead(digits: Parts) -> None:
    """Its targets are not the next inputs."""
    x, _ = characters()
    part = x, (x % 3).astype(np.int32)
    run = fit(Writer(False), part, loss="sequence_cross_entropy", epochs=1, progress=False)
    assert "leaking_targets" not in diagnose(run, part).kinds
