"""Networks as estimators of scikit-learn."""

from __future__ import annotations

import pickle
from typing import Any

import jax
import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from sklearn.utils.estimator_checks import check_estimator

import clearprop as cp
from clearprop import nn, ops, optim
from clearprop.errors import ConfigurationError, DataError, ModelError, NonFiniteError, ShapeError
from clearprop.interop.sklearn import (
    NetworkClassifier,
    NetworkRegressor,
    NetworkTransformer,
    PerceptronClassifier,
    SelfOrganizingMapTransformer,
)

IRIS = load_iris()
X, Y = scale(IRIS.data), IRIS.target


def small(**changed: Any) -> NetworkClassifier:
    settings = {"epochs": 60, "learning_rate": 0.01, "random_state": 0, **changed}
    return NetworkClassifier((8,), **settings)


def weights(network: Any) -> list[np.ndarray]:
    return [np.asarray(x) for x in jax.tree.leaves(network.model_)]


def same(one: Any, other: Any) -> bool:
    return all(map(np.array_equal, weights(one), weights(other)))


@pytest.mark.slow
# The checks give data that scikit-learn and clearprop warn of, such as classes to a regressor.
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "estimator",
    [
        NetworkClassifier(),
        NetworkRegressor(),
        NetworkTransformer(epochs=20),
        NetworkTransformer(algorithm="gaussian_rbm", epochs=20),
        PerceptronClassifier(),
        SelfOrganizingMapTransformer(),
    ],
    ids=repr,
)
def test_every_check_of_scikit_learn_holds(estimator: Any) -> None:
    results = check_estimator(estimator, on_skip=None)
    assert len(results) > 40
    skipped = {one["check_name"] for one in results if one["status"] != "passed"}
    # A setting asks for arrays of other libraries; several labels have no decision function.
    assert skipped <= {
        "check_array_api_input",
        "check_classifiers_multilabel_output_format_decision_function",
    }


def test_it_learns_in_a_pipeline_and_a_grid() -> None:
    pipeline = make_pipeline(StandardScaler(), small())
    grid = GridSearchCV(pipeline, {"networkclassifier__model": [(2,), (8, 8)]}, cv=2)
    assert grid.fit(IRIS.data, Y).best_score_ > 0.9
    proba = grid.predict_proba(IRIS.data)
    np.testing.assert_allclose(proba.sum(axis=1), 1)


def test_the_curves_of_both_parts_and_the_best_epoch() -> None:
    network = small(early_stopping=True, patience=5, validation_fraction=0.3, epochs=400).fit(X, Y)
    assert len(network.loss_curve_) == len(network.validation_loss_curve_) == network.n_iter_
    assert network.n_iter_ < 400
    errors = network.run_.history.development_error
    assert network.run_.stopped.reason == "early"
    assert errors[-1] >= errors.min()
    assert small(epochs=3).fit(X, Y).validation_loss_curve_ == []
    assert len(small(epochs=3, validation_fraction=0.2).fit(X, Y).validation_loss_curve_) == 3


def test_a_weight_counts_as_repeating_does() -> None:
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    weighted = small().fit(X, Y, sample_weight=weight)
    repeated = small().fit(np.repeat(X, weight, axis=0), np.repeat(Y, weight))
    assert same(weighted, repeated)
    assert not same(weighted, small().fit(X, Y))


def test_class_weights() -> None:
    towards = small(class_weight={0: 1, 1: 1, 2: 100}, epochs=20).fit(X, Y).predict(X)
    without = small(epochs=20).fit(X, Y).predict(X)
    assert (towards == 2).sum() > (without == 2).sum()


def test_a_partial_fit_is_a_step_of_fit() -> None:
    once = small(epochs=1, batch_size=200).fit(*_sorted())
    step = small(batch_size=200).partial_fit(*_sorted(), classes=[0, 1, 2])
    for mine, other in zip(weights(step), weights(once), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-7)


def _sorted() -> tuple[np.ndarray, np.ndarray]:
    """The examples in the order in which equal ones are merged."""
    order = np.unique(np.c_[X.astype(np.float32), Y], axis=0, return_index=True)[1]
    return X[order], Y[order]


