"""`scan`: one body applied along a sequence, with its own gradient rule.

The tape cannot record the steps of `jax.lax.scan`, so a loop is one operation. Its rule is derived
from the body, which is traced once:

* The forward loop also returns the values that the body's rules need, stacked over time.
* A second loop, backward, runs from the last step to the first and applies the body's rules.
* The error of an input that is the same at every step (a recurrent weight) is computed after that
  loop: the rule is applied once to the stacked values, so that its gradient is one matrix product.

The backward loop is itself a `scan`, so every order of derivative works.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp

from clearprop.autodiff.shapes import Array
from clearprop.autodiff.tape import Tape, Traced, Value, capturing, strip
from clearprop.errors import ShapeError
from clearprop.ops.loop import run_loop
from clearprop.ops.loop_parts import ScanLoop

Carry = TypeVar("Carry")
X = TypeVar("X")
Y = TypeVar("Y")


def scan(
    body: Callable[[Carry, X], tuple[Carry, Y]],
    carry: Carry,
    xs: X | None = None,
    *,
    length: int | None = None,
    reverse: bool = False,
) -> tuple[Carry, Y]:
    """Apply ``body`` to each x in turn, passing the carry on from step to step.

    ``(carry, y_t) = body(carry, x_t)`` for t = 0 ... T - 1; the y_t are stacked in front. Values
    that are being differentiated may reach the body through its arguments or its closure.

    Args:
        body: built from clearprop operations; the carry keeps its shapes and dtypes. It is traced
            once for all steps: a random key made outside is the same at every step, unless the
            step number is folded into it (`steps_under_way`), as dropout does.
        carry: a tree of arrays.
        xs: a tree of arrays with T entries in front, or None.
        length: T, needed where there are no xs.
        reverse: whether the last step comes first; y_t is still at place t.

    Returns:
        the last carry and the stacked y.

    Raises:
        ShapeError: the xs differ in length, or the body changes the carry's shape.

    >>> from clearprop.autodiff import grad
    >>> def last(w, h=1.0):
    ...     return scan(lambda h, x: (w * h + x, h), jnp.asarray(h), jnp.array([1.0, 2.0]))[0]
    >>> print(last(3.0), grad(last)(3.0))
    14.0 7.0

    Source: back-propagation through time (Werbos 1990), with the weight's gradient as one product
    after the loop.
    """
    carry_leaves, carry_tree = jax.tree.flatten(carry)
    carry_leaves = [_array(leaf) for leaf in carry_leaves]
    x_leaves, x_tree = jax.tree.flatten(xs)
    x_leaves = [_array(leaf) for leaf in x_leaves]
    steps = _length(x_leaves, length)
    y_trees: list[Any] = []

    # The body is traced more than once, each time in the same context (layer path, random key), so
    # that it draws the same random numbers.
    surroundings = contextvars.copy_context()

    def flat(
        constants: list[Any] | None, c: list[Any], x: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        return surroundings.copy().run(called, constants, c, x)

    def called(
        constants: list[Any] | None, c: list[Any], x: list[Any]
    ) -> tuple[list[Any], list[Any]]:
        x, clock.number = x[: len(x_leaves)], (*x[len(x_leaves) :], None)[0]
        _clocks.set((*_clocks.get(), clock))
        with _captured(captured, constants, capture_level):
            new, y = body(jax.tree.unflatten(carry_tree, c), jax.tree.unflatten(x_tree, x))
            new_leaves, new_tree = jax.tree.flatten(new)
            _check_carry(c, new_leaves, carry_tree, new_tree)
            y_leaves, y_tree = jax.tree.flatten(y)
            y_trees.append(y_tree)
            return (
                [_array(_outside(leaf)) for leaf in new_leaves],
                [_array(_outside(leaf)) for leaf in y_leaves],
            )

    captured: list[Traced] = []
    clock = _Clock()
    numbers = jnp.arange(steps)
    capture_level = Tape().level  # every later tape is of the loop
    jax.eval_shape(
        lambda c, x: [strip(leaf) for part in flat(None, c, x) for leaf in part],
        [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in carry_leaves],
        [jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype) for leaf in (*x_leaves, numbers)],
    )
    sequences = [*x_leaves, numbers] if clock.read else x_leaves
    last, ys = run_loop(
        ScanLoop(flat, steps, reverse),
        *([_outside(value) for value in part] for part in (captured, carry_leaves, sequences)),
    )
    return jax.tree.unflatten(carry_tree, last), jax.tree.unflatten(y_trees[-1], ys)


class _Clock:
    """The number of the step that a loop's body computes, and whether the body has read it."""

    def __init__(self) -> None:
        self.number: Array | None = None
        self.read = False


