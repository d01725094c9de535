"""Random numbers and times that a module takes in ``__call__``: compiled, they never change.

JAX runs ``__call__`` once and keeps what it computes. A number that NumPy draws there, or the time,
becomes a constant of the compiled step. No error would say so.
"""

from __future__ import annotations

import ast
import datetime
import dis
import os
import random
import secrets
import time
import types
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from clearprop import user_code
from clearprop.errors import ModelError
from clearprop.user_code import UserCode

_UNKNOWN = object()
_CLOCKS = (time, secrets, uuid)
_SOURCES = (os.urandom, datetime.datetime.now, datetime.datetime.today, datetime.datetime.utcnow)


@dataclass(frozen=True)
class _Use:
    """A name in a function that means a source of random numbers or of the time.

    Attributes:
        function: that uses it.
        line: where.
        chain: the name as it is written, such as "np.random.randn".
        is_time: whether it is the time.
    """

    function: Callable[..., object]
    line: int
    chain: str
    is_time: bool


def check_draws(modules: Iterable[object]) -> None:
    """Raise where the ``__call__`` of a user's module takes random numbers that JAX would keep.

    Args:
        modules: of the model that is being compiled.

    Raises:
        ModelError: one does; the message has the line and the way to draw anew at each step.
    """
    for module in modules:
        call = type(module).__call__
        inner = getattr(call, "__wrapped__", call)
        for use in _uses(inner, module, set()):
            raise _error(module, use)


def _uses(function: Any, module: object, seen: set[int]) -> Iterator[_Use]:
    code = getattr(function, "__code__", None)
    if code is None or id(code) in seen or user_code.is_library(code):
        return
    seen.add(id(code))
    for chain, value, line in _chains(function, module):
        kind = _kind(value)
        if kind == "maker" and _has_seed(function, line, chain):
            continue  # the same numbers at each call are what a fixed seed is for
        if kind is not None:
            yield _Use(function, line, chain, kind == "time")
        inner = getattr(value, "__func__", value)
        if isinstance(inner, types.FunctionType):
            yield from _uses(getattr(inner, "__wrapped__", inner), module, seen)


def _kind(value: Any) -> str | None:
    """Return "draw", "time" or "maker" for a source of numbers; None for anything else."""
    owner = getattr(value, "__self__", None)
    if isinstance(owner, np.random.RandomState | np.random.Generator | random.Random):
        return "draw"
    if value is np.random.default_rng or value is random.Random or value is np.random.RandomState:
        return "maker"
    if not callable(value):
        return None
    home = getattr(value, "__module__", None)
    is_clock = any(home == clock.__name__ for clock in _CLOCKS) and value is not time.sleep
    return "time" if is_clock or any(value == source for source in _SOURCES) else None


def _chains(function: Any, module: object) -> Iterator[tuple[str, Any, int]]:
    """Yield each dotted name of a function with what it means now, and its line."""
    closure = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    first = function.__code__.co_varnames[:1]
    chain, value, line = "", _UNKNOWN, function.__code__.co_firstlineno
    for step in dis.get_instructions(function):
        place = step.positions.lineno if step.positions is not None else None
        line = place or line
        name = step.argval[-1] if isinstance(step.argval, tuple) else step.argval
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD") and value is not _UNKNOWN:
            chain, value = f"{chain}.{name}", _attribute(value, str(name))
        elif step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            chain, value = str(name), function.__globals__.get(name, _UNKNOWN)
        elif step.opname == "LOAD_DEREF" and name in closure:
            chain, value = str(name), _contents(closure[str(name)])
        elif step.opname.startswith("LOAD_FAST") and (name,) == first:
            chain, value = str(name), module
        elif step.opname not in ("PUSH_NULL", "PRECALL", "CACHE"):
            value = _UNKNOWN
        if value is not _UNKNOWN:
            yield chain, value, line


def _attribute(value: Any, name: str) -> Any:
    """Return an attribute without running code of the user's."""
    if isinstance(value, types.ModuleType):
        return vars(value).get(name, _UNKNOWN)
    if name in getattr(value, "__dict__", {}):
        return value.__dict__[name]
    found = getattr(type(value), name, _UNKNOWN)
    if isinstance(value, type):
        return getattr(value, name, _UNKNOWN)
    if isinstance(value, np.random.RandomState | np.random.Generator | random.Random):
        return getattr(value, name, _UNKNOWN)
    return found if isinstance(found, types.FunctionType) else _UNKNOWN


