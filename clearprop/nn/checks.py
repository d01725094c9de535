"""Checks that several layers share: of their sizes, and of their inputs."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import jax.numpy as jnp
from jax.typing import DTypeLike

from clearprop import bounds, device_memory
from clearprop.errors import ShapeError, unknown_name
from clearprop.nn.fields import Array, Parameter


def positive_sizes(layer: str, **sizes: object) -> None:
    """Check that every size is a positive whole number.

    Raises:
        ConfigurationError: one is not.

    >>> positive_sizes("Linear", in_features=3)
    """
    for name, given in sizes.items():
        for size in given if isinstance(given, tuple) else (given,):
            bounds.whole(size, name, where=layer)


def one_of(layer: str | None, known: Collection[str], **choices: str) -> None:
    """Check that every choice is a known name.

    Raises:
        ConfigurationError: one is not.

    >>> one_of("GRUCell", ("after", "before"), reset="after")
    """
    for kind, name in choices.items():
        if name not in known:
            raise unknown_name(kind, name, known, layer)


def probability(layer: str, **rates: float) -> None:
    """Check that every rate is in [0, 1).

    Raises:
        ConfigurationError: one is not.

    >>> probability("Dropout", rate=0.5)
    """
    for name, rate in rates.items():
        bounds.decay(rate, name, layer)


def last_axis(x: Array, size: int, fix: str | None = None) -> None:
    """Check that the last axis of an input has the layer's number of features.

    Raises:
        ShapeError: it has another length, or x has no axis.
    """
    if not x.shape or x.shape[-1] != size:
        raise ShapeError(
            "the last axis of the input must have one entry for each input of the layer",
            given=f"input {tuple(x.shape)}",
            expected=f"(..., {size})",
            fix=fix,
        )


def sequences(
    x: Array, mask: Array | None, features: int | None = None, name: str = "input", least: int = 0
) -> None:
    """Check that x is a batch of sequences (B, T, D), and the mask bool (B, T) or None.

    Args:
        x: the sequences.
        mask: True for the steps that count.
        features: D; any number when None.
        name: of x, for the message.
        least: the smallest T.

    Raises:
        ShapeError: x or the mask has another shape, or the mask another dtype.
    """
    if len(x.shape) != 3 or features not in (None, x.shape[-1]) or x.shape[1] < least:
        steps = f"{least} or more steps" if least else "time"
        raise ShapeError(
            f"the {name} must be a batch of sequences",
            given=f"{name} {tuple(x.shape)}",
            expected=f"(batch, {steps}, {'features' if features is None else features})",
            fix="x[None] for one sequence" if len(x.shape) == 2 else None,
        )
    if mask is not None and (tuple(mask.shape) != tuple(x.shape[:2]) or mask.dtype != jnp.bool_):
        raise ShapeError(
            "the mask must say for every step of every sequence whether it counts",
            given=f"{mask.dtype} {tuple(mask.shape)}",
            expected=f"bool {tuple(x.shape[:2])}",
        )


def room_for_values(
    layer: str, parameters: Mapping[str, Array | Parameter], dtype: DTypeLike | None = None
) -> None:
    """Check that the initial values of all parameters without values fit into the memory.

    Args:
        layer: the class of the module, for the message.
        parameters: of a module, by path.
        dtype: of the values; None for that of each parameter.

    Raises:
        ConfigurationError: they do not fit.
    """
    new = {path: w for path, w in parameters.items() if isinstance(w, Parameter)}
    entries = sum(w.size for w in new.values())
    sizes = [w.size * jnp.dtype(w.dtype if dtype is None else dtype).itemsize for w in new.values()]
    device_memory.make_room(
        "the initial values",
        sum(sizes),
        where=layer,
        given=lambda: f"{entries:,} parameters, most of them in {largest(new)}",
        fix=lambda limit: (
            "fewer units or layers: "
            f"about {rounded(entries * limit // sum(sizes)):,} parameters fit"
        ),
    )


def largest(arrays: Mapping[str, Array | Parameter]) -> str:
    """Return the path and the shape of the largest of some arrays, for a message.

    >>> largest({"weight": jnp.zeros((3, 2)), "bias": jnp.zeros(2)})
    "'weight' (3, 2)"
    """
    path, one = max(arrays.items(), key=lambda item: math.prod(item[1].shape))
    return f"{path!r} {tuple(one.shape)}"


def rounded(count: int) -> int:
    """Return a number rounded down to two digits.

    >>> rounded(123_456), rounded(7)
    (120000, 7)
    """
    unit = int(10 ** max(0, len(str(count)) - 2))
    return count // unit * unit
