"""Muon, compared with PyTorch's, and AdamW for the parameters that are no matrices."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose

from clearprop import optim
from clearprop.errors import ConfigurationError
from clearprop.optim.muon import orthogonalized

TIGHT = {"rtol": 1e-9, "atol": 1e-12}
STEPS = 12


def gradient(w: Any, step: int) -> Any:
    """A gradient that depends on the point and on the step: no two of its elements are equal."""
    ramp = np.cos(np.arange(w.size) + step).reshape(w.shape)
    return 0.3 * w**3 + ramp


def start(shape: tuple[int, ...]) -> Any:
    return np.random.default_rng(1).normal(size=shape)


def follow(rule: optim.Optimizer, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    parameters: Any = {path: jnp.asarray(start(shape)) for path, shape in shapes.items()}
    state = rule.init(parameters)
    update = jax.jit(rule.update)
    for step in range(STEPS):
        gradients = {path: gradient(np.asarray(w), step) for path, w in parameters.items()}
        updates, state = update(gradients, state, parameters)
        parameters = optim.apply(parameters, updates)
    return {path: np.asarray(w) for path, w in parameters.items()}


@pytest.fixture
def follow_peer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The end of the path of an optimizer of PyTorch, from matrices (outputs, inputs).

    PyTorch's Muon rounds to bfloat16. ``exact`` takes this rounding out of its code, so that its
    path can be compared to the last digits.
    """
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")

    def path(name: str, shape: tuple[int, ...], exact: bool = True, **options: Any) -> Any:
        if exact:
            monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
        w = torch.tensor(start(shape).T.copy(), requires_grad=True)
        rule = getattr(torch.optim, name)([w], **options)
        for step in range(STEPS):
            w.grad = torch.tensor(gradient(w.detach().numpy().T, step).T.copy())
            rule.step()
        return w.detach().numpy().T

    return path


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (4, 4)])
@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({}, {"adjust_lr_fn": "match_rms_adamw"}),
        ({"scaling": "original"}, {}),
        (
            {"scaling": "original", "nesterov": False, "momentum": 0.7, "weight_decay": 0.3},
            {"nesterov": False, "momentum": 0.7, "weight_decay": 0.3},
        ),
        ({"iterations": 3}, {"ns_steps": 3, "adjust_lr_fn": "match_rms_adamw"}),
    ],
    ids=str,
)
def test_the_path_of_a_matrix_is_that_of_pytorch(
    shape: tuple[int, int],
    ours: dict[str, Any],
    theirs: dict[str, Any],
    x64: None,
    follow_peer: Any,
) -> None:
    found = follow(optim.muon(0.1, **ours), {"w": shape})
    assert_allclose(found["w"], follow_peer("Muon", shape, lr=0.1, **theirs), **TIGHT)


def test_with_its_rounding_pytorch_takes_nearly_the_same_path(x64: None, follow_peer: Any) -> None:
    found = follow(optim.muon(0.1), {"w": (3, 5)})["w"]
    peer = follow_peer("Muon", (3, 5), exact=False, lr=0.1, adjust_lr_fn="match_rms_adamw")
    # One rounding to bfloat16 changes a singular value by about 1 in 256.
    assert np.linalg.norm(found - peer) < 0.02 * np.linalg.norm(found - start((3, 5)))


def test_all_other_parameters_are_trained_by_adamw(x64: None, follow_peer: Any) -> None:
    rule = optim.muon(0.1, adamw=["embedding"], weight_decay=0.3, beta1=0.8, beta2=0.9)
    found = follow(rule, {"embedding": (3, 5), "bias": (7,), "0.weight": (3, 5)})
    options = {"lr": 0.1, "weight_decay": 0.3, "betas": (0.8, 0.9)}
    assert_allclose(found["embedding"], follow_peer("AdamW", (3, 5), **options), **TIGHT)
    assert_allclose(found["bias"], follow_peer("AdamW", (7,), **options), **TIGHT)
    matrix = follow(optim.muon(0.1, weight_decay=0.3), {"0.weight": (3, 5)})
    assert_allclose(found["0.weight"], matrix["0.weight"], **TIGHT)


def test_a_kernel_is_a_matrix_with_its_outputs_as_columns(x64: None) -> None:
    kernel = follow(optim.muon(0.1), {"w": (2, 2, 3, 5)})["w"]
    assert_allclose(kernel.reshape(12, 5), follow(optim.muon(0.1), {"w": (12, 5)})["w"], **TIGHT)


@pytest.mark.parametrize("shape", [(8, 8), (30, 8), (8, 30)])
def test_the_singular_values_come_near_1_and_the_directions_stay(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(2).normal(size=shape).astype(np.float32)
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    found = np.asarray(orthogonalized(jnp.asarray(matrix), 8))
    values = np.diag(u.T @ found @ v.T)
    assert s.max() / s.min() > 1.5
    assert (values > 0.6).all()
    assert (values < 1.3).all()
    assert_allclose(u @ np.diag(values) @ v, found, atol=2e-5)


def test_a_matrix_of_zeros_is_not_moved() -> None:
    parameters = {"w": jnp.ones((2, 3))}
    rule = optim.muon(0.1, weight_decay=0.0)
    updates, _ = rule.update({"w": jnp.zeros((2, 3))}, rule.init(parameters), parameters)
    assert_allclose(updates["w"], 0)


def test_a_pattern_without_a_parameter_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="embeding"):
        optim.muon(adamw=["embeding"]).init({"embedding": jnp.ones((2, 3))})
