"""A model's architecture as plain data: written to JSON, read back without running any code.

Only classes that are already loaded are looked up by name. A file can cause no import, except that
of the modules of clearprop in a fixed table.
"""

from __future__ import annotations

import contextlib
import importlib
from typing import TypeAlias, TypeGuard, cast

import jax.numpy as jnp

from clearprop import ops
from clearprop.errors import CheckpointError, ModelError, nearest
from clearprop.nn.fields import ROLES, Parameter, inferred_roles, rebuild, roles, values
from clearprop.nn.initializers import zeros
from clearprop.nn.module import Module, class_name

Structure: TypeAlias = dict[str, "Structure"] | list["Structure"] | str | int | float | bool | None
"""A value that JSON can represent."""

LATER = dict.fromkeys(("OnnxLayer", "OnnxModel", "OnnxScope"), "clearprop.interop.onnx.imported")
"""Classes of clearprop in modules that a program may not have imported, with their modules."""


def to_structure(value: object) -> Structure:
    """Return the architecture of a model as JSON-compatible data; arrays are named by their shape.

    Raises:
        ModelError: a static field holds something that JSON cannot, such as a function that the
            user wrote.

    >>> from clearprop.nn.dropout import Dropout
    >>> to_structure(Dropout(0.5))
    {'class': 'Dropout', 'fields': {'rate': 0.5}}
    """
    if isinstance(value, Module):
        fields = {name: to_structure(content) for name, content in values(value).items()}
        inferred: dict[str, Structure] = dict(inferred_roles(value))
        described: dict[str, Structure] = {"class": class_name(type(value)), "fields": fields}
        return {**described, "roles": inferred} if inferred else described
    if isinstance(value, ops.Operation):
        return {"operation": value.name}
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return {"array": list(value.shape), "dtype": str(jnp.dtype(value.dtype))}
    if isinstance(value, tuple):
        return {"tuple": [to_structure(child) for child in value]}
    if isinstance(value, dict):
        return {"dict": {str(key): to_structure(child) for key, child in value.items()}}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ModelError(
        f"a model with {value!r} inside cannot be written as plain data",
        fix="use clearprop operations and layers, or keep numbers, strings and modules in fields",
    )


def from_structure(data: object, where: str = "structure") -> Module:
    """Return the model that `to_structure` described, with `Parameter` entries for its arrays.

    Raises:
        CheckpointError: a class or an operation is not known, or the data is damaged.
    """
    model = _read(data, where)
    if not isinstance(model, Module):
        raise CheckpointError("the architecture is not that of a model", where=where)
    return model


def _read(data: object, where: str) -> object:
    match data:
        case {"class": str(name), "fields": dict(fields)}:
            return _module(name, fields, cast("dict[str, object]", data).get("roles", {}), where)
        case {"operation": str(name)}:
            if name not in ops.OPERATIONS:
                raise CheckpointError(f"unknown operation {name!r}", where=where)
            return ops.OPERATIONS[name]
        case {"array": list(shape), "dtype": str(dtype)} if _is_shape(shape):
            with contextlib.suppress(TypeError):
                return Parameter(tuple(shape), zeros, jnp.dtype(dtype))
        case {"tuple": list(children)}:
            return tuple(_read(c, f"{where}.{i}") for i, c in enumerate(children))
        case {"dict": dict(children)}:
            return {key: _read(c, f"{where}.{key}") for key, c in children.items()}
        case None | bool() | int() | float() | str():
            return data
    raise CheckpointError("the architecture is damaged", where=where, given=repr(data)[:80])


def _is_shape(sizes: list[object]) -> TypeGuard[list[int]]:
    return all(type(size) is int and size >= 0 for size in sizes)


def _of_own_class(name: str) -> str:
    """Return how a class outside this package becomes known, by its module and its name."""
    module, _, own = name.rpartition(".")
    if module == "__main__":  # each program has another one
        return f"define class {own} in this program first, or load(path, like={own}(...))"
    return f"import {module} first"


def _module(name: str, fields: dict[str, object], inferred: object, where: str) -> Module:
    if name in LATER:
        importlib.import_module(LATER[name])
    cls = Module.classes.get(name)
    if cls is None:
        close = nearest(name, Module.classes)
        raise CheckpointError(
            f"the model has a layer of the class {name!r}, which is not loaded",
            where=where,
            fix=_of_own_class(name)
            if "." in name
            else f"the nearest known class is {close!r}; the file may come from a newer clearprop"
            if close
            else "the file may come from a newer clearprop",
        )
    if not isinstance(inferred, dict) or not set(inferred.values()) <= ROLES:
        raise CheckpointError("the architecture is damaged", where=where, given=repr(inferred)[:80])
    known = {**roles(cls), **inferred}
    if known.keys() != fields.keys():
        raise CheckpointError(
            f"the fields of {name} are not those of this version of clearprop",
            where=where,
            given=", ".join(sorted(fields)),
            expected=", ".join(sorted(known)),
        )
    contents = {key: _read(child, f"{where}.{key}") for key, child in fields.items()}
    for key, value in contents.items():
        if known[key] == "static" and isinstance(value, Parameter | Module):
            raise CheckpointError("a static field holds an array", where=f"{where}.{key}")
    return rebuild(cls, contents, inferred)
