"""Convolution: the lectures' numbers, other libraries, and agreement of all formulations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jax import lax

from clearprop import nn, ops
from clearprop.autodiff import check_gradients, grad
from clearprop.errors import ClearpropError, ConfigurationError, ShapeError
from clearprop.ops.conv import tiles
from clearprop.ops.conv.choice import choose
from clearprop.ops.conv.geometry import Geometry

TABLE = [
    [1, 2, 3, 1, 3, 5],
    [2, 2, 5, 4, 2, 5],
    [0, 6, 9, 6, 2, 2],
    [2, 0, 1, 9, 4, 0],
    [5, 5, 4, 6, 7, 6],
    [6, 1, 3, 7, 1, 5],
]
COLUMNS = [[1, 0, -1]] * 3


def plane(numbers: Any) -> jax.Array:
    return jnp.asarray(numbers, jnp.float32)[None, :, :, None]


def kernel_of(numbers: Any) -> jax.Array:
    return jnp.asarray(numbers, jnp.float32)[:, :, None, None]


def slid(numbers: Any, kernel: Any, **parameters: Any) -> np.ndarray:
    return np.asarray(ops.convolution(plane(numbers), kernel_of(kernel), **parameters)[0, :, :, 0])


# --- the lectures' numbers -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parameters", "places"), [({}, 5), ({"stride": 2}, 3), ({"padding": 1}, 7)]
)
def test_places_of_a_3x3_window_on_7x7(parameters: dict[str, int], places: int) -> None:
    assert slid(np.ones((7, 7)), np.ones((3, 3)), **parameters).shape == (places, places)
    assert ops.output_size(7, 3, **parameters) == places


def test_ten_5x5_filters_on_32x32x3() -> None:
    layer = nn.Conv2d(3, 10, kernel_size=5, padding=2).init(0)
    assert layer(jnp.ones((1, 32, 32, 3))).shape == (1, 32, 32, 10)
    assert sum(w.size for w in nn.parameters(layer).values()) == 760


def test_six_5x5_filters_stack_up_to_a_new_image() -> None:
    y = ops.convolution(jnp.ones((1, 32, 32, 3)), jnp.ones((5, 5, 3, 6)))
    assert y.shape == (1, 28, 28, 6)


def test_a_series_has_d_minus_f_plus_1_places() -> None:
    for d, f in [(10, 3), (5, 5), (8, 1)]:
        y = ops.convolution(jnp.ones((1, d, 1)), jnp.ones((f, 1, 1)))
        assert y.shape[1] == d - f + 1 == ops.output_size(d, f)


def test_stride_table() -> None:
    # The lecture prints 10 in the last cell: (9 + 6 + 7) - (0 + 6 + 5) is 11.
    expected = [[-14, -1, 10, -1], [-11, -11, 7, 12], [-7, -10, 1, 13], [5, -16, -4, 11]]
    assert slid(TABLE, COLUMNS).tolist() == expected


def test_stride_table_of_stride_2() -> None:
    assert slid(TABLE, COLUMNS, stride=2).tolist() == [[-14, 10], [-7, 1]]


CURVE = np.zeros((7, 7))
CURVE[[0, 1, 2, 3, 4, 5], [5, 4, 3, 3, 3, 3]] = 30
BACK = [
    [0, 0, 0, 0, 0, 0, 30],
    [0, 0, 0, 0, 50, 50, 50],
    [0, 0, 0, 20, 50, 0, 0],
    [0, 0, 0, 50, 50, 0, 0],
    [0, 0, 0, 50, 50, 0, 0],
    [0, 0, 0, 50, 50, 0, 0],
    [0, 0, 0, 50, 50, 0, 0],
]
HEAD = [
    [0, 0, 0, 0, 0, 0, 0],
    [0, 40, 0, 0, 0, 0, 0],
    [40, 0, 40, 0, 0, 0, 0],
    [40, 20, 0, 0, 0, 0, 0],
    [0, 50, 0, 0, 0, 0, 0],
    [0, 0, 50, 0, 0, 0, 0],
    [25, 25, 0, 50, 0, 0, 0],
]


def test_curve_detector_sees_the_curve_and_nothing_else() -> None:
    assert slid(BACK, CURVE).item() == 6600
    assert slid(HEAD, CURVE).item() == 0


def test_sobel_pair_finds_edges_of_either_direction() -> None:
    across = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    # The lecture prints -1 -2 -1 in the last row, which does not give 0 for a plain surface.
    down = np.array([[-1, -2, -1], [0, 0, 0], [1, 2, 1]])
    assert np.array_equal(down, across.T)
    step = np.tile([0, 0, 0, 1, 1, 1], (6, 1))
    assert slid(step, across).tolist() == [[0, 4, 4, 0]] * 4
    assert not slid(step, down).any()
    assert slid(step.T, down).T.tolist() == [[0, 4, 4, 0]] * 4
    assert not slid(np.ones((6, 6)), down).any()


def test_true_convolution_flips_the_kernel() -> None:
    flipped = np.flip(np.arange(9.0).reshape(3, 3))
    x, kernel = plane(TABLE), kernel_of(np.arange(9.0).reshape(3, 3))
    assert np.array_equal(ops.true_convolution(x, kernel)[0, :, :, 0], slid(TABLE, flipped))


# --- every formulation, every shape --------------------------------------------------------------


@dataclass(frozen=True)
class Problem:
    """A random convolution with its arrays."""

    x: np.ndarray
    kernel: np.ndarray
    parameters: dict[str, Any]

    @property
    def groups(self) -> int:
        return int(self.parameters["groups"])

    @property
    def formulations(self) -> list[str]:
        ways = ["auto", "native"]
        ways += [] if self.groups > 1 else ["tiles", "patches"]
        ways += ["shifts"] if self.groups == self.x.shape[-1] else []
        plain = self.parameters["padding"] == [(0, 0)] * (self.x.ndim - 2)
        window, stride = self.kernel.shape[:-2], self.parameters["stride"]
        single = set(window) == {1} and set(stride) == {1} and plain and self.groups == 1
        return [*ways, "pointwise"] if single else ways


@st.composite
def problems(draw: st.DrawFn, most_axes: int = 3) -> Problem:
    axes = draw(st.integers(1, most_axes))

    def each(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=axes, max_size=axes))

    window, dilation, stride = each(1, 3), each(1, 2), each(1, 4)
    reach = [d * (f - 1) + 1 for f, d in zip(window, dilation, strict=True)]
    padding = [draw(st.tuples(st.integers(0, r - 1), st.integers(0, r - 1))) for r in reach]
    sizes = [
        max(size, r - before - after, 1)
        for size, r, (before, after) in zip(each(1, 7), reach, padding, strict=True)
    ]
    groups = draw(st.integers(1, 2))
    channels, features = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 3))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    return Problem(
        random.standard_normal((draw(st.sampled_from([1, 2, 17])), *sizes, channels)),
        random.standard_normal((*window, channels // groups, features)),
        {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups},
    )


def by_lax(x: Any, kernel: Any, parameters: dict[str, Any]) -> Any:
    axes = x.ndim - 2
    letters = "DHW"[3 - axes :]
    return lax.conv_general_dilated(
        x,
        kernel,
        parameters["stride"],
        parameters["padding"],
        rhs_dilation=parameters["dilation"],
        dimension_numbers=(f"N{letters}C", f"{letters}IO", f"N{letters}C"),
        feature_group_count=parameters["groups"],
    )


@given(problems())
@settings(max_examples=max(5, settings.default.max_examples // 4))
def test_formulations_agree_with_lax(problem: Problem) -> None:
    x, kernel = jnp.float32(problem.x), jnp.float32(problem.kernel)
    bias = jnp.arange(kernel.shape[-1], dtype=jnp.float32)
    expected = by_lax(x, kernel, problem.parameters) + bias
    for way in problem.formulations:
        y = ops.convolution(x, kernel, bias, formulation=way, **problem.parameters)
        np.testing.assert_allclose(y, expected, atol=1e-5, rtol=1e-5, err_msg=way)


@given(problems())
@settings(max_examples=max(3, settings.default.max_examples // 12))
def test_errors_agree_with_jax(problem: Problem) -> None:
    with jax.enable_x64(True):
        x, kernel = jnp.asarray(problem.x), jnp.asarray(problem.kernel)
        bias = jnp.zeros(kernel.shape[-1])

        def expected(x: Any, kernel: Any, bias: Any) -> Any:
            return jnp.sin(by_lax(x, kernel, problem.parameters) + bias).sum()

        want = jax.grad(expected, (0, 1, 2))(x, kernel, bias)
        for way in problem.formulations:

            def ours(arrays: Any, way: str = way) -> Any:
                y = ops.convolution(*arrays, formulation=way, **problem.parameters)
                return ops.sum(ops.sin(y))

            for a, b in zip(grad(ours)((x, kernel, bias)), want, strict=True):
                np.testing.assert_allclose(a, b, atol=1e-9, err_msg=way)


@given(problems(most_axes=2))
@settings(max_examples=max(2, settings.default.max_examples // 12))
def test_rules_at_second_order_against_finite_differences(problem: Problem) -> None:
    for way in problem.formulations[1:]:

        def scalar(x: Any, kernel: Any, bias: Any, way: str = way) -> Any:
            y = ops.convolution(x, kernel, bias, formulation=way, **problem.parameters)
            return ops.mean(ops.tanh(y) * y)

        bias = np.linspace(-1, 1, problem.kernel.shape[-1])
        check_gradients(scalar, problem.x, problem.kernel, bias, entries=4)


def test_the_formulations_agree_on_lenets_layers() -> None:
    random = np.random.default_rng(0)
    for size, channels, features, padding in [(28, 1, 6, 2), (14, 6, 16, 0)]:
        x = jnp.float32(random.standard_normal((32, size, size, channels)))
        kernel = jnp.float32(random.standard_normal((5, 5, channels, features)) / 5)

        def both(way: str, x: Any = x, kernel: Any = kernel, padding: int = padding) -> Any:
            y = ops.convolution(x, kernel, padding=padding, formulation=way)

            def loss(pair: Any) -> Any:
                z = ops.convolution(*pair, padding=padding, formulation=way)
                return ops.mean(z * z)

            return y, *grad(loss)((x, kernel))

        for a, b in zip(both("native"), both("tiles"), strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.mark.parametrize("tile", [(1, 1), (1, 4), (2, 2), (3, 2), (5, 5)])
def test_every_tile_gives_the_same(tile: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "choose_tile", lambda *shapes: tile)
    random = np.random.default_rng(0)
    arrays = random.standard_normal((2, 9, 7, 2)), random.standard_normal((3, 2, 2, 3))
    with jax.enable_x64(True):
        x, kernel = map(jnp.asarray, arrays)
        for stride in (1, 2):
            geometry = Geometry.of((9, 7), (3, 2), stride=stride, padding=1, where="convolution")
            expected, back = jax.vjp(
                lambda x, k, s=stride: by_lax(
                    x,
                    k,
                    {"stride": (s, s), "padding": [(1, 1)] * 2, "dilation": (1, 1), "groups": 1},
                ),
                x,
                kernel,
            )
            error = jnp.asarray(random.standard_normal(expected.shape))
            dx, dk = back(error)
            np.testing.assert_allclose(tiles.forward(x, kernel, geometry), expected, atol=1e-12)
            np.testing.assert_allclose(tiles.input_error(error, kernel, geometry), dx, atol=1e-12)
            np.testing.assert_allclose(tiles.kernel_error(x, error, geometry), dk, atol=1e-12)


def test_more_padding_than_the_window_reaches_over() -> None:
    x, kernel = jnp.ones((1, 3, 1)), jnp.ones((2, 1, 1))
    for way in ("native", "tiles"):

        def total(x: Any, way: str = way) -> Any:
            return ops.sum(ops.convolution(x, kernel, padding=4, stride=3, formulation=way))

        # Places begin at -4, -1, 2 and 5 of the input: entries 0 and 2 are seen once, 1 never.
        assert np.asarray(grad(total)(x))[0, :, 0].tolist() == [1, 0, 1]


def test_a_first_layer_of_many_features_goes_by_patches() -> None:
    image = Geometry((32, 32), (3, 3), (1, 1), ((1, 1), (1, 1)), (1, 1))
    assert choose("auto", image, 64, 1, 16, 1) == "patches"
    assert choose("auto", image, 64, 16, 16, 1) == "native"
    assert choose("auto", image, 1, 1, 16, 1) == "native"


def test_few_channels_in_a_large_batch_go_by_tiles_and_1x1_by_product() -> None:
    image = Geometry.of((28, 28), (5, 5), padding=2, where="convolution")
    assert choose("auto", image, 128, 1, 6, 1) == "tiles"
    assert choose("auto", image, 1, 1, 6, 1) == "native"
    assert choose("auto", image, 128, 64, 64, 1) == "native"
    dot = Geometry.of((28, 28), (1, 1), where="convolution")
    assert choose("auto", dot, 128, 64, 64, 1) == "pointwise"


def test_one_channel_in_each_group_goes_by_shifts() -> None:
    image = Geometry.of((28, 28), (5, 5), padding=2, where="convolution")
    assert choose("auto", image, 1, 32, 64, 32) == "shifts"
    assert choose("auto", image, 1, 32, 64, 16) == "native"
    wide = Geometry.of((28, 28), (9, 9), padding=4, where="convolution")
    assert choose("auto", wide, 1, 32, 32, 32) == "native"


def test_under_jit_vmap_and_half_precision() -> None:
    x, kernel = jnp.ones((3, 20, 8, 1)), jnp.ones((3, 1, 2))
    together = jax.jit(jax.vmap(lambda x: ops.convolution(x, kernel)))(x)
    assert together.shape == (3, 20, 6, 2)
    assert np.asarray(together).min() == np.asarray(together).max() == 3
    half = ops.convolution(x[0].astype(jnp.bfloat16), kernel.astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16


# --- PyTorch -------------------------------------------------------------------------------------


@given(problems())
@settings(max_examples=max(4, settings.default.max_examples // 8))
def test_agrees_with_pytorch(problem: Problem) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is a peer, not a dependency")
    axes = problem.x.ndim - 2
    symmetric = [before for before, _ in problem.parameters["padding"]]
    parameters = {**problem.parameters, "padding": symmetric}
    sizes = problem.x.shape[1:-1]
    rows = zip(sizes, problem.kernel.shape, symmetric, parameters["dilation"], strict=False)
    if any(n + 2 * p < d * (f - 1) + 1 for n, f, p, d in rows):
        return
    convolve = getattr(torch.nn.functional, f"conv{axes}d")
    theirs = convolve(
        torch.from_numpy(np.moveaxis(problem.x, -1, 1).copy()),
        torch.from_numpy(np.moveaxis(problem.kernel, (-1, -2), (0, 1)).copy()),
        **parameters,
    )
    with jax.enable_x64(True):
        ours = ops.convolution(jnp.asarray(problem.x), jnp.asarray(problem.kernel), **parameters)
    np.testing.assert_allclose(ours, np.moveaxis(theirs.numpy(), 1, -1), atol=1e-9)


@given(problems(most_axes=2), st.integers(0, 1))
@settings(max_examples=max(4, settings.default.max_examples // 8))
def test_transpose_agrees_with_pytorch(problem: Problem, extra: int) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is a peer, not a dependency")
    axes = problem.x.ndim - 2
    stride, dilation = problem.parameters["stride"], problem.parameters["dilation"]
    groups, (inner, features) = problem.groups, problem.kernel.shape[-2:]
    window = problem.kernel.shape[:axes]
    if any(extra >= max(pair) for pair in zip(stride, dilation, strict=True)):
        extra = 0
    parted = problem.kernel.reshape(*window, inner, groups, features // groups)
    theirs = getattr(torch.nn.functional, f"conv_transpose{axes}d")(
        torch.from_numpy(np.moveaxis(problem.x, -1, 1).copy()),
        torch.from_numpy(
            np.moveaxis(parted, (-2, -3, -1), (0, 1, 2))
            .reshape(groups * inner, features // groups, *window)
            .copy()
        ),
        stride=stride,
        dilation=dilation,
        groups=groups,
        output_padding=extra,
    )
    with jax.enable_x64(True):
        ours = ops.convolution_transpose(
            jnp.asarray(problem.x),
            jnp.asarray(problem.kernel),
            stride=stride,
            dilation=dilation,
            groups=groups,
            output_padding=extra,
        )
    np.testing.assert_allclose(ours, np.moveaxis(theirs.numpy(), 1, -1), atol=1e-9)


def test_transpose_has_rules_of_two_orders() -> None:
    random = np.random.default_rng(0)
    x, kernel = random.standard_normal((2, 3, 3, 2)), random.standard_normal((3, 3, 1, 4))

    def scalar(x: Any, kernel: Any, bias: Any) -> Any:
        y = ops.convolution_transpose(x, kernel, bias, stride=2, padding=1, groups=2)
        return ops.mean(ops.tanh(y))

    check_gradients(scalar, x, kernel, np.ones(4), entries=4)


# --- bad input -----------------------------------------------------------------------------------

IMAGE, KERNEL = np.ones((2, 8, 8, 4), np.float32), np.ones((3, 3, 4, 6), np.float32)


@pytest.mark.parametrize(
    ("error", "words", "call"),
    [
        (ShapeError, "window is larger", lambda: ops.convolution(IMAGE[:, :2], KERNEL)),
        (
            ShapeError,
            "(2 + 0 + 0 - 1 * (3 - 1) - 1) // 1 + 1 = 0",
            lambda: ops.convolution(IMAGE[:, :2], KERNEL),
        ),
        (ShapeError, "spatial axis 1", lambda: ops.convolution(IMAGE[:, :, :2], KERNEL)),
        (
            ShapeError,
            "not made for the input's channels",
            lambda: ops.convolution(IMAGE[..., :3], KERNEL),
        ),
        (
            ShapeError,
            "channels are the last axis",
            lambda: ops.convolution(IMAGE.transpose(0, 3, 1, 2), KERNEL),
        ),
        (ShapeError, "groups do not divide", lambda: ops.convolution(IMAGE, KERNEL, groups=3)),
        (ShapeError, "2 groups of 4", lambda: ops.convolution(IMAGE, KERNEL, groups=2)),
        (ShapeError, "x[None]", lambda: ops.convolution(IMAGE[0], KERNEL)),
        (ShapeError, "over no axis", lambda: ops.convolution(IMAGE, KERNEL[0, 0])),
        (ShapeError, "bias", lambda: ops.convolution(IMAGE, KERNEL, np.ones(5))),
        (
            ShapeError,
            "no place is left",
            lambda: ops.convolution_transpose(IMAGE[:, :1], KERNEL, padding=2),
        ),
        (
            ConfigurationError,
            "stride must be at least 1",
            lambda: ops.convolution(IMAGE, KERNEL, stride=0),
        ),
        (
            ConfigurationError,
            "dilation must be",
            lambda: ops.convolution(IMAGE, KERNEL, dilation=(1, 0)),
        ),
        (ConfigurationError, "2 axes", lambda: ops.convolution(IMAGE, KERNEL, stride=(1, 1, 1))),
        (
            ConfigurationError,
            "padding has no known form",
            lambda: ops.convolution(IMAGE, KERNEL, padding=-1),
        ),
        (
            ConfigurationError,
            "'same', 'valid'",
            lambda: ops.convolution(IMAGE, KERNEL, padding="some"),
        ),
        (ConfigurationError, "at least 1 group", lambda: ops.convolution(IMAGE, KERNEL, groups=0)),
        (
            ConfigurationError,
            "did you mean 'tiles'",
            lambda: ops.convolution(IMAGE, KERNEL, formulation="tile"),
        ),
        (
            ConfigurationError,
            "stride 1, no padding",
            lambda: ops.convolution(IMAGE, KERNEL, formulation="pointwise"),
        ),
        (
            ConfigurationError,
            "less than the stride",
            lambda: ops.convolution_transpose(IMAGE, KERNEL, output_padding=1),
        ),
    ],
)
def test_bad_input_is_explained(error: type[ClearpropError], words: str, call: Any) -> None:
    with pytest.raises(error) as caught:
        call()
    assert words in str(caught.value)


def test_same_padding_divides_the_size_by_the_stride() -> None:
    for size, window, stride in [(7, 3, 2), (8, 4, 3), (5, 2, 1), (4, 1, 3)]:
        x, kernel = jnp.ones((1, size, 1)), jnp.ones((window, 1, 1))
        y = ops.convolution(x, kernel, stride=stride, padding="same")
        assert y.shape[1] == -(-size // stride)


def test_operations_are_counted() -> None:
    x, kernel = jnp.ones((2, 8, 8, 4)), jnp.ones((3, 3, 4, 6))
    y = ops.convolution(x, kernel)
    assert ops.convolution.count(y, (x, kernel, None), {}) == 2 * (2 * 6 * 6 * 6) * (3 * 3 * 4)
