"""`why` names the cause in networks that were broken on purpose, and none in healthy ones."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import models, nn, ops, tree
from clearprop.errors import ConfigurationError, DataError
from clearprop.glass.explain import Glass, Why, explain

RANDOM = np.random.default_rng(0)


def drawn(*shape: int) -> Any:
    return RANDOM.normal(size=shape).astype(np.float32)


def seen(model: Any, classes: int = 3, **changed: Any) -> Glass:
    """Explain an MLP of 4 inputs whose arrays were changed, for 8 random examples."""
    paths = {path.replace("__", "."): value for path, value in changed.items()}
    return explain(tree.replace(model, paths), drawn(8, 4), RANDOM.integers(0, classes, 8))


def deep(activation: str, layers: int, scale: float | None = None) -> Any:
    model = models.MLP((4, *[16] * layers, 3), activation=activation).init(0)
    if scale is None:
        return model
    paths = [f"layers.{i}.weight" for i in range(1, layers)]
    return tree.replace(model, {path: scale * drawn(16, 16) for path in paths})


def test_a_healthy_gradient_is_said_to_be_so() -> None:
    for activation in ("relu", "tanh"):
        glass = seen(deep(activation, 2))
        for node in glass:
            if node.operation == "parameter":
                answer = glass.why(node.name)
                assert answer.verdict == "healthy", str(answer)
                assert answer.culprit is None
                assert answer.norm == pytest.approx(float(jnp.linalg.norm(node.error)), rel=1e-4)


def test_the_factors_lead_from_e_to_the_gradient() -> None:
    glass = seen(deep("tanh", 2))
    answer = glass.why("layers.0.weight")
    assert answer.steps[0].operation == "mean"
    assert answer.steps[-1].name == "layers.0/matmul"
    product = np.prod([step.factor for step in answer.steps])
    assert answer.norm == pytest.approx(float(product), rel=1e-4)
    table = str(answer)
    assert "from E back" in table
    assert "healthy" in table


def test_a_dead_relu_is_found() -> None:
    glass = seen(deep("relu", 2), layers__1__bias=jnp.full(16, -100.0))
    answer = glass.why("layers.0.weight")
    assert (answer.verdict, answer.culprit) == ("zero", "activation/relu#2")
    assert "all 16 of its units are below zero" in answer.reason
    assert glass.why("layers.2.bias").verdict == "healthy"


def test_one_dead_unit_is_found_by_its_weight() -> None:
    glass = seen(deep("relu", 2), layers__1__bias=jnp.zeros(16).at[3].set(-100))
    assert glass.why("layers.1.weight").verdict == "healthy"
    dead = glass.why("layers.1.weight", (2, 3))
    assert (dead.verdict, dead.culprit, dead.index) == ("zero", "activation/relu#2", (2, 3))
    assert "below zero" in dead.reason
    alive = next(k for k in range(16) if glass["layers.1.weight"].error[2, k])
    assert glass.why("layers.1.weight", (2, alive)).verdict == "healthy"


def test_saturated_units_are_found() -> None:
    model = deep("sigmoid", 1)
    glass = seen(model, layers__0__weight=model.layers[0].weight * 1e5)
    answer = glass.why("layers.0.weight")
    assert answer.verdict in ("tiny", "zero")
    assert answer.culprit == "activation/sigmoid"
    assert "saturated" in answer.reason or "0 on average" in answer.reason
    half = seen(model, layers__0__weight=model.layers[0].weight * 200).why("layers.0.weight")
    assert "units are saturated: its local derivative is at most" in half.reason


def test_an_error_that_vanishes_in_twenty_sigmoids_is_found() -> None:
    answer = seen(deep("sigmoid", 20)).why("layers.0.weight")
    assert answer.verdict == "tiny"
    assert answer.culprit is not None
    assert answer.culprit.startswith("activation/sigmoid")
    assert "at each of 20 places" in answer.reason
    assert "never more than 1/4" in answer.reason


@pytest.mark.parametrize(
    ("scale", "verdict", "verb"), [(3.0, "huge", "grows"), (0.01, "tiny", "shrinks")]
)
def test_weights_that_are_too_large_or_small_are_found(
    scale: float, verdict: str, verb: str
) -> None:
    answer = seen(deep("relu", 8, scale)).why("layers.0.weight")
    assert answer.verdict == verdict
    assert f"Matmul {verb} it" in answer.reason
    assert "its weights have a mean size of" in answer.reason


def test_weights_that_are_all_zero_are_found() -> None:
    model = deep("relu", 1)
    zero = {path.replace(".", "__"): 0 * w for path, w in nn.parameters(model).items()}
    glass = seen(model, **zero)
    answer = glass.why("layers.0.weight")
    assert (answer.verdict, answer.culprit) == ("zero", "layers.1/matmul")
    assert "its weights are all 0" in answer.reason
    assert "its input is all 0" in glass.why("layers.1.weight").reason


class Parts(nn.Module):
    inner: nn.Linear
    unused: nn.Linear
    kind: str = nn.static(default="log")

    def __call__(self, x: Any) -> Any:
        h = self.inner(x)
        if self.kind == "log":
            return ops.log(ops.relu(h))
        if self.kind == "norm":
            return ops.sqrt(ops.square(h - h).sum(axis=1, keepdims=True)) + h
        if self.kind == "angle":
            return ops.arcsin(1 + 0 * h)
        return h * jnp.zeros(h.shape) if self.kind == "masked" else ops.exp(h)


def parts(kind: str, bias: float = 0.0) -> Glass:
    model = Parts(nn.Linear(2, 2), nn.Linear(2, 2), kind).init(0)
    model = tree.replace(model, {"inner.bias": jnp.full(2, bias)})
    return explain(model, drawn(3, 2), np.ones((3, 2)), "squared_error")


def test_a_parameter_that_nothing_reads_is_not_connected() -> None:
    answer = parts("exp").why("unused.weight")
    assert (answer.verdict, answer.norm, answer.steps) == ("not connected", 0, ())
    assert "nothing reads it" in answer.reason


def test_a_mask_is_found() -> None:
    answer = parts("masked").why("inner.weight")
    assert (answer.verdict, answer.culprit) == ("zero", "model/multiply")
    assert "all 0" in answer.reason


def told_not_finite(glass: Glass, name: str, culprit: str, *words: str) -> Why:
    answer = glass.why(name)
    assert (answer.verdict, answer.culprit) == ("not a number", culprit), str(answer)
    for word in words:
        assert word in answer.reason, answer.reason
    return answer


def test_a_forward_pass_that_leaves_the_numbers_is_found() -> None:
    told_not_finite(
        parts("exp", 100.0),
        "inner.weight",
        "model/exp",
        "forward",
        "more than a float32",
        "inner/add from",
    )
    log = parts("log", -50.0)
    assert "log of 0" in log.why("inner.weight").reason
    assert log.why("model/relu").culprit == "model/log"


def test_zero_over_zero_in_the_backward_pass_is_found() -> None:
    told_not_finite(parts("norm"), "inner.weight", "model/sqrt", "backward", "from 0 to 0")


def test_the_end_of_an_inverse_is_found() -> None:
    told_not_finite(parts("angle"), "inner.weight", "model/arcsin", "without bound at -1 and 1")


def test_weights_that_are_not_finite_are_found() -> None:
    glass = seen(deep("relu", 2), layers__1__weight=jnp.full((16, 16), jnp.nan))
    told_not_finite(glass, "layers.0.weight", "layers.1.weight", "256 of its 256")


def test_a_label_outside_the_classes_is_refused() -> None:
    with pytest.raises(DataError, match="label 7 of example 1"):
        explain(deep("relu", 1), drawn(2, 4), np.array([0, 7]))


def test_targets_of_a_loss_of_ones_own_mean_what_it_likes() -> None:
    def own(outputs: Any, targets: Any) -> Any:
        answers, weights = targets
        return ops.sum(ops.square(outputs - answers), axis=1) * weights

    glass = explain(deep("relu", 1), drawn(2, 4), (drawn(2, 3), np.ones(2, np.float32)), own)
    assert np.isfinite(glass.objective)


def test_a_label_outside_the_classes_is_found_in_a_loss_of_ones_own() -> None:
    def own(outputs: Any, targets: Any) -> Any:
        return ops.softmax_cross_entropy(outputs, targets)

    glass = explain(deep("relu", 1), drawn(2, 4), np.array([0, 7]), own)
    assert "a label lies outside its classes 0 to 2" in glass.why("layers.0.weight").reason


def test_targets_in_the_thousands_are_found() -> None:
    model = models.MLP((4, 5, 1)).init(0)
    answer = explain(model, drawn(8, 4), 1e5 + drawn(8, 1), "squared_error").why("layers.0.weight")
    assert answer.verdict == "huge"
    assert "the outputs are 1e+05 away from the targets" in answer.reason


def test_answers_that_are_right_send_little_back() -> None:
    model = models.MLP((4, 5, 3)).init(0)
    right = tree.replace(model, {"layers.1.bias": jnp.array([30.0, -30, -30])})
    answer = explain(right, drawn(2, 4), np.zeros(2, int)).why("layers.0.weight")
    assert answer.verdict in ("tiny", "zero")
    assert "loss/softmax_cross_entropy" in (answer.culprit or "")


def test_what_cannot_be_asked_is_refused() -> None:
    glass = seen(deep("relu", 1))
    with pytest.raises(ConfigurationError, match="why takes one node"):
        glass.why("layers.*")
    with pytest.raises(ConfigurationError, match="no such entry"):
        glass.why("layers.0.bias", 16)
    tokens = np.array([[0, 1]])
    glass = explain(nn.Embedding(3, 3).init(0), tokens, tokens, "sequence_cross_entropy")
    with pytest.raises(ConfigurationError, match="carries no error"):
        glass.why("input")


def test_gradients_of_a_batch_that_cancel_are_said_to_do_so() -> None:
    half = drawn(4, 4)
    x = np.concatenate([half, half])
    y = np.concatenate([np.ones(4), -np.ones(4)]).astype(np.float32)[:, None]
    model = nn.Sequential([nn.Linear(4, 1)]).init(0)
    model = tree.replace(model, {"layers.0.weight": jnp.zeros((4, 1))})
    glass = explain(model, x, y, "squared_error")
    for path in ("layers.0.weight", "layers.0.bias"):
        answer = glass.why(path)
        assert answer.verdict in ("zero", "tiny")
        assert "the gradients of the 8 examples cancel out" in str(answer)
    y[:4] = 3
    assert "cancel" not in str(explain(model, x, y, "squared_error").why("layers.0.weight"))


def test_units_are_not_counted_once_for_each_example() -> None:
    glass = seen(deep("relu", 2), layers__1__bias=jnp.full(16, -100.0))
    assert "all 16 of its units are below zero for all 8 examples" in str(
        glass.why("layers.0.weight")
    )


def test_a_softmax_that_is_right_is_not_blamed() -> None:
    model = nn.Sequential([nn.Linear(3, 3)]).init(0)
    model = tree.replace(model, {"layers.0.weight": 40 * jnp.eye(3)})
    answer = str(explain(model, np.eye(3, dtype=np.float32), np.arange(3)).why("layers.0.weight"))
    assert "saturated" not in answer
    assert "little is wrong" in answer
