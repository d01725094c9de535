"""The losses by name in `fit`: what trains, and what is refused with which mend."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import clearprop as cp
from clearprop import nn, ops
from clearprop.autodiff import check_gradients
from clearprop.errors import ClearpropError, ConfigurationError
from clearprop.nn.fields import static
from clearprop.nn.losses.alignment import collapsed
from clearprop.training.seam.scale import OF_LOSSES

random = np.random.default_rng(0)
X = random.normal(size=(60, 4)).astype(np.float32)
K = np.argmax(X[:, :3], axis=1)
STEPS = np.eye(4, dtype=np.float32)[[[1, 1, 0, 2, 3, 0]] * 30 + [[3, 0, 3, 1, 1, 2]] * 30]
PHRASES = np.array([[1, 2, 3, -1]] * 30 + [[3, 3, 1, 2]] * 30)
SIGNS = np.where(np.arange(60) % 2, 1, -1)
PAIR = {"one": X, "other": X * SIGNS[:, None].astype(np.float32)}
TRIPLETS = {"anchor": X, "positive": X + 0.1, "negative": X[::-1]}


class Side(nn.Module):
    """One layer for several inputs, whose results stand side by side."""

    body: nn.Module
    names: tuple[str, ...] = static()

    def __init__(self, body: nn.Module, *names: str) -> None:
        self.body = body
        self.names = names

    def __call__(self, x: dict[str, Any]) -> Any:
        return ops.stack([self.body(x[name]) for name in self.names], axis=1)


def _fit(model: nn.Module, x: Any, y: Any, loss: str, **options: Any) -> cp.training.Run:
    known = {"epochs": 80, "learning_rate": 0.05, "progress": False, **options}
    return cp.fit(model, x, y, loss=loss, **known)


def test_the_seam_knows_every_named_loss() -> None:
    assert set(OF_LOSSES) == set(nn.LOSSES)


@pytest.mark.parametrize("loss", ["absolute_error", "mean_absolute_error", "huber", "smooth_l1"])
def test_losses_of_numbers_train(loss: str) -> None:
    run = _fit(nn.Linear(4, 1), X, X[:, 0] - 2 * X[:, 1], loss)
    assert run.history.training_error[-1] < 0.3


def test_an_outlier_pulls_less_than_under_the_squared_error() -> None:
    y = X[:, 0].copy()
    y[0] = 500
    errors = {
        loss: np.median(np.abs(_fit(nn.Linear(4, 1), X, y, loss).predict(X)[1:, 0] - y[1:]))
        for loss in ("huber", "mean_absolute_error", "mean_squared_error")
    }
    assert errors["huber"] < 0.5 * errors["mean_squared_error"]
    assert errors["mean_absolute_error"] < 0.5 * errors["mean_squared_error"]


def test_nll_of_log_softmax_is_cross_entropy() -> None:
    ends = nn.Sequential(nn.Linear(4, 3), "log_softmax").init(0)
    one = _fit(ends, X, K, "nll", epochs=5)
    other = _fit(nn.Sequential(nn.Linear(4, 3)).init(0), X, K, "cross_entropy", epochs=5)
    np.testing.assert_allclose(one.history.objective, other.history.objective, rtol=1e-5)
    assert one.evaluate((X, K), metrics="log_loss").accuracy == pytest.approx(
        1 - one.evaluate((X, K)).error
    )


def test_ctc_learns_labels_without_their_places() -> None:
    model = nn.Sequential(nn.Linear(4, 4))
    run = _fit(model, STEPS, PHRASES, "ctc", epochs=150, dev=(STEPS[::7], PHRASES[::7]))
    assert run.history.training_error[-1] < 0.05
    assert run.evaluate((STEPS, PHRASES)).error < 0.05
    path = run.predict(STEPS).argmax(-1)
    np.testing.assert_array_equal(collapsed(jnp.asarray(path), 4), PHRASES)


def test_the_gradient_of_ctc_is_that_of_differences() -> None:
    z = jnp.asarray(random.normal(size=(2, 5, 4)), jnp.float32)
    labels = np.array([[1, 2, -1], [3, 3, -1]])
    check_gradients(lambda z: ops.ctc_loss(ops.log_softmax(z), labels).sum(), z)


def test_ctc_tells_a_class_that_is_not_there() -> None:
    z = jnp.zeros((1, 4, 3))
    assert jnp.isnan(ops.ctc_loss(z, np.array([[5]]))).all()


def test_triplets_share_their_weights() -> None:
    run = _fit(Side(nn.Linear(4, 2), *TRIPLETS), TRIPLETS, np.zeros(60), "triplet", dev=0.2)
    assert run.history.training_error[-1] < 0.2
    assert run.history.objective[-1] < 0.5 * run.history.objective[0]
    kinds = [one.kind for one in cp.diagnose(run, (TRIPLETS, np.zeros(60))).findings]
    assert "single_class" not in kinds


def test_pairs_get_one_direction_or_others() -> None:
    run = _fit(Side(nn.Linear(4, 2), *PAIR), PAIR, SIGNS, "cosine_embedding", dev=0.2)
    assert run.history.training_error[-1] < 0.1
    assert run.evaluate((PAIR, SIGNS)).confusion is None


LINEAR, ENDS = nn.Linear(4, 3), nn.Sequential(nn.Linear(4, 3), "log_softmax")
SOFT, BENT = nn.Sequential(nn.Linear(4, 3), "softmax"), nn.Sequential(nn.Linear(4, 1), "tanh")


@pytest.mark.parametrize(
    ("model", "x", "y", "loss", "problem", "fix"),
    [
        (LINEAR, X, K, "nll", "never above 0", "loss = 'cross_entropy'"),
        (
            nn.Sequential(nn.Linear(4, 3), "softmax"),
            X,
            K,
            "nll",
            "are probabilities",
            "log_softmax",
        ),
        (nn.Sequential(nn.Linear(4, 3), "relu"), X, K, "nll", "never above 0", "cross_entropy"),
        (ENDS, X, K * 1.0, "nll", "have to be integers", "y = y.astype(int)"),
        (ENDS, X, K[:, None], "nll", "an axis too much", "y = y[:, 0]"),
        (ENDS, X, np.eye(3, dtype=np.float32)[K], "nll", "one-hot", "argmax"),
        (ENDS, X, K + 1, "nll", "out of range", "y = y - 1"),
        (
            nn.Sequential(nn.Linear(4, 1), "tanh"),
            X,
            9 + X[:, 0],
            "huber",
            "cannot reach",
            "replace",
        ),
        (LINEAR, X, K, "mean_absolute_error", "class numbers", "cross_entropy"),
        (LINEAR, X, np.zeros(60), "triplet", "3 embeddings", "ops.stack"),
        (LINEAR, X, SIGNS, "cosine_embedding", "2 embeddings", "ops.stack"),
        (
            Side(LINEAR, *PAIR),
            PAIR,
            (SIGNS > 0) * 1,
            "cosine_embedding",
            "belong together",
            "2 * y",
        ),
        (nn.Sequential(LINEAR), STEPS, PHRASES, "ctc", "out of range", "Linear(4, 4)"),
        (nn.Sequential(nn.Linear(4, 4)), STEPS, PHRASES - 1, "ctc", "the blank", "y + 1"),
        (nn.Sequential(nn.Linear(4, 4)), STEPS[:, :3], PHRASES, "ctc", "more labels", "5 steps"),
        (nn.Sequential(nn.Linear(4, 4)), STEPS, PHRASES[:, ::-1], "ctc", "fills", "argsort"),
        (nn.Sequential(nn.Linear(4, 4)), STEPS, PHRASES * 1.0, "ctc", "be integers", "astype(int)"),
        (nn.Sequential(nn.Linear(4, 4)), STEPS, PHRASES[:, 0], "ctc", "for each example", "None"),
    ],
)
def test_what_does_not_fit_is_refused(
    model: nn.Module, x: Any, y: Any, loss: str, problem: str, fix: str
) -> None:
    with pytest.raises(ClearpropError, match=problem) as caught:
        _fit(model, x, y, loss)
    assert fix in str(caught.value.fix)


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.huber(0),
        lambda: nn.smooth_l1(-1.0),
        lambda: nn.triplet(-0.5),
        lambda: nn.cosine_embedding(1.0),
    ],
)
def test_options_out_of_range_are_refused(make: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        make()
    assert caught.value.fix


def test_embeddings_have_no_accuracy() -> None:
    with pytest.raises(ConfigurationError, match="compares an output with a target"):
        _fit(Side(LINEAR, *PAIR), PAIR, SIGNS, "cosine_embedding", dev=0.2, metrics="accuracy")
    with pytest.raises(ConfigurationError, match="no classes of examples"):
        _fit(Side(LINEAR, *PAIR), PAIR, SIGNS, "cosine_embedding", class_weight="balanced")
