"""The fields of a module: their roles, and how they become the leaves of a JAX tree.

A field needs no declaration: what ``__init__`` assigns says what it is. A `Parameter` is trained,
modules are layers, a plain array is a constant, all else is configuration. A declaration as
`statistic` is for arrays that training updates but does not learn; `static` is for configuration.
In a new layer `parameter` puts a `Parameter` where an array will be; `Module.init` replaces it by
the array.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, dataclass
from types import EllipsisType
from typing import Any, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike, DTypeLike

from clearprop import elsewhere
from clearprop.errors import ConfigurationError, nearest

Array = jax.Array
Shape = tuple[int, ...]
Size = int | tuple[int, ...]
"""One number for all axes, or one for each."""
Sharding = Sequence[str | EllipsisType | None]
"""What divides each axis of an array on a mesh of devices; see `nn.sharding`."""
Shardings = Mapping[str, Sharding]
"""Pattern of parameters -> what divides their axes."""
Initializer = Callable[[Array, Shape, DTypeLike], Array]
"""(key, shape, dtype) -> the initial values of a parameter."""

ROLES = frozenset({"parameter", "constant", "statistic", "static", "mixed"})
"""What a field can be; see `roles`."""

T = TypeVar("T")


@dataclass(frozen=True, init=False)
class Parameter:
    """An array that is trained, as `Module.init` will make it.

    In ``__init__``, ``self.scale = nn.Parameter(jnp.ones(3))`` gives the initial values, and
    ``self.scale = nn.Parameter((3,), nn.initializers.ones)`` the shape and what makes them.

    Attributes:
        shape: sizes along each axis, or an array of initial values.
        initializer: makes the initial values; None where ``shape`` is an array.
        dtype: of the entries.

    Raises:
        ConfigurationError: a shape comes without an initializer, or it cannot be called.

    >>> Parameter(np.ones((3, 2), np.float32)).shape
    (3, 2)
    """

    shape: Shape
    initializer: Initializer
    dtype: DTypeLike

    def __init__(
        self,
        shape: Shape | ArrayLike,
        initializer: Initializer | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        given: Any = shape
        made_by: Any = initializer
        if made_by is None and hasattr(given, "dtype"):
            made_by = _Assigned(given)
            if dtype is None and jnp.issubdtype(given.dtype, jnp.floating):
                dtype = jax.dtypes.canonicalize_dtype(given.dtype)
            given = tuple(given.shape)
        if isinstance(made_by, str):
            raise _named(made_by)
        if not callable(made_by):
            raise ConfigurationError(
                "a parameter needs its initial values, or a function that makes them",
                given=f"nn.Parameter({given!r}, {made_by!r})",
                fix=f"nn.Parameter({given!r}, nn.initializers.glorot_uniform)",
            )
        object.__setattr__(self, "shape", given)
        object.__setattr__(self, "initializer", made_by)
        object.__setattr__(self, "dtype", jnp.float32 if dtype is None else dtype)

    @property
    def size(self) -> int:
        """Number of entries."""
        return math.prod(self.shape)


def _named(initializer: str) -> ConfigurationError:
    """Return the error about an initializer that is given by a name, with the function."""
    known = elsewhere.INITIALIZERS
    close = nearest(initializer, known)
    functions = sorted(set(known.values()))
    return ConfigurationError(
        "an initializer is a function and no name",
        given=repr(initializer),
        expected=f"one of nn.initializers, such as {', '.join(functions)}",
        fix=f"nn.initializers.{known[close]}" if close else None,
    )


@dataclass(frozen=True, eq=False)
class _Assigned:
    """The initializer of a parameter whose initial values are given."""

    values: object

    def __call__(self, key: Array, shape: Shape, dtype: DTypeLike) -> Array:
        return jnp.array(self.values, dtype)


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
    """Return the role of each field of a module, or of the declared fields of a module class.

    The roles are "parameter" (trained arrays and modules), "constant" (arrays that are not
    trained), "statistic", "static", and "mixed" (a container of modules and configuration).

    >>> from clearprop import nn
    >>> roles(nn.Dropout(0.5))
    {'rate': 'static'}
    """
    fields = dataclasses.fields(cast(Any, owner))
    declared = {field.name: field.metadata.get("role", "parameter") for field in fields}
    return {**declared, **inferred_roles(owner)}


def inferred_roles(owner: object) -> Mapping[str, str]:
    """Return the roles that the contents of a module's fields decide, not their declarations."""
    found = () if isinstance(owner, type) else owner.__dict__.get("_inferred", ())
    return dict(found)


def values(module: object) -> dict[str, object]:
    """Return the contents of the fields of a module, by name."""
    return {name: getattr(module, name) for name in roles(module)}


def rebuild(
    cls: type[T], contents: Mapping[str, object], inferred: Mapping[str, str] | None = None
) -> T:
    """Make a module from the contents of its fields, without its ``__init__``.

    Args:
        cls: its class.
        contents: by field.
        inferred: the roles that `inferred_roles` returned for a module like it.

    Raises:
        TypeError: there is no such field.
    """
    module = object.__new__(cls)
    object.__setattr__(module, "_inferred", tuple((inferred or {}).items()))
    known = roles(module)
    for name, content in contents.items():
        if name not in known:
            raise TypeError(f"{cls.__name__} has no field {name!r}")
        object.__setattr__(module, name, content)
    object.__setattr__(module, "_frozen", True)
    return module


