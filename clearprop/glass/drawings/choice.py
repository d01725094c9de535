"""Choosing what is drawn: a layer by its path, one of its units, the examples.

Shape letters: N examples.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence
from typing import TypeAlias, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike, NDArray

from clearprop import nn
from clearprop.autodiff.tape import Traced
from clearprop.errors import ConfigurationError, ModelError, ShapeError, kind_of
from clearprop.glass.colors import stretched

Examples: TypeAlias = ArrayLike | Mapping[str, ArrayLike]
"""Inputs of a model with the examples in front, (N, ...), or several such inputs by name."""

Batch: TypeAlias = jax.Array | dict[str, jax.Array]
"""`Examples` on the device."""

Kind = TypeVar("Kind", bound=nn.Module)

Unit = int | tuple[int, ...]
"""A unit of a layer: all its indices in the output of one example, or the last one alone."""


def chosen(
    model: nn.Module, layer: str | None, kinds: tuple[type[Kind], ...], what: str
) -> tuple[str, Kind]:
    """Return the path and the layer that were asked for, or the first suitable layer.

    Args:
        model: with values.
        layer: a path; None takes the first.
        kinds: the classes of suitable layers.
        what: is drawn from them, for messages.

    Raises:
        ConfigurationError: there is no such layer; the nearest path is suggested.
        ModelError: the layer is of another kind, or the model has no suitable layer.

    >>> model = nn.Sequential([nn.Linear(4, 3), "relu", nn.Linear(3, 2)]).init(0)
    >>> chosen(model, None, (nn.Linear,), "weights")[0]
    'layers.0'
    """
    ready(model)
    fitting = {path: m for path, m in nn.modules(model).items() if isinstance(m, kinds)}
    names = ", ".join(kind.__name__ for kind in kinds)
    if layer is None and fitting:
        return next(iter(fitting.items()))
    found = model if layer is None else nn.layer_at(model, layer)
    if isinstance(found, kinds):
        return layer or "", found
    given = type(found).__name__
    raise ModelError(
        f"{what} are drawn of another kind of layer" if layer else f"there are no {what} here",
        where=layer,
        given=given if layer else f"a {given} without such a layer",
        expected=f"{', '.join(map(repr, fitting))}" if fitting else f"a layer of {names}",
    )


def ready(model: nn.Module) -> None:
    """Raise unless every parameter has values.

    Raises:
        ModelError: some have none.
    """
    if not nn.is_initialized(model):
        raise ModelError("the parameters have no values yet", fix="model = model.init(0)")


def passed(model: nn.Module, x: Examples | Traced, layer: str) -> jax.Array:
    """Return a layer's output in one pass in evaluation, boxed where the inputs are.

    Of several outputs it returns the first.

    Args:
        model: with values.
        x: examples as the model takes them.
        layer: its path, with ``#2`` for its second call in the pass; ``""`` is the model.

    Raises:
        ConfigurationError: there is no such layer; the nearest path is suggested.
        ModelError: the layer is not called so often, or gives no array.
    """
    wanted, _, number = layer.partition("#")
    nn.layer_at(model, wanted)
    call = int(number) if number.isdigit() else 1
    found: list[object] = []

    def listen(path: str, module: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        if path == wanted:
            found.append(output)

    nn.apply(model, x, hook=listen)
    given = found[call - 1] if 1 <= call <= len(found) else None
    # A recurrent layer may give its last state too.
    output = given[0] if isinstance(given, tuple) and given else given
    if not isinstance(output, jax.Array | Traced):
        raise ModelError(
            "the layer gives no array here",
            where=layer,
            given=f"{len(found)} calls of it in a pass" if given is None else kind_of(given),
            fix="take the layer that holds it, or a layer inside it",
        )
    return cast(jax.Array, output)


outputs_of = functools.partial(jax.jit, static_argnums=2)(passed)
"""`passed`, compiled."""


def output_shape(model: nn.Module, x: Examples, layer: str) -> tuple[int, ...]:
    """Return the shape of a layer's output for one of some examples, without computing it."""
    output: jax.Array = jax.eval_shape(lambda m, a: passed(m, a, layer), model, x)
    return output.shape[1:]


def examples_of(x: Examples, what: str) -> Batch:
    """Return inputs as arrays for a model.

    Raises:
        ShapeError: there is no example.
    """
    arrays: Batch = jax.tree.map(jnp.asarray, x)
    leaves = jax.tree.leaves(arrays)
    if not leaves or any(leaf.ndim == 0 or not len(leaf) for leaf in leaves):
        raise ShapeError(
            f"{what} need at least one example",
            given=", ".join(str(tuple(leaf.shape)) for leaf in leaves) or "nothing",
            expected="(N, ...), the examples in front",
            fix="x[None] makes a batch of one example",
        )
    return arrays


def one_example(x: Examples, example: int, what: str) -> Batch:
    """Return one of the examples as a batch of one.

    Raises:
        ConfigurationError: there is no such example.
        ShapeError: there are none at all.
    """
    arrays = examples_of(x, what)
    count = len(jax.tree.leaves(arrays)[0])
    if not -count <= example < count:
        raise ConfigurationError(
            "there is no such example",
            given=f"example={example}",
            expected=f"0 to {count - 1}",
        )
    row = example % count
    one: Batch = jax.tree.map(lambda a: a[row : row + 1], arrays)
    return one


def place_of(unit: Unit, shape: Sequence[int], layer: str) -> tuple[int, ...]:
    """Return all indices of a unit in one example's output.

    A single number is the last index, and the other indices are the middle of their axes: of a
    channel of feature maps the middle unit is taken.

    Raises:
        ConfigurationError: there is no such unit.

    >>> place_of(3, (5, 5, 16), "conv2"), place_of((0, 4, 3), (5, 5, 16), "conv2")
    ((2, 2, 3), (0, 4, 3))
    """
    try:
        indices = tuple(operator.index(i) for i in (unit if isinstance(unit, tuple) else (unit,)))
    except TypeError:
        indices = ()
    middle = tuple(size // 2 for size in shape[:-1])
    whole = (*middle, *indices) if len(indices) == 1 else indices
    if len(whole) != len(shape) or any(
        not 0 <= i < size for i, size in zip(whole, shape, strict=False)
    ):
        last = f"0 to {shape[-1] - 1}" if shape else "no unit at all"
        raise ConfigurationError(
            "the layer has no such unit",
            where=layer,
            given=f"unit={unit!r}",
            expected=last
            if len(shape) < 2
            else f"{last}, or all indices into ({', '.join(map(str, shape))})",
        )
    return whole


def pixels_of(x: ArrayLike) -> NDArray[np.float64]:
    """Return one input as an image: (height, width), or (height, width, 3) from 0 to 1.

    Rows of numbers become one row of pixels, sequences of vectors a row for each feature.
    """
    values = np.asarray(x, np.float64)
    if values.ndim == 3 and values.shape[2] == 3:
        return stretched(values)
    return values.mean(axis=2) if values.ndim == 3 else flat(values)


def flat(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers of one input as an image (height, width), the sum over its channels.

    >>> flat(np.ones((4, 5, 3))).shape, flat(np.ones((7, 2))).shape, flat(np.ones(6)).shape
    ((4, 5), (2, 7), (1, 6))
    """
    if values.ndim == 3:
        return np.asarray(values.sum(axis=2))
    return values.T if values.ndim == 2 else values.reshape(1, -1)
