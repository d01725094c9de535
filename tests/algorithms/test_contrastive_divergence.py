"""Contrastive divergence: its gradient against exact ones, its runs, its refusals."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.neural_network import BernoulliRBM

from clearprop import diagnose, explain, fit, nn, optim, tree
from clearprop.algorithms import ContrastiveDivergence
from clearprop.algorithms.contrastive_divergence import pseudo_log_likelihood
from clearprop.data import Batch
from clearprop.errors import ClearpropError, ConfigurationError, DataError, NonFiniteError
from clearprop.glass.report import write_report
from clearprop.models import RBM, exact_log_partition, log_likelihood
from clearprop.training import EpochDone, StopTraining
from clearprop.training.learning import Context, skeleton

DIGITS = (load_digits().data / 16).astype(np.float32)


def states(units: int) -> Any:
    return jnp.asarray(list(itertools.product((0.0, 1.0), repeat=units)), jnp.float32)


def machine(visible: int = 4, hidden: int = 3, seed: int = 0, **options: Any) -> RBM:
    """Return a machine with weights that are not small."""
    random = np.random.default_rng(seed)
    made = RBM(visible, hidden, **options).init(0)
    return tree.replace(
        made,
        {
            path: jnp.asarray(random.normal(size=x.shape), jnp.float32)
            for path, x in nn.parameters(made).items()
        },
    )


def gradients(model: RBM, x: Any, key: int = 0, **options: Any) -> dict[str, Any]:
    """Return the gradients of one step of training."""
    context = Context(skeleton(model), optim.sgd(1.0), batch_size=len(x))
    algorithm = ContrastiveDivergence(**options).bound(context)
    batch = Batch(jnp.asarray(x), jnp.zeros(len(x), jnp.int32), None)
    state = algorithm.initial_state(model, list(nn.parameters(model)), keep_best=False)
    return dict(algorithm.step(state, {}, batch, jax.random.key(key))[2])


def published(model: RBM, v: Any, end: Any) -> dict[str, Any]:
    """Return the gradients of the published rule, in NumPy."""
    W, b = np.asarray(model.hidden.weight, np.float64), np.asarray(model.hidden.bias, np.float64)
    v, end = np.asarray(v, np.float64), np.asarray(end, np.float64)
    of_data, of_end = (1 / (1 + np.exp(-(x @ W + b))) for x in (v, end))
    shift = np.asarray(model.visible_bias) if model.units == "gaussian" else 0.0
    return {
        "hidden.weight": end.T @ of_end / len(end) - v.T @ of_data / len(v),
        "hidden.bias": of_end.mean(axis=0) - of_data.mean(axis=0),
        "visible_bias": (end - shift).mean(axis=0) - (v - shift).mean(axis=0),
    }


@pytest.mark.parametrize("units", ["bernoulli", "gaussian"])
@pytest.mark.parametrize("steps", [1, 3])
def test_the_gradient_is_that_of_the_published_rule(units: str, steps: int) -> None:
    model, x = machine(6, 5, units=units), np.random.default_rng(1).integers(0, 2, (20, 6))
    x = x.astype(np.float32)
    found = gradients(model, x, steps=steps)
    key = jax.random.fold_in(jax.random.key(0), jnp.zeros((), jnp.int32))
    expected = published(model, x, model.gibbs(jnp.asarray(x), key, steps))
    for path, value in expected.items():
        np.testing.assert_allclose(found[path], value, rtol=1e-4, atol=2e-6, err_msg=path)


def exact_gradient(model: RBM, x: Any) -> dict[str, Any]:
    """Return the gradient of -log p of the data, with the mean over all states of the model."""
    every = states(model.hidden.in_features)
    chance = np.exp(-np.asarray(model.free_energy(every), np.float64) - exact_log_partition(model))
    np.testing.assert_allclose(chance.sum(), 1, rtol=1e-5)
    W, b = np.asarray(model.hidden.weight), np.asarray(model.hidden.bias)
    hidden = 1 / (1 + np.exp(-(np.asarray(every) @ W + b)))
    of_data = published(model, x, np.zeros((1, W.shape[0])))
    of_zero = 1 / (1 + np.exp(-b))
    return {
        "hidden.weight": of_data["hidden.weight"]
        + np.asarray(every).T @ (chance[:, None] * hidden),
        "hidden.bias": of_data["hidden.bias"] - of_zero + chance @ hidden,
        "visible_bias": of_data["visible_bias"] + chance @ np.asarray(every),
    }


@pytest.mark.parametrize("persistent", [False, True])
def test_many_steps_of_many_chains_give_the_exact_gradient(persistent: bool) -> None:
    model = machine()
    x = np.repeat(np.asarray(states(4))[[1, 3, 7, 12]], 5000, axis=0)
    found = gradients(model, x, steps=50, persistent=persistent)
    for path, value in exact_gradient(model, x).items():
        # 20,000 samples have a deviation of at most 0.5 / sqrt(20,000) = 0.0035.
        np.testing.assert_allclose(found[path], value, atol=0.015, err_msg=path)


def test_one_step_is_biased_where_many_are_not() -> None:
    model = machine(seed=3)
    x = np.repeat(np.asarray(states(4))[[0, 15]], 10_000, axis=0)
    exact = exact_gradient(model, x)
    far, near = (
        max(float(np.abs(found[path] - exact[path]).max()) for path in exact)
        for found in (gradients(model, x, steps=1), gradients(model, x, steps=50))
    )
    assert far > 0.05 > 0.015 > near


def test_persistent_training_raises_the_exact_likelihood() -> None:
    x = np.repeat(np.asarray(states(6))[[0, 7, 56, 63]], 50, axis=0)
    run = fit(
        RBM(6, 8),
        x,
        algorithm=ContrastiveDivergence(steps=5, persistent=True, chains=100),
        optimizer="sgd",
        learning_rate=0.2,
        epochs=200,
        batch_size=50,
        progress=False,
    )
    before = RBM(6, 8).init(0)
    known: Any = run.model
    after = log_likelihood(known, x, exact_log_partition(known))
    assert log_likelihood(before, x, exact_log_partition(before)) == pytest.approx(-4.16, abs=0.05)
    assert after > -1.8  # log(1 / 4) = -1.39 is the best that there is


def test_sparsity_lowers_the_activity() -> None:
    options: Any = {"optimizer": "sgd", "learning_rate": 0.05, "epochs": 5, "batch_size": 20}
    runs = [
        fit(RBM(64, 16), DIGITS[:400], algorithm=a, progress=False, **options)
        for a in (
            ContrastiveDivergence(),
            ContrastiveDivergence(sparsity=0.1, sparsity_cost=10.0),
        )
    ]
    free, sparse = (run.history.metrics["hidden activity"][-1] for run in runs)
    assert abs(sparse - 0.1) < 0.5 * abs(free - 0.1)


def test_the_pseudo_likelihood_is_that_of_scikit_learn() -> None:
    model = machine(64, 16)
    theirs = BernoulliRBM(n_components=16).fit(DIGITS[:20])
    theirs.components_ = np.asarray(model.hidden.weight).T
    theirs.intercept_hidden_ = np.asarray(model.hidden.bias)
    theirs.intercept_visible_ = np.asarray(model.visible_bias)
    x = np.repeat(DIGITS[:50], 200, axis=0)
    expected = theirs.score_samples(x).reshape(50, 200)
    found = pseudo_log_likelihood(model, jnp.asarray(x), jax.random.key(0)).reshape(50, 200)
    spread = np.sqrt((expected.var(axis=1) + np.asarray(found).var(axis=1)) / 200)
    assert (np.abs(expected.mean(axis=1) - found.mean(axis=1)) < 5 * spread + 1e-3).all()


def trained(**options: Any) -> Any:
    given = {
        "algorithm": ContrastiveDivergence(persistent=True),
        "optimizer": "sgd",
        "learning_rate": 0.05,
        "epochs": 2,
        "batch_size": 50,
        "progress": False,
    }
    return fit(RBM(64, 16), DIGITS[:230], **{**given, **options})


def test_a_stopped_run_goes_on_bit_for_bit_with_its_chains(tmp_path: Path) -> None:
    whole = trained(folder=tmp_path / "whole", dev=0.1)

    def stop(event: object) -> None:
        if isinstance(event, EpochDone):
            raise StopTraining

    trained(folder=tmp_path / "cut", on_event=stop, dev=0.1)
    again = trained(folder=tmp_path / "cut", resume=True, dev=0.1)
    assert np.array_equal(again.losses, whole.losses)
    for name, column in whole.history.metrics.items():
        assert np.array_equal(again.history.metrics[name], column), name
    for path, value in nn.parameters(whole.model).items():
        assert np.array_equal(nn.parameters(again.model)[path], value), path


def test_a_run_is_recorded_diagnosed_reported_and_explained(tmp_path: Path) -> None:
    plain, recorded = trained(), trained(record=["hidden"], folder=tmp_path / "run", dev=0.1)
    assert plain.losses.shape == (10,)
    assert recorded.recordings is not None
    assert set(recorded.recordings.names) >= {"hidden", "hidden#2"}  # the data, and the samples
    assert not {"underfitting", "overfitting"} & {finding.kind for finding in diagnose(recorded)}
    page = write_report(recorded).read_text()
    assert "reconstruction error" in page
    assert "pseudo-log-likelihood" in page
    x = jnp.asarray(DIGITS[:1])
    glass = explain(recorded.model, x, jnp.zeros((1, 16)), "squared_error")
    assert glass["hidden/matmul"].value.shape == (1, 16)


def test_pictures_are_visible_units_too() -> None:
    flat, square = trained(), fit(
        RBM(64, 16),
        DIGITS[:230].reshape(-1, 8, 8, 1),
        algorithm=ContrastiveDivergence(persistent=True),
        optimizer="sgd",
        learning_rate=0.05,
        epochs=2,
        batch_size=50,
        progress=False,
    )  # fmt: skip
    assert np.array_equal(flat.losses, square.losses)


def test_a_rate_that_is_too_high_is_traced() -> None:
    x = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    with pytest.raises(NonFiniteError):
        fit(
            RBM(5, 4, units="gaussian"),
            x,
            algorithm=ContrastiveDivergence(),
            optimizer="sgd",
            learning_rate=1e6,
            epochs=20,
            progress=False,
        )


@pytest.mark.parametrize(
    ("worst", "shown"), [(1.5, "1.5 in example 7"), (-0.25, "-0.25 in example 7")]
)
def test_numbers_that_are_no_chances_are_refused(worst: float, shown: str) -> None:
    x = np.full((12, 4), 0.5, np.float32)
    x[7, 2] = worst
    with pytest.raises(DataError, match=shown) as caught:
        fit(RBM(4, 3), x, algorithm=ContrastiveDivergence(), batch_size=4, progress=False)
    assert "units='gaussian'" in str(caught.value)
    run = fit(
        RBM(4, 3, units="gaussian"),
        x,
        algorithm=ContrastiveDivergence(),
        epochs=1,
        batch_size=4,
        progress=False,
    )
    assert set(run.history.metrics) == {"hidden activity"}


@pytest.mark.parametrize(
    "options",
    [
        {"steps": 0},
        {"chains": 0},
        {"sparsity": 1.0},
        {"sparsity_cost": -1.0},
    ],
)
def test_options_out_of_their_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        ContrastiveDivergence(**options)


def test_another_model_is_refused() -> None:
    with pytest.raises(ClearpropError, match="needs a restricted Boltzmann machine"):
        fit(nn.Linear(4, 3), np.ones((8, 4), np.float32), algorithm=ContrastiveDivergence(),
            batch_size=4, progress=False)  # fmt: skip


def test_the_chains_are_as_many_as_asked_for() -> None:
    model = machine(6, 5)
    context = Context(skeleton(model), optim.sgd(1.0), batch_size=8)
    algorithm = ContrastiveDivergence(persistent=True).bound(context)
    for chains, expected in ((None, 8), (3, 3)):
        memory: Any = replace(algorithm, chains=chains).first_memory(model)
        assert [x.shape for x in memory] == [(expected, 6), (expected, 5)]
