"""The fields of a module: their roles, and how they become the leaves of a JAX tree.

A module's fields are of three kinds. Plain fields hold arrays (parameters), other modules, or
tuples and dicts of them. `statistic` fields hold arrays that training updates but does not learn.
`static` fields hold configuration: sizes, flags, functions. In a new layer `parameter` puts a
`Parameter` where an array will be; `Module.init` replaces it by the array.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, dataclass
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

Array = jax.Array
Shape = tuple[int, ...]
Size = int | tuple[int, ...]
"""One number for all axes, or one for each."""
Initializer = Callable[[Array, Shape, DTypeLike], Array]
"""(key, shape, dtype) -> the initial values of a parameter."""

T = TypeVar("T")


@dataclass(frozen=True)
class Parameter:
    """The description of an array that `Module.init` will make.

    Attributes:
        shape: sizes along each axis.
        initializer: makes the initial values.
        dtype: of the entries.
    """

    shape: Shape
    initializer: Initializer
    dtype: DTypeLike = jnp.float32

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)


def parameter(shape: Shape, initializer: Initializer, dtype: DTypeLike = jnp.float32) -> Array:
    """Declare an array of a new layer, for a field of the type Array.

    Until `Module.init` makes the array, the field holds a `Parameter`, which has its shape and
    dtype but no values.

    Args:
        shape: sizes along each axis.
        initializer: makes the initial values.
        dtype: of the entries.

    >>> from clearprop.nn.initializers import zeros
    >>> parameter((3, 2), zeros).shape
    (3, 2)
    """
    return cast(Array, Parameter(shape, initializer, dtype))


def static(*, default: object = MISSING, kw_only: bool = False) -> Any:
    """Declare a field as configuration: it holds no array and never changes.

    Args:
        default: the value of the argument when the module is made; MISSING where it must be given.
        kw_only: whether the argument is given by name only.
    """
    return dataclasses.field(default=default, kw_only=kw_only, metadata={"role": "static"})


def statistic() -> Any:
    """Declare a field as a statistic: an array that training updates but does not learn."""
    return dataclasses.field(metadata={"role": "statistic"})


def roles(owner: object) -> dict[str, str]:
    """Return the role of each field of a module or of a module class, by name.

    The roles are "parameter" (arrays and modules), "statistic" and "static".

    >>> from clearprop import nn
    >>> roles(nn.Dropout(0.5))
    {'rate': 'static'}
    """
    fields = dataclasses.fields(cast(Any, owner))
    return {field.name: field.metadata.get("role", "parameter") for field in fields}


def values(module: object) -> dict[str, object]:
    """Return the contents of the fields of a module, by name."""
    return {name: getattr(module, name) for name in roles(module)}


def rebuild(cls: type[T], contents: Mapping[str, object]) -> T:
    """Make a module from the contents of its fields, without its ``__init__``.

    Raises:
        TypeError: the class has no such field.
    """
    module = object.__new__(cls)
    known = roles(cls)
    for name, content in contents.items():
        if name not in known:
            raise TypeError(f"{cls.__name__} has no field {name!r}")
        object.__setattr__(module, name, content)
    object.__setattr__(module, "_frozen", True)
    return module


# What JAX keeps of a module beside its leaves: the names of their fields, and the static fields.
_Static = tuple[tuple[str, ...], tuple[tuple[str, object], ...]]


def register(cls: type[T]) -> None:
    """Make the class a JAX tree: its leaves are in the fields that are not static."""

    def flatten(module: T) -> tuple[list[object], _Static]:
        moving, fixed = _parted(module)
        return [content for _, content in moving], (tuple(name for name, _ in moving), fixed)

    def flatten_with_keys(module: T) -> tuple[list[tuple[object, object]], _Static]:
        moving, fixed = _parted(module)
        keyed = [(jax.tree_util.GetAttrKey(name), content) for name, content in moving]
        return keyed, (tuple(name for name, _ in moving), fixed)

    def unflatten(kept: _Static, contents: Iterable[object]) -> T:
        names, fixed = kept
        return rebuild(cls, {**dict(zip(names, contents, strict=True)), **dict(fixed)})

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)


def _parted(module: object) -> tuple[list[tuple[str, object]], tuple[tuple[str, object], ...]]:
    moving: list[tuple[str, object]] = []
    fixed: list[tuple[str, object]] = []
    for name, role in roles(module).items():
        (fixed if role == "static" else moving).append((name, getattr(module, name)))
    return moving, tuple(fixed)
