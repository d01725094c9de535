"""`Module`: a layer or model as a frozen tree of arrays, layers and configuration.

A module's fields are of three kinds. Plain fields hold arrays (parameters), other modules, or
tuples and dicts of them. `statistic` fields hold arrays that training updates but does not learn.
`static` fields hold configuration: sizes, flags, functions. A new layer has `Parameter` entries,
which say what each array will be; `Module.init` makes them arrays.
"""

from __future__ import annotations

import dataclasses
import functools
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Self, dataclass_transform

import jax
import jax.numpy as jnp

from clearprop import tree
from clearprop.errors import ModelError
from clearprop.nn import call

Array = jax.Array
Initializer = Callable[[Array, tuple[int, ...], Any], Array]
"""(key, shape, dtype) -> the first values of a parameter."""


@dataclass(frozen=True)
class Parameter:
    """What an array of a layer will be, before `Module.init` makes it.

    Attributes:
        shape: sizes along each axis.
        initializer: makes the first values.
        dtype: of the entries.
    """

    shape: tuple[int, ...]
    initializer: Initializer
    dtype: Any = jnp.float32

    @property
    def size(self) -> int:
        """Number of entries."""
        return int(functools.reduce(lambda a, b: a * b, self.shape, 1))


def static(**options: Any) -> Any:
    """Declare a field as configuration: no array, the same for the life of the module."""
    return dataclasses.field(metadata={"role": "static"}, **options)


def statistic(**options: Any) -> Any:
    """Declare a field as a statistic: an array that training updates but does not learn."""
    return dataclasses.field(metadata={"role": "statistic"}, **options)


def role_of(field: dataclasses.Field[Any]) -> str:
    """Return what a field holds: "parameter" (arrays and modules), "statistic" or "static"."""
    return field.metadata.get("role", "parameter")  # type: ignore[no-any-return]


