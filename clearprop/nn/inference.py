"""What the fields of a new module are, from what its ``__init__`` has assigned to them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from typing import Any

import jax
import jax.numpy as jnp

from clearprop import user_code
from clearprop.errors import ModelError
from clearprop.nn.fields import Parameter, is_array, parts, roles


def infer_roles(module: object, base: type) -> None:
    """Decide the role of every field that ``__init__`` has set, and keep it with the module.

    Args:
        module: whose ``__init__`` has ended.
        base: the class of all modules.

    Raises:
        ModelError: a declared field has no value, or contents that its declaration excludes; a
            container holds parameters beside plain arrays; a value can change, such as a table.
    """
    declared, inferred = roles(type(module)), {}
    for name in declared:
        if name not in vars(module) and not hasattr(type(module), name):
            raise _unset(module, name)
    for name, value in list(vars(module).items()):
        role = declared.get(name)
        found = role_of(value, base)
        if found is None:
            raise _impossible(module, name, value, base)
        if role == "static":
            if found in ("parameter", "mixed", "constant") and value is not None:
                raise _hidden(module, name, found, value, base)
        elif role == "statistic":
            if isinstance(value, int | float) and not isinstance(value, bool):
                number = jnp.asarray(value, jnp.int32 if isinstance(value, int) else jnp.float32)
                object.__setattr__(module, name, number)
        elif role is None or found != "parameter":
            inferred[name] = found
    object.__setattr__(module, "_inferred", tuple(inferred.items()))


def role_of(value: object, base: type) -> str | None:
    """Return the role of a field with this content; None where it can have none."""
    trained = arrays = plain = False
    for part in parts(value):
        if isinstance(part, base | Parameter) or _stands_for_array(part):
            trained = True
        elif is_array(part):
            arrays = True
        else:
            plain = True
    if trained:
        return None if arrays else "mixed" if plain else "parameter"
    if arrays or value is None:
        return "constant" if arrays else "parameter"
    try:
        hash(value)
    except TypeError:
        return "mixed" if isinstance(value, tuple | dict) and _all_hashable(value) else None
    return "static"


def role_after(old: str | None, value: object, base: type) -> str | None:
    """Return the role of a field whose content is replaced; None where its declaration decides."""
    found = role_of(value, base)
    holds = any(isinstance(part, base | Parameter) for part in parts(value))
    return found if old == "static" or (old is not None and holds) else old


def check_defaults(cls: type) -> None:
    """Raise where a declared field has a default that all modules of the class would share.

    Raises:
        ModelError: a list, a dict, a set or an array stands in the class.
    """
    for name, annotation in inspect.get_annotations(cls).items():
        default = vars(cls).get(name)
        if isinstance(default, dataclasses.Field) or type(default).__hash__ is not None:
            continue
        if "ClassVar" in str(annotation):
            continue  # it is meant for all
        place = _line_in_class(cls, name)
        kind = annotation if isinstance(annotation, str) else annotation.__name__
        fix = f"def __init__(self):\n    self.{name} = {place[1] if place else '...'}"
        if isinstance(default, list):
            fix = f"{name}: {'tuple' if kind == 'list' else kind} = {tuple(default)!r}"
        raise ModelError(
            f"all modules of the class would share one {type(default).__name__}",
            where=f"{cls.__name__}.{name}",
            given=f"{name}: {kind} = {place[1] if place else '...'}",
            fix=fix,
            line=str(place[0]) if place else None,
        )


def _line_in_class(cls: type, name: str) -> tuple[user_code.UserCode, str] | None:
    """Return the place and the right side of an assignment to a field or to ``self.field``."""
    found = user_code.of_class(cls)
    for node in ast.walk(found[1]) if found is not None else ():
        if isinstance(node, ast.Assign | ast.AnnAssign) and found is not None:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if ast.unparse(target) == name:
                place = user_code.at_line(found[0].file, node.lineno, {})
                return place, place.text(node.value) if node.value is not None else ""
    return None


def _stands_for_array(part: object) -> bool:
    return isinstance(part, jax.core.Tracer | jax.ShapeDtypeStruct) or hasattr(part, "tape")


def _all_hashable(value: object) -> bool:
    return all(getattr(type(part), "__hash__", None) is not None for part in parts(value))


def _unset(module: object, name: str) -> ModelError:
    kind = type(module).__name__
    return ModelError(
        f"{kind} declares the field {name!r}, and its __init__ sets no value for it",
        expected=f"self.{name} = ... in __init__, or super().__init__(...) where a base class "
        "sets it",
        fix=f"self.{name} = None",
        line=_line_of_init(module),
    )


def _impossible(module: object, name: str, value: object, base: type) -> ModelError:
    kind = type(module).__name__
    if any(isinstance(part, base | Parameter) for part in parts(value)):
        return ModelError(
            "a list or dict holds parameters or layers beside plain arrays, so it is open what is "
            "trained",
            where=f"{kind}.{name}",
            expected="one field for what is trained, and one for the constants",
            fix="write nn.Parameter(array) for the arrays that are to be trained, and put the "
            "others into a field of their own",
            line=_line_of_init(module, name),
        )
    texts = hasattr(value, "dtype")  # an array of strings or of objects
    return ModelError(
        f"a module cannot keep a {type(value).__name__}, which can change",
        where=f"{kind}.{name}",
        expected="arrays of numbers, layers, strings, functions, or tuples and dicts of them",
        fix=f"self.{name} = tuple(values)"
        if texts
        else f"keep what the layer needs of it as an array: self.{name} = jnp.asarray(...)",
        line=_line_of_init(module, name),
    )


def _hidden(module: object, name: str, found: str, value: Any, base: type) -> ModelError:
    kind = type(module).__name__
    layers = any(isinstance(part, base) for part in parts(value))
    what = "layers" if layers else "a constant array" if found == "constant" else "a parameter"
    line = _line_in_class(type(module), name)
    declaration = line[0].source if line else f"{name}: object = nn.static()"
    return ModelError(
        f"the static field {name!r} holds {what}, which would not be part of the model",
        where=f"{kind}.{name}",
        given=declaration,
        expected="a field without a declaration, or one that is not static",
        fix=declaration.partition("=")[0].strip(),
        line=str(line[0]) if line else None,
    )


def _line_of_init(module: object, name: str | None = None) -> str | None:
    place = user_code.of_function(type(module).__init__)
    if place is None:
        return None
    found = None if name is None else _line_in_class(type(module), f"self.{name}")
    return str(found[0]) if found else str(place)


def check_instances(owner: object, name: str, value: object, base: type) -> None:
    """Raise where a class is assigned to a field that is not declared as configuration.

    Raises:
        ModelError: it is a class of modules.
    """
    for part in parts(value):
        is_class = isinstance(part, type) and issubclass(part, base)
        if is_class and roles(type(owner)).get(name) != "static":
            raise class_for_instance(part, f"{type(owner).__name__}.{name}")


def class_for_instance(cls: Any, where: str | None = None) -> ModelError:
    """Return the error about a class where a layer should be."""
    place = user_code.of_caller()
    source = (place.source if place else "") or f"nn.{cls.__name__}"
    return ModelError(
        "a class stands where a layer should be: it has to be called to make the layer",
        where=where,
        given=source,
        fix=called_classes(source, cls),
        line=str(place) if place else None,
    )


def called_classes(source: str, cls: type) -> str:
    """Return source in which a class is called, with its arguments where it needs some.

    >>> called_classes("self.act = nn.ReLU", type("ReLU", (), {}))
    'self.act = nn.ReLU()'
    """
    try:
        parameters = inspect.signature(cls).parameters.values()
    except ValueError:
        parameters = {}.values()
    needed = [
        parameter.name
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    return re.sub(rf"\b{cls.__name__}\b(?!\()", f"{cls.__name__}({', '.join(needed)})", source)
