"""An error says where a gradient would be lost, and names the fix."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import clearprop
from clearprop import ops
from clearprop.autodiff import OPERATIONS, Traced, grad, value_and_grad
from clearprop.autodiff.misuse import COMPOSED, OTHER_NAME
from clearprop.errors import ShapeError, TracedValueError

X = jnp.array([1.0, 2.0])

RAW_JAX: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: jnp.sin(x).sum(), "clearprop.ops.sin"),
    (lambda x: jnp.where(x > 1, x, 0.0).sum(), "clearprop.ops.where"),
    (lambda x: jnp.concatenate([x, x]).sum(), "clearprop.ops.concatenate"),
    (lambda x: jax.nn.relu(x).sum(), "clearprop.ops.relu"),
    (lambda x: jax.nn.softmax(x)[0], "clearprop.ops.softmax"),
    (lambda x: jnp.dot(x, x), "clearprop.ops.dot"),
    (lambda x: jnp.einsum("i,i", x, x), "clearprop.ops.einsum"),
    (lambda x: jnp.sum(x) * 2, "clearprop.ops.sum"),
    (lambda x: jnp.true_divide(x, 2).sum(), "clearprop.ops.divide"),
    (lambda x: jnp.swapaxes(x[None], 0, 1).sum(), "clearprop.ops.transpose"),
    (lambda x: jnp.stack([x, x]).sum(), "clearprop.ops.stack"),
    (lambda x: jax.lax.cummax(x).sum(), "clearprop.lift(jax.lax.cummax)"),
    (lambda x: jnp.fft.rfft(x).real.sum(), "clearprop.lift(jnp.fft.rfft)"),
]


@pytest.mark.parametrize(("function", "fix"), RAW_JAX)
def test_raw_jax_on_a_traced_value_names_the_operation(
    function: Callable[[Any], Any], fix: str
) -> None:
    with pytest.raises(TracedValueError) as caught:
        grad(function)(X)
    assert fix in (caught.value.fix or "")
    assert str(caught.value.where).startswith("test_misuse.py:")
    assert "jnp." in (caught.value.given or "") or "jax." in (caught.value.given or "")


FACTOR = 2.0


def doubled(y: Any) -> Any:
    return jnp.asarray(y) * FACTOR


COMPILED = jax.jit(doubled)

TRANSFORMED: list[tuple[Callable[[Any], Any], str]] = [
    (lambda x: jax.jit(doubled)(x).sum(), "jax.jit(doubled)"),
    (lambda x: jax.vmap(jax.jit(doubled))(x).sum(), "jax.vmap(jax.jit(doubled))"),
    (
        lambda x: jax.checkpoint(lambda y: y * FACTOR)(x).sum(),
        "jax.checkpoint(lambda y: y * FACTOR)",
    ),
    (lambda x: COMPILED(x).sum(), "COMPILED"),
    (
        lambda x: jax.jit(
            doubled,
        )(x).sum(),
        "jax.jit(doubled)",
    ),
    (lambda x: jnp.fft.fftshift(x * 1)[0] + x[1] * 2, "jnp.fft.fftshift"),
]


@pytest.mark.parametrize(("function", "lifted"), TRANSFORMED)
def test_the_advised_lift_can_be_pasted(function: Callable[[Any], Any], lifted: str) -> None:
    with pytest.raises(TracedValueError) as caught:
        grad(function)(X)
    assert f"clearprop.lift({lifted})" in (caught.value.fix or "")
    advised = eval(f"clearprop.lift({lifted})", {**globals(), "clearprop": clearprop})
    expected = jax.grad(lambda x: (eval(lifted, globals())(x) * x).sum())(X)
    np.testing.assert_allclose(grad(lambda x: (advised(x) * x).sum())(X), expected)


def test_a_branch_on_a_value_inside_jit_is_taught() -> None:
    def branch(x: Any) -> Any:
        return x.sum() if x[0] > 0 else -x.sum()

    def loop(x: Any) -> Any:
        while x[0] < 9:
            x = x * 2
        return x.sum()

    def both(x: Any) -> Any:
        return x.sum() if bool(x[0]) and x[1] > 0 else x[0]

    for function, given, word in (
        (branch, "x.sum() if x[0] > 0 else -x.sum()", r"ops\.where\(x\[0\] > 0"),
        (loop, "x[0] < 9", r"ops\.scan"),
        (both, "bool(x[0])", "instead of `and`"),
    ):
        assert np.isfinite(grad(function)(X)).all()  # without jit the value is known
        with pytest.raises(TracedValueError, match=word) as caught:
            jax.jit(grad(function))(X)
        assert caught.value.given == given
        assert str(caught.value.where).startswith("test_misuse.py:")
    mended = jax.jit(grad(lambda x: ops.where(x[0] > 0, x.sum(), -x.sum())))(X)
    np.testing.assert_array_equal(mended, [1, 1])


STATIC: dict[tuple[str, str], tuple[Callable[[Any, Any], Any], Callable[[Any, Any], Any]]] = {
    # (operation, parameter): (the call that loses the gradient, the same in JAX)
    ("clip", "low"): (lambda x, p: ops.clip(x, p, 9.0), jnp.maximum),
    ("clip", "high"): (lambda x, p: ops.clip(x, 0.0, p), jnp.minimum),
    ("leaky_relu", "slope"): (ops.leaky_relu, lambda x, p: jnp.where(x > 0, x, p * x)),
    ("elu", "alpha"): (ops.elu, lambda x, p: jnp.where(x > 0, x, p * jnp.expm1(x))),
    ("celu", "alpha"): (ops.celu, lambda x, p: jnp.where(x > 0, x, p * jnp.expm1(x / p))),
    ("binary_step", "threshold"): (ops.binary_step, lambda x, p: jnp.where(x >= p, 1.0, 0.0)),
    ("dropout", "rate"): (
        lambda x, p: ops.dropout(x, KEEP, rate=p),
        lambda x, p: jnp.where(KEEP, x / (1 - p), 0.0),
    ),
    ("pad", "value"): (
        lambda x, p: ops.pad(x, WIDTHS, p),
        lambda x, p: jnp.concatenate([jnp.full(1, 1.0) * p, x, jnp.full(2, 1.0) * p]),
    ),
    ("layer_norm", "epsilon"): (
        lambda x, p: ops.layer_norm(x, epsilon=p),
        lambda x, p: (x - x.mean()) / jnp.sqrt(x.var() + p),
    ),
    ("group_norm", "epsilon"): (
        lambda x, p: ops.group_norm(x[None], groups=1, epsilon=p),
        lambda x, p: (x - x.mean()) / jnp.sqrt(x.var() + p),
    ),
    ("batch_norm", "epsilon"): (
        lambda x, p: ops.batch_norm(x[:, None], epsilon=p)[0],
        lambda x, p: (x - x.mean()) / jnp.sqrt(x.var() + p),
    ),
    ("attend", "scale"): (
        lambda x, p: ops.attention(*(x[:, None],) * 3, scale=p),
        lambda x, p: jax.nn.softmax(x[:, None] * p @ x[None]) @ x[:, None],
    ),
}
KEEP, WIDTHS = jnp.array([True, False, True]), [(1, 2)]
NUMBERS = jnp.array([-0.6, 0.7, 0.4])


def test_every_option_that_is_a_float_has_a_way_for_a_traced_value() -> None:
    floats = {
        (name, parameter.name)
        for name, row in OPERATIONS.items()
        for parameter in inspect.signature(row.forward).parameters.values()
        if str(parameter.annotation).startswith("float")
    }
    assert floats == STATIC.keys()
    assert floats == {(name, p) for name, row in OPERATIONS.items() for p in row.instead}


@pytest.mark.parametrize("place", STATIC)
def test_an_option_that_is_traced_is_named_and_the_way_works(place: tuple[str, str]) -> None:
    (name, parameter), (losing, truth) = place, STATIC[place]
    with pytest.raises(TracedValueError, match=f"{parameter} is an option of {name}") as caught:
        grad(lambda p: losing(NUMBERS, p).sum())(0.5)
    assert caught.value.where == name
    fix = (caught.value.fix or "").split(", which has a gradient")[0]
    weights = jnp.arange(1.0, 7.0)

    def mended(p: Any) -> Any:
        one = NUMBERS[:, None] if name == "attend" else NUMBERS
        names = {"ops": ops, "x": NUMBERS, "keep": KEEP, "widths": WIDTHS, "mask": None}
        names |= {"query": one, "key": one, "value": one}
        value = eval(fix, names | {parameter: p})
        return (value.ravel() * weights[: value.size]).sum()

    def expected(p: Any) -> Any:
        value = truth(NUMBERS, p).ravel()
        return (value * weights[: value.size]).sum()

    np.testing.assert_allclose(grad(mended)(0.5), jax.grad(expected)(0.5), rtol=1e-4)


def test_a_traced_option_without_another_way_can_be_a_constant() -> None:
    with pytest.raises(TracedValueError, match="axis is an option of sum") as caught:
        grad(lambda a: ops.sum(X, axis=a))(0.0)
    assert caught.value.fix == "axis=clearprop.stop_gradient(axis), a constant"


def test_the_names_that_are_suggested_are_those_of_the_operations() -> None:
    modules = (jnp, jax.nn, jax.lax, jax.ops, jax.scipy.special)
    suggested = {*OPERATIONS, *COMPOSED}
    for names in (suggested - set(ops.__all__), set(ops.__all__) - suggested):
        assert not [n for n in names if any(hasattr(m, n) for m in modules)]
    assert set(ops.__all__) >= COMPOSED
    assert set(OTHER_NAME.values()) <= set(ops.__all__)


def test_raw_jax_is_named_inside_jit_too() -> None:
    with pytest.raises(TracedValueError, match=r"clearprop\.ops\.tanh"):
        jax.jit(grad(lambda x: jnp.tanh(x).sum()))(X)


def helper(x: Any) -> Any:
    return jnp.cumsum(
        x,
    ).sum()


def test_the_place_is_the_innermost_line_of_the_users_own_code() -> None:
    with pytest.raises(TracedValueError, match=r"clearprop\.ops\.cumsum") as caught:
        grad(lambda x: 2 * helper(x))(X)
    line = helper.__code__.co_firstlineno + 1
    assert caught.value.where == f"test_misuse.py:{line}"
    assert caught.value.given == "jnp.cumsum("


@pytest.mark.parametrize(
    ("use", "words"),
    [
        (lambda x: float(x[0]), r"float\(\)"),
        (lambda x: int(x[0]), r"int\(\)"),
        (lambda x: complex(x[0]), r"complex\(\)"),
        (lambda x: x[0].item(), r"item\(\)"),
        (np.asarray, "numpy"),
        (lambda x: np.sum([x[0], x[1]]) and np.array(x), "numpy"),
        (lambda x: [1, 2][x[0]], "index"),
        (lambda x: range(x[0]), "index"),
        (lambda x: x.__setitem__(0, 1.0), "in place"),
    ],
)
def test_what_loses_the_gradient_is_refused(use: Callable[[Any], Any], words: str) -> None:
    def function(x: Any) -> Any:
        use(x)
        return x.sum()

    with pytest.raises(TracedValueError, match=words):
        grad(function)(X)


@pytest.mark.parametrize(
    ("function", "fix"),
    [
        (lambda x: np.sin(x).sum(), "clearprop.ops.sin(x)"),
        (lambda x: 2 * np.sum(x), "clearprop.ops.sum(x)"),
        (lambda x: np.mean(x, axis=0), "clearprop.ops.mean(x, axis=0)"),
        (lambda x: np.clip(x, 0.0, 1.5).sum(), "clearprop.ops.clip(x, 0.0, 1.5)"),
        (lambda x: 2 * np.prod(x), "clearprop.ops.prod(x)"),
        (lambda x: np.reshape(x, (2, 1))[0, 0], "clearprop.ops.reshape(x, (2, 1))"),
        (lambda x: np.maximum(x, 0.0).sum(), "clearprop.ops.maximum(x, 0.0)"),
        (lambda x: 2 * np.linalg.norm(x), "clearprop.ops.norm(x)"),
        (lambda x: 2 * np.trapezoid(x), "clearprop.lift(lambda v: jnp.trapezoid(v))(x)"),
    ],
)
def test_numpy_functions_are_answered_with_what_can_be_pasted(
    function: Callable[[Any], Any], fix: str
) -> None:
    for transformed in (grad(function), jax.jit(grad(function))):
        with pytest.raises(TracedValueError) as caught:
            transformed(X)
        assert caught.value.fix == fix
    given = caught.value.given or ""
    source = inspect.getsource(function).strip().partition(', "clearprop')[0].removeprefix("(")
    names = {"clearprop": clearprop, "jnp": jnp, "np": np}
    mended = eval(source.replace(given, fix), names)
    expected = jax.grad(eval(source.replace("np.", "jnp."), names))(X)
    np.testing.assert_allclose(grad(mended)(X), expected, rtol=1e-6)


def test_other_errors_of_numpy_stay_as_they_are() -> None:
    with pytest.raises(TypeError) as caught:
        grad(lambda x: x.sum() + np.ones(2, order=7).sum())(X)  # type: ignore[call-overload]  # the mistake
    assert not isinstance(caught.value, TracedValueError)


def test_numpy_of_whole_numbers_is_answered_too() -> None:
    def count(x: Any, tokens: Any) -> Any:
        return (x * np.equal(tokens, 1)).sum()

    with pytest.raises(TracedValueError, match="not known yet") as caught:
        jax.jit(grad(count))(X, jnp.array([1, 2]))
    assert (caught.value.line or "").endswith("return (x * np.equal(tokens, 1)).sum()")


def test_a_function_that_returns_nothing_gets_its_line() -> None:
    def loss(x: Any) -> Any:
        value = (x * x).sum()  # noqa: F841 - this is the mistake

    with pytest.raises(ShapeError, match="returns None") as caught:
        grad(loss)(X)
    assert (caught.value.line or "").endswith(
        "value = (x * x).sum()  # noqa: F841 - this is the mistake"
    )
    assert caught.value.fix == "value = (x * x).sum()\nreturn value"
    names: dict[str, Any] = {}
    exec("def mended(x):\n    " + caught.value.fix.replace("\n", "\n    "), names)
    np.testing.assert_array_equal(grad(names["mended"])(X), 2 * X)


def test_numpy_arrays_take_part_in_operators() -> None:
    weights = np.array([3.0, 4.0], np.float32)
    for function in (
        lambda x: (weights * x).sum(),
        lambda x: (x * weights).sum(),
        lambda x: weights @ x,
        lambda x: x @ weights,
    ):
        np.testing.assert_array_equal(grad(function)(X), weights)
    np.testing.assert_array_equal(grad(lambda x: (weights - x).sum())(X), [-1, -1])


def test_augmented_assignment_makes_a_new_value() -> None:
    def function(x: Any) -> Any:
        y = x
        y += 1
        y *= y
        return (y + x).sum()

    np.testing.assert_array_equal(grad(function)(X), 2 * (X + 1) + 1)

    def in_place(x: Any) -> Any:
        x[0] += 1
        return x.sum()

    with pytest.raises(TracedValueError, match=r"x = x\.at\[0\]\.add\(1\)"):
        grad(in_place)(X)


@pytest.mark.parametrize("method", ["set", "add", "subtract", "min", "max"])
@pytest.mark.parametrize("index", [0, slice(1, None), np.array([1, 0])])
def test_some_entries_in_a_new_value(method: str, index: Any) -> None:
    """`x.at[i]` is JAX's way to change entries; both the array and what it is given learn."""

    def function(x: Any, y: Any) -> Any:
        changed = getattr((x * x).at[index], method)(3 * y)
        return (changed * np.array([2.0, 5.0], np.float32)).sum()

    x, y = jnp.array([1.0, 2.0]), jnp.float32(0.7)
    ours, theirs = grad(function, (0, 1))(x, y), jax.grad(function, (0, 1))(x, y)
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_comparisons_and_branches_read_the_value() -> None:
    def function(x: Any) -> Any:
        if x[0] > 0.5 and x[1] != 7 and x[0] != 3 and x[1] >= 2 and x[0] <= 1 and x[0] < 2:
            return (x * 2).sum()
        return x.sum()

    np.testing.assert_array_equal(grad(function)(X), [2, 2])
    assert isinstance(grad(lambda x: (x > 1).astype(jnp.float32).sum() + x.sum())(X), jax.Array)