class _Freeze(type):
    """Makes instances refuse assignment once their ``__init__`` has ended."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        module = super().__call__(*args, **kwargs)
        _check_declared(module)
        object.__setattr__(module, "_frozen", True)
        return module


def _check_declared(module: Any) -> None:
    """Raise where ``__init__`` sets what is no field: it would be lost with the first copy."""
    known = {field.name for field in dataclasses.fields(module)}
    strange = [name for name in vars(module) if name not in known]
    if strange:
        kind, name = type(module).__name__, strange[0]
        raise ModelError(
            f"{kind} sets {name!r}, which it does not declare as a field",
            given=", ".join(strange),
            expected=", ".join(sorted(known)) or "fields declared in the class, as in a dataclass",
            fix=f"class {kind}(nn.Module):  {name}: {_kind_of(vars(module)[name])}",
        )


def _kind_of(value: Any) -> str:
    kind = type(value).__name__
    if isinstance(value, Module):
        return f"nn.{kind}"
    return "nn.Parameter" if isinstance(value, Parameter) else f"{kind} = nn.static()"


@dataclass_transform(field_specifiers=(static, statistic))
@dataclass(init=False, eq=False, repr=False)
class Module(metaclass=_Freeze):
    """Base of every layer and model: a frozen JAX tree that knows its layers by path.

    Subclasses declare their fields and define ``__call__``:

    >>> from clearprop import nn, ops
    >>> class TwoLayers(nn.Module):
    ...     hidden: nn.Linear
    ...     output: nn.Linear
    ...     def __call__(self, x):
    ...         return self.output(ops.tanh(self.hidden(x)))
    >>> model = TwoLayers(nn.Linear(2, 8), nn.Linear(8, 1)).init(0)
    >>> sorted(nn.parameters(model))
    ['hidden.bias', 'hidden.weight', 'output.bias', 'output.weight']
    """

    classes: ClassVar[dict[str, type[Module]]] = {}
    """Every module class by the name under which saved models refer to it."""

    def __init_subclass__(cls, *, init: bool = True) -> None:
        """Make the class a dataclass and a JAX tree; ``init=False`` inherits ``__init__``."""
        super().__init_subclass__()
        dataclass(init=init and "__init__" not in vars(cls), eq=False, repr=False)(cls)
        if "__call__" in cls.__dict__:
            cls.__call__ = call.named(cls.__call__)  # type: ignore[method-assign]
        Module.classes[class_name(cls)] = cls
        jax.tree_util.register_pytree_with_keys(
            cls, _flatten_with_keys, functools.partial(_unflatten, cls), _flatten
        )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output; every layer and model defines it."""
        raise ModelError(f"{type(self).__name__} does not say what it computes: define __call__")

    def __setattr__(self, name: str, value: Any) -> None:
        if "_frozen" in self.__dict__:
            raise ModelError(
                "a module cannot be changed in place",
                given=f"assignment to {name!r} of {type(self).__name__}",
                fix="make a changed copy: tree.replace(model, {path: array}) for arrays, "
                "model.replace(field=...) for fields",
            )
        object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        >>> from clearprop import nn
        >>> nn.Dropout(0.5).replace(rate=0.1)
        Dropout(rate=0.1)
        """
        copy: Self = rebuild(type(self), {**_values(self), **changes})
        return copy

    def init(self, seed: int | Array = 0, *, dtype: Any = None) -> Self:
        """Return the model with every parameter that has no values yet made by its initializer.

        The random key of a parameter comes from the seed and from the parameter's path, so a layer
        keeps its first values when layers before it come or go.

        Args:
            seed: a number or a JAX random key.
            dtype: of the parameters; None keeps what each layer asks for.

        Raises:
            ModelError: a layer with parameters stands at two places; it would become two layers.
        """
        key = jax.random.key(seed) if isinstance(seed, int) else seed
        _check_places(self)

        def make(path: Any, leaf: Any) -> Any:
            if not isinstance(leaf, Parameter):
                return leaf
            own = jax.random.fold_in(key, zlib.crc32(tree.path_name(path).encode()))
            return leaf.initializer(own, leaf.shape, leaf.dtype if dtype is None else dtype)

        made: Self = _settle(self, jax.tree_util.tree_map_with_path(make, self))
        return made

    def after_init(self) -> Self:
        """Return the module as it is to begin with, once `init` has made its arrays.

        For layers of which one array's first values follow from another's; most do nothing.
        """
        return self

    def __repr__(self) -> str:
        parts = [
            f"{name}={_brief(value)}" for name, value in _values(self).items() if value is not None
        ]
        flat = f"{type(self).__name__}({', '.join(parts)})"
        if len(flat) <= 88 and "\n" not in flat:
            return flat
        body = ",\n".join(parts).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {body},\n)"


def class_name(cls: type[Module]) -> str:
    """Return the name under which saved models refer to a class."""
    own = cls.__module__.startswith("clearprop.")
    return cls.__name__ if own else f"{cls.__module__}.{cls.__qualname__}"


def parameters(model: Module) -> dict[str, Any]:
    """Return the learned arrays of a model by path: floating-point leaves that are no statistics.

    >>> from clearprop import nn
    >>> {path: w.shape for path, w in parameters(nn.Linear(3, 2).init(0)).items()}
    {'weight': (3, 2), 'bias': (2,)}
    """
    return {
        path: leaf for path, leaf, role in _leaves(model) if role == "parameter" and _learns(leaf)
    }


def statistics(model: Module) -> dict[str, Any]:
    """Return the arrays that training updates without learning them, by path."""
    return {path: leaf for path, leaf, role in _leaves(model) if role == "statistic"}


def is_initialized(model: Module) -> bool:
    """Say whether every parameter of the model has values."""
    return not any(isinstance(leaf, Parameter) for leaf in jax.tree.leaves(model))


def modules(model: Module) -> dict[str, Module]:
    """Return the model (path ``""``) and all layers in it by path, outer before inner."""
    found: dict[str, Module] = {}

    def visit(path: str, value: Any) -> None:
        if isinstance(value, Module):
            found[path] = value
        for name, child in _children(value):
            visit(f"{path}.{name}" if path else name, child)

    visit("", model)
    return found


def _learns(leaf: Any) -> bool:
    return isinstance(leaf, Parameter) or tree.is_differentiable(leaf) or hasattr(leaf, "tape")


def _leaves(value: Any, path: str = "", role: str = "parameter") -> Iterator[tuple[str, Any, str]]:
    if isinstance(value, Module):
        roles = {field.name: role_of(field) for field in dataclasses.fields(value)}
    elif isinstance(value, tuple | list | dict):
        roles = {}
    else:
        if value is not None:
            yield path, value, role
        return
    for name, child in _children(value):
        of_child = role if role == "statistic" else roles.get(name, role)
        yield from _leaves(child, f"{path}.{name}" if path else name, of_child)


def _children(value: Any) -> list[tuple[str, Any]]:
    if isinstance(value, Module):
        return [
            (field.name, getattr(value, field.name))
            for field in dataclasses.fields(value)
            if role_of(field) != "static"
        ]
    if isinstance(value, tuple | list):
        return [(str(i), child) for i, child in enumerate(value)]
    if isinstance(value, dict):
        return [(str(key), value[key]) for key in sorted(value)]
    return []


def _check_places(model: Module) -> None:
    seen: dict[int, str] = {}
    for path, module in modules(model).items():
        if id(module) in seen and parameters(module):
            raise ModelError(
                "one layer stands at two places, and would become two layers with weights of "
                "their own",
                where=path,
                given=f"the {type(module).__name__} that stands at {seen[id(module)]!r} too",
                fix="make a second layer; or, to share the weights, keep the layer in one field "
                "and call it twice",
            )
        seen[id(module)] = path


def _settle(before: Any, made: Any) -> Any:
    """Let every module that `init` has just made look at its own arrays, inner ones first."""
    if isinstance(made, Module):
        inner = {
            name: _settle(old, new)
            for (name, old), (_, new) in zip(_children(before), _children(made), strict=True)
        }
        settled = made.replace(**inner)
        return settled if is_initialized(before) else settled.after_init()
    if isinstance(made, tuple) and not hasattr(made, "_fields"):
        return tuple(_settle(old, new) for old, new in zip(before, made, strict=True))
    if isinstance(made, dict):
        return {name: _settle(before[name], made[name]) for name in made}
    return made


def _values(module: Module) -> dict[str, Any]:
    return {field.name: getattr(module, field.name) for field in dataclasses.fields(module)}


def rebuild(cls: type[Any], values: dict[str, Any]) -> Any:
    """Make a module from the values of its fields, without its ``__init__``."""
    module = object.__new__(cls)
    known = {field.name for field in dataclasses.fields(cls)}
    for name, value in values.items():
        if name not in known:
            raise TypeError(f"{cls.__name__} has no field {name!r}")
        object.__setattr__(module, name, value)
    object.__setattr__(module, "_frozen", True)
    return module


def _parted(module: Any) -> tuple[list[tuple[str, Any]], tuple[tuple[str, Any], ...]]:
    moving: list[tuple[str, Any]] = []
    fixed: list[tuple[str, Any]] = []
    for field in dataclasses.fields(module):
        pair = (field.name, getattr(module, field.name))
        (fixed if role_of(field) == "static" else moving).append(pair)
    return moving, tuple(fixed)


def _flatten_with_keys(module: Any) -> tuple[Any, Any]:
    moving, fixed = _parted(module)
    keyed = [(jax.tree_util.GetAttrKey(name), value) for name, value in moving]
    return keyed, (tuple(name for name, _ in moving), fixed)


def _flatten(module: Any) -> tuple[Any, Any]:
    moving, fixed = _parted(module)
    return [value for _, value in moving], (tuple(name for name, _ in moving), fixed)


def _unflatten(cls: type[Any], aux: Any, values: Any) -> Any:
    names, fixed = aux
    return rebuild(cls, {**dict(zip(names, values, strict=True)), **dict(fixed)})


def _brief(value: Any) -> str:
    if isinstance(value, Parameter):
        return f"<{'x'.join(map(str, value.shape)) or 'scalar'}, no values yet>"
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return f"<{'x'.join(map(str, value.shape)) or 'scalar'} {value.dtype}>"
    if isinstance(value, tuple) and any(isinstance(child, Module) for child in value):
        inner = "\n".join(f"  {child!r},".replace("\n", "\n  ") for child in value)
        return f"(\n{inner}\n)"
    return getattr(value, "name", None) or repr(value)