def _contents(cell: types.CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # a name that has no value yet
        return _UNKNOWN


def _has_seed(function: Any, line: int, chain: str) -> bool:
    place = user_code.at_line(function.__code__.co_filename, line, function.__globals__)
    call = _call(place, chain)
    return call is not None and bool(call.args or call.keywords)


def _call(place: UserCode, chain: str) -> ast.Call | None:
    for node in ast.walk(place.statement) if place.statement is not None else ():
        if isinstance(node, ast.Call) and ast.unparse(node.func) == chain:
            return node
    return None


def _error(module: object, use: _Use) -> ModelError:
    names = use.function.__globals__
    place = user_code.at_line(use.function.__code__.co_filename, use.line, names)
    what = "the time" if use.is_time else "random numbers"
    mend = None if use.is_time else _mend(place, use.chain)
    fix = (
        "give the number to the model as an input"
        if use.is_time
        else "a layer of its own, such as self.dropout = nn.Dropout(0.5) in __init__ and "
        "x = self.dropout(x) here; or jax.random.uniform(nn.current().key_for(self), x.shape) "
        "inside `if nn.current().training:`"
    )
    needs = "" if place.name_of("jax") or mend is None else "; import jax at the beginning"
    return ModelError(
        f"{use.chain} takes {what} in __call__: compiled, it would run once, and every step would "
        "get the same",
        where=type(module).__name__,
        given=place.text(place.statement) if place.statement is not None and mend else use.chain,
        expected=None if use.is_time else f"numbers drawn anew at each step of training{needs}",
        fix=mend or fix,
        line=str(place),
    )


def _mend(place: UserCode, chain: str) -> str | None:
    """Return the statement with numbers of JAX, drawn in training only; None where it is open."""
    call, statement = _call(place, chain), place.statement
    if call is None or statement is None:
        return None
    package = place.name_of("clearprop")
    nn = place.name_of("clearprop.nn") or (f"{package}.nn" if package else "nn")
    drawn = _drawn(place, call, nn, chain.rpartition(".")[2])
    if drawn is None:
        return None
    text, old = place.text(statement), place.text(call)
    if isinstance(statement, ast.AugAssign) or _updates(statement):
        return f"if {nn}.current().training: {text.replace(old, drawn, 1)}"
    if chain.rpartition(".")[2] in ("randn", "normal", "standard_normal"):
        conditional = f"({drawn} if {nn}.current().training else 0.0)"
        return text.replace(old, conditional, 1)
    return None


def _updates(statement: ast.stmt) -> bool:
    """Return whether a statement gives a name a new value that depends on the old one."""
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Name):
        return False
    name = statement.targets[0].id
    used = [node.id for node in ast.walk(statement.value) if isinstance(node, ast.Name)]
    return name in used


def _drawn(place: UserCode, call: ast.Call, nn: str, function: str) -> str | None:
    """Return the numbers of a call of NumPy as an expression of JAX."""
    jax = place.name_of("jax") or "jax"
    key = f"{nn}.current().key_for(self)"
    arguments = [place.text(argument) for argument in call.args]
    named = {word.arg: place.text(word.value) for word in call.keywords}
    match function:
        case "randn" | "rand":
            kind = "normal" if function == "randn" else "uniform"
            starred = len(call.args) == 1 and isinstance(call.args[0], ast.Starred)
            shape = arguments[0][1:] if starred else f"({''.join(f'{a}, ' for a in arguments)})"
            return f"{jax}.random.{kind}({key}, {shape.replace(', )', ',)')})"
        case "standard_normal" | "random" | "random_sample":
            kind = "normal" if function == "standard_normal" else "uniform"
            shape = [*arguments, named.get("size", "()")][0]
            return f"{jax}.random.{kind}({key}, {shape})"
        case "normal":
            loc, scale, size = (
                arguments[i] if i < len(arguments) else named.get(name, default)
                for i, (name, default) in enumerate(
                    (("loc", "0.0"), ("scale", "1.0"), ("size", "()"))
                )
            )
            drawn = f"{jax}.random.normal({key}, {size})"
            scaled = drawn if scale in ("1", "1.0") else f"{scale} * {drawn}"
            return scaled if loc in ("0", "0.0") else f"({loc} + {scaled})"
    return None