def test_a_value_that_was_stored_outside_is_refused_afterwards() -> None:
    stored: list[Any] = []

    def function(x: Any) -> Any:
        stored.append(x * 2)
        return x.sum()

    grad(function)(X)
    with pytest.raises(TracedValueError, match="differentiation has ended") as caught:
        stored[0] + 1
    assert "has_aux" in (caught.value.fix or "")
    with pytest.raises(TracedValueError, match="ended"):
        grad(lambda x: (x * stored[0]).sum())(X)


def test_a_closure_in_a_lax_loop_is_taught() -> None:
    def through_closure(w: Any) -> Any:
        last, _ = jax.lax.scan(lambda c, x: (c * w, None), jnp.array(1.0), jnp.arange(3.0))
        return last * w

    with pytest.raises(TracedValueError, match=r"ops\.scan|clearprop\.lift"):
        grad(through_closure)(2.0)


def test_a_loop_whose_use_of_the_value_leaks_is_taught() -> None:
    stored: list[Any] = []

    def leaking(w: Any) -> Any:
        def body(c: Any, x: Any) -> tuple[Any, None]:
            stored.append(w * x)
            return c, None

        jax.lax.scan(body, jnp.array(1.0), jnp.arange(3.0))
        return stored[-1] * w

    with pytest.raises(TracedValueError, match=r"jax\.lax loop[\s\S]*ops\.scan"):
        grad(leaking)(2.0)