_clocks: contextvars.ContextVar[tuple[_Clock, ...]] = contextvars.ContextVar("clocks", default=())


def steps_under_way() -> list[Array]:
    """Return the step number of each loop whose body is being called, the outermost first.

    >>> print(scan(lambda c, _: (c, steps_under_way()[0]), 0.0, length=3)[1])
    [0 1 2]
    """
    for clock in _clocks.get():
        clock.read = True
    return [clock.number for clock in _clocks.get() if clock.number is not None]


@contextmanager
def _captured(captured: list[Traced], constants: list[Any] | None, level: int) -> Iterator[None]:
    """Replace the closure's traced values by ``constants``; where that is None, collect them."""
    places = {(v.tape.level, v.node, v.output): i for i, v in enumerate(captured)}

    def replace(value: Any) -> Any:
        if type(value) is not Traced or value.tape.level > level:
            return value
        place = (value.tape.level, value.node, value.output)
        if constants is not None:
            # A value from elsewhere is one of these constants at a lower level.
            return constants[places[place]] if place in places else value
        if place not in places:
            places[place] = len(captured)
            captured.append(value)
        return jnp.zeros(value.shape, value.dtype)

    token = capturing.set(replace)
    try:
        yield
    finally:
        capturing.reset(token)


def _outside(value: Value) -> Value:
    """Return what the loop around this place, if there is one, puts in place of a value."""
    capture = capturing.get()
    return value if capture is None else cast(Value, capture(value))


def _array(value: Any) -> Any:
    return value if type(value) is Traced else jnp.asarray(value)


def _length(xs: list[Any], length: int | None) -> int:
    lengths = {leaf.shape[0] if leaf.shape else None for leaf in xs}
    if length is not None:
        lengths.add(length)
    if len(lengths) != 1 or None in lengths:
        raise ShapeError(
            "a loop needs one length",
            given=f"xs of shapes {[tuple(leaf.shape) for leaf in xs]}, length={length}",
            expected="every x with as many entries in front as there are steps",
        )
    return int(lengths.pop() or 0)


def _check_carry(before: list[Any], after: list[Any], tree_before: Any, tree_after: Any) -> None:
    given = [(tuple(_array(leaf).shape), str(_array(leaf).dtype)) for leaf in after]
    expected = [(tuple(leaf.shape), str(leaf.dtype)) for leaf in before]
    if tree_before != tree_after or given != expected:
        raise ShapeError(
            "the body of a loop must return its carry with the shapes and dtypes that it was given",
            given=f"{tree_after}: {given}",
            expected=f"{tree_before}: {expected}",
            fix=_carry_fix(tree_before == tree_after, given, expected),
        )


def _carry_fix(alike: bool, given: list[Any], expected: list[Any]) -> str | None:
    """Return what mends a carry of which only the types change."""
    if not alike or [shape for shape, _ in given] != [shape for shape, _ in expected]:
        return None
    for (_, after), (_, before) in zip(given, expected, strict=True):
        if after != before and after.startswith("float") and not before.startswith("float"):
            return f"begin with {after}: 0.0 for 0, or jnp.asarray(start, jnp.{after})"
        if after != before:
            return f"return the carry as {before}: value.astype(jnp.{before})"
    return None
