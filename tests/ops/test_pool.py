"""Pooling: the lecture's example, comparison with PyTorch, and the paths of the errors."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import ops
from clearprop.autodiff import check_gradients, grad
from clearprop.errors import ClearpropError, ConfigurationError, ShapeError


def test_max_pool_of_the_lecture() -> None:
    x = jnp.array([[1.0, 1, 2, 4], [5, 6, 7, 8], [3, 2, 1, 0], [1, 2, 3, 4]])[None, :, :, None]
    assert ops.max_pool(x, 2)[0, :, :, 0].tolist() == [[6, 8], [3, 4]]

    errors = grad(lambda x: ops.sum(ops.max_pool(x, 2)))(x)[0, :, :, 0]
    assert errors.tolist() == [[0, 0, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize("stride", [1, 2])
def test_the_first_of_equal_entries_gets_the_error(stride: int) -> None:
    x = jnp.array([5.0, 5, 5, 5])[None, :, None]
    errors = grad(lambda x: ops.sum(ops.max_pool(x, 2, stride=stride)))(x)[0, :, 0]
    assert errors.tolist() == ([1, 1, 1, 0] if stride == 1 else [1, 0, 1, 0])


@pytest.mark.parametrize("batch", [1, 64])
def test_padding_is_not_the_largest_beside_minus_infinity(batch: int) -> None:
    """Every error arrives, also where a window holds nothing but minus infinity."""
    x = jnp.full((batch, 3, 3, 1), -jnp.inf)
    pooled = ops.max_pool(x, 3, stride=2, padding=1)
    np.testing.assert_array_equal(pooled, jnp.full((batch, 2, 2, 1), -jnp.inf))
    errors = grad(lambda x: ops.max_pool(x, 3, stride=2, padding=1).sum())(x)[0, :, :, 0]
    assert errors.tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 0]]


@st.composite
def pools(draw: st.DrawFn) -> tuple[np.ndarray, dict[str, Any]]:
    axes = draw(st.integers(1, 3))

    def each(low: int, high: int) -> tuple[int, ...]:
        return tuple(draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes)))

    window = each(1, 3)
    stride = window if draw(st.booleans()) else each(1, 4)
    padding = tuple(draw(st.integers(0, w // 2)) for w in window)
    if draw(st.booleans()):
        padding = (0,) * axes
    sizes = [max(n, w) for n, w in zip(each(1, 7), window, strict=True)]
    shape = (draw(st.sampled_from([1, 2, 17])), *sizes, draw(st.integers(1, 2)))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    # Few different numbers, so that windows contain equal ones.
    x = random.integers(0, 4, shape).astype(np.float64)
    return x, {"window": window, "stride": stride, "padding": padding}


def by_torch(kind: str, x: np.ndarray, p: dict[str, Any], **more: Any) -> list[np.ndarray]:
    torch = pytest.importorskip("torch", reason="PyTorch is a peer, not a dependency")
    given_ = torch.from_numpy(np.moveaxis(x, -1, 1).copy()).requires_grad_()
    pool = getattr(torch.nn.functional, f"{kind}_pool{x.ndim - 2}d")
    y = pool(given_, p["window"], p["stride"], p["padding"], **more)
    (y * y).sum().backward()
    return [np.moveaxis(a.detach().numpy(), 1, -1) for a in (y, given_.grad)]


@given(pools())
@settings(max_examples=max(5, settings.default.max_examples // 4))
def test_max_pool_and_its_error_agree_with_pytorch(problem: Any) -> None:
    x, parameters = problem
    y, dx = by_torch("max", x, parameters)
    with jax.enable_x64(True):

        def loss(x: Any) -> Any:
            z = ops.max_pool(x, **parameters)
            return ops.sum(z * z)

        np.testing.assert_array_equal(ops.max_pool(jnp.asarray(x), **parameters), y)
        np.testing.assert_array_equal(grad(loss)(jnp.asarray(x)), dx)


@given(pools(), st.booleans())
@settings(max_examples=max(5, settings.default.max_examples // 4))
def test_average_pool_and_its_error_agree_with_pytorch(problem: Any, count_padding: bool) -> None:
    x, parameters = problem
    y, dx = by_torch("avg", x, parameters, count_include_pad=count_padding)
    with jax.enable_x64(True):

        def loss(x: Any) -> Any:
            z = ops.average_pool(x, **parameters, count_padding=count_padding)
            return ops.sum(z * z)

        z = ops.average_pool(jnp.asarray(x), **parameters, count_padding=count_padding)
        np.testing.assert_allclose(z, y, atol=1e-12)
        np.testing.assert_allclose(grad(loss)(jnp.asarray(x)), dx, atol=1e-12)


@pytest.mark.parametrize("pool", [ops.max_pool, ops.average_pool])
@pytest.mark.parametrize(
    ("window", "stride", "padding"), [(2, None, 0), (3, 2, 1), (2, 3, 0), ((3, 2), 1, "same")]
)
def test_rules_of_two_orders(pool: Any, window: Any, stride: Any, padding: Any) -> None:
    x = np.random.default_rng(0).permutation(2 * 7 * 5 * 2).reshape(2, 7, 5, 2) / 20

    def scalar(x: Any) -> Any:
        y = pool(x, window, stride, padding)
        return ops.mean(ops.tanh(y) * y)

    check_gradients(scalar, x, entries=10)


def test_the_layout_in_memory_changes_nothing() -> None:
    x = jnp.asarray(np.random.default_rng(0).standard_normal((32, 7, 9, 3)))
    for pool in (ops.max_pool, ops.average_pool):
        for window, stride in [(2, None), (3, 2)]:

            def loss(x: Any, pool: Any = pool, window: int = window, stride: Any = stride) -> Any:
                y = pool(x, window, stride)
                return ops.sum(y * y)

            # 32 examples are laid out with the batch last, 8 are not.
            parts = [grad(loss)(x[i : i + 8]) for i in range(0, 32, 8)]
            np.testing.assert_allclose(grad(loss)(x), jnp.concatenate(parts), atol=1e-6)


def test_negative_numbers_lose_to_no_padding() -> None:
    x = -jnp.ones((1, 4, 1))
    assert ops.max_pool(x, 3, 1, 1)[0, :, 0].tolist() == [-1, -1, -1, -1]


IMAGE = np.ones((2, 4, 4, 1), np.float32)


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ShapeError, "larger than its input", lambda: ops.max_pool(IMAGE, 5)),
        (ShapeError, "one to three axes", lambda: ops.max_pool(IMAGE[0, 0], 2)),
        (ConfigurationError, "window must be at least 1", lambda: ops.average_pool(IMAGE, 0)),
        (ConfigurationError, "stride must be at least 1", lambda: ops.max_pool(IMAGE, 2, 0)),
        (ConfigurationError, "2 axes", lambda: ops.max_pool(IMAGE, (2, 2, 2))),
        (ConfigurationError, "only padding", lambda: ops.max_pool(IMAGE, 2, 2, 2)),
    ],
)
def test_bad_input_is_explained(error: type[ClearpropError], words: str, call: Any) -> None:
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


@pytest.mark.parametrize("more", [{}, {"stride": 1}, {"padding": 1}, {"padding": 1, "stride": 2}])
@pytest.mark.parametrize("dtype", [np.int32, np.uint8])
def test_averages_of_whole_numbers_are_not_rounded(dtype: Any, more: dict[str, int]) -> None:
    x = np.arange(250, 256, dtype=dtype).reshape(1, 6, 1)
    ours = ops.average_pool(jnp.asarray(x), 2, **more)
    theirs = ops.average_pool(jnp.asarray(x, jnp.float32), 2, **more)
    assert ours.dtype == jnp.float32
    np.testing.assert_array_equal(ours, theirs)
