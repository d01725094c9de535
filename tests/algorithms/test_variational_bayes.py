"""The evidence lower bound against numerical integration, and what a variational run does."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from clearprop import diagnose, fit, nn, ops, tree
from clearprop.algorithms import VariationalBayes
from clearprop.algorithms.variational_bayes import bound_parts, log_likelihood
from clearprop.autodiff import grad
from clearprop.errors import ClearpropError
from clearprop.glass.report import write_report
from clearprop.models import VariationalAutoencoder
from clearprop.models.autoencoder import dense_decoder, dense_encoder
from clearprop.training import EpochDone, StopTraining, load

GRID = np.linspace(-9, 9, 20_001)
"""Codes over which the one-dimensional integrals are summed."""

POINTS = jnp.array([[0.9], [-0.2], [0.4]])

DIGITS = (load_digits().images / 16).astype(np.float32)[..., None]


class Curve(nn.Module):
    """A decoder of one number, which is not linear."""

    inner: nn.Linear
    outer: nn.Linear

    def __init__(self) -> None:
        self.inner = nn.Linear(1, 6)
        self.outer = nn.Linear(6, 1)

    def __call__(self, z: Any) -> Any:
        return self.outer(ops.tanh(self.inner(z)))


def of_one_number(likelihood: Any) -> VariationalAutoencoder:
    """Return a model whose q is wider than the prior, so that no weight p / q is large."""
    model = VariationalAutoencoder(
        nn.Linear(1, 2), Curve(), 1, likelihood=likelihood, deviation=0.7
    ).init(4)
    encoder = {"weight": jnp.array([[0.6, 0.1]]), "bias": jnp.array([0.1, 0.3])}
    found: VariationalAutoencoder = tree.replace(
        model, {f"encoder.{name}": value for name, value in encoder.items()}
    )
    return found


def log_joint(model: VariationalAutoencoder, x: float) -> NDArray[np.float64]:
    """Return log p(x|z) + log p(z) at every code of the grid, written out anew."""
    made = np.asarray(model.decoder(jnp.asarray(GRID, jnp.float32)[:, None]), np.float64)[:, 0]
    if model.likelihood == "bernoulli":
        given = x * made - np.log1p(np.exp(made))
    else:
        given = -((x - made) ** 2) / (2 * 0.7**2) - math.log(0.7 * math.sqrt(2 * math.pi))
    return np.asarray(given - GRID**2 / 2 - math.log(2 * math.pi) / 2)


def exact_bound(model: VariationalAutoencoder, x: float) -> float:
    """Return the integral of q(z|x) (log p(x, z) - log q(z|x)) over z."""
    mean, log_variance = (
        float(part[0, 0]) for part in model.code_distribution(jnp.array([[x]], jnp.float32))
    )
    log_q = -((GRID - mean) ** 2) / (2 * math.exp(log_variance)) - log_variance / 2
    log_q -= math.log(2 * math.pi) / 2
    return float(np.trapezoid(np.exp(log_q) * (log_joint(model, x) - log_q), GRID))


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_the_bound_is_the_integral_of_its_definition(likelihood: Any) -> None:
    model = of_one_number(likelihood)
    expected = np.array([exact_bound(model, float(x)) for x in POINTS[:, 0]])
    rows = jnp.repeat(POINTS, 100_000, axis=0)
    given, divergence = bound_parts(model, rows, jax.random.key(1))
    draws = np.asarray(given - divergence, np.float64).reshape(len(POINTS), -1)
    deviation = draws.std(axis=1) / math.sqrt(draws.shape[1])
    assert (np.abs(draws.mean(axis=1) - expected) < 5 * deviation + 1e-5).all()
    assert deviation.max() < 0.01


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_it_is_below_the_likelihood_which_more_draws_approach(likelihood: Any) -> None:
    model = of_one_number(likelihood)
    for x in (0.9, 0.4):
        exact = math.log(np.trapezoid(np.exp(log_joint(model, x)), GRID))
        assert exact_bound(model, x) < exact
        rows = jnp.full((20, 1), x)
        found = log_likelihood(model, rows, jax.random.key(2), draws=5_000)
        assert abs(found.mean() - exact) < 0.01
        few = log_likelihood(model, jnp.full((2_000, 1), x), jax.random.key(2), draws=1)
        assert abs(few.mean() - exact_bound(model, x)) < 0.1


def test_the_bound_is_the_likelihood_where_q_is_the_posterior() -> None:
    """With a linear decoder p(z|x) is normal, and its mean and variance are known."""
    slope, deviation = 1.3, 0.7
    variance = 1 / (1 + slope**2 / deviation**2)
    model = of_one_number("gaussian")
    decoder = nn.Linear(1, 1).init(0)
    decoder = tree.replace(decoder, {"weight": jnp.array([[slope]]), "bias": jnp.zeros(1)})
    encoder = tree.replace(
        nn.Linear(1, 2).init(0),
        {
            "weight": jnp.array([[variance * slope / deviation**2, 0.0]]),
            "bias": jnp.array([0.0, math.log(variance)]),
        },
    )
    model = VariationalAutoencoder(encoder, decoder, 1, likelihood="gaussian", deviation=deviation)
    total = slope**2 + deviation**2
    for x in (0.9, -2.0):
        exact = -(x**2) / (2 * total) - math.log(2 * math.pi * total) / 2
        rows = jnp.full((50, 1), x)
        assert log_likelihood(model, rows, jax.random.key(0), 3) == pytest.approx(exact, abs=1e-5)


def test_its_gradient_is_that_of_the_integral() -> None:
    model, x = of_one_number("gaussian"), 0.9
    rows = jnp.full((200_000, 1), x)
    arrays = nn.parameters(model)

    def estimate(arrays: Any) -> Any:
        given, divergence = bound_parts(tree.replace(model, arrays), rows, jax.random.key(5))
        return (given - divergence).mean()

    slopes = grad(estimate)(arrays)
    for path, place in (
        ("encoder.weight", (0, 0)), ("encoder.bias", (1,)), ("decoder.inner.weight", (0, 2)),
        ("decoder.outer.bias", (0,)),
    ):  # fmt: skip
        ends = []
        for step in (1e-2, -1e-2):
            moved = {**arrays, path: arrays[path].at[place].add(step)}
            ends.append(exact_bound(tree.replace(model, moved), x))
        assert float(slopes[path][place]) == pytest.approx((ends[0] - ends[1]) / 2e-2, abs=0.02)


def network(**options: Any) -> VariationalAutoencoder:
    shape = (8, 8, 1)
    encoder = dense_encoder(shape, 8, (32,), ops.relu)
    return VariationalAutoencoder(encoder, dense_decoder(shape, 4, (32,), ops.relu), 4, **options)


def trained(**options: Any) -> Any:
    given = {
        "algorithm": VariationalBayes(), "epochs": 3, "batch_size": 100, "dev": 0.2,
        "learning_rate": 0.003, "progress": False,
    }  # fmt: skip
    return fit(network(), DIGITS, **{**given, **options})


def test_samples_of_a_trained_model_are_nearer_to_the_data_than_those_of_an_untrained_one() -> None:
    run = trained(epochs=40, dev=0)
    assert run.history.objective[-1] < 0.75 * run.history.objective[0]

    def distance(model: Any) -> float:
        made = np.asarray(model.sample(jax.random.key(1), 200)).reshape(200, 1, -1)
        squares = ((made - DIGITS.reshape(1, len(DIGITS), -1)) ** 2).sum(axis=2)
        return float(squares.min(axis=1).mean())

    assert distance(run.model) < 0.6 * distance(network().init(0))
    assert run.predict(DIGITS[:3]).shape == (3, 8, 8, 1)
    assert run.model.encode(jnp.asarray(DIGITS[:3])).shape == (3, 4)


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path) -> None:
    whole = trained(epochs=2)

    def stop(event: object) -> None:
        if isinstance(event, EpochDone):
            raise StopTraining

    trained(folder=tmp_path / "cut", on_event=stop, epochs=2)
    again = trained(folder=tmp_path / "cut", resume=True, epochs=2)
    assert np.array_equal(again.losses, whole.losses)
    for path, value in nn.parameters(whole.model).items():
        assert np.array_equal(nn.parameters(again.model)[path], value), path


def test_the_weight_of_the_divergence_changes_the_objective_and_not_the_error() -> None:
    run = trained(algorithm=VariationalBayes(divergence_weight=4.0), epochs=6)
    history = run.history
    assert (history.objective > history.training_error).all()
    plain = trained(epochs=6).history
    np.testing.assert_allclose(plain.objective, plain.training_error, rtol=1e-6)
    key = "divergence in nats"
    assert history.metrics[key][-1] < plain.metrics[key][-1]


def test_report_recording_and_folder(tmp_path: Path) -> None:
    run = trained(folder=tmp_path / "run", record=["encoder.*"], epochs=2)
    page = write_report(run).read_text()
    assert "negative evidence lower bound" in page
    assert run.recordings is not None
    assert "encoder.layers.1" in run.recordings.names
    assert "underfitting" not in {finding.kind for finding in diagnose(run)}
    assert load(tmp_path / "run").predict(DIGITS[:3]).shape == (3, 8, 8, 1)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: VariationalBayes(draws=0), "draws"),
        (lambda: VariationalBayes(divergence_weight=-1.0), "divergence_weight"),
        (lambda: network(likelihood="gauss"), "unknown likelihood"),
        (lambda: network(deviation=0.0), "deviation"),
        (lambda: fit(network(), 2 * DIGITS, algorithm=VariationalBayes(), progress=False),
         "from 0 to 1"),
        (lambda: fit(nn.Linear(64, 2), DIGITS, algorithm=VariationalBayes(), progress=False),
         "no distribution of codes"),
        (lambda: fit(VariationalAutoencoder(nn.Flatten(), nn.Linear(2, 64), 2), DIGITS,
                     algorithm=VariationalBayes(), progress=False),
         r"\(B, 4\) for a code of 2"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(call: Any, said: str) -> None:
    with pytest.raises(ClearpropError, match=said):
        call()
