"""Number types: whole numbers become floats, and statistics of narrow floats keep their digits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearprop import nn, ops
from clearprop.autodiff import OPERATIONS, grad
from tests.ops.cases import CASES, Draw
from tests.ops.test_rules import OURS, WITHOUT_RULE

# --- whole numbers -------------------------------------------------------------------------------

WHOLE = {
    *("abs", "add", "barrier", "broadcast_to", "clip", "concatenate", "cumsum", "einsum", "flip"),
    *("getitem", "identity", "matmul", "max", "max_pool", "maximum", "min", "minimum", "multiply"),
    *("negative", "outer_sum", "pad", "place_at", "power", "prod", "read_in_windows", "relu"),
    *("reshape", "scatter_add", "split", "square", "stack", "stored", "subtract", "sum", "take"),
    *("take_along_axis", "transpose", "where", "write_in_windows", "astype"),
    *("cumprod", "dynamic_slice", "dynamic_update_slice", "hard_tanh", "remainder", "roll", "sort"),
    *("tril", "triu"),
}
"""Operations of whole numbers that give whole numbers, as in NumPy and JAX."""

CONVOLUTIONS = {name for name in OURS if name.startswith("convolution")}
FLOATING = sorted(OURS.keys() - WHOLE - WITHOUT_RULE - CONVOLUTIONS)


def _as_whole(name: str, x: np.ndarray) -> np.ndarray:
    numbers = np.arange(1, x.size + 1).reshape(x.shape)
    # Probabilities are 0 or 1.
    return numbers % 2 if name in ("log_loss", "kl_divergence") else numbers % 5 + 1


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name in FLOATING for number in range(len(CASES[name]))]
)
def test_an_operation_of_floats_takes_whole_numbers(name: str, number: int) -> None:
    """In every case of the table, numbers of either type give the same floats."""

    @settings(max_examples=2)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        function, inputs = CASES[name][number](Draw.of(data))
        whole = [jnp.asarray(_as_whole(name, x)) for x in inputs]
        if name == "softmax_cross_entropy":  # labels that are whole numbers are classes
            whole[1:] = [x.astype(jnp.float32) for x in whole[1:]]
        ours = jax.tree.leaves(function(*whole))
        floats = jax.tree.leaves(function(*(x.astype(jnp.float32) for x in whole)))
        for a, b in zip(ours, floats, strict=True):
            assert a.dtype == jnp.float32
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)

    check()


def test_every_operation_is_of_one_kind() -> None:
    assert OURS.keys() >= WHOLE
    assert {"softmax", "log_softmax", "sigmoid", "hinge", "attend", "rsqrt"} <= set(FLOATING)


def test_the_table_of_whole_numbers_is_that_of_numpy() -> None:
    for name in ("abs", "maximum", "sum", "max", "prod", "square", "negative", "multiply"):
        row, numbers = OPERATIONS[name], np.arange(1, 4)
        inputs = (numbers,) * (2 if name in ("maximum", "multiply") else 1)
        assert row(*map(jnp.asarray, inputs)).dtype.kind == "i"
        np.testing.assert_array_equal(row(*inputs), getattr(np, name)(*inputs))


def test_softmax_of_whole_numbers_is_no_whole_number() -> None:
    np.testing.assert_allclose(ops.softmax(jnp.array([0, 0])), [0.5, 0.5])
    np.testing.assert_allclose(ops.log_softmax(jnp.array([0, 0])), np.log([0.5, 0.5]), rtol=1e-6)
    np.testing.assert_allclose(ops.softmax(jnp.array([True, True])), [0.5, 0.5])
    assert float(ops.sigmoid(0)) == 0.5
    assert ops.zero_one(jnp.array([[1, 0]]), jnp.array([1])).dtype == jnp.float32


def test_max_pool_of_whole_numbers_has_no_padding_among_the_largest() -> None:
    x = jnp.array([-3, -4, -5])[None, :, None]
    pooled = ops.max_pool(x, 2, stride=1, padding=1)
    assert pooled.dtype == x.dtype
    np.testing.assert_array_equal(pooled[0, :, 0], [-3, -3, -4, -5])
    unsigned = ops.max_pool(x.astype(jnp.uint8) * 0, 2, stride=1, padding=1)
    np.testing.assert_array_equal(unsigned, jnp.zeros((1, 4, 1)))


# --- narrow floats -------------------------------------------------------------------------------


def _batch_norm_in_training(x: Any) -> Any:
    return nn.apply(nn.BatchNorm(x.shape[-1]).init(0), x, training=True)[0]


LABELS = jnp.array([0, 2, 1, 3, 5, 4, 7, 6])
SHARES = jax.nn.softmax(jnp.arange(64.0).reshape(8, 8) % 7)
MASK = jnp.arange(512) % 3 > 0

STATISTICS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...], float, float]] = {
    # name: (function, shape of x, spread of x, center of x)
    "mean": (lambda x: ops.mean(x, axis=-1), (4, 512), 300.0, 0.0),
    "mean of large numbers": (lambda x: ops.mean(x, axis=-1), (2, 512), 1.0, 6e4),
    "var": (lambda x: ops.var(x, axis=-1), (4, 512), 1.0, 300.0),
    "std": (lambda x: ops.std(x, axis=-1), (4, 512), 400.0, 0.0),
    "max": (lambda x: ops.max(x, axis=-1), (4, 512), 300.0, 0.0),
    "logsumexp": (lambda x: ops.logsumexp(x, axis=-1), (4, 4096), 1.0, 5.0),
    "softmax": (lambda x: ops.softmax(x) * 100, (4, 512), 2.0, 0.0),
    "log_softmax": (ops.log_softmax, (4, 512), 2.0, 0.0),
    "masked_softmax": (lambda x: ops.masked_softmax(x, MASK) * 100, (4, 512), 2.0, 0.0),
    "attention": (lambda x: ops.attention(x, x, x), (2, 64, 8), 1.0, 0.0),
    "cross-entropy": (lambda x: ops.softmax_cross_entropy(x, LABELS), (8, 8), 3.0, 0.0),
    "soft labels": (
        lambda x: ops.softmax_cross_entropy(x, SHARES.astype(x.dtype)),
        (8, 8),
        3.0,
        0.0,
    ),
    "layer_norm": (ops.layer_norm, (4, 64), 400.0, 0.0),
    "layer_norm far from 0": (ops.layer_norm, (4, 64), 8.0, 500.0),
    "batch_norm": (lambda x: ops.batch_norm(x)[0], (64, 4), 400.0, 0.0),
    "weight_norm": (lambda x: ops.weight_norm(x, jnp.ones(4)), (64, 4), 400.0, 0.0),
    "average_pool": (lambda x: ops.average_pool(x, 4), (2, 16, 3), 6e4, 0.0),
    "overlapping pool": (lambda x: ops.average_pool(x, 4, 1, 1), (2, 16, 3), 6e4, 0.0),
    "RMSNorm": (nn.RMSNorm(64).init(0), (4, 64), 400.0, 0.0),
    "RMSNorm of small numbers": (
        nn.RMSNorm(64, epsilon=1e-12).init(0),
        (4, 64),
        1e-4,
        0.0,
    ),
    "LayerNorm": (nn.LayerNorm(64).init(0), (4, 64), 400.0, 0.0),
    "BatchNorm": (_batch_norm_in_training, (64, 4), 400.0, 0.0),
    "LocalResponseNorm": (nn.LocalResponseNorm(alpha=1.0), (4, 16), 400.0, 0.0),
    "GlobalAvgPool": (nn.GlobalAvgPool(), (2, 8, 8, 3), 6e4, 0.0),
    "AdaptiveAvgPool": (nn.AdaptiveAvgPool(3), (2, 8, 8, 3), 6e4, 0.0),
}


@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
@pytest.mark.parametrize("name", STATISTICS)
def test_statistics_of_narrow_floats_have_the_digits_of_the_type(name: str, dtype: Any) -> None:
    """Value and gradient are those of float32, rounded once or twice."""
    function, shape, spread, center = STATISTICS[name]
    random = np.random.default_rng(0)
    x = jnp.asarray(center + spread * random.uniform(-1, 1, shape)).astype(dtype)
    weights = jnp.asarray(random.uniform(0.5, 1.5, jax.eval_shape(function, x).shape))

    def total(x: Any) -> Any:
        return (function(x).astype(jnp.float32) * weights).sum()

    value, exact = function(x), function(x.astype(jnp.float32))
    assert value.dtype == dtype
    digits = float(jnp.finfo(dtype).eps)

    def close(ours: Any, truth: Any) -> None:
        scale = float(jnp.abs(truth).max())
        assert np.isfinite(np.asarray(ours, np.float32)).all()
        error = np.abs(np.asarray(ours, np.float32) - np.asarray(truth)).max()
        assert error <= 3 * digits * scale + 1e-7, f"{error / scale} of the largest entry"

    close(value, exact)
    gradient = grad(total)(x)
    assert gradient.dtype == dtype
    close(gradient, grad(total)(x.astype(jnp.float32)))


def test_the_mean_of_more_numbers_than_float16_counts_has_a_gradient() -> None:
    gradient = grad(lambda x: ops.mean(x) * 1024)(jnp.ones(131072, jnp.float16))
    np.testing.assert_allclose(gradient, 1024 / 131072, rtol=1e-3)
    gradient = grad(lambda x: ops.max(x) * 1024)(jnp.ones(131072, jnp.float16))
    np.testing.assert_allclose(gradient, 1024 / 131072, rtol=1e-3)


def test_a_batch_gives_its_statistics_in_float32() -> None:
    x = jnp.array([[-400.0], [400.0]], jnp.float16)
    y, mean, variance = ops.batch_norm(x)
    assert (y.dtype, mean.dtype, variance.dtype) == (x.dtype, jnp.float32, jnp.float32)
    np.testing.assert_allclose(variance, 160000)


@pytest.mark.parametrize("norm", [ops.layer_norm, lambda x, *p: ops.batch_norm(x, *p)[0]])
def test_normalization_gives_the_type_of_its_input(norm: Callable[..., Any]) -> None:
    x, scale, shift = jnp.ones((4, 2), jnp.bfloat16), jnp.ones(2), jnp.zeros(2)
    assert norm(x, scale, shift).dtype == x.dtype
    of_x, of_scale = grad(lambda x, s: norm(x, s, shift).sum(), (0, 1))(x, scale)
    assert (of_x.dtype, of_scale.dtype) == (x.dtype, scale.dtype)


# --- forms without cancellation ------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["celu", "elu", "erfc", "expm1", "gelu", "gelu_tanh", "mish", "selu", "silu", "softplus"],
)
def test_a_small_slope_on_the_left_keeps_its_digits(name: str) -> None:
    """In float32 it is that of float64, where 1 + erf(x) would keep no digit."""
    row, x = OPERATIONS[name], np.linspace(-9.0, -1.5, 60)
    x = -x / 2 if name == "erfc" else x
    ours = grad(lambda x: row(x).sum())(jnp.asarray(x, jnp.float32))
    with jax.enable_x64(True):
        exact = grad(lambda x: row(x).sum())(jnp.asarray(np.float32(x), jnp.float64))
    np.testing.assert_allclose(ours, exact, rtol=2e-5)
