"""The rules of the self-organizing map against the published formulas; its runs and refusals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from clearprop import diagnose, fit, nn, tree
from clearprop.algorithms import SelfOrganizing
from clearprop.algorithms.self_organizing import along_components, topographic_error
from clearprop.data import epoch_order
from clearprop.errors import ClearpropError, ConfigurationError, ShapeError
from clearprop.glass.report import write_report
from clearprop.models import SelfOrganizingMap
from clearprop.training import EpochDone, StopTraining

IRIS = load_iris().data.astype(np.float32)
DIGITS = (load_digits().data / 16).astype(np.float32)


def trained(som: SelfOrganizingMap, x: Any, epochs: int = 3, **options: Any) -> Any:
    given = {"batch_size": len(x), "progress": False}
    fitted = {name: options.pop(name) for name in ("batch_size", "folder", "dev", "resume",
              "on_event", "seed") if name in options}  # fmt: skip
    return fit(som, x, algorithm=SelfOrganizing(**options), epochs=epochs, **{**given, **fitted})


def begun(som: SelfOrganizingMap, seed: int = 0) -> tuple[SelfOrganizingMap, Any]:
    """Return a map with a random codebook, and the codebook."""
    codebook = np.random.default_rng(seed).normal(size=(som.units, som.features)) + IRIS.mean(
        axis=0
    )
    made = tree.replace(som.init(0), {"codebook": jnp.asarray(codebook, jnp.float32)})
    return made, codebook


def nearness(som: SelfOrganizingMap, radius: float, kind: str) -> Any:
    distances = som.distances()
    if kind == "bubble":
        return (distances <= radius + 1e-4).astype(float)
    return np.exp(-(distances**2) / (2 * radius**2))


@pytest.mark.parametrize("kind", ["gaussian", "bubble"])
@pytest.mark.parametrize("decay", ["exponential", "linear"])
def test_a_batch_map_follows_the_published_formula(kind: Any, decay: Any) -> None:
    som, w = begun(SelfOrganizingMap(3, 4, 4, grid="rectangular"))
    x, epochs, first, last = IRIS.astype(np.float64), 4, 2.0, 0.5
    for epoch in range(epochs):
        t = epoch / (epochs - 1)
        radius = first + (last - first) * t if decay == "linear" else first * (last / first) ** t
        h = nearness(som, radius, kind)
        best = [int(((one - w) ** 2).sum(axis=1).argmin()) for one in x]
        for j, old in enumerate(w.copy()):
            weights = sum(h[j, c] for c in best)
            if weights > 0:
                w[j] = sum(h[j, c] * one for c, one in zip(best, x, strict=True)) / weights
            else:
                w[j] = old
    for batch_size in (len(x), 40):  # the last batch of an epoch has 30
        run = trained(
            som, IRIS, epochs, radius=first, last_radius=last, neighborhood=kind, decay=decay,
            batch_size=batch_size,
        )  # fmt: skip
        np.testing.assert_allclose(run.model.codebook, w, rtol=2e-4, atol=2e-4)


def test_an_online_map_follows_kohonens_rule() -> None:
    som, w = begun(SelfOrganizingMap(3, 3, 4))
    x, N, epochs = IRIS.astype(np.float64), len(IRIS), 2
    squares = som.distances() ** 2
    t = 0
    for epoch in range(epochs):
        for row in epoch_order(N, 0, epoch):
            radius = 1.5 * (0.5 / 1.5) ** (t / (N * epochs))
            rate = 0.3 * (0.02 / 0.3) ** (t / (N * epochs))
            c = ((x[row] - w) ** 2).sum(axis=1).argmin()
            w += rate * np.exp(-squares[:, c] / (2 * radius**2))[:, None] * (x[row] - w)
            t += 1
    for batch_size in (N, 50):
        run = trained(
            som, IRIS, epochs, mode="online", radius=1.5, rate=0.3, last_rate=0.02,
            batch_size=batch_size,
        )  # fmt: skip
        np.testing.assert_allclose(run.model.codebook, w, rtol=2e-3, atol=2e-3)


def test_a_mini_batch_moves_by_the_mean() -> None:
    som, w = begun(SelfOrganizingMap(3, 3, 4))
    x = IRIS.astype(np.float64)
    h = nearness(som, 2.0, "gaussian")
    best = [int(((one - w) ** 2).sum(axis=1).argmin()) for one in x]
    change = sum(h[:, c][:, None] * (one - w) for c, one in zip(best, x, strict=True))
    run = trained(som, IRIS, 1, mode="mini-batch", radius=2.0, rate=0.3)
    np.testing.assert_allclose(run.model.codebook, w + 0.3 / len(x) * change, atol=1e-4)


def test_errors_are_those_of_their_definitions() -> None:
    som, w = begun(SelfOrganizingMap(4, 4, 4, grid="rectangular"))
    distances = np.sqrt(((IRIS[:, None] - w[None]) ** 2).sum(axis=-1))
    run = trained(som, IRIS, 1)
    assert run.history.training_error[0] == pytest.approx(distances.min(axis=1).mean(), rel=1e-4)
    assert run.history.objective[0] == pytest.approx((distances.min(axis=1) ** 2).mean(), rel=1e-4)
    best = np.argsort(distances, axis=1)[:, :2]
    apart = [max(abs(a // 4 - b // 4), abs(a % 4 - b % 4)) > 1 for a, b in best]
    assert float(topographic_error(som, jnp.asarray(IRIS))) == pytest.approx(np.mean(apart))


def test_a_map_becomes_ordered_from_any_start() -> None:
    pca, random = (
        trained(SelfOrganizingMap(8, 8, 64), DIGITS[:600], 20, start=start, last_radius=1.0).history
        for start in ("pca", "random")
    )
    assert pca.training_error[-1] < 0.8 * pca.training_error[0]
    for history in (pca, random):
        errors = history.metrics["topographic error"]
        assert errors[-1] < 0.5 * errors[0]


def test_the_first_map_lies_along_the_principal_components() -> None:
    som = SelfOrganizingMap(3, 5, 4, grid="rectangular")
    codebook = along_components(som, IRIS.astype(np.float64))
    centered = IRIS - IRIS.mean(axis=0)
    _, _, components = np.linalg.svd(centered, full_matrices=False)
    ends = codebook[4] - codebook[0]  # along a row, which is the longer side
    along = abs(ends @ components[0]) / np.linalg.norm(ends)
    assert along == pytest.approx(1, abs=1e-5)
    deviation = float((centered @ components[0]).std())
    assert np.linalg.norm(ends) == pytest.approx(2 * deviation, rel=1e-4)
    np.testing.assert_allclose(codebook.mean(axis=0), IRIS.mean(axis=0), rtol=1e-5)


@pytest.mark.parametrize("toroidal", [False, True])
@pytest.mark.parametrize("grid", ["rectangular", "hexagonal"])
def test_places_and_neighbors_of_a_grid(grid: str, toroidal: bool) -> None:
    som = SelfOrganizingMap(4, 5, 2, grid=grid, toroidal=toroidal)
    neighbors = som.neighbors().sum(axis=1).reshape(4, 5)
    inside = 8 if grid == "rectangular" else 6
    assert (neighbors[1:3, 1:4] == inside).all()
    if toroidal:
        assert (neighbors == inside).all()
    else:
        assert neighbors[0, 0] == (3 if grid == "rectangular" else 2)
    distances = som.distances()
    np.testing.assert_allclose(distances, distances.T)
    if toroidal:
        assert distances[0, 4] == pytest.approx(1)
        assert distances[0, 15] == pytest.approx(1)
    else:
        assert distances[0, 4] == pytest.approx(4)


def test_a_stopped_map_goes_on_bit_for_bit(tmp_path: Path) -> None:
    options = {"batch_size": 40, "epochs": 4, "dev": 0.1}
    whole = trained(SelfOrganizingMap(4, 4, 4), IRIS, folder=tmp_path / "whole", **options)

    def stop(event: object) -> None:
        if isinstance(event, EpochDone):
            raise StopTraining

    cut = {"folder": tmp_path / "cut", **options}
    trained(SelfOrganizingMap(4, 4, 4), IRIS, on_event=stop, **cut)
    again = trained(SelfOrganizingMap(4, 4, 4), IRIS, resume=True, **cut)
    assert np.array_equal(again.losses, whole.losses)
    assert np.array_equal(again.model.codebook, whole.model.codebook)


def test_a_run_is_diagnosed_and_reported(tmp_path: Path) -> None:
    run = trained(SelfOrganizingMap(4, 4, 4), IRIS, folder=tmp_path / "run", dev=0.1, batch_size=20)
    assert {finding.kind for finding in diagnose(run)} <= {"fine"}
    page = write_report(run).read_text()
    assert "quantization error" in page
    assert "topographic error" in page
    assert run.model(jnp.asarray(IRIS[:3])).shape == (3, 16)


def test_a_map_larger_than_the_data_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="the map is larger than the data") as caught:
        trained(SelfOrganizingMap(13, 12, 4), IRIS)
    side = int(math.sqrt(5 * math.sqrt(150)))
    assert f"rows={side}, columns={side}" in str(caught.value)
    trained(SelfOrganizingMap(side, side, 4), IRIS, 1)


@pytest.mark.parametrize("name", ["optimizer", "learning_rate", "average"])
def test_an_option_of_optimizers_is_refused(name: str) -> None:
    value: Any = {"optimizer": "sgd", "learning_rate": 0.1, "average": 0.9}[name]
    with pytest.raises(ConfigurationError, match="takes its steps without an optimizer"):
        fit(SelfOrganizingMap(3, 3, 4), IRIS, algorithm=SelfOrganizing(), **{name: value})


@pytest.mark.parametrize(
    "options",
    [{"mode": "batches"}, {"radius": 0.0}, {"last_radius": -1.0}, {"decay": "cosine"},
     {"start": "PCA"}, {"neighborhood": "hat"}, {"rate": 0.0}],
)  # fmt: skip
def test_options_out_of_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        SelfOrganizing(**options)


def test_other_models_and_other_data_are_refused() -> None:
    with pytest.raises(ClearpropError, match="needs a self-organizing map"):
        fit(nn.Linear(4, 3), IRIS, algorithm=SelfOrganizing(), progress=False)
    with pytest.raises(ShapeError):
        trained(SelfOrganizingMap(3, 3, 5), IRIS)
    with pytest.raises(ConfigurationError, match="5 rows"):
        SelfOrganizingMap(5, 4, 2, toroidal=True)
