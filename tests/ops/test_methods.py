"""Values that are being differentiated have the methods of arrays, with their gradients."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import Traced, grad, hvp
from clearprop.autodiff.misuse import _METHODS
from clearprop.errors import ClearpropError
from clearprop.ops.methods import DERIVED, PLAIN, SAME

X = jnp.array([[0.5, -1.5, 2.0], [3.0, 0.25, -0.75]])
SQUARE = jnp.array([[0.5, -1.5, 2.0], [3.0, 0.25, -0.75], [1.0, 4.0, -2.0]])
INDEX = jnp.array([2, 0, 2])

DIFFERENTIABLE: dict[str, Callable[[Any], Any]] = {
    "T": lambda x: x.T,
    "astype": lambda x: x.astype(jnp.float32),
    "clip": lambda x: x.clip(-1.0, 1.0) + x.clip(min=0.0) + x.clip(max=0.0) + x.clip(0.0),
    "compress": lambda x: x.compress(np.array([True, False, True]), axis=1),
    "conj": lambda x: x.conj(),
    "conjugate": lambda x: x.conjugate(),
    "copy": lambda x: x.copy(),
    "cumprod": lambda x: x.cumprod(axis=1) + x.cumprod().reshape(x.shape),
    "cumsum": lambda x: x.cumsum(axis=-1) + x.cumsum().reshape(x.shape),
    "diagonal": lambda x: x.diagonal(offset=1),
    "dot": lambda x: x.dot(SQUARE) + x.dot(x[0])[:, None] + x.dot(2.0) + x[0].dot(x[1]),
    "flatten": lambda x: x.flatten(),
    "mT": lambda x: x[None].mT,
    "max": lambda x: x.max(axis=1) + x.max(),
    "mean": lambda x: x.mean(axis=1, keepdims=True) + x.mean(),
    "min": lambda x: x.min(axis=0) + x.min(),
    "prod": lambda x: x.prod(axis=1) + x.prod(),
    "ptp": lambda x: x.ptp(axis=0),
    "ravel": lambda x: x.ravel(),
    "real": lambda x: x.real,
    "repeat": lambda x: x.repeat(2, axis=1),
    "reshape": lambda x: x.reshape(3, 2) + x.reshape((3, -1)) + x.reshape(np.int64(6))[:2],
    "sort": lambda x: x.sort() + x.sort(axis=0),
    "squeeze": lambda x: x[None].squeeze() + x[None].squeeze(0) + x[..., None].squeeze(axis=-1),
    "std": lambda x: x.std(axis=1, ddof=1) + x.std(),
    "sum": lambda x: x.sum(axis=1, keepdims=True) + x.sum(),
    "swapaxes": lambda x: x.swapaxes(0, -1),
    "take": lambda x: x.take(INDEX, axis=1) + x.take(INDEX),
    "trace": lambda x: x.trace(),
    "transpose": lambda x: x.transpose() + x.transpose(1, 0) + x.transpose((1, 0)),
    "var": lambda x: x.var(axis=1, ddof=1) + x.var(axis=(0, 1)),
}

PLAIN_RESULTS: dict[str, Callable[[Any], Any]] = {
    "all": lambda x: x.all(axis=1),
    "any": lambda x: (x.any(), x.any(axis=0)),
    "argmax": lambda x: (x.argmax(), x.argmax(axis=-1), x.argmax(axis=0, keepdims=True)),
    "argmin": lambda x: x.argmin(axis=1),
    "argpartition": lambda x: x.argpartition(1),
    "argsort": lambda x: x.argsort(axis=0),
    "imag": lambda x: x.imag,
    "nonzero": lambda x: x.nonzero(),
    "round": lambda x: (x.round(), x.round(1)),
    "searchsorted": lambda x: x[0].searchsorted(x[1]),
    "dtype": lambda x: jnp.zeros(1, x.dtype),
    "itemsize": lambda x: x.itemsize,
    "nbytes": lambda x: x.nbytes,
    "ndim": lambda x: x.ndim,
    "shape": lambda x: x.shape,
    "size": lambda x: x.size,
}

ONLY_OF_CONCRETE_ARRAYS = {"block_until_ready", "clone"}
"""Arrays have them, and the values inside `jax.grad` do not."""

TAUGHT = {"at", "item"}
"""They raise an error that names the fix; test_misuse.py calls them."""

ONLY_OF_WHOLE_NUMBERS = {"choose"}


def names_of_arrays() -> set[str]:
    return {name for name in dir(X) if not name.startswith("_")}


def run_on_traced(use: Callable[[Any], Any], x: Any = X) -> Any:
    """Return what a function gives for a value that is being differentiated."""
    found: list[Any] = []

    def function(x: Any) -> Any:
        found.append(use(x))
        return x.sum()

    grad(function)(x)
    return found[0]


def test_every_public_name_of_an_array_is_given_or_taught() -> None:
    given = DIFFERENTIABLE.keys() | PLAIN_RESULTS.keys() | TAUGHT
    given |= ONLY_OF_WHOLE_NUMBERS | ONLY_OF_CONCRETE_ARRAYS
    assert {*PLAIN, *DERIVED, *SAME} <= given
    assert given <= names_of_arrays() | {"clone"}
    for name in sorted(names_of_arrays() - given):
        try:
            getattr(X, name)
        except Exception:  # a name that only some devices have, or none any more
            continue
        # A name of PyTorch's tensors is answered with that of arrays.
        told = "another name" if name in _METHODS else rf"clearprop\.stop_gradient\(x\)\.{name}\b"
        with pytest.raises((AttributeError, ClearpropError), match=told):
            run_on_traced(lambda x, name=name: getattr(x, name))


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_method_has_the_value_and_the_gradients_of_jax(name: str) -> None:
    method, direction = DIFFERENTIABLE[name], jnp.cos(X)
    assert hasattr(Traced, name)
    expected = method(X)
    weights = jnp.sin(jnp.arange(1.0, expected.size + 1)).reshape(expected.shape)

    def total(x: Any) -> Any:
        return (method(x * x + x) * weights).sum()

    ours, theirs = run_on_traced(method), expected
    np.testing.assert_allclose(ops.stop_gradient(ours), theirs, rtol=1e-6)
    assert isinstance(ours, Traced)
    np.testing.assert_allclose(grad(total)(X), jax.grad(total)(X), rtol=1e-4, atol=1e-5)
    second = jax.jvp(jax.grad(total), (X,), (direction,))[1]
    np.testing.assert_allclose(hvp(total, X, direction), second, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", PLAIN_RESULTS)
def test_a_method_without_a_gradient_gives_the_plain_result(name: str) -> None:
    use = PLAIN_RESULTS[name]
    ours, theirs = run_on_traced(use), use(X)
    assert not any(isinstance(leaf, Traced) for leaf in jax.tree.leaves(ours))
    jax.tree.map(np.testing.assert_array_equal, ours, theirs)


@pytest.mark.parametrize("name", SAME)
def test_a_method_may_return_the_value_itself(name: str) -> None:
    gradient = grad(lambda x: (getattr(x, name)() * x).sum())(X)
    np.testing.assert_allclose(gradient, 2 * X)


def test_methods_work_inside_jit_and_with_traced_arguments() -> None:
    def total(x: Any) -> Any:
        low, high = x[0, 1], x[0, 2]
        return (x.clip(low * 0.5, high).std() + x.argmax()) * x.dot(x.T).trace()

    def of_arrays(x: Any) -> Any:
        clipped = jnp.minimum(jnp.maximum(x, x[0, 1] * 0.5), x[0, 2])
        return (clipped.std() + x.argmax()) * x.dot(x.T).trace()

    np.testing.assert_allclose(jax.jit(grad(total))(X), jax.grad(of_arrays)(X), rtol=1e-4)


@pytest.mark.parametrize("shapes", [((2, 3), (4, 3, 5)), ((3,), (2, 3, 1)), ((), (2, 3))])
def test_dot_of_more_axes_is_that_of_numpy(shapes: tuple[tuple[int, ...], ...]) -> None:
    random = np.random.default_rng(0)
    x, y = (jnp.asarray(random.normal(size=shape), jnp.float32) for shape in shapes)
    ours = grad(lambda x, y: (x.dot(y) ** 2).sum(), (0, 1))(x, y)
    theirs = jax.grad(lambda x, y: (jnp.dot(x, y) ** 2).sum(), (0, 1))(x, y)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4)


def test_remainder_and_whole_quotient() -> None:
    x = jnp.array([5.5, -1.25])
    for use in (lambda x: x % 2, lambda x: 7.0 % x, lambda x: x % x[::-1]):
        np.testing.assert_allclose(ops.stop_gradient(run_on_traced(use, x)), use(x))

        def total(x: Any, use: Callable[[Any], Any] = use) -> Any:
            return use(x).sum()

        np.testing.assert_allclose(grad(total)(x), jax.grad(total)(x))
    np.testing.assert_allclose(ops.stop_gradient(run_on_traced(lambda x: x // 2, x)), [2, -1])


def test_what_follows_the_axis_is_named() -> None:
    """The second argument of an array's method is a number type, not keepdims."""
    for name in ("sum", "mean", "max", "std", "var", "prod"):
        with pytest.raises(TypeError, match="positional"):
            run_on_traced(lambda x, name=name: getattr(x, name)(0, jnp.float32))


def test_an_unknown_name_is_pythons_own_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'summe'"):
        run_on_traced(lambda x: x.summe())
    assert not run_on_traced(lambda x: hasattr(x, "sharding"))


def test_the_package_alone_gives_the_methods() -> None:
    code = "import clearprop as cp; print(cp.grad(lambda x: (x * x).std())(cp_x))"
    program = f"import jax.numpy as jnp; cp_x = jnp.array([1.0, 3.0]); {code}"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "[-1.  3.]", done.stderr


def test_swapaxes_names_a_missing_axis() -> None:
    with pytest.raises(ClearpropError, match="there is no axis 5"):
        run_on_traced(lambda x: x.swapaxes(0, 5))