@pytest.mark.parametrize("transform", [jax.jit, jax.vmap, jax.checkpoint])
def test_a_jax_transformation_inside_is_taught(transform: Any) -> None:
    with pytest.raises(TracedValueError, match="lift"):
        grad(lambda x: transform(lambda y: y * 2)(x).sum())(X)


def test_other_errors_pass_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: x * (1 // 0))(1.0)
    with pytest.raises(TypeError, match="unsupported operand"):
        grad(lambda x: x.shape - 1)(1.0)
    with pytest.raises(ShapeError):
        grad(lambda x: (x + jnp.ones(3)).sum())(X)


def test_a_traced_value_can_be_looked_at() -> None:
    seen: list[str] = []

    def function(x: Any) -> Any:
        y = x * 2
        assert isinstance(y, Traced)
        seen.extend([repr(x), repr(y), f"{y[0]:.1f}"])
        assert (y.shape, y.ndim, y.size, y.dtype, len(y)) == ((2,), 1, 2, jnp.float32, 2)
        with pytest.raises(TypeError, match="no length"):
            len(y[0])
        with pytest.raises(TypeError, match="unhashable"):
            hash(y)
        return y.sum()

    value_and_grad(function)(X)
    assert "variable" in seen[0]
    assert "multiply" in seen[1]
    assert seen[2] == "2.0"


def test_a_typo_in_an_operation_is_pythons_own_error() -> None:
    with pytest.raises(AttributeError):
        grad(ops.sinus)(1.0)  # type: ignore[attr-defined]  # the mistake
    with pytest.raises(TypeError, match="missing a required argument"):
        ops.add(1.0)  # type: ignore[call-arg]  # the mistake