def is_array(value: object) -> bool:
    """Return whether a value is an array that holds numbers (or a value that stands for one)."""
    if isinstance(value, Parameter) or not hasattr(value, "shape"):
        return False
    dtype = getattr(value, "dtype", None)
    return dtype is not None and getattr(dtype, "kind", "f") not in "OSUMm"


def settled(value: object) -> object:
    """Return a value without parts that can change: tuples for lists, copies of dicts.

    >>> settled([1, [2, 3], {"a": [4]}])
    (1, (2, 3), {'a': (4,)})
    """
    if type(value) in (list, tuple):
        return tuple(map(settled, cast("tuple[object, ...]", value)))
    if type(value) is dict:
        return {key: settled(content) for key, content in value.items()}
    return frozenset(value) if type(value) is set else value


def parts(value: object) -> Iterable[object]:
    """Return what tuples, lists and dicts hold, at any depth; of other values, the value itself."""
    if isinstance(value, tuple | list):
        for child in value:
            yield from parts(child)
    elif isinstance(value, dict):
        for child in value.values():
            yield from parts(child)
    elif value is not None:
        yield value


def ordered_keys(content: Mapping[Any, object]) -> list[Any]:
    """Return the keys of a dict in the order of the leaves of a tree."""
    try:
        return sorted(content)
    except TypeError:  # numbers beside strings
        return sorted(content, key=str)


# What JAX keeps of a module beside its leaves: the names of their fields, the static fields, and
# the roles that contents decide.
_Pairs = tuple[tuple[str, object], ...]
_Static = tuple[tuple[str, ...], _Pairs, tuple[tuple[str, str], ...]]


def register(cls: type[T]) -> None:
    """Make the class a JAX tree: its leaves are in the fields that are not static."""

    def flatten(module: T) -> tuple[list[object], _Static]:
        moving, fixed = _parted(module)
        names = tuple(name for name, _ in moving)
        return [content for _, content in moving], (names, fixed, _inferred_pairs(module))

    def flatten_with_keys(module: T) -> tuple[list[tuple[object, object]], _Static]:
        moving, fixed = _parted(module)
        keyed = [(jax.tree_util.GetAttrKey(name), content) for name, content in moving]
        return keyed, (tuple(name for name, _ in moving), fixed, _inferred_pairs(module))

    def unflatten(kept: _Static, contents: Iterable[object]) -> T:
        names, fixed, inferred = kept
        moving = dict(zip(names, map(_unpacked, contents), strict=True))
        return rebuild(cls, {**moving, **dict(fixed)}, dict(inferred))

    jax.tree_util.register_pytree_with_keys(cls, flatten_with_keys, unflatten, flatten)


def _inferred_pairs(module: object) -> tuple[tuple[str, str], ...]:
    return tuple(module.__dict__.get("_inferred", ()))


def _parted(module: object) -> tuple[list[tuple[str, object]], tuple[tuple[str, object], ...]]:
    moving: list[tuple[str, object]] = []
    fixed: list[tuple[str, object]] = []
    for name, role in roles(module).items():
        content = getattr(module, name)
        if role == "static":
            fixed.append((name, content))
        else:
            moving.append((name, _packed(content, role in ("mixed", "constant"))))
    return moving, tuple(fixed)


class _Ordered(dict[Any, object]):
    """A dict of a module as JAX sees it: leaves in the order of the keys, entries in their own.

    JAX sorts the entries of a dict. A model that goes through the values of a dict would then
    apply its layers in another order after `Module.init`.
    """


def _in_order(order: tuple[Any, ...], contents: Iterable[object]) -> _Ordered:
    found = dict(zip(ordered_keys(dict.fromkeys(order)), contents, strict=True))
    return _Ordered((key, found[key]) for key in order)


jax.tree_util.register_pytree_with_keys(
    _Ordered,
    lambda d: ([(jax.tree_util.DictKey(k), d[k]) for k in ordered_keys(d)], tuple(d)),
    _in_order,
    lambda d: ([d[k] for k in ordered_keys(d)], tuple(d)),
)


@dataclass(frozen=True)
class _Fixed:
    """Configuration inside a container of layers, such as a name: JAX sees no leaf."""

    content: object


jax.tree_util.register_pytree_node(
    _Fixed, lambda fixed: ((), fixed.content), lambda content, _: _Fixed(content)
)


def _packed(content: object, mixed: bool) -> object:
    if type(content) is tuple:
        return tuple(_packed(child, mixed) for child in content)
    if type(content) is dict:
        return _Ordered((key, _packed(child, mixed)) for key, child in content.items())
    return _Fixed(content) if mixed and is_configuration(content) else content


def is_configuration(content: object) -> bool:
    """Return whether a value inside a container is neither an array nor a tree of them."""
    known = content is None or isinstance(content, Parameter) or is_array(content)
    return not known and jax.tree_util.all_leaves([content]) and not isinstance(content, np.generic)


def _unpacked(content: object) -> object:
    if type(content) is tuple:
        return tuple(map(_unpacked, content))
    if type(content) is _Ordered:
        return {key: _unpacked(child) for key, child in content.items()}
    return content.content if type(content) is _Fixed else content
