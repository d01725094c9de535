"""Transformers, perceptrons and maps as estimators of scikit-learn, on its own data sets."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import GridSearchCV
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler, scale

import clearprop as cp
from clearprop import models, nn
from clearprop.algorithms import ContrastiveDivergence
from clearprop.errors import ConfigurationError, DataError, ShapeError
from clearprop.interop.sklearn import (
    NetworkTransformer,
    PerceptronClassifier,
    SelfOrganizingMapTransformer,
)

IRIS = load_iris()
X, Y = scale(IRIS.data), IRIS.target
DIGITS = load_digits()
PIXELS = DIGITS.data / 16


def small_coder(**changed: Any) -> NetworkTransformer:
    settings = {"epochs": 40, "learning_rate": 0.01, "random_state": 0, **changed}
    return NetworkTransformer(settings.pop("model", (2,)), **settings)


# --- autoencoders --------------------------------------------------------------------------------


def test_a_linear_code_is_nearly_as_good_as_the_best() -> None:
    coder = small_coder(epochs=300, learning_rate=0.02).fit(X)
    principal = PCA(2).fit(X)
    best = -np.mean((principal.inverse_transform(principal.transform(X)) - X) ** 2)
    assert 1.1 * best < coder.score(X) <= best + 1e-6
    assert coder.transform(X).shape == (150, 2)
    assert coder.inverse_transform(coder.transform(X)).shape == X.shape
    assert len(coder.loss_curve_) == coder.n_iter_ == 300
    # The loss that is minimized is what the score measures.
    assert coder.loss_ == pytest.approx(-coder.score(X), rel=0.05)


def test_features_of_digits_are_worth_something() -> None:
    coder = small_coder(model=(64, 16), epochs=20).fit(PIXELS[:1000])
    reads = LogisticRegression(max_iter=1000)
    reads.fit(coder.transform(PIXELS[:1000]), DIGITS.target[:1000])
    assert reads.score(coder.transform(PIXELS[1000:]), DIGITS.target[1000:]) > 0.8


def test_a_coder_in_a_pipeline_and_a_search() -> None:
    steps = make_pipeline(
        StandardScaler(), small_coder(epochs=20), LogisticRegression(max_iter=1000)
    )
    grid = GridSearchCV(steps, {"networktransformer__model": [(1,), (3,)]}, cv=2)
    assert grid.fit(IRIS.data, Y).best_score_ > 0.85
    alone = GridSearchCV(small_coder(epochs=20), {"model": [(1,), (3,)]}, cv=2).fit(X)
    assert alone.best_params_ == {"model": (3,)}  # a longer code keeps more


def test_the_curves_of_early_stopping() -> None:
    coder = small_coder(early_stopping=True, patience=3, epochs=500, learning_rate=0.05).fit(X)
    assert len(coder.validation_loss_curve_) == len(coder.loss_curve_) == coder.n_iter_ < 500
    assert coder.run_.stopped.reason == "early"


def test_partial_fits_of_a_coder_go_on_and_survive_pickling() -> None:
    coder = small_coder(batch_size=50)
    for _ in range(20):
        coder.partial_fit(X)
    assert coder.loss_curve_[-1] < 0.7 * coder.loss_curve_[0]
    twin = pickle.loads(pickle.dumps(coder))
    np.testing.assert_array_equal(
        twin.partial_fit(X).transform(X), coder.partial_fit(X).transform(X)
    )
    begun = small_coder(warm_start=True).fit(X)
    last = begun.loss_
    assert begun.fit(X).loss_curve_[0] < 1.1 * last


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_frames_go_in_and_come_out(frame: Any) -> None:
    named = frame(dict(zip(["a", "b", "c", "d"], X.T, strict=True)))
    name = "pandas" if frame is pd.DataFrame else "polars"
    for estimator, count in ((small_coder(epochs=2), 2), (small_map(), 20)):
        found = clone(estimator).set_output(transform=name).fit_transform(named)
        assert isinstance(found, frame)
        prefix = type(estimator).__name__.lower()
        assert list(found.columns) == [f"{prefix}{i}" for i in range(count)]
        known = clone(estimator).fit(named)
        assert known.feature_names_in_.tolist() == ["a", "b", "c", "d"]
        assert known.get_feature_names_out().tolist() == list(found.columns)


def test_sparse_rows_are_the_dense_ones() -> None:
    rows = PIXELS[:200]
    coder = small_coder(epochs=2).fit(rows)
    spare = small_coder(epochs=2).fit(sparse.csr_array(rows))
    np.testing.assert_array_equal(coder.transform(rows), spare.transform(sparse.csc_array(rows)))


def test_a_convolutional_coder() -> None:
    pictures = DIGITS.images[:300, :, :, None] / 16
    model = models.ConvolutionalAutoencoder((8, 8, 1), 6, (8,))
    coder = NetworkTransformer(model, epochs=10, learning_rate=0.01, random_state=0).fit(pictures)
    assert coder.transform(pictures).shape == (300, 6)
    assert coder.inverse_transform(coder.transform(pictures)).shape == pictures.shape
    assert coder.score(pictures) > -pictures.var()


class OnlyEncodes(nn.Module):
    inner: nn.Linear

    def __init__(self) -> None:
        self.inner = nn.Linear(4, 4)

    def encode(self, x: Any) -> Any:
        return self.inner(x)

    def __call__(self, x: Any) -> Any:
        return self.inner(x)


def test_what_cannot_be_made_again() -> None:
    coder = small_coder(model=OnlyEncodes(), epochs=2).fit(X)
    assert coder.transform(X).shape == (150, 4)
    assert not hasattr(coder, "inverse_transform")
    assert not hasattr(coder, "score")


# --- Boltzmann machines --------------------------------------------------------------------------


def test_a_machine_learns_as_that_of_scikit_learn_does() -> None:
    machine = NetworkTransformer(
        (64,), algorithm=ContrastiveDivergence(persistent=True), optimizer="sgd",
        learning_rate=0.06, batch_size=10, epochs=15, random_state=0,
    ).fit(PIXELS)  # fmt: skip
    peer = BernoulliRBM(64, learning_rate=0.06, batch_size=10, n_iter=15, random_state=0)
    peer.fit(PIXELS)

    def likelihood(parts: Any) -> float:
        judge = BernoulliRBM(64, n_iter=0, random_state=0).fit(PIXELS[:10])
        judge.components_, judge.intercept_hidden_, judge.intercept_visible_ = parts
        return float(judge.score_samples(PIXELS).mean())

    model: Any = machine.model_
    ours = likelihood([
        np.asarray(model.hidden.weight).T, np.asarray(model.hidden.bias),
        np.asarray(model.visible_bias),
    ])  # fmt: skip
    theirs = likelihood([peer.components_, peer.intercept_hidden_, peer.intercept_visible_])
    assert ours > 1.05 * theirs  # both are negative
    found = machine.transform(PIXELS)
    assert found.shape == (1797, 64)
    assert found.min() >= 0
    assert found.max() <= 1
    again = machine.inverse_transform(found)
    assert np.mean((again - PIXELS) ** 2) < 0.5 * PIXELS.var()


def test_machines_are_stacked_by_a_pipeline() -> None:
    quick: Any = {"epochs": 20, "batch_size": 20, "learning_rate": 0.01, "random_state": 0}
    steps = make_pipeline(
        MinMaxScaler(),
        NetworkTransformer((32,), algorithm="rbm", **quick),
        NetworkTransformer((16,), algorithm="rbm", **quick),
        LogisticRegression(max_iter=2000, C=100),
    )
    assert steps.fit(PIXELS, DIGITS.target).score(PIXELS, DIGITS.target) > 0.6
    with pytest.raises(ConfigurationError, match="one layer of hidden units") as error:
        NetworkTransformer((32, 16), algorithm="rbm").fit(PIXELS)
    assert "make_pipeline(NetworkTransformer((32,), algorithm='rbm'), " in str(error.value)


def test_partial_fits_of_a_machine() -> None:
    machine = NetworkTransformer(
        (16,), algorithm=ContrastiveDivergence(persistent=True), batch_size=50, random_state=0
    )
    for _ in range(3):
        machine.partial_fit(PIXELS[:200])
    begun = machine.score(PIXELS[:200])
    for _ in range(20):
        machine.partial_fit(PIXELS[:200])
    assert machine.score(PIXELS[:200]) > begun
    assert pickle.loads(pickle.dumps(machine)).score(PIXELS[:200]) == machine.score(PIXELS[:200])


@pytest.mark.parametrize("call", ["fit", "partial_fit"])
def test_numbers_that_are_no_chances(call: str) -> None:
    machine = NetworkTransformer((4,), algorithm="rbm", epochs=1)
    with pytest.raises(DataError, match="take chances") as error:
        getattr(machine, call)(X)
    assert "algorithm='gaussian_rbm'" in str(error.value)
    assert clone(machine).set_params(algorithm="gaussian_rbm").fit(X).transform(X).shape == (150, 4)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (NetworkTransformer((4,), algorithm="rmb"), "unknown algorithm"),
        (NetworkTransformer(()), "no size"),
        (NetworkTransformer("4"), "neither a module nor the sizes"),
        (NetworkTransformer(models.RBM(4, 2)), "no autoencoder"),
        (NetworkTransformer(nn.Linear(4, 4)), "no codes"),
    ],
)
def test_what_makes_no_features_is_named(made: NetworkTransformer, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        made.fit(X)


def test_codes_are_rows() -> None:
    model = models.Autoencoder(nn.Reshape((2, 2)), nn.Sequential([nn.Flatten(), nn.Linear(4, 4)]))
    with pytest.raises(ShapeError, match="row of numbers"):
        NetworkTransformer(model, epochs=1).fit(X)


# --- the perceptron ------------------------------------------------------------------------------


def test_two_classes_are_the_rule_itself() -> None:
    neuron = PerceptronClassifier(random_state=3).fit(X, Y == 0)
    assert neuron.score(X, Y == 0) == 1
    assert neuron.coef_.shape == (1, 4)
    assert neuron.corrections_[-1] == 0
    assert neuron.n_iter_ == len(neuron.corrections_)
    x, t = X.astype(np.float32), (Y == 0).astype(int)
    w, b, counts = np.zeros(4, np.float32), np.float32(0), []
    seed = int(np.random.RandomState(3).randint(2**31 - 1))
    for epoch in range(neuron.n_iter_):
        counts.append(0)
        for i in cp.data.epoch_order(len(x), seed, epoch):
            wrong = t[i] - int(x[i] @ w + b >= 0)
            w, b = w + wrong * x[i], b + np.float32(wrong)
            counts[-1] += abs(wrong)
    assert tuple(counts) == neuron.corrections_
    np.testing.assert_allclose(neuron.coef_[0], w, rtol=1e-6)
    assert neuron.intercept_[0] == b


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_several_classes_beside_scikit_learn() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    rows = [(PIXELS, DIGITS.target), (scale(x), y), (X, Y)]
    for inputs, classes in rows:
        ours = PerceptronClassifier(epochs=30, random_state=0).fit(inputs, classes)
        peer = Perceptron(random_state=0).fit(inputs, classes)
        assert ours.score(inputs, classes) > peer.score(inputs, classes) - 0.05
        decision = ours.decision_function(inputs)
        assert decision.shape == peer.decision_function(inputs).shape


def test_classes_that_no_plane_separates_are_told() -> None:
    with pytest.warns(ConvergenceWarning, match="after 20 epochs there are still errors"):
        PerceptronClassifier(epochs=20, random_state=0).fit(X, IRIS.target_names[Y])


def test_the_rate_changes_no_prediction() -> None:
    slow = PerceptronClassifier(learning_rate=0.25, random_state=0).fit(X, Y == 0)
    fast = PerceptronClassifier(random_state=0).fit(X, Y == 0)
    np.testing.assert_allclose(4 * slow.coef_, fast.coef_, rtol=1e-5)


def test_partial_fits_of_a_perceptron() -> None:
    once = PerceptronClassifier()
    for _ in range(10):
        once.partial_fit(X, Y == 0, classes=[False, True])
    assert once.n_iter_ == len(once.corrections_) == 10
    assert once.corrections_[-1] == 0  # it knows from the calls before
    with pytest.raises(DataError, match="labels outside the classes"):
        PerceptronClassifier().partial_fit(X, Y, classes=[0, 1])
    with pytest.raises(ValueError, match="1 class"):
        PerceptronClassifier().fit(X, np.zeros(150))
    warm = PerceptronClassifier(warm_start=True, random_state=0).fit(X, Y == 0).fit(X, Y == 0)
    assert warm.corrections_ == (0,)


# --- the map -------------------------------------------------------------------------------------


def small_map(**changed: Any) -> SelfOrganizingMapTransformer:
    return SelfOrganizingMapTransformer(4, 5, **{"epochs": 20, "random_state": 0, **changed})


def test_distances_and_units() -> None:
    som = small_map().fit(X)
    distances = som.transform(X)
    expected = pairwise_distances(X, som.codebook_)
    np.testing.assert_allclose(distances, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(som.predict(X), expected.argmin(axis=1))
    np.testing.assert_array_equal(som.labels_, som.predict(X))
    np.testing.assert_array_equal(clone(som).fit_predict(X), som.labels_)
    assert som.score(X) == pytest.approx(-expected.min(axis=1).mean(), rel=1e-4)
    assert som.quantization_error_ == pytest.approx(-som.score(X), rel=0.1)


def test_species_are_at_different_places_of_the_map() -> None:
    som = small_map().fit(X)
    places = som.places_[som.predict(X)]
    middle = np.stack([places[k == Y].mean(axis=0) for k in range(3)])
    assert np.linalg.norm(middle[0] - middle[2]) > 2 * np.linalg.norm(places[Y == 0].std(axis=0))
    reads = make_pipeline(StandardScaler(), small_map(), LogisticRegression(max_iter=1000))
    assert reads.fit(IRIS.data, Y).score(IRIS.data, Y) > 0.9


@pytest.mark.parametrize("mode", ["batch", "mini-batch", "online"])
def test_every_mode_lays_the_map_into_the_data(mode: str) -> None:
    som = small_map(mode=mode, start="random", epochs=40, batch_size=20).fit(X)
    assert som.quantization_error_ < 0.8  # examples are 2 away from their mean
    twin = pickle.loads(pickle.dumps(som))
    np.testing.assert_array_equal(twin.transform(X), som.transform(X))


def test_the_side_of_a_map_follows_from_the_examples() -> None:
    assert len(SelfOrganizingMapTransformer(epochs=1).fit(X).codebook_) == 49
    with pytest.raises(ConfigurationError, match="larger than the data"):
        SelfOrganizingMapTransformer(20, 20).fit(X)


# --- what all have -------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [small_coder(), PerceptronClassifier(), small_map()], ids=repr)
def test_they_are_shown_as_html(made: Any) -> None:
    assert type(made).__name__ in made._repr_html_()
