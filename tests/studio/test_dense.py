"""The dense engine of the page computes what the library computes, to 1e-6.

The library computes in float64 here, as the engine does.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.typing import NDArray

import clearprop as cp
from clearprop import nn, ops, optim
from tests.studio import dense

TOLERANCE = 1e-6
BATCH = 7
ELEMENTWISE = sorted(set(ops.ACTIVATIONS) - {"softmax", "log_softmax"})
WITH_ONE_TARGET = [
    *("cross_entropy", "binary_cross_entropy", "log_loss", "binary_squared_error", "hinge"),
    *("perceptron", "squared_error", "mean_squared_error", "absolute_error"),
    *("mean_absolute_error", "huber", "smooth_l1"),
]
OPTIMIZERS: dict[str, dict[str, float]] = {
    "sgd": {},
    "momentum": {"momentum": 0.8},
    "nesterov": {"momentum": 0.7},
    "rmsprop": {"decay": 0.8, "momentum": 0.5},
    "adagrad": {"initial_accumulator": 0.1},
    "adadelta": {"decay": 0.9},
    "adam": {"beta1": 0.8, "beta2": 0.99},
    "adamw": {"weight_decay": 0.1},
    "adamax": {"beta2": 0.9},
}
SCHEDULES: dict[str, dict[str, float]] = {
    "constant": {},
    "step": {"every": 4, "factor": 0.5},
    "exponential": {"factor": 0.5, "every": 7},
    "cosine": {"steps": 12, "final": 0.01},
    "polynomial": {"steps": 15, "power": 2, "final": 0.02},
    "cosine_restarts": {"steps": 4, "multiply": 2, "final": 0.01},
}


def close(one: object, other: object) -> float:
    """Assert that arrays agree, and return their largest relative difference."""
    a, b = np.asarray(one, np.float64).ravel(), np.asarray(other, np.float64).ravel()
    assert a.shape == b.shape
    # Relative to the largest entry: a sum of cancelling terms has no digits of its own.
    scale = max(np.abs(b).max(initial=0), 1e-300)
    far = float(np.abs(a - b).max(initial=0) / scale)
    assert far <= TOLERANCE, f"{far:.1e} apart"
    return far


def drawn(seed: int, activations: list[str], loss: str, varied: bool = False) -> dict[str, Any]:
    """Return a random network with a batch of examples; JAX compiles other sizes anew."""
    random = np.random.default_rng(seed)
    features, classes = random.integers(2, 8, 2).tolist() if varied else (3, 4)
    units = [int(random.integers(1, 9)) if varied else 5 for _ in activations[:-1]]
    units.append(classes if loss == "cross_entropy" else 1)
    shapes = [{"units": n, "activation": f} for n, f in zip(units, activations, strict=True)]
    sizes = [features, *units]
    count = sum((a + 1) * b for a, b in itertools.pairwise(sizes))
    if loss == "cross_entropy":
        targets = random.integers(0, classes, BATCH).astype(float)
    elif nn.find_loss(loss).task == "classification":
        targets = random.integers(0, 2, BATCH).astype(float)
    else:
        targets = random.normal(0, 2, BATCH)
    return {
        "features": features,
        "shapes": shapes,
        "loss": loss,
        "parameters": random.normal(0, 0.7, count).tolist(),
        "inputs": random.normal(0, 1.5, BATCH * features).tolist(),
        "targets": targets.tolist(),
        "batch": BATCH,
    }


def divided(case: dict[str, Any], flat: Any) -> list[tuple[Any, Any]]:
    """Return W and b of every layer from the vector of all parameters."""
    found, at, before = [], 0, case["features"]
    for shape in case["shapes"]:
        units = shape["units"]
        middle = at + before * units
        found.append((flat[at:middle].reshape(before, units), flat[middle : middle + units]))
        at, before = middle + units, units
    return found


def joined(layers: list[tuple[Any, Any]]) -> NDArray[np.float64]:
    return np.concatenate([np.ravel(part) for layer in layers for part in layer])


def targets_of(case: dict[str, Any]) -> jax.Array:
    return jnp.asarray(case["targets"], int if case["loss"] == "cross_entropy" else float)


def objective_of(case: dict[str, Any], layers: Any, offsets: Any, x: Any) -> tuple[Any, Any]:
    """Return the mean loss and the outputs; offsets of zeros show the error signals."""
    values = []
    for (weight, bias), (before, after), shape in zip(layers, offsets, case["shapes"], strict=True):
        z = ops.matmul(x, weight) + bias + before
        x = ops.ACTIVATIONS[shape["activation"]](z) + after
        values.append(x)
    return nn.find_loss(case["loss"])(x, targets_of(case)), values


def passes(case: dict[str, Any]) -> dict[str, Any]:
    """Return what the library computes of a case of the kind "passes"."""
    layers = divided(case, jnp.asarray(case["parameters"]))
    x = jnp.asarray(case["inputs"]).reshape(BATCH, -1)
    offsets = [(jnp.zeros((BATCH, s["units"])),) * 2 for s in case["shapes"]]
    (objective, values), (of_layers, of_offsets, of_inputs) = cp.value_and_grad(
        lambda chosen: objective_of(case, *chosen), has_aux=True
    )((layers, offsets, x))
    loss = nn.find_loss(case["loss"])
    return {
        "objective": objective,
        "error": loss.error(values[-1], targets_of(case)).mean(),
        "gradients": joined(of_layers),
        "inputError": of_inputs,
        "values": values,
        "errors": [after for _, after in of_offsets],
        "deltas": [before for before, _ in of_offsets],
    }


def compare(cases: list[dict[str, Any]]) -> float:
    farthest = 0.0
    for case, found in zip(cases, dense.computed(cases), strict=True):
        for name, expected in passes(case).items():
            many = isinstance(expected, list)
            pairs = zip(found[name], expected, strict=True) if many else [(found[name], expected)]
            farthest = max(farthest, *(close(*pair) for pair in pairs))
    return farthest


def test_names_are_those_of_the_library() -> None:
    """What the engine does not have is listed here, so that nothing is left out unnoticed."""
    (names,) = dense.computed([{"kind": "names"}])
    assert sorted(names["activations"]) == ELEMENTWISE
    assert sorted(name for name, _ in names["losses"]) == sorted(WITH_ONE_TARGET)
    assert all(nn.find_loss(name).error_name == error for name, error in names["losses"])
    without = {"lamb", "lion", "muon", "nadam", "radam"}
    assert {name for name, _ in names["optimizers"]} == set(optim.optimizer_names()) - without
    for name, options in names["optimizers"]:
        given = {**optim.create(name).options}
        assert {key: given[key] for key in options} == options
    assert set(names["schedules"]) == set(SCHEDULES)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_activation_and_its_slope_agree_everywhere(name: str) -> None:
    """Each entry by itself, also far out, where rounding could eat all digits."""
    x = np.concatenate([np.linspace(-8, 8, 321), [-30.0, -20.0, 20.0, 30.0, 700.0, -700.0]])
    (found,) = dense.computed([{"kind": "activation", "name": name, "x": x.tolist()}])
    with jax.enable_x64(True):
        y = np.asarray(ops.ACTIVATIONS[name](jnp.asarray(x)))
        slope = np.zeros_like(x)
        if name != "binary_step":
            total = cp.grad(lambda x: ops.sum(ops.ACTIVATIONS[name](x)))
            slope = np.asarray(total(jnp.asarray(x)))
    # JAX's 1 + tanh(u) cancels all digits below 1e-16, which this engine keeps.
    np.testing.assert_allclose(found["y"], y, rtol=TOLERANCE, atol=1e-14)
    np.testing.assert_allclose(found["slope"], slope, rtol=TOLERANCE, atol=1e-14)


def test_passes_of_every_activation_agree() -> None:
    cases = [
        {"kind": "passes", **drawn(seed, [name, name, "identity"], loss)}
        for seed, name in enumerate(ELEMENTWISE)
        for loss in ("squared_error", "cross_entropy")
    ]
    with jax.enable_x64(True):
        assert compare(cases) < TOLERANCE


def test_passes_of_every_loss_agree() -> None:
    last = {"squared_error": ("tanh", "identity"), "log_loss": ("sigmoid",)}
    cases = [
        {"kind": "passes", **drawn(100 + seed, ["tanh", "sigmoid", end], loss)}
        for seed, loss in enumerate(WITH_ONE_TARGET)
        for end in last.get(loss, ("identity",))
    ]
    with jax.enable_x64(True):
        assert compare(cases) < TOLERANCE


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_passes_of_every_depth_agree(depth: int) -> None:
    random = np.random.default_rng(depth)
    cases = []
    for seed in range(4):
        names = [str(random.choice(ELEMENTWISE)) for _ in range(depth - 1)]
        loss = str(random.choice(WITH_ONE_TARGET))
        end = "sigmoid" if loss == "log_loss" else "identity"
        cases.append({"kind": "passes", **drawn(10 * depth + seed, [*names, end], loss, True)})
    with jax.enable_x64(True):
        assert compare(cases) < TOLERANCE


# --- training ------------------------------------------------------------------------------------


def trained(case: dict[str, Any]) -> NDArray[np.float64]:
    """Return the parameters after the steps of a case of the kind "descent"."""
    rate: Any = case["rate"]
    name, options = case["schedule"]["name"], case["schedule"]["options"]
    if name != "constant":
        rate = optim.schedules.from_config({"name": name, "initial": rate, **options})
    own = optim.create(case["optimizer"], rate, **case["options"])
    optimizer = optim.chain(
        optim.add_l1_penalty(case["l1"], min_ndim=2),
        optim.add_decayed_weights(case["l2"], min_ndim=2),
        own,
    )
    layers = divided(case, jnp.asarray(case["parameters"]))
    x = jnp.asarray(case["inputs"]).reshape(BATCH, -1)
    none = [(jnp.zeros(()), jnp.zeros(()))] * len(layers)
    gradient = cp.grad(lambda layers: objective_of(case, layers, none, x)[0])

    @jax.jit
    def step(layers: Any, state: Any) -> Any:
        updates, state = optimizer.update(gradient(layers), state, layers)
        return optim.apply(layers, updates), state

    state = optimizer.init(layers)
    for _ in range(case["steps"]):
        layers, state = step(layers, state)
    return joined(layers)


def descent(seed: int, optimizer: str, **changed: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "rate": 0.05,
        "options": {},
        "schedule": {"name": "constant", "options": {}},
        "l1": 0.0,
        "l2": 0.0,
        "steps": 20,
    }
    case = drawn(seed, ["tanh", "gelu", "tanh"], "squared_error")
    return {"kind": "descent", **case, "optimizer": optimizer, **given, **changed}


@pytest.mark.parametrize("name", sorted(OPTIMIZERS))
def test_weights_after_20_steps_agree(name: str) -> None:
    cases = [
        descent(200, name),
        descent(201, name, options=OPTIMIZERS[name]),
        descent(202, name, l1=0.01, l2=0.1),
    ]
    with jax.enable_x64(True):
        for case, found in zip(cases, dense.computed(cases), strict=True):
            expected = trained(case)
            assert np.abs(expected - case["parameters"]).max() > 1e-3  # it has moved
            close(found, expected)


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_weights_under_a_schedule_agree(name: str) -> None:
    case = descent(300, "sgd", schedule={"name": name, "options": SCHEDULES[name]})
    with jax.enable_x64(True):
        (found,) = dense.computed([case])
        close(found, trained(case))