def test_partial_fits_go_on_and_survive_pickling() -> None:
    one = small(batch_size=50)
    for _ in range(30):
        one.partial_fit(X, Y, classes=[0, 1, 2])
    assert one.n_iter_ == len(one.loss_curve_) == 30
    assert one.loss_curve_[-1] < 0.5 * one.loss_curve_[0]
    copied = pickle.loads(pickle.dumps(one))
    np.testing.assert_array_equal(copied.predict_proba(X), one.predict_proba(X))
    assert same(copied.partial_fit(X, Y), one.partial_fit(X, Y))  # the optimizer went along


def test_what_is_set_between_partial_fits_holds() -> None:
    network = small().partial_fit(X, Y)
    network.set_params(learning_rate=1e-9).partial_fit(X, Y)
    before = network.loss_
    assert network.partial_fit(X, Y).loss_ == pytest.approx(before, rel=1e-5)
    network.set_params(learning_rate=0.01).partial_fit(X, Y)
    assert network.partial_fit(X, Y).loss_ < 0.99 * before
    network.set_params(activation="tanh", optimizer="sgd").partial_fit(X, Y)
    assert network.n_iter_ == 6
    assert repr(network.model_.activation) == repr(nn.Activation("tanh"))


def test_what_was_remembered_goes_on_where_it_has_the_same_form() -> None:
    def state(network: Any) -> Any:
        return network._state.optimizer

    network = small().partial_fit(X, Y).partial_fit(X, Y)
    network.set_params(learning_rate=0.02).partial_fit(X, Y)
    assert int(state(network).step) == 3
    before = type(state(network))
    network.set_params(optimizer="momentum").partial_fit(X, Y)
    assert type(state(network)) is not before


@pytest.mark.parametrize("warm", [False, True])
def test_another_model_cannot_go_on(warm: bool) -> None:
    network = small(warm_start=warm, epochs=1)
    go_on = network.fit if warm else network.partial_fit
    go_on(X, Y)
    network.set_params(model=(9,))
    with pytest.raises(ConfigurationError, match="model was changed") as error:
        go_on(X, Y)
    assert "clone(estimator)" in str(error.value)
    network.set_params(model=(8,), dropout=0.1)
    go_on(X, Y)  # the weights fit


def test_a_warm_start_takes_the_settings_of_now() -> None:
    network = small(warm_start=True, epochs=1).fit(X, Y).set_params(activation="tanh").fit(X, Y)
    assert repr(network.model_.activation) == repr(nn.Activation("tanh"))


def test_steps_that_are_not_finite_end() -> None:
    network = NetworkRegressor((4,), optimizer="sgd", random_state=0).partial_fit(X, X[:, 0])
    before = weights(network)
    network.set_params(learning_rate=1e38)
    with pytest.raises(NonFiniteError, match="is not finite"):
        network.partial_fit(1e3 * X, X[:, 0])
    assert all(map(np.array_equal, weights(network), before))


def test_labels_that_were_not_announced() -> None:
    with pytest.raises(DataError, match="labels outside the classes") as error:
        small().partial_fit(X, Y, classes=[0, 1])
    assert "2" in str(error.value)
    network = small().partial_fit(X, Y)
    with pytest.raises(DataError, match="others than in the first"):
        network.partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(DataError, match="of another kind"):
        network.partial_fit(X, np.eye(3, dtype=int)[Y])
    several = small().partial_fit(X, np.eye(3, dtype=int)[Y])
    with pytest.raises(DataError, match="of another kind"):
        several.partial_fit(X, Y)
    with pytest.raises(DataError, match="of another kind"):
        several.partial_fit(X, np.eye(4, dtype=int)[Y])
    with pytest.raises(DataError, match="other numbers to predict"):
        NetworkRegressor((4,)).partial_fit(X, X[:, 0]).partial_fit(X, X[:, :2])


