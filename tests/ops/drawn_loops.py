"""Draws loops: the same random program for `ops.scan` and for `jax.lax.scan`.

A loop is drawn from a seed while it is computed: whatever is drawn depends on shapes and dtypes
alone, so both libraries compute the same program each time that the seed is used.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from clearprop import ops
from clearprop.autodiff import checkpoint, grad, lift, stop_gradient

SHAPES = [(), (2,), (3,), (2, 3), (1,)]
MOST_LOOPS_IN_A_LOOP = 2


class Library(NamedTuple):
    """What a drawn loop is computed with."""

    scan: Callable[..., Any]
    of: Any
    grad: Callable[..., Any]
    stop_gradient: Callable[..., Any]
    checkpoint: Callable[..., Any]
    lift: Callable[..., Any]


OURS = Library(ops.scan, ops, grad, stop_gradient, checkpoint, lift)
JAX = Library(
    jax.lax.scan, jnp, jax.grad, jax.lax.stop_gradient, jax.checkpoint, lambda function: function
)


class Two(NamedTuple):
    """A named container of two trees."""

    left: Any
    right: Any


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Three:
    """A container of three trees that is no tuple."""

    first: Any
    second: Any
    third: Any


def drawn_function(seed: int) -> tuple[Callable[[Library], Callable[..., Any]], Any]:
    """Return a scalar function of a tree, for either library, and a tree to call it with."""
    random = np.random.default_rng(seed)
    shapes = [SHAPES[random.integers(len(SHAPES))] for _ in range(random.integers(1, 4))]
    leaves = [jnp.asarray(random.normal(size=shape)) for shape in shapes]
    parameters = arranged(random, leaves)
    rest = int(random.integers(2**31))
    empty = is_compiled(seed)

    def of(library: Library) -> Callable[..., Any]:
        def function(tree: Any) -> Any:
            draw = Draw(library, rest, jax.tree.leaves(tree), may_be_empty=empty)
            draw.extend(int(draw.random.integers(0, 3)))
            before = len(draw.values)
            draw.loop()
            return draw.total([draw.pick(), *draw.values[before:]])

        return function

    return of, parameters


def is_compiled(seed: int) -> bool:
    """Say whether the loop of a seed is compiled; a loop without steps is computed in no other way.

    The others are computed step by step, which takes a fifth of the time.
    """
    return seed % 25 == 0


def arranged(random: np.random.Generator, leaves: Sequence[Any]) -> Any:
    """Put leaves into a random tree, which may have empty parts."""
    if len(leaves) == 1 and random.random() < 0.6:
        return leaves[0]
    if not leaves and random.random() < 0.5:
        return [None, (), {}][random.integers(3)]
    kind = random.integers(5)
    number = [len(leaves), len(leaves), random.integers(1, 4), 2, 3][kind]
    cuts = [0, *sorted(random.integers(0, len(leaves) + 1, max(number - 1, 0))), len(leaves)]
    if kind < 2:
        cuts = [*range(len(leaves) + 1)]
        parts = list(leaves)
    else:
        parts = [arranged(random, leaves[a:b]) for a, b in itertools.pairwise(cuts)]
    names = random.permutation(list("abcdefgh"))[: len(parts)]
    match kind:
        case 0:
            return tuple(parts)
        case 1:
            return list(parts)
        case 2:
            return dict(zip(map(str, names), parts, strict=True))
        case 3:
            return Two(*parts)
    return Three(*parts)


class Draw:
    """Values under way: what has been computed, and the random numbers that choose what follows."""

    def __init__(
        self,
        library: Library,
        seed: int,
        values: Sequence[Any],
        *,
        depth: int = 0,
        may_be_empty: bool = False,
    ) -> None:
        self.library = library
        self.random = np.random.default_rng(seed)
        self.values = list(values)
        self.depth = depth
        self.may_be_empty = may_be_empty

    def pick(self) -> Any:
        return self.values[self.random.integers(len(self.values))]

    def number(self) -> Any:
        """Return a floating-point value."""
        return self.floating(self.pick())

    def floating(self, value: Any) -> Any:
        if jnp.issubdtype(value.dtype, jnp.floating):
            return value
        return value.astype(jnp.float64) / 4

    def fitted(self, value: Any, shape: tuple[int, ...]) -> Any:
        """Return a floating-point value in a shape."""
        of, value = self.library.of, self.floating(value)
        if value.shape == shape:
            return value
        if len(value.shape) > len(shape) or any(
            n not in (1, m) for n, m in zip(value.shape[::-1], shape[::-1], strict=False)
        ):
            value = of.mean(value) if value.size else of.sum(value)
        return of.broadcast_to(value, shape)

    def extend(self, steps: int) -> None:
        """Compute more values from those that are there."""
        for _ in range(steps):
            kinds = list(KINDS) if self.depth < MOST_LOOPS_IN_A_LOOP else list(KINDS)[:-1]
            # Most of what is drawn are plain operations; a loop in a loop is slow.
            weights = np.array([0.35 if kind == "loop" else 1.0 for kind in kinds])
            kind = self.random.choice(kinds, p=weights / weights.sum())
            KINDS[kind](self)

    def add(self, value: Any) -> None:
        self.values.append(value)

    def loop(self) -> None:
        """Compute a loop, and add what it returns."""
        random, of = self.random, self.library.of
        steps = int(random.integers(0 if self.may_be_empty else 1, 4))
        body_seed = int(random.integers(2**31))
        shapes = [SHAPES[random.integers(len(SHAPES))] for _ in range(random.integers(0, 4))]
        carry = [self.fitted(self.pick(), shape) for shape in shapes]
        if random.random() < 0.3:
            carry.append(jnp.asarray(random.integers(3)))
        xs = []
        for _ in range(random.integers(0, 3)):
            shape = SHAPES[random.integers(len(SHAPES))]
            factors = jnp.asarray(random.normal(size=(steps, *shape)))
            value = self.fitted(self.pick(), shape)
            xs.append(factors if random.random() < 0.3 else factors * value)
        if random.random() < 0.2:
            xs.append(jnp.arange(steps))
        length = steps if not xs or random.random() < 0.3 else None
        around = [self.pick() for _ in range(random.integers(0, 4))]
        operations = int(random.integers(0, 5))

        def body(c: Any, x: Any) -> tuple[Any, Any]:
            inside = [*jax.tree.leaves(c), *jax.tree.leaves(x), *around, jnp.asarray(0.5)]
            draw = Draw(
                self.library,
                body_seed,
                inside,
                depth=self.depth + 1,
                may_be_empty=self.may_be_empty,
            )
            draw.extend(operations)
            new = [draw.next(leaf) for leaf in jax.tree.leaves(c)]
            ys = [draw.pick() for _ in range(draw.random.integers(0, 4))]
            return jax.tree.unflatten(jax.tree.structure(c), new), arranged(draw.random, ys)

        start = arranged(random, carry)
        results = self.library.scan(
            body, start, arranged(random, xs), length=length, reverse=bool(random.random() < 0.3)
        )
        for leaf in jax.tree.leaves(results):
            self.add(of.sum(leaf, axis=0) if len(leaf.shape) > 2 else leaf)

    def next(self, before: Any) -> Any:
        """Return what follows a leaf of the carry, often masked by a condition."""
        kind = self.random.integers(6)
        if not jnp.issubdtype(before.dtype, jnp.floating):
            return before if kind == 0 else before + 1
        if kind == 0:
            return before
        value = self.fitted(self.pick(), before.shape)
        if kind == 1:
            condition = self.number()
            mask = self.library.of.mean(condition) > 0.1
            return self.library.of.where(mask, value, before)
        return value

    def total(self, values: Sequence[Any]) -> Any:
        """Return a scalar that depends on every entry of the values, and is not linear in them."""
        total = jnp.asarray(0.0)
        for value in values:
            y = self.floating(value)
            total = total + self.library.of.sum(y * (y + self.random.uniform(0.5, 1.5, y.shape)))
        return total


def _tanh(draw: Draw) -> None:
    draw.add(draw.library.of.tanh(draw.number()))


def _sine(draw: Draw) -> None:
    draw.add(draw.library.of.sin(draw.number()))


def _negative(draw: Draw) -> None:
    draw.add(-draw.number())


def _constant(draw: Draw) -> None:
    shape = SHAPES[draw.random.integers(len(SHAPES))]
    draw.add(jnp.asarray(draw.random.normal(size=shape)))


def _sum(draw: Draw) -> None:
    x = draw.number()
    draw.add(draw.library.of.sum(x, axis=-1) if x.shape else x * 0.5)


def _plus(draw: Draw) -> None:
    x = draw.number()
    draw.add(x + draw.fitted(draw.pick(), x.shape))


def _times(draw: Draw) -> None:
    x = draw.number()
    draw.add(draw.library.of.tanh(x * draw.fitted(draw.pick(), x.shape)))


def _divide(draw: Draw) -> None:
    x, y = draw.number(), draw.number()
    draw.add(draw.fitted(x, y.shape) / (2 + y * y))


def _product(draw: Draw) -> None:
    x, y = draw.fitted(draw.pick(), (2, 3)), draw.number()
    draw.add(x @ draw.fitted(y, (3,)) if draw.random.random() < 0.5 else draw.fitted(y, (2,)) @ x)


def _index(draw: Draw) -> None:
    x, place = draw.pick(), draw.random.integers(3)
    if not x.shape or not x.shape[0]:
        draw.add(draw.floating(x) * 0.5)
    elif place == 0:
        draw.add(x[-1])
    elif place == 1:
        draw.add(x[::-1])
    else:
        draw.add(x[jnp.asarray([0, 0])])


def _where(draw: Draw) -> None:
    x, y, z = draw.number(), draw.pick(), draw.pick()
    draw.add(
        draw.library.of.where(
            draw.library.stop_gradient(x) > 0.1, draw.fitted(y, x.shape), draw.fitted(z, x.shape)
        )
    )


def _stop(draw: Draw) -> None:
    draw.add(draw.library.stop_gradient(draw.number()))


def _split(draw: Draw) -> None:
    of = draw.library.of
    pieces = of.split(draw.fitted(draw.pick(), (2, 3)), int(draw.random.choice([1, 3])), axis=1)
    draw.add(of.concatenate(pieces[::-1], axis=1))


def _checkpoint(draw: Draw) -> None:
    of = draw.library.of

    def function(x: Any, y: Any) -> dict[str, Any]:
        return {"z": of.sin(x) * of.mean(y), "unused": y + 1}

    draw.add(draw.library.checkpoint(function)(draw.number(), draw.number())["z"])


def _lift(draw: Draw) -> None:
    one = draw.random.random() < 0.5

    def function(x: Any, y: Any) -> tuple[Any, ...]:
        z = jnp.sin(x) * y.mean()
        return (z,) if one else (y + 1, jnp.arange(2), z)

    draw.add(draw.library.lift(function)(draw.number(), draw.number())[-1])


def _gradient(draw: Draw) -> None:
    of, x, y = draw.library.of, draw.number(), draw.number()
    draw.add(draw.library.grad(lambda u: of.sum(of.sin(u) * of.mean(y * y)))(x))


KINDS: dict[str, Callable[[Draw], None]] = {
    "tanh": _tanh,
    "sine": _sine,
    "negative": _negative,
    "constant": _constant,
    "sum": _sum,
    "plus": _plus,
    "times": _times,
    "divide": _divide,
    "product": _product,
    "index": _index,
    "where": _where,
    "stop": _stop,
    "split": _split,
    "checkpoint": _checkpoint,
    "lift": _lift,
    "gradient": _gradient,
    "loop": Draw.loop,
}
"""What a body is drawn from."""
