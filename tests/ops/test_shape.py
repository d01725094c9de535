"""Shape operations: values, and error messages for wrong shapes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from clearprop import ops
from clearprop.autodiff import grad
from clearprop.errors import ShapeError

X = jnp.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("ours", "numpys"),
    [
        (lambda x: ops.reshape(x, (4, -1)), lambda x: x.reshape(4, -1)),
        (lambda x: ops.reshape(x, 24), lambda x: x.reshape(24)),
        (ops.transpose, lambda x: x.T),
        (lambda x: ops.transpose(x, (1, 2, 0)), lambda x: x.transpose(1, 2, 0)),
        (lambda x: ops.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1)),
        (lambda x: ops.moveaxis(x, -1, 1), lambda x: np.moveaxis(x, -1, 1)),
        (lambda x: ops.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1))),
        (lambda x: ops.squeeze(x[:1], 0), lambda x: x[0]),
        (lambda x: ops.squeeze(x[:1, :1]), lambda x: x[0, 0]),
        (lambda x: ops.flip(x, (0, 2)), lambda x: np.flip(x, (0, 2))),
        (lambda x: ops.concatenate([x, x], axis=1), lambda x: np.concatenate([x, x], 1)),
        (lambda x: ops.concatenate(x, x, axis=-1), lambda x: np.concatenate([x, x], -1)),
        (lambda x: ops.stack((x, x), axis=1), lambda x: np.stack([x, x], 1)),
        (lambda x: ops.split(x, 3, axis=1)[1], lambda x: np.split(x, 3, 1)[1]),
        (lambda x: ops.split(x, [1], axis=2)[1], lambda x: x[..., 1:]),
        (lambda x: ops.pad(x, [(0, 1), (2, 0), (0, 0)], 5.0), None),
        (lambda x: ops.broadcast_to(x, (2, 2, 3, 4)), lambda x: np.broadcast_to(x, (2, 2, 3, 4))),
    ],
)
def test_values_are_those_of_numpy(
    ours: Callable[[Any], Any], numpys: Callable[[Any], Any] | None
) -> None:
    x = np.asarray(X)
    expected = (
        np.pad(x, [(0, 1), (2, 0), (0, 0)], constant_values=5.0) if numpys is None else numpys(x)
    )
    np.testing.assert_array_equal(ours(X), expected)
    places = jnp.arange(float(expected.size)).reshape(expected.shape)
    # The operation only moves entries: each gets the sum of the errors at its new places.
    gradient = grad(lambda x: (ours(x) * places).sum())(X)
    total = np.zeros(25)
    moved = np.asarray(ours(X + 1)) - np.asarray(ours(X * 0))
    where = np.where(moved == 0, 0, np.asarray(ours(X + 1))).astype(int)
    np.add.at(total, where.ravel(), np.asarray(places).ravel())
    np.testing.assert_allclose(gradient, total[1:].reshape(X.shape))


def test_methods_and_operators_of_a_traced_value() -> None:
    def function(x: Any) -> Any:
        y = x.reshape(6, 4).T.transpose(1, 0).ravel().reshape((2, 3, 4)).astype(jnp.float32)
        return (y.max(axis=2).sum() + y.min() - y.mean(axis=(0, 1), keepdims=True).sum()) * 1.0

    expected = np.zeros((2, 3, 4))
    expected[..., 3] = 1
    expected[0, 0, 0] += 1
    np.testing.assert_allclose(grad(function)(X), expected - 1 / 6, rtol=1e-6)
    assert grad(lambda x: -(+x) + abs(x) - 2 / x + 2**x - (1 - x))(1.0) == pytest.approx(
        -1 + 1 + 2 + 2 * np.log(2) + 1
    )


def test_padding_by_a_negative_number_cuts_off() -> None:
    x = jnp.arange(12.0).reshape(3, 4)
    widths = [(-1, 2), (1, -3)]
    np.testing.assert_array_equal(ops.pad(x, widths, 9.0), [[9, 4], [9, 8], [9, 9], [9, 9]])
    weights = jnp.arange(1.0, 9.0).reshape(4, 2)
    gradient = grad(lambda x: (ops.pad(x, widths, 9.0) * weights).sum())(x)
    np.testing.assert_array_equal(gradient, [[0] * 4, [2, 0, 0, 0], [4, 0, 0, 0]])


AXIS = np.int64(1)


@pytest.mark.parametrize(
    ("ours", "plain"),
    [
        *(
            (
                lambda x, n=n: getattr(ops, n)(x, axis=AXIS),
                lambda x, n=n: getattr(ops, n)(x, axis=1),
            )
            for n in (
                *("sum", "mean", "max", "min", "var", "std", "prod", "cumsum", "logsumexp"),
                *("softmax", "log_softmax", "flip", "argmax", "argmin"),
            )
        ),
        (lambda x: ops.sum(x, (AXIS, np.int32(0))), lambda x: ops.sum(x, (1, 0))),
        (lambda x: ops.flip(x, (AXIS, 0)), lambda x: ops.flip(x, (1, 0))),
        (lambda x: ops.expand_dims(x, AXIS), lambda x: ops.expand_dims(x, 1)),
        (lambda x: ops.squeeze(x[:, :1], AXIS), lambda x: ops.squeeze(x[:, :1], 1)),
        (lambda x: ops.moveaxis(x, AXIS, np.int64(0)), lambda x: ops.moveaxis(x, 1, 0)),
        (lambda x: ops.concatenate(x, x, axis=AXIS), lambda x: ops.concatenate(x, x, axis=1)),
        (lambda x: ops.stack(x, x, axis=AXIS), lambda x: ops.stack(x, x, axis=1)),
        (lambda x: ops.split(x, AXIS + 2, axis=AXIS)[1], lambda x: ops.split(x, 3, axis=1)[1]),
        (lambda x: ops.take(x, INDEX, axis=AXIS), lambda x: ops.take(x, INDEX, axis=1)),
        (lambda x: ops.transpose(x, (2, AXIS, 0)), lambda x: ops.transpose(x, (2, 1, 0))),
        (lambda x: ops.reshape(x, np.int64(24)), lambda x: ops.reshape(x, 24)),
        (
            lambda x: ops.take_along_axis(x, PLACES, axis=AXIS),
            lambda x: ops.take_along_axis(x, PLACES, axis=1),
        ),
        (lambda x: ops.layer_norm(x, axis=np.int64(-1)), ops.layer_norm),
        (lambda x: ops.masked_softmax(x, True, AXIS), lambda x: ops.softmax(x, 1)),
        (lambda x: x.sum(AXIS) + x.mean(np.int64(0)).sum(), lambda x: x.sum(1) + x.mean(0).sum()),
    ],
)
def test_an_axis_may_be_a_whole_number_of_numpy(
    ours: Callable[[Any], Any], plain: Callable[[Any], Any]
) -> None:
    np.testing.assert_array_equal(ours(X), plain(X))

    def total(of: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: (of(x) * 1.5).sum() + x.sum()

    np.testing.assert_array_equal(grad(total(ours))(X), grad(total(plain))(X))


INDEX, PLACES = jnp.array([2, 0]), jnp.ones((2, 1, 4), int)

MISFITS: list[tuple[str, Callable[[], Any], str]] = [
    ("reshape", lambda: ops.reshape(X, (5, 5)), r"24 entries, to \(5, 5\)"),
    ("reshape", lambda: ops.reshape(X, (-1, -1)), "-1 for one size"),
    ("reshape", lambda: ops.reshape(X, (7, -1)), r"to \(7, -1\)"),
    ("transpose", lambda: ops.transpose(X, (0, 1)), r"axes \(0, 1\) of shape \(2, 3, 4\)"),
    ("broadcast_to", lambda: ops.broadcast_to(X, (3, 3, 4)), r"\(2, 3, 4\) to \(3, 3, 4\)"),
    ("squeeze", lambda: ops.squeeze(X, 1), "size 1"),
    ("expand_dims", lambda: ops.expand_dims(X, 7), "7 of"),
    ("concatenate", lambda: ops.concatenate([X, X[:, :2]]), r"\(2, 3, 4\) and \(2, 2, 4\)"),
    ("concatenate", lambda: ops.concatenate([]), "no array"),
    ("stack", lambda: ops.stack([X, X[0]]), r"\(2, 3, 4\) and \(3, 4\)"),
    ("split", lambda: ops.split(X, 5, axis=1), "size 3 cannot be cut into 5"),
    ("pad", lambda: ops.pad(X, [(1, 1)]), "one pair"),
    ("pad", lambda: ops.pad(X, [(0, 0), (-2, -2), (0, 0)]), "cut off along axis 1"),
    ("pad", lambda: ops.pad(X, [(0, 0), (-4, 2), (0, 0)]), "cut off along axis 1"),
    ("moveaxis", lambda: ops.moveaxis(X, 4, 0), "no axis 4"),
    ("max", lambda: ops.max(X[:0]), "no entry"),
    ("min", lambda: ops.min(X[:, :0], axis=1), "no entry"),
]


@pytest.mark.parametrize(("name", "call", "words"), MISFITS)
def test_misfits_are_told(name: str, call: Callable[[], Any], words: str) -> None:
    with pytest.raises(ShapeError, match=words) as caught:
        call()
    assert caught.value.where == name