def test_an_optimizer_with_options_is_cloned_and_pickled() -> None:
    network = small(optimizer=optim.adam(0.01, beta1=0.8), learning_rate=None)
    twin = pickle.loads(pickle.dumps(clone(network)))
    assert same(network.fit(X, Y), twin.fit(X, Y))
    assert repr(twin.optimizer) == repr(network.optimizer)


def test_a_warm_start_begins_where_the_last_fit_ended() -> None:
    network = small(warm_start=True).fit(X, Y)
    first = network.loss_
    network.fit(X, Y)
    assert network.loss_curve_[0] < 1.1 * first
    assert small().fit(X, Y).fit(X, Y).loss_curve_[0] > 2 * first


def test_several_labels_and_several_numbers() -> None:
    labels = np.c_[Y == 0, Y > 0, Y == 2].astype(int)
    network = small(epochs=150).fit(X, labels)
    assert network.predict(X).shape == network.predict_proba(X).shape == labels.shape
    assert network.score(X, labels) > 0.9
    numbers = np.c_[X[:, 0] + X[:, 1], X[:, 2]]
    regressor = NetworkRegressor((16,), epochs=200, learning_rate=0.01, random_state=0)
    assert regressor.fit(X, numbers).predict(X).shape == numbers.shape
    assert regressor.score(X, numbers) > 0.95


def test_a_regression_of_real_numbers() -> None:
    x, y = load_diabetes(return_X_y=True)
    network = NetworkRegressor((32,), epochs=150, random_state=0, dropout=0.2)
    assert network.fit(scale(x), scale(y)).score(scale(x), scale(y)) > 0.45


@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_matrix, sparse.coo_matrix])
def test_sparse_inputs_are_the_dense_ones(form: Any) -> None:
    x, y = load_digits(return_X_y=True)
    x = x[:300] / 16
    dense, spare = small(epochs=5).fit(x, y[:300]), small(epochs=5).fit(form(x), y[:300])
    assert same(dense, spare)
    np.testing.assert_array_equal(dense.predict(x), spare.predict(form(x)))


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_have_names(frame: Any) -> None:
    named = frame(dict(zip(["a", "b", "c", "d"], X.T, strict=True)))
    network = small(epochs=5).fit(named, Y)
    assert network.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    with pytest.raises(ValueError, match="feature names should match"):
        network.predict(pd.DataFrame(X, columns=["b", "a", "c", "d"]))


def test_names_of_classes_come_back() -> None:
    names = np.array(IRIS.target_names)[Y]
    assert set(small(epochs=5).fit(X, names).predict(X)) <= set(IRIS.target_names)


def test_a_model_of_ones_own() -> None:
    pictures, y = load_digits().images[:400, :, :, None] / 16, load_digits().target[:400]
    layers = [nn.Conv2d(1, 4, 3), ops.relu, nn.Flatten(), nn.Linear(4 * 6 * 6, 10)]
    network = NetworkClassifier(
        nn.Sequential(layers), epochs=30, learning_rate=0.01, random_state=0
    )
    assert network.fit(pictures, y).score(pictures, y) > 0.95
    assert clone(network).fit(pictures[:50], y[:50]).model_ is not network.model_
    with pytest.raises(ShapeError):
        clone(network).fit(pictures[:, :5], y)


def test_what_is_no_model_is_named() -> None:
    with pytest.raises(ConfigurationError, match="neither a module nor the sizes"):
        NetworkClassifier("mlp").fit(X, Y)


def test_the_run_can_be_looked_at() -> None:
    network = small(epochs=5).fit(X, Y)
    glass = cp.explain(network.run_.model, X[:1].astype(np.float32), Y[:1], loss="cross_entropy")
    assert any(node.error is not None for node in glass)
    assert "NetworkClassifier" in network._repr_html_()


def test_a_model_with_more_outputs_than_classes_is_refused() -> None:
    x, y = load_iris(return_X_y=True)
    with pytest.raises(ModelError, match="more outputs than there are classes") as caught:
        NetworkClassifier(nn.Linear(4, 10), epochs=1, random_state=0).fit(x, y)
    assert caught.value.given == "10 outputs, 3 classes"
    NetworkClassifier(nn.Linear(4, 3), epochs=1, random_state=0).fit(x, y)
