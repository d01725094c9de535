"""Over which axes of a mesh of devices the parameters of a model may be divided.

A layer says it of its own parameters and of those below it, in `Module.parameter_sharding`:
pattern -> one entry for each axis of the array, the name of an axis of the mesh or None; an
Ellipsis stands for as many None as are missing. What an outer layer says of a parameter counts
more than what the layer itself says: so attention divides the products of its queries by their
outputs, and the product after them by its inputs, and only what comes out at the end has to be
summed.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from types import EllipsisType

from clearprop import tree
from clearprop.errors import ConfigurationError
from clearprop.nn.fields import Sharding
from clearprop.nn.module import Module, modules, parameters

Axis = str | None
"""The name of an axis of the mesh; None where the array is not divided."""


def shardings(model: Module) -> dict[str, tuple[Axis, ...]]:
    """Return what divides each parameter, by path, as the layers of a model say.

    >>> from clearprop import nn
    >>> shardings(nn.Sequential(nn.Linear(2, 8), "relu"))
    {'layers.0.weight': (None, 'model'), 'layers.0.bias': ('model',)}
    """
    arrays = parameters(model)
    found: dict[str, tuple[Axis, ...]] = {}
    for at, layer in modules(model).items():  # from the outside to the inside
        for pattern, axes in type(layer).parameter_sharding.items():
            whole = f"{at}.{pattern}" if at else pattern
            for path, array in arrays.items():
                rank = len(array.shape)
                # Layers that are stacked for a loop have one axis more than they know of.
                if path not in found and fnmatch.fnmatchcase(path, whole) and _fits(axes, rank):
                    found[path] = filled(axes, rank, path)
    return {path: found.get(path, (None,) * len(x.shape)) for path, x in arrays.items()}


def given_shardings(
    given: Mapping[str, Sharding], shapes: Mapping[str, Sequence[int]]
) -> dict[str, tuple[Axis, ...]]:
    """Return what divides the parameters that patterns name.

    Args:
        given: pattern -> axes; a later pattern counts more.
        shapes: of every parameter, by path.

    Raises:
        ConfigurationError: a pattern matches nothing, or has more axes than the array.
    """
    if not isinstance(given, Mapping):
        raise ConfigurationError(
            "a sharding is said by patterns of parameters",
            where="sharding",
            given=repr(given)[:80],
            expected='a dict such as {"output.weight": (None, "model")}',
        )
    found = {}
    for pattern, axes in given.items():
        for path in tree.match(shapes, [pattern]):
            found[path] = filled(axes, len(shapes[path]), path)
    return found


def _fits(axes: Sharding, rank: int) -> bool:
    return len(axes) == rank or (Ellipsis in axes and len(axes) <= rank + 1)


def filled(axes: Sharding, rank: int, path: str) -> tuple[Axis, ...]:
    """Return one entry for each axis of an array.

    Raises:
        ConfigurationError: there are more entries than axes, or fewer and no Ellipsis.
    """
    is_sequence = isinstance(axes, Sequence) and not isinstance(axes, str)
    entries = list(axes) if is_sequence else []
    if Ellipsis in entries:
        place = entries.index(Ellipsis)
        missing = rank - len(entries) + 1
        entries[place : place + 1] = [None] * max(missing, 0)
    known = all(entry is None or isinstance(entry, str) for entry in entries)
    if not is_sequence or len(entries) != rank or not known:
        raise ConfigurationError(
            "a sharding has one entry for each axis of the array",
            where=path,
            given=f"{axes!r} for {rank} axes",
            expected='the names of axes of the mesh or None, such as (None, "model")',
            fix='(..., "model") divides the last axis of any array',
        )
    return tuple(entry for entry in entries if not isinstance(entry, EllipsisType))
